"""What link fields name, and where that leads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.domain.errors import FormatError
from gitsync.domain.links import Directory, Link, cycles, leads_elsewhere, link_values, plain_link


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (None, ()),
        ("", ()),
        ("plan-k7x2mq", ("plan-k7x2mq",)),
        ("145, 609,1014", ("145", "609", "1014")),
        (" 7 , 7 ", ("7",)),
        (1559, ("1559",)),
        (True, ()),
        ({"a": "b"}, ()),
        (["a", " b ", 3, None, ["deep"]], ("a", "b", "3")),
        (("a", "1, 2"), ("a", "1", "2")),
        ("[3. Use git](0003-use-git.md)", ("0003-use-git.md",)),
        ("[a, b](0001-a.md), [c](<../x/0002 c.md> 'title')", ("0001-a.md", "../x/0002 c.md")),
        ("<0003-foo.md>", ("0003-foo.md",)),
    ],
)
def test_what_a_field_names(value, names):
    assert link_values(value) == names


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=8))
def test_any_value_gives_texts_each_once(value):
    found = link_values(value)
    assert len(set(found)) == len(found)
    assert all(one and one == one.strip(" \t<>") for one in found)


BOOK = Directory(
    [
        ("0003", "docs/adr/0003-use-git.md"),
        ("0004", "docs/adr/old/0004-other.md"),
        ("155", "EIPS/eip-155.md"),
        ("TASK-7.1", "backlog/tasks/task-7.1 - Do it.md"),
        ("Ab", "x.md"),
        ("aB", "y.md"),
    ]
)
IDS, PATHS = Link("requires", "commas"), Link("supersedes", "paths")


@pytest.mark.parametrize(
    ("text", "link", "found"),
    [
        ("0003", IDS, "0003"),
        ("3", IDS, "0003"),
        ("0155", IDS, "155"),
        ("task-7.1", IDS, "TASK-7.1"),
        ("Ab", IDS, "Ab"),
        ("ab", IDS, None),
        ("9", IDS, None),
        ("0003-use-git.md", IDS, None),
        ("0003-use-git.md", PATHS, "0003"),
        ("./0003-use-git.md#context", PATHS, "0003"),
        ("old/0004-other.md", PATHS, "0004"),
        ("../../EIPS/eip-155.md", PATHS, "155"),
        ("EIPS/eip-155.md", PATHS, "155"),
        ("/EIPS/eip-155.md", PATHS, "155"),
        ("0009-gone.md", PATHS, None),
        ("../../../../etc/passwd", PATHS, None),
    ],
)
def test_where_a_link_leads(text, link, found):
    assert BOOK.find(text, link, "docs/adr/0001-begin.md") == found


def test_a_link_that_a_schema_only_names():
    assert plain_link("parent") == Link("parent", "one", "parent")
    assert plain_link("depends") == Link("depends", "list", "after")
    assert plain_link("see") == Link("see", "list", "related")


@pytest.mark.parametrize("parts", [{"shape": "two"}, {"means": "below"}])
def test_links_there_cannot_be(parts):
    with pytest.raises(FormatError) as caught:
        Link("parent", **parts)
    assert caught.value.code == "schema.link"
    assert "known: " in caught.value.hint


def test_elsewhere():
    assert leads_elsewhere("https://example.org/x.md")
    assert not leads_elsewhere("0003-use-git.md")
    assert not leads_elsewhere("a:b")


def test_cycles_are_found_once():
    assert cycles({"b": "a", "c": "b", "d": "gone"}) == []
    assert cycles({"a": "a"}) == [("a",)]
    ring = {"a": "b", "b": "c", "c": "a", "x": "a", "y": "x"}
    assert cycles(ring) == [("a", "b", "c")]
    assert cycles({**ring, "q": "p", "p": "q"}) == [("a", "b", "c"), ("p", "q")]


@given(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("abcdef")))
def test_cycles_are_circles(parents):
    for ring in cycles(parents):
        assert ring[0] == min(ring)
        assert all(parents[a] == b for a, b in zip(ring, (*ring[1:], ring[0]), strict=True))
