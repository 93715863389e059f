"""The twin in memory of a home that is reached by ``git push``, and of a clone that pushes to it.

What it says yes and no to is what git 2.39 says: ``tests/contract/test_homes.py`` asks both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitsync.codec.gitobjects import parse_commit, parse_tag
from gitsync.codec.listing import read_listing
from gitsync.domain.objects import Oid
from gitsync.services.refview import RefView, view_of
from gitsync.storage.refs import RefsMovedError, RefUpdate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gitsync.storage.facts import StoreFacts
    from gitsync.storage.objects import MemoryObjects

#: Called with the refs that a push has moved: name -> (old value, new value).
Moved = dict[str, tuple[Oid | None, Oid | None]]


@dataclass
class MemoryHome:
    """The port ``Home`` over a dict of refs. ``leads_to`` keeps what objects that travelled name:
    they may travel to several clones."""

    refs: dict[str, Oid]
    on_moved: Callable[[Moved], None] = field(default=lambda _moved: None)
    source: str = "origin"
    leads_to: dict[Oid, list[Oid]] = field(default_factory=dict)

    def view(self) -> RefView:
        """See ``Home``."""
        return view_of("common", self.source, dict(sorted(self.refs.items())))

    def emit(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``: a push with ``--atomic`` and each ref's old value."""
        moved = self.would_move(updates)
        if moved is None:
            raise RefsMovedError("ref.moved", f"a ref on {self.source} moved meanwhile")
        self._move(moved)

    def publish(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        self.emit(updates)

    def sweep(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        for update in updates:
            self._move(self.would_move([update]) or {})

    def would_move(self, updates: Sequence[RefUpdate]) -> Moved | None:
        """What a push would change, or None where it is refused. A ref that has its new value
        already is up to date, and its old value is not compared with anything."""
        moved: Moved = {}
        for update in updates:
            now = self.refs.get(update.ref)
            if now == update.new and now is not None:
                continue
            if now != update.old:
                return None
            moved[update.ref] = (now, update.new)
        return moved

    def _move(self, moved: Moved) -> None:
        for ref, (_, new) in moved.items():
            if new is None:
                del self.refs[ref]
            else:
                self.refs[ref] = new
        if moved:
            self.on_moved(moved)


@dataclass
class MemoryWay:
    """The port ``Home`` for one clone: objects travel with the refs that lead to them, and a clone
    has no others than those that came to it."""

    home: MemoryHome
    there: MemoryObjects
    here: MemoryObjects
    source: str = "origin"

    def view(self) -> RefView:
        """See ``Home``."""
        carry(self.there, self.here, self.home.refs.values(), self.home.leads_to)
        return self.home.view()

    def emit(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        if self.home.would_move(updates) is not None:
            new = (update.new for update in updates)
            wanted = (oid for oid in new if oid is not None)
            carry(self.here, self.there, wanted, self.home.leads_to)
        self.home.emit(updates)

    def publish(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        self.emit(updates)

    def sweep(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        self.home.sweep(updates)


def carry(
    source: MemoryObjects,
    target: MemoryObjects,
    wanted: Iterable[Oid],
    known: dict[Oid, list[Oid]],
) -> None:
    """Copy objects with all that they lead to; what the target has, it has whole. ``known`` keeps
    what objects lead to."""
    stack = [oid for oid in wanted if not target.has(oid)]
    while stack:
        oid = stack.pop()
        if target.has(oid):
            continue
        kind, data = source.read(oid)
        target._objects[oid] = (kind, data)
        if oid not in known:
            known[oid] = _leads_to(kind, data)
        stack += known[oid]


def _leads_to(kind: str, data: bytes) -> list[Oid]:
    if kind == "blob":
        return []
    if kind == "tree":
        return [Oid(entry[1].hex()) for entry in read_listing(data, None)[0].tree.values()]
    if kind == "tag":
        return [parse_tag(data).target]
    commit = parse_commit(data)
    return [commit.tree, *commit.parents]


@dataclass
class MemoryRefs:
    """A clone's own refs, as far as a witness asks for them."""

    refs: dict[str, Oid] = field(default_factory=dict)

    def list(self, *patterns: str) -> dict[str, Oid]:
        """See ``Refs.list``, for patterns that end in a star or name a ref."""
        heads = tuple(one.rstrip("*") for one in patterns)
        return {ref: oid for ref, oid in self.refs.items() if ref.startswith(heads)}


@dataclass
class MemoryRepository:
    """What the witness needs of its clone: objects, what they mean, and refs."""

    store: MemoryObjects
    facts: StoreFacts
    refs: MemoryRefs = field(default_factory=MemoryRefs)
