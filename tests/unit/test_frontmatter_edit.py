"""Changing one field changes that field's value and no other byte."""

import pytest

from gitsync.codec.frontmatter import compose, parse
from gitsync.domain.errors import FormatError, UsageError


def edited(header: str, name: str, value) -> str:
    raw = f"---\n{header}---\nbody\n".encode()
    new = parse(raw).with_field(name, value)
    assert new.startswith(b"---\n")
    assert new.endswith(b"---\nbody\n")
    return new[4 : -len(b"---\nbody\n")].decode()


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("s: draft # c\n", "approved", "s: approved # c\n"),
        ("s :   draft   \n", "approved", "s :   approved   \n"),
        ("s: 'draft' # c\n", "it's", "s: 'it''s' # c\n"),
        ("s: 'draft'\n", "a\nb", 's: "a\\nb"\n'),
        ('s: "draft"\n', "approved", 's: "approved"\n'),
        ('s: "draft"\n', 'say "so" \\ \x1b \u2028', 's: "say \\"so\\" \\\\ \\x1b \\u2028"\n'),
        ("s:\n", "x", "s: x\n"),
        ("s: # c\n", "x", "s: x # c\n"),
        ("s:   \n", "x", "s: x   \n"),
        ("s: null\n", "null", 's: "null"\n'),
        ("s: 1\n", "2", "s: 2\n"),
        ("s: 1\n", "1.0", "s: 1.0\n"),
        ("s: one\n", "2", 's: "2"\n'),
        ("s: 2024-01-02\n", "2024-01-03", "s: 2024-01-03\n"),
        ("s: yes\n", "no", "s: no\n"),
        ("s: 1\n", "null", 's: "null"\n'),
        ("s: 1\n", 2, "s: 2\n"),
        ("s: one\n", 2, "s: 2\n"),
        ("s: one\n", True, "s: true\n"),
        ("s: plain\n  more # c\n", "x", "s: x # c\n"),
        ('s: "open\n  close" # c\n', "x", 's: "x" # c\n'),
        ("s: [a,\n  b] # c\n", "x", "s: x # c\n"),
        ("s: | # c\n  a\n  b\n\n# d\n", "x", "s: x # c\n\n# d\n"),
        ("s: |\n  a\n  b\n\n", "c\n\n d\n", "s: |\n  c\n\n   d\n\n"),
        ("s: |+ # c\n    a\n\n", "c\nd", "s: |- # c\n    c\n    d\n"),
        ("s: |\n  a\n", "c\n\n", 's: "c\\n\\n"\n'),
        ("s: |\n  a\n", " c\nd\n", 's: " c\\nd\\n"\n'),
        ("s: |\n", "x", "s: x\n"),
        ("s: >\n  a\n", "c\nd\n", 's: "c\\nd\\n"\n'),
        ("s: # c\n  # d\n  - a # e\n  - b\n  # f\n", "x", "s: x # c\n  # d\n  # f\n"),
        ("s:\n  a: b\n  # c\n  d: e\n", "x", "s: x\n"),
    ],
)
def test_scalars(before, value, after):
    header = "# first\nid: 1\n{}# last\nz: [ a , b ]\n"
    assert edited(header.format(before), "s", value) == header.format(after)


@pytest.mark.parametrize(
    ("before", "value", "after"),
    [
        ("t: [a, 'b', \"c\"] # d\n", ["b", "c"], "t: ['b', \"c\"] # d\n"),
        ("t: [ a,b ] # d\n", ["a", "b", "x y"], "t: [ a,b,x y ] # d\n"),
        ("t: ['a']\n", ["a", "b"], "t: ['a', 'b']\n"),
        ("t: [1, 2]\n", ["1", "3"], "t: [1, 3]\n"),
        ("t: [a]\n", ["1", "b, c", "d]", ""], 't: ["1", "b, c", "d]", ""]\n'),
        ("t: [a]\n", [], "t: []\n"),
        ("t: []\n", ["a"], "t: [a]\n"),
        ("t: # c\n", ["a"], "t: [a] # c\n"),
        ("t: a\n", ["a", "b"], "t: [a, b]\n"),
        ("t:\n  - a # 1\n  - 'b' # 2\n", ["a", "x"], "t:\n  - a # 1\n  - 'x' # 2\n"),
        ("t:\n  - a # 1\n  - b # 2\n", ["b", "a"], "t:\n  - b # 2\n  - a # 1\n"),
        ("t:\n  # 0\n  - a # 1\n  # 2\n  - b\n", ["b", "c"], "t:\n  # 0\n  # 2\n  - b\n  - c\n"),
        ("t:\n- a\n\n- b\n# c\n", ["a"], "t:\n- a\n\n# c\n"),
        ("t:\n  - a\n  # 1\n  - b\n", [], "t: []\n  # 1\n"),
        ("t:\n  - a\n", ["a", "b: c", "-"], 't:\n  - a\n  - "b: c"\n  - "-"\n'),
        ("t:\n  - a\n  - - b\n", ["a"], "t: [a]\n"),
        ("t:\n  - a\n    b\n  - c\n", ["c"], "t: [c]\n"),
        ("t: [a,\n  b]\n", ["c"], "t: [c]\n"),
    ],
)
def test_lists(before, value, after):
    header = "# first\nid: 1\n{}z: x\n"
    assert edited(header.format(before), "t", value) == header.format(after)


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("s: yes\n", "yes"),
        ("s: 007\n", "007"),
        ("s: ~\n", ""),
        ('s: "a\\u0062"\n', "ab"),
        ("s: |\n  a\n", "a\n"),
        ("s: plain\n  more\n", "plain more"),
        ("s: [ a,'b' ]\n", ["a", "b"]),
        ("s:\n  - a\n  - >\n    b\n", ("a", "b\n")),
        ("s: alone\n", ["alone"]),
        ("s:\n", []),
    ],
)
def test_setting_what_is_there_is_the_identity(header, value):
    assert edited(header, "s", value) == header


