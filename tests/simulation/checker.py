"""Decides whether a history may have happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import receipts as receiptfile
from gitsync.codec import trailers
from gitsync.codec.records import read_snapshot
from gitsync.domain.merge.trees import diff_trees, entry_at
from gitsync.domain.names import LOCKS_REF, PROPOSALS, parse_proposal_ref, receipts_ref
from gitsync.domain.objects import Oid
from gitsync.domain.records import (
    LEASE_ANSWER,
    LEASE_BREAK,
    LEASE_RELEASE,
    LEASE_TAKEN,
    STAMP,
)
from gitsync.services.receiptbook import ReceiptBook
from gitsync.services.refview import view_of
from tests.simulation.genesis import DEPUTY, FILES, NOTARY, PEOPLE, signer
from tests.simulation.history import Calm, Claimed, Looked, Moved, Said, Stored
from tests.simulation.leasemodel import LeaseModel, Violation
from tests.simulation.schedule import VERIFIERS, WITNESSES

if TYPE_CHECKING:
    from gitsync.domain.objects import Commit
    from gitsync.domain.records import Receipt
    from gitsync.storage.facts import StoreFacts
    from tests.simulation.genesis import Genesis
    from tests.simulation.history import History

COMMON = "refs/heads/common"
RECEIPTS = receipts_ref("common")
#: What may be said to whom while things go wrong.
_FAULTS = {"ok", "killed", "remote.unreachable", "ref.moved"}
#: To whom a copy is shown that is behind what they know, or whose parts are of different ages.
_TO_LATE = {
    "position.rollback", "common.behind-tags", "locks.rolled-back", "receipts.rolled-back",
    "tag.missing",
}  # fmt: skip
_TO_PEOPLE = {
    *_FAULTS, "lease.held", "lease.gone", "lease.released", "lease.not-yours", "lease.no-breaker",
    "lease.no-request",
}  # fmt: skip


class Checker:
    """Goes through a history in its order, and knows what must hold after every event."""

    def __init__(self, genesis: Genesis, facts: StoreFacts, *, sound: bool) -> None:
        self.facts = facts
        self.genesis = genesis
        self.sound = sound
        begun = facts.locks(genesis.refs[LOCKS_REF])
        self.model = LeaseModel(genesis.unanswered, stamped=begun.stamped)
        self.refs: dict[str, Oid] = dict(genesis.refs)
        self.landed: dict[Oid, int] = {}
        self.snapshots: dict[int, Oid] = {1: genesis.anchor}
        self.offered: dict[str, Oid] = {}
        self.final: dict[Oid, Receipt] = {}
        self.latest: dict[Oid, Receipt] = {}
        self._stored: dict[str, int] = {}
        self._places: dict[int, float] = {}
        self._runs: set[int] = set()
        self._free: dict[str, dict[Oid, str]] = {}
        self._late: set[str] = set()
        self._calm = False
        self._names = {signer(name).public_key.blob: name for name in (*PEOPLE, NOTARY, DEPUTY)}

    def check(self, history: History) -> None:
        """Raises Violation at the first thing that must not be."""
        for event in history.events:
            if isinstance(event, Moved):
                self._moved(event)
            elif isinstance(event, Looked):
                self._looked(event)
            elif isinstance(event, Claimed):
                self._claimed(event)
            elif isinstance(event, Stored):
                self._position(event)
            elif isinstance(event, Said):
                self._said(event)
            elif isinstance(event, Calm):
                self._calm = True
        self._end(history)

    # -- events -----------------------------------------------------------------------------

    def _said(self, event: Said) -> None:
        allowed = {"ok"} if self._calm else set(_FAULTS)
        if event.who in WITNESSES + VERIFIERS:
            allowed |= _TO_LATE if event.who in self._late else set()
            allowed |= {"witness.not-you"} if event.who in WITNESSES and not self._calm else set()
        elif not self._calm:
            allowed |= _TO_PEOPLE
        if event.word not in allowed:
            raise Violation("said", f"{event.word} to {event.who} on {event.verb}")
        self._late.discard(event.who)
        free = self._free.pop(event.who, {})
        if event.who in WITNESSES and event.verb == "run" and event.word == "ok":
            # A witness whose clock is late finds sound proposals dated too far ahead.
            ahead = {tip for tip, one in self.latest.items() if one.rule == "time.ahead"}
            left = free.keys() - self.final.keys() - ahead & set(self.refs.values())
            # The run's own first stamp may have seen a sign of life.
            left = {tip for tip in left if self._is_free(free[tip], tip)}
            if left:
                raise Violation("overlooked", f"{left} wait for leases that are over")

    def _looked(self, event: Looked) -> None:
        """Note who waits for a lease that keeps nobody out any more: this run must see it too."""
        view = event.seen.view
        if event.who not in WITNESSES + VERIFIERS or view is None:
            return
        self._free[event.who] = {}
        if view != view_of("common", view.source, self.refs):
            self._late.add(event.who)
            return
        self._late.discard(event.who)
        self._free[event.who] = {
            tip: name.domain
            for name, tip in view.proposals.items()
            if tip in self.latest
            and self.latest[tip].rule == "lease.held"
            and self._is_free(name.domain, tip)
        }

    def _is_free(self, domain: str, tip: Oid) -> bool:
        return all(
            lease.holder == domain or self.model.verdict(lease, tip) != "wait"
            for lease in self.model.over(self._own(tip))
        )

    def _claimed(self, event: Claimed) -> None:
        lease = self.model.leases.get(event.token)
        if lease is None or (lease.holder, lease.nonce) != (event.who, event.nonce):
            raise Violation("claim", f"{event.who} believes in {event.token}, which is {lease}")

    def _position(self, event: Stored) -> None:
        if event.number < self._stored.get(event.who, 0):
            raise Violation("position", f"{event.who} went back to {event.number}")
        if self.snapshots.get(event.number) != event.commit:
            raise Violation("position", f"{event.who} stored a {event.number} that is none")
        self._stored[event.who] = event.number

    def _moved(self, event: Moved) -> None:
        old = dict(self.refs)
        for ref, (before, new) in event.moved.items():
            if old.get(ref) != before:
                raise Violation("swap", f"{ref} moved from what it did not hold")
            if new is None:
                del self.refs[ref]
            else:
                self.refs[ref] = new
            if ref.startswith(PROPOSALS) and new is not None:
                self.offered[ref] = new
        answers = self._answers(event)
        if COMMON in event.moved:
            self._landings(event, old)
        run = event.seen.number
        if run not in self._runs:
            # What a run decides later may rest on the leases as they were before its own stamps.
            self._refusals(answers)
        self._runs.add(run)
        if LOCKS_REF in event.moved:
            self._locks(event, answers)

    # -- leases -----------------------------------------------------------------------------

    def _locks(self, event: Moved, answers: list[Receipt]) -> None:
        before, tip = event.moved[LOCKS_REF]
        if tip is None or before is None or self.facts.commit(tip).parents != (before,):
            raise Violation("locks-chain", "the locks ref does not go on from where it was")
        after, record = self.facts.locks(tip), self.facts.record(tip)
        by, model = self._name(tip), self.model
        if record.kind == LEASE_TAKEN:
            model.taken(after.leases[max(after.leases)], by, sound=self.sound)
        elif record.kind == LEASE_RELEASE:
            model.released(record.leases, by)
        elif record.kind == LEASE_BREAK:
            model.broken(record.leases[0], by)
        elif record.kind == LEASE_ANSWER:
            said = trailers.parse(self.facts.commit(tip).message).one("Gitsync-Answers") or ""
            model.answered(after.requests[record.leases[0], Oid(said)], by)
        elif record.kind == STAMP:
            self._stamp(event, tip, answers)
        else:
            raise Violation("locks-kind", f"a commit of kind {record.kind} on the locks ref")
        model.compare(after)

    def _stamp(self, event: Moved, tip: Oid, answers: list[Receipt]) -> None:
        after = self.facts.locks(tip)
        assert event.seen.view is not None
        pending = set(event.seen.view.proposals.values())
        done = {one.proposal for one in answers if one.final} | set(self.final)
        # Cut off in the middle, the receipts may be missing; the next run answers again.
        for key in self.model.requests.keys() - after.requests.keys():
            if key[1] in pending and key[1] not in done and not event.torn:
                raise Violation("request-lost", f"nobody answered {key[1][:12]}")
        for key in after.requests.keys() - self.model.requests.keys():
            if key[1] not in pending:
                raise Violation("request-made-up", f"{key[1][:12]} is not there")
        self.model.stamp(after, self._name(tip), self._beats(event), event.seen.at)

    def _beats(self, event: Moved) -> dict[str, int]:
        assert event.seen.view is not None
        found: dict[str, int] = {}
        for domain, oid in event.seen.view.nodes.items():
            if self._name(oid) == domain:
                said = trailers.parse(self.facts.commit(oid).message).one("Gitsync-Sequence")
                found[domain] = int(said or 0)
        return found

    def _name(self, oid: Oid) -> str | None:
        return self._names.get(self.facts.signer(oid).blob)

    # -- proposals --------------------------------------------------------------------------

    def _landings(self, event: Moved, old: dict[str, Oid]) -> None:
        before, tip = event.moved[COMMON]
        chain: list[Oid] = []
        oid = tip
        while oid is not None and oid != before:
            chain.append(oid)
            parents = self.facts.commit(oid).parents
            oid = parents[0] if parents else None
        if oid is None or before is None:
            raise Violation("common-back", "common does not go on from where it was")
        for one in reversed(chain):
            self._landing(event, one, old)

    def _landing(self, event: Moved, oid: Oid, old: dict[str, Oid]) -> None:
        commit = self.facts.commit(oid)
        record = read_snapshot(commit.message)
        tip, name = commit.parents[1], record.name
        number = max(self.snapshots) + 1
        if record.number != number or name is None or record.proposal != tip:
            raise Violation("number", f"common@{record.number} after {number - 1}")
        self.snapshots[number] = oid
        if tip in self.landed:
            raise Violation("landed-twice", f"{name} as {self.landed[tip]} and {number}")
        self.landed[tip] = number
        if record.locks != old.get(LOCKS_REF):
            raise Violation("stale-decision", f"common@{number} was decided on other leases")
        if record.leases != self.facts.record(tip).leases:
            raise Violation("tokens", f"common@{number} does not name the tokens that it used")
        files = self._changed(self.facts.commit(commit.parents[0]), commit)
        self._written(name.domain, tip, files, number)
        self._marks(tip, commit)
        waiting = [one.place for key, one in self.model.requests.items() if key[1] == tip]
        place = min(waiting, default=float("inf"))
        run = event.seen.number
        if place < self._places.get(run, 0):
            raise Violation("queue", f"{name} at {place} after {self._places[run]}")
        self._places[run] = place

    def _written(self, domain: str, tip: Oid, files: set[str], number: int) -> None:
        tokens = self.facts.record(tip).leases
        fault = self.model.fault(tokens, domain)
        if fault is not None:
            raise Violation("stale-write", f"common@{number} with tokens {tokens}: {fault}")
        if self.model.unsaid(files, tokens, domain):
            raise Violation("stale-write", f"common@{number} without its own token")
        for lease in self.model.over(files):
            if lease.holder != domain and self.model.verdict(lease, tip) != "allow":
                raise Violation("stale-write", f"common@{number} by {domain} into {lease}")

    def _changed(self, before: Commit, after: Commit) -> set[str]:
        changes = diff_trees(self.facts, before.tree, after.tree)
        return {change.path.decode() for change in changes} & set(FILES)

    def _own(self, tip: Oid) -> set[str]:
        commit = self.facts.commit(tip)
        return self._changed(self.facts.commit(commit.parents[0]), commit)

    def _marks(self, tip: Oid, at: Commit) -> None:
        """What a proposal wrote is there, once."""
        subject = trailers.subject(self.facts.commit(tip).message)
        mark = subject.removeprefix("Edit ") + ";"
        for path in self._own(tip):
            entry = entry_at(self.facts, at.tree, path.encode())
            count = self.facts.blob(Oid(entry[1].hex())).count(mark.encode()) if entry else 0
            if count != 1:
                raise Violation("lost-write", f"{subject} is {count} times in {path}")

    # -- receipts ---------------------------------------------------------------------------

    def _answers(self, event: Moved) -> list[Receipt]:
        """The new receipts that a push brings. What was answered for good stays answered."""
        if RECEIPTS not in event.moved:
            return []
        before, tip = event.moved[RECEIPTS]
        trees = [self.facts.commit(one).tree if one else None for one in (before, tip)]
        assert trees[1] is not None
        found = [
            receiptfile.decode(self.facts.blob(Oid(change.after[1].hex())))
            for change in diff_trees(self.facts, trees[0], trees[1])
            if change.after is not None and change.path.startswith(b"commits/")
        ]
        for one in found:
            known = self.final.get(one.proposal)
            if known is not None and known.yes != one.yes:
                raise Violation("answer-flips", f"{known.rule}, then {one.rule} ({one.ref})")
        fresh = [one for one in found if one.proposal not in self.final]
        self.latest |= {one.proposal: one for one in found}
        self.final |= {one.proposal: one for one in found if one.final}
        return fresh

    def _refusals(self, answers: list[Receipt]) -> None:
        """Nobody is refused, or has to wait, for a lease that does not ask for it."""
        for one in answers:
            name = parse_proposal_ref(one.ref)
            if not one.rule.startswith("lease.") or name is None:
                continue
            files, tokens = self._own(one.proposal), self.facts.record(one.proposal).leases
            others = [
                self.model.verdict(lease, one.proposal)
                for lease in self.model.over(files) if lease.holder != name.domain
            ]  # fmt: skip
            fault = self.model.fault(tokens, name.domain)
            right = {
                "lease.stale": fault == one.rule,
                "lease.not-yours": fault == one.rule,
                "lease.token-missing": self.model.unsaid(files, tokens, name.domain),
                "lease.denied": "deny" in others,
                "lease.unanswered": "deny" in others,
                "lease.held": "wait" in others,
            }
            if not right[one.rule]:
                raise Violation("wrong-no", f"{name}: {one.rule}, with {others} and {tokens}")

    # -- the end ----------------------------------------------------------------------------

    def _end(self, history: History) -> None:
        if self.refs != history.refs:
            raise Violation("refs", "the home does not hold what was pushed")
        final = self.facts.commit(self.refs[COMMON])
        book = ReceiptBook(self.facts, self.refs.get(RECEIPTS))
        for tip, number in self.landed.items():
            self._marks(tip, final)
            answer = book.of_commit(tip)
            if answer is None or not answer.yes or answer.number != number:
                raise Violation("receipt", f"common@{number} has the answer {answer}")
        for tip, answer in self.final.items():
            if answer.outcome == "accepted" and tip not in self.landed:
                raise Violation("receipt", f"{answer.ref} is not there, and is said to be")
        for ref, tip in self.offered.items():
            name = parse_proposal_ref(ref)
            answer = (name and book.under(name, tip)) or book.of_commit(tip)
            if answer is None or not answer.final:
                raise Violation("no-answer", f"{ref} {tip[:12]}: {answer}")
            if ref in self.refs and answer.yes:
                raise Violation("not-tidied", f"{ref} landed and is still there")
        if self.model.requests:
            raise Violation("no-answer", f"requests without an end: {self.model.requests}")
        self._tags()
        moves = [one for one in history.events if isinstance(one, Moved)]
        said = [one.at for one in history.events if isinstance(one, Said) and one.who in WITNESSES]
        if moves and moves[-1].at >= said[-1]:
            raise Violation("restless", "the last run of the witness found something to do")
        if self._stored.get("v2") != max(self.snapshots):
            raise Violation("verifier", f"stands at {self._stored.get('v2')}")

    def _tags(self) -> None:
        for number, oid in self.snapshots.items():
            tag = self.refs.get(f"refs/tags/common@{number}")
            if tag is None or self.facts.tag(tag).target != oid:
                raise Violation("tag", f"common@{number} has no tag of its own")
