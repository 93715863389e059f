import subprocess
import sys
import time
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitsync.codec.yamltext import dump, load, load_marked
from gitsync.domain.errors import FormatError, Where


def refused(data: bytes, **options) -> FormatError:
    with pytest.raises(FormatError) as caught:
        load(data, "f.yaml", **options)
    assert caught.value.where.file == "f.yaml"
    return caught.value


def test_the_core_schema_of_yaml_1_2():
    text = b"""
    text: [yes, no, on, 2024-05-01, 1_000, 0b1, 1:30, a b, '1', "null", 0o8, =]
    null: [~, null, Null, NULL, ]
    """.replace(b"null:", b"'null':")
    loaded = load(text, "f")
    assert loaded["text"] == [
        "yes", "no", "on", "2024-05-01", "1_000", "0b1", "1:30", "a b", "1", "null", "0o8", "=",
    ]  # fmt: skip
    assert loaded["null"] == [None] * 4
    numbers = load(b"[1, -2, +3, 007, 0o17, 0xfF, 1.5, .5, 1., 1e3, -.inf, true, False]", "f")
    assert numbers == [1, -2, 3, 7, 15, 255, 1.5, 0.5, 1.0, 1000.0, float("-inf"), True, False]
    assert [type(one) for one in numbers[6:11]] == [float] * 5
    assert str(load(b".nan", "f")) == "nan"


@pytest.mark.parametrize("data", [b"", b"\n", b"# only a comment\n", b"---\n", b"null"])
def test_nothing_is_none(data):
    assert load(data, "f") is None


def test_a_byte_order_mark_and_a_start_marker_are_fine():
    assert load(b"\xef\xbb\xbf---\na: b\n...\n", "f") == {"a": "b"}


@pytest.mark.parametrize(
    ("data", "code", "line", "column"),
    [
        (b"a: &x b", "yaml.anchor", 1, 4),
        (b"a: *x", "yaml.alias", 1, 4),
        (b"&x a: b", "yaml.anchor", 1, 1),
        (b"*x : b", "yaml.alias", 1, 1),
        (b"a: !t b", "yaml.tag", 1, 4),
        (b"a: !!python/object:os.system b", "yaml.tag", 1, 4),
        (b"a: !<x> [b]", "yaml.tag", 1, 4),
        (b"\n<<: {a: b}", "yaml.merge-key", 2, 1),
        (b"a:\n  b: 1\n  b: 2", "yaml.duplicate-key", 3, 3),
        (b"{a: 1, 'a': 2}", "yaml.duplicate-key", 1, 8),
        (b"1: a", "yaml.key-kind", 1, 1),
        (b"~: a", "yaml.key-kind", 1, 1),
        (b"[a]: b", "yaml.complex-key", 1, 1),
        (b"? {a: b}\n: c", "yaml.complex-key", 1, 3),
        (b"%YAML 1.1\n---\na: b", "yaml.directive", 2, 1),
        (b"%TAG ! x:\n---\na: b", "yaml.directive", 2, 1),
        (b"a: b\n---\nc: d", "yaml.documents", 2, 1),
        (b"a: \x00", "yaml.control-character", 1, 4),
        (b"a: b\n  \x1b[0m", "yaml.control-character", 2, 3),
        ("a: \u2028".encode(), "yaml.control-character", 1, 4),
        (b"a: \xff", "yaml.encoding", 1, None),
        (b"a: b\nc: \xed\xa0\x80", "yaml.encoding", 2, None),
        (b'a: "\\ud800"', "yaml.escape", 1, 4),
        (b"a: [b", "yaml.malformed", 1, 6),
        (b"a: b: c", "yaml.malformed", 1, 5),
        (b'a: "\\U00110000"', "yaml.malformed", None, None),
        (b"a: " + b"1" * 65, "yaml.number", 1, 4),
        (b"a: 0x" + b"f" * 65, "yaml.number", 1, 4),
        (b"a: 1." + b"1" * 65, "yaml.number", 1, 4),
        (b"a: " + b"1" * 5000, "yaml.number", None, None),
    ],
)
def test_refused_with_its_place(data, code, line, column):
    error = refused(data)
    assert error.code == code
    assert (error.where.line, error.where.column) == (line, column)


def test_the_size_is_bounded():
    assert load(b"a: bc", "f", max_bytes=5) == {"a": "bc"}
    assert refused(b"a: bcd", max_bytes=5).code == "yaml.too-large"
    assert refused(b"#" * 65537).code == "yaml.too-large"


@pytest.mark.parametrize(
    "deep",
    [
        lambda n: b"[" * n + b"]" * n,
        lambda n: b"{a: " * n + b"b" + b"}" * n,
        lambda n: b"- " * n + b"a",
        lambda n: b"".join(b" " * i + b"k:\n" for i in range(n)),
        lambda n: b"[a, " * n + b"]" * n,
    ],
)
def test_sixteen_levels_and_no_more(deep):
    load(deep(16), "f")
    assert refused(deep(18)).code == "yaml.too-deep"


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 60000,
        b"[ \n" * 20000,
        b"{" * 60000,
        b"[{" * 30000,
        b"- " * 30000,
        b"? " * 30000,
        b"a: " + b"[x, " * 15000,
        b"1" * 60000,
        b"a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n" * 1000,
    ],
    ids=range(9),
)
def test_bombs_are_refused_soon(bomb):
    before = time.perf_counter()
    refused(bomb)
    assert time.perf_counter() - before < 1


@pytest.mark.parametrize("bomb", ["b'[ ' * 30000", "b'a: {x: [[' + b'{' * 30", "b'1' * 60000"])
def test_the_plainest_bombs_do_not_even_reach_the_parser(bomb):
    code = (
        "import sys\nfrom gitsync.codec.yamltext import load\n"
        "from gitsync.domain.errors import FormatError\n"
        f"try: load({bomb}, 'f')\n"
        "except FormatError: sys.exit('ruamel.yaml' in sys.modules)\n"
        "sys.exit(2)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_marks_name_the_place_of_each_part():
    loaded = load_marked(b"a:\n  - b\n  - c: {d: e}\n", "f")
    assert loaded.where(("a", 1, "c", "d")) == Where("f", 3, 9, "a[1].c.d")
    assert loaded.where(("a", 1, "x", "y")) == Where("f", 3, 5, "a[1].x.y")
    assert loaded.where(()) == Where("f", 1, 1, None)


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
    | st.sampled_from(["yes", "1", "null", "a: b", "- a", "# a", "", "<<", "a, b", "]"])
)
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
trees = st.dictionaries(
    keys,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
        max_leaves=8,
    ),
    max_size=4,
)


@given(trees)
def test_dump_and_load_invert(tree):
    assert load(dump(tree), "f") == tree


@settings(max_examples=300)
@given(
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from([*"ab:-[]{},\"'&*!|>#%@`?~1. \n\t", "\n  ", ": ", "- ", "<<", "---\n"]),
        max_size=25,
    ).map(lambda parts: "".join(parts).encode())
)
def test_any_bytes_load_or_raise_our_error(data):
    with suppress(FormatError):
        load(data, "f")
