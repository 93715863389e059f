"""Packs and their indexes, written in memory (gitformat-pack: pack version 2, index version 2).

One pack for a batch of objects means one sync to disk and no loose objects that could tear. The
delta encoder is meant for a folder listing in which a run of entries changed: what both versions
start and end with is copied, what lies between is inserted. It never searches.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from itertools import accumulate
from typing import TYPE_CHECKING, Final, NamedTuple

from gitsync.codec.gitobjects import object_id
from gitsync.domain.errors import BugError
from gitsync.domain.frozen import frozen
from gitsync.domain.merge.diff import common_prefix, common_suffix

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_CHAIN", "IndexEntry", "Pack", "PackBuilder", "delta", "encode_index", "object_id"]

#: How many deltas a reader has to apply at most to get at one object.
MAX_CHAIN: Final = 20

_KINDS: Final = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
_OFS_DELTA: Final = 6
_MAX_COPY: Final = 0xFFFFFF
_MAX_OFFSET: Final = 0xFFFFFFFF
_MAX_INSERT: Final = 0x7F
_LARGE_OFFSET: Final = 0x80000000
# zlib's set-up cost is its tables: with small ones an object of a few hundred bytes takes a third
# of the time and compresses as well. From this size on, the larger tables pay.
_SMALL: Final = 4096


@frozen
class Pack:
    """A complete pack. ``name`` is git's file name without suffix; ``ids`` are in pack order."""

    name: str
    pack: bytes
    index: bytes
    ids: list[str]


class IndexEntry(NamedTuple):
    """One object in an index: 20 raw id bytes, CRC-32 of its packed bytes, offset in the pack."""

    raw_id: bytes
    crc: int
    offset: int


class _Stored(NamedTuple):
    kind: str
    data: bytes
    offset: int
    depth: int


class PackBuilder:
    """Collects objects, in order, into one pack. Holds their contents until it is dropped."""

    def __init__(self, *, max_chain: int = MAX_CHAIN) -> None:
        self._max_chain = max_chain
        self._stored: dict[str, _Stored] = {}
        self._index: list[IndexEntry] = []
        self._chunks: list[bytes] = []
        self._offset = 12  # the pack's header is written last, when the count is known

    def __len__(self) -> int:
        return len(self._stored)

    def __contains__(self, oid: str) -> bool:
        return oid in self._stored

    def add(self, kind: str, data: bytes, *, base: str | None = None) -> str:
        """Add an object of ``kind`` (commit, tree, blob, tag) and return its id (40 hex digits).

        Adding the same object again changes nothing. ``base`` is a hint: the id of a similar
        object against which this one may be stored as a delta. It is ignored if that object is
        not in this pack or of another kind, if the chain of deltas would become too long, or if
        the delta would not be clearly smaller.
        """
        if kind not in _KINDS:
            raise BugError("pack.kind", f"git has no object kind {kind!r}")
        oid = str(object_id(kind, data))
        if oid in self._stored:
            return oid
        like = self._stored.get(base) if base is not None else None
        packed: bytes | None = None
        depth = 0
        if like is not None and like.kind == kind and like.depth < self._max_chain:
            changes = delta(like.data, data)
            if changes is not None:
                depth = like.depth + 1
                packed = b"".join(
                    (
                        _entry_header(_OFS_DELTA, len(changes)),
                        _distance(self._offset - like.offset),
                        _deflate(changes),
                    )
                )
        if packed is None:
            packed = _entry_header(_KINDS[kind], len(data)) + _deflate(data)
        self._stored[oid] = _Stored(kind, data, self._offset, depth)
        self._index.append(IndexEntry(bytes.fromhex(oid), zlib.crc32(packed), self._offset))
        self._chunks.append(packed)
        self._offset += len(packed)
        return oid

    def finish(self) -> Pack:
        """The pack of everything added so far, with its index. The builder stays usable."""
        content = b"".join((struct.pack(">4sII", b"PACK", 2, len(self._stored)), *self._chunks))
        trailer = _sha1(content)
        return Pack(
            name=f"pack-{trailer.hex()}",
            pack=content + trailer,
            index=encode_index(self._index, trailer),
            ids=list(self._stored),
        )


