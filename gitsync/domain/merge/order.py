"""Merging two orders of things that each occur once: the fields of a file, the items of a set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

Key = TypeVar("Key", bound=Any)


def merge_order(
    base: Sequence[Key], ours: Sequence[Key], theirs: Sequence[Key], keep: Collection[Key],
    *, loose: bool = False,
) -> list[Key] | None:  # fmt: skip
    """The keys of ``keep`` in one order; None where both sides moved what was there, differently.

    What all three have stands as the side has it that moved it. What was added follows what it
    followed on its side; where both added at one place, the run that sorts first comes first.
    ``loose`` settles two moves as well: the order that sorts first. Symmetric in the sides.
    """
    kept = set(keep)
    shared = kept & set(base) & set(ours) & set(theirs)
    was, mine, other = ([key for key in side if key in shared] for side in (base, ours, theirs))
    if mine in (was, other):
        frame = other
    elif other == was:
        frame = mine
    elif loose:
        frame = min(mine, other)
    else:
        return None
    place = {key: at for at, key in enumerate(frame)}
    runs = [_runs(side, place, kept) for side in (ours, theirs)]
    _drop_twins(runs[0], runs[1])
    _drop_twins(runs[1], runs[0])
    merged: list[Key] = []
    for at in range(-1, len(frame)):
        merged += frame[at : at + 1] if at >= 0 else []
        first, second = sorted((runs[0].get(at, []), runs[1].get(at, [])))
        merged += dict.fromkeys([*first, *second])
    return merged


def _runs(side: Sequence[Key], place: dict[Key, int], kept: set[Key]) -> dict[int, list[Key]]:
    """What a side added, by the place (-1: the beginning) of what it follows."""
    found: dict[int, list[Key]] = {}
    at = -1
    for key in side:
        if key in place:
            at = place[key]
        elif key in kept:
            found.setdefault(at, []).append(key)
    return found


def _drop_twins(mine: dict[int, list[Key]], other: dict[int, list[Key]]) -> None:
    """Of what both added at different places, only the earlier place counts."""
    where = {key: at for at, run in other.items() for key in run}
    for at, run in mine.items():
        run[:] = [key for key in run if key not in where or where[key] >= at]
