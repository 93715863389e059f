"""Bundle files: written piece by piece and read back, opened without trusting a byte.

A bundle is a header, then a pack (gitformat-bundle). Ours has the objects of its manifest at the
beginning of the pack, put before what ``git pack-objects`` makes: distances inside a pack are
relative, so the rest stays as it is, only the count and the checksum are new.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from gitsync.codec import bundleheader, packhead, volumes
from gitsync.codec.volumes import Volume
from gitsync.domain.carrying import MANIFEST_REF
from gitsync.domain.errors import EnvironmentFault, FormatError, RefusedError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.storage import gitcli
from gitsync.storage.batchfiles import sweep
from gitsync.storage.durable import (
    TEMPORARY,
    remove_file,
    rename_file,
    reporting,
    sync_folder,
    write_new,
    write_pieces,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from io import BufferedReader
    from pathlib import Path

    from gitsync.codec.bundleheader import Header

_PIECE: Final = 1 << 20
_FIRST_LOOK: Final = 1 << 16
#: As much of a pack as is read to find its manifest; the largest one compresses below this.
_MOST_LOOK: Final = 64 << 20
_MAX_HEADER_BYTES: Final = 128 << 20
#: So much of a bundle has its header and its manifest, however large they are.
MOST_HEAD: Final = _MAX_HEADER_BYTES + _MOST_LOOK
#: Bounds of the manifest's commit, tree and blob, in bytes.
_LIMITS: Final = (1 << 20, 1 << 10, 64 << 20)
# Git maps packs into memory without end, and holds ten large files at once in search of a delta:
# half of what it writes, or all of it.
_FRUGAL: Final = (
    "-c", "core.packedGitWindowSize=16m", "-c", "core.packedGitLimit=128m",
    "-c", "core.bigFileThreshold=32m", "-c", "pack.windowMemory=64m",
)  # fmt: skip


@frozen
class BundleFile:
    """An opened bundle: its header, where its pack begins, and the first objects of the pack as
    (kind, content). Nothing of it has been checked but its form."""

    path: Path
    size: int
    header: Header
    pack_at: int
    objects: int
    head: tuple[tuple[str, bytes], ...]


def open_bundle(path: Path) -> BundleFile:
    """Read the header of a bundle and the first objects of its pack.

    Raises EnvironmentFault ``bundle.unreadable``, FormatError ``bundle.*``.
    """
    try:
        with path.open("rb") as file:
            return read_bundle(file, path, os.fstat(file.fileno()).st_size)
    except OSError as error:
        raise unreadable(path, error) from error


def read_bundle(file: BufferedReader, path: Path, size: int) -> BundleFile:
    """The same of a reader that stands at a bundle's beginning: of the ``size`` bytes at ``path``,
    or of so many that come out of it. Raises OSError, FormatError ``bundle.*``.
    """
    lines = [file.readline(len(bundleheader.SIGNATURE))]
    bundleheader.check_signature(lines[0] + file.peek(200)[:200])
    read = 0
    while lines[-1] != b"\n":
        line = file.readline(bundleheader.MAX_LINE_BYTES + 1)
        read += len(line)
        if not line.endswith(b"\n") or read > _MAX_HEADER_BYTES:
            raise FormatError("bundle.header", "the bundle's header is cut or endless")
        lines.append(line)
    header = bundleheader.parse(b"".join(lines))
    pack_at = file.tell()
    head = _first_objects(file.read) if MANIFEST_REF in header.refs else ()
    file.seek(pack_at)
    objects = packhead.read_count(file.read(packhead.HEADER_BYTES))
    return BundleFile(path, size, header, pack_at, objects, head)


def _first_objects(read: Callable[[int], bytes]) -> tuple[tuple[str, bytes], ...]:
    """The objects of the manifest; more is read while there is more, and they may need it."""
    data, look = b"", _FIRST_LOOK
    while True:
        more = read(look - len(data))
        data += more
        try:
            return tuple(packhead.read_objects(data, _LIMITS))
        except packhead.CutError:
            if not more or look >= _MOST_LOOK:
                raise
            look *= 4


def unreadable(path: Path, error: OSError) -> EnvironmentFault:
    """The error for a file or folder that cannot be read, a stick that is gone among them."""
    return EnvironmentFault(
        "bundle.unreadable", f"{path} cannot be read: {error.strerror or error}",
        hint="check that the stick is in, and mounted",
    )  # fmt: skip


def check_pack(bundle: BundleFile, progress: Callable[[int, int], None]) -> None:
    """Whether the pack is whole: its own checksum, up to the very end of the file.

    ``progress`` takes bytes done and in all. Raises FormatError ``bundle.damaged``,
    EnvironmentFault ``bundle.unreadable``.
    """
    left = bundle.size - bundle.pack_at - packhead.TRAILER_BYTES
    digest = hashlib.sha1(usedforsecurity=False)
    total = max(left, 0)
    try:
        with bundle.path.open("rb") as file:
            file.seek(bundle.pack_at)
            while left > 0:
                piece = file.read(min(left, _PIECE))
                if not piece:
                    break
                digest.update(piece)
                left -= len(piece)
                progress(total - left, total)
            whole = left == 0 and file.read() == digest.digest()
    except OSError as error:
        raise unreadable(bundle.path, error) from error
    if not whole:
        raise FormatError(
            "bundle.damaged", "the bundle is cut, altered, or has something behind its end",
            hint="copy it again from where it was written, or have it written again",
        )  # fmt: skip


# -- writing --------------------------------------------------------------------------------


@frozen
class Written:
    """What was written: the parts in their order, all of them or the only one, and the list that
    several have beside them."""

    parts: tuple[tuple[Path, Volume], ...]
    index: Path | None = None

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(one.size for _, one in self.parts)

    @property
    def path(self) -> Path:
        """What to import: the only file, or the list of the volumes."""
        return self.index or self.parts[0][0]

    @property
    def files(self) -> tuple[Path, ...]:
        """All files."""
        listed = (self.index,) if self.index is not None else ()
        return (*(path for path, _ in self.parts), *listed)


def bundle_pieces(
    git_dir: Path, header: bytes, head: Sequence[tuple[str, bytes]], revs: Iterable[str]
) -> Iterator[bytes]:
    """The bytes of a bundle: ``head`` (kind, content) first in its pack, then what ``revs`` name.

    ``revs`` are object ids, those not to be sent with a ``^`` before them. Raises GitError.
    """
    yield header
    digest = hashlib.sha1(usedforsecurity=False)
    args = [
        *_FRUGAL,
        "pack-objects",
        "--revs",
        "--thin",
        "--delta-base-offset",
        "--stdout",
        "--quiet",
    ]
    stream = gitcli.pour(args, cwd=git_dir, stdin="".join(f"{one}\n" for one in revs).encode())
    first = b""
    for piece in stream:
        first += piece
        if len(first) > packhead.HEADER_BYTES + packhead.TRAILER_BYTES:
            break
    own = b"".join(packhead.encode_object(kind, data) for kind, data in head)
    start = packhead.encode_header(packhead.read_count(first) + len(head)) + own
    digest.update(start)
    yield start
    held = first[packhead.HEADER_BYTES :]
    for piece in stream:
        held += piece
        ready, held = held[: -packhead.TRAILER_BYTES], held[-packhead.TRAILER_BYTES :]
        digest.update(ready)
        yield ready
    rest = held[: -packhead.TRAILER_BYTES]
    digest.update(rest)
    yield rest + digest.digest()


def write_bundle(
    target: Path, pieces: Iterable[bytes], *, split: int | None, progress: Callable[[int], None]
) -> Written:
    """Write ``pieces`` beside ``target`` and give the result its name, or several names.

    What is larger than ``split`` bytes becomes volumes with numbered names and a list of them,
    which comes last: without it they are nothing yet. All is synced under other names first; none
    of it stays if that fails. ``progress`` takes the bytes written so far. Raises EnvironmentFault
    ``disk.*``, RefusedError ``file.exists``, UsageError ``bundle.split``, and what ``pieces``
    raises.
    """
    _is_free(target)
    sweep(target.parent)
    source = _Counted(pieces, progress)
    waiting: list[tuple[Path, Volume]] = []
    done: list[Path] = []
    try:
        while not source.ended:
            if len(waiting) == volumes.MAX_VOLUMES:
                raise UsageError(
                    "bundle.split", f"the bundle takes more than {volumes.MAX_VOLUMES} volumes",
                    hint="let them be larger: --split 700M",
                )  # fmt: skip
            draft = target.with_name(f"{TEMPORARY}{os.getpid()}_{os.urandom(6).hex()}")
            write_pieces(draft, source.take(split))
            name = f"{target.name}.{len(waiting) + 1:03d}"
            waiting.append((draft, Volume(name, source.part, source.digest.hexdigest())))
        if len(waiting) == 1:
            draft, part = waiting.pop()
            rename_file(draft, target)
            sync_folder(target.parent)
            return Written(((target, replace(part, name=target.name)),))
        parts = []
        for draft, part in list(waiting):
            path = target.with_name(part.name)
            _is_free(path)
            rename_file(draft, path)
            waiting.remove((draft, part))
            done.append(path)
            parts.append((path, part))
        sync_folder(target.parent)
        index = target.with_name(target.name + volumes.SUFFIX)
        write_new(index, volumes.encode(tuple(part for _, part in parts)))
    except BaseException as error:
        for path in (*(draft for draft, _ in waiting), *done):
            with suppress(EnvironmentFault):
                remove_file(path)
        if isinstance(error, EnvironmentFault) and error.code == "disk.file-too-large":
            error.hint = "have it cut into volumes: --split 2G"
        raise
    return Written(tuple(parts), index)


def _is_free(path: Path) -> None:
    if path.exists():
        raise RefusedError("file.exists", f"{path} exists already")


class _Counted:
    """Pieces that are handed out in stretches, counted and hashed on the way."""

    def __init__(self, pieces: Iterable[bytes], progress: Callable[[int], None]) -> None:
        self._pieces = iter(pieces)
        self._left = b""
        self._progress = progress
        self._size = 0
        self.part = 0
        self.digest = hashlib.sha256()
        self.ended = False

    def take(self, limit: int | None) -> Iterator[bytes]:
        """The next ``limit`` bytes, or all of them; afterwards ``ended`` tells whether that was
        the end, ``part`` and ``digest`` are of this stretch."""
        self.part, self.digest = 0, hashlib.sha256()
        while (limit is None or self.part < limit) and self._more():
            piece = self._left if limit is None else self._left[: limit - self.part]
            self._left = self._left[len(piece) :]
            self.part += len(piece)
            self._size += len(piece)
            self.digest.update(piece)
            self._progress(self._size)
            yield piece
        self._more()

    def _more(self) -> bool:
        while not self._left and not self.ended:
            following = next(self._pieces, None)
            self.ended = following is None
            self._left = following or b""
        return bool(self._left)


def read_back(written: Written, progress: Callable[[int, int], None]) -> None:
    """Read what was written from the disk itself and compare.

    Raises EnvironmentFault ``bundle.not-written``, ``bundle.unreadable``; the bad files are gone.
    """
    for path, part in written.parts:
        found = digest_of([path], lambda done: progress(done, written.size), from_disk=True)
        if found != (part.size, part.sha256):
            for one in written.files:
                remove_file(one)
            raise EnvironmentFault(
                "bundle.not-written", f"{path} does not read back as it was written",
                hint="the stick is worn or lies about its size: use another one",
            )  # fmt: skip


def digest_of(
    files: Iterable[Path], progress: Callable[[int], None], *, from_disk: bool = False
) -> tuple[int, str]:
    """Size and SHA-256 of several files as one; ``from_disk`` passes by what memory holds of them.

    Raises EnvironmentFault ``bundle.unreadable``.
    """
    digest, size = hashlib.sha256(), 0
    for path in files:
        try:
            with path.open("rb") as file:
                if from_disk and hasattr(os, "posix_fadvise"):
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
                while piece := file.read(_PIECE):
                    digest.update(piece)
                    size += len(piece)
                    progress(size)
        except OSError as error:
            raise unreadable(path, error) from error
    return size, digest.hexdigest()


def pieces_of(files: Iterable[Path]) -> Iterator[bytes]:
    """The content of several files, one after the other. Raises EnvironmentFault."""
    for path in files:
        try:
            with path.open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        except OSError as error:
            raise unreadable(path, error) from error


def names_in(folder: Path) -> list[str]:
    """The names in a folder, sorted. Raises EnvironmentFault ``bundle.unreadable``."""
    try:
        return sorted(one.name for one in folder.iterdir())
    except OSError as error:
        raise unreadable(folder, error) from error


def copy_in_parts(source: Path, target: Path, split: int | None) -> Path:
    """Copy a file, in volumes where it is larger than ``split`` bytes; returns what to import.

    Raises EnvironmentFault, and in volumes RefusedError ``file.exists``.
    """
    if split is None or source.stat().st_size <= split:
        copy_file(source, target)
        return target
    return write_bundle(target, pieces_of([source]), split=split, progress=lambda _: None).path


def copy_file(source: Path, target: Path) -> None:
    """Copy a file under its new name, whole and synced, or not at all. Raises EnvironmentFault."""
    put_pieces(pieces_of([source]), target)


def put_pieces(pieces: Iterable[bytes], target: Path) -> None:
    """Write a file under its name, whole and synced, or not at all. Raises EnvironmentFault, and
    what ``pieces`` raises."""
    draft = target.with_name(f"{TEMPORARY}{os.getpid()}_{os.urandom(6).hex()}")
    write_pieces(draft, pieces)
    with reporting(target):
        rename_file(draft, target)
    sync_folder(target.parent)
