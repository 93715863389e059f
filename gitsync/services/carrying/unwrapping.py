"""A bundle as one plain file, whatever it came as: in volumes, encrypted, or as it is."""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from gitsync.codec import ageheader, bundleheader, volumes
from gitsync.domain.errors import EnvironmentFault, FormatError
from gitsync.storage import agefile, effects
from gitsync.storage.bundlefile import digest_of, names_in, pieces_of, unreadable
from gitsync.storage.disks import room
from gitsync.storage.durable import TEMPORARY, write_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gitsync.storage.keys import PrivateKey

    #: Gives the key to decrypt with, and its secret if it is an Ed25519 key.
    Unlock = Callable[[], tuple[PrivateKey, bytes | None]]

_VOLUMES: Final = volumes.FIRST_LINE.encode()
_PART = re.compile(r"(.+)\.[0-9]{3}")


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
        part = _PART.fullmatch(path.name)
        if part is not None and path.is_file():
            path = path.with_name(part[1] + volumes.SUFFIX)
            if not path.exists():
                raise FormatError(
                    "bundle.volume", f"the list of the volumes, {path.name}, is not beside them",
                    hint="copy all files whose names begin the same into one folder",
                )  # fmt: skip
        file, sealed = path, False
        if beginning(file).startswith(_VOLUMES):
            file = _joined(file, stack.enter_context(effects.scratch()) / "joined")
        if beginning(file).startswith(ageheader.MAGIC):
            opened = stack.enter_context(effects.scratch()) / "opened"
            key, seed = unlock()
            agefile.decrypt(file, opened, key, seed)
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


def _joined(index: Path, target: Path) -> Path:
    """Put volumes together, each checked against its list first."""
    try:
        if index.stat().st_size > volumes.MAX_BYTES:
            raise FormatError("volumes.malformed", f"{index.name} is no list of volumes")
        listed = volumes.parse(index.read_bytes())
        parts = [index.with_name(one.name) for one in listed]
        for part, one in zip(parts, listed, strict=True):
            _is_there(part, one)
    except OSError as error:
        raise unreadable(index, error) from error
    total, free = sum(one.size for one in listed), room(target.parent)
    if total > free:
        raise EnvironmentFault(
            "bundle.no-room", f"put together, the volumes take {total} bytes, and"
            f" {target.parent.parent} has {free} free",
            hint="make room there, or name a folder on another disk: export TMPDIR=DIR",
        )  # fmt: skip
    for part, one in zip(parts, listed, strict=True):
        if digest_of([part], lambda _done: None) != (one.size, one.sha256):
            raise _other(one)
    write_pieces(target, pieces_of(parts))
    return target


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
    if not beginning(path).startswith(_VOLUMES):
        return [path]
    # What it names, and not what is called like it: those may be anybody's.
    return [path, *(path.with_name(one.name) for one in volumes.parse(path.read_bytes()))]
