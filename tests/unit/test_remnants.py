"""What a crash may leave of a file that git was writing, and what it may not."""

from __future__ import annotations

import random

import pytest

from gitsync.storage.remnants import Content, content, is_remnant
from tests.faults.crash import Op, _unsynced

WHOLE = random.Random(1).randbytes(10_000)  # noqa: S311 - the same bytes in every run


def file(data: bytes) -> Content:
    return Content("file", data)


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_left_of_a_write_is_a_remnant(seed):
    dice = random.Random(seed)  # noqa: S311 - the same states in every run
    left = bytearray()
    for part in _unsynced(Op("write", 1, 0, WHOLE), dice):
        left.extend(bytes(max(0, part.at - len(left))))
        left[part.at : part.at + len(part.data)] = part.data
    assert is_remnant(file(bytes(left)), file(WHOLE))


@pytest.mark.parametrize(
    "other",
    [
        file(b"x" + WHOLE[1:]),
        file(WHOLE[:-1] + b"x"),
        file(bytes(5000) + b"x" + bytes(100)),
        file(WHOLE + b"x"),
        file(WHOLE + b"\0"),
        Content("program", WHOLE),
        Content("link", b""),
        Content("folder"),
    ],
    ids=["first byte", "last byte", "among zeros", "longer", "longer by zero", "mode", "link",
         "folder"],
)  # fmt: skip
def test_whatever_holds_more_is_none(other):
    assert WHOLE[5000:5001] != b"x"
    assert not is_remnant(other, file(WHOLE))


def test_nothing_is_a_remnant_of_anything_and_nothing_else_of_nothing():
    assert is_remnant(None, file(WHOLE))
    assert is_remnant(None, None)
    assert not is_remnant(file(b""), None)


def test_what_a_name_stands_for(tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "program").write_bytes(b"x")
    (tmp_path / "program").chmod(0o755)
    (tmp_path / "link").symlink_to("nowhere")
    assert content(tmp_path / "file") == Content("file", b"x")
    assert content(tmp_path / "program") == Content("program", b"x")
    assert content(tmp_path / "link") == Content("link", b"nowhere")
    assert content(tmp_path) == Content("folder")
    assert content(tmp_path / "file" / "below") is None
    assert content(tmp_path / "missing") is None
