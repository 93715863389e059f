"""The witness: heal what a dead run left, verify, decide, emit, read back, tag.

``common`` is the commit point. Everything else (tags, receipts, deleted proposal refs) follows
from the chain and is mended by the next run, so a run can be killed anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, overload

from gitsync.codec.records import read_snapshot
from gitsync.domain.errors import RefusedError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.snapshot import witness_name
from gitsync.domain.names import LOCKS_REF, receipts_ref, space_branch
from gitsync.domain.records import Receipt
from gitsync.services.batch import Batch, Notary
from gitsync.services.deciding import Pass, sign_commit
from gitsync.services.receiptbook import ReceiptBook
from gitsync.services.stamping import is_stamp_due, next_stamp
from gitsync.services.tagkeeping import TagKeeper
from gitsync.storage.positions import VerifiedPosition
from gitsync.storage.refs import RefsMovedError, RefUpdate
from gitsync.storage.transport import RemoteRejectedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitsync.domain.ledger.state import State
    from gitsync.domain.objects import Oid
    from gitsync.services.home import Home
    from gitsync.services.refview import RefView
    from gitsync.services.verifying import Progress, Verifier
    from gitsync.storage.repository import Repository
    from gitsync.storage.signing import Signer

BATCH = 1000
ATTEMPTS = 6


@frozen
class WitnessReport:
    """What one run did: the position before and after, every receipt written, tags mended."""

    space: str
    before: int
    after: int
    receipts: tuple[Receipt, ...]
    healed_tags: tuple[int, ...] = ()
    healed_receipts: int = 0
    misnamed: tuple[str, ...] = ()
    dry_run: bool = False
    position: VerifiedPosition | None = None


@dataclass(slots=True)
class Witness:
    """One run of a witness over one home. ``make_verifier`` opens the verification of its view."""

    repo: Repository
    home: Home
    signer: Signer
    make_verifier: Callable[[], Verifier]
    now: Callable[[], int]
    on_position: Callable[[VerifiedPosition, State, dict[int, Oid]], None]
    size: int = BATCH
    limit: int | None = None
    progress: Progress = field(default=lambda _done, _total: None)
    dry_run: bool = False
    _deletes: bool = field(default=True, init=False)
    _left: dict[str, Oid] = field(default_factory=dict, init=False)
    _tags: TagKeeper = field(init=False)

    def __post_init__(self) -> None:
        self._tags = TagKeeper(self.repo, self.home)

    def run(self) -> WitnessReport:
        """Drain everything that is pending.

        Raises RefusedError ``witness.not-you`` when the key is no witness's, VerificationError
        when the home's ledger does not check out (nothing is signed on top of it then), and
        RefsMovedError when others kept moving the refs through all attempts.
        """
        rejected: dict[Oid, str] = {}
        report: WitnessReport | None = None
        size, races = self.size, 0
        while True:
            try:
                found = self._once(size, rejected)
                return _joined(report, found)
            except _PartError as part:
                report = _joined(report, part.report)
                if not isinstance(part.cause, RemoteRejectedError):
                    races += 1
                    if races > ATTEMPTS:
                        raise part.cause from None
                elif part.single is not None:
                    rejected[part.single] = str(part.cause)
                elif size == 1 and not self._deletes:
                    raise part.cause from None
                else:
                    size = 1
                # A proposer who keeps moving a ref that is to be deleted, or a home that forbids
                # deletions, must not hold up everybody else: these wait until the rest is done.
                self._deletes = False

    def _once(self, size: int, rejected: dict[Oid, str]) -> WitnessReport:
        verifier = self.make_verifier()
        view = self.home.view()
        try:
            verified = verifier.check(view, require_tags=False)
            state, facts = verified.state, self.repo.facts
            notary = self._notary(state)
            mended = {} if self.dry_run else self._tags.mend(view, verifier, state, notary)
            view = replace(view, tags={**view.tags, **mended})
        except RefusedError as error:
            verifier.index.close()
            # Refs are not read in one moment: another witness's tag may be seen before its branch.
            if not isinstance(error, RefsMovedError) and error.code != "common.behind-tags":
                raise
            raise _PartError(None, error, None) from error
        healed = self._missing_receipts(view, state, notary)
        work = Pass(
            facts,
            verifier.index,
            notary,
            view,
            state,
            size=size,
            limit=self.limit,
            rejected=rejected,
        )
        work.batch.receipts += healed
        report = WitnessReport(
            state.space,
            state.number,
            state.number,
            (),
            tuple(mended),
            len(healed),
            view.misnamed,
            self.dry_run,
        )
        done: list[Receipt] = []
        current, total = view, len(view.proposals)
        for batch in work.batches():
            if not self.dry_run:
                try:
                    current = self._emit(batch, current, notary)
                except (RefsMovedError, RemoteRejectedError) as error:
                    single = self._culprit(batch, current, notary, error, size)
                    raise _PartError(_with(report, done, verifier), error, single) from error
                work.follow(current)
            done += batch.receipts
            report = replace(report, after=batch.state.number)
            self.progress(len(done), total)
        report = replace(report, receipts=tuple(done))
        if self.dry_run:
            return report
        if current is view and is_stamp_due(facts, view, work.state, notary):
            try:
                current = self._emit(Batch(work.state), current, notary)
            except (RefsMovedError, RemoteRejectedError) as error:
                raise _PartError(_with(report, done, verifier), error, None) from error
        return self._finish(verifier, current, work.state, report)

    def _finish(
        self, verifier: Verifier, view: RefView, state: State, report: WitnessReport
    ) -> WitnessReport:
        verifier.index.save(state.ledger, state.number, state.commit)
        left, self._left = self._left, {}
        self.home.sweep([RefUpdate(ref, None, oid) for ref, oid in left.items()])
        position = VerifiedPosition(
            state.ledger, state.space, state.number, state.commit,
            view.tags.get(state.number), view.receipts, view.locks, self.now(),
        )  # fmt: skip
        self.on_position(position, state, self._tags.own(verifier, view.tags, state))
        return replace(report, position=position)

    def _notary(self, state: State) -> Notary:
        key = self.signer.public_key
        name = witness_name(state.settings.policy, state.settings.roster, key)
        if name is None and key.is_ed25519:
            raise RefusedError(
                "witness.not-you",
                f"the key {key.fingerprint} is no witness of {state.space}@{state.number}",
                hint="witnesses: " + ", ".join(sorted(state.settings.policy.witnesses)),
            )
        if name is None or not self.signer.deterministic:
            raise RefusedError(
                "witness.key-kind",
                "a witness signs with an Ed25519 key that this process can read: only then are two"
                " runs the same to the byte",
                hint="gitsync id new --key FILE, and put its public key on the roster",
            )
        return Notary(self.signer, name, self.now())

    def _culprit(
        self, batch: Batch, view: RefView, notary: Notary, error: RefusedError, size: int
    ) -> Oid | None:
        """The one proposal that the home refuses; None as long as it may be something else.

        It is blamed only where it was alone, with nothing to delete, and where the home takes a
        stamp without it: a home that takes nothing today must not cost anybody their proposal.
        """
        single = _only(batch)
        if size > 1 or self._deletes or not isinstance(error, RemoteRejectedError):
            return None
        before = replace(batch.state, number=batch.state.number - len(batch.landed))
        try:
            self._emit(Batch(before), view, notary)
        except RefusedError:
            return None
        return single

    def _missing_receipts(self, view: RefView, state: State, notary: Notary) -> list[Receipt]:
        """Receipts for accepted proposals whose emission was cut off after ``common`` moved."""
        facts = self.repo.facts
        book = ReceiptBook(facts, view.receipts)
        healed: list[Receipt] = []
        oid = state.commit
        while True:
            commit = facts.commit(oid)
            record = read_snapshot(commit.message)
            if record.proposal is None or record.name is None:
                break
            known = book.of_commit(record.proposal)
            if known is not None and known.yes:
                break
            healed.append(
                Receipt(
                    "accepted",
                    state.space,
                    state.ledger,
                    record.proposal,
                    record.name.ref,
                    record.number - 1,
                    "ledger.accepted",
                    f"it is {state.space}@{record.number}",
                    notary.now,
                    record.number,
                    oid,
                )
            )
            oid = commit.parents[0]
        return healed[::-1]

    def _emit(self, batch: Batch, view: RefView, notary: Notary) -> RefView:
        """Write one batch: objects, then all refs as one, read back, then the tags."""
        facts, state = self.repo.facts, batch.state
        later: dict[str, Oid] = {}
        if batch.delete and not self._deletes:
            later, batch = batch.delete, replace(batch, delete={})
            if batch.empty:
                self._left |= later
                return view
        book = ReceiptBook(facts, view.receipts)
        receipts = view.receipts
        if batch.receipts or batch.bound:
            commit = book.write(
                batch.receipts,
                batch.bound,
                roster=state.settings.roster,
                witness=notary.name,
                ledger=state.ledger,
                number=state.number,
                now=notary.now,
            )
            receipts = sign_commit(facts, notary.signer, commit)
        locks = sign_commit(facts, notary.signer, next_stamp(facts, view, batch, notary))
        self.repo.store.flush()
        updates = []
        if batch.landed:
            # First, where a killed run leaves some moved: all else is mended from it.
            updates.append(
                RefUpdate(space_branch(state.space), batch.landed[-1].commit, view.common)
            )
        updates.append(RefUpdate(LOCKS_REF, locks, view.locks))
        if receipts != view.receipts:
            updates.append(RefUpdate(receipts_ref(state.space), receipts, view.receipts))
        updates += [RefUpdate(ref, None, oid) for ref, oid in batch.delete.items()]
        self.home.emit(updates)
        # Not before: what the home did not take may have to wait in the next attempt.
        self._left |= later
        # Only what the home has taken gets a signed number: a tag for a snapshot that was refused
        # would be half of a fork's proof.
        tags = self._tags.give(state, batch.landed, notary)
        return replace(
            view,
            common=batch.landed[-1].commit if batch.landed else view.common,
            receipts=receipts,
            locks=locks,
            tags={**view.tags, **tags},
        )


class _PartError(Exception):
    """A run that got part of its way: what it did, and why it stopped."""

    def __init__(
        self, report: WitnessReport | None, cause: RefusedError, single: Oid | None
    ) -> None:
        super().__init__(str(cause))
        self.report = report
        self.cause = cause
        self.single = single


def _only(batch: Batch) -> Oid | None:
    """The proposal of a batch of one, to be blamed when the home refuses it."""
    if len(batch.landed) != 1:
        return None
    return next((r.proposal for r in batch.receipts if r.number == batch.landed[0].number), None)


def _with(report: WitnessReport, done: list[Receipt], verifier: Verifier) -> WitnessReport:
    verifier.index.close()
    return replace(report, receipts=tuple(done))


@overload
def _joined(first: WitnessReport | None, second: WitnessReport) -> WitnessReport: ...
@overload
def _joined(first: WitnessReport | None, second: None) -> WitnessReport | None: ...
def _joined(first: WitnessReport | None, second: WitnessReport | None) -> WitnessReport | None:
    if first is None or second is None:
        return second or first
    return replace(
        second,
        before=first.before,
        receipts=(*first.receipts, *second.receipts),
        healed_tags=(*first.healed_tags, *second.healed_tags),
        healed_receipts=first.healed_receipts + second.healed_receipts,
    )
