"""What passes between deciding and emitting: who signs, what has landed, what is to be written."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.domain.leases.values import Request
    from gitsync.domain.ledger.state import State
    from gitsync.domain.objects import Oid
    from gitsync.domain.records import Receipt
    from gitsync.storage.signing import Signer


@frozen
class Notary:
    """Who decides: the signer, the witness's name on the roster, and the wall clock in seconds."""

    signer: Signer
    name: str
    now: int


@frozen
class Landed:
    """A new snapshot, signed and in the store, on no ref yet."""

    number: int
    commit: Oid
    seconds: int


@dataclass(slots=True)
class Batch:
    """What one emission carries: snapshots in order, receipts, refs to delete with old values.

    ``bound`` are receipts of commits that their signers took back, to be found under any name.
    ``asks`` are requests to holders of leases, ``settled`` proposals that ask no more.
    """

    state: State
    landed: list[Landed] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    bound: list[Receipt] = field(default_factory=list)
    delete: dict[str, Oid] = field(default_factory=dict)
    asks: list[Request] = field(default_factory=list)
    settled: set[Oid] = field(default_factory=set)

    def add(self, other: Batch) -> None:
        """Take over what another batch has to say; it has landed nothing."""
        self.receipts[:0] = other.receipts
        self.bound[:0] = other.bound
        self.delete |= other.delete
        self.asks[:0] = other.asks
        self.settled |= other.settled

    @property
    def empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (
            self.landed or self.receipts or self.bound or self.delete or self.asks or self.settled
        )
