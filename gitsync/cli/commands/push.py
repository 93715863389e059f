"""``gitsync push``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitsync.cli.options import define
from gitsync.cli.output import Styled

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.sending import Pushed


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""


def run(app: App, _options: Options) -> int:
    """Send everything of one's own; 1 if the remote would not take something."""
    from gitsync.services.sending import push

    found = push(app.ledger())
    if app.json:
        app.out.json(app.document("push", **fields(found)))
    else:
        lines(app, found)
    return 1 if found.refused else 0


def fields(found: Pushed) -> dict[str, Any]:
    """The push inside a document."""
    refused = [{"ref": ref, "why": why} for ref, why in found.refused]
    return {"remote": found.remote, "sent": list(found.sent), "refused": refused}


def lines(app: App, found: Pushed) -> None:
    """The push in words."""
    if found.remote is None:
        app.out.line("nothing to send: this repository is the home")
    elif found.nothing:
        app.out.line(f"nothing to send: {found.remote} has all of yours")
    for ref in found.sent:
        app.out.line(f"sent {short(ref)} to {found.remote}")
    for ref, why in found.refused:
        app.out.line(Styled("refused ", "red"), short(ref))
        app.out.wrapped(why, "    ")


def short(ref: str) -> str:
    """A ref as git shows it."""
    return ref.removeprefix("refs/heads/").removeprefix("refs/tags/")


command = define(
    "push",
    run,
    Options,
    help="""Send what is yours and the remote lacks: branch, snapshots, proposals, approvals.

    One ref that the remote refuses does not hold up the others.""",
    example="gitsync push",
)
