"""What the files of a work tree have in them that HEAD has not: asked of git, in the background.

``git status`` compares stat data of 100,000 files in 70 ms, on several cores, and needs as long
again to look for new files, unless the index carries its cache of folders. Ours is a private copy
of the user's index: git may refresh it and keep that cache in it; the user's own is not touched.
"""

from __future__ import annotations

import os
import sys

from gitsync.storage.asking import Asked
from gitsync.storage.gitenv import environment

# Git runs from here on while Python loads the rest, and until then each import is a wait. So
# nothing is imported here that takes time: not pathlib, subprocess, typing, nor the effects.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gitsync.storage.workstatus import Scanned

_STATUS = (
    "-c", "core.untrackedCache=true", "-c", "status.showUntrackedFiles=all",
    "-c", "core.fsmonitor=false", "-c", "core.quotePath=false",
    "status", "--porcelain=v2", "--branch", "-z", "--no-renames", "--no-ahead-behind",
    "--untracked-files=all", "--ignore-submodules=all",
)  # fmt: skip
_NICE = 10
_TRAILER = 20  # bytes of the checksum that ends an index


class WorkScan:
    """A running ``git status``. Start it early; :meth:`result` waits for it."""

    def __init__(self, git_dir: Path | str, root: Path | str) -> None:
        """``git_dir`` is the work tree's own; ``root`` is where its files lie. Raises OSError."""
        self.git_dir = str(git_dir)
        extra = {}
        copy = _private_index(self.git_dir)
        if copy is not None:
            extra = {"GIT_INDEX_FILE": copy, "GIT_OPTIONAL_LOCKS": "1"}
        env = environment(extra)
        self._git = _announced(str(root), lambda: Asked(_STATUS, str(root), env, apart=True))
        # Git compares stat data in twenty threads, which would leave us little of two processors.
        # Linux gives a session of its own no more than ours; other systems know what is nice.
        try:
            os.setpriority(os.PRIO_PROCESS, self._git.pid, _NICE)
        except OSError:
            pass

    @property
    def running(self) -> bool:
        """Whether git still looks: what is done until it ends costs no time."""
        return self._git.running

    def result(self) -> Scanned:
        """What git found. Raises GitError."""
        code, out, err = self._git.answer()
        if code != 0:
            from gitsync.storage import gitcli

            done = gitcli.Result(code, out, err.decode("utf-8", "replace"))
            raise gitcli.GitError(["status"], done)
        from gitsync.storage.workstatus import parse_status

        return parse_status(out)

    def cancel(self) -> None:
        """Let go of it, unless somebody has asked: nobody needs to know."""
        self._git.cancel()


def _announced(root: str, act: Callable[[], Asked]) -> Asked:
    """Start git as every program is started, see ``effects``. Where that has not been loaded,
    nobody can have asked to be told."""
    effects = sys.modules.get("gitsync.storage.effects")
    if effects is None:
        return act()
    begun: Asked = effects.perform(effects.Effect("ask", root, args=_STATUS), act)
    return begun


def scan_ahead(cwd: str) -> WorkScan | None:
    """A scan of the work tree that ``cwd`` lies in, if that can be told at a glance and one was
    made before; else None. Whoever uses it checks that it is of the right one. Raises OSError."""
    folder = cwd
    while True:
        git_dir = os.path.join(folder, ".git")
        if os.path.exists(git_dir):
            names = _names_in(os.path.join(git_dir, "gitsync"))
            known = any(one.startswith("scan-") and one.endswith(".index") for one in names)
            return WorkScan(git_dir, folder) if known else None
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def _names_in(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _private_index(git_dir: str) -> str | None:
    """A copy of the index as it is now; None where none can be had: then git reads the user's.

    Named by what the index holds, so that a copy can only be of this very one.
    """
    folder = os.path.join(git_dir, "gitsync")
    try:
        with open(os.path.join(git_dir, "index"), "rb") as file:
            stat = os.fstat(file.fileno())
            file.seek(-_TRAILER, os.SEEK_END)
            name = f"scan-{file.read(_TRAILER).hex()}-{stat.st_mtime_ns:x}-{stat.st_size:x}.index"
            copy = os.path.join(folder, name)
            if os.path.exists(copy):
                return copy
            import shutil

            os.makedirs(folder, exist_ok=True)
            fresh = f"{copy}.{os.getpid()}.tmp"
            file.seek(0)
            with open(fresh, "wb") as target:
                shutil.copyfileobj(file, target, 1 << 20)
            # Git takes a file that is as new as its index for perhaps changed: keep that moment.
            os.utime(fresh, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            os.replace(fresh, copy)
    except OSError:
        return None
    for old in _names_in(folder):
        if old.startswith("scan-") and not old.startswith(name):
            try:
                os.unlink(os.path.join(folder, old))
            except OSError:
                pass
    return copy
