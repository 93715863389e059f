"""``gitsync snapshot``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import words
from gitsync.cli.options import define, option
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App


@frozen
class Options:
    """``message`` None: one is made of what changed."""

    message: str | None = None


def run(app: App, options: Options) -> None:
    """Sign the files as they are."""
    from gitsync.services.people import snapshot

    found = snapshot(app.ledger(), options.message)
    if app.json:
        app.out.json(
            app.document(
                "snapshot", position=f"{found.domain}@{found.number}", commit=found.commit,
                paths=list(found.paths), new=found.new,
            )
        )  # fmt: skip
        return
    position = f"{found.domain}@{found.number}"
    if not found.new:
        app.out.line(f"nothing has changed since {position}")
        return
    app.out.line(f"{position}  {found.commit[:12]}")
    held = words.paths(found.paths) if found.paths else "what was committed already"
    app.out.wrapped(f"holds {held}", "    ", "  ")


command = define(
    "snapshot",
    run,
    Options,
    help="""Sign your files as they are as your next numbered snapshot, say alice@42.

    It stays here until gitsync push; nobody is asked to agree. Nothing changed, nothing done.""",
    example='gitsync snapshot -m "Draft of the rollout"',
    params=(option("-m", "--message", metavar="TEXT", help="What you did."),),
)
