"""Receipts read back as written, and hostile ones are refused by name."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec import receipts as codec
from gitsync.domain.errors import FormatError
from gitsync.domain.names import ProposalName
from gitsync.domain.objects import Oid
from gitsync.domain.records import Receipt

OID = st.text("0123456789abcdef", min_size=40, max_size=40).map(Oid)
TEXT = st.text(max_size=50)
RECEIPTS = st.builds(
    Receipt, st.sampled_from(codec.OUTCOMES), st.just("common"), OID, OID, TEXT,
    st.integers(0, 10**11), TEXT, TEXT, st.integers(0, 2**37), st.none() | st.integers(1, 10**11),
    st.none() | OID, st.lists(TEXT, max_size=3).map(tuple),
)  # fmt: skip


@given(RECEIPTS)
def test_a_receipt_reads_back(receipt):
    assert codec.decode(codec.encode(receipt)) == receipt


@given(st.binary(max_size=200))
def test_noise_is_refused(data):
    with pytest.raises(FormatError):
        codec.decode(data)


GOOD = codec.to_dict(Receipt("accepted", "common", Oid("1" * 40), Oid("2" * 40), "r", 1, "x", "y",
                             1, 2, Oid("3" * 40), ("do it",)))  # fmt: skip


@pytest.mark.parametrize("key", sorted(set(GOOD) - {"snapshot", "snapshot-commit", "mend"}))
@pytest.mark.parametrize("value", [None, 1, [], {}, "\n", "x" * 41])
def test_fields_of_another_shape_are_refused(key, value):
    if key in ("space", "ref", "rule", "why") and isinstance(value, str):
        return
    with pytest.raises(FormatError):
        codec.decode(json.dumps(GOOD | {key: value}).encode())


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b"{}", b"null", b'{"schema": "gitsync/receipt/2"}', b" " * (1 << 17),
             json.dumps(GOOD | {"at": "9" * 5000}).encode(),
             json.dumps(GOOD | {"decided-on": "common@" + "9" * 13}).encode(),
             json.dumps(GOOD | {"mend": "do it"}).encode(),
             json.dumps(GOOD | {"outcome": "maybe"}).encode()],
)  # fmt: skip
def test_receipts_out_of_bounds_are_refused(data):
    with pytest.raises(FormatError):
        codec.decode(data)


def test_unknown_fields_are_left_aside():
    assert codec.decode(json.dumps(GOOD | {"more": 1}).encode()) == codec.decode(
        json.dumps(GOOD).encode()
    )


def test_the_three_places_of_an_answer():
    oid = Oid("ab" + "1" * 38)
    assert codec.latest_path(ProposalName("alice", "x")) == "proposals/alice/x.json"
    assert codec.commit_path(oid) == f"commits/ab/{'1' * 38}.json"
    assert codec.taken_back_path("alice", oid) == f"taken-back/alice/ab/{'1' * 38}.json"