def delta(base: bytes, target: bytes) -> bytes | None:
    """Instructions that turn ``base`` into ``target`` (gitformat-pack, "Deltified representation").

    At most one stretch is copied from the start, one inserted, one copied from the end. None when
    that would not save at least half of ``target``.
    """
    head = common_prefix(base, target)
    tail = common_suffix(base, target, min(len(base), len(target)) - head)
    inserted = len(target) - head - tail
    if inserted * 2 > len(target) or len(base) > _MAX_OFFSET:
        return None
    parts = [_size(len(base)), _size(len(target))]
    _copy(parts, 0, head)
    for at in range(head, head + inserted, _MAX_INSERT):
        piece = target[at : min(at + _MAX_INSERT, head + inserted)]
        parts += (bytes((len(piece),)), piece)
    _copy(parts, len(base) - tail, tail)
    encoded = b"".join(parts)
    return encoded if len(encoded) * 2 <= len(target) else None


def encode_index(entries: Sequence[IndexEntry], trailer: bytes) -> bytes:
    """An index, version 2, of the pack whose last 20 bytes are ``trailer``."""
    ordered = sorted(entries)
    counts = [0] * 256
    large: list[int] = []
    offsets: list[int] = []
    for raw_id, _, offset in ordered:
        counts[raw_id[0]] += 1
        if offset < _LARGE_OFFSET:
            offsets.append(offset)
        else:
            offsets.append(_LARGE_OFFSET | len(large))
            large.append(offset)
    content = b"".join(
        (
            b"\xfftOc\x00\x00\x00\x02",
            struct.pack(">256I", *accumulate(counts)),
            b"".join([entry.raw_id for entry in ordered]),
            struct.pack(f">{len(ordered)}I", *[entry.crc for entry in ordered]),
            struct.pack(f">{len(ordered)}I", *offsets),
            struct.pack(f">{len(large)}Q", *large),
            trailer,
        )
    )
    return content + _sha1(content)


def _sha1(content: bytes) -> bytes:
    # Git's checksum of a file that this process made: against accidents, not against forgers.
    return hashlib.sha1(content, usedforsecurity=False).digest()


def _deflate(data: bytes) -> bytes:
    if len(data) >= _SMALL:
        return zlib.compress(data, 1)
    small = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 4)
    return small.compress(data) + small.flush()


def _entry_header(kind: int, size: int) -> bytes:
    """The kind and the inflated size: four bits of size, then seven a byte, lowest first."""
    byte = kind << 4 | size & 0xF
    size >>= 4
    out = bytearray()
    while size:
        out.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    out.append(byte)
    return bytes(out)


def _size(size: int) -> bytes:
    """A size in a delta's head: seven bits a byte, lowest first."""
    out = bytearray()
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    return bytes(out)


def _distance(back: int) -> bytes:
    """How far before this object its base starts: seven bits a byte, highest first.

    Each further byte counts from one higher, so that no distance can be written in two ways.
    """
    out = [back & 0x7F]
    back >>= 7
    while back:
        back -= 1
        out.append(back & 0x7F | 0x80)
        back >>= 7
    return bytes(reversed(out))


def _copy(parts: list[bytes], offset: int, length: int) -> None:
    """Append the instructions that copy ``length`` bytes of the base, starting at ``offset``."""
    while length > 0:
        size = min(length, _MAX_COPY)
        op = 0x80
        operands = bytearray()
        for bit, byte in enumerate(offset.to_bytes(4, "little") + size.to_bytes(3, "little")):
            if byte:  # a zero byte is left out, and its bit with it
                op |= 1 << bit
                operands.append(byte)
        parts.append(bytes((op,)) + operands)
        offset += size
        length -= size
