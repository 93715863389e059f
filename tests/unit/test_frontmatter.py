"""Reading front matter: what a field is, and where it stands."""

import subprocess
import sys

import pytest

from gitsync.codec.frontmatter import Document, Span, parse
from gitsync.codec.frontmatter_head import head
from gitsync.codec.schemafile import parse as parse_schema
from gitsync.domain.artifact import ArtifactHead
from gitsync.domain.errors import FormatError


def doc(header: str) -> Document:
    document = parse(f"---\n{header}---\nbody\n".encode())
    assert document is not None
    return document


@pytest.mark.parametrize(
    "raw",
    [b"", b"# Title\n", b"\n---\na: b\n---\n", b"----\n", b"--- a\n", b"---a: b\n---\n", b"-- -\n"],
)
def test_a_file_that_does_not_begin_with_a_fence_has_no_front_matter(raw):
    assert parse(raw) is None


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("closing", ["---", "..."])
@pytest.mark.parametrize("body", ["", "body\r\nmore\n---\nx: y\n"])
def test_fences_line_ends_and_byte_order_mark(eol, bom, closing, body):
    raw = bom + eol.join(["---", "id: plan-2b3c4d", "status: draft", closing, ""]).encode()
    document = parse(raw + body.encode())
    assert document.text("id") == "plan-2b3c4d"
    assert document.text("status") == "draft"
    assert document.body == body.encode()


def test_the_closing_line_may_end_the_file():
    assert parse(b"---\na: b\n---").body == b""
    assert parse(b"---\n---\n").names == ()


@pytest.mark.parametrize(
    ("source", "text", "value"),
    [
        ("plain words", "plain words", "plain words"),
        ("plain   # comment", "plain", "plain"),
        ("a#b", "a#b", "a#b"),
        ("https://example.org/a?b#c", "https://example.org/a?b#c", "https://example.org/a?b#c"),
        ("'it''s'  # comment", "it's", "it's"),
        ('"a\\tb\\u00e9\\x41\\"" # comment', 'a\tb\u00e9A"', 'a\tb\u00e9A"'),
        ('"# no comment: really"', "# no comment: really", "# no comment: really"),
        ("", "", None),
        ("~", "", None),
        ("null # nothing", "", None),
        ('"null"', "null", "null"),
        ("# only a comment", "", None),
        ("1", "1", 1),
        ("007", "007", 7),
        ("0x1F", "0x1F", 31),
        ("-1.5e3", "-1.5e3", -1500.0),
        ("True", "True", True),
        ("yes", "yes", "yes"),
        ("2024-05-01", "2024-05-01", "2024-05-01"),
        ("1_000", "1_000", "1_000"),
        ("-x", "-x", "-x"),
        ("?x", "?x", "?x"),
        ("\u00e9t\u00e9 \u2603", "\u00e9t\u00e9 \u2603", "\u00e9t\u00e9 \u2603"),
        ("plain\n  goes on # so", "plain goes on", "plain goes on"),
        ('"open\n  close"', "open close", "open close"),
        ("|\n  a\n   b\n\n", "a\n b\n", "a\n b\n"),
        ("|+\n  a\n", "a\n\n", "a\n\n"),
        (">-\n  a\n  b", "a b", "a b"),
        ("|\n  ---\n  # not a comment", "---\n# not a comment\n", "---\n# not a comment\n"),
        ("\n  on the next line", "on the next line", "on the next line"),
    ],
)
def test_scalars(source, text, value):
    document = doc(f"before: 1\nit: {source}\nafter: 2\n")
    assert document.text("it") == text
    assert document.value("it") == value
    assert type(document.value("it")) is type(value)
    assert (document.text("before"), document.text("after")) == ("1", "2")


@pytest.mark.parametrize(
    ("source", "items"),
    [
        (" [a, 'b c', \"d\" ]  # comment", ("a", "b c", "d")),
        (" []", ()),
        (" [a, ]", ("a",)),
        (" [1, ~, no]", ("1", "", "no")),
        ("\n  - a\n  # comment\n  - 'b'  # comment\n\n  - c d", ("a", "b", "c d")),
        ("\n- a\n- b", ("a", "b")),
        (" [a,\n  b]", ("a", "b")),
        ("\n  [a, b]", ("a", "b")),
        ("\n  -\n  - |\n    text", ("", "text\n")),
        (" alone", ("alone",)),
        ("", ()),
    ],
)
def test_lists(source, items):
    document = doc(f"it:{source}\nafter: 2\n")
    assert document.items("it") == items
    assert document.text("after") == "2"


def test_commas_split_only_when_asked():
    document = doc("requires: 1, 20,  300\n")
    assert document.items("requires") == ("1, 20,  300",)
    assert document.items("requires", commas=True) == ("1", "20", "300")


def test_structures_are_values_but_neither_text_nor_texts():
    document = doc("it:\n  a: {b: [1, two]}\nlist: [a]\nnested: [[a]]\n")
    assert document.value("it") == {"a": {"b": [1, "two"]}}
    for read, name, code in [
        (document.text, "it", "frontmatter.not-text"),
        (document.text, "list", "frontmatter.not-text"),
        (document.items, "it", "frontmatter.not-list"),
        (document.items, "nested", "frontmatter.not-list"),
    ]:
        with pytest.raises(FormatError) as caught:
            read(name)
        assert caught.value.code == code
        assert caught.value.where.line == document.names.index(name) + 2 + (name != "it")


