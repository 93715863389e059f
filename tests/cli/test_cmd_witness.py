"""``gitsync witness run``."""

from __future__ import annotations

from gitsync.domain.errors import VerificationError


def test_one_line_a_receipt_and_a_summary(ledger):
    ledger.clock.tick()
    ledger.propose("alice", "notes/c.md", "A\n", "c")
    ledger.clock.tick()
    ledger.propose("james", "notes/c.md", "B\n", "clash")
    ran = ledger.cli("alice", "witness", "run")
    assert (ran.code, ran.err) == (0, "")
    lines = ran.out.splitlines()
    assert lines[0] == "accepted common@2  alice/c"
    assert lines[1] == "refused  james/clash"
    assert lines[2].startswith("    it conflicts with common@2: ")
    assert lines[-1] == "common@1 -> common@2: 1 accepted, 1 refused"
    assert ledger.cli("alice", "witness", "run", "--once").out == "common@2: nothing to decide\n"


def test_the_witness_sees_its_own_work_without_fetching(ledger, document):
    ledger.propose("james", "a.md", "a\n", "a")
    ledger.cli("alice", "witness", "run")
    found = document(ledger.cli("alice", "verify", "--json").out, "verify")
    assert (found["position"], found["pending"]) == ("common@2", [])
    assert ledger.ws("alice").repo.refs.get("refs/tags/common@2")
    assert ledger.cli("alice", "proposals").out.startswith("no proposals")


def test_dry_run_and_json(ledger, document):
    ledger.propose("james", "a.md", "a\n", "a")
    args = ("witness", "run", "--json")
    dry = document(ledger.cli("alice", *args, "--dry-run").out, "witness-run")
    assert dry["dry-run"] is True
    assert ledger.cli("james", "pull").out.startswith("common@1: nothing new")
    real = document(ledger.cli("alice", *args).out, "witness-run")
    assert (real["after"], [one["outcome"] for one in real["receipts"]]) == (
        "common@2",
        ["accepted"],
    )


def test_someone_who_is_no_witness(ledger, document):
    ran = ledger.cli("james", "witness", "run", "--json")
    assert ran.code == 1
    assert document(ran.err, "error")["code"] == "witness.not-you"


def test_a_home_that_does_not_verify(ledger, monkeypatch):
    def fail(*_args, **_more):
        raise VerificationError("replay.tree", "common@1: its files are not what they should be")

    monkeypatch.setattr("gitsync.services.witnessing.run_once", fail)
    ran = ledger.cli("alice", "witness", "run")
    assert (ran.code, ran.err) == (1, "error: common@1: its files are not what they should be\n")


def test_watch_reports_what_is_new_and_stops_quietly(ledger, monkeypatch):
    from gitsync.services import witnessing

    def watch(ws, options, opened):
        for _ in range(2):
            yield witnessing.run_once(opened(), options)
        raise KeyboardInterrupt

    monkeypatch.setattr(witnessing, "watch", watch)
    ledger.propose("james", "a.md", "a\n", "a")
    ran = ledger.cli("alice", "witness", "run", "--watch")
    assert ran.code == 130
    assert ran.out == "accepted common@2  james/a\ncommon@1 -> common@2: 1 accepted\n"
    assert ran.err == "watching origin; Ctrl-C stops\n"
    assert ledger.cli("alice", "witness", "run", "--watch", "--once").code == 2


def test_a_limited_run_says_that_it_has_the_rest(ledger, document):
    for name in ("a", "b", "c"):
        ledger.clock.tick()
        ledger.propose("james", f"{name}.md", f"{name}\n", name)
    first = document(
        ledger.cli("alice", "witness", "run", "--limit", "1", "--json").out, "witness-run"
    )
    outcomes = [one["outcome"] for one in first["receipts"]]
    assert first["after"] == "common@2"
    assert outcomes.count("received") == 2
    held = ledger.cli("james", "receipt", "c", "--json")
    assert held.code == 1
    assert document(held.out, "receipt")["outcome"] == "received"
    ledger.cli("alice", "witness", "run")
    done = ledger.cli("james", "receipt", "c", "--json")
    assert (done.code, document(done.out, "receipt")["outcome"]) == (0, "accepted")
