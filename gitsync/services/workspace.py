"""One clone, one domain: the repository together with who works in it and on which ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, UsageError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import (
    DEFAULT_SPACE,
    check_domain,
    people_branch,
    position_tag,
    space_branch,
)
from gitsync.domain.objects import Commit, Oid, Signature
from gitsync.storage.durable import make_folder, write_atomic
from gitsync.storage.positions import PositionStore, VerifiedPosition, state_home
from gitsync.storage.repository import Repository
from gitsync.storage.worktree import WorkTree

if TYPE_CHECKING:
    from gitsync.domain.ledger.state import State
    from gitsync.domain.ports import Positions, Settings
    from gitsync.services.host import Host
    from gitsync.services.verifying import Verifier
    from gitsync.storage.facts import StoreFacts
    from gitsync.storage.index import PositionIndex
    from gitsync.storage.keys import KeyChoice
    from gitsync.storage.signing import Signer

_NOT_A_LEDGER = "this repository is not set up for gitsync"


@frozen
class Workspace:
    """An opened clone. ``domain`` and ``anchor`` are None until ``init`` or ``join``; ``remote``
    is None where this repository itself is the home."""

    host: Host
    repo: Repository
    space: str
    domain: str | None
    anchor: Oid | None
    remote: str | None

    @classmethod
    def open(cls, host: Host) -> Workspace:
        """The clone that the host's folder lies in.

        In a code repository the ledger is its linked work tree, from wherever it is asked for.
        """
        repo = Repository.open(host.cwd)
        linked = repo.config("gitsync.path")
        if linked is not None and not (repo.work_tree and _is_linked(repo, linked)):
            repo = _open_linked(repo, linked)
        anchor = repo.config("gitsync.anchor")
        return cls(
            host=host,
            repo=repo,
            space=repo.config("gitsync.space") or DEFAULT_SPACE,
            domain=repo.config("gitsync.domain"),
            anchor=Oid(anchor) if anchor else None,
            remote=repo.config("gitsync.remote"),
        )

    @property
    def facts(self) -> StoreFacts:
        """The repository's objects and what they mean."""
        return self.repo.facts

    def me(self) -> str:
        """The domain of this clone. Raises EnvironmentFault ``domain.none``."""
        if self.domain is None:
            raise EnvironmentFault(
                "domain.none", _NOT_A_LEDGER,
                hint="begin one: gitsync init --name YOU\n"
                "or join one: gitsync join URL DIR --name YOU",
            )  # fmt: skip
        return check_domain(self.domain)

    def ledger(self) -> Oid:
        """The trust anchor. Raises EnvironmentFault ``anchor.none``."""
        if self.anchor is None:
            raise EnvironmentFault(
                "anchor.none", _NOT_A_LEDGER, hint="run: gitsync init --name YOU"
            )
        return self.anchor

    @property
    def stick(self) -> Path | None:
        """The folder of bundles that this clone joined from, as long as that is all the home it
        has; None where there is one that git can ask."""
        stick = self.repo.config("gitsync.stick")
        if stick is None or self.repo.config(f"remote.{self.remote}.url") != stick:
            return None
        path = Path(stick)
        return None if any((path / one).exists() for one in (".git", "HEAD")) else path

    def branch(self) -> str:
        """The ref that this clone's person works on."""
        return people_branch(self.me())

    def work_tree(self) -> WorkTree:
        """The files. Raises EnvironmentFault for a bare repository."""
        return WorkTree(self.repo)

    # -- keys -------------------------------------------------------------------------------

    def key(self, explicit: str | None = None) -> KeyChoice:
        """Which key signs here. Raises EnvironmentFault ``key.*``."""
        from gitsync.storage.keys import find_key

        return find_key(explicit, self.repo.config, self.host.env, self.host.home)

    def signer(self, explicit: str | None = None) -> Signer:
        """The opened key; asks for a passphrase only on a terminal."""
        from gitsync.storage.signing import open_signer

        return open_signer(
            self.key(explicit), interactive=self.host.ask is not None, ask=self.host.ask
        )

    def identity(self) -> Signature:
        """Author and committer for this person's commits, now."""
        name = self.repo.config("user.name") or self.me()
        email = self.repo.config("user.email") or f"{self.me()}@gitsync.invalid"
        return Signature(_clean(name), _clean(email), self.host.seconds(), b"+0000")

    def commit_as_me(self, commit: Commit, signer: Signer | None = None) -> Oid:
        """Sign a commit with this clone's key, store it durably, and read it back."""
        from gitsync.services.deciding import sign_commit

        oid = sign_commit(self.facts, signer or self.signer(), commit)
        self.repo.store.flush()
        self.facts.store.read(oid)
        return oid

    # -- verified state ---------------------------------------------------------------------

    def positions(self) -> PositionStore:
        """Where the verified position is kept."""
        return PositionStore(
            self.repo.state_dir, state_home(self.host.env, self.host.home), self.space
        )

    def position(self) -> VerifiedPosition | None:
        """How far this clone has verified the ledger."""
        return self.positions().load(self.anchor)

    def verified(self) -> VerifiedPosition:
        """The verified position. Raises EnvironmentFault ``position.none``."""
        found = self.position()
        if found is None:
            raise EnvironmentFault(
                "position.none", "nothing of this ledger has been verified here yet",
                hint="gitsync pull",
            )  # fmt: skip
        return found

    def state(self) -> State:
        """The ledger at the verified position."""
        from gitsync.services.states import load_state

        position = self.verified()
        return load_state(self.facts, position.anchor, self.space, position.commit)

    def settings(self) -> Settings:
        """Policy, schema and roster at the verified position."""
        return self.facts.settings(self.facts.commit(self.verified().commit).tree)

    def index(self) -> PositionIndex:
        """The position index of this repository."""
        from gitsync.storage.index import PositionIndex

        return PositionIndex(self.repo.state_dir / "index.db")

    def verifier(self, *, fresh: bool = False, full: bool = False, known: bool = False) -> Verifier:
        """A verifier from the stored position on.

        ``fresh`` trusts no cache at all, ``full`` needs no readable position; ``known`` is for
        refs that were fetched earlier, which other clones of this user may have overtaken.
        """
        from gitsync.services.refview import local_view
        from gitsync.services.verifying import Verifier
        from gitsync.storage.index import PositionIndex

        host = self.host
        try:
            stored = self.position()
        except VerificationError as error:
            if not full or error.code != "position.damaged":
                raise
            stored = None
        anchor = self.anchor or (stored.anchor if stored else None)
        return Verifier(
            store=self.repo.store,
            index=PositionIndex(None) if fresh else self.index(),
            space=self.space,
            anchor=self.anchor,
            stored=stored,
            floor=None if known else self.positions().furthest(anchor),
            evidence_dir=self.repo.state_dir / "evidence",
            own_tags=lambda: dict(local_view(self.repo, self.space).tags),
            now=host.seconds(),
            progress=lambda done, total: host.progress("verifying snapshots", done, total),
            repo=self.repo.git_dir,
            jobs=processors(),
        )

    def accept(
        self, position: VerifiedPosition, state: State, tags: dict[int, Oid],
        positions: Positions | None = None,
    ) -> None:  # fmt: skip
        """Make a verified position this clone's own: ``common``, its tags, the roster's copy.

        ``tags`` are the verified tags by number; ``positions`` may know their snapshots. The
        branch moves only after the position is stored, so a position that is ahead after a kill
        is healed by the next verification.
        """
        from gitsync.storage.packedrefs import create_tags
        from gitsync.storage.refs import RefUpdate

        make_folder(self.repo.state_dir)
        self.positions().save(position)
        here = self.repo.refs.list(space_branch(self.space), f"refs/tags/{self.space}@*")
        branch = space_branch(self.space)
        moved = {branch: position.commit}
        moved |= {
            position_tag(self.space, n): tag for n, tag in tags.items() if n <= position.number
        }
        updates = [
            RefUpdate(ref, oid, here.get(ref)) for ref, oid in moved.items() if here.get(ref) != oid
        ]
        message = f"gitsync: verified {self.space}@{position.number}"
        peeled: dict[str, Oid] = {}
        if positions is not None:
            peeled = {position_tag(self.space, n): positions.snapshot(n) for n in tags}
        new = [one for one in updates if one.old is None]
        create_tags(self.repo, new, message=message, peeled=peeled)
        self.repo.refs.transact([one for one in updates if one.old is not None], message=message)
        self.write_roster(state)
        from gitsync.services.mergesetup import remember_rules

        remember_rules(self, position.commit, state.settings)

    def write_roster(self, state: State) -> None:
        """Keep the verified roster where stock git's configuration points to."""
        from gitsync.codec.settings import ROSTER
        from gitsync.domain.merge.trees import entry_at

        entry = entry_at(self.facts, state.tree, ROSTER.encode())
        if entry is not None:
            path = self.repo.state_dir / "allowed_signers"
            data = self.facts.blob(Oid(entry[1].hex()))
            if not path.exists() or path.read_bytes() != data:
                write_atomic(path, data)

    def with_anchor(self, anchor: Oid) -> Workspace:
        """The same clone with another trust anchor."""
        return replace(self, anchor=anchor)


