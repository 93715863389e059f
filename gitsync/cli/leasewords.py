"""Leases in words and in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitsync.cli.output import Styled
from gitsync.codec.receipts import moment
from gitsync.domain.leases.acts import span
from gitsync.domain.leases.values import LIVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitsync.cli.app import App
    from gitsync.domain.leases.values import Lease, Locks
    from gitsync.services.leasing.asking import Asked

_SHOWN = 10


def lease_json(locks: Locks, lease: Lease) -> dict[str, Any]:
    """A lease inside a document. ``left`` are seconds of the witness's clock until it lapses."""
    return {
        "token": lease.token,
        "holder": lease.holder,
        "subjects": list(lease.subjects),
        "standing": locks.standing(lease),
        "taken": moment(lease.taken),
        "seconds": lease.seconds,
        "grace": lease.grace,
        "left": locks.left(lease),
        "seen": lease.seen,
        "note": lease.note or None,
        "on-request": lease.on_request,
        "escalate-to": list(lease.escalate),
        "members": list(lease.members),
        "requests": sum(1 for key in locks.requests if key[0] == lease.token),
    }


def held_line(app: App, lease: Lease, indent: str) -> None:
    """Who holds an artifact that something else is told about."""
    note = f": {lease.note}" if lease.note else ""
    app.out.wrapped(f"held by {lease.holder} under lease {lease.token}{note}", indent, indent)


def standing(locks: Locks, lease: Lease) -> str | Styled:
    """How a lease stands, with what is exceptional in a colour."""
    found = locks.standing(lease)
    return found if found == LIVE else Styled(found, "yellow")


def until(locks: Locks, lease: Lease) -> str:
    """When a lease lapses, as far as anybody can say."""
    if locks.standing(lease) != LIVE:
        return "-"
    return f"{span(locks.left(lease))} unheard"


def table(app: App, locks: Locks, leases: Sequence[Lease]) -> None:
    """Leases, a line each."""
    rows = [
        (str(one.token), one.holder, standing(locks, one), until(locks, one),
         ", ".join(one.subjects) + (f"  ({one.note})" if one.note else ""))
        for one in leases
    ]  # fmt: skip
    app.out.table(("TOKEN", "HOLDER", "STANDING", "LAPSES AFTER", "SUBJECTS"), rows)


def lease_lines(app: App, locks: Locks, lease: Lease) -> None:
    """All of one lease."""
    members = ", ".join(lease.members[:_SHOWN])
    if len(lease.members) > _SHOWN:
        members += f", and {len(lease.members) - _SHOWN} more"
    answers = {
        "ask": "is asked", "allow": "lets them in", "deny": "refuses them", "wait": "has them wait"
    }  # fmt: skip
    rows: list[tuple[str, str | Styled]] = [
        ("lease", str(lease.token)),
        ("holder", f"{lease.holder}, since {moment(lease.taken)} by its own clock"),
        ("subjects", ", ".join(lease.subjects)),
        ("members", f"{members or 'none'} (at snapshot {lease.seen})"),
        ("standing", standing(locks, lease)),
    ]
    if locks.standing(lease) == LIVE:
        idle, whole = locks.beat(lease.token).idle, lease.seconds + lease.grace
        lapses = (
            f"after {span(locks.left(lease))} more without a heartbeat that the witness sees;"
            f" so far {span(idle)} of {span(whole)}"
        )
        rows.append(("lapses", lapses))
    if lease.note:
        rows.append(("note", lease.note))
    rows.append(("others", f"{lease.holder} {answers[lease.on_request]}"))
    app.out.fields(rows)


def asked_json(one: Asked) -> dict[str, Any]:
    """A request inside a document."""
    request, answer = one.request, one.request.answer
    return {
        "token": request.token,
        "holder": one.lease.holder,
        "proposal": request.proposal,
        "name": str(one.name) if one.name is not None else None,
        "asker": request.asker,
        "place": request.place,
        "waited": request.waited,
        "ours": one.ours,
        "answer": answer.verdict if answer is not None else None,
        "answered-by": answer.by if answer is not None else None,
        "until": moment(answer.until) if answer is not None and answer.until else None,
        "message": (answer.message or None) if answer is not None else None,
    }


def asked_table(app: App, asked: Sequence[Asked]) -> None:
    """Requests, a line each, in the order of the queue."""
    rows = []
    for one in asked:
        answer = one.request.answer
        said = f"{answer.by}: {answer.verdict}" if answer is not None else "none yet"
        rows.append((str(one.request.token), one.lease.holder, str(one.name or "?"),
                     span(one.request.waited), said))  # fmt: skip
    app.out.table(("LEASE", "HOLDER", "PROPOSAL", "WAITED", "ANSWER"), rows)
