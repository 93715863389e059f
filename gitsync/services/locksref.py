"""The locks ref as far as the ledger needs it: it exists, it moves with every emission.

A compare-and-swap on a ref that a push does not change checks nothing, so each emission adds a
stamp, and a lease taken meanwhile makes the push fail. Leases themselves live in ``leases/``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec.receipts import moment
from gitsync.codec.records import write_commit_record
from gitsync.domain.errors import VerificationError
from gitsync.domain.ledger.snapshot import machine_identity
from gitsync.domain.names import LOCKS_REF
from gitsync.domain.objects import MODE_FILE, Commit, Oid
from gitsync.domain.records import STAMP, CommitRecord
from gitsync.domain.treeedit import edit_tree

if TYPE_CHECKING:
    from gitsync.storage.facts import StoreFacts

TOKEN_FILE = b"token"
STAMP_FILE = b"stamp"


def first_locks(facts: StoreFacts, who: str, ledger: Oid, now: int) -> Commit:
    """The unsigned first commit of the locks ref: the token counter at zero."""
    tree = edit_tree(
        facts,
        None,
        {
            TOKEN_FILE: (MODE_FILE, bytes.fromhex(facts.put_blob(b"0\n"))),
            STAMP_FILE: (MODE_FILE, bytes.fromhex(facts.put_blob(b"1\n"))),
        },
    )
    identity = machine_identity(who, now)
    record = CommitRecord(kind=STAMP, ledger=ledger)
    return Commit(tree, (), identity, identity, write_commit_record("locks: begun", record))


def next_stamp(
    facts: StoreFacts, tip: Oid | None, who: str, ledger: Oid, number: int, now: int
) -> Commit:
    """The unsigned stamp for an emission at snapshot ``number``, at ``now`` seconds.

    Raises VerificationError ``locks.missing`` when there is no ref to move.
    """
    if tip is None:
        raise VerificationError(
            "locks.missing",
            "the locks ref is gone; without it nobody knows who holds what",
            hint=f"restore it from any clone that has it: git push HOME ID:{LOCKS_REF}",
        )
    blob = bytes.fromhex(facts.put_blob(f"{number}\n".encode()))
    tree = edit_tree(facts, facts.commit(tip).tree, {STAMP_FILE: (MODE_FILE, blob)})
    identity = machine_identity(who, now)
    record = CommitRecord(kind=STAMP, ledger=ledger, predecessor=tip)
    message = write_commit_record(f"locks: stamp at snapshot {number}, {moment(now)}", record)
    return Commit(tree, (tip,), identity, identity, message)
