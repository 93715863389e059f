"""Receipts, withdrawals and updates bind whom they should bind, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitsync.codec import receipts as codec
from tests.integration import invariants
from tests.integration.ledgerkit import Hand, check, git

if TYPE_CHECKING:
    from gitsync.domain.objects import Oid


@pytest.fixture
def hand(ledger) -> Hand:
    return Hand(ledger)


def waiting(hand: Hand, who: str = "james", path: str = "a.md", more: str = "") -> Oid:
    """A proposal that stays undecided until somebody says otherwise."""
    return hand.change(who, {path: b"a\n"}, message=f"x\n\nAfter: {'1' * 40}{more}")


def quiet(ledger, hand: Hand) -> None:
    """A run without news writes nothing: else a watching witness would wake itself for ever."""
    invariants.again_changes_nothing(ledger.hub, ledger.witness)


def test_a_withdrawn_proposal_pushed_again_does_not_land(ledger, hand):
    mine = hand.change("james", {"a.md": b"a\n"})
    hand.propose("james/x", mine)
    hand.withdraw("james", "james/x", mine)
    ledger.witness()
    assert hand.rule("james/x") == "proposal.withdrawn"
    for name in ("james/x", "james/y"):
        hand.propose(name, mine)
        ledger.witness()
        assert hand.rule(name) == "proposal.withdrawn"
    assert hand.number() == 1
    quiet(ledger, hand)


def test_a_withdrawal_holds_against_the_same_commit_in_the_same_run(ledger, hand):
    mine = hand.change("james", {"a.md": b"a\n"})
    hand.propose("james/a-copy", mine)
    hand.withdraw("james", "james/x", mine)
    ledger.witness()
    assert hand.number() == 1
    assert hand.rule("james/a-copy") == "proposal.withdrawn"


def test_a_withdrawal_survives_a_refusal_under_another_s_name(ledger, hand):
    """The commit pushed to somebody else's ref is refused there; that answer is not its own."""
    mine = hand.change("james", {"a.md": b"a\n"})
    hand.withdraw("james", "james/x", mine)
    ledger.witness()
    hand.propose("carol/x", mine)
    ledger.witness()
    assert hand.rule("carol/x") == "proposal.not-yours"
    hand.propose("james/y", mine)
    ledger.witness()
    assert hand.rule("james/y") == "proposal.withdrawn"
    assert hand.number() == 1


def test_a_withdrawal_is_not_spoilt_by_a_stranger_s_made_first(ledger, hand):
    mine = hand.change("james", {"a.md": b"a\n"})
    hand.repo.store.flush()
    hand.withdraw("carol", "carol/spoil", mine)
    ledger.witness()
    hand.withdraw("james", "james/x", mine)
    ledger.witness()
    hand.propose("james/y", mine)
    ledger.witness()
    assert hand.number() == 1
    assert hand.rule("james/y") == "proposal.withdrawn"


def test_a_withdrawal_after_a_refusal_holds_too(ledger, hand):
    hand.propose("james/base", hand.change("james", {"a.md": b"1\n"}))
    ledger.witness()
    hand.reopen()
    mine = hand.change("james", {"a.md": b"mine\n"}, seconds=hand.now + 9)
    hand.propose("carol/first", hand.change("carol", {"a.md": b"hers\n"}))
    hand.propose("james/x", mine)
    ledger.witness()
    assert hand.rule("james/x") == "merge.conflict"
    hand.withdraw("james", "james/x", mine)
    ledger.witness()
    hand.reopen()
    back = hand.change("carol", {"a.md": b"1\n"})
    hand.propose("carol/back", back)
    hand.propose("james/y", mine)
    ledger.witness()
    assert hand.rule("james/y") == "proposal.withdrawn"


def test_nobody_withdraws_for_somebody_else(ledger, hand):
    mine = hand.change("james", {"a.md": b"a\n"})
    hand.propose("james/x", mine)
    hand.withdraw("carol", "carol/evil", mine)
    hand.withdraw("carol", "james/other", mine)
    ledger.witness()
    assert hand.rule("james/x") == "ledger.accepted"
    assert hand.rule("james/other") == "proposal.not-yours"


def test_a_stranger_s_withdrawal_does_not_answer_for_a_proposal_that_waits(ledger, hand):
    mine = waiting(hand)
    hand.propose("james/x", mine)
    hand.withdraw("carol", "carol/evil", mine)
    ledger.witness()
    assert hand.receipt("james/x").outcome == "waiting"
    assert hand.book().of_commit(mine).outcome == "waiting"
    quiet(ledger, hand)


