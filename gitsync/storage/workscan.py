"""What the files of a work tree have in them that HEAD has not: asked of git, in the background.

``git status`` compares stat data of 100,000 files in 70 ms, on several cores, and needs as long
again to look for new files, unless the index carries its cache of folders. Ours is a private copy
of the user's index: git may refresh it and keep that cache in it; the user's own is not touched.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

# Git runs from here on while Python loads the rest: until then each import is a wait.
from gitsync.storage import effects
from gitsync.storage.gitenv import environment

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.objects import Oid

_STATUS = (
    "-c", "core.untrackedCache=true", "-c", "status.showUntrackedFiles=all",
    "-c", "core.fsmonitor=false", "-c", "core.quotePath=false",
    "status", "--porcelain=v2", "--branch", "-z", "--no-renames", "--no-ahead-behind",
    "--untracked-files=all", "--ignore-submodules=all",
)  # fmt: skip
_NICE = 10
_TRAILER = 20  # bytes of the checksum that ends an index


class Scanned(NamedTuple):
    """The commit of HEAD (None before the first), and the paths whose files may differ from it."""

    commit: Oid | None
    paths: frozenset[bytes]


class WorkScan:
    """A running ``git status``. Start it early; :meth:`result` waits for it."""

    def __init__(self, git_dir: Path, root: Path) -> None:
        """``git_dir`` is the work tree's own; ``root`` is where its files lie."""
        self.git_dir = git_dir
        self._over = False
        env = {}
        copy = _private_index(git_dir)
        if copy is not None:
            env = {"GIT_INDEX_FILE": str(copy), "GIT_OPTIONAL_LOCKS": "1"}
        self._process = effects.converse(["git", *_STATUS], root, environment(env), fed=False)
        # Git compares stat data in twenty threads, which would leave us little of two processors.
        # Where a session of its own does not matter to the system, being nice does.
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICE)

    @property
    def running(self) -> bool:
        """Whether git still looks: what is done until it ends costs no time."""
        return self._process.poll() is None

    def result(self) -> Scanned:
        """What git found. Raises GitError."""
        self._over = True
        out, err = self._process.communicate()
        if self._process.returncode != 0:
            from gitsync.storage import gitcli

            done = gitcli.Result(self._process.returncode, out, err.decode("utf-8", "replace"))
            raise gitcli.GitError(["status"], done)
        return parse_status(out)

    def cancel(self) -> None:
        """Let go of it, unless somebody has asked: nobody needs to know."""
        if self._over:
            return
        self._over = True
        with suppress(OSError):
            self._process.terminate()  # which lets git remove its lock
        self._process.communicate()


def scan_ahead(cwd: Path) -> WorkScan | None:
    """A scan of the work tree that ``cwd`` lies in, if that can be told at a glance and one was
    made before; else None. Whoever uses it checks that it is of the right one."""
    for folder in (cwd, *cwd.parents):
        git_dir = folder / ".git"
        if git_dir.exists():
            if next((git_dir / "gitsync").glob("scan-*.index"), None) is None:
                return None
            return WorkScan(git_dir, folder)
    return None


def parse_status(out: bytes) -> Scanned:
    """The output of ``git status --porcelain=v2 --branch -z``, without renames."""
    from gitsync.domain.objects import Oid

    commit: Oid | None = None
    paths: list[bytes] = []
    for line in out.split(b"\0"):
        kind = line[:2]
        if kind == b"# ":
            name, _, value = line[2:].partition(b" ")
            if name == b"branch.oid" and value != b"(initial)":
                commit = Oid(value.decode())
        elif kind == b"? ":
            paths.append(line[2:])
        elif kind == b"1 ":
            paths.append(line.split(b" ", 8)[8])
        elif kind == b"u ":
            paths.append(line.split(b" ", 10)[10])
    return Scanned(commit, frozenset(paths))


def _private_index(git_dir: Path) -> Path | None:
    """A copy of the index as it is now; None where none can be had: then git reads the user's.

    Named by what the index holds, so that a copy can only be of this very one.
    """
    source, folder = git_dir / "index", git_dir / "gitsync"
    try:
        with source.open("rb") as file:
            stat = os.fstat(file.fileno())
            file.seek(-_TRAILER, os.SEEK_END)
            name = f"scan-{file.read(_TRAILER).hex()}-{stat.st_mtime_ns:x}-{stat.st_size:x}.index"
            copy = folder / name
            if copy.exists():
                return copy
            import shutil

            folder.mkdir(exist_ok=True)
            fresh = folder / f"{name}.{os.getpid()}.tmp"
            file.seek(0)
            with fresh.open("wb") as target:
                shutil.copyfileobj(file, target, 1 << 20)
            # Git takes a file that is as new as its index for perhaps changed: keep that moment.
            os.utime(fresh, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            fresh.replace(copy)
    except OSError:
        return None
    for old in folder.glob("scan-*"):
        if not old.name.startswith(name):
            with suppress(OSError):
                old.unlink()
    return copy
