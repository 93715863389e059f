"""Sentences and JSON that several commands share: proposals, receipts, decisions, next steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitsync.cli.output import Piece, Styled
from gitsync.cli.text import clean, plural

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.domain.ledger.state import Decision
    from gitsync.domain.records import Receipt
    from gitsync.services.proposing import Proposed
    from gitsync.services.status import ProposalState

WITHDRAWN = "withdrawn"
_STYLES = {"refused": "red", "waiting": "yellow", "queued": "yellow"}


def outcome(word: str) -> Piece:
    """An outcome, coloured when it needs somebody's attention."""
    style = _STYLES.get(word)
    return Styled(word, style) if style else word


def state(one: ProposalState) -> str:
    """Where a proposal stands; one that was taken back is not called refused."""
    taken_back = one.receipt is not None and one.receipt.rule == "proposal.withdrawn"
    return WITHDRAWN if taken_back else one.outcome


def paths(found: tuple[str, ...], most: int = 6) -> str:
    """Changed paths in a line: the first few, and how many more."""
    if not found:
        return "no files"
    shown = ", ".join(clean(path) for path in found[:most])
    return (
        shown if len(found) <= most else f"{shown} and {plural(len(found) - most, 'more', 'more')}"
    )


def receipt_lines(app: App, receipt: Receipt) -> None:
    """A receipt in plain words, with what mends a refusal."""
    from gitsync.cli.text import day

    out = app.out
    name = receipt.ref.removeprefix("refs/heads/proposals/")
    out.line(f"{name}: ", outcome(receipt.outcome), _landed(receipt))
    rows: list[tuple[str, Piece]] = []
    if receipt.outcome != "accepted":
        rows.append(("why", receipt.why))
    if receipt.outcome not in ("accepted", "subsumed"):
        rows.append(("rule", receipt.rule))
    rows += [
        ("commit", receipt.proposal),
        (
            "decided",
            f"on {receipt.space}@{receipt.position}, {day(receipt.at)} (the notary's clock)",
        ),
    ]
    out.fields(("  " + label, value) for label, value in rows)
    if receipt.mend:
        out.line()
        out.line("To mend it:")
        for command in receipt.mend:
            out.line("  ", command)


def _landed(receipt: Receipt) -> str:
    return f" as {receipt.space}@{receipt.number}" if receipt.number is not None else ""


def receipt_json(receipt: Receipt | None) -> dict[str, Any] | None:
    """A receipt inside another document, or null."""
    from gitsync.codec.receipts import to_dict

    return None if receipt is None else to_dict(receipt)


def decision_json(decision: Decision) -> dict[str, Any]:
    """What this clone's own check said of a proposal."""
    from gitsync.domain.ledger.state import Landing

    if isinstance(decision, Landing):
        people = [one.person for one in decision.approvals]
        return {"would": "land", "approved-by": people}
    would = type(decision).__name__.lower()
    found: dict[str, Any] = {"would": would, "rule": decision.rule, "why": decision.why}
    mend = getattr(decision, "mend", ())
    return {**found, "mend": list(mend)} if mend else found


_WOULD = {"refusal": "refused", "waiting": "waiting", "subsumed": "subsumed"}


def decision_lines(app: App, decision: Decision) -> None:
    """What a proposal still needs, if it needs anything."""
    from gitsync.domain.ledger.state import Landing

    if isinstance(decision, Landing):
        app.out.line("  ready: it breaks no rule and needs no further approval")
        return
    word = _WOULD.get(type(decision).__name__.lower(), "waiting")
    app.out.wrapped(f"{word}: {decision.why}", "    ", "  ")
    for command in getattr(decision, "mend", ()):
        app.out.line("    ", command)


def proposed_json(app: App, found: Proposed, **more: object) -> dict[str, object]:
    """The document of a proposal that was made."""
    return app.document(
        "propose",
        proposal=str(found.name),
        ref=found.name.ref,
        commit=found.commit,
        state="sent" if found.sent else "queued",
        updated=found.updated,
        paths=list(found.paths),
        decision=decision_json(found.decision),
        **more,
    )


def proposed_lines(app: App, found: Proposed, remote: str | None) -> None:
    """A proposal that was made: its name, what it changes, where it is, what it needs."""
    out = app.out
    verb = "updated" if found.updated else "proposed"
    out.wrapped(f"{verb} {found.name}  {found.commit[:12]}", "  ", "")
    out.wrapped(f"changes {paths(found.paths)}", "    ", "  ")
    if not found.sent:
        out.line(
            "  ",
            Styled("queued", "yellow"),
            f": {_why_queued(app, remote)}",
        )
    elif remote is None:
        out.line("  it waits in this repository for the witness")
    else:
        out.line(f"  sent to {remote}")
    decision_lines(app, found.decision)
    out.line(f"  its answer: gitsync receipt {found.name.slug}")


def _why_queued(app: App, remote: str | None) -> str:
    ws = app.ledger()
    if ws.stick is not None:
        return f"it goes with {app.later(ws)}"
    return f"{remote} cannot be reached; send it later: {app.later(ws)}"


def proposal_json(one: ProposalState) -> dict[str, Any]:
    """One proposal of a list."""
    return {
        "proposal": str(one.name),
        "commit": one.commit,
        "subject": one.subject,
        "outcome": state(one),
        "mine": one.mine,
        "receipt": receipt_json(one.receipt),
    }
