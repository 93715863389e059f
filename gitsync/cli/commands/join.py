"""``gitsync join``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitsync.cli.options import argument, define, key_option, option
from gitsync.domain.frozen import frozen
from gitsync.domain.names import person_of

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.joining import Joined


@frozen
class Options:
    """See ``JoinOptions``."""

    url: str
    folder: str | None
    name: str
    anchor: str | None
    key: str | None
    authority: str | None
    path: str | None


def run(app: App, options: Options) -> None:
    """Join, and say which ledger was trusted and what comes next."""
    from gitsync.services.joining import JoinOptions, join

    found = join(
        app.host,
        JoinOptions(
            options.url, options.name, options.folder, options.anchor, options.key,
            options.authority, options.path,
        ),
    )  # fmt: skip
    if app.json:
        app.out.json(
            app.document(
                "join", name=found.name, folder=str(found.folder), ledger=found.anchor,
                trusted="given" if found.anchor_given else "first-use",
                position=f"common@{found.position}", fingerprint=found.fingerprint,
                admitted=found.admitted, requested=found.requested,
            )
        )  # fmt: skip
        return
    _words(app, found)


def _words(app: App, found: Joined) -> None:
    out = app.out
    out.line(f"{found.name} is set up in {found.folder}, verified up to common@{found.position}")
    trust = "as the invitation says" if found.anchor_given else "trusted on first use"
    out.fields([("  ledger", found.anchor), ("  trust", trust), ("  your key", found.fingerprint)])
    if not found.anchor_given:
        out.line()
        out.line("Compare the ledger with the founder's, who sees it with gitsync verify:")
        groups = [found.anchor[at : at + 4] for at in range(0, 40, 4)]
        out.line("  ", " ".join(groups))
    steps = []
    if found.admitted:
        steps.append(("gitsync status", "where you stand"))
    else:
        if found.stick is not None:
            out.line()
            said = "lies on the stick" if found.requested else "has still to be carried there"
            out.line(f"Your request to join {said}.")
        elif not found.requested:
            steps.append(("gitsync push", "send your request to join"))
        who = person_of(found.name) if "." in found.name else "a member"
        steps.append(
            (f"gitsync roster admit {found.name}", f"{who} runs this, after comparing your key")
        )
        again = f"gitsync bundle sync {found.stick}" if found.stick else "gitsync pull"
        steps.append((again, "once you are admitted"))
    out.steps("Next:", steps)


command = define(
    "join",
    run,
    Options,
    help="""Clone the ledger at URL into DIR and ask to be admitted as NAME.

    URL may also be a bundle, or a folder that holds a complete one: a stick.

    Everything is verified from the ledger's first snapshot on. Its id, the anchor, comes with your
    invitation (--anchor); without it the first answer is trusted, shown and stored. A name with a
    dot is a further clone or an agent of a person: james.desk, james.agent1.""",
    example="gitsync join git@example.org:team/plans.git --name james --anchor COMMIT\n"
    "gitsync join ../hub.git --name james.agent1 --authority ~/.ssh/id_ed25519",
    params=(
        argument("url", "URL", file=True),
        argument("folder", "[DIR]", optional=True, file=True),
        click.Option(["--name"], metavar="NAME", required=True, help="Who you are in this ledger."),
        option("--anchor", metavar="COMMIT", help="The id of common@1, from your invitation."),
        option(
            "--authority", metavar="KEY", file=True,
            help="The key of the person behind this clone.",
        ),
        option("--path", metavar="DIR", help="A new folder beside the code of this repository."),
        key_option(),
    ),
)  # fmt: skip
