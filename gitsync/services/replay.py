"""Proving one snapshot: decide again, build it again, and demand the same bytes.

The witness can neither add a line nor lose one unseen: whatever it signed must be what the rules
make of the two parents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import trailers
from gitsync.codec.gitobjects import commit_payload
from gitsync.codec.records import LEDGER, read_snapshot, snapshot_message
from gitsync.domain.errors import VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.config import check_settings
from gitsync.domain.ledger.history import places_of
from gitsync.domain.ledger.judge import judge
from gitsync.domain.ledger.snapshot import snapshot_commit, snapshot_record, witness_name
from gitsync.domain.ledger.state import Candidate, Landing, State
from gitsync.services.sidechains import rolled_back

if TYPE_CHECKING:
    from gitsync.domain.leases.values import Locks
    from gitsync.domain.objects import Commit, Oid, Tag
    from gitsync.domain.ports import Facts, Positions
    from gitsync.domain.records import SnapshotRecord
    from gitsync.storage.facts import StoreFacts


@frozen
class Proven:
    """A snapshot that checks out: the state after it, its record, and positions of what it adds."""

    state: State
    record: SnapshotRecord
    places: dict[Oid, tuple[int, int]]


def _fail(code: str, number: int, space: str, what: str) -> VerificationError:
    return VerificationError(code, f"{space}@{number}: {what}")


def found(facts: StoreFacts, commit: Oid, space: str) -> Proven:
    """Check the founding snapshot ``commit``, the ledger's trust anchor.

    Raises VerificationError ``anchor.*``, or what its settings raise.
    """
    anchor = facts.commit(commit)
    record = read_snapshot(anchor.message)
    if anchor.parents or record.number != 1 or record.space != space or record.proposal:
        raise _fail("anchor.malformed", 1, space, "the first snapshot must found the ledger")
    settings = facts.settings(anchor.tree)
    check_settings(settings, space)
    person = settings.roster.counts_for(facts.signer(commit).blob)
    if person not in settings.policy.roles["root"].people:
        raise _fail("anchor.signer", 1, space, "it is not signed by someone of its own root role")
    state = State(space, commit, 1, commit, anchor.tree, anchor.committer.seconds, settings)
    return Proven(state, record, {commit: (1, 1)})


def prove(facts: StoreFacts, positions: Positions, state: State, oid: Oid) -> Proven:
    """Check that ``oid`` is the snapshot that follows ``state``.

    Raises VerificationError: ``number.gap``, ``witness.unknown-key``, ``replay.*`` and the
    signature codes, each naming the position.
    """
    commit = facts.commit(oid)
    number = state.number + 1
    record = read_snapshot(commit.message)
    if record.number != number or record.space != state.space:
        raise _fail(
            "number.gap",
            number,
            state.space,
            f"the chain holds {record.space}@{record.number} there",
        )
    key = facts.signer(oid)
    settings = state.settings
    witness = witness_name(settings.policy, settings.roster, key)
    if witness is None:
        raise _fail(
            "witness.unknown-key",
            number,
            state.space,
            f"signed by {key.fingerprint}, which is no witness at {state.space}@{state.number}",
        )
    candidate = _candidate(state, commit, record)
    decision = judge(
        facts, positions, state, candidate, locks=_locks(facts, record.locks, candidate)
    )
    if not isinstance(decision, Landing):
        why = getattr(decision, "why", "")
        raise _fail("replay.refused", number, state.space, f"should not have landed: {why}")
    _compare(facts, state, candidate, decision, witness, commit, record)
    places = places_after(facts, positions, number, oid, decision)
    after = State(
        state.space,
        state.ledger,
        number,
        oid,
        commit.tree,
        commit.committer.seconds,
        facts.settings(commit.tree),
    )
    return Proven(after, record, places)


def _locks(facts: Facts, tip: Oid | None, candidate: Candidate) -> Locks | None:
    """The leases that a decision rested on; None where there were none to rest on."""
    if tip is None:
        return None
    try:
        # Most ledgers have no lease at most times: then the rest of the ref need not be read.
        bare = b"leases" not in facts.tree(facts.commit(tip).tree)
        return None if bare and not facts.record(candidate.tip).leases else facts.locks(tip)
    except VerificationError as error:
        if error.code != "object.missing":
            raise
        raise rolled_back("locks", tip) from error


def places_after(
    facts: Facts, positions: Positions, number: int, snapshot: Oid, landing: Landing
) -> dict[Oid, tuple[int, int]]:
    """Positions of everything that a landing adds to the ledger: commits, approvals, itself."""
    new = (*landing.brings, *(one.commit for one in landing.approvals))
    return places_of(facts, positions, number, snapshot, new)


def _candidate(state: State, commit: Commit, record: SnapshotRecord) -> Candidate:
    number = record.number
    if len(commit.parents) < 2 or commit.parents[0] != state.commit:
        raise _fail("number.gap", number, state.space, "it does not follow the snapshot before it")
    if record.name is None or record.proposal != commit.parents[1]:
        raise _fail("replay.parents", number, state.space, "its second parent is not its proposal")
    if tuple(one.commit for one in record.approvals) != commit.parents[2:]:
        raise _fail("replay.parents", number, state.space, "its parents are not its approvals")
    return Candidate(record.name, commit.parents[1], commit.parents[2:])


def _compare(
    facts: StoreFacts,
    state: State,
    candidate: Candidate,
    landing: Landing,
    witness: str,
    commit: Commit,
    record: SnapshotRecord,
) -> None:
    if landing.tree != commit.tree:
        raise _fail(
            "replay.tree",
            record.number,
            state.space,
            "its files are not what the merge of its parents gives: the witness added or lost"
            " something",
        )
    expected = build(facts, state, candidate, landing, witness, record.locks, record.receipts)
    if commit_payload(expected) != commit_payload(commit):
        raise _fail(
            "replay.commit",
            record.number,
            state.space,
            "its author, dates or trailers are not what the rules give",
        )


def build(
    facts: Facts,
    state: State,
    candidate: Candidate,
    landing: Landing,
    witness: str,
    locks: Oid | None,
    receipts: Oid | None,
) -> Commit:
    """The unsigned snapshot for a landing; the witness and the verifier share every line of it."""
    record = snapshot_record(state, candidate, landing, locks, receipts)
    subject = trailers.subject(facts.commit(candidate.tip).message)
    return snapshot_commit(
        facts, state, candidate, landing, witness, snapshot_message(record, subject)
    )


def tag_ledger(tag: Tag) -> str | None:
    """The ledger that a position's tag was made for; None for the first, which founds it.

    One key may be the witness of two ledgers, whose positions go by the same names.
    """
    return trailers.parse(tag.message).one(LEDGER)


def check_tag(facts: StoreFacts, before: State, state: State, tag_oid: Oid) -> None:
    """Check the tag of the snapshot ``state``: it names this commit and a witness signed it.

    Of the snapshot before it or of its own: when a witness dies before it could tag the snapshot
    that hands the role over, its successor has to. The founding tag (number 1) is signed by the
    founder. Raises VerificationError ``tag.*``.
    """
    tag = facts.tag(tag_oid)
    space, number, commit = state.space, state.number, state.commit
    name = f"{space}@{number}".encode()
    if tag.name != name or tag.target != commit or tag.target_kind != "commit":
        said = tag.name.decode("utf-8", "replace")
        raise _fail(
            "tag.transplanted", number, space, f"its tag is that of {said!r}, {tag.target[:12]}"
        )
    if number > 1 and tag_ledger(tag) != state.ledger:
        raise _fail("tag.other-ledger", number, space, "its tag was made for another ledger")
    key = facts.tag_signer(tag_oid)
    settings = state.settings
    if number == 1:
        fine = settings.roster.counts_for(key.blob) in settings.policy.roles["root"].people
    else:
        fine = any(
            witness_name(one.policy, one.roster, key) is not None
            for one in (before.settings, settings)
        )
    if not fine:
        raise _fail(
            "tag.unknown-key",
            number,
            space,
            f"its tag is signed by {key.fingerprint}, no witness then",
        )
