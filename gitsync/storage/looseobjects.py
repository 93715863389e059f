"""Loose objects and packs, checked file by file before libgit2 opens any of them.

A torn loose object makes libgit2 loop for ever, and writing the object again changes nothing, for
git and libgit2 both believe that they have it. Formats: gitformat-pack, gitrepository-layout.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex
from gitsync.domain.objects import Oid

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FOLDER = late_regex("[0-9a-f]{2}")
_FILE = late_regex("[0-9a-f]{38}")
_HEADER = late_regex(rb"(commit|tree|blob|tag) (0|[1-9][0-9]*)\0")
_CHUNK = 1 << 16
_PACK_LEAST = 32  # bytes: header and checksum
_IDX_LEAST = 1024 + 48


@frozen
class Torn:
    """A file of the object store that is not what its name says; ``oid`` for a loose object."""

    path: Path
    why: str
    oid: Oid | None = None


def torn_objects(objects_dir: Path, newest: int | None) -> list[Torn]:
    """The loose objects that cannot be read: all empty ones, and of the others those among the
    ``newest`` files (None: of all)."""
    files = [(path.stat(), path) for path in loose_files(objects_dir)]
    files.sort(key=lambda item: item[0].st_mtime_ns, reverse=True)
    found = []
    for at, (status, path) in enumerate(files):
        oid = Oid(path.parent.name + path.name)
        if status.st_size == 0:
            found.append(Torn(path, "it is empty", oid))
        elif newest is None or at < newest:
            why = object_fault(path, oid)
            if why is not None:
                found.append(Torn(path, why, oid))
    return found


def loose_files(objects_dir: Path) -> Iterator[Path]:
    """Every file that git takes for a loose object."""
    for folder in objects_dir.iterdir():
        if _FOLDER.fullmatch(folder.name):
            yield from (one for one in folder.iterdir() if _FILE.fullmatch(one.name))


def object_fault(path: Path, oid: Oid) -> str | None:
    """What is wrong with one loose object, or None. Reads it in pieces."""
    stream, digest = zlib.decompressobj(), hashlib.sha1(usedforsecurity=False)
    head, size = b"", 0
    try:
        with path.open("rb") as file:
            while not stream.eof and (data := file.read(_CHUNK)):
                part = stream.decompress(data)
                digest.update(part)
                head, size = (head + part[: 64 - len(head)]), size + len(part)
    except FileNotFoundError:
        return None  # packed meanwhile
    except zlib.error:
        return "it does not inflate"
    except OSError as error:
        return error.strerror or "it cannot be read"
    if not stream.eof:
        return "it is cut off"
    header = _HEADER.match(head)
    if header is None or size != header.end() + int(header[2]):
        return "it is no object of git"
    return None if digest.hexdigest() == oid else "its content does not have this id"


def torn_packs(objects_dir: Path, *, full: bool) -> list[Torn]:
    """Packs and pack indexes that are cut off, do not belong together, or lack their other half.

    With ``full`` the checksums are computed, else only compared.
    """
    folder = objects_dir / "pack"
    found = [
        Torn(index, "its pack is gone")
        for index in sorted(folder.glob("pack-*.idx"))
        if not index.with_suffix(".pack").exists()
    ]
    for pack in sorted(folder.glob("pack-*.pack")):
        why = _trailer_fault(pack, b"PACK", _PACK_LEAST, full=full)
        if why is not None:
            found.append(Torn(pack, why))
            continue
        index = pack.with_suffix(".idx")
        if not index.exists():
            found.append(Torn(pack, "it has no index"))
            continue
        why = _trailer_fault(index, b"\xfftOc", _IDX_LEAST, full=full)
        if why is None and _tail(index, 40)[:20] != _tail(pack, 20):
            why = "it is not of its pack"
        if why is not None:
            found.append(Torn(index, why))
    return found


def _trailer_fault(path: Path, magic: bytes, least: int, *, full: bool) -> str | None:
    size = path.stat().st_size
    if size == 0:
        return "it is empty"
    with path.open("rb") as file:
        if file.read(len(magic)) != magic or size < least:
            return "it is cut off or garbled"
        if not full:
            return None
        file.seek(0)
        digest, left = hashlib.sha1(usedforsecurity=False), size - 20
        while left > 0 and (data := file.read(min(_CHUNK, left))):
            digest.update(data)
            left -= len(data)
        return None if digest.digest() == file.read() else "its checksum is wrong"


def _tail(path: Path, count: int) -> bytes:
    with path.open("rb") as file:
        file.seek(-count, 2)
        return file.read()
