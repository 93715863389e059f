"""``gitsync receipt``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import completing, words
from gitsync.cli.options import argument, define, flag
from gitsync.domain.errors import RefusedError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App


@frozen
class Options:
    """``proposal`` is a slug of one's own, or NAME/SLUG."""

    proposal: str
    no_fetch: bool = False


def run(app: App, options: Options) -> int:
    """Show the newest answer; 0 only if the change is in the ledger."""
    from gitsync.domain.names import parse_proposal_name
    from gitsync.services.proposing import answer

    ws = app.ledger()
    name = parse_proposal_name(options.proposal, ws.me())
    app.view(ws, fetch=not options.no_fetch)
    found = answer(ws, name, fetch=False)
    receipt = found.receipt
    if receipt is None:
        raise RefusedError(
            "receipt.none", f"the witness has not answered {name} yet",
            hint=f"it answers at its next run; if it was not sent yet: {app.later(ws)}",
        )  # fmt: skip
    if app.json:
        from gitsync.codec.receipts import to_dict

        app.out.json(to_dict(receipt))
    else:
        words.receipt_lines(app, receipt)
    return 0 if receipt.yes else 1


command = define(
    "receipt",
    run,
    Options,
    help="""Show the witness's signed answer to a proposal, and what mends a refusal.

    PROPOSAL is one of yours by its slug, or anybody's as NAME/SLUG. Exit code 0 means that the
    change is in the ledger, 1 that it is not.""",
    example="gitsync receipt backups\ngitsync receipt james/backups --json",
    params=(
        argument("proposal", "PROPOSAL", complete=completing.own_proposals),
        flag("--no-fetch", help="Show what was last seen, without asking the remote."),
    ),
)
