"""What leases cover by now beyond the members that they list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import UsageError
from gitsync.domain.leases.subjects import glob_covers, query_of
from gitsync.domain.names import person_of
from gitsync.domain.query.records import fold
from gitsync.services.catalogue import reading

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitsync.domain.leases.values import Lease
    from gitsync.services.catalogue import Catalogue
    from gitsync.services.workspace import Workspace


class Reach:
    """Leases over the artifacts of a position ``at``.

    What came below a tree, or to fit a pattern or a query, after a lease was taken belongs to that
    lease, and its file does not say so. Whoever would take such an artifact is told before, not
    by the witness after.
    """

    def __init__(self, ws: Workspace, at: str) -> None:
        self._ws = ws
        self._at = at
        self._keys: dict[int, frozenset[str]] = {}
        self._paths: dict[str, str] = {}

    def load(self, leases: Iterable[Lease]) -> None:
        """Look up what those of ``leases`` cover that were not looked up before."""
        fresh = [
            one
            for one in leases
            if one.token not in self._keys and any(part.kind != "ids" for part in one.parsed)
        ]
        if fresh:
            reading(self._ws, lambda catalogue: self._load(catalogue, fresh), at=self._at)

    def _load(self, catalogue: Catalogue, leases: Sequence[Lease]) -> None:
        if not self._paths and any(part.kind == "path" for one in leases for part in one.parsed):
            self._paths = {fold(row.id): row.path for row in catalogue.find() if row.id}
        for lease in leases:
            found: set[str] = set()
            for part in lease.parsed:
                if part.kind == "tree":
                    found |= set(map(fold, catalogue.below(part.rest)))
                elif part.kind == "query":
                    found |= self._fitting(catalogue, part.rest, lease.holder)
            self._keys[lease.token] = frozenset(found)

    def _fitting(self, catalogue: Catalogue, text: str, holder: str) -> set[str]:
        me = (holder, person_of(holder))
        try:
            query = query_of(text, catalogue.vocabulary, me, self._ws.space)
        except UsageError:
            return set()  # the schema has moved on; the members still count
        return {fold(row.id or "/" + row.path) for row in catalogue.matching(query)}

    def covers(self, lease: Lease, members: Iterable[str]) -> bool:
        """Whether a lease that was loaded covers one of ``members``, ids or ``/`` and a path."""
        keys = self._keys.get(lease.token, frozenset())
        globs = [part for part in lease.parsed if part.kind == "path"]
        for one in members:
            if fold(one) in keys:
                return True
            path = one[1:] if one.startswith("/") else self._paths.get(fold(one), "")
            if any(glob_covers(part, path) for part in globs):
                return True
        return False
