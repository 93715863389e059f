"""Ids that are numbers, and what a text tells of itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec import frontmatter
from gitsync.codec.adopting import completed, renamed, status_in, title_in
from gitsync.domain.artifact import new_path
from gitsync.domain.errors import FormatError
from gitsync.domain.numbering import as_field, next_number, number_in, number_of


def test_the_next_number():
    assert next_number([], 4) == "0001"
    assert next_number(["0007", "12", "plan-bbbbbb", "x9", "٣"], 4) == "0013"
    assert next_number(["9999"], 4) == "10000"
    assert number_of("1234567890") is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("0003-use-git.md", "0003"),
        ("3-use-git.md", "0003"),
        ("ADR-12 use git.md", "0012"),
        ("eip-7.md", "0007"),
        ("2026-01-01-notes.md", "2026"),
        ("notes.md", None),
        ("1234567890.md", None),
        ("", None),
    ],
)
def test_the_number_in_a_file_name(name, found):
    assert number_in(name, 4) == found


def test_numbers_in_front_matter():
    assert as_field("7") == 7
    assert as_field("0007") == "0007"
    assert as_field("plan-bbbbbb") == "plan-bbbbbb"


@pytest.mark.parametrize(
    ("form", "title", "path"),
    [
        (None, "Use git", "docs/7-use-git.md"),
        ("{id}-{slug}.md", "", "docs/7.md"),
        ("eip-{id}.md", "Use git", "docs/eip-7.md"),
        ("{slug}.{id}.md", "", "docs/7.md"),
    ],
)
def test_file_names(form, title, path):
    assert new_path("docs", "7", title, form) == path


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ("# Use git\n", "Use git"),
        ("text\n\n#  3. Use git  ##\r\n", "Use git"),
        ("# ADR-0003: Use git", "Use git"),
        ("# 2026 plans\n", "2026 plans"),
        ("## Not this\n", None),
        ("#nor this\n", None),
        ("", None),
    ],
)
def test_titles(body, title):
    assert title_in(body.encode()) == title


STATES = ("proposed", "accepted", "superseded", "In Progress", "In")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("## Status\n\nAccepted\n", "accepted"),
        ("## status\r\n\r\nSuperseded by [3](3.md)\r\n", "superseded"),
        ("* Status: proposed, since May\n", "proposed"),
        ("**Status:** *accepted*\n", "accepted"),
        ("Status: In progress\n", "In Progress"),
        ("Status: acceptedly\n", None),
        ("## Status\n\nunclear\n", None),
        ("The status: accepted\n", None),
        ("", None),
    ],
)
def test_states(body, status):
    assert status_in(body.encode(), STATES) == status


def test_renaming_a_field_keeps_everything_else():
    raw = b"---\r\nstate :   'x' # why\r\nn:\r\n- 1\r\n---\r\nstate: x"
    assert renamed(raw, {"state": "status", "gone": "id", "n": "number"}, "f") == (
        b"---\r\nstatus:   'x' # why\r\nnumber:\r\n- 1\r\n---\r\nstate: x"
    )
    assert renamed(b"state: x\n", {"state": "status"}, "f") == b"state: x\n"
    with pytest.raises(FormatError) as caught:
        renamed(b"---\na: 1\nb: 2\n---\n", {"a": "b"}, "f")
    assert caught.value.code == "import.map"


@given(st.binary(max_size=40), st.booleans())
def test_a_body_is_never_touched(body, mark):
    raw = (b"\xef\xbb\xbf" if mark else b"") + body.removeprefix(b"\xef\xbb\xbf")
    try:
        document = frontmatter.parse(raw)
    except FormatError:
        return
    if document is not None:
        return
    new = completed(raw, None, {"id": 7, "title": "T"})
    found = frontmatter.parse(new)
    assert found.body == raw.removeprefix(b"\xef\xbb\xbf")
    assert (found.text("id"), found.text("title")) == ("7", "T")
    assert new.startswith(b"\xef\xbb\xbf") == raw.startswith(b"\xef\xbb\xbf")
