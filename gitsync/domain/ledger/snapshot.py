"""What snapshot N+1 is made of: every value in it follows from the state and the proposal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.objects import Commit, Oid, Signature
from gitsync.domain.records import SnapshotRecord

if TYPE_CHECKING:
    from gitsync.domain.ledger.state import Candidate, Landing, State
    from gitsync.domain.policy import Policy
    from gitsync.domain.ports import Facts
    from gitsync.domain.roster import PublicKey, Roster

MACHINE_HOST = b"gitsync.invalid"


def witness_name(policy: Policy, roster: Roster, key: PublicKey) -> str | None:
    """The name under which ``key`` is a witness: the first of its names that the role lists.

    Keys of other kinds than Ed25519 are none: a signature of theirs has a second spelling, and
    with it one snapshot would have two ids.
    """
    entry = roster.key(key.blob)
    if entry is None or not key.is_ed25519:
        return None
    return next((name for name in entry.names if name in policy.witnesses), None)


def machine_identity(name: str, seconds: int) -> Signature:
    """The committer of tool-made ledger commits. ``.invalid`` can never be somebody's address."""
    return Signature(name.encode(), name.encode() + b"@" + MACHINE_HOST, seconds, b"+0000")


def snapshot_record(
    state: State, candidate: Candidate, landing: Landing, locks: Oid | None, receipts: Oid | None
) -> SnapshotRecord:
    """The trailers of the snapshot that ``landing`` becomes."""
    return SnapshotRecord(
        space=state.space,
        number=state.number + 1,
        ledger=state.ledger,
        merge=landing.merge,
        proposal=candidate.tip,
        name=candidate.name,
        approvals=landing.approvals,
        leases=landing.leases,
        locks=locks,
        receipts=receipts,
        canonical=landing.canonical,
    )


def snapshot_commit(
    facts: Facts, state: State, candidate: Candidate, landing: Landing, witness: str, message: bytes
) -> Commit:
    """The unsigned snapshot commit: two runs on the same refs make the same bytes.

    ``witness`` is the committer's name; ``message`` the encoded record.
    """
    proposal = facts.commit(candidate.tip)
    seconds = max(state.seconds, proposal.committer.seconds)
    return Commit(
        tree=landing.tree,
        parents=(state.commit, candidate.tip, *(one.commit for one in landing.approvals)),
        author=proposal.author,
        committer=machine_identity(witness, seconds),
        message=message,
    )
