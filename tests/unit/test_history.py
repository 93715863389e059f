"""The position index answers what walking the whole history would answer."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitsync.domain.errors import RefusedError
from gitsync.domain.ledger import history
from gitsync.domain.objects import Commit, Oid, Signature

WHO = Signature(b"a", b"a@example.invalid", 1)


@dataclass
class Graph:
    """A ledger in memory: a chain of snapshots, side commits beside it, and positions of both."""

    commits: dict[Oid, Commit] = field(default_factory=dict)
    places: dict[Oid, tuple[int, int]] = field(default_factory=dict)
    snapshots: list[Oid] = field(default_factory=list)

    def commit(self, oid: Oid) -> Commit:
        return self.commits[oid]

    def parents(self, oid: Oid) -> tuple[Oid, ...]:
        return self.commits[oid].parents

    def get(self, oid: Oid) -> tuple[int, int] | None:
        return self.places.get(oid)

    def snapshot(self, number: int) -> Oid:
        return self.snapshots[number - 1]

    def new(self, *parents: Oid) -> Oid:
        oid = Oid(f"{len(self.commits) + 1:040x}")
        self.commits[oid] = Commit(Oid("0" * 40), parents, WHO, WHO, b"")
        return oid

    def land(self, *tips: Oid) -> Oid:
        number = len(self.snapshots) + 1
        sides = history.incoming(self, self, tips, limit=99).commits if tips else ()
        oid = self.new(*self.snapshots[-1:], *tips)
        self.snapshots.append(oid)
        self.places |= history.places_of(self, self, number, oid, sides)
        return oid

    def ancestors(self, oid: Oid) -> set[Oid]:
        found, stack = set(), [oid]
        while stack:
            one = stack.pop()
            if one not in found:
                found.add(one)
                stack += self.commits[one].parents
        return found

    def best(self, left: set[Oid], right: set[Oid]) -> set[Oid]:
        """The best common ancestors of two sets of tips, by walking everything."""
        common = set.union(*map(self.ancestors, left)) & set.union(*map(self.ancestors, right))
        return {
            one
            for one in common
            if not any(one in self.ancestors(other) for other in common - {one})
        }


@st.composite
def ledgers(draw) -> tuple[Graph, list[Oid]]:
    """A random ledger, and commits that are not part of it yet."""
    graph = Graph()
    graph.land()
    loose: list[Oid] = []
    for _ in range(draw(st.integers(1, 14))):
        known = [*graph.commits]
        parents = draw(st.lists(st.sampled_from(known), min_size=1, max_size=3, unique=True))
        oid = graph.new(*parents)
        loose = [one for one in loose if graph.get(one) is None] + [oid]
        if draw(st.booleans()):
            graph.land(draw(st.sampled_from(loose)))
            loose = [one for one in loose if graph.get(one) is None]
    return graph, loose


@settings(max_examples=150)
@given(ledgers())
def test_ancestry_is_what_a_walk_says(case):
    graph, _ = case
    for newer in graph.places:
        above = graph.ancestors(newer)
        for older in graph.places:
            assert history.is_ancestor(graph, graph, older, newer) == (older in above)


@settings(max_examples=150)
@given(ledgers())
def test_merge_bases_are_what_a_walk_says(case):
    graph, loose = case
    for tip in loose:
        new = history.incoming(graph, graph, [tip], limit=99)
        found = history.merge_bases(graph, graph, new.frontier)
        assert set(found) == graph.best({tip}, {graph.snapshots[-1]})
        assert list(found) == sorted(found)


@settings(max_examples=100)
@given(ledgers(), st.data())
def test_shared_bases_are_what_a_walk_says(case, data):
    graph, _ = case
    inside = sorted(graph.places)
    members = data.draw(st.lists(st.sampled_from(inside), min_size=1, max_size=3, unique=True))
    other = data.draw(st.sampled_from(inside))
    found = history.shared_bases(graph, graph, members, other)
    assert set(found) == graph.best(set(members), {other})


@settings(max_examples=100)
@given(ledgers())
def test_incoming_is_all_that_the_ledger_lacks_parents_first(case):
    graph, loose = case
    for tip in loose:
        new = history.incoming(graph, graph, [tip], limit=99)
        lacking = {one for one in graph.ancestors(tip) if graph.get(one) is None}
        assert set(new.commits) == lacking
        for place, oid in enumerate(new.commits):
            assert not set(graph.commits[oid].parents) & set(new.commits[place:])


def test_the_limit_counts_what_comes_in_and_nothing_else():
    graph = Graph()
    graph.land()
    for _ in range(30):
        graph.land(graph.new(graph.snapshots[-1]))
    tip = graph.new(*graph.snapshots)
    for _ in range(4):
        tip = graph.new(tip)
    assert len(history.incoming(graph, graph, [tip], limit=5).commits) == 5
    with pytest.raises(RefusedError) as error:
        history.incoming(graph, graph, [tip], limit=4)
    assert error.value.code == "limit.commits"


def test_a_side_line_with_a_beginning_of_its_own_is_unrelated():
    graph = Graph()
    graph.land()
    tip = graph.new(graph.snapshots[0], graph.new())
    with pytest.raises(RefusedError) as error:
        history.incoming(graph, graph, [tip], limit=9)
    assert error.value.code == "ledger.unrelated"


def test_more_lines_than_anybody_merges_are_refused_before_they_are_compared():
    graph = Graph()
    anchor = graph.land()
    sides = [graph.new(anchor) for _ in range(history.MAX_FRONTIER + 1)]
    top = sides[0]
    for side in sides[1:]:
        top = graph.new(top, side)
    graph.land(top)
    with pytest.raises(RefusedError) as error:
        history.merge_bases(graph, graph, sides)
    assert error.value.code == "merge.criss-cross"
    assert len(history.merge_bases(graph, graph, sides[1:])) == history.MAX_FRONTIER
