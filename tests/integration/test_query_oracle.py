"""What the index finds by SQL is what the terms mean of each artifact, on whatever is there."""

from __future__ import annotations

from dataclasses import dataclass
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitsync.codec import frontmatter
from gitsync.domain.query import terms
from gitsync.domain.query.parse import parse
from gitsync.storage import artifactview
from tests.integration.indexkit import VOCABULARY, Trees, open_index, records

WORDS = ["plan", "Budget", "server", "caf\u00e9", "CAFE\u0301", "\u0130stanbul", "a_b", "x-1", "10",
         "9", "2026-01-31", "2026-02-01", "stra\u00dfe", "\u6f22\u5b57", "don't",
         "50%"]  # fmt: skip
IDS = ["plan-bcdfgh", "plan-bcdfgk", "plan-bcdfghj", "PLAN-x", "7", "70", "note-1"]
NAMES = ["alice", "@Bob", "carol", "alice.desk"]

text = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
fields = st.fixed_dictionaries(
    {"id": st.sampled_from(IDS)},
    optional={
        "type": st.sampled_from(["plan", "Plan", "note", "epic"]),
        "title": text,
        "status": st.sampled_from(["draft", "committed", "approved", "Draft", "lost"]),
        "owner": st.one_of(st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=2)),
        "parent": st.one_of(st.sampled_from(IDS), st.just("plan-bcdfgh, 7")),
        "depends": st.lists(st.sampled_from(IDS), max_size=3),
        "tags": st.lists(st.sampled_from(WORDS), max_size=3),
        "priority": st.one_of(st.integers(-3, 12), st.sampled_from(["high", "1.5", "007"])),
        "due": st.sampled_from(["2026-01-31", "2026-02-01 10:00", "soon", "2026-01-3"]),
        "Colour": st.sampled_from(["red", "RED", "blue"]),
    },
)
bodies = st.lists(text, max_size=3).map("\n".join)


@st.composite
def artifact(draw):
    values = {name: tuple(one) if isinstance(one, list) else one
              for name, one in draw(fields).items()}  # fmt: skip
    return frontmatter.compose(values, ("\n" + draw(bodies)).encode())


raws = st.one_of(
    artifact(),
    st.sampled_from([b"no front matter\n", b"---\nid: x\nid: y\n---\n", b"---\ntitle: T\n---\n"]),
)
PATHS = ["plans/a.md", "plans/b.md", "notes/c.md", "notes/deep/d.md", "e.markdown", "plans/f.txt",
         "notes/caf\u00e9.md", ".gitsync/g.md"]  # fmt: skip
files = st.dictionaries(st.sampled_from(PATHS), raws, max_size=len(PATHS))

edits = st.dictionaries(st.sampled_from(PATHS), st.one_of(st.none(), raws), max_size=2)

quoted = st.sampled_from([*WORDS, *IDS, "plan Budget", 'q"uote', "a,b"]).map(
    lambda one: '"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"'
)
bare = st.sampled_from(
    [*WORDS, *IDS, "plan-", "plan-b", "me", "@bob", "draft", "DRAFT", "red", "note"]
)
value = st.lists(st.one_of(bare, quoted), min_size=1, max_size=3).map(",".join)
compared = st.builds(
    "{}{}".format, st.sampled_from([">", ">=", "<", "<="]),
    st.sampled_from(["3", "1.5", "-1", "2026-01-31", "2026-02-01"]),
)  # fmt: skip
field_names = ["id", "type", "status", "title", "owner", "parent", "depends", "tag", "tags",
               "priority", "due", "Colour", "colour"]  # fmt: skip
term = st.one_of(
    st.builds("{}:{}".format, st.sampled_from(field_names), value),
    st.builds("{}:{}".format, st.sampled_from(["priority", "due", "status"]), compared),
    st.builds("{}:{}".format, st.sampled_from(["has", "no"]), st.sampled_from(field_names)),
    st.sampled_from(["is:open", "is:closed", "is:mine", "is:unreadable", "path:plans/",
                     "path:notes/**/*.md", "path:*.md,e", "path:notes/caf\u00e9"]),
    st.sampled_from(["plan", "bud*", "cafe", '"plan budget"', '"server 10"*', "istanbul",
                     "strasse"]),
)  # fmt: skip
queries = st.lists(
    st.builds("{}{}".format, st.sampled_from(["", "", "-"]), term), min_size=1, max_size=4
).map(" ".join)


@dataclass
class Names:
    """What ``parse`` asks, told by the index's own view."""

    view: object
    vocabulary = VOCABULARY
    me = ("alice.desk", "alice")
    space = "common"

    def has_id(self, folded):
        return self.view.has_id(folded)

    def field_names(self):
        return [*self.view.field_names(), "Colour"]


