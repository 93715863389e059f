"""``gitsync proposals``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import words
from gitsync.cli.options import define, flag
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App


@frozen
class Options:
    """``everything``: also other people's refused and withdrawn ones."""

    everything: bool = False
    fetch: bool = False


def run(app: App, options: Options) -> None:
    """List the proposals that this clone knows of."""
    from gitsync.services.status import proposals

    ws = app.ledger()
    found = proposals(ws, app.view(ws, fetch=options.fetch), mine_only=False)
    if not options.everything:
        closed = ("refused", words.WITHDRAWN, "accepted", "subsumed")
        found = [one for one in found if one.mine or words.state(one) not in closed]
    if app.json:
        app.out.json(
            app.document("proposals", proposals=[words.proposal_json(one) for one in found])
        )
        return
    if not found:
        app.out.line("no proposals" + ("" if options.fetch else " as of the last contact"))
        return
    app.out.table(
        ("PROPOSAL", "ANSWER", "COMMIT", "SUBJECT"),
        [
            (str(one.name), words.outcome(words.state(one)), one.commit[:12], one.subject)
            for one in found
        ],
    )


command = define(
    "proposals",
    run,
    Options,
    help="""List open proposals, and your own with their answers.

    queued: not sent yet. pending: sent, no answer. waiting: something else has to happen first.""",
    example="gitsync proposals --fetch\ngitsync proposals --all --json",
    params=(
        flag("--all", "everything", help="Also what others had refused or took back."),
        flag("--fetch", help="Ask the remote first."),
    ),
    fresh=True,
)
