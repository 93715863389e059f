"""A remote that goes back, forks, stands still or drops refs is told from one that goes on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gitsync.codec.records import read_snapshot
from gitsync.domain.errors import VerificationError
from gitsync.domain.objects import Commit, Oid
from gitsync.services.sources import fresh_view
from tests.attacks.kit import (
    LOCKS,
    RECEIPTS,
    WITNESS,
    at_three,
    both_ways,
    code,
    rules,
    said,
    unchanged,
)
from tests.integration import invariants
from tests.integration.ledgerkit import Hand, check, git, step


@pytest.fixture
def hand(ledger) -> Hand:
    return at_three(ledger)


def test_common_rolled_back(ledger, hand):
    step(ledger, "carol")
    hand.put("refs/heads/common", hand.snapshot(2))
    hand.put("refs/tags/common@3", None)
    before = unchanged(ledger)
    with pytest.raises(VerificationError) as error:
        step(ledger, "carol")
    assert code(error) == "position.rollback"
    assert "git push" in (error.value.hint or "")
    assert unchanged(ledger) == before
    with pytest.raises(VerificationError):
        ledger.witness()


def test_common_rolled_back_with_its_tags_left(ledger, hand):
    hand.put("refs/heads/common", hand.snapshot(2))
    with pytest.raises(VerificationError) as error:
        check(ledger, "james")
    assert code(error) in ("common.behind-tags", "position.rollback")


def test_a_deleted_common(ledger, hand):
    hand.put("refs/heads/common", None)
    with pytest.raises(VerificationError) as error:
        step(ledger, "carol")
    assert code(error) == "common.missing"


def test_another_ledger_in_its_place(ledger, hand, tmp_path):
    who = hand.who("alice")

    anchor = hand.facts.commit(hand.snapshot(1))
    other = Commit(anchor.tree, (), who, replace(who, seconds=who.seconds + 1), anchor.message)
    oid = hand.write("alice", other)
    for ref in [ref for ref in hand.refs() if ref.startswith("refs/tags/common@")]:
        hand.put(ref, None)
    hand.put("refs/heads/common", oid)
    hand.put("refs/tags/common@1", hand.tag("alice", "common@1", oid, message="common@1\n"))
    before = unchanged(ledger)
    with pytest.raises(VerificationError) as error:
        step(ledger, "carol")
    assert code(error) == "common.fork"
    with pytest.raises(VerificationError) as error:
        check(ledger, "james")
    assert code(error) in ("anchor.other", "common.fork")
    assert unchanged(ledger) == before


@pytest.mark.parametrize(("ref", "what"), [(RECEIPTS, "receipts"), (LOCKS, "locks")])
def test_a_side_ref_rolled_back_or_deleted(ledger, hand, ref, what):
    step(ledger, "carol")
    old = Oid(git(ledger.hub, "rev-parse", f"{ref}~1"))
    for value in (old, None):
        hand.put(ref, value)
        with pytest.raises(VerificationError) as error:
            step(ledger, "carol")
        assert code(error) == f"{what}.rolled-back"
        assert "git push" in (error.value.hint or "")
        with pytest.raises(VerificationError):
            ledger.witness()


@pytest.mark.parametrize(("ref", "what"), [(RECEIPTS, "receipts"), (LOCKS, "locks")])
def test_a_side_ref_rolled_back_before_a_recorded_tip_shows_to_a_newcomer(ledger, hand, ref, what):
    recorded = getattr(read_snapshot(hand.facts.commit(hand.common).message), what)
    parents = hand.facts.commit(recorded).parents
    hand.put(ref, parents[0] if parents else None)
    with pytest.raises(VerificationError) as error:
        check(ledger, "james")
    assert code(error) in (f"{what}.rolled-back", "position.rollback")


@pytest.mark.parametrize(("ref", "what", "who"), [(RECEIPTS, "receipts", "james"),
                                                  (LOCKS, "locks", "mallory")])  # fmt: skip
def test_a_side_ref_written_by_whoever_may_not(ledger, hand, ref, what, who):
    tip = Oid(git(ledger.hub, "rev-parse", ref))
    hand.put(ref, hand.commit(who, hand.facts.commit(tip).tree, tip))
    both_ways(ledger, f"{what}.unknown-key")


def test_refs_read_in_two_moments_are_no_rollback(ledger, hand):
    """A reader may see the receipts of a snapshot before its branch; the branch comes later."""
    step(ledger, "carol")
    hand.propose("james/c", hand.change("james", {"c.md": b"c\n"}))
    ledger.witness()
    real = fresh_view(ledger.ws("carol"))
    tags = {number: tag for number, tag in real.tags.items() if number < 4}
    torn = replace(real, common=Oid(hand.snapshot(3)), tags=tags)
    from gitsync.services.pulling import verify_view

    for file in ledger.ws("carol").positions()._user_dir.rglob("*.json"):
        file.unlink()  # the witness is another user's
    assert verify_view(ledger.ws("carol"), torn).state.number == 3
    assert step(ledger, "carol").number == 4


def test_snapshots_without_tags_yet_are_no_rollback_later(ledger, hand):
    step(ledger, "carol")
    hand.propose("james/c", hand.change("james", {"c.md": b"c\n"}))
    ledger.witness()
    tag = Oid(git(ledger.hub, "rev-parse", "refs/tags/common@4"))
    hand.put("refs/tags/common@4", None)
    for file in ledger.ws("carol").positions()._user_dir.rglob("*.json"):
        file.unlink()
    found = step(ledger, "carol")
    assert (found.number, found.pending) == (3, (4,))
    hand.put("refs/tags/common@4", tag)
    assert step(ledger, "carol").number == 4


# -- by stock git -----------------------------------------------------------------------------


def test_rollback_of_common(ledger, hand, stock):
    """A clone never goes back behind what it has verified, nor does another one of its user."""
    step(ledger, "carol")
    relay = stock("mallory")
    relay.push("common@2^{commit}", "refs/heads/common")
    relay.push("", "refs/tags/common@3")
    before = unchanged(ledger)
    assert said(ledger.cli("carol", "pull", "--json")) == "position.rollback"
    (ledger.folder("carol") / ".git/gitsync/position-common.json").unlink()
    assert said(ledger.cli("carol", "verify", "--fetch", "--json")) == "position.rollback"
    assert unchanged(ledger) == before
    for spec in ("common@3^{commit}:refs/heads/common", "refs/tags/common@3"):
        git(ledger.folder("carol"), "push", "-q", "origin", spec)
    assert step(ledger, "carol").number == 3, "restored from a clone"


def test_freeze(ledger, hand):
    """A remote that stands still is told from one where nothing happens, if one asks for it."""
    ledger.clock.tick(30 * 86_400)
    assert ledger.cli("carol", "verify", "--fetch").code == 0
    ran = ledger.cli("carol", "verify", "--fetch", "--max-age", "7d")
    assert ran.code == 1
    assert "stale since 2026-01-01" in ran.err


def test_mix_and_match_of_refs(ledger, hand, stock):
    """Branch, tags, receipts and locks that never stood together are no view of the ledger."""
    relay = stock("mallory")
    relay.git("fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*")
    recorded = read_snapshot(hand.facts.commit(hand.common).message)
    for what, ref, oid in (
        ("receipts", RECEIPTS, recorded.receipts),
        ("locks", LOCKS, recorded.locks),
    ):
        now = relay.id("origin/" + ref.removeprefix("refs/heads/"))
        older = git(relay.folder, "rev-parse", f"{oid}~1", check=False)
        relay.push(older if len(older) == 40 else hand.snapshot(1), ref)
        with pytest.raises(VerificationError) as error:
            check(ledger, "james")
        assert code(error) in (f"{what}.rolled-back", f"{what}.unknown-key")
        relay.push(now, ref)
    relay.push("common@2^{commit}", "refs/heads/common")
    for file in ledger.ws("james").positions()._user_dir.rglob("*.json"):
        file.unlink()  # nobody on this machine has seen more
    with pytest.raises(VerificationError) as error:
        check(ledger, "james")
    assert code(error) == "common.behind-tags"


def test_deleted_or_rolled_back_locks_or_receipts_ref(ledger, hand, stock):
    """Every snapshot records the tips that it saw: what lacks them is stopped at, and restored."""
    step(ledger, "carol")
    relay = stock("mallory")
    relay.git("fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*")
    for what, ref in (("receipts", RECEIPTS), ("locks", LOCKS)):
        now = relay.id("origin/" + ref.removeprefix("refs/heads/"))
        for value in (f"{now}~1", ""):
            relay.push(value, ref)
            for command in (("carol", "pull"), ("alice", "witness", "run")):
                ran = ledger.cli(*command, "--json")
                assert said(ran) == f"{what}.rolled-back"
        mend = json.loads(ran.err)["hint"].split("git ")[-1].split()
        git(ledger.folder("carol"), *mend)
        assert git(ledger.hub, "rev-parse", ref) == now, "the hint restores it"
        assert step(ledger, "carol").number == 3


def test_a_ref_name_that_no_clone_can_hold(ledger, hand, stock):
    """It is left out, and keeps nobody from everything else."""
    james = stock("james")
    james.change({"c.md": b"c\n"})
    james.propose("james/c")
    room = 4085 - len(f"{ledger.hub}/refs/heads/proposals/")  # with ".lock", as long as paths get
    name = (("a" * 200 + "/") * 20)[:room].rstrip("/")
    james.push("HEAD", f"refs/heads/proposals/{name}")
    report = ledger.witness()
    assert hand.rule("james/c") == "ledger.accepted"
    assert [len(ref) for ref in report.misnamed] == [103], "said, and not at full length"
    ledger.pull("carol")
    assert ledger.ws("carol").verified().number == 4


def test_a_folder_where_a_tag_belongs(ledger, hand, stock):
    """The witness says which ref keeps its tag out, and goes on once that is gone."""
    mallory = stock("mallory")
    mallory.push("common@1^{commit}", "refs/tags/common@4/x")
    hand.propose("james/c", hand.change("james", {"c.md": b"c\n"}))
    for _ in range(2):
        with pytest.raises(VerificationError) as error:
            ledger.witness()
        assert code(error) == "tag.in-the-way"
        assert "git push origin :refs/tags/common@4/x" in (error.value.hint or "")
    assert step(ledger, "carol").number == 3
    mallory.push("", "refs/tags/common@4/x")
    assert ledger.witness().healed_tags == (4,)
    assert step(ledger, "carol").number == 4
    invariants.all_of_them(ledger.hub, ledger.witness)


def test_a_branch_that_becomes_a_folder(ledger, hand, stock):
    """Git keeps the old branch in refs/remotes/ and cannot store the new one; we go on."""
    mallory = stock("mallory")
    mallory.change({"m.md": b"m\n"})
    mallory.propose("mallory/x")
    ledger.witness()
    ledger.pull("carol")
    mallory.push("", "refs/heads/proposals/mallory/x")
    mallory.propose("mallory/x/y")
    hand.propose("james/c", hand.change("james", {"c.md": b"c\n"}))
    ledger.witness()
    assert hand.rule("james/c") == "ledger.accepted"
    ledger.pull("carol")
    assert ledger.ws("carol").verified().number == 4
    with pytest.raises(AssertionError, match="some local refs could not be updated"):
        git(ledger.folder("carol"), "fetch", "origin")


def test_receipts_by_a_witness_whose_role_ended(ledger, hand):
    """A key whose role ended long before adds no answers, also for whoever begins anew and meets
    the settings under which it counted."""
    both = WITNESS.replace("[alice]", "[alice, james]")
    rules(ledger, hand, it=(WITNESS, both))
    hand.reopen()
    rules(ledger, hand, it=(both, WITNESS))
    hand.reopen()
    hand.propose("carol/c", hand.change("carol", {"c.md": b"c\n"}))
    ledger.witness()
    hand.reopen()
    step(ledger, "carol")
    tip = hand.refs()[RECEIPTS]
    hand.put(RECEIPTS, hand.commit("james", hand.facts.commit(Oid(tip)).tree, Oid(tip)))
    both_ways(ledger, "receipts.unknown-key")
