"""``gitsync push``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitsync.cli.commands import pull as pulling
from gitsync.cli.options import define
from gitsync.cli.output import Styled
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.copies import Copy
    from gitsync.services.sending import Pushed


@frozen
class Options:
    """``all`` brings the other remotes up to date too."""

    all: bool = False


def run(app: App, options: Options) -> int:
    """Send everything of one's own; 1 if the remote would not take something."""
    from gitsync.services.sending import push

    found = push(app.ledger())
    copies = send_copies(app) if options.all else []
    if app.json:
        asked = {"copies": copies_fields(app, copies)} if options.all else {}
        app.out.json(app.document("push", **fields(found), **asked))
    else:
        lines(app, found)
        copies_lines(app, copies)
    return 1 if found.refused or any(sent and sent.refused for _, sent in copies) else 0


def send_copies(app: App) -> list[tuple[Copy, Pushed | None]]:
    """Bring the remotes beside the home up to date."""
    from gitsync.services.copies import send

    return send(app.ledger())


def copies_fields(app: App, copies: list[tuple[Copy, Pushed | None]]) -> list[dict[str, Any]]:
    """The copies inside a document."""
    return [
        pulling.copy_fields(app, copy)
        | {
            "sent": list(sent.sent) if sent else [],
            "refused": fields(sent)["refused"] if sent else [],
        }
        for copy, sent in copies
    ]


def copies_lines(app: App, copies: list[tuple[Copy, Pushed | None]]) -> None:
    """The copies in words."""
    for copy, sent in copies:
        pulling.copy_lines(app, [copy])
        if sent is not None and not sent.nothing:
            lines(app, sent)


def fields(found: Pushed) -> dict[str, Any]:
    """The push inside a document."""
    refused = [{"ref": ref, "why": why} for ref, why in found.refused]
    return {
        "remote": found.remote,
        "sent": list(found.sent),
        "refused": refused,
        "claimed": list(found.claimed),
    }


def lines(app: App, found: Pushed) -> None:
    """The push in words."""
    if found.remote is None:
        app.out.line("nothing to send: this repository is the home")
    elif found.nothing:
        app.out.line(f"nothing to send: {found.remote} has all of yours")
    for token in found.claimed:
        app.out.line(f"lease {token}, asked for offline, is yours now")
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

    One ref that the remote refuses does not hold up the others. With --all the other remotes are
    brought up to date too: the ledger as it is verified here, and what is yours.""",
    example="gitsync push\ngitsync push --all",
    params=(pulling.all_flag(),),
)
