"""The doctor and the home: rolled back, half-done, quiet, out of reach. Never by force."""

from __future__ import annotations

import pytest

from tests.faults.kit import killed_at
from tests.integration import invariants
from tests.integration.doctorkit import examine, faults, mended, protect, refs, told
from tests.integration.ledgerkit import Hand
from tests.integration.peoplekit import git

RECEIPTS = "refs/heads/gitsync/receipts/common"
LOCKS = "refs/heads/gitsync/locks"


@pytest.fixture
def whole(ledger):
    """Three snapshots, each from a run of its own, that everybody has."""
    protect(ledger.hub)
    for number in range(2):
        ledger.clock.tick()
        ledger.propose("alice", f"notes/{number}.md", f"Note {number}\n", f"note-{number}")
        ledger.witness()
    ledger.pull("alice", "james", "carol")
    return ledger


@pytest.mark.parametrize(
    ("ref", "to", "code"),
    [
        ("refs/heads/common", None, "home.rolled-back"),
        ("refs/heads/common", "common~1", "home.rolled-back"),
        (RECEIPTS, None, "home.rolled-back"),
        (RECEIPTS, f"{RECEIPTS}~1", "home.rolled-back"),
        (LOCKS, None, "home.rolled-back"),
        (LOCKS, f"{LOCKS}~2", "home.rolled-back"),
        ("refs/tags/common@2", None, "home.tags-gone"),
        ("refs/tags/common@3", None, "home.tags-gone"),
    ],
)
def test_what_was_taken_back_on_the_home_is_put_there_again(whole, ref, to, code):
    before = refs(whole.hub)
    if to is None:
        git(whole.hub, "update-ref", "-d", ref)
    else:
        git(whole.hub, "update-ref", ref, git(whole.hub, "rev-parse", to))
    changed = refs(whole.hub)
    assert changed != before
    found = examine(whole, "james")
    assert faults(found) == [code]
    assert "git push origin" in told(found, code)["mend"][0]
    assert refs(whole.hub) == changed
    assert mended(examine(whole, "james", "--fix")) == [code]
    assert refs(whole.hub) == before
    invariants.all_of_them(whole.hub)
    assert examine(whole, "carol")["findings"] == []


def test_another_history_is_never_pushed_over(whole):
    """What the home shows does not lead to what was verified: only people can settle that."""
    stray = git(whole.hub, "-c", "user.name=x", "-c", "user.email=x@x.invalid",
                "commit-tree", "-m", "stray", "common~1^{tree}", "-p", "common~1")  # fmt: skip
    git(whole.hub, "config", "receive.denyNonFastForwards", "false")
    git(whole.hub, "update-ref", "refs/heads/common", stray)
    changed = refs(whole.hub)
    found = examine(whole, "james", "--fix")
    assert found["code"] == 1
    assert mended(found) == []
    assert refs(whole.hub) == changed
    assert whole.ws("james").verified().number == 3


def test_a_remote_that_is_not_the_home_is_not_filled(whole):
    other = whole.root / "other.git"
    git(whole.root, "init", "-q", "--bare", str(other))
    found = examine(whole, "james", "--fix", "--remote", str(other))
    assert told(found, "home.no-ledger")["kind"] == "note"
    assert refs(other) == ""


def test_a_witness_that_died_anywhere_leaves_nothing_unsaid(whole):
    """Killed at each step: the doctor names what is half-done or finds nothing, and a run mends."""
    seen, step = set(), -1
    while True:
        step += 4
        whole.clock.tick()
        whole.propose("james", f"k/{step}.md", f"{step}\n", f"k-{step}")
        whole.cli("alice", "pull")
        if not killed_at(whole.witness, step, after=step % 8 == 3):
            break
        found = examine(whole, "carol")
        half = [one for one in found["findings"] if one["area"] == "home"]
        assert all(one["kind"] == "half-done" for one in half), (step, half)
        seen.update(one["code"] for one in half)
        whole.witness()
        whole.pull("alice", "james", "carol")
        assert faults(examine(whole, "carol")) == [], step
    assert "run.no-tag" in seen
    invariants.all_of_them(whole.hub)


def test_receipts_that_a_dead_run_did_not_write(whole):
    before = git(whole.hub, "rev-parse", RECEIPTS)
    whole.clock.tick()
    whole.propose("james", "x.md", "x\n", "x")
    whole.witness()
    git(whole.hub, "update-ref", RECEIPTS, before)
    found = examine(whole, "carol")
    assert faults(found) == ["run.no-receipt"]
    assert told(found, "run.no-receipt")["mend"] == ["gitsync witness run"]


def test_an_accepted_proposal_that_is_still_listed(whole):
    done = whole.propose("james", "x.md", "x\n", "x")
    whole.witness()
    git(whole.hub, "update-ref", "refs/heads/proposals/james/x", done.commit)
    assert faults(examine(whole, "carol")) == ["run.answered-refs"]
    whole.witness()
    assert faults(examine(whole, "carol")) == []


def test_a_witness_that_has_not_come_for_long(whole):
    whole.clock.tick(40 * 86400)
    note = told(examine(whole, "carol"), "witness.quiet")
    assert note["kind"] == "note"
    assert note["what"] == "no witness run since 2026-01-01T00:02:00Z"
    whole.propose("james", "x.md", "x\n", "x")
    found = examine(whole, "carol")
    assert faults(found) == ["witness.quiet"]
    assert told(found, "witness.quiet")["what"].endswith(", and 1 proposal waits")


def test_a_clock_that_is_a_day_late(whole):
    whole.clock.tick(-86400)
    found = examine(whole, "carol")
    assert faults(found) == ["clock.behind"]
    assert "2025-12-31T00:02:00Z" in told(found, "clock.behind")["what"]


def test_a_home_that_cannot_be_reached(whole):
    whole.hub.rename(whole.root / "away.git")
    found = examine(whole, "james")
    assert faults(found) == ["remote.unreachable"]
    assert found["skipped"] == ["the home", "protection", "everything again"]


def test_a_home_without_atomic_pushes(whole):
    git(whole.hub, "config", "receive.advertiseAtomic", "false")
    assert faults(examine(whole, "james")) == ["remote.no-atomic"]


def test_the_newest_of_ones_own_is_taken_only_if_one_signed_it(whole):
    whole.cli("james", "snapshot", "-m", "mine")
    whole.cli("james", "push")
    folder = whole.folder("james")
    tag = git(folder, "rev-parse", "james@1")
    git(folder, "update-ref", "-d", "refs/tags/james@1")
    Hand(whole).put("refs/tags/james@2", git(whole.hub, "rev-parse", "common@1"))
    git(whole.folder("alice"), "tag", "-s", "-m", "not james", "james@3", "common")
    git(whole.folder("alice"), "push", "-q", "--no-verify", "origin", "james@3")
    found = examine(whole, "james", "--fix")
    tags = {one["subject"][10:]: one for one in found["findings"] if one["code"] == "tag.gone"}
    states = {name: one["state"] for name, one in tags.items()}
    assert states == {"james@1": "mended", "james@2": "failed", "james@3": "failed"}
    assert tags["james@3"]["done"] == "left there: alice signed it"
    assert git(folder, "tag", "--list", "james@*") == "james@1"
    assert git(folder, "rev-parse", "james@1") == tag
