"""Verification of a ledger: from the stored position on, or all of it, by replay.

Works on a :class:`RefView`, so the same code checks this repository and what a remote offered,
before anything of it becomes ``common`` here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.codec.records import read_snapshot
from gitsync.domain.errors import EnvironmentFault, FormatError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.snapshot import witness_name
from gitsync.services import evidence
from gitsync.services.chain import first_parents, ready_index
from gitsync.services.locksref import LocksChain
from gitsync.services.proving import (
    PLACING,
    PLACING_KNOWN,
    Step,
    Stretch,
    Tags,
    beside,
    costs_of,
    cut,
    parts,
    prove_steps,
)
from gitsync.services.replay import Proven, check_tag
from gitsync.services.sidechains import SideChain
from gitsync.services.states import load_state
from gitsync.storage.facts import StoreFacts
from gitsync.storage.objects import ScratchObjects
from gitsync.storage.positions import VerifiedPosition

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Executor

    from gitsync.domain.ledger.state import State
    from gitsync.domain.objects import Oid, Tag
    from gitsync.domain.ports import Settings
    from gitsync.services.refview import RefView
    from gitsync.storage.ahead import Known
    from gitsync.storage.index import PositionIndex
    from gitsync.storage.objects import ObjectStore

#: Called with (done, total) while snapshots are checked.
Progress = Callable[[int, int], None]


@frozen
class Verified:
    """How a check ended: the state reached, how many snapshots were replayed for it, and the
    numbers above it that have no tag yet and so are not final."""

    state: State
    replayed: int
    start: int
    pending: tuple[int, ...] = ()
    position: VerifiedPosition | None = None


@dataclass(slots=True)
class Verifier:
    """One ledger's verification: what is known of it (``anchor``, ``stored``) and where to keep
    evidence. ``now`` is the moment that a new position is marked with, in seconds; ``floor`` the
    furthest position that this user has verified anywhere: a view that ends below it is refused.
    ``repo`` is where other processes, up to ``jobs`` in all, open the same objects; ``provers`` are
    some that wait for it already, ``known`` is what was read of them ahead. ``own_tags`` gives the
    verified tags of this clone, for comparison when another history shows up."""

    store: ObjectStore
    index: PositionIndex
    space: str
    anchor: Oid | None
    stored: VerifiedPosition | None
    evidence_dir: Path
    now: int
    progress: Progress = field(default=lambda _done, _total: None)
    floor: VerifiedPosition | None = None
    repo: Path | None = None
    jobs: int = 1
    provers: Executor | None = None
    known: Known | None = None
    own_tags: Callable[[], Mapping[int, Oid]] = field(default=dict)
    facts: StoreFacts = field(init=False)
    _scratch: ScratchObjects = field(init=False)

    def __post_init__(self) -> None:
        self._scratch = ScratchObjects(self.store)
        self.facts = StoreFacts(self._scratch, self.known)

    def check(
        self,
        view: RefView,
        *,
        full: bool = False,
        require_tags: bool = True,
        upto: int | None = None,
    ) -> Verified:
        """Check the chain that ``view`` shows, beginning after the stored position unless ``full``.

        ``require_tags`` False is the witness's own view while it mends tags. ``upto`` stops at
        that number. Raises VerificationError, FormatError or RefusedError at the first thing
        that does not hold; the message names the position. Before a snapshot is called false on
        the word of a saved index, the index is made anew and asked again.
        """
        once = partial(self._check, view, full=full, require_tags=require_tags, upto=upto)
        try:
            return once(anew=False)
        except (VerificationError, EnvironmentFault) as error:
            saved = not full and self.stored is not None
            if not saved or not error.code.startswith(("replay.", "index.")):
                raise
            return once(anew=True)

    def _check(
        self, view: RefView, *, full: bool, require_tags: bool, upto: int | None, anew: bool
    ) -> Verified:
        if view.common is None:
            raise VerificationError(
                "common.missing",
                f"{view.source} has no branch {self.space}",
                hint="it was deleted, or this is not a ledger: restore it from any clone",
            )
        chain, last = self._chain(view, view.common, full=full, anew=anew)
        first_number = 1 if last is None else last.state.number + 1
        self._check_order(view, chain, last)
        self._check_floor(view, chain, first_number)
        receipts, locks = self._side_chains(view, last)
        settings = self._settings_until(last)
        tags = Tags(view.tags, view.source, require_tags)
        step: Step | None = None
        for step in self._steps(chain[: upto and max(0, upto - first_number + 1)], last, tags):
            receipts.check_recorded(step.receipts)
            locks.check_recorded(step.locks)
            self.index.add(step.number, step.oid, step.places)
            if step.settings is not None:
                settings.append(self.facts.settings(step.settings))
            self.progress(step.number - first_number + 1, len(chain))
        if step is None and last is None:
            raise VerificationError("tag.missing", f"{self.space}@1 has no tag")
        anchor = last.state.ledger if last else chain[0]
        state = last.state if last else None
        if step is not None:
            state = load_state(self.facts, anchor, self.space, step.oid)
        assert state is not None  # noqa: S101 - one of the two is set, or we have raised
        newest = self._settings_around(state) if upto is None else None
        receipts.check_signatures(settings, newest)
        locks.check_acts(anchor, settings, newest)
        end = first_number + len(chain) - 1
        pending = () if upto is not None else tuple(range(state.number + 1, end + 1))
        position = VerifiedPosition(
            state.ledger, self.space, state.number, state.commit,
            view.tags.get(state.number), view.receipts, view.locks, self.now,
        )  # fmt: skip
        return Verified(state, state.number - first_number + 1, first_number, pending, position)

    def _steps(self, chain: list[Oid], last: Proven | None, tags: Tags) -> Iterator[Step]:
        """Prove the chain, long ones in several processes at once."""
        jobs = self.jobs if self.repo is not None else 1
        first = 1 if last is None else last.state.number + 1
        costs = costs_of(chain, tags.tags, first, self.known)
        placing = PLACING if self.known is None else PLACING_KNOWN
        ends = cut(costs, parts(len(chain), jobs), placing)
        anchor = last.state.ledger if last else chain[0]
        stretches = [
            Stretch(
                self.repo or Path(), self.space, anchor, first + start - 1, chain[start - 1],
                tuple(chain[start:end]),
                replace(tags, tags={n: t for n, t in tags.tags.items() if n >= first + start}),
                tuple(chain[:start]) if last is None else (),
                self.known,
            )
            for start, end in pairwise(ends)
        ]  # fmt: skip
        with beside(stretches, self.provers) as collect:
            step = None
            for step in prove_steps(
                self.facts, self._scratch, self.index, self.space,
                last.state if last else None, chain[: ends[0]], tags,
            ):  # fmt: skip
                yield step
            if step is not None and step.number == first + ends[0] - 1:
                yield from collect()

    def _settings_until(self, last: Proven | None) -> list[Settings]:
        """The settings under which side commits may have been signed that are not verified yet."""
        return [] if last is None else self._settings_around(last.state)

    def _settings_around(self, state: State) -> list[Settings]:
        """Those of a snapshot and of the one before: what came with it was signed under that."""
        parents = self.facts.commit(state.commit).parents
        before = [self.facts.settings(self.facts.commit(one).tree) for one in parents[:1]]
        return [*before, state.settings]

    def _chain(
        self, view: RefView, tip: Oid, *, full: bool, anew: bool
    ) -> tuple[list[Oid], Proven | None]:
        stored = self.stored
        if stored is None or full:
            chain = first_parents(self.facts, tip, None)
            if self.anchor is not None and chain[0] != self.anchor:
                raise VerificationError(
                    "anchor.other",
                    f"{view.source} serves another ledger: it begins with {chain[0]},"
                    f" not with {self.anchor}",
                    hint="check the address; the anchor is what your invitation names",
                )
            if stored is not None and stored.commit not in chain:
                self._not_ahead(view, tip, stored)
            self.index.clear()
            return chain, None
        try:
            chain = first_parents(self.facts, tip, stored.commit)
        except VerificationError:
            self._not_ahead(view, tip, stored)
            raise
        ready_index(self.facts, self.index, stored.anchor, stored.number, stored.commit, anew=anew)
        state = load_state(self.facts, stored.anchor, self.space, stored.commit)
        record = read_snapshot(self.facts.commit(stored.commit).message)
        self._same_tag(view, stored, state)
        return chain, Proven(state, record, {})

    def _check_order(self, view: RefView, chain: list[Oid], last: Proven | None) -> None:
        """A tag for a number past the tip means that the branch was taken back."""
        top = (last.state.number if last else 0) + len(chain)
        beyond = [number for number in view.tags if number > top]
        if beyond:
            raise VerificationError(
                "common.behind-tags",
                f"{view.source} has the tag {self.space}@{max(beyond)}, but its branch ends at"
                f" {self.space}@{top}: the branch was rolled back, or the tag is forged",
                hint="compare with other clones; if the tag is no witness's, remove it:\n"
                f"git push {view.source} :refs/tags/{self.space}@{max(beyond)}",
            )

    def _check_floor(self, view: RefView, chain: list[Oid], first: int) -> None:
        """The chain holds what another clone of this user has verified already."""
        floor = self.floor
        if floor is None or floor.space != self.space or floor.number < first:
            return
        if floor.number >= first + len(chain):
            raise self._rollback(view, first + len(chain) - 1, floor)
        if chain[floor.number - first] != floor.commit:
            raise VerificationError(
                "common.fork",
                f"{view.source} shows another {self.space}@{floor.number} than the one verified on"
                f" this machine ({floor.commit[:12]})",
                hint="do not follow it; ask the witness, and compare with other clones",
            )

    def _rollback(self, view: RefView, number: int, lost: VerifiedPosition) -> VerificationError:
        return VerificationError(
            "position.rollback",
            f"{view.source} shows {self.space}@{number}; {self.space}@{lost.number} was"
            " verified before",
            hint="somebody moved the branch back; push it again from any clone that has it:\n"
            f"git push {view.source} {lost.commit}:refs/heads/{self.space}",
        )

    def _not_ahead(self, view: RefView, tip: Oid, stored: VerifiedPosition) -> None:
        """The tip does not hold the stored position: tell a rollback from a fork."""
        try:
            number = read_snapshot(self.facts.commit(tip).message).number
        except FormatError:
            number = 0
        if number < stored.number and self._descends(stored.commit, tip):
            raise self._rollback(view, number, stored)
        self.check_forks(view, stored)
        raise VerificationError(
            "common.fork",
            f"{view.source} shows a history that does not hold the verified"
            f" {self.space}@{stored.number} ({stored.commit[:12]})",
            hint="do not follow it; ask the witness, and compare with other clones",
        )

    def _descends(self, tip: Oid, ancestor: Oid) -> bool:
        try:
            first_parents(self.facts, tip, ancestor)
        except VerificationError:
            return False
        return True

    def check_forks(self, view: RefView, stored: VerifiedPosition) -> None:
        """If the other history has signed a number that we hold, keep both tags as proof."""
        own = dict(self.own_tags())
        if stored.tag is not None:
            own[stored.number] = stored.tag
        for number in sorted(own.keys() & view.tags.keys()):
            if number > stored.number or own[number] == view.tags[number]:
                continue
            ours, theirs = self.facts.tag(own[number]), self.facts.tag(view.tags[number])
            if evidence.contradicts(ours, theirs):
                self._raise_fork(view, number, ours, theirs)

    def _raise_fork(self, view: RefView, number: int, ours: Tag, theirs: Tag) -> None:
        key = self.facts.tag_signer(view.tags[number])
        here = self.facts.commit(ours.target)
        witnessed = any(
            witness_name(one.policy, one.roster, key) is not None
            for one in (
                self.facts.settings(here.tree),
                self.facts.settings(self.facts.commit(here.parents[0]).tree),
            )
        )
        if not witnessed:
            raise VerificationError(
                "tag.unknown-key",
                f"{view.source} has a tag {self.space}@{number} by {key.fingerprint},"
                " which is no witness",
            )
        path = evidence.fork_file(self.evidence_dir, ours, theirs)
        raise VerificationError(
            "common.equivocation",
            f"the witness signed two different {self.space}@{number}:"
            f" {ours.target[:12]} here, {theirs.target[:12]} on {view.source}",
            hint=f"the proof is in {path}\nanyone can check it: gitsync verify --evidence FILE",
        )

    def _same_tag(self, view: RefView, stored: VerifiedPosition, state: State) -> None:
        """The tag of the verified position still stands, and still names the same commit."""
        other = view.tags.get(stored.number)
        if other is None:
            if any(number > stored.number for number in view.tags) or stored.tag is not None:
                raise VerificationError(
                    "tag.missing",
                    f"{view.source} no longer has the tag {self.space}@{stored.number}",
                    hint="restore it from any clone that has it:\n"
                    f"git push {view.source} refs/tags/{self.space}@{stored.number}",
                )
            return
        if other != stored.tag:
            self.check_forks(view, stored)
            parents = self.facts.commit(stored.commit).parents
            before = state
            if parents:
                before = load_state(self.facts, stored.anchor, self.space, parents[0])
            check_tag(self.facts, before, state, other)

    def _side_chains(self, view: RefView, last: Proven | None) -> tuple[SideChain, LocksChain]:
        stored, record = (self.stored, last.record) if last is not None else (None, None)
        return (
            SideChain(
                self.facts, "receipts", view.receipts,
                stored.receipts if stored else None, record.receipts if record else None,
            ),
            LocksChain(
                self.facts, "locks", view.locks,
                stored.locks if stored else None, record.locks if record else None,
            ),
        )  # fmt: skip
