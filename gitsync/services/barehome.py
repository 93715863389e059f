"""A bare repository that is the home of a ledger, as its own hooks see it.

Here nothing is fetched and nobody is asked: the refs are the home's, and what a push brings lies
in quarantine until the hooks agree.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from gitsync.codec import allowed_signers
from gitsync.domain.frozen import frozen
from gitsync.domain.names import DEFAULT_SPACE, position_tag
from gitsync.domain.objects import MODE_TREE, Oid
from gitsync.services.rules import rules_of
from gitsync.storage import gitcli
from gitsync.storage.catfile import CatFile, quarantine
from gitsync.storage.durable import sync_written
from gitsync.storage.facts import StoreFacts
from gitsync.storage.refs import Refs
from gitsync.storage.revlist import new_commits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from gitsync.codec.rulesjson import Rules
    from gitsync.domain.policy import Policy
    from gitsync.domain.roster import Roster
    from gitsync.domain.schema import Schema
    from gitsync.services.refview import RefView
    from gitsync.services.verifying import Verifier
    from gitsync.storage.index import PositionIndex
    from gitsync.storage.positions import PositionStore, VerifiedPosition

SOURCE = "this home"


class Receiver(Protocol):
    """Whoever takes refs that others have signed, and holds them against the ledger first."""

    @property
    def space(self) -> str:
        """The space whose ledger it is."""

    @property
    def anchor(self) -> Oid | None:
        """The ledger, None where none was founded."""

    @property
    def facts(self) -> StoreFacts:
        """All objects, the new ones among them."""

    @property
    def refs(self) -> Listing:
        """The refs as they are."""

    @property
    def state_dir(self) -> Path:
        """Where caches may lie."""

    def view(self, changed: Mapping[str, Oid | None]) -> RefView:
        """The ledger's refs as they would be with ``changed``; None stands for a deleted ref."""

    def verifier(self, now: int) -> Verifier:
        """A verification of what is new since the stored position; ``now`` in seconds."""

    def new_commits(self, tips: Iterable[Oid], known: Iterable[Oid]) -> set[Oid]:
        """The commits that ``tips`` reach and ``known`` do not."""


class Listing(Protocol):
    """Refs to look up."""

    def get(self, ref: str, /) -> Oid | None:
        """The id that one ref holds, or None."""


