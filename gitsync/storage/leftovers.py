"""Lock files and unfinished files that a process left behind, and whether one still uses them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gitsync.storage.place import Place

_PROC = Path("/proc")
_UNFINISHED = (
    "objects/tmp_obj_*",
    "objects/??/tmp_obj_*",
    "objects/pack/tmp_*",
    "objects/pack/.tmp-*",
    "objects/incoming-*",
    "objects/tmp_objdir-*",
    "packed-refs.gitsync-*",
    "packed-refs.new",
    "tmp_gitsync_*",
    "gitsync/tmp_gitsync_*",
    "gitsync/scratch-*",
)


@frozen
class Users:
    """Who may be using a repository's files: process ids by open file, git processes at work in
    it. ``blind`` is set where the system does not say."""

    holders: dict[Path, int]
    gits: tuple[int, ...]
    blind: bool


def lock_files(place: Place) -> list[Path]:
    """The lock files of git in a repository. Those of gitsync are released by the kernel."""
    found: list[Path] = []
    for folder in place.git_dirs():
        found += folder.glob("*.lock")
    found += (place.common_dir / "refs").rglob("*.lock")
    found += (place.common_dir / "objects").glob("info/**/*.lock")
    return sorted(one for one in found if one.is_file())


def unfinished(place: Place) -> list[Path]:
    """Temporary files and folders of git and gitsync."""
    return sorted(one for what in _UNFINISHED for one in place.common_dir.glob(what))


def age(path: Path, now: float) -> float:
    """Seconds since a file or folder was changed last."""
    try:
        return now - path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def users(place: Place, paths: Iterable[Path]) -> Users:
    """Who uses ``paths``, by ``/proc``; blind where there is none, or where git processes of
    other users run that it hides."""
    wanted = {path.resolve() for path in paths}
    roots = [one.resolve() for one in (place.work_tree, place.common_dir) if one is not None]
    if not (_PROC / "self" / "fd").is_dir():
        return Users({}, (), blind=True)
    holders: dict[Path, int] = {}
    gits: list[int] = []
    blind = False
    for process in _processes():
        pid = int(process.name)
        git = _name(process).startswith("git")
        try:
            files = [one.readlink() for one in (process / "fd").iterdir()]
            cwd = (process / "cwd").readlink()
        except PermissionError:
            blind = blind or git
            continue
        except OSError:
            continue  # it ended meanwhile
        for file in files:
            if file in wanted or wanted.intersection(file.parents):
                holders[file] = pid
        if git and _name(process) != "gitsync" and any(cwd.is_relative_to(one) for one in roots):
            gits.append(pid)
    return Users(holders, tuple(gits), blind)


def _processes() -> Iterator[Path]:
    return (one for one in _PROC.iterdir() if one.name.isdigit() and int(one.name) != os.getpid())


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return ""
