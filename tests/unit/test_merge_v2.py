"""Merge version 2 case by case: what each strategy gives, and which bytes it keeps."""

from __future__ import annotations

import pytest

from gitsync.domain.merge.lines import Conflict
from gitsync.domain.merge.rules import Rules, further
from gitsync.domain.merge.values import FileConflict
from tests.unit.mergekit import MOVES, merge


def file(*lines: str, body: str = "one\n\ntwo\n\nthree\n") -> bytes:
    head = "".join(f"{line}\n" for line in lines)
    return f"---\n{head}---\n{body}".encode()


def both(base, ours, theirs, **more):
    """The merge, the same whichever side is which."""
    found = merge(base, ours, theirs, **more)
    other = merge(base, theirs, ours, **more)
    assert type(found) is type(other)
    if isinstance(found, bytes):
        assert found == other
    return found


def test_neighbouring_fields_merge():
    base = file("id: plan-a", "title: A", "status: draft", "owner: alice")
    ours = file("id: plan-a", "title: B", "status: draft", "owner: alice")
    theirs = file("id: plan-a", "title: A", "status: committed", "owner: james")
    assert both(base, ours, theirs) == file(
        "id: plan-a", "title: B", "status: committed", "owner: james"
    )


@pytest.mark.parametrize(
    ("name", "values", "wanted"),
    [
        # scalar: one change is taken, two are a conflict
        ("owner", (" a", " b", " a"), " b"),
        ("owner", (" a", " b", " c"), None),
        ("owner", (" a", " 'a' # why", " b"), " b # why"),
        ("owner", (" a", ' "a"', " b"), " b"),
        ("owner", (" a", " 'b'", " b"), " b"),
        ("owner", (" 1", ' "1"', " 2"), None),
        ("owner", (" a # x", " b # x", " a # y"), " b # y"),
        ("owner", (" a # x", " b # z", " a # y"), None),
        ("owner", (" a", "", " a # y"), " # y"),
        # set: additions and removals of both
        ("tags", (" [a, b]", " [a, b, c]", " [a, b, d]"), " [a, b, c, d]"),
        ("tags", (" [a, b]", " [b]", " [a, b, d]"), " [b, d]"),
        ("tags", (" [a, b]", " [b]", " [a]"), " []"),
        ("tags", (" [ a, 'b' ]", " [ a, 'b', c ]", " [ 'b' ]"), " [ 'b', c ]"),
        ("tags", (None, " [a]", " [b]"), " [a, b]"),
        ("tags", (" []", " [a]", " [b]"), " [a, b]"),
        ("tags", ("", "\n  - a", "\n  - b"), "\n  - a\n  - b"),
        ("tags", ("\n  - a", "\n  - a\n  # why\n  - b", "\n  - c\n  - a"),
         "\n  - c\n  - a\n  # why\n  - b"),
        ("tags", ("\n  - a", "\n  - b", "\n  - c"), "\n  - b\n  - c"),
        ("tags", ("\n  - a\n  - b", "\n  - a", "\n  - b"), " []"),
        ("tags", (" [a]", " [a, a]", " [a, b]"), None),
        ("tags", (" [a]", "\n  - a\n  - b", " [a, c]"), None),
        ("tags", (" [a] # x", " [a, b] # x", " [a, c] # y"), " [a, b, c] # y"),
        ("tags", ("\n  - a # x", "", "\n  - a # y\n  - b"), None),
        ("requires", (" 1, 2", " 1, 2, 3", " 2"), " 2, 3"),
        # list: diff3 over items
        ("order", (" [a, b, c]", " [z, a, b, c]", " [a, b]"), " [z, a, b]"),
        ("order", (" [a, b]", " [a, b, c]", " [a, b, d]"), None),
        ("order", ("\n- a\n- b\n- a", "\n- x\n- b\n- a", "\n- a\n- b\n- a\n- y"),
         "\n- x\n- b\n- a\n- y"),
        # counter: both steps count; the same step on both sides is one
        ("votes", (" 3", " 5", " 4"), " 6"),
        ("votes", (" 3", " 4", " 4"), " 4"),
        ("votes", (" 3", " 1", " 10"), " 8"),
        ("votes", (None, " 1", " 2"), " 3"),
        ("votes", (" 3", " many", " 4"), None),
        ("votes", (" 3", ' "4"', " 5"), None),
        # max and min: numbers exactly, dates that are written alike
        ("due", (" 2026-01-02", " 2026-03-01", " 2026-02-10"), " 2026-03-01"),
        ("due", (" 9", " 10", " 11.5"), " 11.5"),
        ("due", (" 1", " 2", " 2026-02-10"), None),
        ("due", (" 1", " 7.5", " 7.50"), " 7.5"),
        ("due", (" 1", " soon", " later"), None),
        ("since", (" 9", " -3", " -3.1"), " -3.1"),
        # state: the further one on the way, else a conflict
        ("status", (" draft", " committed", " approved"), " approved"),
        ("status", (" committed", " approved", " draft"), None),
        ("status", (" draft", " dropped", " committed"), None),
        ("status", (" draft", " committed", " nowhere"), None),
        # text: by the lines of the field
        ("notes", (" |\n  a\n  b\n  c", " |\n  A\n  b\n  c", " |\n  a\n  b\n  C"),
         " |\n  A\n  b\n  C"),
        ("notes", (" |\n  a\n  b", " |\n  A\n  b", " |\n  a\n  B"), None),
        ("notes", (" short", " shorter", " longer"), None),
        # fields that the schema does not name: single values whole, several lines by lines
        ("other", (" a", " b", " c"), None),
        ("other", (" [a]", " [a, b]", " [a, c]"), None),
        ("other", ("\n  a: 1\n  b: 2\n  c: 3", "\n  a: 9\n  b: 2\n  c: 3",
                   "\n  a: 1\n  b: 2\n  c: 4"), "\n  a: 9\n  b: 2\n  c: 4"),
        ("other", ("\n  a: 1\n  b: 2", "\n  c: 1\n  a: 1\n  b: 2", "\n  a: 1\n  b: 2\n  c: 2"),
         None),
    ],
)  # fmt: skip
def test_strategies(name, values, wanted):
    sides = []
    for at, value in enumerate(values):
        lines = ["type: plan", *([f"{name}:{value}"] if value is not None else [])]
        # Both sides change their front matter beside it, so no shortcut settles the file.
        lines += [f"mine: {at}"] * (at == 1) + [f"other: {at}"] * (at == 2 and name != "other")
        sides.append(file(*lines))
    found = both(*sides)
    if wanted is None:
        assert isinstance(found, FileConflict)
        assert [one.name for one in found.fields] == [name]
        assert found.why == f"both sides changed {name}"
        return
    assert isinstance(found, bytes), found
    text = found.decode().partition("type: plan\n")[2].partition("---\n")[0]
    kept = "".join(
        line for line in text.splitlines(keepends=True) if line not in ("mine: 1\n", "other: 2\n")
    )
    assert kept == f"{name}:{wanted}\n"


