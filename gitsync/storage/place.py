"""Where a repository's folders are, found without opening it: what is to be healed may be torn.

Git and libgit2 take a folder with a torn ``HEAD`` for no repository at all (gitrepository-layout),
and libgit2 does not come back from reading a torn object. So this looks at files only.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex
from gitsync.storage import gitcli
from gitsync.storage.durable import make_folder, move_file, remove_file, write_atomic

if TYPE_CHECKING:
    from pathlib import Path

_BRANCH = late_regex(r"ref: refs/[^\s\0]+\n?|[0-9a-f]{40}\n?")


@frozen
class Place:
    """A repository's folders; ``work_tree`` is None where it is bare. See ``Repository``."""

    work_tree: Path | None
    git_dir: Path
    common_dir: Path

    @property
    def objects_dir(self) -> Path:
        """Where objects and packs lie."""
        return self.common_dir / "objects"

    @property
    def damaged_dir(self) -> Path:
        """Where what is torn is kept, a folder a day."""
        return self.common_dir / "gitsync" / "damaged"

    def git_dirs(self) -> list[Path]:
        """The git folders of all work trees: each has an index and a HEAD of its own."""
        linked = self.common_dir / "worktrees"
        more = [one for one in sorted(linked.glob("*")) if (one / "gitdir").is_file()]
        return list(dict.fromkeys([self.common_dir, *more]))

    def run(self, *args: str, stdin: bytes | None = None, check: bool = False) -> gitcli.Result:
        """Stock git in this place."""
        return gitcli.run(args, cwd=self.work_tree or self.git_dir, stdin=stdin, check=check)

    def settings(self) -> dict[str, str]:
        """The repository's own configuration files, read also where git refuses the repository."""
        found: dict[str, str] = {}
        for path in (self.common_dir / "config", self.git_dir / "config.worktree"):
            if not path.is_file():
                continue
            out = gitcli.run(["config", "--file", str(path), "--list", "-z"], check=False).out
            for item in out.decode("utf-8", "surrogateescape").split("\0"):
                key, _, value = item.partition("\n")
                if key:
                    found[key] = value
        return found

    def short(self, path: Path) -> str:
        """A path as one would name it from the work tree."""
        root = self.work_tree or self.common_dir
        return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)

    def put_away(self, path: Path, day: str, *, copy: bool = False) -> Path:
        """Move a torn file out of git's sight and return where it is now. Nothing is deleted.

        ``copy`` leaves it where it is as well.
        """
        folder = self.damaged_dir / day
        make_folder(folder)
        inside = path.relative_to(self.common_dir) if path.is_relative_to(self.common_dir) else path
        name = str(inside).strip("/").replace("/", "+")
        target, count = folder / name, 1
        while target.exists():
            count += 1
            target = folder / f"{name}.{count}"
        if copy:
            write_atomic(target, path.read_bytes())
        else:
            move_file(path, target)
        return target


def find_place(start: Path) -> Place | None:
    """The repository that ``start`` lies in, also one that git itself no longer recognises."""
    here = start.resolve()
    for folder in (here, *here.parents):
        inner = folder / ".git"
        if (inner / "objects").is_dir():
            return Place(folder, inner, inner)
        if inner.is_file():
            return _linked(folder, inner)
        if (folder / "objects").is_dir() and (folder / "refs").is_dir():
            return Place(None, folder, folder)
    return None


def _linked(folder: Path, file: Path) -> Place | None:
    line = file.read_text("utf-8", "surrogateescape").strip()
    if not line.startswith("gitdir: "):
        return None
    git_dir = (folder / line.removeprefix("gitdir: ")).resolve()
    common = git_dir / "commondir"
    shared = (git_dir / common.read_text().strip()).resolve() if common.is_file() else git_dir
    return Place(folder, git_dir, shared) if (shared / "objects").is_dir() else None


def head_fault(git_dir: Path) -> str | None:
    """What is wrong with ``HEAD``, or None. Without a sound one git sees no repository."""
    try:
        data = (git_dir / "HEAD").read_bytes()
    except FileNotFoundError:
        return "it is gone"
    except OSError as error:
        return error.strerror or "it cannot be read"
    if not data.strip(b"\0\n "):
        return "it is empty"
    return None if _BRANCH.fullmatch(data.decode("utf-8", "replace")) else "it is garbled"


def write_head(git_dir: Path, branch: str) -> None:
    """Let ``HEAD`` point to ``branch``, durably."""
    write_atomic(git_dir / "HEAD", f"ref: {branch}\n".encode())


def write_fault(folder: Path) -> str | None:
    """Why nothing can be written into ``folder``, or None; tries it with a file of 4 kB."""
    there = next(one for one in (folder, *folder.parents) if one.is_dir())
    path = there / f"tmp_gitsync_probe_{os.getpid()}"
    try:
        write_atomic(path, b"\0" * 4096)
        remove_file(path)
    except EnvironmentFault as error:
        return error.message
    return None


def free_bytes(folder: Path) -> int:
    """How much room there is for this user on the disk of ``folder``, in bytes."""
    there = next(one for one in (folder, *folder.parents) if one.is_dir())
    status = os.statvfs(there)
    return status.f_bavail * status.f_frsize
