"""The order of decisions: dependencies, then dates that cannot be set back, then ids."""

from __future__ import annotations

import random

import pytest

from gitsync.domain.ledger.history import Incoming
from gitsync.domain.ledger.order import effective_time, in_order
from gitsync.domain.ledger.state import Candidate
from gitsync.domain.names import ProposalName
from gitsync.domain.objects import Commit, Oid, Signature
from gitsync.domain.records import CommitRecord

BASE = Oid("b" * 40)


class World:
    """Facts and positions of one snapshot, dated 100, and proposals on it."""

    def __init__(self) -> None:
        self.dates = {BASE: 100}
        self.claims: dict[Oid, tuple[Oid, ...]] = {}
        self.pending: dict[Candidate, Incoming] = {}

    def commit(self, oid: Oid) -> Commit:
        who = Signature(b"a", b"", self.dates[oid])
        return Commit(Oid("0" * 40), (), who, who, b"")

    def record(self, oid: Oid) -> CommitRecord:
        return CommitRecord(after=self.claims.get(oid, ()))

    def get(self, oid: Oid) -> tuple[int, int] | None:
        return (1, 1) if oid == BASE else None

    def snapshot(self, number: int) -> Oid:
        assert number == 1
        return BASE

    def add(self, key: str, seconds: int, *after: Oid, inside: tuple[Oid, ...] = ()) -> Oid:
        oid = Oid(key * 40)
        self.dates[oid] = seconds
        self.claims[oid] = after
        name = ProposalName("alice", f"p{key}")
        self.pending[Candidate(name, oid)] = Incoming((*inside, oid), (BASE,))
        return oid

    def order(self) -> list[Oid]:
        found = [candidate.tip for candidate in in_order(self, self, self.pending)]
        for seed in range(5):
            items = list(self.pending.items())
            random.Random(seed).shuffle(items)  # noqa: S311 - no secret
            again = [candidate.tip for candidate in in_order(self, self, dict(items))]
            assert again == found, "the order of arrival has no say"
        return found


@pytest.fixture
def world() -> World:
    return World()


def test_dates_then_ids_decide(world):
    late, early = world.add("3", 300), world.add("4", 200)
    same = world.add("1", 200)
    assert world.order() == [same, early, late]


def test_a_clock_set_back_gains_nothing(world):
    honest, cheat = world.add("1", 100), world.add("2", 5)
    assert world.order() == [honest, cheat]
    assert effective_time(world, world, cheat, (BASE,)) == 100


def test_what_is_named_comes_first(world):
    first = world.add("9", 900)
    second = world.add("1", 200, first)
    third = world.add("2", 150, second)
    assert world.order() == [first, second, third]


def test_what_is_contained_comes_first(world):
    inner = world.add("9", 900)
    outer = world.add("1", 200, inside=(inner,))
    assert world.order() == [inner, outer]


def test_a_cycle_of_names_is_broken_by_time(world):
    one, two = Oid("1" * 40), Oid("2" * 40)
    world.add("1", 200, two)
    world.add("2", 300, one)
    free = world.add("3", 250)
    assert world.order() == [free, one, two]


def test_naming_oneself_or_a_stranger_holds_up_nothing(world):
    one = Oid("1" * 40)
    world.add("1", 200, one, Oid("f" * 40))
    assert world.order() == [one]


def test_nobody_waits_for_who_names_them(world):
    victim = world.add("1", 200)
    rude = world.add("2", 100, Oid("f" * 40), victim)
    assert world.order() == [victim, rude]
