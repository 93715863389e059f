"""``approve`` and ``withdraw``: signed consent, and signed retreat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import trailers
from gitsync.codec.records import printable, write_commit_record
from gitsync.domain.errors import RefusedError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.approvals import collect
from gitsync.domain.ledger.history import incoming
from gitsync.domain.ledger.judge import judge
from gitsync.domain.ledger.state import Candidate, Decision
from gitsync.domain.merge.trees import FileChange, diff_trees
from gitsync.domain.names import ProposalName, parse_proposal_name, person_of
from gitsync.domain.objects import Commit, Oid
from gitsync.domain.records import APPROVAL, WITHDRAWAL, CommitRecord
from gitsync.services.chain import ready_index
from gitsync.services.pulling import verify_view
from gitsync.services.sources import keep, send

if TYPE_CHECKING:
    from gitsync.services.refview import RefView
    from gitsync.services.workspace import Workspace


@frozen
class Review:
    """A proposal as an approver should see it: who, which commit, what it changes against the
    snapshot ``base`` that it was made on, and what the rules say of it with the approvals that
    are there."""

    name: ProposalName
    commit: Oid
    subject: str
    author: str
    base: Oid | None
    changes: tuple[FileChange, ...]
    decision: Decision
    approved_by: tuple[str, ...]


@frozen
class Consent:
    """An approval or a withdrawal as made, and whether it reached the home."""

    name: ProposalName
    commit: Oid
    ref: str
    sent: bool


def find_proposal(view: RefView, text: str) -> tuple[ProposalName, Oid]:
    """A pending proposal by ``NAME/SLUG``, by slug alone, or by commit id.

    Raises UsageError ``proposal.unknown`` or ``proposal.ambiguous``.
    """
    if "/" in text:
        name = parse_proposal_name(text)
        found = {name: view.proposals[name]} if name in view.proposals else {}
    else:
        found = {
            name: oid
            for name, oid in view.proposals.items()
            if name.slug == text or (len(text) >= 7 and oid.startswith(text))
        }
    if len(found) == 1:
        return next(iter(found.items()))
    if not found:
        raise UsageError(
            "proposal.unknown", f"no proposal {text!r} is pending", hint="gitsync proposals"
        )
    names = ", ".join(str(name) for name in sorted(found))
    raise UsageError(
        "proposal.ambiguous", f"{text!r} could be {names}", hint="write it as NAME/SLUG"
    )


def review(ws: Workspace, view: RefView, name: ProposalName, tip: Oid) -> Review:
    """What an approval of ``tip`` would stand for, at the newest ``common`` that ``view`` shows.

    Raises RefusedError with the rule's code when a commit of it is not properly signed.
    """
    # Rules and content are those of the newest common: an old one would show another change.
    if view.common != ws.verified().commit:
        verify_view(ws, view)
    facts, state = ws.facts, ws.state()
    roster = state.settings.roster
    key = facts.signer(tip)
    author = roster.person(key.blob)
    if author is None:
        raise RefusedError(
            "signature.unknown-key",
            f"{name} is signed by {key.fingerprint}, which is not on the roster",
        )
    offered = tuple(sorted(view.approvals.values()))
    backing = collect(facts, roster, state.ledger, tip, offered)
    index = ws.index()
    try:
        ready_index(facts, index, state.ledger, state.number, state.commit)
        new = incoming(facts, index, [tip], limit=state.settings.policy.limits.proposal_commits)
        locks = facts.locks(view.locks) if view.locks is not None else None
        decision = judge(facts, index, state, Candidate(name, tip, offered), known=new, locks=locks)
    finally:
        index.close()
    base = new.frontier[0] if new.frontier else None
    before = facts.commit(base).tree if base else None
    changes = tuple(diff_trees(facts, before, facts.commit(tip).tree))
    subject = printable(trailers.subject(facts.commit(tip).message))
    approved = tuple(sorted(backing.approvals))
    return Review(name, tip, subject, author, base, changes, decision, approved)


def approve(ws: Workspace, name: ProposalName, tip: Oid) -> Consent:
    """Sign the same tree on top of the proposal: consent to exactly this commit.

    Raises RefusedError ``approval.agent`` when this clone's key cannot count for a person.
    """
    facts, state = ws.facts, ws.state()
    signer = ws.signer()
    if state.settings.roster.counts_for(signer.public_key.blob) is None:
        raise RefusedError(
            "approval.agent",
            f"the key of {ws.me()} does not count as a person's: agents do not approve",
            hint="approve in a clone that signs with the person's own key",
        )
    who = ws.identity()
    record = CommitRecord(kind=APPROVAL, ledger=state.ledger, approves=tip)
    message = write_commit_record(f"Approve {name}", record)
    oid = ws.commit_as_me(Commit(facts.commit(tip).tree, (tip,), who, who, message), signer)
    ref = name.approval_ref(ws.me())
    keep(ws, {ref: oid}, "gitsync: approve")
    return Consent(name, oid, ref, send(ws, {ref: oid}))


def withdraw(ws: Workspace, view: RefView, name: ProposalName) -> Consent:
    """Put a signed tombstone on a proposal: no state of it can be brought back by anyone.

    Raises RefusedError ``proposal.not-yours``, UsageError ``proposal.unknown``.
    """
    if person_of(name.domain) != person_of(ws.me()):
        raise RefusedError(
            "proposal.not-yours", f"{name} is {person_of(name.domain)}'s, not yours",
            hint="ask them, or propose something else",
        )  # fmt: skip
    tips = [
        oid for oid in (ws.repo.refs.get(name.ref), view.proposals.get(name)) if oid is not None
    ]
    if not tips:
        raise UsageError(
            "proposal.unknown", f"no proposal {name} is pending", hint="gitsync proposals"
        )
    gone: list[Oid] = []
    for tip in tips:
        gone += [oid for oid in _states(ws, tip) if oid not in gone]
    top = tips[0]
    record = ws.facts.record(top)
    if record.kind == WITHDRAWAL:
        return Consent(name, top, name.ref, send(ws, {name.ref: top}))
    who = ws.identity()
    claim = CommitRecord(kind=WITHDRAWAL, ledger=ws.ledger(), ref=name.ref, withdraws=tuple(gone))
    message = write_commit_record(f"Withdraw {name}", claim)
    oid = ws.commit_as_me(Commit(ws.facts.commit(top).tree, (top,), who, who, message))
    keep(ws, {name.ref: oid}, "gitsync: withdraw")
    sent = send(ws, {name.ref: oid})
    return Consent(name, oid, name.ref, sent)


def _states(ws: Workspace, tip: Oid) -> list[Oid]:
    """A proposal commit and the earlier states of it that it names, as far as they are here."""
    found = [tip]
    while len(found) < 50:
        before = ws.facts.record(found[-1]).predecessor
        if before is None or before in found or not ws.facts.store.has(before):
            break
        found.append(before)
    return found
