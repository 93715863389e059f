"""One suite for the position index, in memory and on disk."""

from __future__ import annotations

import pytest

from gitsync.domain.errors import EnvironmentFault
from gitsync.domain.objects import Oid
from gitsync.storage.index import PositionIndex

ANCHOR, TWO, SIDE, THREE = (Oid(char * 40) for char in "abcd")


@pytest.fixture(params=["memory", "disk"])
def place(request, tmp_path):
    return None if request.param == "memory" else tmp_path / "deep" / "index.db"


def filled(index: PositionIndex) -> PositionIndex:
    index.add(1, ANCHOR, {ANCHOR: (1, 1)})
    index.add(2, TWO, {SIDE: (2, 1), TWO: (2, 2)})
    return index


def test_what_is_added_is_found_also_when_it_is_saved(place):
    index = filled(PositionIndex(place))
    for _ in range(2):
        assert index.get(SIDE) == (2, 1)
        assert index.get(TWO) == (2, 2)
        assert index.get(THREE) is None
        assert index.snapshot(2) == TWO
        assert index.holds(2, TWO)
        assert not index.holds(2, SIDE)
        assert not index.holds(3, THREE)
        index.save(ANCHOR, 2, TWO)
    index.close()


def test_an_unknown_number_is_named(place):
    with pytest.raises(EnvironmentFault) as error:
        filled(PositionIndex(place)).snapshot(3)
    assert error.value.code == "index.damaged"


def test_clearing_forgets_everything(place):
    index = filled(PositionIndex(place))
    index.save(ANCHOR, 2, TWO)
    index.clear()
    assert index.get(TWO) is None
    assert not index.holds(2, TWO)
    index.close()


def test_dropping_forgets_what_was_not_emitted(place):
    index = filled(PositionIndex(place))
    index.drop({2})
    assert index.get(SIDE) is None
    assert index.get(ANCHOR) == (1, 1)
    index.close()


@pytest.fixture
def path(tmp_path):
    index = filled(PositionIndex(tmp_path / "index.db"))
    index.save(ANCHOR, 2, TWO)
    index.close()
    return tmp_path / "index.db"


def test_another_process_sees_what_was_saved_and_for_which_tip(path):
    index = PositionIndex(path)
    assert index.tip() == (ANCHOR, 2, TWO)
    assert index.get(SIDE) == (2, 1)
    index.close()


def test_held_back_it_shows_no_later_snapshot(path):
    index = PositionIndex(path)
    index.hold(1)
    assert index.get(SIDE) is None
    assert not index.holds(2, TWO)
    assert index.get(ANCHOR) == (1, 1)
    index.close()


def test_who_is_behind_does_not_write_over_who_is_ahead(path):
    late, early = PositionIndex(path), PositionIndex(path)
    late.add(3, THREE, {THREE: (3, 3)})
    late.save(ANCHOR, 3, THREE)
    early.save(ANCHOR, 2, TWO)
    assert early.tip() == (ANCHOR, 3, THREE)
    for index in (late, early):
        index.close()


def test_an_index_made_anew_replaces_whatever_was_saved(path):
    index = PositionIndex(path)
    index.clear()
    index.add(1, THREE, {THREE: (1, 1)})
    index.save(THREE, 1, THREE)
    index.close()
    again = PositionIndex(path)
    assert again.tip() == (THREE, 1, THREE)
    assert again.get(TWO) is None
    again.close()


@pytest.mark.parametrize("data", [b"", b"no database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_foreign_file_is_replaced(tmp_path, data):
    (tmp_path / "index.db").write_bytes(data)
    index = filled(PositionIndex(tmp_path / "index.db"))
    index.save(ANCHOR, 2, TWO)
    assert index.get(SIDE) == (2, 1)
    index.close()


def test_a_place_that_takes_no_file_is_done_without(tmp_path):
    (tmp_path / "file").write_text("in the way")
    index = filled(PositionIndex(tmp_path / "file" / "index.db"))
    index.save(ANCHOR, 2, TWO)
    assert index.get(SIDE) == (2, 1)
    index.close()
