"""``gitsync roster``."""

from __future__ import annotations

import pytest


@pytest.fixture
def asked(ledger, cli):
    """dora has asked to join."""
    key = str(ledger.key("dora"))
    cli(ledger.root, "join", "hub.git", "dora", "--name", "dora", "--key", key)
    return ledger


def test_list(ledger, document):
    lines = ledger.cli("james", "roster", "list").out.splitlines()
    assert lines[0].split() == ["NAME", "KEY", "ROLES"]
    assert lines[1].startswith("alice  SHA256:")
    assert [lines[1].split()[2:], lines[2].split()] == [["approver,", "root,"], ["witness"]]
    assert all(len(line) <= 80 for line in lines)
    found = document(ledger.cli("james", "roster", "list", "--json").out, "roster")
    assert [one["name"] for one in found["members"]] == ["alice", "james", "carol"]


def test_requests(asked, ledger, document):
    out = ledger.cli("alice", "roster", "requests").out
    assert out.splitlines()[1].startswith("dora  SHA256:")
    found = document(ledger.cli("alice", "roster", "requests", "--json").out, "roster-requests")
    assert [one["name"] for one in found["requests"]] == ["dora"]
    assert ledger.cli("carol", "roster", "requests", "--no-fetch").out == "nobody asks to join\n"


def test_admit_shows_the_fingerprint_and_asks(asked):
    no = asked.cli("alice", "roster", "admit", "dora", answers="n\n", tty=True)
    assert (no.code, no.err.endswith("not admitted\n")) == (1, True)
    assert "SHA256:" in no.out
    assert "Did they show you this fingerprint? Admit them? [y/N] " in no.err
    yes = asked.cli("alice", "roster", "admit", "dora", answers="yes\n", tty=True)
    assert yes.code == 0
    assert "proposed alice/admit-dora" in yes.out
    assert asked.witness().after == 2
    asked.pull("dora")
    assert "dora   SHA256:" in asked.cli("dora", "roster", "list").out
    again = asked.cli("alice", "roster", "admit", "dora", "--yes")
    assert (again.code, "does not ask to join" in again.err) == (2, True)


def test_admit_without_a_terminal_needs_yes(asked, document):
    ran = asked.cli("alice", "roster", "admit", "dora")
    assert ran.code == 2
    assert "hint:  gitsync roster admit dora --yes" in ran.err
    ran = asked.cli("alice", "roster", "admit", "dora", "--yes", "--json")
    assert document(ran.out, "propose")["proposal"] == "alice/admit-dora"


def test_an_unsound_request_is_named_and_not_admitted(ledger, document):
    ws = ledger.ws("carol")
    forged = ws.repo.refs.get("refs/heads/common")
    ws.repo.git("push", "-q", "origin", f"{forged}:refs/heads/gitsync/requests/eve")
    found = document(ledger.cli("alice", "roster", "requests", "--json").out, "roster-requests")
    assert [one["name"] for one in found["unsound"]] == ["eve"]
    assert "unsound eve: " in ledger.cli("alice", "roster", "requests").out
    ran = ledger.cli("alice", "roster", "admit", "eve", "--yes")
    assert (ran.code, "hint:  ask them to run gitsync join again" in ran.err) == (1, True)


def test_add_and_remove(ledger, document):
    key = f"{ledger.key('dora')}.pub"
    ran = ledger.cli("alice", "roster", "add", "dora", key, "--json")
    assert document(ran.out, "propose")["decision"] == {"would": "land", "approved-by": []}
    ledger.witness()
    ledger.pull("alice")
    assert ledger.cli("alice", "roster", "remove", "dora").code == 0
    ledger.witness()
    ledger.pull("alice")
    assert "dora" not in ledger.cli("alice", "roster", "list").out


def test_who_may_not_change_it_is_told_what_it_needs(ledger, document):
    ran = ledger.cli("james", "roster", "remove", "carol", "--json")
    assert ran.code == 0
    decision = document(ran.out, "propose")["decision"]
    assert decision["would"] == "waiting"
    text = ledger.cli("james", "roster", "remove", "carol").out
    assert "  waiting: " in text


def test_a_key_file_that_is_none(ledger, tmp_path):
    ran = ledger.cli("alice", "roster", "add", "dora", "nothing.pub")
    assert (ran.code, "cannot read" in ran.err) == (3, True)
    (tmp_path / "x.pub").write_text("ssh-rsa \x1b[31m\n")
    ran = ledger.cli("alice", "roster", "add", "dora", str(tmp_path / "x.pub"))
    assert (ran.code, "\x1b" in ran.err) == (1, False)
