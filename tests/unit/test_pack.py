"""The pack writer against a reader written from the format description alone."""

from __future__ import annotations

import hashlib
import random
import struct
import time
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitsync.codec import pack as pack_module
from gitsync.codec.pack import IndexEntry, PackBuilder, delta, encode_index, object_id
from gitsync.domain.errors import BugError

KINDS = {1: "commit", 2: "tree", 3: "blob", 4: "tag"}


def apply_delta(base, changes):
    """gitformat-pack, "Deltified representation"."""
    at = 0

    def size():
        nonlocal at
        value = shift = 0
        while True:
            byte = changes[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    assert size() == len(base)
    target_size = size()
    out = bytearray()
    while at < len(changes):
        op = changes[at]
        at += 1
        assert op
        if op < 0x80:
            out += changes[at : at + op]
            at += op
            continue
        operands = [0] * 7
        for bit in range(7):
            if op >> bit & 1:
                operands[bit] = changes[at]
                at += 1
        start = int.from_bytes(bytes(operands[:4]), "little")
        length = int.from_bytes(bytes(operands[4:]), "little") or 0x10000
        assert start + length <= len(base)
        out += base[start : start + length]
    assert len(out) == target_size
    return bytes(out)


def read_pack(raw):
    """[(kind, data, offset, depth)] in pack order."""
    assert hashlib.sha1(raw[:-20]).digest() == raw[-20:]  # noqa: S324
    magic, version, count = struct.unpack(">4sII", raw[:12])
    assert (magic, version) == (b"PACK", 2)
    at, seen = 12, {}
    for _ in range(count):
        start = at
        byte = raw[at]
        at += 1
        kind, size, shift = byte >> 4 & 7, byte & 15, 4
        while byte & 0x80:
            byte = raw[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
        base = None
        if kind == 6:
            byte = raw[at]
            at += 1
            back = byte & 0x7F
            while byte & 0x80:
                byte = raw[at]
                at += 1
                back = (back + 1) << 7 | byte & 0x7F
            base = seen[start - back]
        inflate = zlib.decompressobj()
        data = inflate.decompress(raw[at:])
        assert inflate.eof
        assert len(data) == size
        at = len(raw) - len(inflate.unused_data)
        if base is None:
            seen[start] = (KINDS[kind], data, start, 0)
        else:
            seen[start] = (base[0], apply_delta(base[1], data), start, base[3] + 1)
    assert at == len(raw) - 20
    return list(seen.values())


@given(
    st.lists(
        st.tuples(st.sampled_from(list(KINDS.values())), st.binary(max_size=400), st.integers(0)),
        max_size=20,
    )
)
def test_objects_come_back_as_they_went_in(objects):
    builder, ids = PackBuilder(), []
    for kind, data, like in objects:
        base = ids[like % len(ids)] if ids else None
        ids.append(builder.add(kind, data, base=base))
    done = builder.finish()
    assert ids == [object_id(kind, data) for kind, data, _ in objects]
    assert done.ids == list(dict.fromkeys(ids))
    assert [object_id(kind, data) for kind, data, _, _ in read_pack(done.pack)] == done.ids
    assert done.name == "pack-" + done.pack[-20:].hex()
    assert len(builder) == len(done.ids)
    assert all(oid in builder for oid in ids)


@given(st.binary(max_size=600), st.binary(max_size=90), st.binary(max_size=600), st.data())
@settings(max_examples=200)
def test_deltas_rebuild_the_target(head, middle, tail, data):
    base = head + data.draw(st.binary(max_size=90)) + tail
    target = head + middle + tail
    changes = delta(base, target)
    if changes is not None:
        assert apply_delta(base, changes) == target
        assert len(changes) <= len(target) / 2
    if len(target) > 500 and len(middle) < 100:
        assert changes is not None


@pytest.mark.parametrize("size", [0x10000, 0xFFFFFF, 0x1000000, 0x2000001])
def test_long_copies_are_split_and_none_is_ambiguous(size):
    base = bytes(size) + b"old" + bytes(size)
    target = bytes(size) + b"newer" + bytes(size)
    changes = delta(base, target)
    assert len(changes) < 64
    assert apply_delta(base, changes) == target


def test_long_insertions_are_split():
    base = bytes(2000)
    target = bytes(1000) + random.Random(1).randbytes(300) + bytes(1000)  # noqa: S311 (test data)
    assert apply_delta(base, delta(base, target)) == target


def test_no_delta_unless_it_is_clearly_smaller():
    assert delta(b"a" * 100, b"b" * 100) is None
    assert delta(b"abc", b"abc") is None
    builder = PackBuilder()
    first = builder.add("tree", b"x" * 50 + b"1" * 60)
    builder.add("tree", b"x" * 50 + b"2" * 60, base=first)
    assert [depth for *_, depth in read_pack(builder.finish().pack)] == [0, 0]


def versions(count):
    """Trees of which each differs from the one before in one entry."""
    dice = random.Random(5)  # noqa: S311 (test data)
    entries = [b"100644 file-%04d.md\0" % i + dice.randbytes(20) for i in range(250)]
    for _ in range(count):
        at = dice.randrange(len(entries))
        entries[at] = entries[at][:-20] + dice.randbytes(20)
        yield b"".join(entries)


def test_chains_are_bounded_and_restart_with_a_full_copy():
    builder, last = PackBuilder(max_chain=3), None
    for tree in versions(9):
        last = builder.add("tree", tree, base=last)
    assert [depth for *_, depth in read_pack(builder.finish().pack)] == [0, 1, 2, 3] * 2 + [0]


def test_default_chain_bound():
    builder, last = PackBuilder(), None
    for tree in versions(50):
        last = builder.add("tree", tree, base=last)
    assert max(depth for *_, depth in read_pack(builder.finish().pack)) == 20


def test_a_base_that_cannot_serve_is_ignored():
    data = b"a" * 500
    builder = PackBuilder()
    blob = builder.add("blob", data)
    builder.add("blob", data + b"1", base="0" * 40)
    builder.add("commit", data + b"2", base=blob)
    builder.add("blob", data + b"3", base=blob)
    assert [depth for *_, depth in read_pack(builder.finish().pack)] == [0, 0, 0, 1]


def test_a_distance_is_written_in_one_way_only():
    # 127 fits one byte; 128 is the first that needs two, and starts again at zero.
    distance = pack_module._distance
    assert distance(127) == b"\x7f"
    assert distance(128) == b"\x80\x00"
    assert distance(128 + 128 * 128) == b"\x80\x80\x00"


def test_adding_twice_changes_nothing():
    builder = PackBuilder()
    first = builder.add("blob", b"same")
    before = builder.finish()
    assert builder.add("blob", b"same", base=first) == first
    assert builder.finish() == before


def test_the_builder_goes_on_after_a_pack():
    builder = PackBuilder()
    builder.add("blob", b"one")
    small = builder.finish()
    builder.add("blob", b"two")
    assert [d for _, d, _, _ in read_pack(builder.finish().pack)] == [b"one", b"two"]
    assert [d for _, d, _, _ in read_pack(small.pack)] == [b"one"]


def test_known_ids():
    assert object_id("blob", b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert object_id("tree", b"") == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


def test_an_unknown_kind_is_a_bug():
    with pytest.raises(BugError) as caught:
        PackBuilder().add("note", b"")
    assert caught.value.code == "pack.kind"


def test_offsets_beyond_two_gibibytes_go_to_the_large_table():
    rows = [
        IndexEntry(b"\x02" * 20, 1, 0x80000000),
        IndexEntry(b"\x00" * 20, 2, 0x7FFFFFFF),
        IndexEntry(b"\x01" * 20, 3, 1 << 40),
    ]
    index = encode_index(rows, b"t" * 20)
    table = index[8 + 1024 + 3 * 24 :]
    assert struct.unpack(">3I2Q", table[:28]) == (
        0x7FFFFFFF,
        0x80000000,
        0x80000001,
        1 << 40,
        0x80000000,
    )


def test_four_thousand_objects_are_fast():
    dice = random.Random(2)  # noqa: S311 (test data)
    commits = [dice.randbytes(400).hex().encode() for _ in range(1000)]
    tags = [dice.randbytes(250).hex().encode() for _ in range(1000)]
    trees = list(versions(2000))
    start = time.process_time()
    builder, last = PackBuilder(), None
    for data in commits:
        builder.add("commit", data)
    for data in tags:
        builder.add("tag", data)
    for data in trees:
        last = builder.add("tree", data, base=last)
    done = builder.finish()
    assert time.process_time() - start < 0.6  # measured: 0.1 s
    assert len(done.ids) == 4000
    assert len(done.pack) < 3_000_000
