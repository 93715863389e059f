"""Who asks for what is leased, and the holder's answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import RefusedError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.leases.acts import Reply, answerers
from gitsync.domain.leases.values import Answer, Lease, Request
from gitsync.domain.names import ProposalName, parse_proposal_ref, person_of
from gitsync.services.leasing.desk import Desk, known_locks

if TYPE_CHECKING:
    from gitsync.domain.leases.values import Locks
    from gitsync.services.workspace import Workspace


@frozen
class Asked:
    """One request: the lease that it is about, the proposal's name, and whether an answer of ours
    would count."""

    request: Request
    lease: Lease
    name: ProposalName | None
    ours: bool


def requests(ws: Workspace) -> tuple[Asked, ...]:
    """All requests in the order of the queue, as last seen."""
    return _asked(ws, known_locks(ws))


def _asked(ws: Workspace, locks: Locks) -> tuple[Asked, ...]:
    rules = ws.settings().policy.leases
    me = person_of(ws.me())
    return tuple(
        Asked(
            one, locks.leases[one.token], parse_proposal_ref(one.ref),
            me in answerers(locks.leases[one.token], one, rules),
        )
        for one in locks.queue()
    )  # fmt: skip


@frozen
class AnswerOptions:
    """What ``lock answer`` was asked for. ``until`` is a moment in seconds since the epoch."""

    request: str
    verdict: str
    until: int | None = None
    message: str = ""


def answer(ws: Workspace, options: AnswerOptions) -> Asked:
    """Answer a request: it counts when the home has it.

    Raises UsageError ``lease.no-request``, RefusedError ``lease.not-yours``.
    """
    desk = Desk.open(ws)
    asked = _find(ws, desk.locks, options.request)
    reply = Reply(
        ws.me(), asked.request.token, asked.request.proposal,
        Answer(options.verdict, ws.me(), options.until, options.message),
    )  # fmt: skip

    def make(locks: Locks) -> Reply | None:
        there = locks.requests.get((reply.token, reply.proposal))
        return None if there is not None and there.answer == reply.answer else reply

    locks = desk.put(make)
    found = locks.requests.get((reply.token, reply.proposal))
    if found is None:
        raise RefusedError("lease.no-request", "the request was settled meanwhile")
    return Asked(found, locks.leases[found.token], asked.name, asked.ours)


def _find(ws: Workspace, locks: Locks, text: str) -> Asked:
    found = [one for one in _asked(ws, locks) if _named(one, text)]
    mine = [one for one in found if one.ours]
    if len(mine or found) == 1:
        return (mine or found)[0]
    if not found:
        raise UsageError(
            "lease.no-request", f"nobody asks as {text[:80]}", hint="gitsync lock requests"
        )
    raise UsageError(
        "lease.no-request", f"{text[:80]} names {len(found)} requests",
        hint="name it by lease and proposal: gitsync lock answer "
        f"{found[0].request.token}/{found[0].request.proposal[:12]} allow",
    )  # fmt: skip


def _named(one: Asked, text: str) -> bool:
    request = one.request
    token, slash, rest = text.partition("/")
    if slash and token == str(request.token) and len(rest) >= 7:
        return request.proposal.startswith(rest)
    if one.name is not None and text in {str(one.name), one.name.slug}:
        return True
    return len(text) >= 7 and request.proposal.startswith(text)