@frozen
class BareHome:
    """The home at ``git_dir``. ``anchor`` is None until a ledger was founded here; ``env`` leads
    git to the new objects of the push at hand."""

    git_dir: Path
    space: str
    anchor: Oid | None
    store: CatFile
    facts: StoreFacts
    refs: Refs
    env: Mapping[str, str]

    @classmethod
    def open(cls, git_dir: Path, environ: Mapping[str, str]) -> BareHome:
        """The home whose hook runs with the environment ``environ``."""
        env = quarantine(environ)
        store = CatFile(git_dir, env)
        config = _settings(git_dir)
        anchor = config.get("gitsync.anchor")
        return cls(
            git_dir=git_dir,
            space=config.get("gitsync.space", DEFAULT_SPACE),
            anchor=Oid(anchor) if anchor else None,
            store=store,
            facts=StoreFacts(store),
            refs=Refs(git_dir),
            env=env,
        )

    @property
    def state_dir(self) -> Path:
        """Our own folder inside the home."""
        return self.git_dir / "gitsync"

    def view(self, changed: Mapping[str, Oid | None]) -> RefView:
        """The ledger's refs as they would be with ``changed``; None stands for a deleted ref."""
        from gitsync.services.refview import ledger_patterns, view_of

        refs: dict[str, Oid | None] = dict(self.refs.list(*ledger_patterns(self.space)))
        refs |= changed
        held = {ref: oid for ref, oid in refs.items() if oid is not None}
        return view_of(self.space, SOURCE, held)

    def positions(self) -> PositionStore:
        """How far this home has been verified; nothing outside of it is asked."""
        from gitsync.storage.positions import PositionStore

        return PositionStore(self.state_dir, self.state_dir, self.space)

    def index(self) -> PositionIndex:
        """The position index of this home."""
        from gitsync.storage.index import PositionIndex

        return PositionIndex(self.state_dir / "index.db")

    def verifier(self, now: int) -> Verifier:
        """A verification of what is new since the stored position; ``now`` in seconds."""
        from gitsync.services.verifying import Verifier

        return Verifier(
            store=self.store,
            index=self.index(),
            space=self.space,
            anchor=self.anchor,
            stored=self.positions().load(self.anchor),
            evidence_dir=self.state_dir / "evidence",
            now=now,
            own_tags=lambda: self.view({}).tags,
        )

    def new_commits(self, tips: Iterable[Oid], known: Iterable[Oid]) -> set[Oid]:
        """The commits that ``tips`` reach and ``known`` do not."""
        return new_commits(self.git_dir, tips, known, self.env)

    def record(self, moved: Mapping[str, Oid], *, branch: str, receipts: str, locks: str,
               now: int) -> VerifiedPosition | None:  # fmt: skip
        """Store what a push has brought, once its refs have moved and its hook had agreed.

        ``moved`` maps refs to their new values, of which those named ``branch``, ``receipts`` and
        ``locks`` count. Returns the position, None where there is no ledger yet.
        """
        from gitsync.services.chain import number_of, ready_index
        from gitsync.storage.positions import VerifiedPosition

        stored = self.positions().load(self.anchor)
        commit = moved.get(branch) or (stored.commit if stored else self.refs.get(branch))
        if commit is None:
            return None
        number = number_of(self.facts, commit)
        anchor = stored.anchor if stored else self._first(commit)
        index = self.index()
        ready_index(self.facts, index, anchor, number, commit)
        index.close()
        position = VerifiedPosition(
            anchor, self.space, number, commit,
            self.refs.get(position_tag(self.space, number)),
            moved.get(receipts) or (stored.receipts if stored else self.refs.get(receipts)),
            moved.get(locks) or (stored.locks if stored else self.refs.get(locks)),
            now,
        )  # fmt: skip
        self.positions().save(position)
        if self.anchor is None:
            set_home(self.git_dir, "gitsync.anchor", anchor)
        return position

    def _first(self, tip: Oid) -> Oid:
        """The snapshot that everything rests on."""
        parents = self.facts.commit(tip).parents
        while parents:
            tip = parents[0]
            parents = self.facts.commit(tip).parents
        return tip


class HomeSettings:
    """The settings in a tree, decoded when they are asked for, policy and schema from a cache.

    Raises as ``Facts.settings`` does.
    """

    def __init__(self, home: Receiver, tree: Oid) -> None:
        self._home = home
        self._tree = tree

    @cached_property
    def _rules(self) -> Rules:
        return rules_of(self._home.facts, self._tree, self._home.state_dir)

    @property
    def policy(self) -> Policy:
        """See ``Settings``."""
        return self._rules.policy

    @property
    def schema(self) -> Schema:
        """See ``Settings``."""
        return self._rules.schema

    @cached_property
    def roster(self) -> Roster:
        """See ``Settings``."""
        blob = self._blob(b"allowed_signers")
        if blob is None or self._home.facts.blob_size(blob) > allowed_signers.MAX_ROSTER_BYTES:
            return self._home.facts.settings(self._tree).roster
        return allowed_signers.parse(self._home.facts.blob(blob))

    def _blob(self, name: bytes) -> Oid | None:
        folder = self._home.facts.tree(self._tree).get(b".gitsync")
        if folder is None or folder[0] != MODE_TREE:
            return None
        entry = self._home.facts.tree(Oid(folder[1].hex())).get(name)
        return Oid(entry[1].hex()) if entry is not None else None


def set_home(git_dir: Path, key: str, value: str) -> None:
    """Set a value in the home's configuration, synced: git writes the whole file anew and leaves
    it to chance when that reaches the disk, and without it the home is no repository."""
    gitcli.run(["config", "--local", "--replace-all", key, value], cwd=git_dir)
    sync_written(git_dir / "config")


def _settings(git_dir: Path) -> dict[str, str]:
    """The home's own settings; git's exit code 1 says that there are none."""
    done = gitcli.run(
        ["config", "--local", "-z", "--get-regexp", r"^gitsync\."], cwd=git_dir, check=False
    )
    pairs = (line.partition("\n") for line in done.out.decode("utf-8", "replace").split("\0"))
    return {key: value for key, found, value in pairs if found}
