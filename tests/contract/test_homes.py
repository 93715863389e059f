"""One suite for the home that is reached by ``git push`` and for its twin in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitsync.codec.gitobjects import encode_commit
from gitsync.domain.errors import VerificationError
from gitsync.domain.names import LOCKS_REF, ProposalName
from gitsync.domain.objects import Commit, Oid, Signature
from gitsync.services.home import RemoteHome
from gitsync.storage import gitcli
from gitsync.storage.facts import StoreFacts
from gitsync.storage.objects import MemoryObjects
from gitsync.storage.refs import RefsMovedError, RefUpdate
from gitsync.storage.repository import Repository
from tests.simulation.memory import MemoryHome, MemoryWay

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.services.home import Home
    from gitsync.storage.objects import ObjectStore

COMMON = "refs/heads/common"
NAME = ProposalName("james", "one")
TAG = "refs/tags/common@1"


class Place:
    """A home, and clones with ways to it."""

    def clone(self) -> tuple[Home, ObjectStore]:
        raise NotImplementedError

    def refs(self) -> dict[str, Oid]:
        raise NotImplementedError


class InMemory(Place):
    def __init__(self) -> None:
        self._hub = MemoryObjects()
        self._home = MemoryHome({})

    def clone(self) -> tuple[Home, ObjectStore]:
        store = MemoryObjects()
        return MemoryWay(self._home, self._hub, store), store

    def refs(self) -> dict[str, Oid]:
        return dict(sorted(self._home.refs.items()))


class ByPush(Place):
    def __init__(self, root: Path) -> None:
        self._root = root
        self._count = 0
        self._hub = self._init("hub.git")

    def _init(self, name: str) -> Repository:
        gitcli.run(["init", "--quiet", "--bare", str(self._root / name)])
        return Repository.open(self._root / name)

    def clone(self) -> tuple[Home, ObjectStore]:
        self._count += 1
        repo = self._init(f"clone{self._count}.git")
        repo.git("remote", "add", "origin", "../hub.git")
        return RemoteHome(repo, repo.remote("origin"), "common"), repo.store

    def refs(self) -> dict[str, Oid]:
        return self._hub.refs.list()


@pytest.fixture(params=["memory", "push"])
def place(request, tmp_path) -> Place:
    return InMemory() if request.param == "memory" else ByPush(tmp_path)


def commit(store: ObjectStore, text: str, *parents: Oid) -> Oid:
    facts = StoreFacts(store)
    who = Signature(b"james", b"james@example.invalid", 1)
    made = Commit(facts.put_tree({}), parents, who, who, text.encode())
    oid = store.write("commit", encode_commit(made))
    store.flush()
    return oid


@pytest.fixture
def begun(place):
    """A home whose ``common`` is at ``one``, with a clone; and ``two``, which is not sent."""
    home, store = place.clone()
    one = commit(store, "one")
    home.emit([RefUpdate(COMMON, one, None)])
    return place, home, store, one, commit(store, "two", one)


def test_a_push_moves_refs_from_their_old_values_and_a_view_shows_them(begun):
    place, home, _, one, two = begun
    home.emit([RefUpdate(COMMON, two, one), RefUpdate(LOCKS_REF, one, None)])
    assert place.refs() == {COMMON: two, LOCKS_REF: one}
    view = home.view()
    assert (view.common, view.locks) == (two, one)


@pytest.mark.parametrize("old", [None, "other"])
def test_another_old_value_moves_nothing(begun, old):
    place, home, store, one, two = begun
    wrong = commit(store, "other") if old else None
    with pytest.raises(RefsMovedError):
        home.emit([RefUpdate(LOCKS_REF, two, None), RefUpdate(COMMON, two, wrong)])
    assert place.refs() == {COMMON: one}


def test_a_ref_that_is_gone_meanwhile_moves_nothing(begun):
    place, home, _, one, two = begun
    with pytest.raises(RefsMovedError):
        home.emit([RefUpdate(LOCKS_REF, two, one)])
    assert place.refs() == {COMMON: one}


def test_what_is_up_to_date_is_compared_with_nothing(begun):
    place, home, _, one, two = begun
    home.emit([RefUpdate(COMMON, one, two), RefUpdate(LOCKS_REF, two, None)])
    assert place.refs() == {COMMON: one, LOCKS_REF: two}


def test_a_deletion_needs_the_old_value_too(begun):
    place, home, _, one, two = begun
    home.emit([RefUpdate(NAME.ref, two, None)])
    with pytest.raises(RefsMovedError):
        home.emit([RefUpdate(NAME.ref, None, one)])
    assert home.view().proposals == {NAME: two}
    home.emit([RefUpdate(NAME.ref, None, two)])
    assert place.refs() == {COMMON: one}


def test_deleting_what_is_gone_is_refused(begun):
    place, home, _, one, two = begun
    with pytest.raises(RefsMovedError):
        home.emit([RefUpdate(NAME.ref, None, two), RefUpdate(COMMON, two, one)])
    assert place.refs() == {COMMON: one}


def test_a_sweep_takes_what_it_can(begun):
    place, home, _, one, two = begun
    home.emit([RefUpdate(NAME.ref, two, None), RefUpdate(LOCKS_REF, two, None)])
    home.sweep([RefUpdate(NAME.ref, None, one), RefUpdate(LOCKS_REF, None, two)])
    assert place.refs() == {COMMON: one, NAME.ref: two}


def test_publishing_again_is_fine_and_something_else_is_not(begun):
    place, home, _, one, two = begun
    home.publish([RefUpdate(TAG, two, None)])
    home.publish([RefUpdate(TAG, two, None)])
    with pytest.raises(RefsMovedError):
        home.publish([RefUpdate(TAG, one, None)])
    assert place.refs() == {COMMON: one, TAG: two}


def test_objects_travel_with_the_refs_that_lead_to_them_and_no_others(begun):
    place, home, store, one, two = begun
    aside = commit(store, "never sent")
    other, other_store = place.clone()
    home.emit([RefUpdate(COMMON, two, one)])
    assert other.view().common == two
    for oid in (one, two, StoreFacts(store).commit(two).tree):
        assert other_store.has(oid)
    assert not other_store.has(aside)
    with pytest.raises(VerificationError):
        other_store.read(aside)
