"""The receipts ref as a book: look up the answer to a commit, write new answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import receipts as codec
from gitsync.codec.records import write_commit_record
from gitsync.domain.errors import FormatError
from gitsync.domain.ledger.snapshot import machine_identity
from gitsync.domain.merge.trees import entry_at
from gitsync.domain.names import ProposalName, parse_proposal_ref
from gitsync.domain.objects import MODE_FILE, Commit, Entry, Oid
from gitsync.domain.records import RECEIPTS, SUPERSEDED, CommitRecord, Receipt
from gitsync.domain.treeedit import edit_tree

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitsync.storage.facts import StoreFacts


class ReceiptBook:
    """The receipts as of one tip of the ref (None: the ref does not exist yet)."""

    def __init__(self, facts: StoreFacts, tip: Oid | None) -> None:
        self._facts = facts
        self.tip = tip
        self._tree = facts.commit(tip).tree if tip is not None else None

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

    def write(
        self, receipts: Iterable[Receipt], *, witness: str, ledger: Oid, number: int, now: int
    ) -> Commit:
        """The unsigned commit that adds ``receipts`` to the book.

        ``number`` is the snapshot that stands when it is written, ``now`` the notary's clock in
        seconds. Blobs and trees are put into the store.
        """
        edits: dict[bytes, Entry | None] = {}
        count = 0
        for receipt in receipts:
            blob = bytes.fromhex(self._facts.put_blob(codec.encode(receipt)))
            edits[codec.commit_path(receipt.proposal).encode()] = (MODE_FILE, blob)
            name = parse_proposal_ref(receipt.ref)
            if name is not None and receipt.rule != SUPERSEDED:
                edits[codec.latest_path(name).encode()] = (MODE_FILE, blob)
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
