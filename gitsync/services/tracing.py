"""Everything that touched one artifact: snapshots with their evidence, and what is under way."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gitsync.codec.records import printable
from gitsync.domain.errors import FormatError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.services.history import ALL_SNAPSHOTS, ArtifactDiff, compare, touches
from gitsync.services.leasing.glance import lease_on
from gitsync.services.sources import known_view, receipts_in
from gitsync.services.status import proposals
from gitsync.storage.trees import TreeReader

if TYPE_CHECKING:
    from gitsync.domain.leases.values import Lease, Locks
    from gitsync.domain.names import ProposalName
    from gitsync.domain.objects import Oid
    from gitsync.domain.records import Receipt
    from gitsync.services.history import Touch
    from gitsync.services.receiptbook import ReceiptBook
    from gitsync.services.refview import RefView
    from gitsync.services.status import ProposalState
    from gitsync.services.workspace import Workspace


@frozen
class Consent:
    """An approval: who, by which commit, and when they say so (seconds since the epoch)."""

    person: str
    commit: Oid
    at: int


@frozen
class Proposal:
    """A proposal that touched the artifact. ``at`` is when its author says it was made; ``state``
    a receipt's outcome, ``pending`` or ``queued``."""

    name: ProposalName | None
    commit: Oid
    author: str
    at: int
    state: str
    approvals: tuple[Consent, ...]
    receipt: Receipt | None


@frozen
class Step:
    """One change of the artifact. ``position`` is the snapshot that made it part of the ledger,
    ``sealed`` that snapshot's date; both None for a proposal that is not in it (yet)."""

    position: str | None
    sealed: int | None
    subject: str
    change: ArtifactDiff
    proposal: Proposal | None


@frozen
class Trace:
    """All steps of one artifact: what is under way, then the snapshots, newest first. ``lease`` is
    the one that covers it now, with the locks that it is part of."""

    id: str
    title: str | None
    steps: tuple[Step, ...]
    lease: tuple[Locks, Lease] | None = None


def trace(ws: Workspace, text: str) -> Trace:
    """What touched the artifact that ``text`` names. Raises UsageError ``artifact.*``."""
    view = known_view(ws)
    book = receipts_in(ws, view)
    landed = touches(ws, text, limit=ALL_SNAPSHOTS)
    ident = landed[0].change.id
    steps = [*_under_way(ws, view, ident), *(_landed(ws, book, one) for one in landed)]
    lease = lease_on(ws, ident, landed[0].change.path)
    return Trace(ident, landed[0].change.title, tuple(steps), lease)


def _landed(ws: Workspace, book: ReceiptBook, touch: Touch) -> Step:
    one = touch.snapshot
    proposal = None
    if one.proposal is not None:
        consents = tuple(Consent(who, oid, _date(ws, oid)) for who, oid in one.evidence)
        receipt = book.of_commit(one.proposal)
        state = receipt.outcome if receipt is not None else "accepted"
        proposal = Proposal(one.name, one.proposal, *_author(ws, one.proposal), state, consents,
                            receipt)  # fmt: skip
    return Step(f"{one.space}@{one.number}", one.at, one.subject, touch.change, proposal)


def _under_way(ws: Workspace, view: RefView, ident: str) -> list[Step]:
    """Proposals that are not part of the ledger and change the artifact."""
    found = []
    for one in proposals(ws, view, mine_only=False):
        if one.outcome in {"accepted", "subsumed"}:
            continue
        change = _changed_by(ws, one.commit, ident)
        if change is not None:
            found.append(_pending(ws, view, one, change))
    return found


def _changed_by(ws: Workspace, tip: Oid, ident: str) -> ArtifactDiff | None:
    """What a proposal does to the artifact, against where it parted from the ledger."""
    done = ws.repo.git("merge-base", ws.verified().commit, tip, check=False)
    if done.code != 0:
        return None  # it is of another history, and will be refused
    base = done.out.decode().split()[0]
    trees = TreeReader(ws.repo.work_tree or ws.repo.git_dir)
    before, after = trees.named(f"{base}^{{tree}}", f"{tip}^{{tree}}")
    found = compare(ws, before, after).artifacts
    return next((one for one in found if one.id == ident), None)


def _pending(ws: Workspace, view: RefView, one: ProposalState, change: ArtifactDiff) -> Step:
    consents = []
    for who, oid in view.approvals.items():
        with suppress(FormatError, VerificationError):  # what is no approval counts for nothing
            if ws.facts.record(oid).approves == one.commit:
                consents.append(Consent(who.domain, oid, _date(ws, oid)))
    proposal = Proposal(one.name, one.commit, *_author(ws, one.commit), one.outcome,
                        tuple(consents), one.receipt)  # fmt: skip
    return Step(None, None, one.subject, change, proposal)


def _date(ws: Workspace, oid: Oid) -> int:
    return ws.facts.commit(oid).author.seconds


def _author(ws: Workspace, oid: Oid) -> tuple[str, int]:
    author = ws.facts.commit(oid).author
    return printable(author.name.decode("utf-8", "replace")), author.seconds
