"""``gitsync approve``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import completing, words
from gitsync.cli.options import argument, define, yes_option
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.consenting import Review
    from gitsync.services.workspace import Workspace


@frozen
class Options:
    """``proposal`` is NAME/SLUG, a slug alone, or a commit id."""

    proposal: str
    yes: bool = False


def run(app: App, options: Options) -> int:
    """Show what the approval would sign, ask, sign, send."""
    from gitsync.services.consenting import approve, find_proposal, review

    ws = app.ledger()
    view = app.view(ws)
    name, tip = find_proposal(view, options.proposal)
    found = review(ws, view, name, tip)
    if not app.json:
        with app.out.paged():
            _present(app, ws, found)
        _warn(app, ws, found)
    again = f"gitsync approve {tip[:12]} --yes   # after reading it"
    if not options.yes and not app.confirm(f"Sign your consent to {name} at {tip[:12]}?", again):
        app.out.note("not approved")
        return 1
    consent = approve(ws, name, tip)
    if app.json:
        app.out.json(
            app.document(
                "approve", proposal=str(name), approves=tip, commit=consent.commit,
                ref=consent.ref, state="sent" if consent.sent else "queued",
                author=found.author, subject=found.subject,
                paths=[change.path.decode("utf-8", "replace") for change in found.changes],
            )
        )  # fmt: skip
        return 0
    app.out.wrapped(f"approved {name} at {tip[:12]}", "  ", "")
    app.out.line("  sent" if consent.sent else f"  queued; send it later: {app.later(ws)}")
    return 0


def _warn(app: App, ws: Workspace, found: Review) -> None:
    """What an approver may not expect of this approval."""
    from gitsync.domain.names import person_of

    me = person_of(ws.me())
    if me in found.approved_by:
        app.out.note(f"{me} has approved this already; once is enough")
    elif found.name.domain == ws.me():
        app.out.note("this is your own proposal: your approval adds nothing to it")


def _present(app: App, ws: Workspace, found: Review) -> None:
    from gitsync.services.inspecting import diff

    out = app.out
    out.fields(
        [
            ("proposal", str(found.name)),
            ("commit", found.commit),
            ("signed by", found.author),
            ("subject", found.subject),
            ("approved by", ", ".join(found.approved_by) or "nobody yet"),
        ]
    )
    for change in found.changes:
        kind = "adds" if change.before is None else "deletes" if change.after is None else "edits"
        out.line(f"  {kind:8}{change.path.decode('utf-8', 'surrogateescape')}")
    words.decision_lines(app, found.decision)
    out.line()
    out.block(diff(ws, found.base, found.commit))


command = define(
    "approve",
    run,
    Options,
    help="""Show what a proposal changes, ask, and sign your consent to exactly that content.

    What was approved is what lands: when the proposal or the ledger moves on so that the content
    differs, the approval no longer counts.""",
    example="gitsync approve james/backups",
    params=(argument("proposal", "PROPOSAL", complete=completing.proposals), yes_option()),
)
