"""Trailers to records and back (docs/reference/snapshot.md lists every one of them)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import trailers
from gitsync.domain.errors import FormatError
from gitsync.domain.lateregex import late_regex
from gitsync.domain.names import parse_proposal_ref
from gitsync.domain.objects import Oid
from gitsync.domain.records import SNAPSHOT, CommitRecord, Endorsement, SnapshotRecord

if TYPE_CHECKING:
    from gitsync.codec.trailers import Trailers

KIND = "Gitsync-Kind"
LEDGER = "Gitsync-Ledger"
REF = "Gitsync-Ref"
PREDECESSOR = "Gitsync-Predecessor"
LEASE = "Gitsync-Lease"
WITHDRAWS = "Gitsync-Withdraws"
APPROVES = "Approves"
AFTER = "After"
SPACE = "Gitsync-Space"
NUMBER = "Gitsync-Number"
PROPOSAL = "Gitsync-Proposal"
APPROVAL = "Gitsync-Approval"
LOCKS = "Gitsync-Locks"
RECEIPTS = "Gitsync-Receipts"
MERGE = "Gitsync-Merge"
CANONICAL = "Canonical"
DOMAIN = "Gitsync-Domain"

_OID = late_regex(r"[0-9a-f]{40}")
_NUMBER = late_regex(r"[1-9][0-9]{0,11}")
MAX_REPEATS = 100
_SUBJECT_LIMIT = 120


def _oid(value: str, key: str) -> Oid:
    if not _OID.fullmatch(value):
        raise FormatError("trailer.malformed", f"the trailer {key} must name a commit in full")
    return Oid(value)


def _opt_oid(found: Trailers, key: str) -> Oid | None:
    value = found.one(key)
    return None if value is None else _oid(value, key)


def _int(value: str, key: str) -> int:
    if not _NUMBER.fullmatch(value):
        raise FormatError("trailer.malformed", f"the trailer {key} must be a positive whole number")
    return int(value)


def _many(found: Trailers, key: str) -> list[str]:
    values = found.all(key)
    if len(values) > MAX_REPEATS:
        raise FormatError("trailer.repeated", f"more than {MAX_REPEATS} trailers {key}")
    return values


def read_commit_record(message: bytes) -> CommitRecord:
    """The claims in a commit's message. Raises FormatError ``trailer.*`` for a malformed claim."""
    found = trailers.parse(message)
    if not found:
        return CommitRecord()
    return CommitRecord(
        kind=found.one(KIND),
        ledger=_opt_oid(found, LEDGER),
        ref=found.one(REF),
        predecessor=_opt_oid(found, PREDECESSOR),
        approves=_opt_oid(found, APPROVES),
        withdraws=tuple(_oid(value, WITHDRAWS) for value in _many(found, WITHDRAWS)),
        after=tuple(_oid(value, AFTER) for value in _many(found, AFTER)),
        leases=tuple(_int(value, LEASE) for value in _many(found, LEASE)),
    )


def write_commit_record(text: str, record: CommitRecord, *more: tuple[str, str]) -> bytes:
    """A message with ``text`` and the record's trailers, then ``more`` pairs."""
    pairs: list[tuple[str, str]] = []
    for key, value in (
        (KIND, record.kind),
        (LEDGER, record.ledger),
        (REF, record.ref),
        (PREDECESSOR, record.predecessor),
        (APPROVES, record.approves),
    ):
        if value is not None:
            pairs.append((key, value))
    pairs += [(WITHDRAWS, oid) for oid in record.withdraws]
    pairs += [(AFTER, oid) for oid in record.after]
    pairs += [(LEASE, str(token)) for token in record.leases]
    return trailers.compose(text, [*pairs, *more])


# Control, formatting and separator characters, surrogates and private use. A fixed table and not
# str.isprintable(): the title of a snapshot must come out the same in every version of Python, and
# those disagree about characters that are newer than they are.
_UNSEEN = late_regex(
    "[\x00-\x20\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e"
    "\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ud800-\uf8ff\ufeff\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff]+"
)


def printable(text: str, limit: int = _SUBJECT_LIMIT) -> str:
    """One line without control or formatting characters, cut at ``limit`` characters."""
    clean = _UNSEEN.sub(" ", text).strip(" ")
    return clean if len(clean) <= limit else clean[: limit - 3] + "..."


def snapshot_message(record: SnapshotRecord, subject: str) -> bytes:
    """The message of a snapshot: position and the proposal's subject, then the trailers."""
    title = printable(f"{record.space}@{record.number}: {subject}")
    pairs = [(KIND, SNAPSHOT), (SPACE, record.space), (NUMBER, str(record.number))]
    if record.ledger is not None:
        pairs.append((LEDGER, record.ledger))
    if record.proposal is not None:
        pairs.append((PROPOSAL, record.proposal))
    if record.name is not None:
        pairs.append((REF, record.name.ref))
    pairs += [(APPROVAL, f"{one.person} {one.commit}") for one in record.approvals]
    pairs += [(LEASE, str(token)) for token in record.leases]
    if record.locks is not None:
        pairs.append((LOCKS, record.locks))
    if record.receipts is not None:
        pairs.append((RECEIPTS, record.receipts))
    pairs.append((MERGE, str(record.merge)))
    if record.canonical:
        pairs.append((CANONICAL, "yes"))
    return trailers.compose(title, pairs)


def read_snapshot(message: bytes) -> SnapshotRecord:
    """The inverse of :func:`snapshot_message`.

    Raises FormatError ``snapshot.malformed`` when the message is not that of a snapshot.
    """
    found = trailers.parse(message)
    space, number, merge = found.one(SPACE), found.one(NUMBER), found.one(MERGE)
    if found.one(KIND) != SNAPSHOT or space is None or number is None or merge is None:
        raise FormatError("snapshot.malformed", "the commit does not carry a snapshot's trailers")
    ref = found.one(REF)
    name = parse_proposal_ref(ref) if ref is not None else None
    if ref is not None and name is None:
        raise FormatError("snapshot.malformed", "the snapshot names a proposal ref that cannot be")
    approvals = []
    for value in _many(found, APPROVAL):
        person, _, oid = value.partition(" ")
        approvals.append(Endorsement(person, _oid(oid, APPROVAL)))
    return SnapshotRecord(
        space=space,
        number=_int(number, NUMBER),
        ledger=_opt_oid(found, LEDGER),
        merge=_int(merge, MERGE),
        proposal=_opt_oid(found, PROPOSAL),
        name=name,
        approvals=tuple(approvals),
        leases=tuple(_int(value, LEASE) for value in _many(found, LEASE)),
        locks=_opt_oid(found, LOCKS),
        receipts=_opt_oid(found, RECEIPTS),
        canonical=found.one(CANONICAL) == "yes",
    )
