"""``gitsync new``, ``show`` and ``list``."""

from __future__ import annotations

import pytest


@pytest.fixture
def plan(ledger, document):
    """A new plan of james's: its id and path."""
    ran = ledger.cli("james", "new", "plan", "Move the backups", "--set", "tags=[ops]", "--json")
    return document(ran.out, "new")


def test_new_prints_id_and_path(ledger):
    ran = ledger.cli("james", "new", "plan", "Move the backups")
    ident, path = ran.out.split()
    assert path == f"plans/{ident}-move-the-backups.md"
    text = (ledger.folder("james") / path).read_text()
    assert text.startswith(f"---\nid: {ident}\ntype: plan\ntitle: Move the backups\n")
    assert "owner: james\n" in text


def test_the_words_of_a_title_need_no_quotes(ledger):
    ran = ledger.cli("james", "new", "plan", "Move", "the  backups", "--set", "tags=ops")
    assert (ran.code, ran.err) == (0, "")
    path = ran.out.split()[1]
    assert "title: Move the backups\n" in (ledger.folder("james") / path).read_text()
    ran = ledger.cli("james", "new", "plan")
    assert (ran.code, "an artifact needs a title" in ran.err) == (2, True)


@pytest.mark.parametrize(
    ("args", "said", "hint"),
    [
        (["plam", "T"], "there is no artifact type 'plam' here", "types: plan, runbook, story"),
        (["plan", "T", "--set", "owner"], "--set takes FIELD=VALUE", "--set owner=james"),
        (["plan", "T", "--set", "id=x"], "id is given by the tool", ""),
        (["plan", "  "], "an artifact needs a title", 'gitsync new plan "Title"'),
        (["A plan", "plan"], "no artifact type 'A plan'", "gitsync new plan 'A plan'"),
        (["plan", "T", "--set", "status=done"], "cannot have the status 'done'",
         "states: draft, committed, approved"),
        (["plan"], "an artifact needs a title", 'gitsync new plan "Title"'),
    ],
)  # fmt: skip
def test_new_refuses(ledger, args, said, hint):
    ran = ledger.cli("james", "new", *args)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err
    assert hint in ran.err


def test_show_by_id_prefix_and_path(ledger, plan, document):
    whole = ledger.cli("james", "show", plan["id"])
    assert whole.code == 0
    assert whole.out.startswith(f"{plan['path']}\n---\nid: {plan['id']}\n")
    assert ledger.cli("james", "show", "plan-").out == whole.out
    assert ledger.cli("james", "show", plan["path"]).out == whole.out
    found = document(ledger.cli("james", "show", plan["id"], "--json").out, "show")
    assert (found["title"], found["status"]) == ("Move the backups", "draft")
    assert "## Goal" in found["body"]


def test_show_one_field(ledger, plan, document):
    assert ledger.cli("james", "show", plan["id"], "--field", "owner").out == "james\n"
    ran = ledger.cli("james", "show", plan["id"], "--field", "ownr")
    assert (ran.code, "it has: id, type, title" in ran.err) == (2, True)
    ran = ledger.cli("james", "show", plan["id"], "--field", "owner", "--json")
    assert document(ran.out, "show")["fields"] == {"owner": "james"}


def test_show_at_a_position(ledger, plan):
    ledger.cli("james", "propose")
    ledger.witness()
    ledger.pull("james")
    path = ledger.folder("james") / plan["path"]
    path.write_text(path.read_text().replace("owner: james", "owner: carol"))
    args = ("show", plan["id"], "--field", "owner")
    assert ledger.cli("james", *args).out == "carol\n"
    assert ledger.cli("james", *args, "--at", "common@2").out == "james\n"
    ran = ledger.cli("james", *args, "--at", "common@1")
    assert (ran.code, "no artifact's id begins with" in ran.err) == (2, True)
    ran = ledger.cli("james", *args, "--at", "common@9")
    assert (ran.code, "the newest is common@2" in ran.err) == (2, True)


def test_an_id_that_is_spelt_with_escapes_is_found(ledger):
    text = '---\nid: "plan-\\x62cdfgh"\ntype: plan\ntitle: T\nstatus: draft\nowner: james\n---\n'
    ledger.write("james", "plans/odd.md", text)
    assert ledger.cli("james", "show", "plan-bcd", "--field", "title").out == "T\n"
    plain = text.replace("\\x62cdfgh", "bcdfgk")
    ledger.write("james", "plans/plain.md", plain)
    ran = ledger.cli("james", "show", "plan-bcd")
    assert (ran.code, "2 artifacts' ids begin with" in ran.err) == (2, True)


def test_list(ledger, plan, document):
    out = ledger.cli("james", "list").out
    assert out.splitlines()[0].split() == ["ID", "TYPE", "STATUS", "OWNER", "TITLE"]
    assert out.splitlines()[1].split(None, 4)[1:] == ["plan", "draft", "james", "Move the backups"]
    rows = document(ledger.cli("james", "list", "--json").out, "list")["artifacts"]
    assert [one["id"] for one in rows] == [plan["id"]]
    assert ledger.cli("james", "list", "--at", "common@1").out.startswith("no artifacts yet")


def test_what_cannot_be_read_is_listed_with_its_problem(ledger, document):
    ledger.write("james", "plans/broken.md", "---\nid: plan-bcdfgh\nid: plan-bcdfgk\n---\n")
    rows = document(ledger.cli("james", "list", "--json").out, "list")["artifacts"]
    assert rows[0]["problem"].startswith("plans/broken.md:3")
    assert "unreadable" in ledger.cli("james", "list").out
    shown = ledger.cli("james", "show", "plans/broken.md")
    assert (shown.code, "unreadable: plans/broken.md:3" in shown.err) == (0, True)
    assert document(ledger.cli("james", "show", "plans/broken.md", "--json").out, "show")["problem"]


def test_a_long_title_fits_a_terminal_and_is_whole_in_a_pipe(ledger):
    ledger.cli("james", "new", "plan", "word " * 40)
    shown = ledger.cli("james", "list", tty=True).out
    assert all(len(line) <= 80 for line in shown.splitlines())
    assert ledger.cli("james", "list").out.count("word") == 40


def test_an_unreadable_artifact_says_where(ledger, plan):
    ledger.write("james", plan["path"], "---\nid: plan-bcdfgh\ntitle: [T\n---\n")
    shown = ledger.cli("james", "list").out
    assert f"{plan['path']}\n" in shown
    assert f"unreadable: {plan['path']}:" in shown
