"""What ``git status`` says, as values (git-status(1), "Porcelain Format Version 2")."""

from __future__ import annotations

from typing import NamedTuple

from gitsync.domain.objects import Oid


class Scanned(NamedTuple):
    """The commit of HEAD (None before the first), and the paths whose files may differ from it."""

    commit: Oid | None
    paths: frozenset[bytes]


def parse_status(out: bytes) -> Scanned:
    """The output of ``git status --porcelain=v2 --branch -z``, without renames."""
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
