"""``gitsync propose``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import completing, words
from gitsync.cli.options import argument, define, duration_option, option
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.domain.records import Receipt
    from gitsync.services.proposing import Proposed
    from gitsync.services.workspace import Workspace


@frozen
class Options:
    """See ``ProposeOptions``; ``wait`` in seconds."""

    paths: tuple[str, ...] = ()
    message: str | None = None
    slug: str | None = None
    after: tuple[str, ...] = ()
    expect: tuple[str, ...] = ()
    sponsor: str | None = None
    wait: float | None = None


def run(app: App, options: Options) -> int:
    """Propose; with ``wait``, also wait for the answer, which then decides the exit code."""
    from gitsync.services.proposing import ProposeOptions, propose

    ws = app.ledger()
    wanted = ProposeOptions(
        options.message, options.slug, options.paths, options.after, options.expect,
        options.sponsor,
    )  # fmt: skip
    found = propose(ws, wanted)
    if options.wait is None:
        if app.json:
            app.out.json(words.proposed_json(app, found))
        else:
            words.proposed_lines(app, found, ws.remote)
        return 0
    if not app.json:
        words.proposed_lines(app, found, ws.remote)
    return _answer(app, ws, found, options.wait)


def _answer(app: App, ws: Workspace, found: Proposed, seconds: float) -> int:
    from gitsync.services.proposing import wait_for

    receipt: Receipt | None = wait_for(ws, found.commit, seconds)
    if app.json:
        app.out.json(words.proposed_json(app, found, receipt=words.receipt_json(receipt)))
    elif receipt is None:
        app.out.line()
        app.out.line(
            f"no answer within {seconds:g} seconds; ask later: gitsync receipt {found.name.slug}"
        )
    else:
        app.out.line()
        words.receipt_lines(app, receipt)
    return 0 if receipt is not None and receipt.yes else 1


command = define(
    "propose",
    run,
    Options,
    help="""Sign your change and submit it to the witness; the same name again is an update.

    All of your branch and files, or only PATHS, checked here by the same rules that the witness
    applies. Offline the proposal is queued; gitsync push sends it.""",
    example='gitsync propose -m "Take it over"\n'
    "gitsync propose plans/plan-k7x2mq-backups.md --slug backups --wait 10m",
    params=(
        argument("paths", "[PATHS]...", many=True, file=True),
        option("-m", "--message", metavar="TEXT", help="What changes and why."),
        option(
            "--slug", metavar="NAME", complete=completing.own_proposals,
            help="What the proposal goes by; made up otherwise.",
        ),
        option(
            "--after", metavar="PROPOSAL", many=True, complete=completing.proposals,
            help="Land only after that one.",
        ),
        option(
            "--expect", metavar="ID@N", many=True,
            help="Fail if the artifact has changed since common@N.",
        ),
        option("--sponsor", metavar="REF", help="Re-sign an unsigned change; credits its author."),
        duration_option(
            "--wait", metavar="10m", help="Wait for the answer; exit 0 only if it is yes."
        ),
    ),
)  # fmt: skip
