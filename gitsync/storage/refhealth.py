"""Refs as files: which are torn, what a cut ``packed-refs`` still says, what reflogs remember.

``git fsck`` ends with 0 on an empty ``packed-refs`` and on one that was cut between two lines. A
reflog outlives its ref only by accident: git deletes both together. So a reflog without a ref
tells of a ref that was lost.
"""

from __future__ import annotations

import re
from dataclasses import field
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex
from gitsync.domain.objects import Oid
from gitsync.storage.durable import write_atomic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_VALUE = late_regex(rb"[0-9a-f]{40}\n?|ref: refs/[^\0\n]+\n?")
_LINE = late_regex(rb"([0-9a-f]{40}) (refs/[\x21-\xff]+)")
_PEELED = late_regex(rb"\^[0-9a-f]{40}")
_LOGGED = late_regex(rb"[0-9a-f]{40} ([0-9a-f]{40}) ")
_HEADER = b"# pack-refs with: peeled fully-peeled sorted "
_ZERO = "0" * 40


@frozen
class Packed:
    """What ``packed-refs`` says: ``refs`` by name, ``lines`` as read (a peeled id follows its
    ref), and what is wrong with the file."""

    refs: Mapping[str, Oid] = field(default_factory=dict)
    lines: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)
    fault: str | None = None


def read_packed(common_dir: Path) -> Packed:
    """The packed refs, as far as their lines are whole."""
    try:
        data = (common_dir / "packed-refs").read_bytes()
    except FileNotFoundError:
        return Packed()
    fault = None if data else "it is empty"
    whole, _, rest = data.rpartition(b"\n")
    if rest:
        fault = "its last line is cut off"
    lines: dict[str, tuple[bytes, ...]] = {}
    name, ordered = "", True
    for line in whole.split(b"\n") if whole else ():
        if line.startswith(b"#"):
            continue
        if name and _PEELED.fullmatch(line) and len(lines[name]) == 1:
            lines[name] = (lines[name][0], line)
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            fault = fault or "a line in it is garbled"
            name = ""
            continue
        before, name = name, found[2].decode("utf-8", "surrogateescape")
        ordered = ordered and before < name and name not in lines
        lines[name] = (line,)
    if not ordered and b" sorted " in data.partition(b"\n")[0] + b" ":
        fault = fault or "its lines are out of order"
    refs = {ref: Oid(parts[0][:40].decode()) for ref, parts in lines.items()}
    return Packed(refs, lines, fault)


def write_packed(common_dir: Path, lines: Mapping[str, tuple[bytes, ...]]) -> None:
    """Write ``packed-refs`` from whole lines, in order, durably.

    An id without its peeled line is kept only by a header that does not promise them all.
    """
    head = _HEADER.replace(b" fully-peeled", b"").replace(b" peeled", b"")
    body = [part for ref in sorted(lines) for part in lines[ref]]
    write_atomic(common_dir / "packed-refs", b"\n".join([head, *body]) + b"\n")


def loose_refs(common_dir: Path) -> Iterator[tuple[str, Path]]:
    """(name, file) of every loose ref, torn or not."""
    root = common_dir / "refs"
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.name.endswith(".lock"):
            yield path.relative_to(common_dir).as_posix(), path


def torn_refs(common_dir: Path) -> list[tuple[str, Path]]:
    """The loose refs that hold no value."""
    return [
        (ref, path) for ref, path in loose_refs(common_dir) if not _VALUE.fullmatch(_bytes(path))
    ]


def all_refs(common_dir: Path) -> dict[str, Oid]:
    """Every ref that holds an id, whether or not the object exists."""
    found = dict(read_packed(common_dir).refs)
    for ref, path in loose_refs(common_dir):
        data = _bytes(path).strip()
        if re.fullmatch(rb"[0-9a-f]{40}", data):
            found[ref] = Oid(data.decode())
    return found


def remembered(common_dir: Path, ref: str) -> list[Oid]:
    """The values that a ref has had by its reflog, newest first, without repeats."""
    try:
        lines = (common_dir / "logs" / ref).read_bytes().split(b"\n")
    except OSError:
        return []
    values = [Oid(m[1].decode()) for line in reversed(lines) if (m := _LOGGED.match(line))]
    return [one for one in dict.fromkeys(values) if one != _ZERO]


def logged_refs(common_dir: Path) -> Iterator[str]:
    """The refs that have a reflog which says more than that they were deleted."""
    root = common_dir / "logs" / "refs"
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield path.relative_to(common_dir / "logs").as_posix()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()[:4096]
    except FileNotFoundError:
        return _ZERO.encode()  # deleted or packed meanwhile
