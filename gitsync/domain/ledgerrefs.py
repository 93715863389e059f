"""Which refs belong to a ledger, and what each of them is (docs/reference/refs.md)."""

from __future__ import annotations

import unicodedata
from enum import Enum

from gitsync.domain.errors import RefusedError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import (
    APPROVALS,
    LOCKS_REF,
    NODES,
    PEOPLE,
    PROPOSALS,
    REQUESTS,
    ProposalName,
    check_domain,
    parse_approval_ref,
    parse_position,
    parse_proposal_ref,
    receipts_ref,
    space_branch,
)


class RefKind(Enum):
    """What a ref of a ledger holds."""

    SPACE = "the chain of snapshots"
    POSITION = "the tag of a snapshot"
    RECEIPTS = "the receipts"
    LOCKS = "the locks"
    PERSON = "somebody's branch"
    NUMBERED = "somebody's numbered snapshot"
    PROPOSAL = "a proposal"
    APPROVAL = "an approval"
    REQUEST = "a request to join"
    NODE = "a heartbeat"


@frozen
class LedgerRef:
    """A ref with what its name says: ``domain`` for people's own, approvals and requests,
    ``name`` for proposals and approvals, ``number`` for tags of positions."""

    ref: str
    kind: RefKind
    domain: str = ""
    name: ProposalName | None = None
    number: int = 0


# Nothing but the ledger may stand below these, nor in their place.
_FOLDERS = (PEOPLE, PROPOSALS, APPROVALS, "refs/heads/gitsync/", "refs/heads/spaces/")
_RESERVED = {
    "refs/heads/spaces/": "further ledgers",
    "refs/gitsync/": "gitsync's own use in a clone",
    "refs/replace/": "replacing objects, which nobody may do to others",
}


def classify(ref: str, space: str) -> LedgerRef | None:
    """What ``ref`` is to the ledger of ``space``; None if it is none of the ledger's business.

    Raises RefusedError ``ref.reserved`` and ``ref.misnamed`` for names in the ledger's folders
    that nothing of it can have, and ``ref.look-alike`` for one that some file system or reader
    would take for a ref of the ledger.
    """
    found = _exact(ref, space)
    if found is None:
        # Some disks know no upper case, and some write accents in two ways.
        folded = unicodedata.normalize("NFC", ref).casefold()
        if folded != ref and (_inside(folded, space) or _exact(folded, space) is not None):
            raise RefusedError(
                "ref.look-alike", f"{ref} would be the same as a ref of the ledger on some disks"
            )
        if _inside(ref, space):
            raise RefusedError("ref.misnamed", f"{ref} is no name that a ref of the ledger has")
    return found


def _exact(ref: str, space: str) -> LedgerRef | None:
    branch, receipts = space_branch(space), receipts_ref(space)
    fixed = {branch: RefKind.SPACE, receipts: RefKind.RECEIPTS, LOCKS_REF: RefKind.LOCKS}
    if ref in fixed:
        return LedgerRef(ref, fixed[ref], space)
    if ref.startswith(NODES) and _is_domain(ref.removeprefix(NODES)):
        return LedgerRef(ref, RefKind.NODE, ref.removeprefix(NODES))
    for prefix, use in _RESERVED.items():
        if ref.startswith(prefix):
            raise RefusedError("ref.reserved", f"{ref}: {prefix} is kept for {use}")
    if ref.startswith("refs/tags/"):
        position = parse_position(ref.removeprefix("refs/tags/"))
        if position is None:
            return None
        kind = RefKind.POSITION if position[0] == space else RefKind.NUMBERED
        return LedgerRef(ref, kind, position[0], number=position[1])
    proposal, approval = parse_proposal_ref(ref), parse_approval_ref(ref)
    if proposal is not None:
        return LedgerRef(ref, RefKind.PROPOSAL, proposal.domain, proposal)
    if approval is not None:
        return LedgerRef(ref, RefKind.APPROVAL, approval.domain, approval)
    for prefix, kind in ((PEOPLE, RefKind.PERSON), (REQUESTS, RefKind.REQUEST)):
        domain = ref.removeprefix(prefix)
        if domain != ref and _is_domain(domain):
            return LedgerRef(ref, kind, domain)
    return None


def _inside(ref: str, space: str) -> bool:
    """Whether a ref lies where only the ledger's refs may lie, or blocks such a place."""
    branch = space_branch(space)
    return (
        f"{ref}/" in _FOLDERS
        or ref.startswith((*_FOLDERS, f"{branch}/", f"refs/tags/{space}@"))
        or ref in {REQUESTS.rstrip("/"), receipts_ref(space).rpartition("/")[0]}
    )


def _is_domain(text: str) -> bool:
    try:
        check_domain(text)
    except UsageError:
        return False
    return True
