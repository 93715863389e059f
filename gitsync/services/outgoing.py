"""What plain ``git push`` is about to send, held against the ledger: what ``pre-push`` asks.

A relay is welcome to carry what others have signed; nobody carries what would be refused. The
commands of gitsync have asked before, and push without this hook.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError, RefusedError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.approvals import approving_person
from gitsync.domain.ledger.entrance import person_signed
from gitsync.domain.ledger.history import incoming
from gitsync.domain.ledger.leasing import WAITS
from gitsync.domain.ledger.state import Waiting
from gitsync.domain.names import (
    APPROVALS,
    LOCKS_REF,
    PEOPLE,
    PROPOSALS,
    REQUESTS,
    parse_approval_ref,
    parse_position,
    parse_proposal_ref,
    person_of,
    receipts_ref,
    space_branch,
)
from gitsync.domain.objects import Oid
from gitsync.domain.records import WITHDRAWAL
from gitsync.services.chain import ready_index
from gitsync.services.hookledger import Finding, finding, notice
from gitsync.services.proposing import check_here
from gitsync.storage.refs import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitsync.domain.ledger.state import Decision, State
    from gitsync.domain.names import ProposalName
    from gitsync.services.workspace import Workspace
    from gitsync.storage.index import PositionIndex

_TAGS = "refs/tags/"


@frozen
class Update:
    """One ref of the remote: its name, what it would hold (None: deleted) and what it holds."""

    ref: str
    new: Oid | None
    old: Oid | None


def read_updates(lines: Iterable[str]) -> list[Update]:
    """The lines that git gives to ``pre-push``: local ref and id, remote ref and id."""
    found = []
    for line in lines:
        words = line.split()
        if len(words) == 4:
            new, old = (None if one == ZERO else Oid(one) for one in (words[1], words[3]))
            found.append(Update(words[2], new, old))
    return found


def check_outgoing(ws: Workspace, updates: Iterable[Update], remote: str) -> list[Finding]:
    """What would be refused of a push to ``remote``.

    Raises EnvironmentFault where nothing of a ledger has been verified in this clone.
    """
    state = ws.state()
    index = ws.index()
    found = []
    try:
        ready_index(ws.facts, index, state.ledger, state.number, state.commit)
        push = _Push(ws, state, index, remote)
        for update in updates:
            try:
                push.check(update)
            except GitsyncError as error:
                found.append(finding(error))
        found += push.told
    finally:
        index.close()
    return found


@frozen
class _Push:
    ws: Workspace
    state: State
    index: PositionIndex
    remote: str
    told: list[Finding] = field(default_factory=list)

    def check(self, update: Update) -> None:
        """Raises GitsyncError for what may not be sent; other refs than a ledger's may."""
        ref = update.ref
        position = parse_position(ref.removeprefix(_TAGS)) if ref.startswith(_TAGS) else None
        if ref == space_branch(self.ws.space):
            self.space(self.kept(update), update.old)
        elif ref in (LOCKS_REF, receipts_ref(self.ws.space)):
            self.bookkeeping(ref, self.kept(update))
        elif position is not None:
            self.position(ref, position, self.kept(update))
        elif ref.startswith(PEOPLE):
            self.branch(ref.removeprefix(PEOPLE), self.kept(update), update.old)
        elif ref.startswith(PROPOSALS):
            self.proposal(ref, update.new)
        elif ref.startswith(APPROVALS):
            self.approval(ref, update.new)
        elif ref.startswith(REQUESTS):
            self.mine(ref, ref.removeprefix(REQUESTS))

    def kept(self, update: Update) -> Oid:
        if update.new is None:
            raise RefusedError(
                "ref.delete", f"{update.ref} is kept for good, and this push would delete it",
                hint="git push sends what you name: leave the ':' out",
            )  # fmt: skip
        return update.new

    def mine(self, ref: str, domain: str) -> None:
        if person_of(domain) != person_of(self.ws.me()):
            raise RefusedError(
                "ref.not-yours", f"{ref} is {domain}'s, and you are {self.ws.me()}",
                hint=f"git push {self.remote} HEAD:{PROPOSALS}{self.ws.me()}/NAME",
            )  # fmt: skip

    def space(self, new: Oid, old: Oid | None) -> None:
        """``common`` itself: whatever was verified may be carried on, never back."""
        place, before = self.index.get(new), self.index.get(old) if old else None
        if place is None or place[0] != place[1]:
            raise RefusedError(
                "ref.witness-only",
                f"{self.state.space} is numbered by its witness, and {new[:12]} is no snapshot that"
                " was verified here",
                hint="gitsync propose\n"
                f"with plain git: git push {self.remote} HEAD:{PROPOSALS}{self.ws.me()}/NAME",
            )
        if before is not None and before[0] > place[0]:
            raise RefusedError(
                "ref.not-forward",
                f"the remote has {self.state.space}@{before[0]}, and this push would take it back"
                f" to @{place[0]}",
                hint="gitsync pull",
            )

    def bookkeeping(self, ref: str, new: Oid) -> None:
        verified = self.ws.verified()
        if new not in (verified.locks, verified.receipts):
            raise RefusedError(
                "ref.witness-only", f"{ref} is written by the witness alone", hint="gitsync pull"
            )

    def position(self, ref: str, position: tuple[str, int], new: Oid) -> None:
        domain, number = position
        held = self.ws.repo.refs.get(ref)
        if domain != self.state.space:
            if held != new:
                self.mine(ref, domain)
            return
        tag = self.ws.facts.tag(new)
        if number > self.state.number or tag.target != self.index.snapshot(number):
            raise RefusedError(
                "ref.witness-only",
                f"{domain}@{number} is the number of a snapshot, given by the witness alone",
                hint=f"git tag -d {domain}@{number}\ngitsync pull",
            )

    def branch(self, domain: str, new: Oid, old: Oid | None) -> None:
        """A person's branch grows, and holds what people have signed."""
        limit = self.state.settings.policy.limits.proposal_commits
        for oid in incoming(self.ws.facts, self.index, [new], limit=limit).commits:
            person = person_signed(self.ws.facts, self.state, oid)
            if oid == new and person != person_of(domain):
                raise RefusedError(
                    "ref.not-yours",
                    f"the branch of {domain} would end in a commit that {person} has signed",
                    hint=f"git push {self.remote} HEAD:{PROPOSALS}{person}/NAME",
                )
        if self.index.get(new) is not None:
            self.mine(PEOPLE + domain, domain)
        if old is not None and not self.reaches(new, old):
            raise RefusedError(
                "ref.not-forward",
                f"the remote's branch of {domain} has commits that this push would throw away",
                hint=f"git pull --no-rebase {self.remote} people/{domain}",
            )

    def reaches(self, new: Oid, old: Oid) -> bool:
        done = self.ws.repo.git("merge-base", "--is-ancestor", old, new, check=False)
        return done.code == 0

    def proposal(self, ref: str, new: Oid | None) -> None:
        name = parse_proposal_ref(ref)
        if name is None:
            raise RefusedError(
                "ref.misnamed", f"{ref} cannot name a proposal",
                hint=f"git push {self.remote} HEAD:{PROPOSALS}{self.ws.me()}/NAME",
            )  # fmt: skip
        if new is None:
            self.mine(ref, name.domain)
        elif self.ws.facts.record(new).kind != WITHDRAWAL:
            self.asks(name, check_here(self.ws, self.state, name, new))
        else:
            person_signed(self.ws.facts, self.state, new)

    def asks(self, name: ProposalName, decision: Decision) -> None:
        """Pushing a proposal is how one asks: what others hold is told, and no reason to stop."""
        if isinstance(decision, Waiting) and decision.rule == WAITS:
            self.told.append(notice(WAITS, f"{name} will wait: {decision.why}", *decision.mend))

    def approval(self, ref: str, new: Oid | None) -> None:
        name = parse_approval_ref(ref)
        who = name.domain if name is not None else ref.removeprefix(APPROVALS).partition("/")[0]
        if new is None:
            self.mine(ref, who)
            return
        record = self.ws.facts.record(new)
        if record.kind == WITHDRAWAL:
            return
        roster = self.state.settings.roster
        person = record.approves and approving_person(
            self.ws.facts, roster, self.state.ledger, record.approves, new
        )
        if name is None or person != who:
            raise RefusedError(
                "approval.none",
                f"{new[:12]} is no approval by {who}: it has to be a commit on top of the proposal,"
                f" with the same files, the trailer 'Approves:' and {who}'s own signature",
                hint="gitsync approve NAME",
            )
