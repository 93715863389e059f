"""The order in which pending proposals are decided: dependencies, then time, then id."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitsync.domain.ledger.history import Incoming
    from gitsync.domain.ledger.state import Candidate
    from gitsync.domain.objects import Oid
    from gitsync.domain.ports import Facts, Positions


def effective_time(facts: Facts, positions: Positions, tip: Oid, frontier: Sequence[Oid]) -> int:
    """A proposal's committer date in seconds, not earlier than the snapshot it builds on.

    Nobody gets ahead of the queue by setting a clock back before the version that they saw.
    """
    floor = max((place[1] for one in frontier if (place := positions.get(one))), default=0)
    seconds = facts.commit(tip).committer.seconds
    if floor:
        seconds = max(seconds, facts.commit(positions.snapshot(floor)).committer.seconds)
    return seconds


def in_order(
    facts: Facts,
    positions: Positions,
    candidates: Mapping[Candidate, Incoming],
    queue: Mapping[Oid, int] | None = None,
) -> list[Candidate]:
    """Sort candidates. Those that wait for a lease come first, by their places in its ``queue``:
    nobody gets ahead of them by dating a proposal back. One comes after those whose tips it
    contains and those it names in ``After:``; a cycle of names is broken by time, and then waits
    for ever, visibly."""
    by_tip: dict[Oid, list[Candidate]] = {}
    for candidate in candidates:
        by_tip.setdefault(candidate.tip, []).append(candidate)
    queue = queue or {}
    last = max(queue.values(), default=0) + 1
    key = {
        candidate: (
            queue.get(candidate.tip, last),
            effective_time(facts, positions, candidate.tip, new.frontier),
            candidate.tip,
            candidate.name,
        )
        for candidate, new in candidates.items()
    }
    needs: dict[Candidate, set[Candidate]] = {}
    waits: dict[Candidate, list[Candidate]] = {candidate: [] for candidate in candidates}
    for candidate, new in candidates.items():
        named = (*new.commits, *facts.record(candidate.tip).after)
        before = {
            other
            for oid in named
            if oid in by_tip
            for other in by_tip[oid]
            if other.tip != candidate.tip
        }
        needs[candidate] = before
        for other in before:
            waits[other].append(candidate)
    ready = [(key[one], one) for one in candidates if not needs[one]]
    heapq.heapify(ready)
    order: list[Candidate] = []
    left = dict.fromkeys(candidates)
    while left:
        if not ready:
            first = min(left, key=lambda one: key[one])
            ready.append((key[first], first))
        _, candidate = heapq.heappop(ready)
        if candidate not in left:
            continue
        del left[candidate]
        order.append(candidate)
        for other in waits[candidate]:
            needs[other].discard(candidate)
            if not needs[other] and other in left:
                heapq.heappush(ready, (key[other], other))
    return order
