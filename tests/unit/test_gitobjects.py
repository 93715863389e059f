"""Commits, tags and trees: one reading for each byte string, and no other byte string for it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec import gitobjects as codec
from gitsync.codec.lightid import light_id
from gitsync.domain.errors import FormatError
from gitsync.domain.objects import Commit, Oid, Signature, Tag

OID = st.text("0123456789abcdef", min_size=40, max_size=40).map(Oid)
NAME = st.binary(min_size=0, max_size=20).map(
    lambda raw: bytes(byte for byte in raw if byte not in b"<>\0\n")
)
WHO = st.builds(
    Signature, NAME, NAME, st.integers(0, 10**11), st.sampled_from([b"+0000", b"-0730", b"+1245"])
)
ARMOUR = st.lists(st.text("AZaz09+/=", min_size=1), min_size=1, max_size=4).map(
    lambda lines: "\n".join(["-----BEGIN SSH SIGNATURE-----", *lines,
                             "-----END SSH SIGNATURE-----"]).encode()
)  # fmt: skip
MESSAGE = st.binary(max_size=60).filter(lambda raw: codec.BEGIN not in raw)
COMMITS = st.builds(
    Commit, OID, st.lists(OID, max_size=4).map(tuple), WHO, WHO, MESSAGE, st.none() | ARMOUR,
    st.sampled_from([(), ((b"encoding", b"ISO-8859-1"),), ((b"mergetag", b"object x\n\nline"),)]),
)  # fmt: skip
TAGS = st.builds(
    Tag, OID, st.just("commit"), NAME.filter(bool), WHO,
    MESSAGE.map(lambda raw: raw.rstrip(b"\n") + b"\n"), st.none() | ARMOUR,
)  # fmt: skip


@given(COMMITS)
def test_a_commit_reads_back_as_it_was(commit):
    assert codec.parse_commit(codec.encode_commit(commit)) == commit


@given(TAGS)
def test_a_tag_reads_back_as_it_was(tag):
    assert codec.parse_tag(codec.encode_tag(tag)) == tag


@given(st.dictionaries(
    st.binary(min_size=1, max_size=8).filter(lambda raw: not set(raw) & set(b"/\0")),
    st.tuples(st.sampled_from([b"100644", b"40000", b"120000"]),
              st.binary(min_size=20, max_size=20)),
))  # fmt: skip
def test_a_tree_reads_back_as_it_was(tree):
    assert codec.parse_tree(codec.encode_tree(tree)) == tree


@pytest.mark.parametrize("parse", [codec.parse_commit, codec.parse_tag, codec.parse_tree])
@given(data=st.binary(max_size=300))
def test_noise_is_refused_and_nothing_else_happens(parse, data):
    with suppress(FormatError):
        parse(data)


GOOD = codec.encode_commit(
    Commit(Oid("1" * 40), (Oid("2" * 40),), Signature(b"A", b"a@b", 1), Signature(b"A", b"a@b", 1),
           b"text\n", b"-----BEGIN SSH SIGNATURE-----\nx\n-----END SSH SIGNATURE-----")
)  # fmt: skip


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_a_changed_byte_never_gives_the_same_commit(place, byte):
    changed = GOOD[:place] + bytes([byte]) + GOOD[place + 1 :]
    try:
        commit = codec.parse_commit(changed)
    except FormatError:
        return
    assert codec.encode_commit(commit) == changed


def _insert(before: bytes, text: bytes) -> bytes:
    at = GOOD.index(before)
    return GOOD[:at] + text + GOOD[at:]


@pytest.mark.parametrize(
    "data",
    [
        _insert(b"gpgsig", b"gpgsig x\n"),
        _insert(b"gpgsig", b"gpgsig-sha256 x\n"),
        _insert(b"author", b"tree " + b"3" * 40 + b"\n"),
        _insert(b"\ntext", b"HG:extra x\n"),
        _insert(b"tree", b"parent " + b"3" * 40 + b"\n"),
        _insert(b"author", b"encoding x\n"),
        GOOD.replace(b"A <a@b> 1 +0000", b"A <a@b> 01 +0000", 1),
        GOOD.replace(b"A <a@b> 1 +0000", b"A <a@b> 1 +00000", 1),
        GOOD.replace(b"A <a@b> 1 +0000", b"A <a@b> -1 +0000", 1),
        GOOD.replace(b"2" * 40, b"2" * 39, 1),
        GOOD.replace(b"1" * 40, b"A" * 40, 1),
        b" " + GOOD,
        GOOD.replace(b"tree ", b"tree\n ", 1),
        GOOD.split(b"\n\n")[0],
    ],
)
def test_what_git_would_let_pass_is_refused(data):
    with pytest.raises(FormatError):
        codec.parse_commit(data)


def test_limits_hold():
    big = Signature(b"x" * codec.MAX_IDENTITY_BYTES, b"", 1)
    small = Signature(b"A", b"", 1)
    for commit in (
        Commit(Oid("1" * 40), (), big, small, b""),
        Commit(Oid("1" * 40), (), small, big, b""),
        Commit(Oid("1" * 40), (Oid("2" * 40),) * (codec.MAX_PARENTS + 1), small, small, b""),
        Commit(Oid("1" * 40), (), small, small, b"x" * codec.MAX_COMMIT_BYTES),
    ):
        with pytest.raises(FormatError):
            codec.parse_commit(codec.encode_commit(commit))


def test_a_header_of_many_lines_costs_linear_time():
    who = Signature(b"A", b"", 1)
    lines = b"\n" * 1_000_000
    data = codec.encode_commit(Commit(Oid("1" * 40), (), who, who, b"", lines[:500_000]))
    began = time.monotonic()
    codec.parse_commit(data)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize(
    "data",
    [
        b"100644 a\0" + b"x" * 19,
        b"100644 a\0" + b"x" * 20 + b"1",
        b"100644 b\0" + b"x" * 20 + b"100644 a\0" + b"x" * 20,
        b"100644 a\0" + b"x" * 20 + b"40000 a\0" + b"x" * 20,
        b"0100644 a\0" + b"x" * 20,
        b"100644 \0" + b"x" * 20,
        b"100644 a/b\0" + b"x" * 20,
        b"40000 a\0" + b"x" * 20 + b"100644 a.b\0" + b"x" * 20,
    ],
)
def test_torn_disordered_and_repeated_trees_are_refused(data):
    with pytest.raises(FormatError):
        codec.parse_tree(data)


def test_a_zero_padded_folder_is_no_folder():
    tree = codec.parse_tree(b"040000 a\0" + b"x" * 20)
    assert tree[b"a"][0] == b"040000"


@pytest.mark.parametrize("more", [b"\nmore\n", b"\n\n", b""])
def test_text_after_a_tag_s_signature_is_refused(more):
    tag = codec.encode_tag(Tag(Oid("1" * 40), "commit", b"t", Signature(b"A", b"", 1), b"m\n",
                               codec.BEGIN + b"\nx\n" + codec.END))  # fmt: skip
    with pytest.raises(FormatError):
        codec.parse_tag(tag.removesuffix(b"\n") + more)


def test_ids_are_git_s():
    assert codec.object_id("blob", b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
    assert codec.object_id("tree", b"") == "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@given(COMMITS, st.data())
def test_a_plain_commit_is_read_at_one_go_as_it_would_be_line_by_line(commit, data):
    raw = codec.encode_commit(commit)
    damaged = bytearray(raw)
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(damaged) - 1))
        piece = data.draw(st.sampled_from([b"", b"\n", b" ", b"\0", b"parent ", b"gpgsig x\n"]))
        damaged[at : at + 1] = piece
    for one in (raw, bytes(damaged)):
        answers = []
        for pattern in (codec._PLAIN_COMMIT, re.compile(rb"(?!)")):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(codec, "_PLAIN_COMMIT", pattern)
                try:
                    answers.append(codec.parse_commit(one))
                except FormatError as error:
                    answers.append(error.code)
        assert answers[0] == answers[1]


@pytest.mark.parametrize("size", [0, 1, 1000, (128 << 10) - 1, 128 << 10, (128 << 10) + 1])
@pytest.mark.parametrize("kind", ["blob", "tree"])
def test_a_light_id_is_the_id(kind, size):
    data = bytes(range(256)) * (size // 256) + bytes(size % 256)
    assert light_id(kind, data) == codec.object_id(kind, data)


def test_a_light_id_of_something_small_needs_no_openssl():
    code = (
        "import sys\nfrom gitsync.codec.lightid import light_id\nlight_id('blob', b'x')\n"
        "sys.exit('_hashlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
