"""Putting artifacts in the order that a query asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from gitsync.domain.query.records import number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

Item = TypeVar("Item")


def ordered(
    items: Iterable[Item],
    sort: tuple[tuple[str, bool], ...],
    values: Callable[[Item, str], tuple[str, ...]],
) -> list[Item]:
    """The items by the first field, then the next; as they came where all are equal.

    ``values`` gives an item's folded values of a field: the first counts, as a number where it is
    one. What lacks the field comes last, whichever way the order runs.
    """
    found = list(items)
    for name, downwards in reversed(sort):
        there = [(one, values(one, name)) for one in found]
        with_it = [pair for pair in there if pair[1]]
        with_it.sort(key=lambda pair: _key(pair[1][0]), reverse=downwards)
        found = [one for one, _ in with_it] + [one for one, value in there if not value]
    return found


def _key(text: str) -> tuple[int, float, str]:
    number = number_of(text)
    return (0, number, "") if number is not None else (1, 0.0, text)
