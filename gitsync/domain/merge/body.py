"""Merging Markdown bodies: by lines, and by blocks where lines conflict.

Two changes that touch are a conflict of lines: nothing that all three share says which comes first.
Between blocks it is plain where one side edits a block and the other edits, removes or adds one
beside it: both are taken. Two additions at one place stay a conflict. A block that both sides
changed is merged by its lines if they do not conflict; otherwise the whole block is the conflict,
so that no marker stands inside a fence or a table. Only running text is cut at its lines.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from gitsync.domain.merge.blocks import Block, split_blocks
from gitsync.domain.merge.diff import hunks
from gitsync.domain.merge.lines import Conflict, merge_chunks, split_lines

if TYPE_CHECKING:
    from collections.abc import Sequence


def merge_body(base: bytes, ours: bytes, theirs: bytes, offset: int = 0) -> list[bytes | Conflict]:
    """The merged body: settled stretches, and between them the conflicts.

    ``offset`` is the number of lines above the body in the base's file. Never raises. Swapping
    the sides swaps the sides of each conflict and changes nothing else.
    """
    if ours in (base, theirs):
        return [theirs]
    if theirs == base:
        return [ours]
    chunks = merge_chunks(base, ours, theirs)
    if any(isinstance(chunk, Conflict) for chunk in chunks):
        chunks = _by_blocks(base, ours, theirs, offset)
    return chunks


#: Lines of all three sides that one body's regions are searched for; beyond, a region that both
#: sides changed is a conflict. Each search has a bound of its own, and there may be many regions.
MAX_LINES: Final = 20_000


class _Region(NamedTuple):
    """Blocks ``[start, end)`` of the base, and how many blocks each side grows in them."""

    start: int
    end: int
    ours: int
    theirs: int


def _by_blocks(base: bytes, ours: bytes, theirs: bytes, offset: int) -> list[bytes | Conflict]:
    was, mine, other = (split_blocks(side) for side in (base, ours, theirs))
    regions = _regions(_changes(was, mine, 0) + _changes(was, other, 1))
    chunks: list[bytes | Conflict] = []
    at = shift_ours = shift_theirs = 0
    line, budget = offset + 1, MAX_LINES
    for region in regions:
        settled = _text(was[at : region.start])
        line += settled.count(b"\n")
        start_ours, start_theirs = region.start + shift_ours, region.start + shift_theirs
        shift_ours += region.ours
        shift_theirs += region.theirs
        sides = (
            was[region.start : region.end],
            mine[start_ours : region.end + shift_ours],
            other[start_theirs : region.end + shift_theirs],
        )
        chunks.append(settled)
        budget -= sum(block.data.count(b"\n") for side in sides for block in side)
        chunks += _settle(*sides, line, deep=budget >= 0)
        line += _text(sides[0]).count(b"\n")
        at = region.end
    chunks.append(_text(was[at:]))
    return _joined(chunks)


def _settle(
    was: list[Block], mine: list[Block], other: list[Block], line: int, *, deep: bool
) -> list[bytes | Conflict]:
    """Merge the blocks of one region; ``line`` is the line at which it begins in the base.

    Only a ``deep`` merge looks at lines where both sides changed the region.
    """
    base, ours, theirs = _text(was), _text(mine), _text(other)
    if ours in (base, theirs):
        return [theirs]
    if theirs == base:
        return [ours]
    chunks = merge_chunks(base, ours, theirs) if deep else []
    if deep and not any(isinstance(chunk, Conflict) for chunk in chunks):
        return chunks
    if deep and {block.kind for block in (*was, *mine, *other)} <= {"text", "blank"}:
        return [
            replace(chunk, base_start=chunk.base_start + line - 1)
            if isinstance(chunk, Conflict)
            else chunk
            for chunk in chunks
        ]
    sides = (tuple(split_lines(side)) for side in (base, ours, theirs))
    return [Conflict(line, *sides)]


def _text(blocks: Sequence[Block]) -> bytes:
    return b"".join(block.data for block in blocks)


def _joined(chunks: list[bytes | Conflict]) -> list[bytes | Conflict]:
    """Neighbouring settled stretches as one, empty ones left out."""
    found: list[bytes | Conflict] = []
    settled: list[bytes] = []
    for chunk in [*chunks, None]:
        if isinstance(chunk, bytes):
            settled.append(chunk)
            continue
        stretch = b"".join(settled)
        settled = []
        found += [stretch] if stretch else []
        found += [chunk] if chunk is not None else []
    return found


class _Change(NamedTuple):
    """One side's change of the blocks ``[start, end)`` into ``size`` blocks, which are ``data``.

    ``kind``: a block is ``edited`` into one of its kind, blocks are ``added`` or ``cut``, or the
    change is ``mixed``.
    """

    start: int
    end: int
    side: int
    kind: str
    size: int
    data: bytes


def _changes(before: list[Block], after: list[Block], side: int) -> list[_Change]:
    """What turns one list of blocks into the other; a run that is replaced block for block, kind
    for kind, is told as so many edits."""
    found: list[_Change] = []
    for hunk in hunks([one.data for one in before], [one.data for one in after]):
        old, new = before[hunk.a_start : hunk.a_end], after[hunk.b_start : hunk.b_end]
        if [one.kind for one in old] == [one.kind for one in new]:
            for at, block in enumerate(new, start=hunk.a_start):
                # A block without its line end cannot have another behind it.
                kind = "edited" if block.data.endswith(b"\n") else "mixed"
                found.append(_Change(at, at + 1, side, kind, 1, block.data))
            continue
        kind = "mixed" if old and new else "cut" if old else "added"
        found.append(_Change(hunk.a_start, hunk.a_end, side, kind, len(new), _text(new)))
    return found


_MAY_TOUCH = frozenset(
    {("edited", "edited"), ("edited", "cut"), ("cut", "edited"), ("cut", "cut"),
     ("edited", "added"), ("added", "edited")}
)  # fmt: skip


def _regions(changes: list[_Change]) -> list[_Region]:
    """Changes of both sides joined where they overlap, or touch and no rule says which is first."""
    glued = _glued(changes)
    regions: list[list[int]] = []
    for change in sorted(changes):
        if not regions or not (
            change.start < regions[-1][1]
            or (change.start == regions[-1][1] and change.start in glued)
        ):
            regions.append([change.start, change.end, 0, 0])
        region = regions[-1]
        region[1] = max(region[1], change.end)
        region[2 + change.side] += change.size - (change.end - change.start)
    return [_Region(*region) for region in regions]


def _glued(changes: list[_Change]) -> set[int]:
    """The seams between blocks at which changes of different sides meet that may not touch."""
    before: dict[int, list[_Change]] = {}
    behind: dict[int, list[_Change]] = {}
    for change in changes:
        before.setdefault(change.end, []).append(change)
        behind.setdefault(change.start, []).append(change)
    return {
        seam
        for seam in before.keys() & behind.keys()
        if any(_meet(one, other) for one in before[seam] for other in behind[seam])
    }


def _meet(one: _Change, other: _Change) -> bool:
    if one.side == other.side or one.start > other.start:
        return False
    return (one.kind, other.kind) not in _MAY_TOUCH or one.data == other.data
