"""The query language, term by term, on artifacts that one can see: SQL and the oracle agree."""

from __future__ import annotations

import pytest

from gitsync.domain.errors import UsageError
from gitsync.domain.query import terms
from gitsync.domain.query.parse import MAX_QUERY_CHARS, parse
from tests.integration.indexkit import VOCABULARY, Trees, open_index, records
from tests.integration.test_query_oracle import Names

FILES = {
    "plans/a.md": b'---\nid: plan-a\ntype: plan\ntitle: Move the Stra\xc3\x9fe\nstatus: draft\n'
                  b'owner: "@Alice"\ntags: [ops, later]\npriority: 3\ndue: 2026-01-31\n---\n'
                  b'The budget server fell over.\n',
    "plans/ab.md": b'---\nid: plan-ab\ntype: Plan\ntitle: Budget\nstatus: committed\nowner: bob\n'
                   b'parent: plan-a\ndepends: [plan-x, plan-abc]\npriority: 12\n'
                   b'due: 2026-02-01 10:00\n---\nServer budget, caf\xc3\xa9.\n',
    "plans/abc.md": b'---\nid: plan-abc\ntype: plan\ntitle: "A: \\"quoted\\", text"\n'
                    b'status: approved\nowner: alice.desk\nparent: plan-ab\npriority: high\n---\n',
    "notes/n.md": b'---\nid: "7"\ntitle: Note\ntags: ops\nparent: plan-gone\n---\nBody of 7.\n',
    "notes/deep/m.md": b'---\nid: "70"\ntitle: Deep note\nlabel: red\n---\nFu\xc3\x9fball.\n',
    "notes/broken.md": b'---\nid: x\nid: y\n---\n',
    "plain.md": b'No front matter.\n',
}  # fmt: skip

CASES = {
    "": "abc a ab n m broken",
    "type:plan": "a ab abc",
    "type:PLAN,note": "a ab abc n m",
    "-type:plan": "n m broken",
    "has:type": "a ab abc n m",
    "status:draft": "a",
    "status:draft,committed": "a ab",
    'status:"draft"': "a",
    "-status:draft type:plan": "ab abc",
    "owner:me": "a abc",
    "owner:@alice": "a",
    'owner:"me"': "",
    "is:mine": "a abc",
    "parent:plan-a": "ab",  # exactly that artifact, not plan-ab
    "parent:plan-g": "n",
    "parent:plan-gone": "n",  # no such artifact: the beginning of what is named, and all of it
    "parent:plan-": "ab abc n",
    "depends:plan-x": "ab",
    "id:plan-a": "a",
    "id:plan": "a ab abc",
    "id:7": "n",
    "id:PLAN-AB": "ab",
    "id:plan-a,7": "a n",
    "title:budget": "ab",
    "title:strasse": "a",
    'title:"the str"': "a",
    'title:"a: \\"quoted\\", text"': "abc",
    "tag:ops": "a n",
    "tags:ops -tag:later": "n",
    "label:red": "m",
    "labels:red": "",
    "has:label": "m",
    "no:owner": "n m broken",
    "-has:owner": "n m broken",
    "-no:owner": "a ab abc",
    "priority:>3": "ab",
    "priority:>=3": "a ab",
    "priority:<12": "a",
    "priority:12": "ab",
    "due:>2026-01-31": "ab",
    "due:>=2026-01-31": "a ab",
    "due:<=2026-02-01": "a ab",
    "is:open": "a ab",
    "is:closed": "abc",
    "-is:open": "abc n m broken",
    "is:unreadable": "broken",
    "path:plans/": "a ab abc",
    "path:notes/*.md": "n broken",
    "path:notes/**/*.md": "n m broken",
    "path:plans/a.md,notes/n": "a n",
    "budget": "a ab",
    '"budget server"': "a",
    '"server budget"': "ab",
    "bud*": "a ab",
    "strasse": "a",
    "cafe": "ab",
    "fussball": "m",
    "CAF\u00c9": "ab",
    '"fell ov"*': "a",
    "-budget type:plan": "abc",
    "type:plan sort:-priority": "abc ab a",
    "type:plan sort:priority": "a ab abc",
    "sort:owner type:plan": "a abc ab",
    "sort:status,-id type:plan": "abc ab a",
}  # fmt: skip


