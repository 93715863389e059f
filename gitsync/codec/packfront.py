"""Commits and tags at the front of a pack, read as it streams in and without its index.

``git pack-objects`` writes commits first and tags behind them, before all trees, so the first part
of a pack is most of its history. Who reads it may get less than there is: it is for work that can
be done early, never for an answer (gitformat-pack, "deltified representation").
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from gitsync.codec.gitobjects import MAX_COMMIT_BYTES
from gitsync.codec.packhead import HEADER_BYTES, entry_header
from gitsync.domain.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_KINDS: Final = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}
_OFS_DELTA: Final = 6
_READ: Final = frozenset({1, 4})
_PIECE: Final = 1 << 20
#: How much of what was read is kept for deltas that build on it, in bytes.
MAX_KEPT: Final = 64 << 20


def read_front(read: Callable[[int], bytes], skip: int) -> Iterator[tuple[str, bytes]]:
    """(kind, content) of the commits and tags that a pack begins with, in its order.

    ``read`` gives the next bytes of the pack, at most as many as asked, none at its end. The first
    ``skip`` objects may be of any kind. Ends at the first object of another kind after those, at
    one that is larger than a commit may be, and at anything that is not as it should be. Raises
    what ``read`` raises.
    """
    window = _Window(read)
    window.need(HEADER_BYTES)
    window.at = HEADER_BYTES
    bases: dict[int, tuple[int, bytes]] = {}
    room = MAX_KEPT
    number = 0
    while room > 0:
        start = window.start + window.at
        window.need(32)
        try:
            kind, size, window.at = entry_header(window.data, window.at)
        except FormatError:
            return
        if size > MAX_COMMIT_BYTES:
            return
        base = None
        if kind == _OFS_DELTA:
            distance = _distance(window)
            base = bases.get(start - distance) if distance else None
        elif kind not in _READ and number >= skip:
            return
        content = _inflate(window, size)
        if content is None:
            return
        if kind == _OFS_DELTA and base is not None:
            kind, built = base[0], apply_delta(base[1], content)
            if built is None:
                return
            content = built
        if kind in _READ:
            bases[start] = (kind, content)
            room -= len(content)
            yield _KINDS[kind], content
        elif kind not in _KINDS and kind != _OFS_DELTA:
            return
        number += 1


class _Window:
    """A stretch of a stream: ``start`` is where it begins in the stream, ``at`` the place in it."""

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self.data = b""
        self.start = 0
        self.at = 0

    def need(self, count: int) -> None:
        """Have ``count`` bytes behind the place, or all that there are."""
        if len(self.data) - self.at >= count:
            return
        self.data = self.data[self.at :]
        self.start += self.at
        self.at = 0
        while len(self.data) < count and (more := self._read(max(_PIECE, count))):
            self.data += more


def _distance(window: _Window) -> int:
    """How far back the base of a delta begins; 0 where that is not said."""
    data, at = window.data, window.at
    found = -1
    for _ in range(10):
        if at >= len(data):
            return 0
        byte = data[at]
        at += 1
        found = (found + 1) << 7 | byte & 0x7F
        if not byte & 0x80:
            window.at = at
            return found
    return 0


def _inflate(window: _Window, size: int) -> bytes | None:
    """What is deflated at the place, which then is behind it; None if that is not ``size`` bytes.

    Deflate never takes more than five bytes for each 16 kB of what it cannot make smaller, and a
    packer that does worse is not read on.
    """
    most = size + (size >> 8) + 64
    window.need(most)
    piece = window.data[window.at : window.at + most]
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(piece, size + 1)
    except zlib.error:
        return None
    if len(content) != size or not inflater.eof:
        return None
    window.at += len(piece) - len(inflater.unused_data)
    return content


def apply_delta(base: bytes, delta: bytes) -> bytes | None:
    """What ``delta`` makes of ``base``; None for a delta that does not fit, or gives too much."""
    try:
        had, at = _varint(delta, 0)
        size, at = _varint(delta, at)
        if had != len(base) or size > MAX_COMMIT_BYTES:
            return None
        parts: list[bytes] = []
        left = size
        while at < len(delta):
            op = delta[at]
            at += 1
            if op & 0x80:
                offset = length = 0
                for bit in range(4):
                    if op >> bit & 1:
                        offset |= delta[at] << 8 * bit
                        at += 1
                for bit in range(3):
                    if op >> bit + 4 & 1:
                        length |= delta[at] << 8 * bit
                        at += 1
                length = length or 0x10000
                part = base[offset : offset + length]
            elif op:
                length = op
                part = delta[at : at + op]
                at += op
            else:
                return None
            if len(part) != length:
                return None
            left -= length
            if left < 0:
                return None
            parts.append(part)
    except IndexError:
        return None
    return b"".join(parts) if left == 0 else None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """(number, offset behind it); seven bits a byte, the lowest first."""
    found = shift = 0
    while True:
        byte = data[at]
        at += 1
        found |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80 or shift > 63:
            return found, at
