"""One at a time: our own lock among the processes of this machine, and git's lock on its files."""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from gitsync.domain.errors import BugError, EnvironmentFault
from gitsync.storage import effects
from gitsync.storage.durable import TEMPORARY, reporting

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

_LONGEST_PAUSE: Final = 0.05  # seconds between two tries for a lock
_FIRST_PAUSE: Final = 0.001


class FileLock:
    """One holder at a time among the processes of this machine, by ``flock``.

    The kernel drops the lock when its holder ends, however it ends, so a left-over lock file means
    nothing and is never removed. ``timeout`` is in seconds; ``clock`` must not jump.
    """

    def __init__(
        self,
        path: Path,
        *,
        timeout: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._timeout = timeout
        self._clock = clock
        self._sleep = sleep
        self._fd: int | None = None

    def acquire(self) -> None:
        """Wait for the lock. Raises EnvironmentFault ``lock.busy`` when the time is up."""
        if self._fd is not None:
            raise BugError("lock.twice", f"{self._path} is already held by this very lock")
        deadline = self._clock() + self._timeout
        pause = _FIRST_PAUSE
        with reporting(self._path):
            while not self._try():
                left = deadline - self._clock()
                if left <= 0:
                    raise self._busy()
                self._sleep(min(pause, left))
                pause = min(pause * 2, _LONGEST_PAUSE)

    def release(self) -> None:
        """Give the lock up. Does nothing when it is not held."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with suppress(OSError):
                fcntl.flock(fd, fcntl.LOCK_UN)  # also for a forked child that inherited it
            os.close(fd)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()

    def _try(self) -> bool:
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        held = False
        try:
            held = self._locks(fd)
        finally:
            if not held:
                os.close(fd)
        if held:
            self._fd = fd
            with suppress(OSError):  # a help for whoever waits, no more
                # Not emptied first: ext4 flushes a file that was emptied and written again.
                os.pwrite(fd, b"%-11d\n" % os.getpid(), 0)
                os.ftruncate(fd, 12)
        return held

    def _locks(self, fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever deletes a locked file makes room for a second one under its name.
            return os.path.samestat(os.fstat(fd), self._path.lstat())
        except (BlockingIOError, FileNotFoundError):
            return False

    def _busy(self) -> EnvironmentFault:
        holder = b""
        with suppress(OSError), self._path.open("rb") as file:
            holder = file.read(20).strip()
        who = f"process {int(holder)}" if holder.isdigit() else "another process"
        return EnvironmentFault(
            "lock.busy",
            f"{self._path} is held by {who}",
            hint="Wait until it is done, then run the command again.",
        )


def replace_locked(path: Path, make: Callable[[], bytes], *, attempts: int = 20) -> bool:
    """Replace a file of git's under git's own lock on it, ``path``.lock, with what ``make`` gives.

    ``make`` is asked again while somebody else replaces the file; it may raise to change nothing.
    The lock is the finished, synced file under a second name, so it is held for two system calls
    only. A kill between them leaves it behind: it is known by the name that it still has besides
    and by nobody holding it, and taken away. Returns False when another program holds the lock.
    Raises EnvironmentFault.
    """
    lock = path.with_name(f"{path.name}.lock")
    draft = path.with_name(f"{path.name}.{TEMPORARY}{os.getpid()}_{os.urandom(6).hex()}")
    with reporting(path):
        _drop_stale(lock)
        for _ in range(attempts):
            before = _stamp(path)
            with effects.created(draft, make(), 0o666, sync=True) as fd:
                fcntl.flock(fd, fcntl.LOCK_EX)
                try:
                    effects.link(draft, lock)
                    if _stamp(path) == before:
                        effects.rename(lock, path)
                        effects.sync_folder(path.parent)
                        return True
                    effects.unlink(lock)
                except FileExistsError:
                    return False
                finally:
                    effects.unlink(draft)
    return False


def _drop_stale(lock: Path) -> None:
    """Remove a lock that one of us left who is no longer there."""
    name = lock.name.removesuffix(".lock")
    for draft in lock.parent.glob(f"{name}.{TEMPORARY}*"):
        try:
            fd = os.open(draft, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever comes to this point about this file is alone: a lock that was made anew in
            # the meantime is another file.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(fd), lock.lstat()):
                    effects.unlink(lock)
            effects.unlink(draft, missing_ok=True)
        except BlockingIOError:
            continue  # at work
        finally:
            os.close(fd)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    """What tells one version of a file from another, as git itself tells them."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
