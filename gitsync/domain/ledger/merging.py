"""Merging commits of a ledger: best common bases first, folded into one where there are several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError, RefusedError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.history import shared_bases
from gitsync.domain.merge.files import VERSIONS
from gitsync.domain.merge.rules import Rules
from gitsync.domain.merge.trees import TreeMerge, merge_trees
from gitsync.domain.merge.values import MergeContext

if TYPE_CHECKING:
    from gitsync.domain.merge.values import FileConflict
    from gitsync.domain.objects import Oid
    from gitsync.domain.ports import Facts, Positions
    from gitsync.domain.schema import Schema

MAX_BASES = 8
MAX_DEPTH = 8


@frozen
class Merging:
    """The merge of one numbered version under one schema (which says where ids stand).

    ``canonical``: a file that both sides changed is merged by the canonical forms of all three, so
    that order, spacing and quotes do not conflict.
    """

    facts: Facts
    positions: Positions
    schema: Schema
    version: int
    canonical: bool = False

    def merge(self, bases: tuple[Oid, ...], ours: Oid, theirs: Oid) -> TreeMerge:
        """Merge two trees over the given base commits.

        Raises RefusedError ``merge.criss-cross`` when the bases do not merge among themselves.
        """
        return self.three_way(self.virtual_base(bases), ours, theirs)

    def virtual_base(self, bases: tuple[Oid, ...], depth: int = 0) -> Oid:
        """One tree to merge over: several best bases are merged among themselves, in id order."""
        if not bases or len(bases) > MAX_BASES or depth > MAX_DEPTH:
            raise _criss_cross("the histories criss-cross too often to merge")
        tree = self.facts.commit(bases[0]).tree
        for place, other in enumerate(bases[1:], start=1):
            below = shared_bases(self.facts, self.positions, bases[:place], other)
            base = self.virtual_base(below, depth + 1)
            folded = self.three_way(base, tree, self.facts.commit(other).tree)
            if folded.tree is None:
                raise _criss_cross("the proposal has several bases that conflict among themselves")
            tree = folded.tree
        return tree

    def three_way(self, base: Oid, ours: Oid, theirs: Oid) -> TreeMerge:
        """Merge two trees over one base tree."""
        return merge_trees(self.facts, base, ours, theirs, content=self._content, id_of=self._id_of)

    def _content(self, path: bytes, was: bytes, mine: bytes, other: bytes) -> bytes | FileConflict:
        facts = self.facts
        context = MergeContext(
            path.decode("utf-8", "replace"),
            Rules.of(self.schema),
            facts.head_problem,
            facts.read_head,
        )
        if self.canonical:
            was, mine, other = (facts.canonical(one, self.schema) for one in (was, mine, other))
        return VERSIONS[self.version](was, mine, other, context)

    def _id_of(self, blob: Oid) -> str | None:
        try:
            head = self.facts.head(blob, self.schema)
        except GitsyncError:
            return None  # a file that does not parse has no identity to follow
        return head.id if head is not None else None


def _criss_cross(why: str) -> RefusedError:
    return RefusedError(
        "merge.criss-cross", why, hint="rebase the proposal onto common: git rebase common"
    )
