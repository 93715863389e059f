"""People's own refs on a home: branches, numbered snapshots, proposals, approvals, requests.

Each holds what its person has signed, and moves only forward: to a commit on top of the old one,
or, where a ref may be replaced, to one that its signer dated later. So nobody who carries refs
about can bring an older state back, least of all one that was withdrawn.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError, RefusedError
from gitsync.domain.ledger.approvals import approving_person
from gitsync.domain.ledger.content import check_content
from gitsync.domain.ledger.entrance import check_claims, check_signatures, person_signed
from gitsync.domain.ledger.snapshot import witness_name
from gitsync.domain.ledger.state import Candidate
from gitsync.domain.ledgerrefs import LedgerRef, RefKind
from gitsync.domain.names import person_of, space_branch
from gitsync.domain.records import STAMP, WITHDRAWAL, WITHDRAWN
from gitsync.services.heartbeats import read_beat
from gitsync.services.joinrequests import read_request
from gitsync.services.receiptbook import ReceiptBook

if TYPE_CHECKING:
    from gitsync.domain.names import ProposalName
    from gitsync.domain.objects import Oid
    from gitsync.domain.records import Receipt
    from gitsync.services.receiving import Push
    from gitsync.services.refview import RefView
    from gitsync.storage.refs import RefUpdate


class OwnRefs:
    """The people's refs that one push moves. ``moved`` lists them all, to be looked up at once."""

    def __init__(self, push: Push, moved: list[tuple[LedgerRef, RefUpdate]]) -> None:
        self._push = push
        self._moved = moved
        self._facts = push.home.facts

    def check(self, ref: LedgerRef, update: RefUpdate) -> None:
        """Raises RefusedError, FormatError or VerificationError where the update may not be."""
        if update.new is None:
            self._delete(ref, update)
            return
        checks = {
            RefKind.PERSON: self._branch,
            RefKind.NUMBERED: self._numbered,
            RefKind.PROPOSAL: self._proposal,
            RefKind.APPROVAL: self._approval,
            RefKind.REQUEST: self._request,
            RefKind.NODE: self._heartbeat,
        }
        checks[ref.kind](ref, update, update.new)

    # -- what may be on each kind of ref ------------------------------------------------------

    def _branch(self, ref: LedgerRef, update: RefUpdate, new: Oid) -> None:
        if update.old is not None and not self._reaches(new, update.old):
            raise RefusedError(
                "people.not-forward",
                f"{ref.domain}'s branch may only grow: {new[:12]} is not on top of"
                f" {update.old[:12]}",
                hint=f"merge what the home has: git pull --no-rebase HOME people/{ref.domain}",
            )
        for oid in self._brings(new, update.old):
            person_signed(self._facts, self._push.state(), oid)
        # A branch that holds nothing of one's own yet stands on a snapshot.
        if new in self._new:
            self._is_of(ref, new)

    def _numbered(self, ref: LedgerRef, _update: RefUpdate, new: Oid) -> None:
        tag = self._facts.tag(new)
        name = f"{ref.domain}@{ref.number}"
        if tag.name != name.encode() or tag.target_kind != "commit":
            said = tag.name.decode("utf-8", "replace")
            raise RefusedError("tag.transplanted", f"the tag of {name} is that of {said!r}")
        key = self._facts.tag_signer(new)
        person = self._push.state().settings.roster.person(key.blob)
        if person != person_of(ref.domain):
            raise RefusedError(
                "tag.unknown-key",
                f"{name} is signed by {person or key.fingerprint}, not by {person_of(ref.domain)}",
            )

    def _proposal(self, ref: LedgerRef, update: RefUpdate, new: Oid) -> None:
        assert ref.name is not None  # noqa: S101 - classify gives one to proposals
        state = self._push.state()
        if self._is_tombstone(ref, new):
            for oid in self._brings(new, update.old):
                person_signed(self._facts, state, oid)
        elif new in self._new:
            candidate = Candidate(ref.name, new)
            commits = self._brings(new, None)
            limit = state.settings.policy.limits.proposal_commits
            if len(commits) > limit:
                raise RefusedError(
                    "limit.commits", f"the proposal brings in more than {limit} commits",
                    hint="squash it: git reset --soft common && git commit -S",
                )  # fmt: skip
            check_signatures(self._facts, state, candidate, commits)
            check_claims(self._facts, state, candidate)
            check_content(self._facts, commits, state.settings.policy)
        self.check_newer(update, new)

    def _approval(self, ref: LedgerRef, update: RefUpdate, new: Oid) -> None:
        if not self._is_tombstone(ref, new):
            state, record = self._push.state(), self._facts.record(new)
            person = record.approves and approving_person(
                self._facts, state.settings.roster, state.ledger, record.approves, new
            )
            if person is None or person != ref.domain:
                raise RefusedError(
                    "approval.none",
                    f"{new[:12]} is no approval by {ref.domain}: it has to be a commit with the"
                    " proposal as its parent, the same files, the trailer 'Approves:' and"
                    f" {ref.domain}'s own signature",
                    hint="gitsync approve NAME",
                )
        self.check_newer(update, new)

    def _request(self, ref: LedgerRef, update: RefUpdate, new: Oid) -> None:
        state = self._push.state()
        roster, ledger = state.settings.roster, state.ledger
        request = read_request(self._facts, ledger, ref.domain, new, roster)
        if update.old is None:
            return
        try:
            before = read_request(self._facts, ledger, ref.domain, update.old, roster)
        except GitsyncError:
            return  # what was there is no request
        if before.key.blob != request.key.blob and request.vouched_by is None:
            raise RefusedError(
                "request.taken", f"somebody else asks to join as {ref.domain} already",
                hint="take another name: gitsync join URL --name NAME",
            )  # fmt: skip

    def _heartbeat(self, ref: LedgerRef, update: RefUpdate, new: Oid) -> None:
        state = self._push.state()
        roster, ledger = state.settings.roster, state.ledger
        sequence = read_beat(self._facts, ref.domain, ledger, roster, new)
        if update.old is None:
            return
        try:
            before = read_beat(self._facts, ref.domain, ledger, roster, update.old)
        except GitsyncError:
            return  # what was there could never count
        if sequence <= before:
            raise RefusedError(
                "heartbeat.old",
                f"heartbeat {sequence} of {ref.domain} is not newer than {before}",
                hint="gitsync lock renew",
            )

    # -- deletions ----------------------------------------------------------------------------

    def _delete(self, ref: LedgerRef, update: RefUpdate) -> None:
        """A ref goes when the witness's answer says that nobody needs it any more."""
        assert update.old is not None  # noqa: S101 - git deletes only what is there
        if ref.kind is RefKind.REQUEST:
            if ref.domain not in self._push.state().settings.roster.names():
                raise RefusedError("ref.delete", f"{ref.domain} has not been admitted yet")
            return
        if ref.kind is RefKind.NODE:
            if person_of(ref.domain) in self._push.state().settings.roster.people():
                raise RefusedError("ref.delete", f"{ref.domain} is still on the roster")
            return
        answer = self._answer(ref, update.old)
        if answer is None:
            raise RefusedError(
                "ref.delete", f"{update.ref} has no answer that would let it go",
                hint=f"take it back for good instead: gitsync withdraw {ref.name}",
            )  # fmt: skip

    def _answer(self, ref: LedgerRef, oid: Oid) -> Receipt | None:
        """The receipt that ends a proposal or an approval, as the receipts stand with this push."""
        assert ref.name is not None  # noqa: S101 - proposals and approvals have one
        taken = self._book.taken_back(person_of(ref.domain), oid)
        if taken is not None:
            return taken
        if ref.kind is RefKind.APPROVAL:
            approved = self._facts.record(oid).approves
            found = self._book.of_commit(approved) if approved is not None else None
            return found if found is not None and found.yes else None
        return self._ends(ref.name, oid)

    def _ends(self, name: ProposalName, oid: Oid) -> Receipt | None:
        found = self._book.under(name, oid) or self._book.of_commit(oid)
        if found is None or not found.final:
            return None
        if found.yes or found.rule == WITHDRAWN:
            return found
        # Time is the notary's: the stamp that comes with an emission says when it is.
        limits = self._push.state().settings.policy.limits
        stamped = self._stamped
        return (
            found if stamped is not None and stamped - found.at > limits.retention_seconds else None
        )

    @cached_property
    def _view(self) -> RefView:
        return self._push.view()

    @cached_property
    def _book(self) -> ReceiptBook:
        return ReceiptBook(self._facts, self._view.receipts)

    @cached_property
    def _stamped(self) -> int | None:
        """When the witness says it is, in seconds: the date of its newest stamp."""
        tip = self._view.locks
        if tip is None or self._facts.record(tip).kind != STAMP:
            return None
        settings = self._push.state().settings
        if witness_name(settings.policy, settings.roster, self._facts.signer(tip)) is None:
            return None
        return self._facts.commit(tip).committer.seconds

    # -- history ------------------------------------------------------------------------------

    @cached_property
    def _new(self) -> set[Oid]:
        """All commits that the moved refs reach and the ledger does not."""
        state = self._push.state()
        kinds = (RefKind.PERSON, RefKind.PROPOSAL)
        tips = {u.new for ref, u in self._moved if ref.kind in kinds and u.new is not None}
        here = self._push.home.refs.get(space_branch(state.space))
        known = {state.commit} | ({here} if here is not None else set())
        return self._push.home.new_commits(sorted(tips), sorted(known))

    def _brings(self, tip: Oid, old: Oid | None) -> list[Oid]:
        """The commits that a ref brings in beyond the ledger and ``old``, parents first.

        Raises RefusedError ``ledger.unrelated`` for a history that does not descend from it.
        """
        order: list[Oid] = []
        seen: set[Oid] = set()
        stack = [(tip, False)]
        while stack:
            oid, expanded = stack.pop()
            if expanded:
                order.append(oid)
            elif oid not in seen and oid != old and oid in self._new:
                seen.add(oid)
                parents = self._facts.commit(oid).parents
                if not parents:
                    raise RefusedError(
                        "ledger.unrelated",
                        f"commit {oid[:12]} does not descend from this ledger's first snapshot",
                        hint="start the change from common: git switch -c NAME common",
                    )
                stack.append((oid, True))
                stack.extend((parent, False) for parent in reversed(parents))
        return order

    def _reaches(self, new: Oid, old: Oid) -> bool:
        """Whether ``new`` has ``old`` below it."""
        if old in self._new:
            return new == old or old in self._below(new)
        return not self._push.home.new_commits([old], [new])

    def _below(self, tip: Oid) -> set[Oid]:
        return {
            parent for oid in self._brings(tip, None) for parent in self._facts.commit(oid).parents
        }

    def check_newer(self, update: RefUpdate, new: Oid) -> None:
        """A replacement is later than what it replaces, by what its own signers wrote.

        Both are the same person's, and nobody else can date a commit of theirs. Whoever pushes an
        old state again, or one that was withdrawn, has only older ones.
        """
        old = update.old
        if old is None or self._reaches(new, old):
            return
        try:
            then = self._facts.commit(old).committer.seconds
            self._facts.signer(old)
        except GitsyncError:
            return  # what was there could never count
        if self._facts.commit(new).committer.seconds <= then:
            raise RefusedError(
                "ref.older",
                f"{new[:12]} is not newer than {old[:12]}, which it would replace",
                hint="date it anew: git commit --amend --no-edit --date=now -S",
            )

    # -- signatures ---------------------------------------------------------------------------

    def _is_of(self, ref: LedgerRef, oid: Oid) -> None:
        person = person_signed(self._facts, self._push.state(), oid)
        if person != person_of(ref.domain):
            raise RefusedError(
                "ref.not-yours", f"the tip is signed by {person}, the ref belongs to {ref.domain}"
            )

    def _is_tombstone(self, ref: LedgerRef, oid: Oid) -> bool:
        """Whether a commit takes back what its ref held; then it must be its person's."""
        record = self._facts.record(oid)
        if record.kind != WITHDRAWAL:
            return False
        if record.ledger not in (None, self._push.state().ledger):
            raise RefusedError("proposal.other-ledger", "the withdrawal is for another ledger")
        self._is_of(ref, oid)
        return True
