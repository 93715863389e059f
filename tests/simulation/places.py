"""Where a world lives: in memory, or in real repositories beside the same memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from gitsync.services.home import RemoteHome
from gitsync.storage import gitcli
from gitsync.storage.objects import MemoryObjects
from gitsync.storage.refs import RefsMovedError, RefUpdate
from gitsync.storage.repository import Repository
from tests.simulation.memory import MemoryHome, MemoryRepository, MemoryWay, carry
from tests.simulation.schedule import VERIFIERS, WITNESSES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from pathlib import Path

    from gitsync.domain.objects import Oid
    from gitsync.services.home import Home
    from gitsync.services.refview import RefView
    from gitsync.storage.facts import StoreFacts
    from tests.simulation.genesis import Genesis


class Places(Protocol):
    """The repositories of a world's nodes, and their ways to the home without any fault."""

    home: MemoryHome

    def repo(self, who: str) -> Any:
        """A node's clone, as a process that has just begun finds it."""

    def way(self, who: str) -> Home:
        """The home as this node's clone reaches it."""

    def bring(self, who: str, oids: Collection[Oid]) -> None:
        """Have a clone hold objects to which no ref may lead any more: a copy of the home that is
        behind still has them."""

    def check(self) -> None:
        """Compare the places with each other, where there are several."""

    def facts(self) -> StoreFacts:
        """The objects of the home."""


def clone_of(who: str) -> str:
    """A clone for each witness and each verifier, and one for all the others, who keep what they
    have once pushed."""
    return who if who in WITNESSES + VERIFIERS else "people"


class InMemory:
    """A store for the home, and one for each clone."""

    def __init__(self, genesis: Genesis) -> None:
        self._genesis = genesis
        self._hub = genesis.store()
        self._clones: dict[str, MemoryObjects] = {}
        self.home = MemoryHome(dict(genesis.refs))

    def _store(self, who: str) -> MemoryObjects:
        return self._clones.setdefault(clone_of(who), MemoryObjects())

    def repo(self, who: str) -> MemoryRepository:
        """See ``Places``."""
        store = self._store(who)
        return MemoryRepository(store, self._genesis.facts(store))

    def way(self, who: str) -> Home:
        """See ``Places``."""
        return MemoryWay(self.home, self._hub, self._store(who))

    def bring(self, who: str, oids: Collection[Oid]) -> None:
        """See ``Places``."""
        carry(self._hub, self._store(who), oids, self.home.leads_to)

    def check(self) -> None:
        """See ``Places``."""

    def facts(self) -> StoreFacts:
        """See ``Places``."""
        return self._genesis.facts(self._hub)


class OnDisk:
    """A bare repository as the home, a clone for each node, stock git between them. The memory
    goes along and has to agree in every answer."""

    def __init__(self, genesis: Genesis, root: Path) -> None:
        self._genesis = genesis
        self._root = root
        self.home = MemoryHome(dict(genesis.refs))
        self._hub = self._init("hub.git")
        self._hub.set_config("uploadpack.allowAnySHA1InWant", "true")
        self._hub.set_config("gc.auto", "0")
        for kind, data in genesis.objects.values():
            self._hub.store.write(kind, data)
        self._hub.store.flush()
        begun = [RefUpdate(ref, oid, None) for ref, oid in genesis.refs.items()]
        self._hub.refs.transact(begun, message="begun")
        self._clones: dict[str, Path] = {}

    def _init(self, name: str) -> Repository:
        path = self._root / name
        gitcli.run(["init", "--quiet", "--bare", "--template=", str(path)])
        return Repository.open(path)

    def repo(self, who: str) -> Repository:
        """See ``Places``."""
        repo = Repository.open(self._clone(who))
        for key, value in self._genesis.settings.items():
            repo.facts._settings.put(key, value)
        return repo

    def _clone(self, who: str) -> Path:
        name = clone_of(who)
        if name not in self._clones:
            made = self._init(f"{name}.git")
            made.git("remote", "add", "origin", "../hub.git")
            made.set_config("gc.auto", "0")
            self._clones[name] = made.git_dir
        return self._clones[name]

    def way(self, who: str) -> Home:
        """See ``Places``."""
        repo = Repository.open(self._clone(who))
        return _Both(self.home, RemoteHome(repo, repo.remote("origin"), "common"))

    def bring(self, who: str, oids: Collection[Oid]) -> None:
        """See ``Places``."""
        repo = Repository.open(self._clone(who))
        missing = sorted({oid for oid in oids if not repo.store.has(oid)})
        if missing:
            repo.git("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "origin", *missing)

    def check(self) -> None:
        """See ``Places``."""
        assert self._hub.refs.list() == self.home.refs

    def facts(self) -> StoreFacts:
        """See ``Places``."""
        return self._genesis.facts(Repository.open(self._root / "hub.git").store)


class _Both:
    """A home on disk and its twin in memory: one that says something else than the other is a
    fault of the twin."""

    def __init__(self, memory: MemoryHome, disk: Home) -> None:
        self._memory = memory
        self._disk = disk
        self.source = disk.source

    def view(self) -> RefView:
        """See ``Home``."""
        view = self._disk.view()
        assert view == self._memory.view(), "the refs on disk are not those in memory"
        return view

    def emit(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        self._both(self._disk.emit, self._memory.emit, updates)

    def publish(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        self._both(self._disk.publish, self._memory.publish, updates)

    def sweep(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        self._both(self._disk.sweep, self._memory.sweep, updates)

    def _both(
        self,
        disk: Callable[[Sequence[RefUpdate]], None],
        memory: Callable[[Sequence[RefUpdate]], None],
        updates: Sequence[RefUpdate],
    ) -> None:
        there = _moved(disk, updates)
        here = _moved(memory, updates)
        assert (there is None) == (here is None), f"git says {there}, its twin says {here}"
        if there is not None:
            raise there


def _moved(
    send: Callable[[Sequence[RefUpdate]], None], updates: Sequence[RefUpdate]
) -> RefsMovedError | None:
    try:
        send(updates)
    except RefsMovedError as error:
        return error
    return None
