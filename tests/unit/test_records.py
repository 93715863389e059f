"""Claims of commits and snapshots read back as written; titles do not depend on Python's age."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec import records as codec
from gitsync.domain.errors import FormatError
from gitsync.domain.names import ProposalName
from gitsync.domain.objects import Oid
from gitsync.domain.records import CommitRecord, Endorsement, SnapshotRecord

OID = st.text("0123456789abcdef", min_size=40, max_size=40).map(Oid)
MAYBE = st.none() | OID
NAMES = st.builds(
    ProposalName,
    st.from_regex("[a-z]{1,9}", fullmatch=True),
    st.from_regex("[a-z]{2,9}", fullmatch=True),
).filter(lambda name: name.slug not in ("con", "prn", "aux", "nul", "git", "head"))
CLAIMS = st.builds(
    CommitRecord, st.sampled_from([None, "proposal", "state"]), MAYBE,
    st.none() | NAMES.map(lambda n: n.ref),
    MAYBE, MAYBE, *[st.lists(OID, max_size=3).map(tuple)] * 2,
    st.lists(st.integers(1, 10**11), max_size=3).map(tuple),
)  # fmt: skip
SNAPSHOTS = st.builds(
    SnapshotRecord, st.just("common"), st.integers(1, 10**11), MAYBE, st.integers(1, 99), MAYBE,
    NAMES,
    st.lists(st.builds(Endorsement, st.just("alice"), OID), max_size=3).map(tuple),
    st.lists(st.integers(1, 10**11), max_size=3).map(tuple), MAYBE, MAYBE,
)  # fmt: skip


@given(CLAIMS)
def test_claims_read_back(record):
    assert codec.read_commit_record(codec.write_commit_record("text", record)) == record


@given(SNAPSHOTS, st.text(max_size=300))
def test_a_snapshot_reads_back_whatever_its_subject(record, subject):
    message = codec.snapshot_message(record, subject)
    assert codec.read_snapshot(message) == record
    assert message.decode().count("\n\n") == 1


@given(st.binary(max_size=200))
def test_noise_is_no_snapshot(message):
    with pytest.raises(FormatError):
        codec.read_snapshot(message)


@pytest.mark.parametrize(
    "line",
    [
        "Gitsync-Ledger: 12", "Gitsync-Ledger: " + "A" * 40, "After: common", "Approves: x",
        "Gitsync-Lease: 0", "Gitsync-Lease: -1", "Gitsync-Lease: 1e9", "Gitsync-Withdraws: HEAD",
    ],
)  # fmt: skip
def test_malformed_claims_are_named(line):
    with pytest.raises(FormatError) as error:
        codec.read_commit_record(f"s\n\n{line}\n".encode())
    assert error.value.code == "trailer.malformed"


def test_more_claims_than_anybody_needs_are_refused():
    lines = "\n".join(["After: " + "1" * 40] * (codec.MAX_REPEATS + 1))
    with pytest.raises(FormatError):
        codec.read_commit_record(f"s\n\n{lines}\n".encode())


@given(st.text(max_size=400))
def test_printable_is_one_line_without_anything_unseen(text):
    found = codec.printable(text)
    assert len(found) <= 120
    assert codec.printable(found) == found
    assert not set(found) & {chr(n) for n in (*range(32), *range(127, 161), 0x200B, 0x202E, 0xFEFF)}


@pytest.mark.parametrize("char", ["\U0001fae8", "\U0003fffd", "\u0378", "\U0001f9ff", "é", "漢"])
def test_printable_leaves_alone_what_this_python_may_be_too_old_to_know(char):
    assert codec.printable(f"a{char}b") == f"a{char}b"


@pytest.mark.parametrize(
    "char", ["\0", "\x1b", "\x9b", "\x7f", "\u00ad", "\u061c", "\u200b", "\u2028", "\u202e",
             "\u2066", "\ufeff", "\ue000", "\U000e0041", "\ud800", "\u3000", "\u00a0"],
)  # fmt: skip
def test_printable_takes_out_what_a_terminal_would_act_on(char):
    assert codec.printable(f"a{char}b") == "a b"
