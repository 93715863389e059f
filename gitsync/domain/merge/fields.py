"""Merging one front matter field: the value by its strategy, then the bytes that say it.

Whatever bytes a side changed survive, its comments, quotes and line end included, unless the other
side changed the same ones: then the field is a conflict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError
from gitsync.domain.frozen import frozen
from gitsync.domain.merge.heads import NULL, HeadField, Item, Listing, Meaning
from gitsync.domain.merge.lines import merge_lines
from gitsync.domain.merge.strategies import Open, merge_list, merge_set, merge_values

if TYPE_CHECKING:
    from gitsync.domain.merge.heads import ReadHead
    from gitsync.domain.merge.rules import Moves


@frozen
class FieldPlan:
    """How fields of one file merge: the strategy by name, the moves of its type, the reader."""

    strategy: str | None
    moves: Moves
    read: ReadHead


@frozen
class Settled:
    """A field as merged: its lines, and what they have to say when they are read again.

    ``items`` stands for ``meaning`` where a list was put together.
    """

    raw: bytes
    meaning: Meaning | None = None
    items: tuple[Meaning, ...] | None = None

    def is_said_by(self, field: HeadField) -> bool:
        """Whether a field that was read is this one."""
        if field.field != self.raw:
            return False
        if self.items is None:
            return field.meaning == self.meaning
        if not self.items:
            return field.meaning in (NULL, ("list", ()))
        listing = field.listing
        return listing is not None and tuple(one.meaning for one in listing.items) == self.items


def three(base: bytes | None, ours: bytes, theirs: bytes) -> bytes | None:
    """The one change of some bytes, None where both sides changed them differently."""
    if ours in (base, theirs):
        return theirs
    return ours if theirs == base else None


def merge_field(
    base: HeadField | None, ours: HeadField, theirs: HeadField, plan: FieldPlan
) -> Settled | None:
    """The field's own lines, or None for a conflict. ``base`` None: both sides added it."""
    simple = three(base.field if base else None, ours.field, theirs.field)
    if simple is not None:
        return Settled(simple, (ours if simple == ours.field else theirs).meaning)
    was = base.meaning if base is not None else NULL
    wanted = merge_values(plan.strategy, was, ours.meaning, theirs.meaning, plan.moves)
    if wanted is Open.CONFLICT:
        return None
    if wanted is Open.ITEMS:
        return _by_items(base, ours, theirs, plan)
    if wanted is Open.LINES:
        several = ours.several and theirs.several and (base is None or base.several)
        return _by_lines(base, ours, theirs, plan, None) if several and base else None
    return _by_parts(base, ours, theirs, wanted, plan)


def _by_parts(
    base: HeadField | None, ours: HeadField, theirs: HeadField, wanted: Meaning, plan: FieldPlan
) -> Settled | None:
    """Key, value and what follows it, each three-way; the value as a side says it."""
    if any(one is not None and one.several for one in (base, ours, theirs)):
        return _by_lines(base, ours, theirs, plan, wanted)
    key = three(base.key if base else None, ours.key, theirs.key)
    tail = three(base.tail if base else None, ours.tail, theirs.tail)
    value = _spelled(base, ours, theirs, wanted)
    return None if key is None or tail is None else Settled(key + value + tail, wanted)


def _spelled(base: HeadField | None, ours: HeadField, theirs: HeadField, wanted: Meaning) -> bytes:
    """The bytes of a value on one line: as a side spells it, or a number that no side has."""
    spellings = [side.value for side in (ours, theirs) if side.meaning == wanted]
    if not spellings:
        return str(wanted[1]).encode()
    if len(spellings) == 2 and base is not None and base.meaning == wanted:
        found = three(base.value, *spellings)
        if found is not None:
            return found
    # Both say the same in different words: nothing is lost with one of the two.
    return min(spellings, key=lambda one: (len(one), one))


def _by_lines(
    base: HeadField | None, ours: HeadField, theirs: HeadField, plan: FieldPlan,
    wanted: Meaning | None,
) -> Settled | None:  # fmt: skip
    """The field's lines by diff3, if they read as one field with the value ``wanted``."""
    merged = merge_lines(base.field if base else b"", ours.field, theirs.field)
    if not isinstance(merged, bytes):
        return None
    try:
        fields = plan.read(b"---\n" + merged + b"---\n").fields
    except GitsyncError:
        return None
    if len(fields) != 1 or fields[0].name != ours.name:
        return None
    kinds = {ours.meaning[0], theirs.meaning[0]}
    found = fields[0].meaning
    if found != wanted and (wanted is not None or {found[0]} != kinds):
        return None
    return Settled(merged, found)