class Known(Names):
    def field_names(self):
        return self.view.field_names()


@pytest.fixture(scope="module")
def view():
    trees = Trees()
    index = open_index()
    yield index.at(trees.add(FILES), trees)
    index.close()


def short(path):
    return path.rpartition("/")[2].partition(".")[0]


@pytest.mark.parametrize("text", CASES)
def test_a_query_names(view, text):
    if "labels" in text:
        with pytest.raises(UsageError) as caught:
            parse(text, Known(view))
        assert caught.value.code == "query.field"
        return
    query = parse(text, Known(view))
    found = {short(row.path) for row in view.find(query, {})}
    oracle = {short(one.path) for one in records(FILES)
              if terms.matches(query, one, VOCABULARY, {})}  # fmt: skip
    assert found == oracle == set(CASES[text].split())


ERRORS = {
    "titel:x": ("query.field", 1, "did you mean: title:"),
    "status:draft  stauts:x": ("query.field", 15, "did you mean: status:"),
    "http://example.org": ("query.field", 1, "quote it"),
    'title:"open': ("query.malformed", 7, ""),
    "status:": ("query.value", 8, "status:VALUE"),
    "status:a,": ("query.value", 10, ""),
    "is:opne": ("query.value", 4, "did you mean: is:open"),
    "priority:>high": ("query.value", 10, "priority:>3"),
    "type:>3": ("query.value", 6, ""),
    "changed:>plans@3": ("query.value", 9, "changed:>common@7"),
    "changed:@0": ("query.value", 9, ""),
    "path:[a]*": ("query.value", 6, ""),
    "-sort:id": ("query.malformed", 1, "sort:-FIELD"),
    "sort:nothing": ("query.field", 6, ""),
    "has:id,title": ("query.value", 8, ""),
    '"a"b': ("query.malformed", 4, "blank"),
    "... ": ("query.malformed", 1, ""),
    "-": ("query.malformed", 2, ""),
}


@pytest.mark.parametrize("text", ERRORS)
def test_a_wrong_term_says_where_and_what_there_is(view, text):
    code, column, said = ERRORS[text]
    with pytest.raises(UsageError) as caught:
        parse(text, Known(view))
    error = caught.value
    assert (error.code, error.where.column) == (code, column)
    assert said in f"{error.message}\n{error.hint}"
    if code == "query.field":
        assert "terms: id, type, status" in error.hint


@pytest.mark.parametrize("text", ["x" * (MAX_QUERY_CHARS + 1), "a\udcff", "a\0b", "a " * 65])
def test_queries_are_bounded_text(view, text):
    with pytest.raises(UsageError) as caught:
        parse(text, Known(view))
    assert caught.value.code == "query.malformed"


def test_changed_terms():
    class Nobody(Known):
        def has_id(self, folded):
            return False

        def field_names(self):
            return []

    def term(text):
        return parse(text, Nobody(None)).terms[0]

    assert term("changed:>common@40") == terms.Changed(40)
    assert term("changed:>=@40") == terms.Changed(39)
    assert term("changed:<common@40") == terms.Not(terms.Changed(39))
    assert term("changed:<=common@40") == terms.Not(terms.Changed(40))
    assert term("changed:common@40") == terms.Changed(39, 40)
    assert term("is:changed") == terms.Changed(None)


def test_descendants_by_parent_links():
    trees = Trees()
    files = {f"p/{n}.md": f"---\nid: plan-{n}\nparent: plan-{(n - 1) // 2}\n---\n".encode()
             for n in range(1, 40)}  # fmt: skip
    files["p/0.md"] = b"---\nid: plan-0\n---\n"
    files["p/x.md"] = b"---\nid: plan-x\nparent: plan-y\n---\n"
    files["p/y.md"] = b"---\nid: plan-y\nparent: plan-x\ndepends: plan-0\n---\n"
    index = open_index()
    view = index.at(trees.add(files), trees)
    assert len(view.below("plan-0")) == 40
    assert view.below("plan-18") == ["plan-18", "plan-37", "plan-38"]
    assert view.below("plan-39") == ["plan-39"]
    assert view.below("plan-x") == ["plan-x", "plan-y"]
    index.close()
