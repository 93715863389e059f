"""What comes after what, what is ready, and circles."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec import presets, schemafile
from gitsync.domain.fieldchanges import FieldChange, field_changes, unified
from gitsync.domain.query.vocabulary import vocabulary_of
from gitsync.domain.workgraph import Node, build, knots

PLANS = vocabulary_of(schemafile.parse(presets.load("plans").schema))


def graph(states, *links):
    """``states``: id -> done; ``links``: (from, field, to)."""
    nodes = [(Node(name, f"p/{name}.md", "plan", "draft", name, done), f"p/{name}.md")
             for name, done in states.items()]  # fmt: skip
    return build(nodes, [(f"p/{one}.md", field, to) for one, field, to in links], PLANS)


def ready(found):
    return [node.id for node, ties in found.open_work() if not ties]


def test_the_last_state_is_final_where_each_can_be_left():
    assert PLANS.finished("plan", "approved") is True
    assert PLANS.finished("plan", "committed") is False
    assert PLANS.finished("plan", None) is False
    assert PLANS.finished("epic", "approved") is None


def test_ready_is_what_has_nothing_unfinished_before_it():
    found = graph(
        {"a": True, "b": False, "c": False, "d": False, "e": None, "f": False},
        ("b", "depends", "a"), ("c", "depends", "b"), ("d", "depends", "e"), ("d", "depends", "a"),
        ("f", "depends", "gone"), ("a", "depends", "f"), ("b", "parent", "c"),
    )  # fmt: skip
    assert ready(found) == ["b", "d"]
    blocked = {node.id: [tie.found for tie in ties] for node, ties in found.open_work() if ties}
    assert blocked == {"c": ["b"], "f": [None]}
    assert found.waits_for("f")[0].target == "gone"


def test_a_circle_is_shown_and_blocks_itself():
    found = graph({"a": False, "b": False, "c": False}, ("a", "depends", "b"),
                  ("b", "depends", "a"), ("c", "parent", "c"))  # fmt: skip
    assert found.circles() == [("a", "b"), ("c",)]
    assert ready(found) == ["c"]
    assert found.below("c") == ["c"]


def test_around_one_artifact():
    found = graph(dict.fromkeys("abcdef", False), ("b", "parent", "a"), ("c", "parent", "b"),
                  ("c", "depends", "d"), ("e", "depends", "b"), ("f", "parent", "f"))  # fmt: skip
    part = found.around("a")
    assert list(part.nodes) == ["a", "b", "c", "d", "e"]
    assert len(part.ties) == 4
    assert found.below("a") == ["a", "b", "c"]


def test_around_one_artifact_a_circle_is_told_whole():
    found = graph(dict.fromkeys("abcde", False), ("a", "depends", "b"), ("b", "depends", "c"),
                  ("c", "depends", "a"), ("d", "depends", "e"), ("e", "depends", "d"))  # fmt: skip
    part = found.around("a")
    assert list(part.nodes) == ["a", "b", "c"]
    assert len(part.ties) == 2  # the third one is not a's
    assert part.circles() == [("a", "b", "c")]


def test_numbers_in_paths_are_put_in_order_by_size():
    found = graph(dict.fromkeys(["10", "9", "100", "9b", "b1", "b"], False))
    assert list(found.nodes) == ["9", "9b", "10", "100", "b", "b1"]


def test_the_first_of_two_with_one_id_counts():
    nodes = [(Node("a", path, "plan", "draft", "t", False), path) for path in ("1.md", "2.md")]
    found = build(nodes, [("1.md", "depends", "x"), ("2.md", "depends", "y")], PLANS)
    assert [tie.target for tie in found.ties] == ["x"]
    assert found.nodes["a"].path == "1.md"


edges = st.dictionaries(
    st.integers(0, 7).map(str), st.lists(st.integers(0, 7).map(str), max_size=4)
)


@given(edges)
def test_knots_are_what_reaches_itself(found):
    def reach(start):
        seen, todo = set(), list(found.get(start, ()))
        while todo:
            one = todo.pop()
            if one not in seen:
                seen.add(one)
                todo += found.get(one, ())
        return seen

    reached = {name: reach(name) for name in map(str, range(8))}
    wanted = {
        tuple(sorted({name} | {o for o in reached[name] if name in reached[o]}))
        for name in reached
        if name in reached[name]
    }
    assert set(knots(found)) == wanted


def test_long_chains_need_no_recursion():
    size = 30_000
    chain = {str(n): [str(n + 1)] for n in range(size)} | {str(size): ["0"]}
    assert len(knots(chain)[0]) == size + 1
    deep = graph({str(n): False for n in range(5_000)},
                 *((str(n), "parent", str(n + 1)) for n in range(4_999)))  # fmt: skip
    assert len(deep.below("4999")) == 5_000


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12),
       st.integers(0, 3))  # fmt: skip
def test_a_unified_diff_applies(old, new, context):
    lines = unified("\n".join(old).encode(), "\n".join(new).encode(), context)
    assert _apply(old, lines) == new
    assert (lines == []) == (old == new)


def _apply(old, lines):
    """What patch would make of it: every line is checked against the old text."""
    made, at = [], 0
    for line in lines:
        if line.startswith("@@"):
            start, count = map(int, line.split()[1][1:].split(","))
            begin = start - 1 if count else start
            made += old[at:begin]
            at = begin
        elif line[0] == "+":
            made.append(line[1:])
        else:
            assert old[at] == line[1:]
            made += [line[1:]] if line[0] == " " else []
            at += 1
    return made + old[at:]


def test_field_changes():
    assert field_changes({"a": 1, "b": [1], "c": "x"}, {"b": [1], "a": 2, "d": None, "e": ""}) == (
        FieldChange("a", 1, 2), FieldChange("e", None, ""), FieldChange("c", "x", None),
    )  # fmt: skip


def test_random_graphs_agree_with_their_definition():
    rng = random.Random(3)  # noqa: S311 - a test's own luck
    for _ in range(50):
        states = {str(n): rng.choice([True, False, None]) for n in range(8)}
        links = [(str(rng.randrange(8)), "depends", str(rng.randrange(10))) for _ in range(9)]
        found = graph(states, *links)
        for name, done in states.items():
            targets = [to for one, _, to in links if one == name]
            free = all(to in states and states[to] is not False for to in targets)
            assert (name in ready(found)) == (done is False and free)
