"""Leases as people look at them: all, one, or whoever holds an artifact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.leases.writes import Ground
from gitsync.domain.merge.trees import FileChange, entry_at
from gitsync.services.leasing.desk import known_locks
from gitsync.services.leasing.renewing import note_leases
from gitsync.services.leasing.taking import find
from gitsync.services.pulling import verify_view
from gitsync.services.sources import fresh_view

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitsync.domain.leases.values import Lease, Locks
    from gitsync.services.workspace import Workspace


@frozen
class Seen:
    """Some leases, with the locks that they are part of."""

    locks: Locks
    leases: tuple[Lease, ...]


def ask_home(ws: Workspace) -> tuple[int, ...]:
    """Fetch and verify, so that what follows is of now; the tokens that this clone held and holds
    no longer.

    Raises EnvironmentFault ``remote.unreachable``.
    """
    verify_view(ws, fresh_view(ws))
    return note_leases(ws, known_locks(ws))


def all_leases(ws: Workspace) -> Seen:
    """Every lease that keeps its place, the oldest first; released ones are left out."""
    locks = known_locks(ws)
    return Seen(locks, tuple(one for _, one in sorted(locks.leases.items()) if not one.released))


def one_lease(ws: Workspace, text: str) -> Seen:
    """The leases that a token, a subject or an id names. Raises UsageError ``lease.unknown``."""
    locks = known_locks(ws)
    return Seen(locks, tuple(find(locks, (text,), ws.me(), mine=False)))


def holders(ws: Workspace, text: str) -> Seen:
    """The leases that cover an artifact or a path as it is in ``common``, the oldest first: the
    first one counts."""
    seen = all_leases(ws)
    return Seen(seen.locks, tuple(covering(ws, seen.leases, [text])))


def covering(ws: Workspace, leases: Sequence[Lease], texts: Sequence[str]) -> list[Lease]:
    """Those of ``leases`` that cover one of the artifacts or paths ``texts`` in ``common``."""
    from gitsync.services import artifacts

    state = ws.state()
    ground = Ground(ws.facts, state.settings.schema, (state.tree, state.tree), state.space)
    touches = []
    for text in texts:
        try:
            path = artifacts.find(ws, state.tree, state.settings.schema, text).path
        except UsageError:
            path = text.removeprefix("./")
        raw = path.encode("utf-8", "surrogateescape")
        entry = entry_at(ws.facts, state.tree, raw)
        if entry is None and "/" not in path and "." not in path:
            raise UsageError(
                "artifact.unknown", f"{ws.space} has no {text[:80] or repr(text)}",
                hint="gitsync list   # what there is",
            )  # fmt: skip
        touches += ground.touches([FileChange(raw, entry, entry)])
    return [one for one in leases if any(ground.covers(one, touch) for touch in touches)]
