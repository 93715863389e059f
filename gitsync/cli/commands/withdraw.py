"""``gitsync withdraw``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import completing
from gitsync.cli.options import argument, define
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App


@frozen
class Options:
    """``proposal`` is a slug of one's own, or NAME/SLUG."""

    proposal: str


def run(app: App, options: Options) -> None:
    """Put a tombstone on the proposal."""
    from gitsync.domain.names import parse_proposal_name
    from gitsync.services.consenting import withdraw

    ws = app.ledger()
    name = parse_proposal_name(options.proposal, ws.me())
    found = withdraw(ws, app.view(ws), name)
    if app.json:
        app.out.json(
            app.document(
                "withdraw", proposal=str(name), commit=found.commit, ref=found.ref,
                state="sent" if found.sent else "queued",
            )
        )  # fmt: skip
        return
    app.out.wrapped(f"withdrawn {name}: for good, once the witness has seen it", "  ", "")
    app.out.line("  sent" if found.sent else f"  queued; send it later: {app.later(ws)}")
    app.out.line("  your files keep the change; back to what is agreed: git reset --keep common")


command = define(
    "withdraw",
    run,
    Options,
    help="""Take a proposal of yours back: nobody can bring up again what the witness saw withdrawn.

    Your files keep the change; git reset --keep common drops it. What the witness has numbered
    already stays; propose the opposite to undo it.""",
    example="gitsync withdraw backups",
    params=(argument("proposal", "PROPOSAL", complete=completing.own_proposals),),
)