@settings(max_examples=400, deadline=None)
@given(files, queries, st.sampled_from([0, 1, 1_000]), st.integers(0, 4))
def test_sql_finds_what_the_terms_mean(files, text, few, limit):
    """From whichever end it is looked for, and as far as it is asked for."""
    trees = Trees()
    index = open_index()
    view = index.at(trees.add(files), trees)
    query = parse(text, Names(view))
    with mock.patch.object(artifactview, "FEW", few):
        found = [row.path for row in view.find(query, {})]
        begun = [row.path for row in view.find(query, {}, limit)]
    wanted = [one.path for one in records(files) if terms.matches(query, one, VOCABULARY, {})]
    assert found == wanted
    assert begun == wanted[:limit]
    index.close()


@settings(max_examples=60, deadline=None)
@given(files, st.lists(edits, min_size=1, max_size=4), queries)
def test_moving_from_tree_to_tree_is_as_good_as_beginning_there(first, changes, text):
    trees = Trees()
    versions = [first]
    for change in changes:
        merged = versions[-1] | change
        versions.append({path: raw for path, raw in merged.items() if raw is not None})
    index = open_index()
    for version in versions:
        index.at(trees.add(version), trees).release()
    for version in versions[-2:]:
        view = index.at(trees.add(version), trees)
        query = parse(text, Names(view))
        found = [row.path for row in view.find(query, {})]
        view.release()
        wanted = [one.path for one in records(version)
                  if terms.matches(query, one, VOCABULARY, {})]  # fmt: skip
        assert found == wanted
    assert not trees.read or max(trees.read.values()) == 1
    index.close()


@given(st.sets(st.sampled_from([f"p/{n}.md" for n in range(9)])), st.data())
@settings(max_examples=60, deadline=None)
def test_changed_paths_reach_sql(paths, data):
    trees = Trees()
    tree = trees.add({f"p/{n}.md": f"---\nid: plan-{n}\n---\n".encode() for n in range(9)})
    index = open_index()
    view = index.at(tree, trees)
    term = terms.Changed(3)
    query = terms.Query((terms.Not(term) if data.draw(st.booleans()) else term,))
    found = {row.path for row in view.find(query, {term: paths})}
    everything = {f"p/{n}.md" for n in range(9)}
    assert found == (paths if query.terms == (term,) else everything - paths)
    index.close()


@pytest.mark.parametrize(
    "evil", ["'; DROP TABLE blob; --", "%", "_", '" OR 1', "NEAR(a b)", "a*b", "\\"]
)
def test_a_value_is_never_sql(evil):
    trees = Trees()
    tree = trees.add({"p/1.md": b"---\nid: plan-1\ntitle: T\n---\n"})
    index = open_index()
    view = index.at(tree, trees)
    for query in (
        terms.Query((terms.OneOf("title", (evil,)),)),
        terms.Query((terms.Contains("title", (evil,)),)),
        terms.Query((terms.Names("id", ((evil, False),)),)),
        terms.Query((terms.Has(evil),)),
        terms.Query((terms.Path((evil.replace("*", "x"),)),)),
    ):
        assert view.find(query, {}) == []
    assert len(view.find(terms.Query(), {})) == 1
    index.close()


def steps(count, ask):
    """How many instructions SQLite runs for ``ask(view)`` among so many artifacts."""
    trees = Trees()
    plans = {
        f"p/{n}.md": f"---\nid: plan-{n}\ntitle: T{n}\nstatus: draft\n---\n".encode()
        for n in range(count)
    }
    index = open_index()
    view = index.at(trees.add(plans), trees)
    ran = 0

    def one():
        nonlocal ran
        ran += 1
        return 0

    index._db.set_progress_handler(one, 1)
    assert ask(view)
    index.close()
    return ran


SEVEN = terms.OneOf("title", ("t7",))
DRAFT = terms.OneOf("status", ("draft",))


@pytest.mark.parametrize(
    "ask",
    [
        lambda view: view.has_id("plan-7"),
        lambda view: view.named("plan-19"),
        lambda view: view.find(terms.Query((terms.Names("id", (("plan-7", True),)),)), {}),
        lambda view: view.find(terms.Query((terms.Names("id", (("plan-19", False),)),)), {}),
        lambda view: view.find(terms.Query((terms.Text(("t7",)),)), {}),
        lambda view: view.find(terms.Query((SEVEN, terms.Not(terms.OneOf("status", ("x",))))), {}),
        lambda view: view.find(terms.Query((DRAFT,)), {}, 3),
        lambda view: view.find(terms.Query(), {}, 3),
    ],
)
def test_what_few_fit_costs_no_look_at_all_of_them(ask):
    with mock.patch.object(artifactview, "FEW", 15):
        few, many = (steps(count, ask) for count in (20, 800))
    assert many < few + 1_000  # ten more ids begin with plan-19; a look at each takes 20 times 800
