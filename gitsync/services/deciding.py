"""One pass over all pending proposals: who is decided, in which order, with which answer.

Level-triggered: every pass looks at everything that is pending, so a lost event loses nothing, and
one proposal that cannot be read gets a refusal and blocks nobody.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gitsync.codec import trailers
from gitsync.codec.gitobjects import commit_payload, encode_commit
from gitsync.domain.errors import GitsyncError
from gitsync.domain.ledger.history import Incoming, incoming
from gitsync.domain.ledger.judge import judge
from gitsync.domain.ledger.order import in_order
from gitsync.domain.ledger.state import (
    Candidate,
    Decision,
    Landing,
    Refusal,
    State,
    Subsumed,
    Waiting,
)
from gitsync.domain.names import (
    ProposalName,
    parse_approval_ref,
    parse_proposal_ref,
    person_of,
)
from gitsync.domain.objects import Commit, Oid
from gitsync.domain.records import PROPOSAL, SUPERSEDED, WITHDRAWAL, WITHDRAWN, Receipt
from gitsync.services.receiptbook import ReceiptBook
from gitsync.services.replay import build, places_after

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.services.refview import RefView
    from gitsync.storage.facts import StoreFacts
    from gitsync.storage.index import PositionIndex
    from gitsync.storage.signing import Signer


@dataclass(frozen=True, slots=True)
class Notary:
    """Who decides: the signer, the witness's name on the roster, and the wall clock in seconds."""

    signer: Signer
    name: str
    now: int


@dataclass(frozen=True, slots=True)
class Landed:
    """A new snapshot, signed and in the store, on no ref yet."""

    number: int
    commit: Oid
    seconds: int


@dataclass(slots=True)
class Batch:
    """What one emission carries: snapshots in order, receipts, refs to delete with old values."""

    state: State
    landed: list[Landed] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    delete: dict[str, Oid] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.landed or self.receipts or self.delete)


def sign_commit(facts: StoreFacts, signer: Signer, commit: Commit) -> Oid:
    """Sign a commit and put it into the store."""
    signature = signer.sign(commit_payload(commit))
    signed = Commit(
        commit.tree, commit.parents, commit.author, commit.committer, commit.message,
        signature, commit.extra,
    )  # fmt: skip
    return facts.store.write("commit", encode_commit(signed))