def test_a_refusal_under_another_s_name_does_not_answer_for_the_commit(ledger, hand):
    mine = waiting(hand)
    for name in ("carol/copy", "james/x", "zoe/copy"):
        hand.propose(name, mine)
    ledger.witness()
    assert hand.rule("carol/copy") == hand.rule("zoe/copy") == "proposal.not-yours"
    assert hand.book().of_commit(mine).outcome == "waiting"
    quiet(ledger, hand)


def test_one_commit_refused_on_two_refs_is_answered_once_on_each(ledger, hand):
    mine = hand.change("james", {"Jenkinsfile": b"a\n"})
    for name in ("james/x", "james/y", "carol/z"):
        hand.propose(name, mine)
    ledger.witness()
    for name in ("james/x", "james/y"):
        assert hand.rule(name) == "policy.denied-path"
    assert hand.rule("carol/z") == "proposal.not-yours"
    quiet(ledger, hand)


def test_an_earlier_state_pushed_again_does_not_land(ledger, hand):
    old = hand.change("james", {"a.md": b"old\n"})
    new = hand.change("james", {"a.md": b"new\n"}, message=f"x\n\nGitsync-Predecessor: {old}")
    hand.propose("james/x", new)
    ledger.witness()
    hand.propose("james/y", old)
    ledger.witness()
    assert hand.rule("james/x") == "ledger.accepted"
    assert hand.rule("james/y") == "proposal.superseded"
    assert hand.read("a.md") == "new"
    quiet(ledger, hand)


def test_an_earlier_state_does_not_land_while_the_newer_one_waits(ledger, hand):
    oldest = hand.change("james", {"a.md": b"oldest\n"})
    old = hand.change("james", {"a.md": b"old\n"}, message=f"x\n\nGitsync-Predecessor: {oldest}")
    new = waiting(hand, more=f"\nGitsync-Predecessor: {old}")
    hand.propose("james/x", new)
    hand.propose("james/w", old)
    hand.propose("james/v", oldest)
    ledger.witness()
    assert hand.rule("james/w") == "proposal.superseded"
    assert hand.rule("james/v") == "proposal.superseded"
    assert hand.receipt("james/x").outcome == "waiting"
    assert hand.number() == 1
    quiet(ledger, hand)


def test_an_earlier_state_that_waits_is_told_that_it_was_replaced(ledger, hand):
    old = waiting(hand)
    hand.propose("james/x", old)
    ledger.witness()
    assert hand.receipt("james/x").outcome == "waiting"
    new = hand.change("james", {"a.md": b"new\n"}, message=f"x\n\nGitsync-Predecessor: {old}")
    hand.propose("james/y", new)
    ledger.witness()
    assert hand.rule("james/x") == "proposal.superseded"
    assert hand.rule("james/y") == "ledger.accepted"
    quiet(ledger, hand)


def test_an_update_does_not_replace_what_another_person_proposed(ledger, hand):
    theirs = hand.change("carol", {"a.md": b"hers\n"})
    evil = hand.change("james", {"b.md": b"b\n"}, message=f"x\n\nGitsync-Predecessor: {theirs}")
    hand.propose("james/x", evil)
    ledger.witness()
    hand.propose("carol/x", theirs)
    ledger.witness()
    assert hand.rule("carol/x") == "ledger.accepted"


def test_an_answered_change_does_not_land_after_it_was_taken_back(ledger, hand):
    """It held nothing new then; pushed again after a revert it would undo the revert."""
    one = hand.common
    first = hand.change("james", {"a.md": b"a\n"}, one)
    same = hand.change("carol", {"a.md": b"a\n"}, one, seconds=hand.now + 5)
    hand.propose("james/x", first)
    hand.propose("carol/x", same)
    ledger.witness()
    assert hand.rule("carol/x") == "proposal.no-change"
    hand.reopen()
    hand.propose("james/back", hand.change("james", {"a.md": None}))
    ledger.witness()
    hand.propose("carol/x", same)
    ledger.witness()
    assert "a.md" not in hand.files()
    assert hand.rule("carol/x") == "proposal.no-change"


def test_an_accepted_proposal_pushed_again_gets_the_same_answer(ledger, hand):
    mine = hand.change("james", {"a.md": b"a\n"})
    hand.propose("james/x", mine)
    ledger.witness()
    for name in ("james/x", "james/y", "carol/z"):
        hand.propose(name, mine)
    ledger.witness()
    assert hand.number() == 2
    for name in ("james/x", "james/y"):
        assert hand.receipt(name).number == 2
    assert "refs/heads/proposals/james/x" not in hand.refs()
    quiet(ledger, hand)


