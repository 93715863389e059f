"""Loose objects, read here: one that a power cut has torn makes libgit2 search for ever.

Stock git writes what it fetches in small numbers, and what it adds, as one deflated file each and
does not sync it. After a cut such a file may be empty, short or full of zeros; libgit2 (issue
7342) never comes back from one. So libgit2 is shown packs only, and these files are inflated here,
bounded by the size that they state (gitrepository-layout, git's object-file.c).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final

from gitsync.domain.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitsync.domain.objects import Oid

_KINDS: Final = frozenset({b"commit", b"tree", b"blob", b"tag"})
_HEADER_BYTES: Final = 32  # the longest kind, 19 digits, a space and a zero byte
_MAX_ALTERNATES: Final = 5  # levels, as in git


def object_folders(objects: Path, depth: int = 0) -> list[Path]:
    """The object folder of a repository and those that it borrows from (``info/alternates``)."""
    found = [objects]
    try:
        lines = (objects / "info" / "alternates").read_bytes().splitlines()
    except OSError:
        return found
    for line in lines:
        if line and not line.startswith(b"#") and depth < _MAX_ALTERNATES:
            folder = objects / line.decode("utf-8", "surrogateescape")
            found += object_folders(folder, depth + 1)
    return found


class LooseObjects:
    """The loose objects of some object folders.

    What lies in a fan-out folder is listed once, at the first question about it: a later file was
    written whole by a git that is still running, and :meth:`look` finds it.
    """

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders
        self._listed: dict[str, dict[str, Path]] = {}

    def find(self, oid: Oid) -> Path | None:
        """Where the object lay when its fan-out folder was listed, or None."""
        listed = self._listed.get(oid[:2])
        if listed is None:
            listed = self._listed[oid[:2]] = dict(self._list(oid[:2]))
        return listed.get(oid[2:]) if listed else None

    def _list(self, fan: str) -> Iterator[tuple[str, Path]]:
        for folder in reversed(self._folders):
            try:
                for path in (folder / fan).iterdir():
                    yield path.name, path
            except (FileNotFoundError, NotADirectoryError):
                continue

    def look(self, oid: Oid) -> Path | None:
        """Where the object lies now, or None."""
        for folder in self._folders:
            path = folder / oid[:2] / oid[2:]
            if path.is_file():
                return path
        return None

    def all_in(self) -> Iterator[Path]:
        """Every loose object's file."""
        for folder in self._folders:
            yield from folder.glob("[0-9a-f][0-9a-f]/*")


def read_loose(path: Path) -> tuple[str, bytes]:
    """Kind and content of a loose object; whether that is the object named is not checked here.

    Raises FormatError ``object.torn``, or OSError.
    """
    raw = path.read_bytes()
    inflater = zlib.decompressobj()
    try:
        start = inflater.decompress(raw, _HEADER_BYTES)
        kind, size, rest = _header(start)
        data = rest + inflater.decompress(inflater.unconsumed_tail, max(1, size + 1 - len(rest)))
        if not inflater.eof and len(data) == size:
            data += inflater.decompress(inflater.unconsumed_tail, 1)
    except zlib.error as error:
        raise FormatError("object.torn", f"its file is torn: {error}") from None
    if len(data) != size or not inflater.eof:
        raise FormatError("object.torn", f"its file is torn: {len(data)} bytes of {size}")
    return kind, data


def _header(start: bytes) -> tuple[str, int, bytes]:
    head, zero, rest = start.partition(b"\0")
    kind, _, digits = head.partition(b" ")
    if not zero or kind not in _KINDS or not digits.isdigit():
        raise FormatError("object.torn", "its file is torn: it does not say what it holds")
    return kind.decode(), int(digits), rest
