"""The front of a pack: what git wrote there, no more than that, and an end at whatever is odd."""

from __future__ import annotations

import io
import subprocess
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec.gitobjects import object_id
from gitsync.codec.pack import PackBuilder, delta
from gitsync.codec.packfront import apply_delta, read_front

TEXT = b"tree %040d\n\nA commit, as far as this reader cares.\n"


def front(raw: bytes, skip: int = 0) -> list[tuple[str, bytes]]:
    return list(read_front(io.BytesIO(raw).read, skip))


def packed(*objects: tuple[str, bytes], like: bool = False) -> bytes:
    builder = PackBuilder()
    last = None
    for kind, data in objects:
        last = builder.add(kind, data, base=last if like else None)
    return builder.finish().pack


def many(count: int) -> list[tuple[str, bytes]]:
    return [("commit", TEXT % number + b"x" * 200) for number in range(count)]


@pytest.mark.parametrize("like", [False, True])
def test_commits_and_tags_come_in_order_until_the_first_tree(like):
    objects = [*many(30), ("tag", b"a tag"), ("tag", b"another")]
    raw = packed(*objects, ("tree", b""), ("commit", b"late"), like=like)
    assert front(raw) == objects


def test_the_first_objects_may_be_of_any_kind():
    objects = [("commit", b"c"), ("tree", b""), ("blob", b"b"), *many(3)]
    raw = packed(*objects, ("blob", b"end"))
    assert front(raw, skip=3) == [objects[0], *many(3)]
    assert front(raw, skip=2) == objects[:1]


def test_it_is_what_git_says_of_its_own_pack(tmp_path):
    def git(*args, **more):
        return subprocess.run(["git", *args], cwd=tmp_path, check=True, capture_output=True, **more)

    git("init", "-q")
    for number in range(40):
        git(
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.invalid",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            f"Number {number}\n\n" + "The same words again. " * 40,
        )
        git("-c", "user.name=a", "-c", "user.email=a@example.invalid", "tag", "-a",
            f"t{number}", "-m", "The words of a tag. " * 40)  # fmt: skip
    raw = git("pack-objects", "--all", "--stdout", "--delta-base-offset", "-q", input=b"").stdout
    ids = {object_id(kind, data) for kind, data in front(raw)}
    shown = git("cat-file", "--batch-all-objects", "--batch-check").stdout.decode().splitlines()
    wanted = {line.split()[0] for line in shown if line.split()[1] in ("commit", "tag")}
    assert ids == wanted
    # Some of them came as deltas, or this shows nothing about those.
    name = git("index-pack", "--stdin", input=raw).stdout.split()[1].decode()
    packs = tmp_path / ".git/objects/pack"
    listing = git("verify-pack", "-v", str(packs / f"pack-{name}.idx")).stdout.decode()
    deltas = [one.split() for one in listing.splitlines() if len(one.split()) == 7]
    assert {one[1] for one in deltas} & {"commit", "tag"}


@given(st.data())
def test_damage_ends_it_or_changes_what_is_said_and_nothing_else_happens(data):
    raw = bytearray(packed(*many(6), ("tag", b"t"), like=True))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    cut = data.draw(st.integers(0, len(raw)))
    for one in (bytes(raw), bytes(raw[:cut])):
        for kind, content in front(one, skip=data.draw(st.integers(0, 3))):
            assert kind in ("commit", "tag")
            assert len(content) < 1 << 20


@given(st.binary(max_size=300))
def test_noise_is_nothing(raw):
    assert front(b"PACK\0\0\0\2\0\0\0\5" + raw) is not None


def test_a_bomb_is_not_unpacked():
    bomb = zlib.compress(bytes(100 << 20))
    # A commit that states two megabytes, and one that states ten bytes.
    assert front(b"PACK\0\0\0\2\0\0\0\1" + b"\x90\x80\x80\x01" + bomb) == []
    assert front(b"PACK\0\0\0\2\0\0\0\1" + b"\x1a" + bomb) == []
    # A delta that copies its base over and over.
    base = ("commit", b"b" * 60_000)
    grow = b"\xe0\xd4\x03" + b"\xff\xff\xff\x7f" + b"\xb0\x60\xea" * 10_000
    entry = bytes([0x60 | len(grow) & 0xF | 0x80, len(grow) >> 4 & 0x7F | 0x80, len(grow) >> 11])
    first = packed(base)[:-20]
    back = len(first) - 12
    raw = first + entry + bytes([(back >> 7) - 1 | 0x80, back & 0x7F]) + zlib.compress(grow)
    assert front(raw) == [base]


@given(st.binary(max_size=200), st.binary(max_size=40), st.binary(max_size=200))
def test_deltas_rebuild_the_target(head, middle, tail):
    base, target = head + tail + bytes(64), head + middle + tail + bytes(64)
    changes = delta(base, target)
    if changes is not None:
        assert apply_delta(base, changes) == target


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_a_delta_of_noise_gives_what_it_states_or_nothing(base, changes):
    found = apply_delta(base, changes)
    assert found is None or len(found) < 1 << 20
