"""Frozen classes behave as ``dataclass(frozen=True, slots=True)`` makes them, and cost less."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from dataclasses import FrozenInstanceError, dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.domain.frozen import frozen


@frozen
class Point:
    """Two numbers, a list of its own, and a secret."""

    x: int
    y: int = 2
    tags: list[str] = field(default_factory=list)
    secret: str = field(default="s", repr=False, compare=False)


@frozen
class Single:
    only: str | None


@frozen
class Nothing:
    pass


@frozen
class Checked:
    value: int

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError(self.value)

    @property
    def twice(self) -> int:
        return self.value * 2


@frozen
class Base:
    a: int = 1


@frozen
class Derived(Base):
    b: int = 2


@frozen
class Own:
    a: int

    def __repr__(self) -> str:
        return "mine"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own)

    def __hash__(self) -> int:
        return 7


@dataclass(frozen=True, slots=True)
class Plain:
    x: int
    y: int = 2
    tags: list[str] = field(default_factory=list)
    secret: str = field(default="s", repr=False, compare=False)


def test_it_takes_its_fields_as_a_dataclass_does():
    assert (Point(1).x, Point(1).y, Point(1).tags, Point(1).secret) == (1, 2, [], "s")
    assert Point(y=5, x=1, secret="t").y == 5
    assert Point(1).tags is not Point(1).tags
    assert Point.__match_args__ == Plain.__match_args__
    for wrong in ((), (1, 2, [], "s", 5)):
        with pytest.raises(TypeError):
            Point(*wrong)
    with pytest.raises(TypeError):
        Point(1, z=2)
    assert (Derived().a, Derived(3, 4).b) == (1, 4)


def test_it_does_not_change_and_has_no_room_for_more():
    one = Point(1)
    for change in (lambda: setattr(one, "x", 2), lambda: setattr(one, "z", 2),
                   lambda: delattr(one, "x")):  # fmt: skip
        with pytest.raises(FrozenInstanceError):
            change()
    assert not hasattr(one, "__dict__")
    assert not hasattr(Derived(), "__dict__")


@given(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2), st.integers(0, 2))
def test_two_are_equal_as_dataclasses_are(a, b, c, d):
    assert (Point(a, b) == Point(c, d)) == (Plain(a, b) == Plain(c, d))
    assert (Single(a) == Single(b)) == (a == b)
    if Single(a) == Single(b):
        assert hash(Single(a)) == hash(Single(b))


def test_what_is_left_out_of_a_comparison_counts_for_nothing():
    assert Point(1, secret="a") == Point(1, secret="b")
    assert "a" not in repr(Point(1, secret="a")).partition("secret")[2]
    assert repr(Point(1)) == repr(Plain(1)).replace("Plain", "Point")
    assert Single(None) != Checked(0)
    assert Base(1) != Derived(1)
    assert Nothing() == Nothing()
    assert hash(Nothing()) == hash(Nothing())
    assert Point(1) != (1, 2, [])


def test_a_class_keeps_what_it_says_itself():
    assert repr(Own(1)) == "mine"
    assert Own(1) == Own(2)
    assert hash(Own(1)) == 7
    assert Checked(3).twice == 6
    with pytest.raises(ValueError, match="-1"):
        Checked(-1)


@pytest.mark.parametrize("one", [Point(1, 2, ["t"], "x"), Single("a"), Single(None), Nothing(),
                                 Checked(2), Derived(3, 4)])  # fmt: skip
def test_it_is_copied_pickled_and_replaced(one):
    for again in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):  # noqa: S301
        assert again == one
        assert again.__class__ is one.__class__
    assert [one.name for one in dataclasses.fields(Point)] == ["x", "y", "tags", "secret"]
    assert dataclasses.replace(Point(1), y=9) == Point(1, 9)
    assert dataclasses.asdict(Single("a")) == {"only": "a"}
    with pytest.raises(ValueError, match="-5"):
        dataclasses.replace(Checked(1), value=-5)


def test_a_field_that_init_does_not_take_is_refused():
    with pytest.raises(TypeError, match="hidden"):

        @frozen
        class Bad:
            hidden: int = field(default=1, init=False)

    with pytest.raises(TypeError, match="late"):

        @frozen
        class Late:
            late: int = field(kw_only=True)


def test_a_default_that_would_be_shared_is_refused():
    with pytest.raises(ValueError, match="mutable default"):

        @frozen
        class Shared:
            found: list[int] = []  # noqa: RUF012


COUNT = """
import builtins, dataclasses
count, plain = 0, builtins.exec
def counted(*args):
    global count
    count += 1
    return plain(*args)
builtins.exec = counted
from gitsync.domain.frozen import frozen
count = 0
@{decorator}
class Value:
    a: int
    b: str = ""
print(count)
Value(1)
Value(2, b="x")
print(count)
"""


def test_one_method_is_compiled_and_only_for_a_class_with_instances():
    def compiled(decorator: str) -> list[int]:
        source = COUNT.format(decorator=decorator)
        run = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True)
        return [int(word) for word in run.stdout.split()]

    assert compiled("frozen") == [0, 1]
    assert compiled("dataclasses.dataclass(frozen=True, slots=True)") == [6, 6]
