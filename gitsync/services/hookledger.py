"""The ledger as a hook in somebody's clone sees it: as far as it was verified, and no further."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen
from gitsync.domain.names import DEFAULT_SPACE
from gitsync.domain.objects import Oid
from gitsync.services.rules import rules_of
from gitsync.storage.positions import PositionStore, state_home

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from gitsync.codec.rulesjson import Rules
    from gitsync.domain.errors import GitsyncError
    from gitsync.storage.facts import StoreFacts
    from gitsync.storage.stock import StockRepository

_NEAR = 8  # commits to look at before git is asked to walk


@frozen
class Finding:
    """What a hook has to say: what is wrong, the rule, and the commands that mend it, one a line.

    One that does not ``refuse`` is told and lets everything go on.
    """

    code: str
    why: str
    mend: tuple[str, ...] = ()
    refuses: bool = True


def finding(error: GitsyncError, *mend: str, refuses: bool = True) -> Finding:
    """An error as a finding; ``mend`` follows what the error itself has to say."""
    said = tuple(error.hint.splitlines()) if error.hint else ()
    return Finding(error.code, str(error), (*said, *mend), refuses)


def notice(code: str, why: str, *mend: str) -> Finding:
    """Something to know, and no reason to stop."""
    return Finding(code, why, mend, refuses=False)


@frozen
class HookLedger:
    """A clone that is set up for a ledger. ``verified`` is the snapshot that it has verified."""

    repo: StockRepository
    space: str
    domain: str
    anchor: Oid
    verified: Oid
    config: Mapping[str, str]

    @classmethod
    def find(cls, repo: StockRepository, env: Mapping[str, str], home: Path) -> HookLedger | None:
        """The ledger of the clone, None where none was set up or verified yet.

        Raises VerificationError ``position.*`` where what was verified cannot be told.
        """
        config = repo.config()
        domain, anchor = config.get("gitsync.domain"), config.get("gitsync.anchor")
        if not domain or not anchor:
            return None
        space = config.get("gitsync.space") or DEFAULT_SPACE
        store = PositionStore(repo.state_dir, state_home(env, home), space)
        position = store.load(Oid(anchor))
        if position is None:
            return None
        return cls(repo, space, domain, Oid(anchor), position.commit, config)

    @property
    def facts(self) -> StoreFacts:
        """The repository's objects and what they mean."""
        return self.repo.facts

    def tree(self, commit: Oid) -> Oid:
        """The root tree of a commit."""
        return self.facts.commit(commit).tree

    def rules(self) -> Rules:
        """Policy and schema as verified; remembered by the id of the folder that holds them."""
        return rules_of(self.facts, self.tree(self.verified), self.repo.state_dir)

    def bases(self, *tips: Oid) -> tuple[Oid, ...]:
        """Where ``tips`` left the ledger; nothing for commits that are none of its business.

        Code may live in the same repository: its history is unrelated, and long to walk.
        """
        if not any(b".gitsync" in self.facts.tree(self.tree(tip)) for tip in tips):
            return ()
        # Most work is a few commits on top of what was verified: those are read in no time.
        near = {one for tip in tips for one in self._near(tip)}
        if self.verified in near:
            return (self.verified,)
        return self.repo.merge_bases(self.verified, *tips)

    def _near(self, tip: Oid) -> Iterator[Oid]:
        """The first few commits behind ``tip``, by first parents."""
        for _ in range(_NEAR):
            yield tip
            parents = self.facts.commit(tip).parents
            if not parents:
                return
            tip = parents[0]
