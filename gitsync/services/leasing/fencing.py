"""Which fencing tokens a change of one's own carries, and whose leases it would write into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError
from gitsync.domain.merge.trees import diff_from_all
from gitsync.services.sources import known_view

if TYPE_CHECKING:
    from gitsync.domain.leases.values import Locks
    from gitsync.domain.ledger.state import State
    from gitsync.domain.objects import Commit
    from gitsync.services.workspace import Workspace


def newest_locks(ws: Workspace) -> Locks | None:
    """The locks as last seen from here, for what is asked early; None where they cannot be read.

    Whether they count is the witness's question, so nothing is proven here.
    """
    tip = known_view(ws).locks
    if tip is None:
        return None
    try:
        return ws.facts.locks(tip)
    except GitsyncError:
        return None  # the home's own check and ``gitsync doctor`` say what is wrong with them


def own_tokens(ws: Workspace, state: State, draft: Commit) -> tuple[int, ...]:
    """The tokens of this domain's own leases that a change falls under, in order."""
    locks = newest_locks(ws)
    if locks is None or not any(one.holder == ws.me() for one in locks.leases.values()):
        return ()
    from gitsync.domain.leases.writes import Ground

    base = ws.facts.commit(draft.parents[0]).tree
    ground = Ground(ws.facts, state.settings.schema, (base, draft.tree), state.space)
    # Against where it began and against what is there now: either may be what counts as a change.
    touches = ground.touches(
        [*diff_from_all(ws.facts, [base], draft.tree),
         *diff_from_all(ws.facts, [state.tree], draft.tree)]
    )  # fmt: skip
    return tuple(
        token
        for token, lease in sorted(locks.leases.items())
        if lease.holder == ws.me() and any(ground.covers(lease, touch) for touch in touches)
    )
