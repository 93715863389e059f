"""Paths: what every reader's file system can hold apart, and terminals can show."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.domain import paths
from gitsync.domain.objects import MODE_FILE, MODE_TREE


@pytest.mark.parametrize(
    "name", ["a", "README.md", "caf\u00e9.md", "a b.md", ".hidden", "\u6f22\u5b57", "\U0001f680.md",
             "git", ".github", "gitmodules", "x" * 200, "\U0001fae8.md"],
)  # fmt: skip
def test_these_may_enter(name):
    assert paths.segment_problem(name.encode()) is None


@pytest.mark.parametrize(
    "name",
    [
        b"", b".", b"..", b".git", b".Git", b"GIT~1", b"git~99", b".git.", b".git ", b".gitmodules",
        b".GITATTRIBUTES", b"gitmod~1", b"\xff", b"a\0b", b"a\nb", b"a\x1bb", b"a\x7fb", b"a\\b",
        b"a:b", b"a*b", b"a?b", b'a"b', b"a<b", b"a>b", b"a|b", b"con", b"CON", b"con.md", b"LPT1",
        b"com0.x", b"aux .md", b"a.", b"a ", b" a", b"x" * 201, "a\u200bb".encode(),
        "a\u202eb".encode(), "a\u2028b".encode(), "a\u00adb".encode(), "\ufeffa".encode(),
        ".g\u200cit".encode(), "\uff0egit".encode(), ".gi\uff54".encode(), "a\ue000b".encode(),
        "\U000e0041".encode(), "com\u00b9".encode(), b"\xed\xa0\x80",
    ],
)  # fmt: skip
def test_these_may_not(name):
    assert paths.segment_problem(name) is not None


@given(st.binary(max_size=30))
def test_any_bytes_get_an_answer(name):
    paths.segment_problem(name)
    paths.fold(name)


@given(st.text(max_size=20))
def test_nothing_that_a_terminal_acts_on_may_enter(text):
    if any(unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp", "Co") for char in text):
        assert paths.segment_problem(text.encode("utf-8", "surrogatepass")) is not None


@pytest.mark.parametrize(
    ("one", "two"), [("a", "A"), ("Stra\u00dfe", "STRASSE"), ("caf\u00e9", "cafe\u0301"),
                     ("\u00c9", "\u00e9"), ("\u212a", "k")],
)  # fmt: skip
def test_these_are_one_name_somewhere(one, two):
    tree = {one.encode(): (MODE_FILE, b"x" * 20), b"other": (MODE_FILE, b"x" * 20)}
    assert paths.collision(tree, two.encode()) == one.encode()
    assert paths.collision(tree, one.encode()) is None


def test_modes():
    assert paths.mode_problem(MODE_FILE) is None
    assert paths.mode_problem(MODE_TREE) is None
    for mode in (b"120000", b"160000", b"100755", b"100664", b"040000", b"777"):
        assert paths.mode_problem(mode) is not None
