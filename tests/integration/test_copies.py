"""Remotes beside the home: brought up to date, read from, and never in anybody's way."""

from __future__ import annotations

import pytest

from tests.cli.conftest import read_document
from tests.integration import invariants
from tests.integration.ledgerkit import Hand, git


@pytest.fixture
def two(ledger):
    """A hub with two snapshots more, and james's clone with an empty copy and a dead remote."""
    git(ledger.root, "init", "-q", "--bare", "stick.git")
    for name in ("james", "carol"):
        git(ledger.folder(name), "remote", "add", "stick", str(ledger.root / "stick.git"))
        git(ledger.folder(name), "remote", "add", "dead", str(ledger.root / "nowhere.git"))
    ledger.propose("alice", "notes/a.md", "A\n", "a")
    ledger.propose("alice", "notes/b.md", "B\n", "b")
    ledger.witness()
    return ledger


def test_a_copy_is_brought_up_to_date_although_another_is_gone(two):
    ledger, stick = two, two.root / "stick.git"
    ledger.pull("james")
    ledger.propose("james", "notes/c.md", "C\n", "c")
    done = ledger.cli("james", "push", "--all")
    assert done.code == 0, done.err
    assert "stick: has common@3 too" in done.out
    assert "dead: cannot be reached" in done.out
    assert invariants.one_snapshot_per_number(stick) == 3
    refs = git(stick, "for-each-ref", "--format=%(refname)").split()
    assert {"refs/heads/people/james", "refs/heads/proposals/james/c"} <= set(refs)
    again = read_document(ledger.cli("james", "push", "--all", "--json").out, "push")
    assert [(one["remote"], one["state"]) for one in again["copies"]] == [
        ("dead", "unreachable"), ("stick", "equal"),
    ]  # fmt: skip
    assert again["copies"][1]["sent"] == []


def test_a_copy_brings_news_where_the_home_cannot_be_reached(two):
    ledger = two
    ledger.pull("james")
    ledger.cli("james", "push", "--all")
    ledger.hub.rename(ledger.root / "away.git")
    done = ledger.cli("carol", "pull", "--all")
    assert done.code == 0, done.err
    assert "stick: brought common@3, verified" in done.out
    assert git(ledger.folder("carol"), "rev-parse", "HEAD") == git(
        ledger.folder("james"), "rev-parse", "common"
    )
    found = read_document(ledger.cli("carol", "pull", "--all", "--json").out, "pull")
    assert (found["offline"], found["position"]) == (True, "common@3")
    (ledger.root / "away.git").rename(ledger.hub)
    assert ledger.cli("carol", "sync", "--all").code == 0


def test_a_copy_that_is_behind_is_no_rollback(two):
    ledger = two
    ledger.pull("james")
    ledger.cli("james", "push", "--all")
    ledger.propose("alice", "notes/d.md", "D\n", "d")
    ledger.witness()
    ledger.pull("james")
    found = read_document(ledger.cli("james", "pull", "--all", "--json").out, "pull")
    assert found["copies"][1] == {
        "remote": "stick", "state": "behind", "position": "common@3", "why": None,
    }  # fmt: skip
    found = read_document(ledger.cli("james", "sync", "--all", "--json").out, "sync")
    assert found["copies"][1]["position"] == "common@4"


def test_a_copy_that_lies_is_named_and_stops_nobody(two):
    ledger, stick = two, two.root / "stick.git"
    ledger.pull("james")
    ledger.cli("james", "push", "--all")
    hand = Hand(ledger, stick)
    hand.put("refs/heads/common", hand.change("james", {"x.md": b"x\n"}))
    found = read_document(ledger.cli("james", "pull", "--all", "--json").out, "pull")
    assert found["copies"][1]["state"] == "refused"
    assert "snapshot.malformed" in found["copies"][1]["why"]
    assert found["position"] == "common@3"
    assert git(stick, "rev-parse", "common") == hand.common
    read_document(ledger.cli("james", "push", "--all", "--json").out, "push")
    assert git(stick, "rev-parse", "common") == hand.common, "a copy is never forced"


def test_a_remote_that_holds_something_else_is_left_alone(two):
    ledger, stick = two, two.root / "stick.git"
    git(ledger.hub, "push", "-q", str(stick), f"{ledger.anchor}:refs/heads/main")
    found = read_document(ledger.cli("james", "push", "--all", "--json").out, "push")
    assert found["copies"][1]["state"] == "none"
    assert git(stick, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
