"""The first objects of a pack, written and read without the rest (gitformat-pack, version 2).

A bundle's manifest stands at the beginning of its pack, whole and not as a delta. So it can be read
from the first bytes, by somebody who has none of the objects that the rest builds on.
"""

from __future__ import annotations

import struct
import zlib
from typing import Final

from gitsync.domain.errors import FormatError

_KINDS: Final = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
_NAMES: Final = {number: name for name, number in _KINDS.items()}
HEADER_BYTES: Final = 12
TRAILER_BYTES: Final = 20


class CutError(FormatError):
    """The bytes end before the objects do."""


def encode_header(count: int) -> bytes:
    """The 12 bytes before the first object."""
    return struct.pack(">4sII", b"PACK", 2, count)


def read_count(data: bytes) -> int:
    """The number of objects that a pack's header states. Raises FormatError ``bundle.pack``."""
    if len(data) < HEADER_BYTES:
        raise CutError("bundle.pack", "the bundle ends before its pack begins")
    magic, version, count = struct.unpack(">4sII", data[:HEADER_BYTES])
    if magic != b"PACK" or version != 2:
        raise FormatError("bundle.pack", "there is no pack behind the bundle's header")
    return int(count)


def encode_object(kind: str, data: bytes) -> bytes:
    """One object as a pack holds it, whole."""
    size = len(data)
    byte = _KINDS[kind] << 4 | size & 0xF
    size >>= 4
    out = bytearray()
    while size:
        out.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    out.append(byte)
    return bytes(out) + zlib.compress(data, 6)


def read_objects(data: bytes, limits: tuple[int, ...]) -> list[tuple[str, bytes]]:
    """Kind and content of the first objects of a pack, each of at most ``limits`` bytes.

    Raises CutError where ``data`` ends too early, FormatError ``bundle.pack`` for anything else.
    """
    count = read_count(data)
    if count < len(limits):
        raise FormatError("bundle.pack", "the pack holds no manifest")
    found = []
    at = HEADER_BYTES
    for limit in limits:
        kind, size, at = _entry(data, at)
        if size > limit:
            raise FormatError("bundle.pack", f"an object of the manifest exceeds {limit} bytes")
        content, at = _inflate(data, at, size)
        found.append((_NAMES[kind], content))
    return found


def _inflate(data: bytes, at: int, size: int) -> tuple[bytes, int]:
    """(content, offset behind it) of the deflated bytes at ``at``, never more than was stated."""
    inflater = zlib.decompressobj()
    try:
        content = inflater.decompress(data[at:], size + 1)
    except zlib.error as error:
        raise FormatError("bundle.pack", "the manifest's objects are damaged") from error
    if len(content) > size or (inflater.eof and len(content) < size):
        raise FormatError("bundle.pack", "an object of the manifest lies about its size")
    if not inflater.eof:
        raise CutError("bundle.pack", "the bundle ends within its manifest")
    return content, len(data) - len(inflater.unused_data)


def _entry(data: bytes, at: int) -> tuple[int, int, int]:
    """(kind, size, offset of the deflated bytes) of the whole object at ``at``."""
    kind, size, behind = entry_header(data, at)
    if kind not in _NAMES:
        raise FormatError("bundle.pack", "the manifest is not at the pack's beginning")
    return kind, size, behind


def entry_header(data: bytes, at: int) -> tuple[int, int, int]:
    """(kind as a number, size in bytes, offset behind it) of the object at ``at``.

    Raises CutError where ``data`` ends too early, FormatError ``bundle.pack`` for a size that
    cannot be.
    """
    size, shift, kind = 0, 4, 0
    for place in range(10):
        if at + place >= len(data):
            raise CutError("bundle.pack", "the bundle ends within its manifest")
        byte = data[at + place]
        if place == 0:
            kind, size = byte >> 4 & 7, byte & 0xF
        else:
            size |= (byte & 0x7F) << shift
            shift += 7
        if not byte & 0x80:
            return kind, size, at + place + 1
    raise FormatError("bundle.pack", "an object of the manifest has an impossible size")
