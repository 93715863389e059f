"""Merging one file that both sides changed, by numbered version.

A snapshot names the merge version that made it, so a version's result is frozen for ever: a
better merge gets the next number and policy moves to it (docs/reference/merge.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.merge.version1 import merge_v1
from gitsync.domain.merge.version2 import merge_v2

if TYPE_CHECKING:
    from gitsync.domain.merge.values import FileConflict, FileMerge, MergeContext


def _first(base: bytes, ours: bytes, theirs: bytes, context: MergeContext) -> bytes | FileConflict:
    return merge_v1(base, ours, theirs, context.head_problem)


VERSIONS: dict[int, FileMerge] = {1: _first, 2: merge_v2}
