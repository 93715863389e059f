"""What goes into and comes out of the merge of one file, whatever its version."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.domain.merge.heads import ReadHead
    from gitsync.domain.merge.lines import Conflict
    from gitsync.domain.merge.rules import Rules

#: Returns None when the bytes are readable front matter, otherwise why they are not.
HeadProblem = Callable[[bytes], str | None]


@frozen
class MergeContext:
    """What the merge of a file depends on beside its three versions: where it lies, what the
    schema says, and how front matter is read."""

    path: str
    rules: Rules
    head_problem: HeadProblem
    read_head: ReadHead


@frozen
class FieldConflict:
    """A field that cannot be merged: its value in the three versions, None where it is absent."""

    name: str
    base: str | None
    ours: str | None
    theirs: str | None

    def words(self, ours: str, theirs: str) -> str:
        """``status was draft; ours has committed, theirs has approved``."""
        was = "was absent" if self.base is None else f"was {_shown(self.base)}"
        mine, other = (
            "removed it" if side is None else f"has {_shown(side)}"
            for side in (self.ours, self.theirs)
        )
        return f"{self.name} {was}; {ours} {mine}, {theirs} {other}"


@frozen
class FileConflict:
    """Two changes to one file that cannot both be kept. ``line`` counts from 1 in the base.

    From version 2 on ``fields`` lists the fields among them, and ``chunks`` is the file as merged
    so far, with each conflict around the smallest span; empty where there is no such text.
    """

    why: str
    line: int | None = None
    fields: tuple[FieldConflict, ...] = ()
    chunks: tuple[bytes | Conflict, ...] = ()


def _shown(value: str) -> str:
    return value or "nothing"


FileMerge = Callable[[bytes, bytes, bytes, MergeContext], "bytes | FileConflict"]
