"""Heartbeats: one parentless signed commit a domain, replaced and never chained.

A ref of its own for each holder, because renewals on one ref that all share lose most of their
pushes to each other. The rising sequence number refuses old ones; no date in it counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import trailers
from gitsync.codec.records import DOMAIN, write_commit_record
from gitsync.domain.errors import FormatError, RefusedError
from gitsync.domain.lateregex import late_regex
from gitsync.domain.ledger.snapshot import machine_identity
from gitsync.domain.names import person_of
from gitsync.domain.objects import Commit, Oid
from gitsync.domain.records import HEARTBEAT, CommitRecord

if TYPE_CHECKING:
    from gitsync.domain.roster import Roster
    from gitsync.storage.facts import StoreFacts

SEQUENCE = "Gitsync-Sequence"

_NUMBER = late_regex(r"[1-9][0-9]{0,14}")


def next_beat(facts: StoreFacts, domain: str, ledger: Oid, sequence: int, now: int) -> Commit:
    """The unsigned heartbeat ``sequence`` of a domain; ``now`` is for people who look at it."""
    identity = machine_identity(domain, now)
    message = write_commit_record(
        f"{domain} is at work",
        CommitRecord(kind=HEARTBEAT, ledger=ledger),
        (DOMAIN, domain),
        (SEQUENCE, str(sequence)),
    )
    return Commit(facts.put_tree({}), (), identity, identity, message)


def read_beat(facts: StoreFacts, domain: str, ledger: Oid, roster: Roster, oid: Oid) -> int:
    """The sequence number of a domain's heartbeat.

    Raises RefusedError ``heartbeat.not-yours`` or ``heartbeat.other-ledger``, FormatError
    ``heartbeat.malformed``, and what the signature raises.
    """
    commit = facts.commit(oid)
    found = trailers.parse(commit.message)
    record = facts.record(oid)
    sequence = found.one(SEQUENCE) or ""
    if (
        record.kind != HEARTBEAT
        or found.one(DOMAIN) != domain
        or commit.parents
        or not _NUMBER.fullmatch(sequence)
    ):
        raise FormatError("heartbeat.malformed", f"the commit for {domain} is no heartbeat of it")
    if record.ledger != ledger:
        raise RefusedError("heartbeat.other-ledger", "the heartbeat is for another ledger")
    person = roster.person(facts.signer(oid).blob)
    if person != person_of(domain):
        raise RefusedError(
            "heartbeat.not-yours",
            f"the heartbeat of {domain} is signed by {person or 'a key that is on no roster'}",
        )
    return int(sequence)
