"""``gitsync init``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitsync.cli import completing
from gitsync.cli.options import argument, define, key_option, option
from gitsync.cli.text import shell_word
from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.founding import Founded


@frozen
class Options:
    """``members`` are NAME=FILE texts; ``name`` None: a name is taken from git's settings."""

    folder: str | None
    name: str | None
    preset: str
    witness: str | None
    witness_key: str | None
    remote: str | None
    path: str | None
    key: str | None
    members: tuple[str, ...]


def run(app: App, options: Options) -> None:
    """Found the ledger and say how to go on."""
    from gitsync.services.founding import InitOptions, init
    from gitsync.services.identity import default_name

    name = options.name or default_name(app.host)
    if name is None:
        raise UsageError("name.missing", "what is your name here?", hint="gitsync init --name YOU")
    found = init(
        app.host,
        InitOptions(
            name=name,
            folder=options.folder,
            preset=options.preset,
            witness=options.witness,
            witness_key=_file(app, options.witness_key),
            remote=options.remote,
            path=options.path,
            key=options.key,
            members=tuple(_member(app, text) for text in options.members),
        ),
    )
    if app.json:
        app.out.json(
            app.document(
                "init", ledger=found.anchor, position="common@1", name=found.name,
                witness=found.witness, fingerprint=found.fingerprint, folder=str(found.folder),
                remote=found.remote,
            )
        )  # fmt: skip
        return
    app.out.line(f"common@1 is signed by {found.name}; the ledger stands in {found.folder}")
    app.out.fields(
        [
            ("  ledger", found.anchor),
            ("  your key", found.fingerprint),
            ("  witness", found.witness + (" (you)" if found.witness == found.name else "")),
            ("  home", found.remote or "this repository"),
        ]
    )
    app.out.steps("Next:", _steps(found, found.kinds[0]))


def _steps(found: Founded, kind: str) -> list[tuple[str, str]]:
    steps = [(f'gitsync new {kind} "Title"', "then: gitsync propose")]
    if found.witness == found.name:
        steps.append(("gitsync witness run", "decides what was proposed"))
    if found.remote is not None:
        url = shell_word(found.remote)
        steps.append(
            (
                f"gitsync join {url} --name THEM --anchor {found.anchor}",
                "what others run, on their machines",
            )
        )
    return steps


def _file(app: App, text: str | None) -> Path | None:
    return None if text is None else app.host.cwd / Path(text).expanduser()


def _member(app: App, text: str) -> tuple[str, Path]:
    name, equals, file = text.partition("=")
    if not (name and equals and file):
        raise UsageError(
            "init.member", f"--member takes NAME=FILE.pub, not {text!r}",
            hint="--member james=james.pub",
        )  # fmt: skip
    return name, app.host.cwd / Path(file).expanduser()


command = define(
    "init",
    run,
    Options,
    help="""Found a ledger in this folder, or in DIR: sign and tag common@1.

    Works in an empty folder, in a repository with Markdown (left as it is), and with --path beside
    the code of a code repository, whose branches and signing stay untouched. Without --witness
    your own Ed25519 key is the witness.""",
    example="gitsync init plans --name alice --remote git@example.org:team/plans.git\n"
    "gitsync init --name alice --path plans/",
    params=(
        argument("folder", "[DIR]", optional=True, file=True),
        option("--name", metavar="NAME", help="Who you are here; git's user.name by default."),
        click.Option(
            ["--preset"], metavar="NAME", default="plans", show_default=True,
            help="Types and rules to begin with: plans, tasks, adr or eips.",
            shell_complete=completing.presets,
        ),
        option("--witness", metavar="NAME", help="Who numbers snapshots, if it is not you."),
        option(
            "--witness-key", metavar="FILE.pub", file=True,
            help="That witness's public Ed25519 key.",
        ),
        option("--remote", metavar="URL", help="The ledger's home, where everybody sends to."),
        option("--path", metavar="DIR", help="A new folder for the ledger beside code."),
        option(
            "--member", "members", metavar="NAME=FILE.pub", many=True,
            help="Somebody who is on the roster from the start.",
        ),
        key_option(),
    ),
)  # fmt: skip