def test_the_further_state_needs_a_shortest_way():
    assert further(MOVES, "draft", "committed", "approved") == "approved"
    assert further(MOVES, "draft", "approved", "committed") == "approved"
    assert further(MOVES, "draft", "committed", "dropped") is None
    assert further(MOVES, "odd", "draft", "committed") is None
    assert further({("a", "b"), ("b", "c"), ("a", "c")}, "a", "b", "c") is None


def test_the_type_comes_from_the_path_where_the_file_names_none():
    sides = [file(f"status: {one}") for one in ("draft", "committed", "approved")]
    sides[1] = sides[1].replace(b"one", b"ONE")
    assert both(*sides, path="plans/x/a.md") == sides[2].replace(b"one", b"ONE")
    assert isinstance(both(*sides, path="elsewhere/a.md"), FileConflict)


def test_added_fields_of_both_sides_stand_where_they_were_put():
    base = file("id: p", "title: A", "owner: x")
    ours = file("id: p", "b: 1", "title: A", "owner: x", "z: 1")
    theirs = file("id: p", "a: 1", "title: A", "owner: x", "# new", "y: 1")
    assert both(base, ours, theirs) == file(
        "id: p", "a: 1", "b: 1", "title: A", "owner: x", "# new", "y: 1", "z: 1"
    )


def test_removed_and_changed_is_a_conflict_and_removed_alone_is_not():
    base = file("id: p", "a: 1", "b: 1")
    assert both(base, file("id: p", "b: 1"), file("id: p", "a: 1", "b: 2")) == file("id: p", "b: 2")
    found = both(base, file("id: p", "b: 3"), file("id: p", "a: 2", "b: 3"))
    assert isinstance(found, FileConflict)
    assert [(one.name, one.base, one.ours, one.theirs) for one in found.fields] == [
        ("a", "1", None, "2")
    ]
    assert isinstance(
        both(base, file("id: p", "b: 3"), file("id: p", "# why", "a: 1", "b: 1")), FileConflict
    )


