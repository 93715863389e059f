"""``gitsync id``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gitsync.cli.group import Group
from gitsync.cli.options import argument, define, key_option, option
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.cli.output import Piece
    from gitsync.services.identity import Identity


@frozen
class Options:
    """``action`` is new, show or use; ``key`` a path or a public key, ``comment`` for a new one."""

    action: str
    key: str | None = None
    comment: str | None = None


def run(app: App, options: Options) -> None:
    """Do it, and show the key that came of it."""
    from gitsync.services import identity

    if options.action == "new":
        found = identity.new(app.host, options.key, options.comment)
    elif options.action == "use":
        found = identity.use(app.host, options.key or "")
    else:
        found = identity.show(app.host, options.key)
    if app.json:
        app.out.json(
            app.document(
                "id", fingerprint=found.key.fingerprint, kind=found.key.kind, source=found.source,
                path=str(found.path) if found.path else None, encrypted=found.encrypted,
                public=found.public_line, domain=found.domain,
                names=None if found.names is None else list(found.names),
            )
        )  # fmt: skip
        return
    _words(app, found, options.action)


def _words(app: App, found: Identity, action: str) -> None:
    rows: list[tuple[str, Piece]] = [
        ("key", f"{found.key.fingerprint} ({found.key.kind})"),
        ("file", str(found.path) if found.path else "in an agent, or given as text"),
    ]
    if action != "new":
        rows.append(("chosen by", found.source))
    if found.encrypted:
        rows.append(("passphrase", "yes, asked for when signing"))
    if found.names is not None:
        rows.append(("on roster as", ", ".join(found.names) or "nobody yet"))
    app.out.fields(rows)
    app.out.line(found.public_line)
    if action == "new":
        app.out.steps(
            "Next:",
            [
                ("gitsync init --name YOU", "found a ledger with it"),
                ("gitsync join URL DIR --name YOU", "or join one"),
                (f"ssh-keygen -p -f {found.path}", "give it a passphrase"),
            ],
        )  # fmt: skip
    elif found.names == () and found.domain is not None:
        file = (
            found.path
            if found.path and found.path.suffix == ".pub"
            else f"{found.path or 'KEY'}.pub"
        )
        app.out.steps(
            "Next:",
            [(f"gitsync roster add {found.domain} {file}", "propose this key; a member's work")],
        )


command = Group(
    "id",
    help="The SSH key that you sign with.",
    example="gitsync id show\ngitsync id new ~/.ssh/plans_ed25519",
)
command.add_command(
    define(
        "new",
        run,
        partial(Options, "new"),
        help="Make an Ed25519 key at PATH, ~/.ssh/id_ed25519 by default. Never overwrites one.",
        example="gitsync id new\ngitsync id new ~/.ssh/agent1 --comment james.agent1",
        params=(
            argument("key", "[PATH]", optional=True, file=True),
            option("--comment", metavar="TEXT", help="A word to recognise the key by."),
        ),
    )
)
command.add_command(
    define(
        "show",
        run,
        partial(Options, "show"),
        help="Show which key signs here, what chose it, and whom the roster knows it as.",
        example="gitsync id show\ngitsync id show --key ~/.ssh/other --json",
        params=(key_option(),),
    )
)
command.add_command(
    define(
        "use",
        run,
        partial(Options, "use"),
        help="""Sign with KEY in this clone from now on.

        KEY is a file, or a public key whose private half is in your agent. Git's own signing
        settings follow, so plain git commit signs with it too.""",
        example="gitsync id use ~/.ssh/plans_ed25519",
        params=(argument("key", "KEY", file=True),),
    )
)
