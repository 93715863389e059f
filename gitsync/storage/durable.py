"""Files that are whole or absent, and on disk before anyone is told so.

A file is written beside its place, synced, and moved there; then the folder is synced, because a
move that only memory knows is undone by a power cut. Readers need no lock: they see the old
content or the new. Names of unfinished files start with ``tmp_``, which git itself sweeps away in
its object folders.
"""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, NamedTuple

from gitsync.domain.errors import EnvironmentFault, RefusedError
from gitsync.storage import effects

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from gitsync.codec.pack import Pack

TEMPORARY: Final = "tmp_gitsync_"

_NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
)


class _Cause(NamedTuple):
    code: str
    message: str
    hint: str | None


_FULL = _Cause(
    "disk.full", "there is no space left", "Free some space, then run the command again."
)
_READ_ONLY = _Cause(
    "disk.read-only", "the disk is read-only", "Mount it writable, or use a copy on another disk."
)
_DENIED = _Cause(
    "disk.denied", "permission is missing", "Check who owns the file and the folder it is in."
)
_CAUSES: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL._replace(message="the disk quota is used up"),
    errno.EFBIG: _Cause(
        "disk.file-too-large",
        "the file is larger than this disk or process may hold",
        "Use a disk with another file system, or raise the limit on file sizes.",
    ),
    errno.EROFS: _READ_ONLY,
    errno.EACCES: _DENIED,
    errno.EPERM: _DENIED,
    errno.ENOENT: _Cause("disk.missing", "the file or its folder does not exist", None),
}


def write_atomic(
    path: Path,
    data: bytes,
    *,
    mode: int = 0o644,
    sync: bool = True,
    drafts: Path | None = None,
) -> None:
    """Put ``data`` at ``path``, replacing what is there in one step.

    The umask narrows ``mode``. With ``sync`` the content survives a power cut once this returns.
    ``drafts`` is the folder for the unfinished file, where it may not be the folder of ``path``:
    in a work tree a kill would leave something there that git takes for the user's.
    Raises EnvironmentFault (``disk.full``, ``disk.read-only``, ``disk.denied``, ...); what was at
    ``path`` is then unchanged, and no temporary file stays.
    """
    with reporting(path):
        with _temporary(path, data, mode, sync=sync, drafts=drafts) as temporary:
            effects.rename(temporary, path)
        if sync:
            effects.sync_folder(path.parent)


def write_new(
    path: Path, data: bytes, mode: int = 0o644, *, sync: bool = True, drafts: Path | None = None
) -> None:
    """Put ``data`` at ``path``, where nothing may be yet; of several writers exactly one succeeds.

    ``drafts`` is as for :func:`write_atomic`.
    Raises RefusedError ``file.exists``, or EnvironmentFault as :func:`write_atomic` does.
    """
    with reporting(path):
        try:
            with _temporary(path, data, mode, sync=sync, drafts=drafts) as temporary:
                _claim(temporary, path, data, mode, sync=sync)
        except FileExistsError:
            raise RefusedError("file.exists", f"{path} exists already") from None
        if sync:
            effects.sync_folder(path.parent)


def write_pieces(path: Path, pieces: Iterable[bytes], mode: int = 0o644) -> None:
    """Write a file piece by piece, synced, where nothing may be yet; its name is to be synced
    later. If that fails, also by what ``pieces`` raises, no file stays.

    Raises EnvironmentFault as :func:`write_atomic` does, RefusedError ``file.exists``.
    """
    with reporting(path):
        try:
            with effects.filled(path, pieces, mode, sync=True):
                pass
        except FileExistsError:
            raise RefusedError("file.exists", f"{path} exists already") from None


def sync_file(path: Path) -> None:
    """Make what another program has written to a file survive a power cut.

    Raises EnvironmentFault.
    """
    with reporting(path):
        effects.sync_path(path)


def sync_written(path: Path) -> None:
    """Make a file that another program has just put in place, and its name, survive a power cut.

    Raises EnvironmentFault.
    """
    sync_file(path)
    with reporting(path):
        effects.sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make a folder's names survive a power cut; no folder is fine. Raises EnvironmentFault."""
    with reporting(path), suppress(FileNotFoundError):
        effects.sync_folder(path)


def sync_everything() -> None:
    """Make all that was written by anybody survive a power cut: for what is done once."""
    effects.sync_everything()


def make_folder(path: Path) -> None:
    """Make a folder, and what is missing above it; synced. Raises EnvironmentFault."""
    if not path.is_dir():
        with reporting(path):
            effects.make_folder(path)


