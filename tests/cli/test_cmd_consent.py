"""``gitsync approve`` and ``withdraw``."""

from __future__ import annotations

import re

import pytest

BASE = "---\nid: plan-bcdfgh\ntype: plan\ntitle: T\nstatus: {}\nowner: james\n---\n\nBody\n"
PATH = "plans/plan-bcdfgh-t.md"


@pytest.fixture
def waiting(ledger):
    """james asks for an approved plan, which needs alice's approval."""
    ledger.propose("james", PATH, BASE.format("committed"), "plan")
    ledger.witness()
    ledger.pull("james", "alice", "carol")
    ledger.propose("james", PATH, BASE.format("approved"), "ready")
    return ledger


def test_shows_what_it_signs_and_asks(waiting):
    no = waiting.cli("alice", "approve", "james/ready", answers="\n", tty=True, GIT_PAGER="")
    assert no.code == 1
    assert waiting.ws("alice").repo.refs.list("refs/heads/approvals/") == {}
    yes = waiting.cli("alice", "approve", "ready", answers="y\n", tty=True, GIT_PAGER="")
    assert yes.code == 0
    shown = re.sub(r"\x1b\[[0-9]*m", "", yes.out)
    for line in (
        "signed by    james",
        "subject      Change plans/plan-bcdfgh-t.md",
        "approved by  nobody yet",
        "  edits   plans/plan-bcdfgh-t.md",
        "-status: committed",
        "+status: approved",
        "approved james/ready at ",
    ):
        assert line in shown
    assert [one.outcome for one in waiting.witness().receipts] == ["accepted"]


def test_without_a_terminal_it_needs_yes(waiting, document):
    ran = waiting.cli("alice", "approve", "james/ready")
    assert (ran.code, "+status: approved" in ran.out) == (2, True)
    assert "hint:  gitsync approve " in ran.err
    ran = waiting.cli("alice", "approve", "james/ready", "--yes", "--json")
    found = document(ran.out, "approve")
    assert (found["author"], found["paths"], found["state"]) == ("james", [PATH], "sent")


@pytest.mark.parametrize("attribute", ["-diff", "diff=hide", "binary"])
def test_attributes_and_settings_cannot_hide_the_change(waiting, tmp_path, attribute):
    hide = tmp_path / "hide.sh"
    hide.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hide.chmod(0o755)
    folder = waiting.folder("alice")
    (folder / ".gitattributes").write_text(f"*.md {attribute}\n")
    ws = waiting.ws("alice")
    for name, value in (
        ("diff.hide.command", str(hide)), ("diff.hide.textconv", str(hide)),
        ("diff.external", str(hide)), ("diff.relative", "true"), ("diff.noprefix", "true"),
    ):  # fmt: skip
        ws.repo.git("config", name, value)
    out = waiting.cli("alice", "approve", "james/ready", "--yes").out
    assert "+status: approved" in out
    assert not (tmp_path / "ran").exists()


def test_unknown_ambiguous_and_agents(waiting, document):
    ran = waiting.cli("alice", "approve", "nothing", "--json")
    assert (ran.code, document(ran.err, "error")["code"]) == (2, "proposal.unknown")
    waiting.propose("carol", "c.md", "x\n", "ready")
    ran = waiting.cli("alice", "approve", "ready")
    assert (ran.code, "could be carol/ready, james/ready" in ran.err) == (2, True)


def test_withdraw(waiting, document):
    found = document(waiting.cli("james", "withdraw", "ready", "--json").out, "withdraw")
    assert (found["proposal"], found["state"]) == ("james/ready", "sent")
    assert waiting.witness().after == 2
    ran = waiting.cli("carol", "withdraw", "james/ready")
    assert (ran.code, "hint:  ask them" in ran.err) == (1, True)
    waiting.propose("carol", "c.md", "x\n", "mine")
    assert waiting.cli("carol", "withdraw", "mine").out.startswith("withdrawn carol/mine: ")


def test_a_prompt_that_is_left_ends_its_line(waiting):
    ran = waiting.cli("alice", "approve", "james/ready", answers="", tty=True, GIT_PAGER="")
    assert ran.code == 1
    assert re.search(r"\? \[y/N\] \n.*not approved\n$", ran.err, re.DOTALL)


def test_says_when_an_approval_adds_nothing(waiting):
    assert "adds nothing" in waiting.cli("james", "approve", "ready", "--yes").err
    assert waiting.cli("alice", "approve", "james/ready", "--yes").err == ""
    again = waiting.cli("alice", "approve", "james/ready", "--yes")
    assert (again.code, again.err) == (0, "alice has approved this already; once is enough\n")


def test_a_withdrawn_proposal_is_not_called_refused(waiting, document):
    said = waiting.cli("james", "withdraw", "ready").out
    assert "git reset --keep common" in said
    waiting.witness()
    waiting.pull("james")
    assert "refused" not in waiting.cli("james", "proposals").out
    status = waiting.cli("james", "status")
    assert "ready" not in status.out
    assert "gitsync receipt" not in status.out
    found = document(waiting.cli("james", "status", "--json").out, "status")
    assert [one["outcome"] for one in found["proposals"]] == ["withdrawn"]
