"""``gitsync push``, ``pull``, ``sync`` and ``pin``."""

from __future__ import annotations


def test_push_sends_what_is_ones_own(ledger, document):
    ledger.write("james", "a.md", "a\n")
    ledger.cli("james", "snapshot")
    assert ledger.cli("james", "push").out == (
        "sent people/james to origin\nsent james@1 to origin\n"
    )
    assert ledger.cli("james", "push").out == "nothing to send: origin has all of yours\n"
    found = document(ledger.cli("james", "push", "--json").out, "push")
    assert found == {**found, "remote": "origin", "sent": [], "refused": []}


def test_push_names_what_the_remote_refuses_and_sends_the_rest(ledger, document):
    hook = ledger.hub / "hooks" / "update"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text('#!/bin/sh\ncase "$1" in refs/heads/people/*) echo no >&2; exit 1;; esac\n')
    hook.chmod(0o755)
    ledger.write("james", "a.md", "a\n")
    ledger.cli("james", "snapshot")
    ran = ledger.cli("james", "push", "--json")
    assert ran.code == 1
    found = document(ran.out, "push")
    assert [one["ref"] for one in found["refused"]] == ["refs/heads/people/james"]
    assert found["sent"] == ["refs/tags/james@1"]


def test_pull(ledger, document):
    ledger.propose("james", "a.md", "a\n", "a")
    ledger.witness()
    ran = ledger.cli("james", "pull")
    assert ran.out == (
        "common@2: 1 new snapshot, verified\nyour branch is at common@2\nlanded: james/a\n"
    )
    assert ledger.cli("james", "pull").out == "common@2: nothing new\nyour branch holds common@2\n"
    found = document(ledger.cli("carol", "pull", "--json").out, "pull")
    assert (found["before"], found["position"], found["moved"]) == (
        "common@1",
        "common@2",
        "forward",
    )


def test_pull_to_a_position_and_offline(ledger, document):
    for name in ("a", "b"):
        ledger.propose("james", f"{name}.md", "x\n", name)
        ledger.witness()
    found = document(ledger.cli("carol", "pull", "--to", "common@2", "--json").out, "pull")
    assert (found["position"], found["files-at"]) == ("common@3", "common@2")
    assert not (ledger.folder("carol") / "b.md").exists()
    ledger.hub.rename(ledger.root / "away.git")
    ran = ledger.cli("carol", "pull")
    assert (ran.code, ran.err.startswith("offline: ")) == (0, True)
    ran = ledger.cli("carol", "sync", "--json")
    assert document(ran.out, "sync")["pull"]["offline"] is True


def test_pull_refuses_what_does_not_verify_and_nothing_moves(ledger, document):
    ws = ledger.ws("james")
    evil = ws.repo.git("commit-tree", "-m", "evil", "-p", "common", "common^{tree}")
    oid = evil.out.decode().strip()
    ws.repo.git("push", "-q", "-f", "origin", f"{oid}:refs/heads/common")
    before = ledger.ws("carol").repo.refs.list("refs/heads/", "refs/tags/")
    ran = ledger.cli("carol", "pull", "--json")
    assert ran.code == 1
    assert document(ran.err, "error")["kind"] == "refused"
    assert ledger.ws("carol").repo.refs.list("refs/heads/", "refs/tags/") == before


def test_sync_is_both(ledger, document):
    ledger.write("james", "a.md", "a\n")
    ledger.cli("james", "snapshot")
    found = document(ledger.cli("james", "sync", "--json").out, "sync")
    assert found["push"]["sent"] == ["refs/heads/people/james", "refs/tags/james@1"]
    assert ledger.cli("james", "sync").out.endswith("nothing to send: origin has all of yours\n")


def test_pin(ledger, document):
    ledger.propose("james", "a.md", "a\n", "a")
    ledger.witness()
    ledger.pull("carol")
    assert ledger.cli("carol", "pin").out == "not pinned; the newest is common@2\n"
    assert ledger.cli("carol", "pin", "common@1").out == (
        "pinned to common@1; the newest is common@2\n"
    )
    assert not (ledger.folder("carol") / "a.md").exists()
    ledger.pull("carol")
    assert not (ledger.folder("carol") / "a.md").exists()
    found = document(ledger.cli("carol", "pin", "--json").out, "pin")
    assert (found["pin"], found["newest"]) == ("common@1", "common@2")
    assert ledger.cli("carol", "pin", "--off").out.startswith("not pinned; ")
    ledger.pull("carol")
    assert (ledger.folder("carol") / "a.md").exists()
    ran = ledger.cli("carol", "pin", "common@1", "--off")
    assert ran.code == 2