class Pass:
    """One drain of everything pending at ``state``, cut into batches of at most ``size`` snapshots.

    Past ``limit`` snapshots the rest is only receipted as received. ``rejected`` maps proposal
    commits that the home itself would not take to its words.
    """

    def __init__(
        self,
        facts: StoreFacts,
        index: PositionIndex,
        notary: Notary,
        view: RefView,
        state: State,
        *,
        size: int,
        limit: int | None = None,
        rejected: dict[Oid, str] | None = None,
    ) -> None:
        self.facts = facts
        self.index = index
        self.notary = notary
        self.view = view
        self.state = state
        self.size = size
        self.left = limit
        self.rejected = rejected or {}
        self.book = ReceiptBook(facts, view.receipts)
        self.batch = Batch(state)
        self._approvals: dict[Oid, list[tuple[str, Oid]]] = {}

    def batches(self) -> Iterator[Batch]:
        """Decide everything; yields what is to be emitted, piece by piece.

        After each yield the caller has emitted the batch, or stops asking.
        """
        self._collect_approvals()
        pending = self._pending()
        order = in_order(self.facts, self.index, pending)
        for candidate in order:
            if self.left is not None and self.left <= 0:
                self._receive(candidate)
                continue
            self._decide(candidate, pending[candidate])
            if len(self.batch.landed) >= self.size:
                yield self._next()
        self._answer_requests()
        if not self.batch.empty:
            yield self._next()

    def _next(self) -> Batch:
        done, self.batch = self.batch, Batch(self.state)
        done.state = self.state
        return done

    def _receipt(self, tip: Oid, ref: str, outcome: str, rule: str, why: str) -> Receipt:
        return Receipt(
            outcome=outcome,
            space=self.state.space,
            ledger=self.state.ledger,
            proposal=tip,
            ref=ref,
            position=self.state.number,
            rule=rule,
            why=why,
            at=self.notary.now,
        )

    def _collect_approvals(self) -> None:
        """Approvals by the proposal commit that they name, whatever their refs are called."""
        for who, tip in self.view.approvals.items():
            ref = f"refs/heads/approvals/{who}"
            try:
                record = self.facts.record(tip)
            except GitsyncError:
                continue  # unreadable: it never counts; `doctor` and the approver see it
            if record.kind == WITHDRAWAL:
                self._take_back(who, tip, ref)
            elif record.approves is not None:
                known = self.book.of_commit(tip)
                if known is None or not _taken_back(known, who):
                    self._approvals.setdefault(record.approves, []).append((ref, tip))

    def _pending(self) -> dict[Candidate, Incoming]:
        pending: dict[Candidate, Incoming] = {}
        limit = self.state.settings.policy.limits.proposal_commits
        for name in sorted(self.view.proposals):
            tip = self.view.proposals[name]
            known = self.book.of_commit(tip)
            if known is not None and known.final and self._answers(known, name):
                self._settled(name, tip, known)
                continue
            if tip in self.rejected:
                self._refuse(name, tip, Refusal("remote.rejected", self.rejected[tip]))
                continue
            offered = tuple(oid for _, oid in self._approvals.get(tip, ()))
            candidate = Candidate(name, tip, offered)
            try:
                record = self.facts.record(tip)
                if record.kind == WITHDRAWAL:
                    self._take_back(name, tip, name.ref)
                    continue
                if record.kind not in (None, PROPOSAL):
                    self._refuse(name, tip, Refusal(
                        "proposal.kind", f"the commit is a {record.kind}, made for something else",
                        ("gitsync propose",)))  # fmt: skip
                    continue
                pending[candidate] = incoming(self.facts, self.index, [tip], limit=limit)
            except GitsyncError as error:
                if error.code == "object.missing":
                    raise
                mend = tuple(error.hint.splitlines()) if error.hint else ()
                self._refuse(name, tip, Refusal(error.code, str(error), mend))
        return pending

    def _answers(self, known: Receipt, name: ProposalName) -> bool:
        """Whether a final receipt of a commit settles it under ``name`` too."""
        if known.rule in (WITHDRAWN, SUPERSEDED):
            return _taken_back(known, name)
        if known.yes:
            # A run that died between receipts and common has promised what did not happen.
            return self.index.get(known.proposal) is not None
        # A refusal may rest on the ref it was found on; only the same ref is bound by it.
        return known.ref == name.ref

    def _settled(self, name: ProposalName, tip: Oid, known: Receipt) -> None:
        """A proposal that was answered for good: clear its ref when nobody needs it any more."""
        retention = self.state.settings.policy.limits.retention_seconds
        gone = known.yes or known.rule == WITHDRAWN
        if gone or self.notary.now - known.at > retention:
            self.batch.delete[name.ref] = tip
        latest = self.book.latest(name)
        if latest is None or latest.proposal != tip:
            # The same commit under another name, or pushed again: the old answer stands here too.
            again = self._receipt(tip, name.ref, known.outcome, known.rule, known.why)
            self.batch.receipts.append(replace(again, number=known.number, snapshot=known.snapshot))

    def _take_back(self, name: ProposalName, tip: Oid, ref: str) -> None:
        """A tombstone: what it withdraws is refused from now on, wherever it turns up again."""
        record = self.facts.record(tip)
        try:
            person = self.state.settings.roster.person(self.facts.signer(tip).blob)
        except GitsyncError:
            person = None
        if person != person_of(name.domain):
            if ref == name.ref:
                why = "the withdrawal is not signed by the person who proposed"
                self._refuse(name, tip, Refusal("proposal.not-yours", why))
            return
        why = f"withdrawn by {person}"
        for oid in (*record.withdraws, tip):
            known = self.book.of_commit(oid)
            if known is None or not known.final:
                self.batch.receipts.append(self._receipt(oid, ref, "refused", WITHDRAWN, why))
        self.batch.delete[ref] = tip

    def _refuse(self, name: ProposalName, tip: Oid, refusal: Refusal) -> None:
        receipt = self._receipt(tip, name.ref, "refused", refusal.rule, refusal.why)
        self.batch.receipts.append(replace(receipt, mend=refusal.mend))

    def _decide(self, candidate: Candidate, known: Incoming) -> None:
        limits = self.state.settings.policy.limits
        # What has landed in between may have brought some of it along: then look again.
        stale = any(self.index.get(oid) is not None for oid in known.commits)
        decision = judge(
            self.facts,
            self.index,
            self.state,
            candidate,
            latest=self.notary.now + limits.skew_seconds,
            known=None if stale else known,
        )
        self._record(candidate, decision)

    def _record(self, candidate: Candidate, decision: Decision) -> None:
        name, tip = candidate.name, candidate.tip
        if isinstance(decision, Landing):
            self._land(candidate, decision)
        elif isinstance(decision, Subsumed):
            self._subsumed(candidate, decision)
        elif isinstance(decision, Refusal):
            self._refuse(name, tip, decision)
        else:
            self._wait(name, tip, decision)

    def _receive(self, candidate: Candidate) -> None:
        """Past the run's limit: say that the proposal was seen, so that dropping it would show."""
        if self.book.of_commit(candidate.tip) is None:
            why = "it is in the queue; this run was limited"
            self.batch.receipts.append(
                self._receipt(candidate.tip, candidate.name.ref, "received", "queue.received", why)
            )

    def _wait(self, name: ProposalName, tip: Oid, waiting: Waiting) -> None:
        age = self.notary.now - self.facts.commit(tip).committer.seconds
        if age > self.state.settings.policy.limits.retention_seconds:
            why = f"it waited longer than the policy keeps proposals: {waiting.why}"
            self._refuse(name, tip, Refusal("proposal.expired", why, waiting.mend))
            return
        receipt = self._receipt(tip, name.ref, "waiting", waiting.rule, waiting.why)
        receipt = replace(receipt, mend=waiting.mend)
        known = self.book.of_commit(tip)
        if known is None or not known.same_answer(receipt):
            self.batch.receipts.append(receipt)

    def _subsumed(self, candidate: Candidate, decision: Subsumed) -> None:
        snapshot = self.index.snapshot(decision.number)
        parents = self.facts.commit(snapshot).parents
        accepted = len(parents) > 1 and parents[1] == candidate.tip
        receipt = self._receipt(
            candidate.tip,
            candidate.name.ref,
            "accepted" if accepted else "subsumed",
            "ledger.accepted" if accepted else decision.rule,
            f"it is {self.state.space}@{decision.number}" if accepted else decision.why,
        )
        self._answer_yes(candidate, receipt, decision.number, snapshot)

    def _land(self, candidate: Candidate, landing: Landing) -> None:
        commit = build(
            self.facts, self.state, candidate, landing, self.notary.name,
            self.view.locks, self.view.receipts,
        )  # fmt: skip
        oid = sign_commit(self.facts, self.notary.signer, commit)
        number = self.state.number + 1
        places = places_after(self.facts, self.index, number, oid, landing)
        self.index.add(number, oid, places)
        self.state = State(
            self.state.space,
            self.state.ledger,
            number,
            oid,
            landing.tree,
            commit.committer.seconds,
            self.facts.settings(landing.tree),
        )
        if self.left is not None:
            self.left -= 1
        self.batch.landed.append(Landed(number, oid, commit.committer.seconds))
        receipt = self._receipt(
            candidate.tip, candidate.name.ref, "accepted", "ledger.accepted",
            f"it is {self.state.space}@{number}",
        )  # fmt: skip
        # The decision was taken on the snapshot before.
        self._answer_yes(candidate, replace(receipt, position=number - 1), number, oid)

    def _answer_yes(
        self, candidate: Candidate, receipt: Receipt, number: int, snapshot: Oid
    ) -> None:
        self.batch.receipts.append(replace(receipt, number=number, snapshot=snapshot))
        self.batch.delete[candidate.name.ref] = candidate.tip
        for ref, oid in self._approvals.get(candidate.tip, ()):
            self.batch.delete[ref] = oid
        before = self.facts.record(candidate.tip).predecessor
        if (
            before is not None
            and self.index.get(before) is None
            and self.book.of_commit(before) is None
        ):
            # An older state of the same proposal, pushed back by somebody, must not land again.
            why = f"replaced by {candidate.tip[:12]}"
            self.batch.receipts.append(
                self._receipt(before, candidate.name.ref, "refused", SUPERSEDED, why)
            )

    def _answer_requests(self) -> None:
        """Requests to join are done with when the key they carry is on the roster."""
        names = self.state.settings.roster.names()
        for name, tip in self.view.requests.items():
            if name in names:
                self.batch.delete[f"refs/heads/gitsync/requests/{name}"] = tip


def _taken_back(known: Receipt, name: ProposalName) -> bool:
    """Whether a receipt says that the person behind ``name`` took the commit back.

    A tombstone or an update may name any commit; only its own person's commits are bound by it.
    """
    by = parse_proposal_ref(known.ref) or parse_approval_ref(known.ref)
    return (
        known.rule in (WITHDRAWN, SUPERSEDED)
        and by is not None
        and person_of(by.domain) == person_of(name.domain)
    )


def subject_of(facts: StoreFacts, tip: Oid) -> str:
    """A proposal's first line, for reports."""
    return trailers.subject(facts.commit(tip).message)
