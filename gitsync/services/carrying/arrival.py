"""Objects in quarantine and refs that would move: held against the ledger by the rules of a home.

The chain is proven like anybody proves it who fetches. People's refs pass the same checks as in a
push to a guarded home; one that does not pass is left out and named, and holds up no other.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from gitsync.domain.carrying import Change, Fate, Verdict
from gitsync.domain.errors import GitsyncError, RefusedError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledgerrefs import LedgerRef, RefKind
from gitsync.domain.names import (
    LOCKS_REF,
    parse_position,
    person_of,
    receipts_ref,
    space_branch,
)
from gitsync.services.carrying.holding import CHAIN, kind_of
from gitsync.services.receiptbook import ReceiptBook
from gitsync.services.receiving import Push, never_removed
from gitsync.services.receiving_own import OwnRefs
from gitsync.services.refview import view_of
from gitsync.services.states import load_state
from gitsync.services.workspace import processors
from gitsync.storage.refs import RefUpdate
from gitsync.storage.revlist import new_commits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import Executor
    from pathlib import Path

    from gitsync.domain.ledger.state import State
    from gitsync.domain.objects import Oid
    from gitsync.services.carrying.holding import Held
    from gitsync.services.refview import RefView
    from gitsync.services.verifying import Verified, Verifier
    from gitsync.services.workspace import Workspace
    from gitsync.storage.ahead import Known
    from gitsync.storage.facts import StoreFacts
    from gitsync.storage.positions import VerifiedPosition
    from gitsync.storage.quarantine import Quarantine


@frozen
class Judged:
    """What came of a check: the ledger that it was held against, what was proven anew (None:
    nothing beyond what was verified before), the chain's refs as they are to be, a verdict for
    each ref of people, and the space's tags that are new here. ``verifier`` has the position
    index open."""

    state: State
    verified: Verified | None
    chain: Mapping[str, Oid]
    verdicts: tuple[Verdict, ...]
    tags: Mapping[int, Oid]
    verifier: Verifier


@dataclass(frozen=True)
class Arrival:
    """A receiver of refs (see ``Receiver``): a clone, with new objects beside it in quarantine.

    ``anchor`` is the ledger that the refs are to be of. ``provers`` are processes that wait for
    their part of the proof, ``known`` is what was read ahead of it.
    """

    ws: Workspace
    quarantine: Quarantine
    held: Held
    anchor: Oid
    source: str
    provers: Executor | None = None
    known: Known | None = None

    @property
    def space(self) -> str:
        """See ``Receiver``."""
        return self.ws.space

    @cached_property
    def facts(self) -> StoreFacts:
        """See ``Receiver``."""
        return self.quarantine.facts

    @property
    def refs(self) -> Mapping[str, Oid]:
        """See ``Receiver``."""
        return self.held.refs

    @property
    def state_dir(self) -> Path:
        """See ``Receiver``."""
        return self.ws.repo.state_dir

    def view(self, changed: Mapping[str, Oid | None]) -> RefView:
        """See ``Receiver``."""
        refs: dict[str, Oid | None] = {**self.held.refs, **changed}
        return view_of(self.space, self.source, {r: o for r, o in refs.items() if o is not None})

    def new_commits(self, tips: Iterable[Oid], known: Iterable[Oid]) -> set[Oid]:
        """See ``Receiver``."""
        return new_commits(self.quarantine.git_dir, tips, known)

    def verifier(self, now: int) -> Verifier:
        """See ``Receiver``. What another clone of this user has verified binds where what has
        come reaches that far: a stick may be late."""
        from gitsync.services.verifying import Verifier

        host = self.ws.host
        return Verifier(
            store=self.quarantine.store,
            index=self.ws.index(),
            space=self.space,
            anchor=self.anchor,
            stored=self.held.position,
            evidence_dir=self.ws.repo.state_dir / "evidence",
            own_tags=lambda: self.view({}).tags,
            now=now,
            progress=lambda done, total: host.progress("verifying snapshots", done, total),
            repo=self.quarantine.git_dir,
            jobs=processors(),
            provers=self.provers,
            known=self.known,
        )

    # -- the chain ----------------------------------------------------------------------------

    def judge(self, changes: Sequence[Change], common: Oid, number: int) -> Judged:
        """Check what is to change. ``common`` is the sender's newest snapshot, of that ``number``.

        Raises VerificationError, FormatError or RefusedError where the ledger itself does not
        check out; a fork leaves evidence.
        """
        now = self.ws.host.seconds()
        chain_changes: dict[str, Oid | None] = {space_branch(self.space): common}
        people: list[tuple[LedgerRef, Change]] = []
        for change in changes:
            kind = kind_of(change.ref, self.space)
            if kind is None:
                raise RefusedError("bundle.ref", f"{change.ref} is no ref of a ledger")
            if kind.kind in CHAIN:
                never_removed(kind, RefUpdate(change.ref, change.new, None))
                chain_changes[change.ref] = change.new
            else:
                people.append((kind, change))
        verifier = self.verifier(now)
        try:
            verified, chain, tags = self._chain(verifier, chain_changes, number)
            state = verified.state if verified is not None else self._stored_state()
            self._check_position(common, number)
            verdicts = tuple(self._people(state, chain, people, now))
        except BaseException:
            verifier.index.close()
            raise
        return Judged(state, verified, chain, verdicts, tags, verifier)

    def _check_position(self, common: Oid, number: int) -> None:
        from gitsync.services.chain import number_of

        if number_of(self.facts, common) != number:
            raise VerificationError(
                "bundle.position", f"the bundle calls {common[:12]} {self.space}@{number}, which it"
                " is not",
            )  # fmt: skip

    def _stored_state(self) -> State:
        position = self.held.position
        assert position is not None  # noqa: S101 - without one everything is proven anew
        return load_state(self.facts, position.anchor, self.space, position.commit)

    def _chain(
        self, verifier: Verifier, changes: Mapping[str, Oid | None], number: int
    ) -> tuple[Verified | None, dict[str, Oid], dict[int, Oid]]:
        """(what was proven, the chain's refs as they are to be, the tags that are new here)."""
        position = self.held.position
        theirs = self.view(changes)
        if position is not None:
            verifier.check_forks(theirs, position)
        branch = space_branch(self.space)
        common = theirs.common
        assert common is not None  # noqa: S101 - a bundle always names it
        chain = {branch: common}
        for ref in (receipts_ref(self.space), LOCKS_REF):
            further = self._further(changes.get(ref), self.held.refs.get(ref))
            if further is not None:
                chain[ref] = further
        if position is not None and self._not_beyond(common, number, position):
            chain[branch] = position.commit
            same = all(chain[ref] == self.held.refs.get(ref) for ref in chain)
            moved = self.held.branch == position.commit
            if same and moved and not self._new_tags(changes):
                return None, chain, {}
        own = dict(self.view({}).tags)
        view = replace(
            theirs, common=chain[branch], receipts=chain.get(receipts_ref(self.space)),
            locks=chain.get(LOCKS_REF), tags={**theirs.tags, **own},
        )  # fmt: skip
        self._check_floor(verifier, number)
        verified = verifier.check(view)
        top = verified.state.number
        return verified, chain, {n: t for n, t in view.tags.items() if n not in own and n <= top}

    def _not_beyond(self, common: Oid, number: int, position: VerifiedPosition) -> bool:
        """Whether a snapshot is part of the chain that was verified."""
        if common == position.commit:
            return True
        return number < position.number and self._below(common, position.commit)

    def _check_floor(self, verifier: Verifier, number: int) -> None:
        floor = self.ws.positions().furthest(self.anchor)
        if floor is not None and floor.number <= number:
            verifier.floor = floor

    def _new_tags(self, changes: Mapping[str, Oid | None]) -> bool:
        here = self.view({}).tags
        for ref in changes:
            found = parse_position(ref.removeprefix("refs/tags/"))
            if found is not None and found[0] == self.space and found[1] not in here:
                return True
        return False

    def _further(self, new: Oid | None, old: Oid | None) -> Oid | None:
        """Of two states of a chain beside the ledger the one that holds the other; the new one
        where neither does, to be refused by whoever verifies it."""
        if new is None or new == old:
            return old
        return old if old is not None and self._below(new, old) else new

    def _below(self, one: Oid, other: Oid) -> bool:
        """Whether ``one`` is part of the history of ``other``."""
        return not self.new_commits([one], [other])

    # -- people's refs ------------------------------------------------------------------------

    def _people(
        self,
        state: State,
        chain: Mapping[str, Oid],
        changes: list[tuple[LedgerRef, Change]],
        now: int,
    ) -> list[Verdict]:
        if not changes:
            return []
        updates = [
            (kind, RefUpdate(one.ref, one.new, self.held.refs.get(one.ref)))
            for kind, one in changes
        ]
        after = replace(self, held=replace(self.held, refs={**self.held.refs, **chain}))
        push = Push(after, [update for _, update in updates], now, state)
        own = OwnRefs(push, updates)
        book = ReceiptBook(self.facts, chain.get(receipts_ref(self.space)))
        return [
            self._one(own, book, state, kind, update, change)
            for (kind, change), (_, update) in zip(changes, updates, strict=True)
        ]

    def _one(
        self, own: OwnRefs, book: ReceiptBook, state: State, kind: LedgerRef, update: RefUpdate,
        change: Change,
    ) -> Verdict:  # fmt: skip
        if update.new == update.old:
            return Verdict(change, Fate.SAME)
        try:
            if update.new is None:
                if update.old != change.old:
                    return Verdict(change, Fate.OLDER)
                never_removed(kind, update)
                own.check(kind, update)
                return Verdict(change, Fate.GONE)
            if self._answered(book, state, kind, update.new):
                return Verdict(change, Fate.ANSWERED)
            branch = kind.kind is RefKind.PERSON and update.old is not None
            if branch and self._below(update.new, update.old or update.new):
                return Verdict(change, Fate.OLDER)
            never_removed(kind, update)
            own.check(kind, update)
        except GitsyncError as error:
            if self._wants_answer(own, state, kind, update, error):
                return Verdict(change, Fate.NEW)
            older = error.code == "ref.older" or (update.new is None and error.code == "ref.delete")
            fate = Fate.OLDER if older else Fate.REFUSED
            return Verdict(change, fate, error.code, error.message)
        return Verdict(change, Fate.NEW)

    def _wants_answer(
        self, own: OwnRefs, state: State, kind: LedgerRef, update: RefUpdate, error: GitsyncError
    ) -> bool:
        """Whether what the rules refuse is its person's own proposal: nobody can be told here, so
        it goes on to the witness, who answers with a receipt."""
        new = update.new
        if kind.kind is not RefKind.PROPOSAL or new is None or error.code == "ref.older":
            return False
        try:
            own.check_newer(update, new)
            person = state.settings.roster.person(self.facts.signer(new).blob)
        except GitsyncError:
            return False
        return person == person_of(kind.domain)

    def _answered(self, book: ReceiptBook, state: State, kind: LedgerRef, new: Oid) -> bool:
        """Whether a proposal, approval or request has had its answer: it is over."""
        if kind.kind is RefKind.REQUEST:
            return kind.domain in state.settings.roster.names()
        if kind.kind not in (RefKind.PROPOSAL, RefKind.APPROVAL):
            return False
        if kind.ref not in self.held.refs and book.taken_back(person_of(kind.domain), new):
            return True
        wanted = new if kind.kind is RefKind.PROPOSAL else self.facts.record(new).approves
        if wanted is None:
            return False
        answer = book.of_commit(wanted)
        if answer is not None and (answer.yes or (answer.final and kind.ref not in self.held.refs)):
            return True
        return kind.kind is RefKind.PROPOSAL and self._below(new, state.commit)
