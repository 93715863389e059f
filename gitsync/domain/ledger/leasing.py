"""What leases say to a proposal that would otherwise land: replayed like every other rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import RefusedError
from gitsync.domain.leases.writes import (
    Ground,
    Writer,
    blocked_by,
    check_tokens,
    held_unsaid,
    verdict,
    words,
)
from gitsync.domain.ledger.state import Waiting

if TYPE_CHECKING:
    from gitsync.domain.leases.values import Locks
    from gitsync.domain.leases.writes import Blocked
    from gitsync.domain.ledger.state import Candidate, State
    from gitsync.domain.merge.trees import FileChange
    from gitsync.domain.objects import Oid
    from gitsync.domain.ports import Facts

#: The code of the answer to a proposal that waits for a lease.
WAITS = "lease.held"


def check_leases(
    facts: Facts,
    state: State,
    candidate: Candidate,
    locks: Locks,
    net: list[FileChange],
    merged: Oid,
) -> Waiting | None:
    """Whether the change ``net``, which makes ``merged`` of the state's tree, may be written.

    None if it may; Waiting, with the leases whose holders are to be asked. Raises RefusedError
    ``lease.stale``, ``lease.not-yours``, ``lease.token-missing``, ``lease.denied`` or
    ``lease.unanswered``.
    """
    writer = Writer(candidate.name.domain, facts.record(candidate.tip).leases, candidate.tip)
    check_tokens(locks, writer)
    if not locks.leases:
        return None
    ground = Ground(facts, state.settings.schema, (state.tree, merged), state.space)
    touches = ground.touches(net)
    unsaid = held_unsaid(locks, ground, writer, touches)
    if unsaid:
        tokens = ", ".join(str(one.token) for one in unsaid)
        raise RefusedError(
            "lease.token-missing",
            f"{writer.domain} holds what this changes under lease {tokens}, and the proposal does"
            " not say so",
            hint=f"propose it again, which adds the trailer: gitsync propose --slug"
            f" {candidate.name.slug}\n"
            f"with plain git: git commit --amend --trailer 'Gitsync-Lease: {unsaid[0].token}'",
        )
    return _stand(locks, state, blocked_by(locks, ground, writer, touches))


def _stand(locks: Locks, state: State, blocked: list[Blocked]) -> Waiting | None:
    rules = state.settings.policy.leases
    waits: list[Blocked] = []
    asks: list[int] = []
    for one in blocked:
        said = verdict(locks, one, rules)
        if said == "deny":
            answered = one.request is not None and one.request.answer is not None
            ahead = one.lease.on_request == "deny"
            raise RefusedError(
                "lease.denied" if answered or ahead else "lease.unanswered",
                f"{words(one, rules)}; it is refused",
                hint=f"talk to {one.lease.holder}, or propose again once the lease is over:\n"
                f"gitsync lock show {one.lease.token}",
            )
        if said != "allow":
            waits.append(one)
        if said == "ask":
            asks.append(one.lease.token)
    if not waits:
        return None
    why = "; ".join(words(one, rules) for one in waits[:5])
    return Waiting(WAITS, why, (f"gitsync lock show {waits[0].lease.token}",), tuple(asks))