def _by_items(
    base: HeadField | None, ours: HeadField, theirs: HeadField, plan: FieldPlan
) -> Settled | None:
    """A list put together from the items of both sides, in the style that they share."""
    was, mine, other = (_as_list(side) for side in (base, ours, theirs))
    if was is None or mine is None or other is None:
        return None
    styles = {side.style for side in (was, mine, other)} - {""}
    if len(styles) != 1:
        return None
    how = merge_set if plan.strategy == "set" else merge_list
    wanted = how(*([item.meaning for item in side.items] for side in (was, mine, other)))
    items = None if wanted is None else _chosen(wanted, was, mine, other)
    opening, closing = (_part(name, was, mine, other) for name in ("opening", "closing"))
    if wanted is None or items is None or opening is None or closing is None:
        return None
    style = styles.pop()
    if not items:
        raw = _emptied(opening, style) + closing
    else:
        gaps = [item.gap for side in (was, mine, other) for item in side.items if item.gap]
        usual = min(gaps, key=_short, default=b"" if style == "block" else b", ")
        first, *rest = items
        raw = opening + first.token
        raw += b"".join((item.gap or usual) + item.token for item in rest) + closing
    return Settled(raw, items=tuple(wanted))


_NONE = Listing("", b"", (), b"")


def _short(text: bytes) -> tuple[int, bytes]:
    return len(text), text


def _as_list(field: HeadField | None) -> Listing | None:
    """A field as a list; one that is absent or empty is a list in no style yet."""
    if field is None:
        return _NONE
    if field.several or field.meaning not in (NULL, ("list", ())):
        return field.listing
    # A comment behind nothing has no place in a list that is put together anew.
    return None if b"#" in field.tail else _NONE


def _part(name: str, was: Listing, mine: Listing, other: Listing) -> bytes | None:
    """The opening or closing: three-way among the sides that have a style."""
    before, here, there = (
        getattr(side, name) if side.style else None for side in (was, mine, other)
    )
    if here is None or there is None:
        return next((one for one in (here, there, before) if one is not None), None)
    return three(before, here, there)


def _chosen(
    wanted: list[Meaning], was: Listing, mine: Listing, other: Listing
) -> list[Item] | None:
    """The bytes of each wanted item: of the side that has it, three-way where both have.

    None where that cannot be told, or where an item is dropped that a side still changed (its
    comment, its quotes).
    """
    pools = [_pool(side) for side in (was, mine, other)]
    found: list[Item] = []
    for meaning in wanted:
        before, here, there = (pool.get(meaning, []) for pool in pools)
        if here and there:
            item = _same_item(before[0] if before else None, here[0], there[0])
        elif here or there:
            item = (here or there)[0]
        else:
            return None
        if item is None:
            return None
        found.append(item)
        for pool in (before, here, there):
            del pool[:1]
    known = {(item.meaning, item.token) for item in was.items}
    dropped = (item for pool in pools[1:] for left in pool.values() for item in left)
    return found if all((item.meaning, item.token) in known for item in dropped) else None


def _pool(side: Listing) -> dict[Meaning, list[Item]]:
    pool: dict[Meaning, list[Item]] = {}
    for item in side.items:
        pool.setdefault(item.meaning, []).append(item)
    return pool


def _same_item(before: Item | None, here: Item, there: Item) -> Item | None:
    token = three(before.token if before else None, here.token, there.token)
    gap = three(before.gap if before else None, here.gap, there.gap)
    if token is None and not here.token.endswith(b"\n"):
        token = min(here.token, there.token, key=_short)
    if gap is None:
        gap = min(here.gap, there.gap, key=_short)
    return None if token is None else Item(gap, token, here.meaning)


def _emptied(opening: bytes, style: str) -> bytes:
    """How a list of a style begins that has no item left."""
    if style != "block":
        return opening if style == "flow" else opening.rstrip(b" ")
    key, colon, rest = opening.partition(b":")
    return key + colon + b" []" + rest
