"""The ledger at one position, and the answers that a proposal can get."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.domain.names import ProposalName
    from gitsync.domain.objects import Oid
    from gitsync.domain.ports import Settings
    from gitsync.domain.records import Endorsement


@frozen
class State:
    """``<space>@<number>``: everything that the next decision rests on.

    ``seconds`` is the snapshot's committer date; ``ledger`` the anchor, the id of ``common@1``.
    """

    space: str
    ledger: Oid
    number: int
    commit: Oid
    tree: Oid
    seconds: int
    settings: Settings


@frozen
class Candidate:
    """A proposal as found: its name and tip, and the approvals offered for it (person, commit)."""

    name: ProposalName
    tip: Oid
    approvals: tuple[Oid, ...] = ()


@frozen
class Landing:
    """The proposal may land: the merged tree, what counted, and the side commits in order.

    ``canonical``: the merge was made of the canonical forms of all three sides."""

    tree: Oid
    merge: int
    approvals: tuple[Endorsement, ...]
    leases: tuple[int, ...]
    brings: tuple[Oid, ...]
    canonical: bool = False


@frozen
class Refusal:
    """The answer is no until the proposal changes. ``mend`` lists commands."""

    rule: str
    why: str
    mend: tuple[str, ...] = ()


@frozen
class Waiting:
    """No answer yet: something else has to happen first. ``asks`` are the tokens of the leases
    whose holders are to be asked."""

    rule: str
    why: str
    mend: tuple[str, ...] = ()
    asks: tuple[int, ...] = ()


@frozen
class Subsumed:
    """The change is in the ledger already, since ``number``."""

    number: int
    rule: str
    why: str


Decision = Landing | Refusal | Waiting | Subsumed
