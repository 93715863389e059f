"""What tool-made commits say about themselves in their trailers, as values."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.domain.names import ProposalName
    from gitsync.domain.objects import Oid

SNAPSHOT = "snapshot"
PROPOSAL = "proposal"
APPROVAL = "approval"
WITHDRAWAL = "withdrawal"
JOIN_REQUEST = "join-request"
STATE = "state"
RECEIPTS = "receipts"
STAMP = "stamp"
LEASE_TAKEN = "lease"
LEASE_RELEASE = "lease-release"
LEASE_BREAK = "lease-break"
LEASE_ANSWER = "lease-answer"
HEARTBEAT = "heartbeat"

# Rules of receipts that bind a commit wherever it turns up again.
WITHDRAWN = "proposal.withdrawn"
SUPERSEDED = "proposal.superseded"


@frozen
class CommitRecord:
    """The claims of one commit. Everything is optional: plain git commits claim nothing.

    ``approves``, ``after`` and ``withdraws`` hold commit ids; ``leases`` fencing tokens.
    """

    kind: str | None = None
    ledger: Oid | None = None
    ref: str | None = None
    predecessor: Oid | None = None
    approves: Oid | None = None
    withdraws: tuple[Oid, ...] = ()
    after: tuple[Oid, ...] = ()
    leases: tuple[int, ...] = ()


@frozen
class Endorsement:
    """An approval that counted: the person, and the commit that proves it."""

    person: str
    commit: Oid


@frozen
class SnapshotRecord:
    """Everything that the trailers of ``<space>@<number>`` state.

    ``proposal`` and ``name`` are None for the founding snapshot only. ``locks`` and ``receipts``
    are the tips that the witness saw when it decided. ``canonical``: files that both sides changed
    were merged by their canonical forms.
    """

    space: str
    number: int
    ledger: Oid | None
    merge: int
    proposal: Oid | None = None
    name: ProposalName | None = None
    approvals: tuple[Endorsement, ...] = ()
    leases: tuple[int, ...] = ()
    locks: Oid | None = None
    receipts: Oid | None = None
    canonical: bool = False


@frozen
class Receipt:
    """The witness's answer to one proposal commit (docs/reference/receipts.md).

    ``outcome`` is received, accepted, refused, waiting or subsumed. ``position`` is the number of
    the snapshot that the decision was taken on; ``number`` the one that holds the change, if any.
    ``at`` is the notary's clock in seconds since the epoch.
    """

    outcome: str
    space: str
    ledger: Oid
    proposal: Oid
    ref: str
    position: int
    rule: str
    why: str
    at: int
    number: int | None = None
    snapshot: Oid | None = None
    mend: tuple[str, ...] = field(default=())

    @property
    def final(self) -> bool:
        """Whether the same commit will never be decided again."""
        return self.outcome in ("accepted", "refused", "subsumed")

    @property
    def yes(self) -> bool:
        """Whether the change is in the ledger."""
        return self.outcome in ("accepted", "subsumed")

    def same_answer(self, other: Receipt) -> bool:
        """Whether two receipts say the same, however old they are."""
        return (self.proposal, self.ref, self.outcome, self.rule, self.why) == (
            other.proposal,
            other.ref,
            other.outcome,
            other.rule,
            other.why,
        )
