"""Reading a folder beside a known one gives what parsing gives, and never more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec.gitobjects import encode_tree, parse_tree
from gitsync.codec.listing import Listing, one_difference, read_listing, write_listing
from gitsync.domain.errors import FormatError

NAMES = st.binary(min_size=1, max_size=6).filter(
    lambda name: b"\0" not in name and b"/" not in name
)
IDS = st.binary(min_size=20, max_size=20)
MODES = st.sampled_from([b"100644", b"40000", b"100755"])
TREES = st.dictionaries(NAMES, st.tuples(MODES, IDS), min_size=1, max_size=12)


def listing(tree: dict) -> Listing:
    raw = encode_tree(tree)
    return Listing(parse_tree(raw), raw)


@given(TREES, st.data())
def test_one_replaced_id_reads_as_a_full_parse_would(tree, data):
    near = listing(tree)
    name = data.draw(st.sampled_from(sorted(tree)))
    other = {**tree, name: (tree[name][0], data.draw(IDS))}
    raw = encode_tree(other)
    found, said = read_listing(raw, near)
    assert found.tree == parse_tree(raw)
    assert found.raw == raw
    expected = name if other != tree else None
    assert one_difference(near, found) == expected
    assert said == expected


@given(TREES, TREES)
def test_unrelated_listings_read_as_a_full_parse_would(first, second):
    near, raw = listing(first), encode_tree(second)
    assert read_listing(raw, near)[0].tree == parse_tree(raw)


@given(TREES, st.data())
def test_any_flipped_byte_reads_as_a_full_parse_or_is_refused_like_it(tree, data):
    near = listing(tree)
    at = data.draw(st.integers(0, len(near.raw) - 1))
    raw = bytearray(near.raw)
    raw[at] ^= data.draw(st.integers(1, 255))
    raw = bytes(raw)
    try:
        expected = parse_tree(raw)
    except FormatError:
        with pytest.raises(FormatError):
            read_listing(raw, near)
    else:
        assert read_listing(raw, near)[0].tree == expected


@given(TREES, st.data())
def test_writing_beside_a_neighbour_gives_the_bytes_of_a_full_encoding(tree, data):
    near = listing(tree)
    name = data.draw(st.sampled_from(sorted(tree)))
    other = {**tree, name: (data.draw(MODES), data.draw(IDS))}
    assert write_listing(other, near, (name,)).raw == encode_tree(other)
    assert write_listing(other, near, None).raw == encode_tree(other)


def test_a_chain_of_single_changes_keeps_the_structure_of_the_first():
    tree = {b"%03d.md" % number: (b"100644", bytes([number]) * 20) for number in range(200)}
    near = listing(tree)
    for number in (0, 199, 77, 77):
        tree = {**tree, b"%03d.md" % number: (b"100644", bytes([number ^ 0xFF]) * 20)}
        near, _ = read_listing(encode_tree(tree), near)
        assert near.tree == tree
        assert near.places()[0] == sorted(tree)
