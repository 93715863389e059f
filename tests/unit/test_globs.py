import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitsync.domain.errors import FormatError
from gitsync.domain.globs import compile_glob


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("a.md", ["a.md"], ["A.md", "x/a.md", "a.md/x", "aXmd", "a.md "]),
        ("*.md", ["a.md", ".md"], ["x/a.md", "a.mdx", "a.m"]),
        ("a/*", ["a/b", "a/.b"], ["a", "a/b/c", "b/a"]),
        ("a/**", ["a/b", "a/b/c/d"], ["a", "ab", "b/a/c"]),
        ("**/a", ["a", "x/a", "x/y/a"], ["xa", "a/x", "x/ya"]),
        ("a/**/b", ["a/b", "a/x/b", "a/b/b", "a/x/y/b"], ["ab", "a/xb", "a/b/c"]),
        ("**", ["a", "a/b", "a/b/c"], []),
        ("**/**/a/**/**", ["a/x", "y/a/x/z"], ["a", "y/a"]),
        ("**/a/**/b/*.md", ["a/b/c.md", "x/a/y/b/c.md", "a/b/a/b/c.md"], ["a/c.md", "b/a/c.md"]),
        ("a?c", ["abc", "a\u00e9c"], ["ac", "abbc", "a/c"]),
        ("*a*b*", ["ab", "xaxbx", "aab"], ["ba", "a"]),
        ("*ab", ["ab", "abab", "aab"], ["aba"]),
        ("a.b+(c)^$|", ["a.b+(c)^$|"], ["aXb+(c)^$|"]),
        ("*", ["a", "a\nb"], ["a/b"]),
    ],
)
def test_matches(pattern, yes, no):
    glob = compile_glob(pattern)
    assert [path for path in yes + no if glob.matches(path)] == yes


@pytest.mark.parametrize(
    "pattern",
    ["", "/a", "a/", "a//b", "./a", "a/../b", "..", "a**", "**a/b", "a/***", "[ab]", "{a,b}", "!a",
     "a\\b", "a\nb", "a\x00", "x" * 1025, "/".join(["a"] * 65)],
)  # fmt: skip
def test_patterns_that_mean_nothing_here_are_refused(pattern):
    with pytest.raises(FormatError) as caught:
        compile_glob(pattern)
    assert caught.value.code == "glob.malformed"
    assert caught.value.message.isprintable()


def test_compiled_once():
    assert compile_glob("x/**/y*.md") is compile_glob("x/**/y*.md")


segments = st.text("ab*?", min_size=1, max_size=6).map(lambda part: re.sub(r"\*+", "*", part))
patterns = st.lists(segments | st.just("**"), min_size=1, max_size=5).map("/".join)
paths = st.lists(st.text("ab", min_size=1, max_size=6), min_size=1, max_size=5).map("/".join)


def naive(pattern: list[str], path: list[str]) -> bool:
    """The definition, by trying everything."""
    if not pattern:
        return not path
    if pattern[0] == "**":
        if len(pattern) == 1:
            return bool(path)
        return any(naive(pattern[1:], path[skip:]) for skip in range(len(path) + 1))
    regex = "".join({"*": ".*", "?": "."}.get(char, char) for char in pattern[0])
    return bool(path) and bool(re.fullmatch(regex, path[0])) and naive(pattern[1:], path[1:])


@settings(max_examples=500)
@given(patterns, paths)
def test_agrees_with_the_definition(pattern, path):
    parts = [p for i, p in enumerate(pattern.split("/")) if p != "**" or pattern.split("/")[i - 1 : i] != ["**"]]  # fmt: skip  # noqa: E501
    assert compile_glob(pattern).matches(path) == naive(parts, path.split("/"))


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*a" * 300 + "*b", "a" * 1000),
        ("a*" * 300 + "b", "a" * 1000),
        ("?*" * 300 + "b", "a" * 1000),
        ("**/a/" * 30 + "b", "a/" * 500 + "c"),
        ("**/*a*/" * 20 + "b", "aaaa/" * 200 + "c"),
    ],
)
def test_no_pattern_takes_long(pattern, path):
    glob = compile_glob(pattern)
    before = time.perf_counter()
    assert not glob.matches(path)
    assert time.perf_counter() - before < 0.3
