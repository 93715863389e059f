"""A commit's message before it is made: trailers that would be read, and could not be believed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitsync.codec import trailers
from gitsync.codec.records import (
    APPROVAL,
    KIND,
    LOCKS,
    MERGE,
    NUMBER,
    PROPOSAL,
    RECEIPTS,
    SPACE,
    read_commit_record,
)
from gitsync.domain.errors import FormatError
from gitsync.domain.names import PROPOSALS, person_of
from gitsync.domain.records import APPROVAL as APPROVING
from gitsync.domain.records import RECEIPTS as ANSWERING
from gitsync.domain.records import SNAPSHOT, STAMP, WITHDRAWAL
from gitsync.services.hookledger import Finding, finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.codec.trailers import Trailers
    from gitsync.domain.objects import Oid
    from gitsync.domain.records import CommitRecord
    from gitsync.services.hookledger import HookLedger

#: Where git cuts a message that shows the change below it (git commit --verbose).
SCISSORS = b" ------------------------ >8 ------------------------"
_WITNESS_KINDS = (SNAPSHOT, STAMP, ANSWERING)
_WITNESS_ONLY = (SPACE, NUMBER, PROPOSAL, APPROVAL, LOCKS, RECEIPTS, MERGE)


def as_committed(text: bytes, comment: bytes = b"#") -> bytes:
    """The message as git will store it: without comments and what lies below the scissors."""
    kept = []
    for line in text.splitlines():
        if line == comment + SCISSORS:
            break
        if not line.startswith(comment):
            kept.append(line.rstrip())
    return re.sub(rb"\n{3,}", b"\n\n", b"\n".join(kept)).strip(b"\n") + b"\n"


def check_message(ledger: HookLedger, text: bytes) -> list[Finding]:
    """Trailers that the witness would stumble over. ``text`` is the file that git hands out."""
    head = ledger.repo.head
    if head is None or not ledger.bases(head):
        return []
    comment = ledger.config.get("core.commentchar", "#").encode()
    message = as_committed(text, comment if len(comment) == 1 else b"#")
    try:
        record = read_commit_record(message)
    except FormatError as error:
        return [finding(error, "write the id in full: git rev-parse NAME")]
    return [
        Finding("trailer.claim", why, mend)
        for why, mend in _claims(ledger, head, record, trailers.parse(message))
    ]


def _claims(
    ledger: HookLedger, head: Oid, record: CommitRecord, found: Trailers
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What the commit says of itself and cannot be."""
    without = ("take the line out of the message, and commit again",)
    only = next((key for key in _WITNESS_ONLY if found.all(key)), None)
    if record.kind in _WITNESS_KINDS or only is not None:
        line = f"{only}: {found.all(only)[0]}" if only else f"{KIND}: {record.kind}"
        yield f"the trailer '{line}' is the witness's: it numbers snapshots, nobody else", without
    if record.ledger not in (None, ledger.anchor):
        yield f"the message names another ledger, {str(record.ledger)[:12]}", without
    if record.ref is not None and record.ref.startswith(PROPOSALS):
        owner = record.ref.removeprefix(PROPOSALS).partition("/")[0]
        if person_of(owner) != person_of(ledger.domain):
            yield f"the message says that the commit is for {record.ref}, not yours", without
    if record.withdraws and record.kind != WITHDRAWAL:
        yield (
            f"a commit that withdraws says so: '{KIND}: {WITHDRAWAL}' is missing",
            ("gitsync withdraw NAME",),
        )
    if record.approves is not None or record.kind == APPROVING:
        yield from _approval(ledger, head, record.approves)


def _approval(
    ledger: HookLedger, head: Oid, approves: Oid | None
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """An approval stands on the proposal that it names, and changes nothing."""
    # When it is amended, HEAD is the approval itself.
    standing = (head, *ledger.facts.commit(head).parents)
    mend = ("gitsync approve NAME",)
    if approves not in standing:
        yield "an approval names, by its full id, the proposal commit that it stands on", mend
    elif ledger.repo.staged_tree() not in (None, ledger.tree(approves)):
        yield (
            "an approval changes no file, and this commit does: it would approve nothing",
            (
                "git stash   # put the change aside",
                *mend,
            ),
        )
