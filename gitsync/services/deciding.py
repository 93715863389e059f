"""One pass over all pending proposals: who is decided, in which order, with which answer.

Level-triggered: every pass looks at everything that is pending, so a lost event loses nothing, and
one proposal that cannot be read gets a refusal and blocks nobody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.codec import trailers
from gitsync.codec.gitobjects import commit_payload, encode_commit
from gitsync.codec.records import printable
from gitsync.domain.errors import EnvironmentFault, GitsyncError
from gitsync.domain.leases.values import Request
from gitsync.domain.ledger.history import Incoming, incoming
from gitsync.domain.ledger.judge import judge
from gitsync.domain.ledger.order import in_order
from gitsync.domain.ledger.snapshot import witness_name
from gitsync.domain.ledger.state import (
    Candidate,
    Decision,
    Landing,
    Refusal,
    State,
    Subsumed,
    Waiting,
)
from gitsync.domain.names import ProposalName, parse_proposal_ref, person_of
from gitsync.domain.objects import Commit, Oid
from gitsync.domain.records import SUPERSEDED, WITHDRAWN, Receipt
from gitsync.services.batch import Batch, Landed, Notary
from gitsync.services.locksref import locks_at
from gitsync.services.receiptbook import ReceiptBook
from gitsync.services.replay import build, places_after
from gitsync.services.takebacks import TakeBacks, TakenBack, person_behind, take_backs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.services.refview import RefView
    from gitsync.storage.facts import StoreFacts
    from gitsync.storage.index import PositionIndex
    from gitsync.storage.signing import Signer


MAX_DELETIONS = 1000
MAX_WHY = 1000
MAX_COMMAND = 300
MAX_COMMANDS = 8
#: Faults of the store and not of what was proposed.
UNREADABLE = frozenset({"object.missing", "object.damaged"})


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
        self.locks = locks_at(facts, view.locks)
        self.batch = Batch(state)
        self._approvals: dict[Oid, list[tuple[str, Oid]]] = {}
        self._gone = TakeBacks()
        self._deposed = False

    def follow(self, view: RefView) -> None:
        """Go on from what was emitted: later decisions rest on it, and their snapshots say so."""
        self.view = view
        self.book = ReceiptBook(self.facts, view.receipts)
        self.locks = locks_at(self.facts, view.locks)

    def batches(self) -> Iterator[Batch]:
        """Decide everything; yields what is to be emitted, piece by piece.

        After each yield the caller has emitted the batch, or stops asking.
        """
        self._take_back()
        self._collect_approvals()
        pending = self._pending()
        self._settle_requests()
        queue = {one.proposal: one.place for one in reversed(self.locks.queue())}
        order = in_order(self.facts, self.index, pending, queue)
        for candidate in order:
            if self.left is not None and self.left <= 0:
                self._receive(candidate)
                continue
            others = Batch(self.state)
            if self.size == 1:
                # Alone, so that what a home refuses can be told from all that came with it.
                others, self.batch = self.batch, others
            if not self._decide(candidate, pending[candidate]):
                yield self._next()
                self._decide(candidate, pending[candidate])
            if self._deposed:
                # From here on nothing that this key signs counts, not even receipts.
                self.batch.add(others)
                yield self._next()
                return
            if len(self.batch.landed) >= self.size:
                yield self._next()
            self.batch.add(others)
        self._answer_requests()
        while not self.batch.empty:
            yield self._next()

    def _next(self) -> Batch:
        done, self.batch = self.batch, Batch(self.state)
        done.state = self.state
        # A push names its refs on a command line, which has a limit that proposers could reach.
        for ref in list(done.delete)[MAX_DELETIONS:]:
            self.batch.delete[ref] = done.delete.pop(ref)
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
            # What a proposer wrote is quoted here. Unbounded, it would make a receipt that is too
            # large to be read again, and stop every run after this one.
            why=printable(why, MAX_WHY),
            at=self.notary.now,
        )

    def _take_back(self) -> None:
        """Write down what people took back, before anything is decided: it may be here as well."""
        roster = self.state.settings.roster
        self._gone = take_backs(self.facts, roster, self.index, self.view)
        for taken in self._gone.found.values():
            if self.book.taken_back(taken.person, taken.commit) is None:
                self.batch.bound.append(self._bound(taken, taken.ref))
        for ref, tip in self._gone.tombstones.items():
            self.batch.delete[ref] = tip
            name = parse_proposal_ref(ref)
            if name is not None and self.book.under(name, tip) is None:
                taken = self._gone.found[person_of(name.domain), tip]
                self.batch.receipts.append(self._bound(taken, ref))

    def _bound(self, taken: TakenBack, ref: str) -> Receipt:
        return self._receipt(taken.commit, ref, "refused", taken.rule, taken.why)

    def _taken_back(self, person: str | None, tip: Oid, ref: str) -> Receipt | None:
        """What says that ``person`` took ``tip`` back, in this view or in an earlier one."""
        if person is None:
            return None
        taken = self._gone.found.get((person, tip))
        return self._bound(taken, ref) if taken else self.book.taken_back(person, tip)

    def _collect_approvals(self) -> None:
        """Approvals by the proposal commit that they name, whatever their refs are called."""
        for who, tip in self.view.approvals.items():
            ref = f"refs/heads/approvals/{who}"
            try:
                approved = self.facts.record(tip).approves
            except GitsyncError:
                continue  # unreadable: it never counts; `doctor` and the approver see it
            if approved is None:
                continue
            if self.index.get(approved) is not None:
                self.batch.delete[ref] = tip  # too late to count for anything
                continue
            person = person_behind(self.facts, self.state.settings.roster, tip)
            if self._taken_back(person, tip, ref) is None:
                self._approvals.setdefault(approved, []).append((ref, tip))

    def _pending(self) -> dict[Candidate, Incoming]:
        pending: dict[Candidate, Incoming] = {}
        limit = self.state.settings.policy.limits.proposal_commits
        for name in sorted(self.view.proposals):
            tip = self.view.proposals[name]
            if self._gone.tombstones.get(name.ref) == tip:
                continue
            known = self._settling(name, tip)
            if known is not None:
                self._settled(name, tip, known)
                continue
            if tip in self.rejected:
                self._refuse(name, tip, Refusal("remote.rejected", self.rejected[tip]))
                continue
            offered = tuple(oid for _, oid in self._approvals.get(tip, ()))
            candidate = Candidate(name, tip, offered)
            try:
                self.facts.record(tip)
                pending[candidate] = incoming(self.facts, self.index, [tip], limit=limit)
            except GitsyncError as error:
                self._failed(name, tip, error)
        return pending

    def _failed(self, name: ProposalName, tip: Oid, error: GitsyncError) -> None:
        """What the proposal is to blame for is refused; what this machine lacks has it wait."""
        if isinstance(error, EnvironmentFault) or error.code in UNREADABLE:
            why = f"the witness could not check it ({error.code})"
            self._wait(name, tip, Waiting("witness.unable", why))
            return
        mend = tuple(error.hint.splitlines()) if error.hint else ()
        self._refuse(name, tip, Refusal(error.code, str(error), mend))

    def _settling(self, name: ProposalName, tip: Oid) -> Receipt | None:
        """The final answer that a commit has had, as far as it holds under ``name`` too."""
        taken = self._taken_back(person_of(name.domain), tip, name.ref)
        if taken is not None:
            return taken
        known = self.book.under(name, tip) or self.book.of_commit(tip)
        if known is None or not known.final or known.rule in (WITHDRAWN, SUPERSEDED):
            return None
        if known.yes:
            # A run that died between receipts and common has promised what did not happen.
            there = self.index.get(tip) is not None or (
                known.rule == "proposal.no-change"
                and known.snapshot is not None
                and self.index.get(known.snapshot) is not None
            )
            return known if there else None
        # A refusal may rest on the ref it was found on; only the same ref is bound by it.
        return known if known.ref == name.ref else None

    def _settled(self, name: ProposalName, tip: Oid, known: Receipt) -> None:
        """A proposal that was answered for good: clear its ref when nobody needs it any more."""
        retention = self.state.settings.policy.limits.retention_seconds
        gone = known.yes or known.rule == WITHDRAWN
        if gone or self.notary.now - known.at > retention:
            self.batch.delete[name.ref] = tip
        told = self.book.under(name, tip)
        if told is None or not told.final:
            # The same commit under another name, or pushed again: the old answer stands here too,
            # also where the last that was said under this name is that it has to wait.
            again = self._receipt(tip, name.ref, known.outcome, known.rule, known.why)
            self.batch.receipts.append(replace(again, number=known.number, snapshot=known.snapshot))

    def _settle_requests(self) -> None:
        """Requests of proposals that are no longer there, or were answered for good."""
        pending = set(self.view.proposals.values())
        for _, proposal in self.locks.requests:
            if proposal not in pending or self.index.get(proposal) is not None:
                self.batch.settled.add(proposal)

    def _ask(self, name: ProposalName, tip: Oid, tokens: tuple[int, ...]) -> None:
        """Ask the holders of leases for a proposal that would write into them."""
        for token in tokens:
            if (token, tip) not in self.locks.requests:
                self.batch.asks.append(Request(token, tip, name.ref, name.domain, 0))

    def _refuse(self, name: ProposalName, tip: Oid, refusal: Refusal) -> None:
        receipt = self._receipt(tip, name.ref, "refused", refusal.rule, refusal.why)
        self.batch.receipts.append(replace(receipt, mend=_commands(refusal.mend)))
        self._settle(tip)

    def _settle(self, tip: Oid) -> None:
        if any(proposal == tip for _, proposal in self.locks.requests):
            self.batch.settled.add(tip)

    def _decide(self, candidate: Candidate, known: Incoming) -> bool:
        """Decide on one; False if what has landed so far is to be written first.

        A snapshot that takes the witness's role away comes alone: should the run die before the
        tags, no other is left that the next witness could not have signed.
        """
        limits = self.state.settings.policy.limits
        # What has landed in between may have brought some of it along: then look again.
        stale = any(self.index.get(oid) is not None for oid in known.commits)
        try:
            decision = judge(
                self.facts,
                self.index,
                self.state,
                candidate,
                latest=self.notary.now + limits.skew_seconds,
                known=None if stale else known,
                locks=self.locks,
            )
        except GitsyncError as error:
            self._failed(candidate.name, candidate.tip, error)
            return True
        landing = isinstance(decision, Landing) and decision
        if landing and self.batch.landed and self._name_after(landing) is None:
            return False
        self._record(candidate, decision)
        return True

    def _name_after(self, landing: Landing) -> str | None:
        """The witness's name on the roster once ``landing`` has landed; None if it is none."""
        settings = self.facts.settings(landing.tree)
        return witness_name(settings.policy, settings.roster, self.notary.signer.public_key)

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
        if self.book.under(candidate.name, candidate.tip) is None:
            why = "it is in the queue; this run was limited"
            self.batch.receipts.append(
                self._receipt(candidate.tip, candidate.name.ref, "received", "queue.received", why)
            )

    def _wait(self, name: ProposalName, tip: Oid, waiting: Waiting) -> None:
        known = self.book.under(name, tip)
        # Since the first answer, not since the commit: it may have been made offline, long ago.
        since = known.at if known is not None and known.outcome == "waiting" else self.notary.now
        if self.notary.now - since > self.state.settings.policy.limits.retention_seconds:
            why = f"it waited longer than the policy keeps proposals: {waiting.why}"
            self._refuse(name, tip, Refusal("proposal.expired", why, waiting.mend))
            return
        self._ask(name, tip, waiting.asks)
        receipt = self._receipt(tip, name.ref, "waiting", waiting.rule, waiting.why)
        receipt = replace(receipt, mend=_commands(waiting.mend))
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
        name = self._name_after(landing)
        # The snapshot that takes the role away is the last one that may be signed.
        self._deposed = name is None
        self.notary = replace(self.notary, name=name or self.notary.name)
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
        self._settle(candidate.tip)
        for ref, oid in self._approvals.get(candidate.tip, ()):
            self.batch.delete[ref] = oid

    def _answer_requests(self) -> None:
        """Requests to join are done with when the key they carry is on the roster."""
        names = self.state.settings.roster.names()
        for name, tip in self.view.requests.items():
            if name in names:
                self.batch.delete[f"refs/heads/gitsync/requests/{name}"] = tip


def _commands(mend: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(printable(line, MAX_COMMAND) for line in mend[:MAX_COMMANDS])


def subject_of(facts: StoreFacts, tip: Oid) -> str:
    """A proposal's first line, for reports."""
    return trailers.subject(facts.commit(tip).message)
