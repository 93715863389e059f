"""``gitsync status``: golden texts, and every state that it has to tell apart."""

from __future__ import annotations

import subprocess
import sys
from textwrap import dedent

PLAN = "---\nid: plan-abcdfg\ntype: plan\ntitle: T\nstatus: draft\nowner: james\n---\n\nBody\n"


def test_before_there_is_anything(tmp_path, cli, document):
    ran = cli(tmp_path, "status")
    assert ran.code == 0
    assert ran.out == dedent(f"""\
        {tmp_path} is in no git repository

        Next:
          gitsync init --name YOU          found a ledger here
          gitsync join URL DIR --name YOU  or join one that exists
        """)
    found = document(cli(tmp_path, "status", "--json").out, "status")
    assert (found["repository"], found["domain"], found["next"]) == (False, None, [])


def test_in_a_repository_that_is_not_set_up(tmp_path, cli):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    ran = cli(tmp_path, "status")
    assert ran.code == 0
    assert ran.out.startswith("this repository is not set up for gitsync\n\nNext:\n")


def test_nothing_open(ledger, document):
    ledger.clock.tick(7200)
    ran = ledger.cli("james", "status")
    assert ran.code == 0
    assert ran.out == dedent("""\
        you       james, home origin
        position  common@1, verified 2 hours ago
        remotes   origin reached 2 hours ago

        Nothing is open: your files are what common holds.
        """)
    found = document(ledger.cli("james", "status", "--json").out, "status")
    assert found["position"] == "common@1"
    assert found["verified-at"] == "2026-01-01T00:00:00Z"
    assert found["ledger"] == ledger.anchor


def test_everything_at_once(ledger, document, golden):
    """The golden: changes, unproposed commits, answers, news, a request, three steps."""
    ledger.propose("james", "plans/plan-abcdfg-t.md", PLAN, "first")
    ledger.clash()
    ledger.cli("james", "proposals", "--fetch")
    ledger.write("james", "notes/new.md", "hello\n")
    ledger.cli("james", "snapshot", "-m", "notes")
    ledger.write("james", "notes/new.md", "hello again\n")
    ledger.write("james", "other.md", "x\n")
    ran = ledger.cli("james", "status")
    assert ran.code == 0
    golden("status", ran.out)
    found = document(ledger.cli("james", "status", "--json").out, "status")
    assert found["next"] == ["gitsync receipt clash", "gitsync pull", "gitsync propose"]
    assert (found["offered"], found["unproposed"], found["ahead"]) == ("common@3", 1, 3)


def test_what_was_sent_is_pending_and_offline_it_is_queued(ledger):
    ledger.propose("james", "a.md", "a\n", "sent")
    ledger.hub.rename(ledger.root / "away.git")
    ledger.propose("james", "b.md", "b\n", "kept")
    out = ledger.cli("james", "status").out
    assert "  kept  queued   Change b.md\n" in out
    assert "  sent  pending  Change a.md\n" in out
    assert "  gitsync push  send what is queued\n" in out


def test_another_clone_of_this_user_may_be_ahead(ledger):
    """Two clones share the user's state folder; one's position is not the other's."""
    ledger.propose("alice", "a.md", "a\n", "a")
    ledger.witness()
    ran = ledger.cli("james", "status")
    assert ran.code == 0
    assert "position  common@1" in ran.out


def test_requests_are_for_those_who_can_admit(ledger, cli):
    key = ledger.key("dora")
    cli(ledger.root, "join", "hub.git", "--name", "dora", "dora", "--key", str(key))
    ledger.cli("alice", "roster", "requests")
    out = ledger.cli("alice", "status").out
    assert "Asking to join: dora\n" in out
    assert "  gitsync roster admit dora  after comparing the fingerprint\n" in out


def test_a_pin_is_shown_and_pulling_is_not_advised(ledger):
    ledger.propose("james", "a.md", "a\n", "a")
    ledger.witness()
    ledger.cli("carol", "pin", "common@1")
    ledger.pull("carol")
    out = ledger.cli("carol", "status").out
    assert "pinned    common@1: files stay there until gitsync pin --off\n" in out
    assert "gitsync pull" not in out


def test_a_look_at_a_quiet_clone_loads_neither_libgit2_nor_yaml(ledger):
    """Loading them takes longer than all else that such a look does."""
    ledger.propose("james", "plans/plan-abcdfg-t.md", PLAN, "first")
    ledger.witness()
    ledger.pull("james", "alice")
    for name in ("james", "alice"):
        assert "plan-abcdfg" in ledger.cli(name, "list").out  # which makes the index
        for command, said in (("status", "Nothing is open"), ("list", "plan-abcdfg")):
            script = (
                f"import sys; from gitsync.cli.main import run; run(['{command}']); print([one for"
                " one in ('pygit2', 'ruamel.yaml', 'msgspec', 'nacl') if one in sys.modules])"
            )
            done = subprocess.run(
                [sys.executable, "-c", script], cwd=ledger.folder(name), capture_output=True,
                text=True, check=True,
            )  # fmt: skip
            assert said in done.stdout
            assert done.stdout.endswith("\n[]\n")


def test_receipts_that_came_since_must_be_a_witness_s(ledger):
    """Those of the verified position are known; of what was fetched later, the key is looked at."""
    ledger.clash()
    ledger.cli("james", "proposals", "--fetch")
    assert "refused" in ledger.cli("james", "status").out
    mirrored = "refs/gitsync/remotes/origin/heads/gitsync/receipts/common"
    folder = ledger.folder("james")
    forged = subprocess.run(
        ["git", "commit-tree", "-S", "-m", "receipts: 1 new", f"{mirrored}^{{tree}}"],
        cwd=folder, capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    subprocess.run(["git", "update-ref", mirrored, forged], cwd=folder, check=True)
    ran = ledger.cli("james", "status", "--json")
    assert ran.code != 0
    assert "receipts.unknown-key" in ran.err
