"""The canonical form: what changes, what never does, and that twice is once."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gitsync.codec.canonical import canonical
from gitsync.codec.frontmatter import parse
from gitsync.domain.errors import FormatError

ORDER = ("id", "title", "status", "tags")


def place(name: str) -> int:
    return ORDER.index(name) if name in ORDER else len(ORDER)


def form(text: str | bytes) -> str:
    raw = text.encode() if isinstance(text, str) else text
    once = canonical(raw, place, "f.md")
    assert canonical(once, place, "f.md") == once
    return once.decode()


def test_order_spacing_and_quotes():
    before = (
        "---\n"
        "custom:   'plain text'   # why\n"
        "tags : [ a,'b',  \"c d\" ,'1', 'x,y' ]\n"
        "\n"
        "# the state\n"
        'status: "Done"#no comment\n'.replace('"#no', '" #no')
        + "title: 'Fee: market'\n"
        "date: '2020-01-01'\n"
        "number: 007   \n"
        "id: plan-bbbbbb\n"
        "...\n"
        "body  \r\n---\n"
    )
    assert form(before) == (
        "---\n"
        "id: plan-bbbbbb\n"
        "title: 'Fee: market'\n"
        "# the state\n"
        "status: Done  #no comment\n"
        "tags: [a, b, c d, '1', 'x,y']\n"
        "custom: plain text  # why\n"
        "date: '2020-01-01'\n"
        "number: 007\n"
        "---\n"
        "body  \r\n---\n"
    )


def test_the_end_of_a_text_inside_a_list_moves_with_it():
    before = "---\ntags:\n  - |\n    text\n    # more\nother:\n  k: |+\n    a\n\nid: p\n---\n"
    assert form(before) == (
        "---\nid: p\ntags:\n  - |\n    text\n    # more\nother:\n  k: |+\n    a\n\n---\n"
    )


def test_lists_blocks_and_what_is_kept():
    before = (
        "---\r\ntags:\r\n- 'a'   # first\r\n# between\r\n-   \"b\"\r\ntext:   |   \n".replace(
            "|   ", "|"
        )
        + "    two  \r\n"
        "\r\n"
        "      three\r\n"
        "nested:\r\n"
        "    deep:   'x'\r\n"
        "folded:  one\r\n"
        "   two\r\n"
        "id: x\r\n"
        "# last\r\n"
        "---"
    )
    assert form(before) == (
        "---\r\n"
        "id: x\r\n"
        "tags:\r\n"
        "  - a  # first\r\n"
        "# between\r\n"
        "  - b\r\n"
        "text: |\r\n"
        "    two  \r\n"
        "\r\n"
        "      three\r\n"
        "nested:\r\n"
        "    deep:   'x'\r\n"
        "folded: one\r\n"
        "   two\r\n"
        "# last\r\n"
        "---"
    )


@pytest.mark.parametrize("text", ["no front matter\n", "", "---\n---\n", "---\nid: x\n---\nbody"])
def test_what_is_in_form_stays(text):
    assert form(text) == text


def test_a_byte_order_mark_stays():
    assert form("\ufeff---\nid:  x\n---\n") == "\ufeff---\nid: x\n---\n"


@pytest.mark.parametrize("text", ["---\nid: [\n---\n", "---\nid: x\nid: y\n---\n", "---\nid: x\n"])
def test_what_cannot_be_read_is_refused(text):
    with pytest.raises(FormatError):
        canonical(text.encode(), place, "f.md")


@pytest.mark.parametrize(
    "wrong",
    [
        lambda token, **_: token.strip(b"'"),
        lambda token, **_: token + b"x",
        lambda token, **_: b"a: b",
        lambda token, **_: b"[",
    ],
)
def test_a_mistake_in_the_form_is_noticed_and_refused(wrong, monkeypatch):
    """Of the rules themselves: whatever they do, no value changes."""
    monkeypatch.setattr("gitsync.codec.canonical._scalar", wrong)
    with pytest.raises(FormatError):
        canonical(b"---\nid: '7'\ntitle: 'a'\n---\n", place, "f.md")


word = st.text("ab1-:#,'\"[]{} \\~é", max_size=8)
single = word.map(lambda text: "'" + text.replace("'", "''") + "'")
double = word.map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"')
token = st.sampled_from(["x", "7", "2020-01-01", "null", "a b", "~", "1e3"]) | single | double
blank = st.sampled_from(["", " ", "   "])
comment = st.sampled_from(["", " # c", "   #d"])
value = st.one_of(
    token,
    st.lists(token, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
    st.lists(token, min_size=1, max_size=3).map(
        lambda items: "\n" + "\n".join(f"- {item}" for item in items)
    ),
    st.sampled_from(
        ["", "|\n  a\n\n  b", ">-\n  x", "\n  deep: 1\n  # c\n  more: 'x'", "{a: 'b'}"]
    ),
)
name = st.sampled_from(["id", "title", "status", "tags", "other", "z", "'odd key'"])


@st.composite
def headers(draw) -> str:
    lines = []
    for key in draw(st.lists(name, unique=True, max_size=5)):
        lines += draw(st.sampled_from([[], ["# above"], ["", "# a", "#b"]]))
        given_value = draw(value)
        first, newline, rest = given_value.partition("\n")
        tail = draw(comment) if first[:1] not in {"|", ">"} else ""
        lines.append(f"{key}:{draw(blank) or ' '}{first}{tail}{newline}{rest}")
    return "---\n" + "".join(f"{line}\n" for line in lines) + "---\n"


def comments(raw: bytes) -> list[bytes]:
    """Every comment of these headers, whose texts hold no ``#`` of their own kind."""
    return sorted(re.findall(rb"(?:^| )(#(?: c|d| above| a|b))[ \r]*$", raw, re.MULTILINE))


@given(headers(), st.binary(max_size=20), st.booleans())
@example("---\nid: 'a'\ntags:\n# c\n- x\n---\n", b"", False)
def test_values_comments_and_body_survive_and_twice_is_once(header, body, returns):
    raw = header.encode().replace(b"\n", b"\r\n" if returns else b"\n") + body
    try:
        before = parse(raw)
        before.check()
    except FormatError:
        with pytest.raises(FormatError):
            canonical(raw, place)
        return
    once = canonical(raw, place)
    after = parse(once)
    assert {n: repr(after.value(n)) for n in after.names} == {
        n: repr(before.value(n)) for n in before.names
    }
    assert after.body == before.body == body
    assert comments(once[: len(once) - len(body)]) == comments(raw[: len(raw) - len(body)])
    assert list(after.names) == sorted(before.names, key=place)
    assert canonical(once, place) == once
