"""``gitsync hooks``."""

from __future__ import annotations

import shutil

import pytest

from gitsync.services.clonehooks import HOOKS
from tests.integration.hookkit import Clone, text


@pytest.fixture(autouse=True)
def empty_hooks(ledger):
    shutil.rmtree(ledger.folder("james") / ".git" / "hooks", ignore_errors=True)


def test_install_status_uninstall(ledger, document):
    ran = ledger.cli("james", "hooks", "status")
    assert ran.code == 1
    assert "pre-commit     not installed" in ran.out
    assert "gitsync hooks install" in ran.out
    ran = ledger.cli("james", "hooks", "install")
    assert (ran.code, ran.err) == (0, "")
    assert "pre-push       installed" in ran.out
    again = ledger.cli("james", "hooks", "install")
    assert (again.code, again.out) == (0, ran.out)
    ran = ledger.cli("james", "hooks", "status", "--json")
    assert ran.code == 0
    found = document(ran.out, "hooks")
    assert found["complete"] is True
    assert [one["name"] for one in found["hooks"]] == list(HOOKS)
    assert {one["state"] for one in found["hooks"]} == {"installed"}
    ran = ledger.cli("james", "hooks", "uninstall")
    assert (ran.code, ran.out) == (0, "gitsync's hooks are gone; others are where they were\n")
    ran = ledger.cli("james", "hooks", "status", "--json")
    assert ran.code == 1
    assert document(ran.out, "hooks")["complete"] is False


def test_another_s_hook_is_named(ledger, document):
    hook = ledger.folder("james") / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir()
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o755)
    ran = ledger.cli("james", "hooks", "install")
    assert "after " in ran.out
    found = document(ledger.cli("james", "hooks", "install", "--json").out, "hooks")
    assert found["hooks"][0]["before"].endswith("pre-commit.before-gitsync")


def test_an_older_shim_is_told_from_today_s(ledger):
    ledger.cli("james", "hooks", "install")
    hook = ledger.folder("james") / ".git" / "hooks" / "pre-push"
    hook.write_text(hook.read_text() + "# older\n")
    ran = ledger.cli("james", "hooks", "status")
    assert ran.code == 1
    assert "pre-push       of another gitsync or Python" in ran.out
    assert ledger.cli("james", "hooks", "install").code == 0
    assert ledger.cli("james", "hooks", "status").code == 0


def test_outside_of_a_ledger_there_is_nothing_to_install(tmp_path, cli):
    assert cli(tmp_path, "hooks", "install").code == 3


def test_run_is_for_hooks_that_there_are(ledger):
    ran = ledger.cli("james", "hooks", "run", "pre-rebase")
    assert ran.code == 2
    assert "pre-commit" in ran.err


def test_run_by_hand_is_what_git_would_run(ledger, monkeypatch, capfd):
    clone = Clone(ledger, hooks=False)
    clone.land("plans/a.md", text(), "a")
    clone.stage("plans/a.md", text(status="approved"))
    monkeypatch.chdir(clone.root)
    assert ledger.cli("james", "hooks", "run", "pre-commit").code == 10
    assert "(schema.transition)" in " ".join(capfd.readouterr().err.split())
    assert ledger.cli("james", "hooks", "run", "post-checkout", "0", "0", "--", "-x").code == 0


def test_a_home_is_guarded_shown_and_let_go(ledger, document):
    ran = ledger.cli("alice", "hooks", "status", "--bare", "../hub.git")
    assert ran.code == 1
    assert "../hub.git is not guarded" in ran.out
    assert "gitsync hooks install --bare ../hub.git" in ran.out
    ran = ledger.cli("alice", "hooks", "install", "--bare", "../hub.git", "--anchor", ledger.anchor)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        "../hub.git is guarded: what is pushed here is held against its ledger",
        f"ledger  {ledger.anchor}",
        "proven  common@1",
        "hooks   pre-receive, reference-transaction, post-receive",
    ]
    ran = ledger.cli("alice", "hooks", "status", "--bare", "../hub.git", "--json")
    found = document(ran.out, "home-hooks")
    assert (found["complete"], found["proven"], found["settings"]) == (True, "common@1", [])
    assert ledger.cli("alice", "hooks", "uninstall", "--bare", "../hub.git").code == 0
    ran = ledger.cli("alice", "hooks", "status", "--bare", "../hub.git", "--json")
    found = document(ran.out, "home-hooks")
    assert {one["state"] for one in found["hooks"]} == {"missing"}


def test_what_cannot_be_guarded_is_said(ledger):
    ran = ledger.cli("alice", "hooks", "install", "--bare", ".")
    assert ran.code == 3
    assert "not a bare repository" in ran.err
    ran = ledger.cli("alice", "hooks", "install", "--bare", "../hub.git", "--anchor", "abc")
    assert ran.code == 2
    ran = ledger.cli("alice", "hooks", "install", "--anchor", ledger.anchor)
    assert ran.code == 2
    assert "--bare" in ran.err
