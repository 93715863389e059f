"""``gitsync pin``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli.options import argument, define, flag
from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App


@frozen
class Options:
    """``position`` None and not ``off``: only show the pin."""

    position: str | None = None
    off: bool = False


def run(app: App, options: Options) -> None:
    """Set, take off, or show the pin."""
    from gitsync.services.pulling import pin

    ws = app.ledger()
    if options.position is not None and options.off:
        raise UsageError("pin.both", "name a position or take the pin off, not both")
    if options.position is None and not options.off:
        held, newest = ws.repo.config("gitsync.pin"), f"{ws.space}@{ws.verified().number}"
    else:
        found = pin(ws, options.position)
        held = f"{found.space}@{found.number}" if found.number is not None else None
        newest = f"{found.space}@{found.newest}"
    if app.json:
        app.out.json(app.document("pin", pin=held, newest=newest))
    elif held is None:
        app.out.line(f"not pinned; the newest is {newest}")
        if options.off:
            app.out.line("gitsync pull brings your files there")
    else:
        app.out.line(f"pinned to {held}; the newest is {newest}")


command = define(
    "pin",
    run,
    Options,
    help="""Hold your files at a verified position, whatever pull brings; --off lets go.

    Without a position it says where the files are pinned.""",
    example="gitsync pin common@2\ngitsync pin --off",
    params=(
        argument("position", "[POSITION]", optional=True),
        flag("--off", help="Take the pin off."),
    ),
)