def processors() -> int:
    """How many processes may usefully work at once, at most eight."""
    import os

    return min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)


def _open_linked(code: Repository, linked: str) -> Repository:
    folder = code.common_dir.parent / linked
    if (folder / ".git").exists():
        return Repository.open(folder)
    if code.config("gitsync.anchor") is None:
        return code  # a run that was cut off before it made the folder
    remote = code.config("gitsync.remote")
    again = f"git config --unset gitsync.anchor\ngitsync join {remote} --name YOU --path {linked}"
    raise EnvironmentFault(
        "folder.missing", f"the ledger's folder {folder} is gone",
        hint=f"set it up again:\n{again}" if remote else f"its branches are here: git branch --list"
        f" 'people/*'\ngit worktree add --force {folder} people/YOU",
    )  # fmt: skip


def _is_linked(repo: Repository, linked: str) -> bool:
    tree = repo.work_tree
    return tree is not None and tree.resolve() == (repo.common_dir.parent / linked).resolve()


def _clean(text: str) -> bytes:
    kept = "".join(char for char in text if char not in "<>\n\0")
    return kept.strip().encode("utf-8", "replace")


def relative_to(root: Path, cwd: Path, path: str) -> str:
    """A path as typed in ``cwd``, as git names it below ``root``. Raises UsageError."""
    try:
        return (cwd / path).resolve().relative_to(root.resolve()).as_posix()
    except ValueError as error:
        raise UsageError("path.outside", f"{path} is not below {root}") from error
