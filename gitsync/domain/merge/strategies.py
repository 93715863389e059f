"""What two changes of one field's value come to, by the strategy that the schema names for it.

Only values are looked at here; which bytes say them is decided in ``fields.py``.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING

from gitsync.domain.lateregex import late_regex
from gitsync.domain.merge.heads import NULL, Meaning
from gitsync.domain.merge.rules import Moves, further

if TYPE_CHECKING:
    from collections.abc import Sequence


class Open(Enum):
    """What is not settled by the values alone."""

    CONFLICT = "conflict"
    LINES = "lines"
    ITEMS = "items"


_INTEGER = late_regex(r"[-+]?[0-9]+")
_DECIMAL = late_regex(r"([-+]?)([0-9]+)(?:\.([0-9]+))?")
_MOMENT = late_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2})?Z?)?")


def merge_values(
    strategy: str | None, base: Meaning, ours: Meaning, theirs: Meaning, moves: Moves
) -> Meaning | Open:
    """The value that the merge has to show, or how else to find it.

    An absent field counts as empty. ``strategy`` None: the schema names none for the field.
    """
    if theirs in (ours, base):
        return ours
    if ours == base:
        return theirs
    match strategy:
        case "set" | "list":
            return Open.ITEMS
        case "counter":
            return _counted(base, ours, theirs)
        case "max" | "min":
            return _extreme(ours, theirs, greatest=strategy == "max")
        case "state":
            return _state(base, ours, theirs, moves)
        case None | "text":
            return Open.LINES
        case _:
            return Open.CONFLICT


def _counted(base: Meaning, ours: Meaning, theirs: Meaning) -> Meaning | Open:
    numbers = [_integer(side) for side in (base, ours, theirs)]
    was, mine, other = numbers
    if was is None or mine is None or other is None:
        return Open.CONFLICT
    return ("number", str(mine + other - was))


def _integer(value: Meaning) -> int | None:
    if value == NULL:
        return 0
    text = value[1] if value[0] == "number" else ""
    return int(text) if _INTEGER.fullmatch(text) else None


def _extreme(ours: Meaning, theirs: Meaning, *, greatest: bool) -> Meaning | Open:
    order = _compared(ours, theirs)
    if order is None:
        return Open.CONFLICT
    if order == 0:
        return min(ours, theirs)
    return ours if (order > 0) == greatest else theirs


def _compared(ours: Meaning, theirs: Meaning) -> int | None:
    """-1, 0 or 1 as the first is smaller, equal or greater; None for what has no order."""
    numbers = _decimals(ours, theirs)
    if numbers is not None:
        return (numbers[0] > numbers[1]) - (numbers[0] < numbers[1])
    moments = _moments(ours, theirs)
    return None if moments is None else (moments[0] > moments[1]) - (moments[0] < moments[1])


def _decimals(ours: Meaning, theirs: Meaning) -> tuple[int, int] | None:
    """Two numbers as integers of one scale: compared exactly, whatever the interpreter."""
    first, second = (
        _DECIMAL.fullmatch(one[1]) if one[0] == "number" else None for one in (ours, theirs)
    )
    if first is None or second is None:
        return None
    scale = max(len(first[3] or ""), len(second[3] or ""))
    scaled = [int(one[1] + one[2] + (one[3] or "").ljust(scale, "0")) for one in (first, second)]
    return scaled[0], scaled[1]


def _moments(ours: Meaning, theirs: Meaning) -> tuple[str, str] | None:
    """Two dates or times that are written alike, which then sort as texts do."""
    texts = [one[1] if one[0] == "text" else "" for one in (ours, theirs)]
    if any(_MOMENT.fullmatch(text) is None for text in texts):
        return None
    shapes = {re.sub("[0-9]", "0", text) for text in texts}
    return (texts[0], texts[1]) if len(shapes) == 1 else None


def _state(base: Meaning, ours: Meaning, theirs: Meaning, moves: Moves) -> Meaning | Open:
    if any(one[0] != "text" for one in (base, ours, theirs)):
        return Open.CONFLICT
    found = further(moves, base[1], ours[1], theirs[1])
    return Open.CONFLICT if found is None else ("text", found)


def merge_set(
    base: Sequence[Meaning], ours: Sequence[Meaning], theirs: Sequence[Meaning]
) -> list[Meaning] | None:
    """What both kept and what either added; None when a side holds an item twice."""
    from gitsync.domain.merge.order import merge_order

    was, mine, other = set(base), set(ours), set(theirs)
    if [len(was), len(mine), len(other)] != [len(base), len(ours), len(theirs)]:
        return None
    keep = (mine & other) | (mine - was) | (other - was)
    return merge_order(base, ours, theirs, keep, loose=True)


def merge_list(
    base: Sequence[Meaning], ours: Sequence[Meaning], theirs: Sequence[Meaning]
) -> list[Meaning] | None:
    """The items by diff3, an item as a line; None for a conflict."""
    from gitsync.domain.merge.lines import merge_lines

    # Items become lines by number, so that diff3 is the one of the lines.
    known: dict[Meaning, bytes] = {}
    names = [
        b"".join(known.setdefault(item, b"%d\n" % len(known)) for item in side)
        for side in (base, ours, theirs)
    ]
    merged = merge_lines(*names)
    if not isinstance(merged, bytes):
        return None
    items = {name: item for item, name in known.items()}
    return [items[name] for name in merged.splitlines(keepends=True)]
