"""What a disk can hold: its free bytes, how large one file on it may be; and which disk it is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from gitsync.domain.errors import EnvironmentFault
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex

# How the kernel writes a blank, a tab, a line break and a backslash in a name.
_OCTAL = late_regex(r"\\([0-7]{3})")
_MOUNTS: Final = Path("/proc/self/mountinfo")
#: File systems whose files end below 4 GiB, as Linux, BSD and drivers in user space name them; of
#: these the kernel says ``fuse.`` and what the driver calls itself. exFAT has no such limit.
_FAT: Final = frozenset({"vfat", "msdos", "umsdos", "msdosfs", "fat", "fat32", "fusefat"})
FAT_LIMIT: Final = (4 << 30) - (1 << 20)


def room(folder: Path) -> int:
    """Free bytes for this user on the disk of a folder. Raises EnvironmentFault."""
    try:
        found = os.statvfs(folder)
    except OSError as error:
        raise EnvironmentFault(
            "bundle.unreadable", f"{folder} cannot be read: {error.strerror}"
        ) from error
    return found.f_bavail * found.f_frsize


def file_system(folder: Path) -> str:
    """The kind of file system that a folder lies on, "" where the system does not tell."""
    path = folder.resolve()
    best, kind = "", ""
    try:
        lines = _MOUNTS.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    for line in lines:
        fields, _, rest = line.partition(" - ")
        words = fields.split(" ")
        if len(words) < 5 or not rest:
            continue
        point = _OCTAL.sub(lambda found: chr(int(found[1], 8)), words[4])
        inside = path == Path(point) or Path(point) in path.parents
        if inside and len(point) >= len(best):
            best, kind = point, rest.split(" ")[0]
    return kind


def split_for(path: Path) -> int | None:
    """The size in bytes above which a file at ``path`` has to be cut, None for no limit."""
    return FAT_LIMIT if is_fat(file_system(path.parent)) else None


def is_fat(kind: str) -> bool:
    """Whether a file system of this name is FAT."""
    return kind.removeprefix("fuse.") in _FAT


@frozen
class Place:
    """The disk that a folder lies on, and the one that its mount point lies on: what shows at the
    same path once the disk is gone. None: nothing is mounted above the folder but the root."""

    disk: int
    beneath: int | None


def place_of(folder: Path) -> Place:
    """Where a folder lies now. Raises OSError where there is none, or it does not answer."""
    at = folder.resolve()
    disk = at.stat().st_dev
    for above in at.parents:
        beneath = above.stat().st_dev
        if beneath != disk:
            return Place(disk, beneath)
    return Place(disk, None)
