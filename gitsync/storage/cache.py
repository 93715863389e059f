"""A bounded memory of what was read: two generations, so that a lookup is one or two dict reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Key = TypeVar("Key")
Value = TypeVar("Value")


class Cache(Generic[Key, Value]):
    """Keeps at least the last ``limit`` units of weight that were used, at most twice that."""

    __slots__ = ("_limit", "_old", "_used", "_weigh", "_young")

    def __init__(self, limit: int, weigh: Callable[[Value], int] = lambda _: 1) -> None:
        self._limit = limit
        self._weigh = weigh
        self._young: dict[Key, Value] = {}
        self._old: dict[Key, Value] = {}
        self._used = 0

    def get(self, key: Key) -> Value | None:
        """The remembered value, or None."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: Key, value: Value) -> None:
        """Remember a value; the generation that is full becomes the old one."""
        self._young[key] = value
        self._used += self._weigh(value)
        if self._used > self._limit:
            self._old, self._young, self._used = self._young, {}, 0
