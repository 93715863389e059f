"""``gitsync verify``."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitsync.codec.gitobjects import encode_tag, tag_payload
from gitsync.services import evidence


@pytest.fixture
def three(ledger):
    """common@1 to common@3, pulled by james."""
    for name in ("a", "b"):
        ledger.clock.tick(3600)
        ledger.propose("james", f"{name}.md", "x\n", name)
        ledger.witness()
    ledger.pull("james")
    return ledger


def test_words(three, golden):
    golden("verify-again", three.cli("james", "verify").out)
    golden("verify-full", three.cli("james", "verify", "--full").out)
    golden("verify-range", three.cli("james", "verify", "common@2..common@3").out)


def test_only_what_is_new_is_checked_and_remembered(three, document):
    first = document(three.cli("carol", "verify", "--fetch", "--json").out, "verify")
    assert (first["first"], first["replayed"], first["remembered"]) == ("common@2", 2, True)
    again = document(three.cli("carol", "verify", "--json").out, "verify")
    assert (again["first"], again["replayed"]) == (None, 0)
    every = document(three.cli("carol", "verify", "--no-cache", "--json").out, "verify")
    assert (every["first"], every["replayed"], every["position"]) == ("common@1", 3, "common@3")


@pytest.mark.parametrize(
    ("span", "first", "replayed", "position"),
    [
        ("common@1..common@2", "common@1", 2, "common@2"),
        ("common@2", "common@2", 1, "common@2"),
        ("@3", "common@3", 1, "common@3"),
        ("common@1..common@3", "common@1", 3, "common@3"),
    ],
)
def test_ranges(three, document, span, first, replayed, position):
    found = document(three.cli("james", "verify", span, "--json").out, "verify")
    assert (found["first"], found["replayed"]) == (first, replayed)
    assert (found["position"], found["remembered"]) == (position, False)


@pytest.mark.parametrize(
    "span", ["common@3..common@2", "common", "other@2", "common@0", "common@9"]
)
def test_ranges_that_are_none(three, document, span):
    ran = three.cli("james", "verify", span, "--json")
    assert ran.code == 2
    assert document(ran.err, "error")["code"].startswith("position.")


def test_a_range_is_proven_again_whatever_was_verified(three, document):
    """A forged tag inside the verified history is found by the range that holds it."""
    ws = three.ws("james")
    mirror = "refs/gitsync/remotes/origin/tags/common@"
    ws.repo.git("update-ref", f"{mirror}2", str(ws.repo.refs.get(f"{mirror}3")))
    assert three.cli("james", "verify").code == 0
    ran = three.cli("james", "verify", "common@2", "--json")
    assert (ran.code, document(ran.err, "error")["code"]) == (1, "tag.transplanted")


def test_stale_by_the_notarys_clock(three, document):
    three.clock.tick(86400 * 8)
    assert three.cli("james", "verify", "--max-age", "9d").code == 0
    ran = three.cli("james", "verify", "--max-age", "7d", "--json")
    assert ran.code == 1
    error = document(ran.err, "error")
    assert error["code"] == "freeze.stale"
    assert "stale since 2026-01-01T02:00:00Z" in error["message"]


def test_a_tip_without_a_tag_is_pending(three, document):
    hub = three.ws("james").repo
    hub.git("push", "-q", "origin", ":refs/tags/common@3")
    ran = three.cli("carol", "verify", "--fetch")
    assert ran.code == 0
    assert "pending: common@3 has no tag yet and is not final\n" in ran.out
    found = document(three.cli("carol", "verify", "--json").out, "verify")
    assert (found["position"], found["pending"]) == ("common@2", ["common@3"])


def test_a_damaged_position_is_made_anew_by_full(three, document):
    path = three.folder("james") / ".git" / "gitsync" / "position-common.json"
    path.write_text("{")
    ran = three.cli("james", "verify", "--json")
    assert (ran.code, document(ran.err, "error")["code"]) == (1, "position.damaged")
    assert three.cli("james", "verify", "--full").code == 0
    assert three.cli("james", "verify").code == 0


def test_a_rolled_back_remote(three, document):
    ws = three.ws("james")
    ws.repo.git("push", "-q", "-f", "origin", "common~1:refs/heads/common", ":refs/tags/common@3")
    ran = three.cli("james", "verify", "--fetch", "--json")
    assert (ran.code, document(ran.err, "error")["code"]) == (1, "position.rollback")


def test_another_clone_of_the_user_knows_more(three, document):
    """carol has verified nothing new, but this machine has seen common@3: less is a rollback."""
    ws = three.ws("james")
    ws.repo.git("push", "-q", "-f", "origin", "common~1:refs/heads/common", ":refs/tags/common@3")
    ran = three.cli("carol", "verify", "--fetch", "--json")
    assert (ran.code, document(ran.err, "error")["code"]) == (1, "position.rollback")


def test_evidence_is_confirmed_anywhere(three, cli, tmp_path, document):
    ws = three.ws("alice")
    ours = ws.facts.tag(ws.repo.refs.get("refs/tags/common@2"))
    other = replace(ours, target=ws.ledger(), signature=None)
    theirs = replace(other, signature=ws.signer().sign(tag_payload(other)))
    assert encode_tag(theirs) != encode_tag(ours)
    path = evidence.fork_file(tmp_path / "evidence", ours, theirs)
    document(path.read_text(), "evidence")
    ran = cli(tmp_path, "verify", "--evidence", str(path))
    assert ran.code == 0
    assert ran.out.startswith("proven: common@2 was signed twice")
    found = document(
        three.cli("james", "verify", "--evidence", str(path), "--json").out, "verify-evidence"
    )
    assert found["tags"][0]["signer"].startswith("alice SHA256:")
    same = evidence.fork_file(tmp_path / "none", ours, ours)
    assert cli(tmp_path, "verify", "--evidence", str(same)).code == 1
    assert cli(tmp_path, "verify", "--evidence", "nothing.json").code == 3
    assert cli(tmp_path, "verify", "--evidence", str(path), "--full").code == 2


def test_before_anything_was_fetched(ledger, document):
    ws = ledger.ws("james")
    for ref in ws.repo.refs.list("refs/gitsync/remotes/"):
        ws.repo.git("update-ref", "-d", ref)
    ran = ledger.cli("james", "verify", "--json")
    assert (ran.code, document(ran.err, "error")["hint"]) == (1, "gitsync verify --fetch")
