"""Everything that gitsync does to a disk or by another program, in one place.

Each effect has a kind and names what it changes. An observer that a caller puts around a block
(:func:`observed`) stands around every effect in it: it may record it, do it, do it twice, leave it
out, raise what a disk raises, or end the process before or after. So a test of faults needs to
know nothing of the code that it tests, and counts what there is to be tested. Production has no
observer; then an effect is the system call and one look at a variable.

Nothing else in the package calls what changes a file or starts a program
(``tests/faults/test_seam.py`` reads the source).
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path
    from subprocess import CompletedProcess, Popen

_F_FULLFSYNC: Final[int | None] = getattr(fcntl, "F_FULLFSYNC", None)

Done = TypeVar("Done")


class Effect(NamedTuple):
    """One effect.

    ``kind`` is ``create``, ``sync``, ``sync-folder``, ``rename``, ``link``, ``unlink``,
    ``folder``, ``remove-tree``, ``index`` (a transaction of the cache), ``git`` (a git that
    changes something), ``ask`` (a git that only reads) or ``program`` (any other). ``path`` is
    what changes, or the program's folder; ``source`` the other name of a rename or link; ``data``
    the bytes of a file that is created; ``args`` the arguments of a program.
    """

    kind: str
    path: str
    source: str = ""
    data: bytes = b""
    args: tuple[str, ...] = ()


if TYPE_CHECKING:
    Observer = Callable[[Effect, Callable[[], Any]], Any]

_observer: ContextVar[Observer | None] = ContextVar("gitsync_effects", default=None)


@contextmanager
def observed(observer: Observer | None) -> Iterator[None]:
    """Let ``observer(effect, act)`` stand around each effect of the block, also in children that
    it forks. It calls ``act`` to have the effect happen and returns what that returned."""
    token = _observer.set(observer)
    try:
        yield
    finally:
        _observer.reset(token)


def perform(effect: Effect, act: Callable[[], Done]) -> Done:
    """Do ``act``, which is ``effect``."""
    observer = _observer.get()
    if observer is None:
        return act()
    done: Done = observer(effect, act)
    return done


# -- files ----------------------------------------------------------------------------------


@contextmanager
def created(path: Path, data: bytes, mode: int, *, sync: bool) -> Iterator[int]:
    """A new file with this content, synced if asked for, and its descriptor for the block.

    Raises OSError; FileExistsError where something has the name. What could not be written whole
    is removed again.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            perform(Effect("create", str(path), data=data), lambda: _write(fd, data))
            if sync:
                sync_file(fd, path)
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise
        yield fd
    finally:
        os.close(fd)


@contextmanager
def filled(path: Path, pieces: Iterable[bytes], mode: int, *, sync: bool) -> Iterator[None]:
    """A new file with the content that ``pieces`` give one after the other, as :func:`created`
    makes one of bytes. What ``pieces`` raises is let through, and no file stays."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        try:
            perform(Effect("create", str(path)), lambda: _fill(fd, pieces))
            if sync:
                sync_file(fd, path)
        except BaseException:
            with suppress(OSError):
                path.unlink()
            raise
        yield
    finally:
        os.close(fd)


def _fill(fd: int, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        _write(fd, piece)


def _write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:  # the kernel may take less than it is given
        try:
            rest = rest[os.write(fd, rest) :]
        except PermissionError as error:
            # A file that is open for writing may be written: fusefat says so of a full disk.
            if os.fstatvfs(fd).f_bavail * os.fstatvfs(fd).f_frsize >= len(rest):
                raise
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error


def sync_file(fd: int, path: Path) -> None:
    """Make what was written to an open file survive a power cut."""
    perform(Effect("sync", str(path)), lambda: _sync(fd))


def sync_path(path: Path) -> None:
    """Make the content of the file at ``path`` survive a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        sync_file(fd, path)
    finally:
        os.close(fd)


def sync_everything() -> None:
    """Make all that was written by anybody survive a power cut (sync(2))."""
    perform(Effect("sync", "/"), os.sync)


def sync_folder(path: Path) -> None:
    """Make the names in a folder survive a power cut."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        perform(Effect("sync-folder", str(path)), lambda: _sync(fd))
    except OSError as error:
        # Some file systems cannot sync a folder and have nothing to lose by it.
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
            raise
    finally:
        os.close(fd)


def _sync(fd: int) -> None:
    if _F_FULLFSYNC is not None:  # macOS: fsync alone stops at the drive's own cache
        with suppress(OSError):
            fcntl.fcntl(fd, _F_FULLFSYNC)
            return
    os.fsync(fd)


def rename(source: Path, target: Path) -> None:
    """Give a file the name ``target``, taking it from whatever had it."""
    perform(Effect("rename", str(target), str(source)), lambda: source.replace(target))


def link(source: Path, target: Path) -> None:
    """Give a file the further name ``target``. Raises FileExistsError where that is taken."""
    perform(Effect("link", str(target), str(source)), lambda: target.hardlink_to(source))


def unlink(path: Path, *, missing_ok: bool = False) -> None:
    """Take a name away."""
    perform(Effect("unlink", str(path)), lambda: path.unlink(missing_ok=missing_ok))


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder and those above it, as far as they are missing, each synced into its own."""
    for missing in reversed([one for one in (path, *path.parents) if not one.exists()]):
        perform(Effect("folder", str(missing)), partial(missing.mkdir, mode, exist_ok=True))
        sync_folder(missing.parent)


def remove_tree(path: Path) -> None:
    """Remove a folder and all that is in it."""
    import shutil

    perform(Effect("remove-tree", str(path)), lambda: shutil.rmtree(path))


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that only this user can enter, gone afterwards. What is written there is no effect:
    nobody looks for it after a crash."""
    from pathlib import Path
    from tempfile import TemporaryDirectory

    with TemporaryDirectory(prefix="gitsync-") as folder:
        yield Path(folder)


# -- programs -------------------------------------------------------------------------------


def run(
    effect: Effect,
    command: Sequence[str],
    **how: Any,  # noqa: ANN401 - handed on as it is
) -> CompletedProcess[bytes]:
    """Run a program and wait for it, as ``subprocess.run`` does; it is announced as ``effect``."""
    import subprocess

    return perform(effect, lambda: subprocess.run(command, check=False, **how))


def start(command: Sequence[str], env: Mapping[str, str]) -> Popen[bytes]:
    """Start a program that only shows something, fed from our side."""
    import subprocess

    return perform(
        Effect("program", "", args=tuple(command)),
        lambda: subprocess.Popen(command, stdin=subprocess.PIPE, env=dict(env)),
    )


def converse(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], *, fed: bool = True
) -> Popen[bytes]:
    """Start a program that only answers: questions that it is ``fed``, or the one of its arguments.
    Then what it complains of is kept too, and it works beside us in a session of its own, which
    Linux gives no more of the processors than ours, however many threads it has."""
    import subprocess

    return perform(
        Effect("ask", str(cwd), args=tuple(command[1:])),
        lambda: subprocess.Popen(
            command, cwd=cwd, env=dict(env), stdout=subprocess.PIPE,
            stdin=subprocess.PIPE if fed else subprocess.DEVNULL,
            stderr=subprocess.DEVNULL if fed else subprocess.PIPE, start_new_session=not fed,
        ),
    )  # fmt: skip


def pour(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Popen[bytes]:
    """Start a program that is fed once and then gives bytes, too many to be kept in memory."""
    import subprocess

    return perform(
        Effect("ask", str(cwd), args=tuple(command[1:])),
        lambda: subprocess.Popen(
            command, cwd=cwd, env=dict(env),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ),
    )  # fmt: skip
