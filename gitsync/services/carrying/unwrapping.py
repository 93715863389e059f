"""A bundle as one plain file, whatever it came as: in volumes, encrypted, or as it is."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from hashlib import sha256
from io import BufferedReader, BytesIO
from typing import TYPE_CHECKING, Final

from gitsync.codec import ageheader, bundleheader, volumes
from gitsync.domain.errors import EnvironmentFault, FormatError
from gitsync.domain.lateregex import late_regex
from gitsync.storage import agefile, effects
from gitsync.storage.across import across
from gitsync.storage.bundlefile import (
    MOST_HEAD,
    digest_of,
    names_in,
    pieces_of,
    read_bundle,
    unreadable,
)
from gitsync.storage.disks import room
from gitsync.storage.durable import TEMPORARY, write_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from gitsync.storage.bundlefile import BundleFile
    from gitsync.storage.keys import PrivateKey

    #: Takes the tags of those that a file is encrypted to, none where they are not known. Gives the
    #: key to decrypt with, and its secret if it is an Ed25519 key; None where it is not among them.
    Unlock = Callable[[frozenset[str]], tuple[PrivateKey, bytes | None] | None]

_VOLUMES: Final = volumes.FIRST_LINE.encode()
#: As much as is decrypted to find the manifest; seldom more than the first.
_LOOKS: Final = (1 << 20, 1 << 24, MOST_HEAD)
_PART = late_regex(r"(.+)\.[0-9]{3}")


def looks_like(path: Path) -> bool:
    """Whether a file begins like a bundle, an encrypted file, or a list of volumes."""
    if _PART.fullmatch(path.name) or path.is_symlink():
        return False
    begins = beginning(path)
    return begins.startswith(
        (b"# v2 git bundle\n", b"# v3 git bundle\n", ageheader.MAGIC, _VOLUMES)
    )


def found_in(folder: Path) -> list[Path]:
    """The bundles in a folder, by name; volumes by their list. Raises EnvironmentFault."""
    named = [folder / name for name in names_in(folder)]
    return [
        one for one in named
        if not one.name.startswith((TEMPORARY, ".")) and one.is_file() and looks_like(one)
    ]  # fmt: skip


@contextmanager
def plain(path: Path, unlock: Unlock) -> Iterator[tuple[Path, bool]]:
    """The bundle at ``path`` as a file that begins with a bundle's header, and whether it was
    encrypted. ``path`` may also name one of several volumes.

    Raises EnvironmentFault ``bundle.unreadable``, ``bundle.no-room``, ``bundle.key-kind``;
    FormatError ``bundle.not-one``, ``bundle.volume``, ``volumes.malformed``; RefusedError
    ``bundle.sealed``.
    """
    with ExitStack() as stack:
        file, sealed = _named(path), False
        if is_list(file):
            parts = parts_of(file)
            # Whom it is for is said at the beginning: nothing is put together for somebody else.
            key = _key(file, first_bytes([one for one, _ in parts], ageheader.MAX_BYTES), unlock)
            file = _joined(parts, stack.enter_context(effects.scratch()) / "joined")
        else:
            key = _key(file, beginning(file, ageheader.MAX_BYTES), unlock)
        if key is not None:
            opened = stack.enter_context(effects.scratch()) / "opened"
            agefile.decrypt(file, opened, *key)
            file, sealed = opened, True
        bundleheader.check_signature(beginning(file))
        yield file, sealed


def beginning(path: Path, size: int = 200) -> bytes:
    """The first bytes of a file. Raises EnvironmentFault ``bundle.unreadable``."""
    try:
        with path.open("rb") as file:
            return file.read(size)
    except OSError as error:
        raise unreadable(path, error) from error


def _named(path: Path) -> Path:
    """The list of the volumes, where one of them is named."""
    part = _PART.fullmatch(path.name)
    if part is None or not path.is_file():
        return path
    index = path.with_name(part[1] + volumes.SUFFIX)
    if not index.exists():
        raise FormatError(
            "bundle.volume", f"the list of the volumes, {index.name}, is not beside them",
            hint="copy all files whose names begin the same into one folder",
        )  # fmt: skip
    return index


def _key(path: Path, begins: bytes, unlock: Unlock) -> tuple[PrivateKey, bytes | None] | None:
    """What opens a file that begins so; None for one that is not encrypted."""
    if not begins.startswith(ageheader.MAGIC):
        return None
    found = unlock(ageheader.tags(begins))
    if found is None:
        raise agefile.not_ours(path.name)
    return found


def glance(path: Path, unlock: Unlock) -> tuple[BundleFile, bool]:
    """What the bundle at ``path`` says at its beginning, and whether it is encrypted. Only that
    much is read, of volumes and of what is encrypted too, and nothing is put together: whether the
    rest is whole is not known.

    Raises as :func:`plain` does.
    """
    path = _named(path)
    files = [one for one, _ in parts_of(path)] if is_list(path) else [path]
    try:
        begins = first_bytes(files, ageheader.MAX_BYTES)
        size = sum(one.stat().st_size for one in files)
        key = _key(path, begins, unlock)
        if key is None:
            bundleheader.check_signature(begins)
            with across(files) as file:
                return read_bundle(file, path, size), False
        size = ageheader.plain_size(size, begins)
        for look in _LOOKS:
            with across(files) as file:
                data = agefile.decrypt_head(file, path.name, *key, look)
            with suppress(FormatError):
                return read_bundle(BufferedReader(BytesIO(data)), path, size), True
            if len(data) < look:
                break
        return read_bundle(BufferedReader(BytesIO(data)), path, size), True
    except OSError as error:
        raise unreadable(path, error) from error


def first_bytes(files: Sequence[Path], size: int) -> bytes:
    """The first bytes of several files as one. Raises EnvironmentFault ``bundle.unreadable``."""
    try:
        with across(files) as file:
            return file.read(size)
    except OSError as error:
        raise unreadable(files[0], error) from error


def is_list(path: Path) -> bool:
    """Whether a file is a list of volumes. Raises EnvironmentFault ``bundle.unreadable``."""
    return beginning(path).startswith(_VOLUMES)


def parts_of(index: Path) -> list[tuple[Path, volumes.Volume]]:
    """The volumes that a list names, each there with the size that is stated. Raises FormatError
    ``volumes.malformed``, ``bundle.volume``, EnvironmentFault ``bundle.unreadable``."""
    try:
        if index.stat().st_size > volumes.MAX_BYTES:
            raise FormatError("volumes.malformed", f"{index.name} is no list of volumes")
        parts = [(index.with_name(one.name), one) for one in volumes.parse(index.read_bytes())]
        for part, one in parts:
            _is_there(part, one)
    except OSError as error:
        raise unreadable(index, error) from error
    return parts


def _joined(parts: Sequence[tuple[Path, volumes.Volume]], target: Path) -> Path:
    """Put volumes together, each checked against its list first."""
    total, free = sum(one.size for _, one in parts), room(target.parent)
    if total > free:
        raise EnvironmentFault(
            "bundle.no-room", f"put together, the volumes take {total} bytes, and"
            f" {target.parent.parent} has {free} free",
            hint="make room there, or name a folder on another disk: export TMPDIR=DIR",
        )  # fmt: skip
    for part, one in parts:
        if digest_of([part], lambda _done: None) != (one.size, one.sha256):
            raise _other(one)
    write_pieces(target, pieces_of(part for part, _ in parts))
    return target


def checked(parts: Sequence[tuple[Path, volumes.Volume]]) -> Iterator[bytes]:
    """The bytes of volumes one after the other, each held against its list when it has been read.
    Raises FormatError ``bundle.volume``, EnvironmentFault ``bundle.unreadable``."""
    for part, one in parts:
        digest, left = sha256(), one.size
        for piece in pieces_of([part]):
            # No more than was stated, should it grow meanwhile.
            digest.update(piece[:left])
            yield piece[:left]
            left -= min(left, len(piece))
            if not left:
                break
        if left or digest.hexdigest() != one.sha256:
            raise _other(one)


def _is_there(part: Path, one: volumes.Volume) -> None:
    """Whether a volume is a file of the size that the list states. Nothing else is opened: a pipe
    or a device would never end."""
    if part.is_symlink() or not part.is_file():
        raise FormatError(
            "bundle.volume", f"the volume {one.name} is missing",
            hint="copy all volumes into one folder, with their names as they were",
        )  # fmt: skip
    if part.stat().st_size != one.size:
        raise _other(one)


def _other(one: volumes.Volume) -> FormatError:
    return FormatError(
        "bundle.volume", f"the volume {one.name} is cut, altered, or of another bundle",
        hint="copy all volumes again from where they were written",
    )  # fmt: skip


def files_of(path: Path) -> list[Path]:
    """The files that a bundle is made of: a list of volumes before them, so that without it they
    are nothing at once. Raises FormatError, EnvironmentFault."""
    if not is_list(path):
        return [path]
    # What it names, and not what is called like it: those may be anybody's.
    return [path, *(path.with_name(one.name) for one in volumes.parse(path.read_bytes()))]
