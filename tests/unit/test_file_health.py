"""Readers of torn files: whatever the bytes are, they end in a verdict, never an exception."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gitsync.codec.gitobjects import object_id
from gitsync.storage.looseobjects import object_fault, torn_objects, torn_packs
from gitsync.storage.place import find_place, head_fault
from gitsync.storage.refhealth import read_packed, remembered, torn_refs, write_packed

ONE = b"1" * 40
TWO = b"2" * 40
HEADER = b"# pack-refs with: peeled fully-peeled sorted \n"
WHOLE = (
    HEADER + ONE + b" refs/heads/common\n" + TWO + b" refs/tags/common@1\n^" + ONE + b"\n"
)  # fmt: skip
FUZZ = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def packed(folder, data):
    (folder / "packed-refs").write_bytes(data)
    return read_packed(folder)


def test_a_whole_file_has_no_fault_and_survives_being_written_again(tmp_path):
    found = packed(tmp_path, WHOLE)
    assert found.fault is None
    assert dict(found.refs) == {
        "refs/heads/common": ONE.decode(), "refs/tags/common@1": TWO.decode()
    }  # fmt: skip
    write_packed(tmp_path, found.lines)
    again = read_packed(tmp_path)
    assert (again.refs, again.lines, again.fault) == (found.refs, found.lines, None)


@pytest.mark.parametrize("cut", range(len(WHOLE)))
def test_a_file_cut_within_a_line_has_a_fault(tmp_path, cut):
    """Cut between two lines nothing shows it; refs that are gone are found by other checks."""
    found = packed(tmp_path, WHOLE[:cut])
    assert (found.fault is None) == (cut > 0 and WHOLE[:cut].endswith(b"\n"))


@FUZZ
@given(st.binary(max_size=300) | st.lists(st.sampled_from(
    [HEADER, ONE, TWO, b" refs/heads/a", b" refs/heads/b", b"\n", b"^", b"\0", b" "]
), max_size=20).map(b"".join))  # fmt: skip
def test_any_bytes_as_packed_refs(tmp_path, data):
    found = packed(tmp_path, data)
    assert all(len(oid) == 40 for oid in found.refs.values())
    assert set(found.refs) == set(found.lines)


@FUZZ
@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_as_a_loose_object(tmp_path, data, pack):
    content = b"blob 3\0abc"
    path = tmp_path / "object"
    path.write_bytes(zlib.compress(data) if pack else data)
    whole = pack and data == content
    assert (object_fault(path, object_id("blob", b"abc")) is None) == whole


@FUZZ
@given(st.binary(max_size=120))
def test_any_bytes_as_refs_reflogs_heads_and_packs(tmp_path, data):
    common = tmp_path / "any"
    for name in ("refs/heads/x", "logs/refs/heads/x", "HEAD", "objects/pack/pack-1.pack",
                 "objects/pack/pack-1.idx"):  # fmt: skip
        (common / name).parent.mkdir(parents=True, exist_ok=True)
        (common / name).write_bytes(data)
    torn_refs(common)
    remembered(common, "refs/heads/x")
    head_fault(common)
    assert torn_packs(common / "objects", full=True)
    assert torn_objects(common / "objects", None) == []


def test_a_repository_is_found_without_git(tmp_path):
    assert find_place(tmp_path) is None
    (tmp_path / "a/.git/objects").mkdir(parents=True)
    (tmp_path / "a/b").mkdir()
    found = find_place(tmp_path / "a/b")
    assert found is not None
    assert (found.work_tree, found.common_dir) == (tmp_path / "a", tmp_path / "a/.git")
