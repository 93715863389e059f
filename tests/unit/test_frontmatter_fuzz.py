"""Front matter against ruamel.yaml on whole headers, and against arbitrary bytes."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gitsync.codec.frontmatter import Document, compose, parse
from gitsync.codec.yamltext_scalars import NULLS, resolve
from gitsync.domain.errors import FormatError

# What may follow a key, from well-formed to hopeless.
VALUES = (
    ' "open', ' close"', ' [open', ' close]', '\n  - "open', "\n  x: 'open", " close'",
    " b", " \"d\"", " 'f' # c", "\n  - x", "\n- y\n- z", "\n  - \"z\"\n  # mid\n  - w # t",
    "\n  - 'w' #c\n\n  - v", "", " # c", " |\n  text\n   more\n\n", " plain\n  cont", " [a, b]",
    " [a,\n  b]", " [a,\nb]", " {a: b}", " \"open\n  close\"", " \"open\nclose\"",
    "\n  n: o\n  m: p", " \n  n2: \"x", " 'it''s'", " >+\n  a\n\n", " a:b", " a #b", " a#b",
    " [a: b]", " [\"a\", 'b', c ] # d", " [\"a\":b]", " - x", "\n- ", "\n-", "\n  - [x, y]",
    "\n  - a: b", "\n  - - x", "\n  -", "\n  - # c\n  - d", "\n  - x: 'y", " x\ty", " \"a\\tb\"",
    " \"a\\qb\"", " \"\\ud800\"", " \"x\" y", "\n - q\n  - r", " []", " [ ]", " {}", " \"\" ",
    " |-\n  x\n", " |\n", " |+\n\n\n", " |2\n    x\n  y", " >\n  a\n  b\n\n  c\n# z",
    " |\n  a\n # z\n", " |\n  a\n# z\n  b", " b # c\n  d", " b\n  # c\n  d", " b\n# c",
    " b\n\n  d", "\n  b", "\n  \"b\"\n", "\n  \"b\" # c\n  # d\n", "\n  [a,\n   b]\n",
    "\n# c\n  - a\n# c\n  - b\n# c", "\n  - a\n - b", "\n  - a\n   b", "\n  |\n  a",
    "\n  - |\n    x \"y\n  - z", "\n  - >-\n   x\n\n", "\n 'a\n  b'", " a\\b", " ~", " null",
    " 1", " 2024-01-02", " 0x1f", " \u00e9", " a: b", " a:", " ,x", " -x", " -1", " ?x", " :x",
    " \"a\" #c", " \"a\"#c", " [a]#c", " [a] #c", " [a, , b]", " [,]", " [a,]",
    " [~, null, \"\"]", " [1, 02]", " [a #c\n  , b]", " [it's, b\"c]", "  two", "   three  ",
    " x   # c", " x #", " x#", " #", " \"#\"", " '#'", " \"\\\"\"", "  \"\\\\\"", " x\u00a0",
    " \u00a0x", " x y z", " https://a.b/c?d#e", " a, b, c", " <<", " =", " <x@y.z>", " (a)",
    " !x", " &a b", " *a", " @a", " |x", " >x", " - ", " ? a", " [?a]", " [-]", " [-a]", " [- a]",
    " [a: ]", " [\"a\": b]", " [a:b]", " [a:]", " [:a]", " [a b  , c]", "\n  a: b\n  a: c",
    "\n  <<: b", "\n  a: &x y\n  b: *x", "\n  ? a\n  : b", "\n\t- a", "\n  - a\n\n\n", " a\n",
    " a\n   \n", " |\n   \n  a", "\n  - 'a\n    b'\n  - c", " ---", " ...", " \"---\"",
    "\n  --- x", " |\n  ---\n  ...", "\n  - \"a\" # x\n  - 'b'\n", "\n  -   spaced   # c",
    "\n  - a:b\n  - c#d", "\n- a\n  # x\n- b", "\n- a\n\n- b # z",
)  # fmt: skip
KEYS = ("a", "b", "c d", "e.f", "g-h", '"q q"', "'s'", "id", "x ", "A1")
FRAGMENTS = (
    "a", "b: ", "c:", "id: x", " ", "\n", "\n  ", "\n- ", "\n  - ", "#", " #c", ": ", ":", '"', "'",
    '"q"', "[", "]", "{", "}", ",", "|", ">", "\n\n", "\r\n", "\t", "&x", "*x", "!t", "<<", "? ",
    "---", "...", "\n---\n", "%", "@", "1", "~", "\u00e9", "\u2028", "\x85", "\\", "\x00", "\ufeff",
)  # fmt: skip


@st.composite
def headers(draw) -> str:
    keys = draw(st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True))
    return "".join(f"{key}:{draw(st.sampled_from(VALUES))}\n" for key in keys)


messes = st.lists(st.sampled_from(FRAGMENTS), max_size=20).map(lambda parts: "".join(parts) + "\n")
calm = settings(deadline=None, suppress_health_check=list(HealthCheck))


def file(header: str, *, crlf: bool = False) -> bytes:
    if crlf:
        header = header.replace("\r\n", "\n").replace("\n", "\r\n")
    return f"---\n{header}---\nbody\n".encode()


def checked(header: str, *, crlf: bool) -> Document:
    """A file with this header, if all of it can be read."""
    try:
        document = parse(file(header, crlf=crlf))
        document.check()
    except FormatError:
        assume(False)
    return document


def read(document: Document, name: str):
    """A field as text or list of texts, or None for other structures. Raises FormatError."""
    document.value(name)
    for take in (document.text, document.items):
        with suppress(FormatError):
            return take(name)
    return None


def reference(document: Document):
    """All of a header by ruamel: mappings, lists and unresolved text. Raises what it likes."""
    header = document.raw[4 : len(document.raw) - len(document.body)]
    lines = header.splitlines(keepends=True)[:-1]
    (value,) = YAML(typ="base", pure=True).load_all(b"".join(lines).decode())
    return value


def plain(value):
    if isinstance(value, (list, tuple)):
        return tuple(map(plain, value))
    return "" if value in NULLS or value is None else value


@settings(calm, max_examples=400)
@given(headers() | messes, st.booleans())
def test_what_we_accept_the_reference_accepts_with_the_same_meaning(header, crlf):
    document = checked(header, crlf=crlf)
    assume(document.names)
    theirs = reference(document)
    assert tuple(theirs) == document.names
    for name in document:
        ours = read(document, name)
        if ours is not None:
            assert plain(ours) == plain(theirs[name])


@settings(calm, max_examples=400)
@given(headers() | messes)
@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")
def test_what_the_reference_accepts_we_never_read_differently(header):
    """Also where a field could not be read: the others must not have been guessed."""
    raw = file(header)
    try:
        document = parse(raw)
        assume(document.names)
        theirs = reference(document)
    except FormatError:
        assume(False)
    except Exception:  # noqa: BLE001 - ruamel has no one base error
        assume(False)
    for name in document:
        with suppress(FormatError):
            ours = read(document, name)
            if ours is not None:
                assert plain(ours) == plain(theirs[name])


@settings(calm, max_examples=400)
@given(headers() | messes, st.booleans())
def test_a_list_found_by_lines_has_the_values_that_the_yaml_reader_gives(header, crlf):
    document = checked(header, crlf=crlf)
    for name in document:
        quick, slow = document.value(name), document.structure(name, resolve)
        assert (quick, repr(quick)) == (slow, repr(slow))  # 1, 1.0 and True differ


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["yes", "1", "a: b", "x\ny\n", "- a", "", "it's", 'a"b', "# x", "a #b", "2024-01-02", "\u2028"]
)


@settings(calm, max_examples=300)
@given(headers(), st.booleans(), texts | st.lists(texts, max_size=4).map(tuple))
def test_a_field_set_reads_back_and_nothing_else_moves(header, crlf, value):
    raw = file(header, crlf=crlf)
    try:
        document = parse(raw)
    except FormatError:
        assume(False)
    for name in document:
        try:
            span = document.span(name)
            new = document.with_field(name, value)
        except FormatError:
            continue
        assert new[: span.start] == raw[: span.start]
        assert new.endswith(raw[span.end :])
        after = parse(new)
        assert after.names == document.names
        assert (after.text(name) if isinstance(value, str) else after.items(name)) == value
        assert after.with_field(name, value) == new
        for other in document:
            with suppress(FormatError):
                kept = document.value(other)
                assert other == name or after.value(other) == kept


@calm
@given(headers(), texts)
def test_a_new_field_is_one_more_line(header, value):
    raw = file(header)
    try:
        new = parse(raw).with_field("new", value)
    except FormatError:
        assume(False)
    line = compose({"new": value}, b"").removeprefix(b"---\n").removesuffix(b"---\n")
    assert new == raw.removesuffix(b"---\nbody\n") + line + b"---\nbody\n"


names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_.-]{0,8}", fullmatch=True).filter(
    lambda name: name.lower() not in {"null", "true", "false"}
)


@calm
@given(st.dictionaries(names, texts | st.lists(texts, max_size=3).map(tuple)), st.binary())
def test_compose_and_parse_invert(fields, body):
    document = parse(compose(fields, body))
    assert document.body == body
    assert document.names == tuple(fields)
    for name, value in fields.items():
        assert (document.text(name) if isinstance(value, str) else document.items(name)) == value


@calm
@given(st.binary(max_size=80) | headers().map(str.encode) | messes.map(str.encode), st.data())
def test_arbitrary_bytes_raise_our_error_or_none(header, data):
    raw = bytearray(b"---\n" + header + b"\n---\n")
    for _ in range(data.draw(st.integers(0, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with suppress(FormatError):
        document = parse(bytes(raw))
        for name in document or ():
            with suppress(FormatError):
                document.check()
                document.items(name, commas=True)
                document.with_field(name, "x")
