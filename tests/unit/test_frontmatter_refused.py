"""Headers that a scanner could only guess at are refused, with the place."""

import time
from contextlib import suppress

import pytest

from gitsync.codec.frontmatter import MAX_HEADER_BYTES, parse
from gitsync.domain.errors import FormatError


def refused(raw: bytes) -> FormatError:
    with pytest.raises(FormatError) as caught:
        parse(raw, "plans/x.md").check()
    assert caught.value.where.file == "plans/x.md"
    return caught.value


@pytest.mark.parametrize(
    ("header", "code", "line", "column"),
    [
        ("{a: b}\n", "frontmatter.flow-root", 2, 1),
        ("[a]\n", "frontmatter.flow-root", 2, 1),
        ("a: 1\na: 2\n", "frontmatter.duplicate-field", 3, 1),
        ("a: 1\n'a': 2\n", "frontmatter.duplicate-field", 3, 1),
        ('a: 1\na : "2"\n', "frontmatter.duplicate-field", 3, 1),
        ("<<: x\n", "frontmatter.merge-key", 2, 1),
        ("a:\n  <<: {b: c}\n", "yaml.merge-key", 3, 3),
        ("a: &x b\n", "frontmatter.anchor", 2, 4),
        ("a: *x\n", "frontmatter.alias", 2, 4),
        ("a: [&x b]\n", "yaml.anchor", 2, 5),
        ("a: [*x]\n", "yaml.alias", 2, 5),
        ("a:\n  - &x b\n", "yaml.anchor", 3, 5),
        ("a: !t b\n", "frontmatter.tag", 2, 4),
        ("a: [!t b]\n", "yaml.tag", 2, 5),
        ("&x a: b\n", "frontmatter.anchor", 2, 1),
        ("\ta: b\n", "frontmatter.tab", 2, 1),
        ("a:\n\t- b\n", "frontmatter.tab", 3, 1),
        ("a:\n  \t- b\n", "frontmatter.tab", 3, 1),
        ("a:\tb\n", "frontmatter.line", 2, 1),
        ("a: b\tc\n", "frontmatter.plain", 2, 4),
        ("%YAML 1.1\n", "frontmatter.directive", 2, 1),
        ("a: b\n--- \n", "frontmatter.marker", 3, 1),
        ("a: b\n--- # x\n", "frontmatter.marker", 3, 1),
        ("? a\n: b\n", "frontmatter.complex-key", 2, 1),
        ("a:\n  ? [b]\n  : c\n", "yaml.complex-key", 3, 5),
        ("a: b: c\n", "frontmatter.plain", 2, 4),
        ("a: b:\n", "frontmatter.plain", 2, 4),
        ("a: - b\n", "frontmatter.plain", 2, 4),
        ("a: -\n", "frontmatter.plain", 2, 4),
        ("a: @b\n", "frontmatter.reserved", 2, 4),
        ("a: `b`\n", "frontmatter.reserved", 2, 4),
        ('a: "b" c\n', "frontmatter.tail", 2, 7),
        ('a: "b"#c\n', "frontmatter.tail", 2, 7),
        ("a: [b] c\n", "frontmatter.tail", 2, 7),
        ("a: | b\n", "frontmatter.tail", 2, 5),
        ("a: |x\n", "frontmatter.tail", 2, 5),
        ("a: 'b\nc: d'\n", "yaml.malformed", None, None),
        ("a: [b\nc: d]\n", "yaml.malformed", None, None),
        ('a:\n  - "b\nc: d"\n', "yaml.malformed", None, None),
        ("a: 'b'\n  c\n", "frontmatter.indent", 3, 1),
        ("  a: b\n", "frontmatter.indent", 2, 1),
        ("a: b\n- c\n", "frontmatter.indent", 3, 1),
        ("a: [b,\nc]\n", "frontmatter.line", 3, 1),
        ("a: b # c\n  d\n", "yaml.malformed", None, None),
        ("just words\n", "frontmatter.line", 2, 1),
        ("a:b\n", "frontmatter.line", 2, 1),
        ("-a: b\n", "frontmatter.line", 2, 1),
        ("1: a\n", "frontmatter.key-kind", 2, 1),
        ("true: a\n", "frontmatter.key-kind", 2, 1),
        ("a:\n  1: b\n", "yaml.key-kind", 3, 3),
        ("a: {b: 1, b: 2}\n", "yaml.duplicate-key", 2, 11),
        ('a: "\\q"\n', "yaml.escape", 2, 4),
        ('a: "\\ud800"\n', "yaml.escape", 2, 4),
        ('a: ["\\ud800", {}]\n', "yaml.escape", 2, 5),
        ('a: "\\U00110000"\n', "yaml.escape", 2, 4),
        ('a: ["\\U00110000", {}]\n', "yaml.malformed", None, None),
        ("a: b\x00\n", "frontmatter.control-character", 2, 5),
        ("a: b\rc: d\n", "frontmatter.control-character", 2, 5),
        ("a: \u00e9\u2028b: c\n", "frontmatter.control-character", 2, 5),
        ("a: \x85b\n", "frontmatter.control-character", 2, 4),
        ("a: \ufeffb\n", "frontmatter.control-character", 2, 4),
        (f"a: {'9' * 5000}\n", "yaml.number", 2, 1),
        (f"a: [{'9' * 5000}]\n", "yaml.number", 2, 5),
        (f"a:\n  - [{'9' * 99}]\n", "yaml.number", 3, 6),
    ],
)
def test_refused_with_its_place(header, code, line, column):
    error = refused(f"---\n{header}---\n".encode())
    assert error.code == code
    if line is not None:
        assert (error.where.line, error.where.column) == (line, column)


