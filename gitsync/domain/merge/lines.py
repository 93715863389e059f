"""Three-way merge by lines: diff3 as Khanna, Kunal and Pierce define it (FSTTCS 2007).

Both sides are compared with the base. Changes that overlap, or touch without a line between them
that all three share, form one unstable chunk. A chunk that one side alone changed, or both in the
same way, is settled; any other is a conflict. A line is everything up to and including its line
feed, so carriage returns and a missing final newline are content like any other byte.

The result is frozen (see :mod:`gitsync.domain.merge.diff`) and does not depend on which side is
called ours.
"""

from __future__ import annotations

from gitsync.domain.frozen import frozen
from gitsync.domain.merge.diff import Hunk, hunks


@frozen
class Conflict:
    """A chunk that both sides changed differently.

    ``base_start`` counts from 1 and is the base line at which the chunk starts; where
    ``base_lines`` is empty, both sides inserted before that line. Lines keep their terminators.
    """

    base_start: int
    base_lines: tuple[bytes, ...]
    ours_lines: tuple[bytes, ...]
    theirs_lines: tuple[bytes, ...]


def split_lines(data: bytes) -> list[bytes]:
    """Lines with their terminators; only a line feed ends a line. Joined they are ``data``."""
    if b"\r" not in data:
        return data.splitlines(keepends=True)
    parts = data.split(b"\n")
    last = parts.pop()
    lines = [part + b"\n" for part in parts]
    if last:
        lines.append(last)
    return lines


def merge_lines(base: bytes, ours: bytes, theirs: bytes) -> bytes | tuple[Conflict, ...]:
    """The merged content, or every conflict in base order. Never raises.

    ``merge_lines(base, theirs, ours)`` gives the same bytes, or the same conflicts with the sides
    swapped.
    """
    if ours in (base, theirs):
        return theirs
    if theirs == base:
        return ours
    chunks = merge_chunks(base, ours, theirs)
    conflicts = tuple(chunk for chunk in chunks if isinstance(chunk, Conflict))
    return conflicts or b"".join(chunk for chunk in chunks if isinstance(chunk, bytes))


def merge_chunks(base: bytes, ours: bytes, theirs: bytes) -> list[bytes | Conflict]:
    """The merge in document order: settled stretches as bytes, and between them the conflicts."""
    lines, ours_lines, theirs_lines = split_lines(base), split_lines(ours), split_lines(theirs)
    ours_hunks, theirs_hunks = hunks(lines, ours_lines), hunks(lines, theirs_lines)
    chunks: list[bytes | Conflict] = []
    settled: list[bytes] = []
    at = shift_ours = shift_theirs = 0
    for start, end, ours_changed, theirs_changed in _unstable(ours_hunks, theirs_hunks):
        settled += lines[at:start]
        at = end
        was = lines[start:end]
        # A side that is further ahead or behind before the chunk is so by a known number of lines.
        mine_start, their_start = start + shift_ours, start + shift_theirs
        shift_ours += ours_changed
        shift_theirs += theirs_changed
        mine = ours_lines[mine_start : end + shift_ours]
        other = theirs_lines[their_start : end + shift_theirs]
        if mine in (was, other):
            settled += other
        elif other == was:
            settled += mine
        else:
            if settled:
                chunks.append(b"".join(settled))
                settled = []
            chunks.append(Conflict(start + 1, tuple(was), tuple(mine), tuple(other)))
    settled += lines[at:]
    if settled:
        chunks.append(b"".join(settled))
    return chunks


def _unstable(ours: list[Hunk], theirs: list[Hunk]) -> list[tuple[int, int, int, int]]:
    """Chunks as (start, end) in the base and by how many lines each side grows in them."""
    found: list[tuple[int, int, int, int]] = []
    i = j = 0
    while i < len(ours) or j < len(theirs):
        start = min(
            ours[i].a_start if i < len(ours) else theirs[j].a_start,
            theirs[j].a_start if j < len(theirs) else ours[i].a_start,
        )
        end = start
        grown_ours = grown_theirs = 0
        absorbed = True
        while absorbed:
            absorbed = False
            # Equal ends touch: no shared line stands between, so the order would be a guess.
            while i < len(ours) and ours[i].a_start <= end:
                end = max(end, ours[i].a_end)
                grown_ours += _growth(ours[i])
                i += 1
                absorbed = True
            while j < len(theirs) and theirs[j].a_start <= end:
                end = max(end, theirs[j].a_end)
                grown_theirs += _growth(theirs[j])
                j += 1
                absorbed = True
        found.append((start, end, grown_ours, grown_theirs))
    return found


def _growth(hunk: Hunk) -> int:
    return (hunk.b_end - hunk.b_start) - (hunk.a_end - hunk.a_start)