@pytest.mark.parametrize("eol", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_byte_order_mark_survive(eol, bom):
    def file(*lines: str) -> bytes:
        return bom + eol.join(["---", *lines, "---", "x", ""]).encode() + b"mixed\r\nends\n"

    document = parse(file("a: b # c", "l:", "  - x"))
    assert document.with_field("a", "d") == file("a: d # c", "l:", "  - x")
    assert document.with_field("new", "1 2") == file("a: b # c", "l:", "  - x", "new: 1 2")
    assert document.with_field("l", ["x", "z"]) == file("a: b # c", "l:", "  - x", "  - z")


def test_a_new_field_goes_before_the_closing_fence():
    assert edited("a: b\n# end\n\n", "c", "yes") == 'a: b\n# end\n\nc: "yes"\n'
    assert edited("a: |+\n  b\n\n", "c", ["d", "e"]) == "a: |+\n  b\n\nc: [d, e]\n"
    assert parse(b"---\n---").with_field("a", "b") == b"---\na: b\n---"


@pytest.mark.parametrize("name", ["", "a:b", "-a", "a ", "1", "null", "true", "\u00e9", "a\nb"])
def test_a_name_that_is_no_plain_key_is_refused(name):
    with pytest.raises(UsageError) as caught:
        parse(b"---\na: b\n---\n").with_field(name, "x")
    assert caught.value.code == "frontmatter.field-name"
    with pytest.raises(UsageError):
        compose({name: "x"}, b"")


@pytest.mark.parametrize("value", ["\ud800", ["a", "\udfff"], [1]])
def test_a_value_that_is_not_unicode_text_is_refused(value):
    with pytest.raises(UsageError) as caught:
        parse(b"---\na: b\n---\n").with_field("a", value)
    assert caught.value.code == "frontmatter.value"


def test_bounds_hold_for_what_is_written():
    with pytest.raises(FormatError) as caught:
        parse(b"---\na: b\n---\n").with_field("a", "x" * 70_000)
    assert caught.value.code == "frontmatter.too-large"
    with pytest.raises(FormatError):
        compose({f"f{number}": "x" for number in range(201)}, b"")


def test_an_unreadable_field_is_not_replaced_but_others_are():
    document = parse(b"---\na: b # c\n  d\ne: f\n---\n")
    with pytest.raises(FormatError):
        document.with_field("a", "x")
    assert document.with_field("e", "g") == b"---\na: b # c\n  d\ne: g\n---\n"


def test_compose():
    fields = {"id": "plan-2b3c4d", "title": "A: b", "n": 3, "on": True, "tags": ["a", "b, c"]}
    raw = compose(fields, b"\n# A: b\n")
    assert raw == (
        b'---\nid: plan-2b3c4d\ntitle: "A: b"\nn: 3\non: true\ntags: [a, "b, c"]\n---\n\n# A: b\n'
    )
    assert parse(raw).body == b"\n# A: b\n"


@pytest.mark.parametrize(
    "text",
    ["yes", "No", "1.0", "1", "null", "~", "", "- a", "-", "a: b", "a #b", "# a", "a:", " a",
     "a ", "[a]", "{a}", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a", '"a', "'a", "1_000",
     "0b11", "1:30", ".inf", "2024-01-02", "=", "<<", "...", "---", "a\tb", "0o7", "1e3", "+1",
     ".5", "?", "a\n"],
)  # fmt: skip
def test_what_would_be_read_as_something_else_is_quoted(text):
    line = compose({"a": text}, b"").split(b"\n")[1]
    assert line.startswith(b'a: "')
    assert parse(compose({"a": text}, b"")).value("a") == text


@pytest.mark.parametrize(
    "text",
    ["plain", "a b", "it's", 'say "so"', "a#b", "a:b", "https://example.org/#x", "v1.0", "1st",
     "plan-2b3c4d", "yes!", "\u00e9", "a, b", "a [b]", "x - y", "2024-01", "1.2.3", "a\\b", "(a)"],
)  # fmt: skip
def test_what_reads_as_itself_is_not_quoted(text):
    assert compose({"a": text}, b"") == f"---\na: {text}\n---\n".encode()