def test_a_new_push_to_a_ref_that_is_being_cleared_is_not_lost(ledger, hand):
    """The ref moves between the witness's look and its push: the old value does not match."""
    from gitsync.services import home as homes

    first = hand.change("james", {"a.md": b"a\n"})
    second = hand.change("james", {"b.md": b"b\n"})
    hand.propose("james/x", first)
    real, moved = homes.RemoteHome.emit, []

    def emit(self, updates):
        if not moved:
            moved.append(hand.propose("james/x", second))
        real(self, updates)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(homes.RemoteHome, "emit", emit)
        ledger.witness()
    ledger.witness()
    assert {"b.md"} <= hand.files().keys()
    assert hand.receipt("james/x").proposal == second
    invariants.all_of_them(ledger.hub, ledger.witness)


def test_a_proposer_who_keeps_moving_a_ref_does_not_hold_up_the_others(ledger, hand):
    from gitsync.services import home as homes

    restless = [hand.change("james", {"a.md": b"%d\n" % n}) for n in range(30)]
    hand.repo.store.flush()
    hand.propose("james/x", restless.pop())
    hand.propose("carol/y", hand.change("carol", {"b.md": b"b\n"}))
    real = homes.RemoteHome.emit

    def emit(self, updates):
        hand.propose("james/x", restless.pop())
        real(self, updates)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(homes.RemoteHome, "emit", emit)
        report = ledger.witness()
    assert report.after >= 2
    assert hand.rule("carol/y") == "ledger.accepted"
    assert "refs/heads/proposals/carol/y" not in hand.refs()
    ledger.witness()
    invariants.all_of_them(ledger.hub, ledger.witness)


def test_clearing_many_refs_never_asks_for_a_longer_command_line_than_there_is(ledger, hand):
    """Anybody may push thousands of approvals for one proposal; all of them have to go."""
    from gitsync.services import home as homes
    from gitsync.services.deciding import MAX_DELETIONS

    mine = hand.change("james", {"a.md": b"a\n"})
    hand.propose("james/x", mine)
    approval = hand.approve("mallory", mine)
    lines = "".join(f"create refs/heads/approvals/m/{n} {approval}\n" for n in range(900))
    git(ledger.hub, "update-ref", "--stdin", stdin=lines.encode())
    real, sizes = homes.RemoteHome.emit, []

    def emit(self, updates):
        sizes.append(len(updates))
        real(self, updates)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(homes.RemoteHome, "emit", emit)
        report = ledger.witness()
    assert report.after == 2
    assert max(sizes) <= MAX_DELETIONS + 3
    assert not [ref for ref in hand.refs() if "approvals" in ref]


def test_a_receipt_is_bounded_and_reads_back(ledger, hand):
    mine = hand.change("james", {f"{'d' * 150}/{n}{'x' * 150}.txt": b"x" for n in range(9)})
    hand.propose("james/base", mine)
    ledger.witness()
    hand.reopen()
    edit = {path: b"y%d" % n for n, path in enumerate(hand.files()) if path.startswith("ddd")}
    hand.propose("james/x", hand.change("james", edit))
    hand.propose("carol/y", hand.change("carol", dict.fromkeys(edit, b"z")))
    ledger.witness()
    for name in ("james/x", "carol/y"):
        assert len(codec.encode(hand.receipt(name))) < codec.MAX_BYTES
    quiet(ledger, hand)


def test_refused_proposals_are_cleared_after_their_retention(ledger, hand):
    hand.propose("james/x", hand.change("james", {"Jenkinsfile": b"a\n"}))
    ledger.witness()
    assert "refs/heads/proposals/james/x" in hand.refs()
    ledger.clock.tick(91 * 86_400)
    ledger.witness()
    assert "refs/heads/proposals/james/x" not in hand.refs()


def test_a_limited_run_says_received_and_the_next_one_decides(ledger, hand):
    from gitsync.services.witnessing import WitnessOptions, run_once

    for n in range(3):
        hand.propose(f"james/p{n}", hand.change("james", {f"f{n}.md": b"x\n"}))
    run_once(ledger.ws("alice"), WitnessOptions(limit=1))
    outcomes = sorted(hand.receipt(f"james/p{n}").outcome for n in range(3))
    assert outcomes == ["accepted", "received", "received"]
    ledger.witness()
    assert hand.number() == 4
    check(ledger)
