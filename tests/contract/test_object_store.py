"""One suite for every store of objects: in a git repository, in memory, and a scratch on either."""

from __future__ import annotations

import subprocess
from contextlib import nullcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitsync.codec.gitobjects import object_id
from gitsync.domain.errors import FormatError, VerificationError
from gitsync.domain.objects import MODE_FILE, MODE_TREE, Oid
from gitsync.storage.facts import EMPTY_TREE, StoreFacts
from gitsync.storage.objects import MemoryObjects, ScratchObjects
from gitsync.storage.repository import Repository

KINDS = ["git", "asking-git", "memory", "scratch-on-git", "scratch-on-memory"]


@pytest.fixture(params=KINDS)
def store(request, tmp_path):
    if "git" in request.param:
        subprocess.run(["git", "init", "-q", str(tmp_path / "r")], check=True)
        repo = Repository.open(tmp_path / "r")
        base = repo.store
    else:
        base = MemoryObjects()
    with repo.few_objects() if request.param == "asking-git" else nullcontext():
        yield ScratchObjects(base) if "scratch" in request.param else base


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_what_is_written_is_read_before_and_after_it_is_durable(store, data):
    oid = store.write("blob", data)
    assert oid == object_id("blob", data)
    for _ in range(2):
        assert store.has(oid)
        assert store.read(oid) == ("blob", data)
        assert store.header(oid) == ("blob", len(data))
        store.flush()


def test_what_is_not_there_is_named(store):
    ghost = Oid("1" * 40)
    assert not store.has(ghost)
    for ask in (store.read, store.header):
        with pytest.raises(VerificationError) as error:
            ask(ghost)
        assert error.value.code == "object.missing"


def test_writing_twice_and_flushing_empty_handed_is_fine(store):
    store.flush()
    first = store.write("blob", b"x")
    store.flush()
    assert store.write("blob", b"x") == first
    store.flush()
    assert store.read(first) == ("blob", b"x")


def test_one_object_like_another_reads_back(store):
    one = store.write("tree", b"".join(b"100644 f%03d\0%s" % (n, b"x" * 20) for n in range(300)))
    two = store.write(
        "tree",
        b"".join(b"100644 f%03d\0%s" % (n, b"xy"[n == 7 :][:1] * 20) for n in range(300)),
        one,
    )
    store.flush()
    assert store.read(two)[1].count(b"y") == 20


def test_facts_name_an_object_of_another_kind(store):
    facts = StoreFacts(store)
    blob, tree = facts.put_blob(b"x"), facts.put_tree({})
    for ask, oid in ((facts.commit, blob), (facts.tree, blob), (facts.blob, tree),
                     (facts.blob_size, tree), (facts.tag, blob)):  # fmt: skip
        with pytest.raises(VerificationError) as error:
            ask(oid)
        assert error.value.code == "object.kind"


def test_the_empty_tree_is_known_without_being_stored(store):
    assert StoreFacts(store).tree(EMPTY_TREE) == {}


def test_trees_read_back_whether_whole_or_beside_a_neighbour(store):
    facts = StoreFacts(store)
    entry = (MODE_FILE, bytes.fromhex(facts.put_blob(b"x")))
    base = {b"f%02d" % n: entry for n in range(20)}
    first = facts.put_tree(base)
    other = (MODE_FILE, bytes.fromhex(facts.put_blob(b"y")))
    second = facts.put_tree(base | {b"f07": other}, first, (b"f07",))
    third = facts.put_tree(base | {b"new": (MODE_TREE, bytes.fromhex(first))}, first)
    store.flush()
    fresh = StoreFacts(store)
    assert fresh.altered(first, second) == (b"f07",)
    assert fresh.altered(first, third) == (b"new",)
    assert fresh.tree(second) == base | {b"f07": other}
    assert object_id("tree", store.read(second)[1]) == second


def test_a_torn_listing_is_refused(store):
    facts = StoreFacts(store)
    oid = store.write("tree", b"100644 a\0short")
    with pytest.raises(FormatError):
        facts.tree(oid)


def test_a_scratch_leaves_nothing_below():
    below = MemoryObjects()
    scratch = ScratchObjects(below)
    oid = scratch.write("blob", b"x")
    scratch.flush()
    assert not below.has(oid)
    scratch.forget()
    assert not scratch.has(oid)


def test_an_object_whose_content_has_another_id_is_refused(tmp_path):
    import zlib

    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    oid = Oid("12" + "3" * 38)
    path = tmp_path / ".git/objects" / oid[:2] / oid[2:]
    path.parent.mkdir()
    path.write_bytes(zlib.compress(b"blob 1\0x"))
    with pytest.raises(VerificationError) as error:
        Repository.open(tmp_path).store.read(oid)
    assert error.value.code == "object.damaged"
