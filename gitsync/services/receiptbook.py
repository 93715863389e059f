"""The receipts ref as a book: look up the answer to a commit, write new answers."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from gitsync.codec import receipts as codec
from gitsync.codec.records import write_commit_record
from gitsync.domain.errors import FormatError
from gitsync.domain.ledger.snapshot import machine_identity
from gitsync.domain.merge.trees import entry_at
from gitsync.domain.names import (
    ProposalName,
    parse_approval_ref,
    parse_proposal_ref,
    person_of,
)
from gitsync.domain.objects import MODE_FILE, Commit, Entry, Oid
from gitsync.domain.records import RECEIPTS, CommitRecord, Receipt
from gitsync.domain.treeedit import edit_tree
from gitsync.services.takebacks import person_behind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitsync.domain.roster import Roster
    from gitsync.storage.facts import StoreFacts


class ReceiptBook:
    """The receipts as of one tip of the ref (None: the ref does not exist yet)."""

    def __init__(self, facts: StoreFacts, tip: Oid | None) -> None:
        self._facts = facts
        self.tip = tip

    @cached_property
    def _tree(self) -> Oid | None:
        # Read when somebody asks: most people wait for no answer most of the time.
        return self._facts.commit(self.tip).tree if self.tip is not None else None

    def _read(self, path: str) -> Receipt | None:
        if self._tree is None:
            return None
        entry = entry_at(self._facts, self._tree, path.encode())
        if entry is None:
            return None
        try:
            return codec.decode(self._facts.blob(Oid(entry[1].hex())))
        except FormatError as error:
            raise FormatError(error.code, f"{path}: {error.message}") from error

    def of_commit(self, oid: Oid) -> Receipt | None:
        """The answer to one proposal commit."""
        return self._read(codec.commit_path(oid))

    def latest(self, name: ProposalName) -> Receipt | None:
        """The newest answer under a proposal's name."""
        return self._read(codec.latest_path(name))

    def under(self, name: ProposalName, oid: Oid) -> Receipt | None:
        """The answer to one commit under one name, where it is that name's newest."""
        latest = self.latest(name)
        return latest if latest is not None and latest.proposal == oid else None

    def taken_back(self, person: str, oid: Oid) -> Receipt | None:
        """What says that ``person`` withdrew or replaced a commit, or None."""
        return self._read(codec.taken_back_path(person, oid))

    def write(
        self,
        receipts: Iterable[Receipt],
        bound: Iterable[Receipt] = (),
        *,
        roster: Roster,
        witness: str,
        ledger: Oid,
        number: int,
        now: int,
    ) -> Commit:
        """The unsigned commit that adds ``receipts`` to the book.

        ``bound`` are those of commits that the person behind the ref took back. The place of a
        commit's own answer belongs to whom ``roster`` says signed it: a refusal under somebody
        else's name does not go there. ``number`` is the snapshot that stands when it is written,
        ``now`` the notary's clock in seconds. Blobs and trees are put into the store.
        """
        edits: dict[bytes, Entry | None] = {}
        count = 0
        both = [(one, True) for one in bound] + [(one, False) for one in receipts]
        for receipt, binds in both:
            entry = (MODE_FILE, bytes.fromhex(self._facts.put_blob(codec.encode(receipt))))
            name = parse_proposal_ref(receipt.ref)
            of = name or parse_approval_ref(receipt.ref)
            person = person_of(of.domain) if of is not None else None
            owner = person_behind(self._facts, roster, receipt.proposal)
            if owner == person or (owner is None and not binds):
                edits[codec.commit_path(receipt.proposal).encode()] = entry
            if binds and person is not None:
                edits[codec.taken_back_path(person, receipt.proposal).encode()] = entry
            elif name is not None:
                edits[codec.latest_path(name).encode()] = entry
            count += 1
        tree = edit_tree(self._facts, self._tree, edits)
        who = machine_identity(witness, now)
        return Commit(
            tree=tree,
            parents=(self.tip,) if self.tip is not None else (),
            author=who,
            committer=who,
            message=write_commit_record(
                f"receipts: {count} new, at snapshot {number}",
                CommitRecord(kind=RECEIPTS, ledger=ledger, predecessor=self.tip),
            ),
        )
