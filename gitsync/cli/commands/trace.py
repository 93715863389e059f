"""``gitsync trace``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import completing, leasewords
from gitsync.cli.changes import change_json, field_lines, kind_of
from gitsync.cli.options import argument, define
from gitsync.cli.output import Styled
from gitsync.cli.text import clean, cut, day
from gitsync.cli.words import receipt_json
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.tracing import Proposal, Step


@frozen
class Options:
    """``text`` is an id or a unique beginning of one."""

    text: str


def run(app: App, options: Options) -> None:
    """Show everything that touched the artifact."""
    from gitsync.services.tracing import trace

    found = trace(app.ledger(), options.text)
    if app.json:
        steps = [_json(one) for one in found.steps]
        lease = leasewords.lease_json(*found.lease) if found.lease is not None else None
        app.out.json(
            app.document("trace", id=found.id, title=found.title, lease=lease, steps=steps)
        )
        return
    with app.out.paged():
        app.out.line(cut(f"{found.id}  {clean(found.title or '-')}", app.out.width))
        if found.lease is not None:
            leasewords.held_line(app, found.lease[1], "    ")
        for step in found.steps:
            app.out.line()
            _show(app, step)


def _show(app: App, step: Step) -> None:
    out = app.out
    if step.position is not None and step.sealed is not None:
        out.line(cut(clean(f"{step.position}  {step.subject}"), out.width))
        out.line(f"    {kind_of(step.change)}, {day(step.sealed)}")
    elif step.proposal is not None:
        state = step.proposal.state
        shown = Styled(state, "red") if state == "refused" else Styled(state, "yellow")
        out.line(shown, cut(clean(f"  {step.subject}"), out.width - len(state)))
        out.line(f"    {kind_of(step.change)}, not in the ledger")
    field_lines(app, step.change, "    ")
    if step.proposal is not None:
        _evidence(app, step.proposal)


def _evidence(app: App, one: Proposal) -> None:
    out = app.out
    name = f" as {one.name}" if one.name is not None else ""
    made = f"{day(one.at)}, {one.commit[:12]}"
    out.wrapped(f"proposed by {one.author}{name}, {made}", "      ", "    ")
    for consent in one.approvals:
        said = f"{day(consent.at)}, {consent.commit[:12]}"
        out.wrapped(f"approved by {consent.person}, {said}", "      ", "    ")
    if one.receipt is not None:
        receipt = one.receipt
        said = receipt.outcome if receipt.outcome == "accepted" else (
            f"{receipt.outcome}, {receipt.rule}: {receipt.why}"
        )  # fmt: skip
        out.wrapped(f"receipt: {said}, {day(receipt.at)} (notary's clock)", "      ", "    ")


def _json(step: Step) -> dict[str, object]:
    from gitsync.codec.receipts import moment

    one = step.proposal
    return {
        "position": step.position,
        "at": None if step.sealed is None else moment(step.sealed),
        "subject": step.subject,
        "change": change_json(step.change, body=False),
        "proposal": None if one is None else {
            "name": str(one.name) if one.name else None,
            "commit": one.commit,
            "author": one.author,
            "at": moment(one.at),
            "state": one.state,
            "approvals": [
                {"person": consent.person, "commit": consent.commit, "at": moment(consent.at)}
                for consent in one.approvals
            ],
            "receipt": receipt_json(one.receipt),
        },
    }  # fmt: skip


command = define(
    "trace",
    run,
    Options,
    help="""Show everything that touched one artifact, newest first.

    Snapshots with the fields they changed, the proposals and approvals behind them and the
    witness's receipts; before these, proposals that would change it.""",
    example="gitsync trace plan-k7\ngitsync trace plan-k7x2mq --json",
    params=(argument("text", "ID", complete=completing.artifacts),),
    fresh=True,
)
