"""Trailers: only a last paragraph of nothing else counts, and it reads back as it was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec import trailers
from gitsync.domain.errors import FormatError

KEY = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9-]{0,12}", fullmatch=True)
VALUE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).map(str.strip)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40).map(lambda s: "s" + s)


@given(TEXT, st.lists(st.tuples(KEY, VALUE.filter(bool)), min_size=1, max_size=5))
def test_what_is_composed_reads_back(text, pairs):
    assert list(trailers.parse(trailers.compose(text, pairs))) == pairs


@given(st.binary(max_size=200))
def test_no_message_is_refused(message):
    trailers.parse(message)
    trailers.subject(message)
    trailers.body(message)


@pytest.mark.parametrize(
    "message",
    [
        b"Key: in the subject\n",
        b"subject\n\ntext with: a colon\nKey: value\n",
        b"subject\n\nKey: value\n\nmore text\n",
        b"subject\nKey: value\n",
        b"subject\n\n Key: value\n",
        b"subject\n\nKey : value\n",
        b"subject\n\nKey:value\n",
        b"subject\n\nK\xff: value\n",
        b"subject\n\nKey: value\nnot one\n",
        b"",
    ],
)
def test_these_are_no_trailers(message):
    assert not trailers.parse(message)


def test_a_block_that_is_longer_than_any_real_one_is_text():
    line = b"Key: value\n"
    short = b"s\n\n" + line * 100
    assert len(trailers.parse(short).all("key")) == 100
    assert not trailers.parse(b"s\n\n" + line * (trailers.MAX_BLOCK_BYTES // len(line) + 1))


def test_a_key_that_may_stand_once_is_refused_twice():
    found = trailers.parse(b"s\n\nKey: 1\nkey: 2\n")
    assert found.all("KEY") == ["1", "2"]
    with pytest.raises(FormatError) as error:
        found.one("Key")
    assert error.value.code == "trailer.repeated"


@pytest.mark.parametrize("value", ["a\nEvil: b", "\n"])
def test_a_value_cannot_bring_a_line_of_its_own(value):
    with pytest.raises(FormatError):
        trailers.compose("s", [("Key", value)])


ODD = ["Key: v", "K-9: ", "x:y", " : ", "Key:  a b \r", "é: x", "Key: \u2028 x", "Two: a: b",
       "\x1e: q"]  # fmt: skip


@given(st.lists(st.sampled_from(ODD), min_size=1, max_size=5))
def test_a_block_is_read_at_one_go_as_it_would_be_line_by_line(lines):
    """Python knows other line ends than git does; none of them may count here."""
    matches = [trailers._LINE.fullmatch(line) for line in lines]
    wanted = [(one[1], one[2].strip()) for one in matches if one] if all(matches) else []
    block = "\n".join(lines).encode()
    assert list(trailers.parse(b"subject\n\n" + block + b"\n")) == wanted
