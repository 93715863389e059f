"""Which refs of the ledger this clone holds, whichever way they came.

Where the home is this repository, they are its own. A member's clone has its own work as its own
refs, what its remote showed below ``refs/gitsync/remotes``, and what came by bundle below
``refs/gitsync/carried``, which no fetch takes away.
"""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError, RefusedError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledgerrefs import RefKind, classify
from gitsync.domain.names import LOCKS_REF, MIRROR, position_tag, receipts_ref, space_branch
from gitsync.services.refview import CARRIED
from gitsync.services.sending import own_refs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.domain.ledgerrefs import LedgerRef
    from gitsync.domain.objects import Oid
    from gitsync.services.workspace import Workspace
    from gitsync.storage.positions import VerifiedPosition

#: The refs that verification moves, all at once.
CHAIN = frozenset({RefKind.SPACE, RefKind.RECEIPTS, RefKind.LOCKS, RefKind.POSITION})


@frozen
class Held:
    """``refs`` is every ref of the ledger with its value; ``carried`` those of them that lie below
    ``refs/gitsync/carried``, as they are there. ``position`` None: nothing is verified yet;
    ``branch`` is where the space's own branch is, which a run that died may have left behind."""

    refs: Mapping[str, Oid]
    position: VerifiedPosition | None
    carried: Mapping[str, Oid] = field(default_factory=dict)
    branch: Oid | None = None


def kind_of(ref: str, space: str) -> LedgerRef | None:
    """What a ref is to the ledger; None for what it does not know, or may not have."""
    try:
        return classify(ref, space)
    except RefusedError:
        return None


def held(ws: Workspace) -> Held:
    """What this clone holds now. The chain is what was verified, and nothing beyond."""
    position = ws.position()
    everything = ws.repo.refs.list()
    tags = f"refs/tags/{ws.space}@"
    # There may be very many of these, and nothing has to be asked about their names.
    numbered = {ref: oid for ref, oid in everything.items() if ref.startswith(tags)}
    listed = {ref: oid for ref, oid in everything.items() if ref not in numbered}
    carried = {
        "refs/" + ref.removeprefix(CARRIED): oid
        for ref, oid in listed.items()
        if ref.startswith(CARRIED)
    }
    if ws.remote is None:
        people = {r: oid for r, oid in listed.items() if not r.startswith((MIRROR, CARRIED))}
    else:
        people = _of_member(ws, listed, carried)
    refs = {
        ref: oid
        for ref, oid in people.items()
        if (kind := kind_of(ref, ws.space)) is not None and kind.kind not in CHAIN
    }
    return Held(
        refs | _chain(ws, position, numbered), position, carried, listed.get(space_branch(ws.space))
    )


def _of_member(
    ws: Workspace, listed: Mapping[str, Oid], carried: Mapping[str, Oid]
) -> dict[str, Oid]:
    base = f"{MIRROR}{ws.remote}/"
    fetched = {
        "refs/" + ref.removeprefix(base): oid for ref, oid in listed.items() if ref.startswith(base)
    }
    own = own_refs(ws) if ws.domain is not None else {}
    found: dict[str, Oid] = dict(fetched)
    for ref, oid in carried.items():
        if ref not in found or _later(ws, oid, found[ref]):
            found[ref] = oid
    return found | own


def _later(ws: Workspace, one: Oid, other: Oid) -> bool:
    """Whether a commit was made after another: of two states of one ref, the newer one."""
    if one == other:
        return False
    try:
        first, second = ws.facts.commit(one), ws.facts.commit(other)
    except GitsyncError:
        return False
    if first.committer.seconds != second.committer.seconds:
        return first.committer.seconds > second.committer.seconds
    return ws.repo.git("merge-base", "--is-ancestor", other, one, check=False).code == 0


def _chain(
    ws: Workspace, position: VerifiedPosition | None, listed: Mapping[str, Oid]
) -> dict[str, Oid]:
    if position is None:
        return {}
    found: dict[str, Oid] = {space_branch(ws.space): position.commit}
    if position.receipts is not None:
        found[receipts_ref(ws.space)] = position.receipts
    if position.locks is not None:
        found[LOCKS_REF] = position.locks
    for number in range(1, position.number + 1):
        ref = position_tag(ws.space, number)
        if ref in listed:
            found[ref] = listed[ref]
    return found