def rename_file(path: Path, target: Path) -> None:
    """Give a file another name, in place of what had it; the folder is to be synced later.

    Raises EnvironmentFault.
    """
    with reporting(path):
        effects.rename(path, target)


def move_file(path: Path, target: Path) -> None:
    """Give a file another name on the same disk, in place of what had it; synced.

    Raises EnvironmentFault.
    """
    with reporting(path):
        effects.rename(path, target)
        effects.sync_folder(target.parent)
        if path.parent != target.parent:
            effects.sync_folder(path.parent)


def add_name(path: Path, name: Path) -> None:
    """Give the file at ``path`` the further name ``name``; synced.

    On a disk without hard links it becomes a copy. Raises RefusedError ``file.exists``, or
    EnvironmentFault.
    """
    with reporting(path):
        try:
            effects.link(path, name)
        except FileExistsError:
            raise RefusedError("file.exists", f"{name} exists already") from None
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            with effects.created(name, path.read_bytes(), path.stat().st_mode & 0o777, sync=True):
                pass
        effects.sync_folder(name.parent)


def write_whole(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write a file that must not exist yet, to be synced later; it is gone again if that fails.

    Raises RefusedError ``file.exists``, or EnvironmentFault as :func:`write_atomic` does.
    """
    with reporting(path):
        try:
            with effects.created(path, data, mode, sync=False):
                pass
        except FileExistsError:
            raise RefusedError("file.exists", f"{path} exists already") from None


def remove_file(path: Path) -> None:
    """Remove a file; none there is fine. Raises EnvironmentFault."""
    with reporting(path):
        effects.unlink(path, missing_ok=True)


def remove_tree(path: Path) -> None:
    """Remove a folder and all that is in it. Raises EnvironmentFault."""
    with reporting(path):
        effects.remove_tree(path)


def save_pack(pack: Pack, objects_dir: Path, *, sync: bool = True) -> Path:
    """Store ``pack`` in a repository's ``objects`` folder and return the path of the ``.pack``.

    The index comes last: git looks at a pack only when it has one. Files that are there already
    with this content are kept; others under these names are torn and are replaced. With ``sync``
    all of it survives a power cut once this returns. Raises EnvironmentFault, see
    :func:`write_atomic`.
    """
    folder = objects_dir / "pack"
    content, index = folder / f"{pack.name}.pack", folder / f"{pack.name}.idx"
    with reporting(folder):
        effects.make_folder(folder)
        whole = _holds(content, pack.pack, sync=sync)
        if not (whole and _holds(index, pack.index, sync=sync)):
            with _temporary(index, pack.index, 0o444, sync=sync) as temporary_index:
                if not whole:
                    with _temporary(content, pack.pack, 0o444, sync=sync) as temporary:
                        effects.rename(temporary, content)
                effects.rename(temporary_index, index)
        if sync:
            effects.sync_folder(folder)
    return content


@contextmanager
def reporting(path: Path) -> Iterator[None]:
    """Turn what the operating system reports into errors that say what to do."""
    try:
        yield
    except OSError as error:
        cause = _CAUSES.get(
            error.errno or 0,
            _Cause("disk.failed", error.strerror or "the operating system gives no reason", None),
        )
        raise EnvironmentFault(
            cause.code, f"cannot write {path}: {cause.message}", hint=cause.hint
        ) from error


@contextmanager
def _temporary(
    path: Path, data: bytes, mode: int, *, sync: bool, drafts: Path | None = None
) -> Iterator[Path]:
    """A complete file that can get the name ``path``; removed again if the block fails."""
    folder = path.parent
    if drafts is not None and drafts.stat().st_dev == folder.stat().st_dev:
        folder = drafts
    temporary = folder / f"{TEMPORARY}{os.getpid()}_{os.urandom(6).hex()}"
    with effects.created(temporary, data, mode, sync=sync):
        pass
    try:
        yield temporary
    except BaseException:
        with suppress(OSError):
            effects.unlink(temporary)
        raise


def _claim(temporary: Path, path: Path, data: bytes, mode: int, *, sync: bool) -> None:
    """Give the finished file the name ``path`` unless that is taken (FileExistsError)."""
    try:
        effects.link(temporary, path)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # FAT knows no links: still exclusive there, but a kill may leave an unfinished file.
        with effects.created(path, data, mode, sync=sync):
            pass
    effects.unlink(temporary)


def _holds(path: Path, data: bytes, *, sync: bool) -> bool:
    """Whether the file is there with exactly this content, synced if asked for."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    with open(fd, "rb") as file:  # noqa: PTH123 - a descriptor, not a path
        if os.fstat(fd).st_size != len(data) or file.read() != data:
            return False
        if sync:
            effects.sync_file(fd, path)
    return True
