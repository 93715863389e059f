"""Conflicts as git writes them into a file, and read back from one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from gitsync.domain.frozen import frozen
from gitsync.domain.merge.lines import Conflict, split_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

SIZE: Final = 7


@frozen
class Labels:
    """What the conflict markers call the three versions."""

    ours: str = "ours"
    base: str = "base"
    theirs: str = "theirs"


def render_conflicts(
    chunks: Iterable[bytes | Conflict],
    labels: Labels | None = None,
    *,
    size: int = SIZE,
    base: bool = True,
) -> bytes:
    """A merge as one text with git's conflict markers of ``size`` signs.

    ``base`` shows the common ancestor too, as git's style ``diff3`` does. Markers end as the lines
    that they enclose do.
    """
    labels = labels or Labels()
    out: list[bytes] = []
    for chunk in chunks:
        if isinstance(chunk, bytes):
            out.append(chunk)
            continue
        sides = (chunk.ours_lines, chunk.base_lines, chunk.theirs_lines)
        eol = b"\r\n" if any(line.endswith(b"\r\n") for side in sides for line in side) else b"\n"
        out.append(_marker(b"<", labels.ours, size, eol))
        out += _ended(chunk.ours_lines, eol)
        if base:
            out.append(_marker(b"|", labels.base, size, eol))
            out += _ended(chunk.base_lines, eol)
        out.append(_marker(b"=", "", size, eol))
        out += _ended(chunk.theirs_lines, eol)
        out.append(_marker(b">", labels.theirs, size, eol))
    return b"".join(out)


def _marker(sign: bytes, label: str, size: int, eol: bytes) -> bytes:
    return b" ".join(part for part in (sign * size, label.encode()) if part) + eol


def _ended(lines: tuple[bytes, ...], eol: bytes) -> tuple[bytes, ...]:
    """The lines such that a marker after them starts on a line of its own."""
    if lines and not lines[-1].endswith(b"\n"):
        return (*lines[:-1], lines[-1] + eol)
    return lines


class Piece(NamedTuple):
    """Some bytes of a file, and the conflict that they are, if they are one."""

    raw: bytes
    conflict: Conflict | None = None


def read_conflicts(data: bytes, size: int = SIZE) -> list[Piece]:
    """A file cut at its conflicts; what is no complete conflict stays text.

    Joined, the pieces are the file. ``base_start`` is the line, from 1, at which a conflict
    begins in it.
    """
    lines = split_lines(data)
    pieces: list[Piece] = []
    at = start = 0
    while at < len(lines):
        found = _conflict(lines, at, size) if _is(lines[at], b"<", size) else None
        if found is None:
            at += 1
            continue
        conflict, end = found
        if at > start:
            pieces.append(Piece(b"".join(lines[start:at])))
        pieces.append(Piece(b"".join(lines[at:end]), conflict))
        at = start = end
    if start < len(lines):
        pieces.append(Piece(b"".join(lines[start:])))
    return pieces


def first_conflict(data: bytes) -> int | None:
    """The line, from 1, of the first complete conflict in a file, or None."""
    if b"<" * SIZE not in data:
        return None
    found = (one.conflict.base_start for one in read_conflicts(data) if one.conflict is not None)
    return next(found, None)


def _is(line: bytes, sign: bytes, size: int) -> bool:
    """Whether a line is a marker: so many signs, then its end or a space and a label."""
    bare = line.rstrip(b"\r\n")
    mark = sign * size
    return bare == mark or (sign != b"=" and bare.startswith(mark + b" "))


def _conflict(lines: list[bytes], at: int, size: int) -> tuple[Conflict, int] | None:
    """The conflict that begins at a line, and the line behind it."""
    sides: dict[bytes, list[bytes]] = {b"<": []}
    now = b"<"
    for end in range(at + 1, len(lines)):
        line = lines[end]
        if _is(line, b"<", size):
            return None
        if now == b"=" and _is(line, b">", size):
            mine, base, other = (tuple(sides.get(side, ())) for side in (b"<", b"|", b"="))
            return Conflict(at + 1, base, mine, other), end + 1
        nexts = {b"<": b"|=", b"|": b"=", b"=": b""}[now]
        sign = next((one for one in (b"|", b"=") if one in nexts and _is(line, one, size)), None)
        if sign is not None:
            now = sign
            sides[now] = []
        else:
            sides[now].append(line)
    return None