@pytest.mark.parametrize(
    "header",
    [
        'a: "open\nb: close"\n',
        "a: 'open\nb: close'\n",
        "a: [open\nb: close]\n",
        "a: {open: x\nb: close}\n",
        'a:\n  - "open\nb: close"\n',
        "a:\n  x: [open\nb: close]\n",
        "a:\n  - x\n  - {open: x\nb: close}\n",
    ],
)
def test_a_value_must_end_before_the_next_field_begins(header):
    """Lenient parsers read on into the next line; its field must not be read as one meanwhile."""
    with pytest.raises(FormatError):
        parse(f"---\n{header}---\n".encode())


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"---\n", "frontmatter.unclosed"),
        (b"---", "frontmatter.fence"),
        (b"---\na: b\n", "frontmatter.unclosed"),
        (b"---\na: b\n----\n", "frontmatter.unclosed"),
        (b"---\na: |\n  x\n  ---\n", "frontmatter.unclosed"),
        (b"--- \na: b\n---\n", "frontmatter.fence"),
        (b"---\t\na: b\n---\n", "frontmatter.fence"),
        (b"---\ra: b\r---\r", "frontmatter.fence"),
        (b"---\na: \xff\n---\n", "frontmatter.encoding"),
        (b"---\na: \xed\xa0\x80\n---\n", "frontmatter.encoding"),
    ],
)
def test_fences_and_encoding(raw, code):
    assert refused(raw).code == code


def test_the_body_may_hold_any_bytes():
    assert parse(b"---\na: b\n---\n\xff\x00\r").body == b"\xff\x00\r"


def test_bounds_on_size_and_number_of_fields():
    fits = b"a: " + b"x" * (MAX_HEADER_BYTES - 4) + b"\n"
    assert parse(b"---\n" + fits + b"---\n").names == ("a",)
    assert refused(b"---\n" + b"#" + fits + b"---\n").code == "frontmatter.too-large"
    assert refused(b"---\n" + fits * 3).code == "frontmatter.too-large"
    fields = b"".join(b"f%d: x\n" % number for number in range(200))
    assert len(parse(b"---\n" + fields + b"---\n").names) == 200
    assert refused(b"---\n" + fields + b"g: x\n---\n").code == "frontmatter.too-many-fields"
    block = b"a: |\n" + b"  x\n" * 4500
    assert refused(b"---\n" + block + b"---\n").code == "frontmatter.too-large"


def test_sixteen_levels_and_no_more():
    def nest(levels: int) -> bytes:
        return b"---\na: " + b"[" * levels + b"b: c" + b"]" * levels + b"\n---\n"

    parse(nest(14)).check()
    assert refused(nest(16)).code == "yaml.too-deep"
    steps = "".join(f"{'  ' * depth}k:\n" for depth in range(20))
    assert refused(f"---\n{steps}---\n".encode()).code == "yaml.too-deep"


@pytest.mark.parametrize(
    "header",
    [
        b"a: " + b"[" * 16000 + b"\n",
        b"a: " + b"[ " * 8000 + b"\n",
        b"a: " + b"{a: " * 4000 + b"\n",
        b"a: " + b"[a, " * 4000 + b"\n",
        b"a:\n  " + b"- " * 8000 + b"\n",
        b"a:\n  " + b"? " * 8000 + b"\n",
        b"a: x" + b" " * 60000 + b"\t\n",
        b"a: x" + b" #" * 30000 + b"\t\n",
        b"a: x" + b": " * 30000 + b"\n",
        b"a: " + b'"' * 15999 + b"\n",
        b"a: '" + b"'" * 15999 + b"\n",
        b"a: [" + b"'a'," * 15000 + b"\n",
        b"a: [" + b"a" + b" " * 60000 + b"\n",
        b"a" + b" " * 60000 + b"\n",
        b"a:\n" + b"  - 'a'\n" * 1900 + b"  - 'b\n",
        b"a:\n" + b" #\n" * 20000 + b"  - [\n",
        b"a: |\n" + b" \n" * 30000 + b"b: [\n",
    ],
    ids=range(17),
)
def test_hostile_headers_cost_little_time(header):
    before = time.perf_counter()
    with suppress(FormatError):
        parse(b"---\n" + header + b"---\n").check()
    assert time.perf_counter() - before < 2