def test_both_added_a_field_with_other_values():
    base = file("id: p", "a: 1")
    found = both(base, file("x: 1", "id: p", "a: 1"), file("id: p", "a: 2", "x: 2"))
    assert isinstance(found, FileConflict)
    swap = merge(base, file("id: p", "a: 2", "x: 2"), file("x: 1", "id: p", "a: 1"))
    assert found.line == swap.line == 2
    assert found.fields[0].words("ours", "theirs") == "x was absent; ours has 1, theirs has 2"


def test_the_end_of_a_text_inside_a_mapping_is_no_comment_above_the_next_field():
    base = file("meta:", "  k: |", "    one", "order: [a]", "title: A")
    ours = file("order: [a]", "meta:", "  k: |", "    one", "title: A")
    theirs = file("meta:", "  k: |", "    one", "    # two", "order: [a]", "title: A")
    assert both(base, ours, theirs) == file(
        "order: [a]", "meta:", "  k: |", "    one", "    # two", "title: A"
    )


def test_the_order_of_fields_is_the_one_that_a_side_chose():
    base, moved = file("a: 1", "b: 1", "c: 1"), file("c: 1", "a: 1", "b: 1")
    assert both(base, moved, file("a: 1", "b: 2", "c: 1", "d: 1")) == file(
        "c: 1", "d: 1", "a: 1", "b: 2"
    )
    found = both(base, moved, file("b: 1", "a: 1", "c: 1"))
    assert isinstance(found, FileConflict)
    assert "order" in found.why


@pytest.mark.parametrize(
    ("mine", "other", "said"),
    [
        (["a: 2", "a: 3"], ["a: 1", "b: 2"], "twice"),
        (["a: *x"], ["a: 1", "b: 2"], "alias"),
        (["a: &x 1"], ["a: 1", "b: 2"], "anchor"),
        (["a: [1"], ["a: 1", "b: 2"], "read"),
        (["a: 1", "--- x"], ["a: 1", "b: 2"], "marker"),
    ],
)
def test_what_does_not_parse_is_a_conflict(mine, other, said):
    found = both(file("a: 1"), file(*mine), file(*other))
    assert isinstance(found, FileConflict)
    assert "cannot be read" in found.why
    assert said in found.why


def test_unreadable_front_matter_that_one_side_left_alone_is_kept():
    base, theirs = file("a: &x 1"), file("a: &x 1").replace(b"three", b"THREE")
    ours = file("a: &x 1", "b: *x")
    assert both(base, ours, theirs) == ours.replace(b"three", b"THREE")


def test_no_front_matter_on_any_side_is_a_body():
    base = b"- one\n- two\n- three\n"
    assert both(base, b"- ONE\n- two\n- three\n", b"- one\n- TWO\n- three\n") == (
        b"- ONE\n- TWO\n- three\n"
    )


def test_one_side_gives_a_file_front_matter():
    base, ours = b"one\n\ntwo\n", b"one\n\nTWO\n"
    assert both(base, ours, b"---\nid: x\n---\none\n\ntwo\n") == b"---\nid: x\n---\none\n\nTWO\n"
    found = both(b"---\nid: x\n---\none\n", b"one!\n", b"---\nid: y\n---\none\n")
    assert isinstance(found, FileConflict)


def test_other_files_merge_by_lines():
    base, ours, theirs = b"a: 1\nb: 1\n", b"a: 2\nb: 1\n", b"a: 1\nb: 2\n"
    for path in ("x.yaml", "x.txt", "x"):
        assert isinstance(both(base, ours, theirs, path=path), FileConflict)
    head = b"---\n%s---\n"
    sides = [head % side for side in (base, ours, theirs)]
    assert isinstance(both(*sides, path="x.txt"), FileConflict)
    assert both(*sides, path="x.MD") == head % b"a: 2\nb: 2\n"
    assert isinstance(both(b"\0a\n", b"\0b\n", b"\0c\n"), FileConflict)


def test_line_ends_and_byte_order_mark_survive():
    base = file("id: p", "a: 1", "b: 1")
    ours = b"\xef\xbb\xbf" + base.replace(b"\n", b"\r\n")
    theirs = base.replace(b"a: 1", b"a: 2")
    assert both(base, ours, theirs) == ours.replace(b"a: 1", b"a: 2")


def test_a_closing_fence_without_line_end_never_swallows_the_body():
    found = both(b"---\na: 1\n---\n", b"---\na: 1\n---", b"---\na: 1\n---\nbody\n")
    assert isinstance(found, FileConflict)