def test_absent_fields():
    document = doc("a: b\n")
    assert document.text("x") is None
    assert document.items("x") == ()
    assert document.value("x") is None
    assert document.span("x") is None
    assert "x" not in document
    assert "a" in document
    assert list(document) == ["a"]


def test_quoted_keys_and_keys_with_spaces():
    document = doc("\"a: b\": 1\n'c': 2\nd e : 3\n")
    assert document.names == ("a: b", "c", "d e")
    assert document.text("d e") == "3"


def test_spans_are_bytes_of_the_field_and_of_its_value():
    raw = "---\nt\u00edtle: x\n---\n".replace("\u00ed", "i").encode()
    assert parse(raw).span("title") == Span(4, 13, 11, 12)
    raw = "---\nname: \u00e9 # c\ntags:\n  - a\n  # c\n\nnext: 1\n---\n".encode()
    name, tags = parse(raw).span("name"), parse(raw).span("tags")
    assert raw[name.value_start : name.value_end].decode() == "\u00e9"
    assert raw[tags.start : tags.end] == b"tags:\n  - a\n"


def test_a_comment_between_fields_belongs_to_neither():
    document = doc("a: |\n  x\n# aside\nb: 1\n")
    span = document.span("a")
    assert document.raw[span.start : span.end] == b"a: |\n  x\n"
    assert document.text("a") == "x\n"


def test_simple_headers_need_no_yaml_library():
    code = (
        "import sys\nfrom gitsync.codec.frontmatter import parse\n"
        "d = parse(b'---\\na: b\\nt: [a, \"b\"]\\nl:\\n  - x\\n---\\n')\n"
        "d.text('a'), d.items('t'), d.items('l'), d.with_field('a', 'c')\n"
        "assert d.value('t') == ['a', 'b'] and d.value('l') == ['x']\n"
        "sys.exit('ruamel.yaml' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


SCHEMA = parse_schema(
    b"""
version: 1
type: type
types:
  plan: {prefix: plan, paths: ["plans/**"], states: [draft], required: [title, owner]}
  note: {prefix: note, required: [topic]}
"""
)


def test_head_of_an_artifact():
    raw = b"---\nid: plan-2b3c4d\ntype: plan\nstatus: draft\ntitle: T\nowner: alice\n---\n"
    assert head(raw, SCHEMA) == ArtifactHead("plan-2b3c4d", "plan", "draft", "T")
    assert head(b"no front matter", SCHEMA) is None


def test_head_names_missing_fields_and_finds_the_type_by_path():
    raw = b"---\nid: x\ntitle:\nowner: 0\ntype:\n---\n"
    assert head(raw, SCHEMA, "plans/x.md") == ArtifactHead("x", "plan", None, None, ("title",))
    assert head(raw, SCHEMA, "docs/x.md").missing == ("title",)
    assert head(raw, SCHEMA, "docs/x.md").type is None
    assert head(b"---\ntype: note\n---\n", SCHEMA, "plans/x.md").missing == ("topic",)


def test_a_status_cannot_hide_behind_blanks():
    assert head(b"---\nstatus: |\n  approved\n---\n", SCHEMA).status == "approved"
    assert head(b"---\nstatus: ' approved '\n---\n", SCHEMA).status == "approved"


def test_a_status_that_is_not_text_is_an_error_not_an_absence():
    with pytest.raises(FormatError):
        head(b"---\nstatus: [approved]\n---\n", SCHEMA)


@pytest.mark.parametrize(
    "text",
    ["a: 1\n", "a: [1, 'x', \"y\"]\n", "a:\n- 1\n- 'x' # c\n", "a:\n  b: [1]\n", "a: |\n  x\n", ""],
)
def test_a_skim_passes_what_a_check_passes(text):
    document = parse(f"---\n{text}---\n".encode())
    document.check()
    document.skim()


@pytest.mark.parametrize("text", ['a: ["\\q"]\n', 'a:\n- "\\q"\n', "a: {b: [}\n", 'a: "\\q"\n'])
def test_a_skim_notices_what_cannot_be_read(text):
    with pytest.raises(FormatError):
        parse(f"---\n{text}---\n".encode()).skim()


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("x:\n  - |\n    text\n    # more\n", ["text\n# more\n"]),
        ("x:\n  k: |  # c\n    text\n\n    # more\n", {"k": "text\n\n# more\n"}),
        ("x:\n  k: >+\n    text\n\n\n", {"k": "text\n\n\n"}),
        ("x:\n  |-\n  text\n  # more\n", "text\n# more"),
        ("x:\n- - |2\n     # more\n", [[" # more\n"]]),
        ("x:\n  - |\n    text\n  # a comment\n", ["text\n"]),
        ("x:\n  - |\n    text\n# a comment\n    # a comment\n", ["text\n"]),
    ],
)
@pytest.mark.parametrize("eol", ["\n", "\r\n"])
def test_a_text_inside_a_list_or_a_mapping_keeps_its_last_lines(header, value, eol):
    raw = f"---\n{header}id: p\n---\nbody\n".replace("\n", eol).encode()
    assert parse(raw).value("x") == value


@pytest.mark.parametrize("lead", ["[", "\n  - "])
def test_a_list_that_check_finds_too_large_has_no_value_either(lead):
    joint, end = (", ", "]") if lead == "[" else (lead, "")
    items = joint.join(f"item-{number}" for number in range(2000))
    document = doc(f"tags: {lead}{items}{end}\n".replace(": \n", ":\n"))
    for read in (document.check, document.skim):
        with pytest.raises(FormatError) as caught:
            read()
        assert caught.value.code == "frontmatter.too-large"
