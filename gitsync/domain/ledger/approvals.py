"""Who stands behind a proposal. Thresholds count people: not keys, not names, not agents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, GitsyncError
from gitsync.domain.frozen import frozen
from gitsync.domain.records import APPROVAL, Endorsement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitsync.domain.objects import Oid
    from gitsync.domain.policy import Policy, Requirement
    from gitsync.domain.ports import Facts
    from gitsync.domain.roster import Roster


#: Approvals that one requirement keeps as evidence beyond what its threshold needs.
SPARE = 20


@frozen
class Backing:
    """The person who proposes, as far as the key may count (``proposer``) and whatever the key
    (``author``: also behind an agent's), and one approval a person."""

    proposer: str | None
    approvals: Mapping[str, Oid]
    author: str | None = None


def approving_person(
    facts: Facts, roster: Roster, ledger: Oid, proposal: Oid, approval: Oid
) -> str | None:
    """The person whose approval of ``proposal`` the commit ``approval`` is; None if it is none.

    Only the tree of the proposal on top of the proposal, with ``Approves:`` naming it and a
    signature of someone whose key counts, is an approval. Anything else that sits on an approval
    ref is somebody's ordinary commit, moved there.
    """
    try:
        commit = facts.commit(approval)
        record = facts.record(approval)
        if commit.parents != (proposal,) or record.approves != proposal:
            return None
        if commit.tree != facts.commit(proposal).tree or record.kind not in (None, APPROVAL):
            return None
        if record.ledger not in (None, ledger):
            return None
        return roster.counts_for(facts.signer(approval).blob)
    except EnvironmentFault:
        raise
    except GitsyncError:
        # Unreadable or unsigned is the same as absent: it never counts, and never blocks.
        return None


def collect(
    facts: Facts, roster: Roster, ledger: Oid, proposal: Oid, offered: Iterable[Oid]
) -> Backing:
    """The proposer and the approvals that are valid under ``roster``: the lowest id a person."""
    approvals: dict[str, Oid] = {}
    for oid in sorted(set(offered)):
        person = approving_person(facts, roster, ledger, proposal, oid)
        if person is not None:
            approvals.setdefault(person, oid)
    key = facts.signer(proposal).blob
    return Backing(roster.counts_for(key), approvals, roster.person(key))


def counted(
    policy: Policy, requirement: Requirement, backing: Backing
) -> tuple[list[Endorsement], int]:
    """The approvals that fill a requirement and how many people are still missing.

    Nobody approves what they propose themselves, nor what their own agent does, unless the
    requirement lets the proposer count.
    """
    role = policy.roles.get(requirement.role)
    if role is None:
        return [], 1
    people = {person for person in backing.approvals if person in role.people}
    people.discard(backing.proposer or "")
    needed = role.threshold
    if not requirement.proposer_counts:
        people.discard(backing.author or "")
    elif backing.proposer in role.people:
        needed -= 1
    used = [Endorsement(person, backing.approvals[person]) for person in sorted(people)]
    return used[: max(needed, SPARE)], max(0, needed - len(people))


def missing_words(policy: Policy, requirement: Requirement, backing: Backing, missing: int) -> str:
    """What is still needed, for the receipt."""
    role = policy.roles.get(requirement.role)
    if role is None:
        return f"{requirement} needs the role {requirement.role}, which the policy lacks"
    own = {backing.proposer or "", "" if requirement.proposer_counts else backing.author or ""}
    could = sorted(role.people - backing.approvals.keys() - own)
    names = ", ".join(could[:8]) or "nobody who has not been counted"
    return (
        f"{requirement} needs {missing} more of {role.threshold} from {requirement.role}"
        f" ({names} could approve)"
    )