def test_nothing_is_both_clean_and_unreadable():
    # Right each for itself: the one turns the key line into a block of text, the other adds below.
    base = file("a: 1", "b: 1")
    found = both(base, file("a: |+", "  x", "", "b: 1"), file("a: 1", "", "# c", "b: 1", "c: 1"))
    assert isinstance(found, FileConflict)


def body(base, ours, theirs):
    found = both(*(file("id: p", body=text) for text in (base, ours, theirs)))
    if isinstance(found, FileConflict):
        return None
    return found.decode().removeprefix("---\nid: p\n---\n")


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "wanted"),
    [
        # neighbouring list items and task boxes
        ("- a\n- b\n", "- A\n- b\n", "- a\n- B\n", "- A\n- B\n"),
        ("- [ ] a\n- [ ] b\n", "- [x] a\n- [ ] b\n", "- [ ] a\n- [ ] b!\n", "- [x] a\n- [ ] b!\n"),
        ("- a\n- b\n- c\n", "- a\n- c\n", "- A\n- b\n- c\n", "- A\n- c\n"),
        ("- a\n- b\n", "- a\n- B\n", "- a\n- b\n- c\n", "- a\n- B\n- c\n"),
        ("- a\n  - x\n", "- A\n  - x\n", "- a\n  - X\n", "- A\n  - X\n"),
        ("1. a\n2. b\n", "1. A\n2. b\n", "1. a\n2. B\n", "1. A\n2. B\n"),
        # two additions at one place have no order of their own
        ("- a\n", "- a\n- b\n", "- a\n- c\n", None),
        ("- a\n- b\n", "- b\n", "- a\n- x\n- b\n", None),
        # one block that both changed
        ("- [ ] a\n", "- [x] a\n", "- [ ] a, and more\n", None),
        ("word one\nword two\n", "WORD one\nword two\n", "word one\nword TWO\n", None),
        # a heading directly above its text
        ("## A\ntext\n", "## B\ntext\n", "## A\nTEXT\n", "## B\nTEXT\n"),
        ("Title\ntext\n===\n", "Titel\ntext\n===\n", "Title\nTEXT\n===\n", None),
        # never inside a fence or a table
        ("```\na\nb\n```\n", "```\nA\nb\n```\n", "```\na\nB\n```\n", None),
        ("```\n- a\n- b\n```\n", "```\n- A\n- b\n```\n", "```\n- a\n- B\n```\n", None),
        ("|a|b|\n|-|-|\n|1|2|\n|3|4|\n", "|a|b|\n|-|-|\n|9|2|\n|3|4|\n",
         "|a|b|\n|-|-|\n|1|2|\n|3|9|\n", None),
        ("~~~\n```\nx\n~~~\ny\n", "~~~\n```\nX\n~~~\ny\n", "~~~\n```\nx\n~~~\nY\n",
         "~~~\n```\nX\n~~~\nY\n"),
        # the same replacement of two neighbours is one thing, not two
        ("- a\n- b\n", "- n\n- b\n", "- a\n- n\n", None),
        # a missing final line end never joins two lines
        ("- a\n- b\n", "- a\n- b", "- a\n- b\n- c\n", None),
    ],
)  # fmt: skip
def test_bodies(base, ours, theirs, wanted):
    assert body(base, ours, theirs) == wanted


def test_a_conflict_is_around_the_smallest_span():
    base = file("id: p", "owner: a", "title: A", body="- a\n\n```\nx\n```\n\nend\n")
    ours = file("id: p", "owner: b", "title: B", body="- A\n\n```\ny\n```\n\nend\n")
    theirs = file("id: p", "owner: c", "title: A", body="- a\n\n```\nz\n```\n\nEND\n")
    found = both(base, ours, theirs)
    assert isinstance(found, FileConflict)
    conflicts = [one for one in found.chunks if isinstance(one, Conflict)]
    assert [(one.base_start, one.ours_lines, one.theirs_lines) for one in conflicts] == [
        (3, (b"owner: b\n",), (b"owner: c\n",)),
        (8, (b"```\n", b"y\n", b"```\n"), (b"```\n", b"z\n", b"```\n")),
    ]
    settled = b"".join(one for one in found.chunks if isinstance(one, bytes))
    assert b"title: B\n" in settled
    assert b"- A\n" in settled
    assert b"END\n" in settled


def test_without_rules_nothing_is_guessed():
    sides = [file(f"tags: [{one}]", "n: 1") for one in ("a", "a, b", "a, c")]
    assert isinstance(merge(*sides, rules=Rules()), FileConflict)
