"""What a proposal brings in, and where it left the ledger, by a position index.

Every commit that is part of the ledger has an entry (the first snapshot that reaches it) and a
floor (the last snapshot that it reaches). Two integers a commit answer "is a an ancestor of b"
for all snapshots, so a merge base costs the proposal's own commits and not the age of its base.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import RefusedError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitsync.domain.objects import Oid
    from gitsync.domain.ports import Objects, Positions


MAX_FRONTIER = 32


@frozen
class Incoming:
    """Commits that a tip adds to the ledger, parents first, and the ones they stand on."""

    commits: tuple[Oid, ...]
    frontier: tuple[Oid, ...]


def incoming(
    objects: Objects, positions: Positions, tips: Iterable[Oid], *, limit: int
) -> Incoming:
    """Walk from ``tips`` down to what the ledger already holds.

    Raises RefusedError ``limit.commits`` past ``limit`` commits, and ``ledger.unrelated`` when a
    commit has no parents: a proposal descends from the ledger that it is made for.
    """
    order: list[Oid] = []
    frontier: dict[Oid, None] = {}
    seen: set[Oid] = set()
    stack: list[tuple[Oid, bool]] = [(tip, False) for tip in reversed(list(tips))]
    while stack:
        oid, expanded = stack.pop()
        if expanded:
            order.append(oid)
            continue
        if oid in seen:
            continue
        seen.add(oid)
        if positions.get(oid) is not None:
            frontier[oid] = None
            continue
        if len(seen) > limit + len(frontier):
            raise RefusedError(
                "limit.commits",
                f"the proposal brings in more than {limit} commits",
                hint="squash it: git reset --soft common && git commit -S",
            )
        parents = objects.parents(oid)
        if not parents:
            raise RefusedError(
                "ledger.unrelated",
                f"commit {oid[:12]} does not descend from this ledger's first snapshot",
                hint="start the change from common: git switch -c NAME common",
            )
        stack.append((oid, True))
        stack.extend((parent, False) for parent in reversed(parents))
    return Incoming(tuple(order), tuple(frontier))


def is_ancestor(objects: Objects, positions: Positions, older: Oid, newer: Oid) -> bool:
    """Whether ``newer`` reaches ``older``, both being part of the ledger."""
    if older == newer:
        return True
    a, b = positions.get(older), positions.get(newer)
    if a is None or b is None:
        return False
    if a[0] <= b[1]:
        return True
    if positions.snapshot(a[0]) == older or a[0] > b[0]:
        return False
    # Both came in beside the chain, close together: look through newer's own side commits only.
    stack, seen = [newer], {newer}
    while stack:
        for parent in objects.parents(stack.pop()):
            if parent == older:
                return True
            place = positions.get(parent)
            if parent in seen or place is None or place[1] == place[0] or place[0] < a[0]:
                continue
            seen.add(parent)
            stack.append(parent)
    return False


def merge_bases(objects: Objects, positions: Positions, frontier: Iterable[Oid]) -> tuple[Oid, ...]:
    """The best common ancestors of the ledger's tip and a proposal, by id.

    The frontier holds them all; what another member already reaches is dropped. Raises
    RefusedError ``merge.criss-cross`` for more than ``MAX_FRONTIER`` that no snapshot joins.
    """
    members = sorted(_past_the_last_snapshot(positions, set(frontier)))
    if len(members) < 2:
        return tuple(members)
    if len(members) > MAX_FRONTIER:
        raise RefusedError(
            "merge.criss-cross",
            f"the proposal joins more than {MAX_FRONTIER} lines of history",
            hint="rebase the proposal onto common: git rebase common",
        )
    return tuple(
        one
        for one in members
        if not any(
            one != other and is_ancestor(objects, positions, one, other) for other in members
        )
    )


def _past_the_last_snapshot(positions: Positions, members: set[Oid]) -> set[Oid]:
    """Members that the last snapshot which any of them reaches does not hold.

    It holds everything that entered with it or before. What is left of a branch that merged
    ``common`` often is one commit, without comparing each with each.
    """
    places = {one: positions.get(one) or (0, 0) for one in members}
    last = max((floor for _, floor in places.values()), default=0)
    kept = {one for one, place in places.items() if place[0] > last}
    if not any(places[one][1] == last for one in kept):
        kept |= {one for one, place in places.items() if place == (last, last)}
    return kept


def shared_bases(
    objects: Objects, positions: Positions, members: Iterable[Oid], other: Oid
) -> tuple[Oid, ...]:
    """The best common ancestors of ``other`` and a merge of ``members``, all of the ledger."""
    members = list(members)

    def held(oid: Oid) -> bool:
        return any(is_ancestor(objects, positions, oid, member) for member in members)

    found: list[Oid] = []
    stack, seen = [other], {other}
    while stack:
        oid = stack.pop()
        if held(oid):
            found.append(oid)
            continue
        for parent in objects.parents(oid):
            if parent not in seen:
                seen.add(parent)
                stack.append(parent)
    return merge_bases(objects, positions, found)


def floor_of(
    objects: Objects, places: dict[Oid, tuple[int, int]], positions: Positions, oid: Oid
) -> int:
    """The last snapshot that a new commit reaches, its parents being placed already."""
    floor = 0
    for parent in objects.parents(oid):
        place = places.get(parent) or positions.get(parent)
        if place is not None:
            floor = max(floor, place[1])
    return floor


def places_of(
    objects: Objects, positions: Positions, number: int, snapshot: Oid, new: Iterable[Oid]
) -> dict[Oid, tuple[int, int]]:
    """Positions of everything that snapshot ``number`` adds: its side commits and itself.

    ``new`` lists the side commits with parents first, as :func:`incoming` returns them.
    """
    places: dict[Oid, tuple[int, int]] = {}
    for oid in new:
        places[oid] = (number, floor_of(objects, places, positions, oid))
    places[snapshot] = (number, number)
    return places
