"""``gitsync log``."""

from __future__ import annotations

import stat

BASE = "---\nid: plan-bcdfgh\ntype: plan\ntitle: T\nstatus: {}\nowner: james\n---\n\nBody\n"


def history(ledger):
    for state in ("committed", "approved"):
        ledger.clock.tick(86400)
        text = BASE.format(state)
        ledger.propose("james", "plans/plan-bcdfgh-t.md", text, state, f"Make it {state}")
        if state == "approved":
            ledger.cli("alice", "approve", "james/approved", "--yes")
        ledger.witness()
        ledger.pull("alice", "james")


def test_newest_first(ledger, golden, document):
    history(ledger)
    golden("log", ledger.cli("james", "log").out)
    entries = document(ledger.cli("james", "log", "--json").out, "log")["entries"]
    assert [one["position"] for one in entries] == ["common@3", "common@2", "common@1"]
    assert [one["approved-by"] for one in entries] == [["alice"], [], []]


def test_a_limit_and_a_start(ledger, document):
    history(ledger)
    found = document(ledger.cli("james", "log", "common@2", "-n", "1", "--json").out, "log")
    assert [one["position"] for one in found["entries"]] == ["common@2"]
    assert ledger.cli("james", "log", "-n", "0").code == 2
    assert ledger.cli("james", "log", "common@99").code == 2


def test_a_pager_on_a_terminal_only(ledger, tmp_path):
    pager = tmp_path / "pager.sh"
    pager.write_text(f'#!/bin/sh\ncat > {tmp_path}/paged; echo "$LESS" > {tmp_path}/less\n')
    pager.chmod(pager.stat().st_mode | stat.S_IXUSR)
    plain = ledger.cli("james", "log", GIT_PAGER=str(pager))
    assert plain.out.startswith("common@1")
    assert not (tmp_path / "paged").exists()
    shown = ledger.cli("james", "log", tty=True, GIT_PAGER=str(pager))
    assert shown.out == ""
    assert (tmp_path / "paged").read_text() == plain.out
    assert (tmp_path / "less").read_text() == "FRX\n"
    missing = ledger.cli("james", "log", tty=True, PAGER="/nowhere/less")
    assert missing.out == plain.out
    assert ledger.cli("james", "log", tty=True, PAGER="cat").out == plain.out
