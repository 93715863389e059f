"""Walking the chain of snapshots, and keeping the position index in step with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec.records import read_snapshot
from gitsync.domain.errors import VerificationError
from gitsync.domain.ledger.history import incoming, places_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitsync.domain.objects import Oid
    from gitsync.domain.ports import Positions
    from gitsync.storage.facts import StoreFacts
    from gitsync.storage.index import PositionIndex

_UNBOUNDED = 1 << 40


class UpTo:
    """Positions as they were at an earlier snapshot: what came later is not there yet."""

    def __init__(self, positions: Positions, number: int) -> None:
        self._positions = positions
        self._number = number

    def get(self, oid: Oid) -> tuple[int, int] | None:
        """See ``Positions``."""
        place = self._positions.get(oid)
        return place if place is not None and place[0] <= self._number else None

    def snapshot(self, number: int) -> Oid:
        """See ``Positions``."""
        return self._positions.snapshot(number)


def first_parents(facts: StoreFacts, tip: Oid, stop: Oid | None) -> list[Oid]:
    """The chain from after ``stop`` (None: from the first snapshot) up to ``tip``, oldest first.

    Raises VerificationError ``position.unreachable`` when the chain ends without meeting
    ``stop``: the tip is older than it, or of another history.
    """
    chain: list[Oid] = []
    oid: Oid | None = tip
    while oid is not None and oid != stop:
        chain.append(oid)
        parents = facts.parents(oid)
        oid = parents[0] if parents else None
    if stop is not None and oid is None:
        raise VerificationError(
            "position.unreachable", f"the chain does not hold the verified {stop[:12]}"
        )
    chain.reverse()
    return chain


def number_of(facts: StoreFacts, oid: Oid) -> int:
    """The number that a snapshot states."""
    return read_snapshot(facts.commit(oid).message).number


def ready_index(
    facts: StoreFacts,
    index: PositionIndex,
    anchor: Oid,
    number: int,
    commit: Oid,
    *,
    anew: bool = False,
    walked: Sequence[Oid] = (),
) -> None:
    """Bring the position index to exactly ``number``, ``commit``: a verified position.

    A saved index that is further along the same chain is read up to there, one for an earlier
    snapshot is continued; anything else, and with ``anew`` all of it, is made from the chain.
    ``walked`` is the chain from the first snapshot up to ``commit``, if the caller has it.
    """
    tip = None if anew else index.tip()
    start: Oid | None = None
    if tip is not None and tip[0] == anchor:
        if tip[1] >= number and index.holds(number, commit):
            index.hold(number)
            return
        if tip[1] < number and index.holds(tip[1], tip[2]):
            start = tip[2]
    try:
        chain = list(walked) if walked and start is None else first_parents(facts, commit, start)
    except VerificationError:
        start, chain = None, first_parents(facts, commit, None)
    if start is None:
        index.clear()
    first = number - len(chain) + 1
    for at, oid in enumerate(chain, start=first):
        sides = facts.parents(oid)[1:]
        new = incoming(facts, index, sides, limit=_UNBOUNDED).commits if sides else ()
        index.add(at, oid, places_of(facts, index, at, oid, new))
    index.save(anchor, number, commit)
