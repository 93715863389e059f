"""Files after a crash: what git was writing when it came, told from what somebody has edited.

Git makes a file anew and does not sync it. After a power cut it may be there whole, missing, cut
short, or have zeros where blocks never came. Each such state holds nothing that the whole content
does not hold at the same place. So taking one of them away loses nothing that anybody wrote, as
long as the whole content is kept; and whatever holds more than that is somebody's own.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from gitsync.storage import gitcli
from gitsync.storage.apart import apart

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from gitsync.storage.repository import Repository

_BLOCK = 4096


class Content(NamedTuple):
    """What a name stands for: ``kind`` is ``file``, ``program``, ``link`` or ``folder``."""

    kind: str
    data: bytes = b""


def content(path: Path) -> Content | None:
    """What lies at a path, None if nothing does. Raises OSError where it cannot be read."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(status.st_mode):
        return Content("link", os.fsencode(path.readlink()))
    if not stat.S_ISREG(status.st_mode):
        return Content("folder")
    return Content("program" if status.st_mode & 0o100 else "file", path.read_bytes())


def is_remnant(found: Content | None, whole: Content | None) -> bool:
    """Whether ``found`` is ``whole``, or what a crash may leave of writing it."""
    if found is None or found == whole:
        return True
    if whole is None or found.kind != whole.kind or found.kind not in ("file", "program"):
        return False
    if len(found.data) > len(whole.data):
        return False
    for at in range(0, len(found.data), _BLOCK):
        here = found.data[at : at + _BLOCK]
        there = whole.data[at : at + len(here)]
        pairs = zip(here, there, strict=True)
        if here != there and any(one not in (0, other) for one, other in pairs):
            return False
    return True


class Versions:
    """What some files are in several versions of a repository, as git would write them here."""

    def __init__(self, repo: Repository, files: Iterable[str]) -> None:
        self._repo = repo
        self._files = sorted(files)
        self._known: dict[str, list[Content | None]] = {name: [] for name in self._files}

    def add(self, commit: str) -> None:
        """Take in the files of a commit."""
        with apart(self._repo) as place:
            env = place.env | {"GIT_INDEX_FILE": str(place.folder / "index")}
            self._git(env, "read-tree", commit)
            names = "".join(f"{name}\0" for name in self._files)
            out = place.folder / "files"
            # Those that the commit does not hold it passes over, and says so.
            how = ["checkout-index", "--quiet", f"--prefix={out}/", "-z", "--stdin"]
            self._git(env, *how, stdin=os.fsencode(names), check=False)
            self._read(out)

    def add_applied(self, stash: str) -> None:
        """Take in what applying a stash to HEAD makes of the files."""
        with apart(self._repo) as place:
            out = place.folder / "files"
            out.mkdir()
            env = place.env | {
                "GIT_DIR": str(self._repo.git_dir),
                "GIT_INDEX_FILE": str(place.folder / "index"),
                "GIT_WORK_TREE": str(out),
            }
            gitcli.run(["read-tree", "--reset", "-u", "HEAD"], cwd=out, env=env)
            # Where it does not fit, git writes the conflict, and fails.
            gitcli.run(["stash", "apply", "--quiet", stash], cwd=out, env=env, check=False)
            self._read(out)

    def now(self, root: Path) -> bool:
        """Whether the files below ``root`` are exactly those of the version added last."""
        return all(content(root / name) == known[-1] for name, known in self._known.items())

    def unlike(self, root: Path) -> set[str]:
        """The files below ``root`` that are no remnant of any version."""
        found = set()
        for name, versions in self._known.items():
            here = content(root / name)
            if not any(is_remnant(here, one) for one in versions):
                found.add(name)
        return found

    def _read(self, folder: Path) -> None:
        for name, versions in self._known.items():
            versions.append(content(folder / name))

    def _git(
        self, env: dict[str, str], *args: str, stdin: bytes | None = None, check: bool = True
    ) -> None:
        gitcli.run(args, cwd=self._repo.work_tree, env=env, stdin=stdin, check=check)
