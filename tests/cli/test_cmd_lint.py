"""``gitsync lint``."""

from __future__ import annotations

import pytest

PLAN = "---\nid: {id}\ntype: plan\ntitle: T\nstatus: {status}\nowner: james\n{more}---\n\n# T\n"


def text(ident: str, status: str = "draft", more: str = "") -> str:
    return PLAN.format(id=ident, status=status, more=more)


@pytest.fixture
def write(ledger):
    return lambda path, content: ledger.write("james", path, content)


def findings(ran, document):
    found = document(ran.out, "lint")["findings"]
    assert ran.code == (1 if found else 0)
    return [(one["code"], one["file"], one["line"], one["column"]) for one in found]


def test_a_clean_ledger(ledger, write, document):
    write("plans/a.md", text("plan-bbbbbb"))
    write("plans/b.md", text("plan-cccccc", more="parent: plan-bbbbbb\ndepends: [plan-bbbbbb]\n"))
    write("README.md", "no front matter\n")
    ran = ledger.cli("james", "lint")
    assert (ran.code, ran.out) == (0, "3 files, 2 artifacts: all well\n")
    assert findings(ledger.cli("james", "lint", "--json"), document) == []


CASES = {
    "unknown state": (text("plan-bbbbbb", "done"), ("lint.unknown-state", 5, 9)),
    "no status": (
        text("plan-bbbbbb").replace("status: draft\n", ""),
        ("lint.unknown-state", 1, 1),
    ),
    "no id": (text("plan-bbbbbb").replace("id: plan-bbbbbb\n", ""), ("lint.no-id", 1, 1)),
    "no owner": (
        text("plan-bbbbbb").replace("owner: james", "owner: ''"),
        ("lint.missing-field", 6, 8),
    ),
    "dangling": (
        text("plan-bbbbbb", more="depends:\n  - plan-bbbbbb\n  - plan-gggggg\n"),
        ("lint.dangling-link", 9, 5),
    ),
    "two parents": (
        text("plan-bbbbbb", more="parent: plan-222222, plan-222222x\n").replace(
            "222222x", "222222"
        ),
        ("lint.dangling-link", 7, 9),
    ),
    "own parent": (text("plan-bbbbbb", more="parent: plan-bbbbbb\n"), ("lint.parent-cycle", 7, 9)),
    "broken": (text("plan-bbbbbb", more="tags: [a\n"), ("yaml.malformed", None, None)),
    "twice": (text("plan-bbbbbb", more="title: X\n"), ("frontmatter.duplicate-field", 7, 1)),
    "conflict": (
        text("plan-bbbbbb") + "<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\n",
        ("lint.conflict-markers", 10, 1),
    ),
    "conflict in front matter": (
        text("plan-bbbbbb").replace(
            "status: draft\n", "<<<<<<< o\nstatus: draft\n=======\r\nstatus: x\n>>>>>>> t\n"
        ),
        ("lint.conflict-markers", 5, 1),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_finding_has_its_place(case, ledger, write, document):
    content, (code, line, column) = CASES[case]
    write("plans/a.md", content)
    found = findings(ledger.cli("james", "lint", "--json"), document)
    assert len(found) == 1, found
    if line is None:
        assert found[0][0] == code
        assert found[0][1] == "plans/a.md"
        assert found[0][2] in {7, 8}, "at the bracket, or where it should have been closed"
    else:
        assert found == [(code, "plans/a.md", line, column)]


def test_markers_that_are_no_conflict(ledger, write, document):
    lone = "<<<<<<< alone\n\n>>>>>>> the wrong way\n=======\n<<<<<<< again\n"
    write("plans/a.md", text("plan-bbbbbb") + lone)
    assert findings(ledger.cli("james", "lint", "--json"), document) == []


def test_several_parents_and_ids_and_circles(ledger, write, document):
    write("plans/a.md", text("plan-bbbbbb", more="parent: [plan-cccccc, plan-dddddd]\n"))
    write("plans/b.md", text("plan-cccccc", more="parent: plan-dddddd\n"))
    write("plans/c.md", text("plan-dddddd", more="parent: plan-cccccc\n"))
    write("stories/d.md", text("plan-bbbbbb"))
    ran = ledger.cli("james", "lint", "--json")
    assert findings(ran, document) == [
        ("lint.several-links", "plans/a.md", 7, 9),
        ("lint.parent-cycle", "plans/b.md", 7, 9),
        ("lint.duplicate-id", "stories/d.md", 2, 5),
    ]
    out = ledger.cli("james", "lint").out
    assert ("plans/b.md:7:9: parents in a circle: plan-cccccc -> plan-dddddd -> plan-cccccc"
            " (lint.parent-cycle)\n") in out  # fmt: skip
    assert out.endswith("4 files, 4 artifacts: 3 problems\n")
    shown = ledger.cli("james", "lint", tty=True).out
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert "let one of them have no parent" in shown


def test_paths_choose_what_is_reported_and_links_lead_anywhere(ledger, write, document, cli):
    write("plans/a.md", text("plan-bbbbbb", "odd"))
    write("stories/b.md", text("plan-cccccc", "odd", "parent: plan-bbbbbb\n"))
    found = findings(ledger.cli("james", "lint", "stories", "--json"), document)
    assert found == [("lint.unknown-state", "stories/b.md", 5, 9)]
    found = findings(ledger.cli("james", "lint", "plans/a.md", "--json"), document)
    assert found == [("lint.unknown-state", "plans/a.md", 5, 9)]
    # From a folder below, files are named as they are reached from there.
    ran = cli(ledger.folder("james") / "stories", "lint", ".", "--json")
    assert findings(ran, document) == [("lint.unknown-state", "b.md", 5, 9)]


def test_what_git_ignores_is_not_looked_at(ledger, write, document):
    write("plans/a.md", text("plan-bbbbbb", "odd"))
    write(".gitignore", "plans/\n")
    assert findings(ledger.cli("james", "lint", "--json"), document) == []


def test_a_broken_schema_is_the_finding(ledger, write, document):
    write(".gitsync/schema.yaml", "version: 1\ntypes: {}\n")
    found = findings(ledger.cli("james", "lint", "--json"), document)
    assert [one[:3] for one in found] == [("schema.no-types", ".gitsync/schema.yaml", 2)]


def test_any_folder_with_a_preset(tmp_path, cli, document):
    folder = tmp_path / "x" / "backlog" / "tasks"
    folder.mkdir(parents=True)
    (folder / "task-1 - One.md").write_text(
        "---\nid: TASK-1\ntitle: One\nstatus: Doing\ndependencies:\n  - task-2\n  - task-3\n---\n"
    )
    (folder / "task-2 - Two.md").write_text("---\nid: TASK-2\ntitle: Two\nstatus: Done\n---\n")
    (tmp_path / "x" / ".hidden").mkdir()
    (tmp_path / "x" / ".hidden" / "c.md").write_text("---\nid: [\n---\n")
    ran = cli(tmp_path, "lint", "x")
    assert ran.code == 2
    assert "name a preset: --preset adr|eips|plans|tasks" in ran.err
    expected = [
        ("lint.unknown-state", "x/backlog/tasks/task-1 - One.md", 4, 9),
        ("lint.dangling-link", "x/backlog/tasks/task-1 - One.md", 7, 5),
    ]
    for place in ("x", "x/backlog", "x/backlog/tasks"):
        ran = cli(tmp_path, "lint", place, "--preset", "tasks", "--json")
        assert findings(ran, document) == expected
    ran = cli(tmp_path, "lint", "gone", "--preset", "tasks")
    assert (ran.code, "there is no file or folder gone" in ran.err) == (3, True)
    ran = cli(tmp_path, "lint", "x", "--preset", "nope")
    assert (ran.code, "known presets: adr, eips, plans, tasks" in ran.err) == (2, True)


def test_decision_records_link_by_file(tmp_path, cli, document):
    folder = tmp_path / "docs" / "adr"
    folder.mkdir(parents=True)
    record = '---\nid: "{n}"\ntitle: T\nstatus: {status}\n{more}---\n'
    (folder / "0001-a.md").write_text(
        record.format(n="0001", status="superseded", more="superseded-by: 0002-b.md\n")
    )
    link = 'supersedes: "[1. A](0001-a.md), [9](0009-gone.md), [x](https://example.org/x)"\n'
    (folder / "0002-b.md").write_text(record.format(n="0002", status="accepted", more=link))
    ran = cli(tmp_path, "lint", "docs", "--preset", "adr", "--json")
    assert findings(ran, document) == [("lint.dangling-link", "docs/adr/0002-b.md", 5, 37)]


def test_a_terminal_gets_nothing_raw(tmp_path, cli):
    (tmp_path / "a.md").write_bytes(b'---\nid: x\nstatus: "\\e[31mred"\n---\n')
    out = cli(tmp_path, "lint", "--preset", "tasks").out
    assert "\x1b" not in out
    assert "\\x1b[31mred" in out
