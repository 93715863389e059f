"""What a run of the witness writes down of the leases: whom it has seen, who asks, who is done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError
from gitsync.domain.leases.acts import Stamp, is_due
from gitsync.services.heartbeats import read_beat
from gitsync.services.locksref import locks_at, next_act

if TYPE_CHECKING:
    from gitsync.domain.leases.values import Locks
    from gitsync.domain.ledger.state import State
    from gitsync.domain.objects import Commit
    from gitsync.services.batch import Batch, Notary
    from gitsync.services.refview import RefView
    from gitsync.storage.facts import StoreFacts

#: How often a run with nothing else to do stamps while it observes a lease, in seconds.
STAMP_SECONDS = 60


def next_stamp(facts: StoreFacts, view: RefView, batch: Batch, notary: Notary) -> Commit:
    """The unsigned stamp of an emission.

    Raises VerificationError ``locks.missing`` when there is no ref to move.
    """
    state = batch.state
    locks = locks_at(facts, view.locks)
    beats = _beats(facts, view, state, locks)
    opened = tuple(
        one for one in batch.asks
        if one.token in locks.leases and (one.token, one.proposal) not in locks.requests
    )  # fmt: skip
    closed = tuple(sorted(key for key in locks.requests if key[1] in batch.settled))
    act = Stamp(state.number, notary.now, beats, opened, closed)
    return next_act(
        facts, view.locks, act, state.settings.policy, notary.name, state.ledger, notary.now
    )


def _beats(facts: StoreFacts, view: RefView, state: State, locks: Locks) -> dict[int, int]:
    """The newest heartbeat of each lease's holder."""
    holders = {lease.holder for lease in locks.leases.values()}
    seen = {holder: _sequence(facts, view, state, holder) for holder in holders}
    return {token: seen[lease.holder] for token, lease in locks.leases.items()}


def _sequence(facts: StoreFacts, view: RefView, state: State, domain: str) -> int:
    """A holder's newest heartbeat; 0 where there is none that counts."""
    oid = view.nodes.get(domain)
    if oid is None:
        return 0
    try:
        return read_beat(facts, domain, state.ledger, state.settings.roster, oid)
    except GitsyncError:
        return 0  # not of the holder, so no sign of life


def is_stamp_due(facts: StoreFacts, view: RefView, state: State, notary: Notary) -> bool:
    """Whether a run that found nothing to do should leave a stamp: leases are being observed."""
    locks = locks_at(facts, view.locks)
    beats = _beats(facts, view, state, locks) if locks.leases else {}
    return is_due(locks, beats, notary.now, STAMP_SECONDS)
