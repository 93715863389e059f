"""Creating many refs at once in ``packed-refs`` (gitrepository-layout; git's refs/packed-backend).

Creating a thousand tags one file each costs a fifth of a second and can be cut off in the middle.
The packed file is one file: written whole under git's own lock, synced, renamed. So all of the
refs appear together or none does, also across a power cut, and every git reads it.
"""

from __future__ import annotations

from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING

from gitsync.codec.gitobjects import parse_tag
from gitsync.domain.errors import EnvironmentFault
from gitsync.domain.lateregex import late_regex
from gitsync.storage.locking import replace_locked
from gitsync.storage.refs import RefsMovedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from gitsync.domain.objects import Oid
    from gitsync.storage.refs import RefUpdate
    from gitsync.storage.repository import Repository

# Below this many, files of their own are as quick and disturb nobody.
WORTH_PACKING = 10

_ID = late_regex(rb"[0-9a-f]{40}")
_HEADER = b"# pack-refs with: peeled fully-peeled sorted \n"


def create_tags(
    repo: Repository, updates: Sequence[RefUpdate], *, message: str,
    peeled: Mapping[str, Oid] = MappingProxyType({}),
) -> None:  # fmt: skip
    """Create refs, most of them tags, that do not exist yet: many in the packed file, few as git
    does. They are on disk before a stored position names them. ``peeled`` says of some refs that
    they are annotated tags, and of what.

    Raises what :func:`create_packed` or ``Refs.transact`` raises.
    """
    if len(updates) < WORTH_PACKING:
        repo.refs.transact(updates, message=message)
        return
    refs: dict[str, tuple[Oid, Oid | None]] = {}
    for update in updates:
        if update.new is not None and update.ref in peeled:
            refs[update.ref] = (update.new, peeled[update.ref])
        elif update.new is not None:
            kind, data = repo.store.read(update.new)
            refs[update.ref] = (update.new, parse_tag(data).target if kind == "tag" else None)
    create_packed(repo.common_dir, refs)


def create_packed(common_dir: Path, refs: Mapping[str, tuple[Oid, Oid | None]]) -> None:
    """Create refs, each as (object id, id of what an annotated tag points to or None).

    A ref that exists with the same value is left alone. Raises RefsMovedError ``ref.moved`` when
    one has another value or stands in the way as a folder, ``ref.locked`` when another git is
    rewriting the file; nothing has changed then.
    """
    path = common_dir / "packed-refs"
    if not replace_locked(path, lambda: _merged(common_dir, path, refs)):
        raise RefsMovedError(
            "ref.locked",
            f"another git is at work on {path.name}",
            hint="run it again; if no git runs, a crash left the lock: gitsync doctor --fix",
        )


def _merged(common_dir: Path, path: Path, refs: Mapping[str, tuple[Oid, Oid | None]]) -> bytes:
    there = _read(path)
    listed: dict[str, set[str]] = {}
    for ref, (oid, peeled) in refs.items():
        name = ref.encode()
        loose = _loose(common_dir, ref, listed)
        known = loose or (there[name][0] if name in there else None)
        if known is not None and known != oid.encode():
            raise RefsMovedError("ref.moved", f"{ref} exists with another value")
        if known is None:
            there[name] = (oid.encode(), peeled.encode() if peeled else None)
    names = sorted(there)
    for first, second in pairwise(names):
        if second.startswith(first + b"/"):
            raise RefsMovedError("ref.moved", f"{first.decode(errors='replace')} is in the way")
    lines = [_HEADER]
    for name in names:
        oid_text, peeled_text = there[name]
        lines.append(oid_text + b" " + name + b"\n")
        if peeled_text is not None:
            lines.append(b"^" + peeled_text + b"\n")
    return b"".join(lines)


def _loose(common_dir: Path, ref: str, listed: dict[str, set[str]]) -> bytes | None:
    """What a ref's own file holds, if it has one. Folders are ``listed`` once: a system call for
    each of ten thousand new tags takes longer than all else that is done with them."""
    folder, _, name = ref.rpartition("/")
    if folder not in listed:
        there = common_dir / folder
        listed[folder] = {one.name for one in there.iterdir()} if there.is_dir() else set()
    if name not in listed[folder]:
        return None
    path = common_dir / ref
    if path.is_dir():
        # Git leaves empty folders behind; only one that holds refs is in the way.
        if any(one.is_file() for one in path.rglob("*")):
            raise RefsMovedError("ref.moved", f"{ref} is a folder of refs")
        return None
    try:
        return path.read_bytes().strip()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _read(path: Path) -> dict[bytes, tuple[bytes, bytes | None]]:
    """The packed refs with their peeled ids. Raises EnvironmentFault ``ref.broken``."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    broken = EnvironmentFault(
        "ref.broken", f"{path} is torn", hint="restore it: gitsync doctor --fix"
    )
    if data and not data.endswith(b"\n"):
        raise broken
    found: dict[bytes, tuple[bytes, bytes | None]] = {}
    name = b""
    # Refs outside tags are "fully peeled" too: without that trait a missing line means unknown.
    if data and b" fully-peeled " not in data.partition(b"\n")[0] + b" ":
        raise EnvironmentFault(
            "ref.old-format", f"{path} was written by a very old git", hint="git pack-refs --all"
        )
    for line in data.split(b"\n")[:-1]:
        if line.startswith(b"#"):
            continue
        if line.startswith(b"^"):
            if name not in found or not _ID.fullmatch(line[1:]):
                raise broken
            found[name] = (found[name][0], line[1:])
            continue
        oid, _, name = line.partition(b" ")
        if not _ID.fullmatch(oid) or not name or name in found:
            raise broken
        found[name] = (oid, None)
    return found
