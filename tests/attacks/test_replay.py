"""What was made for another place, another time or another purpose does not land here."""

from __future__ import annotations

import pytest

from gitsync.domain.objects import Commit
from tests.attacks.kit import (
    refused,
)
from tests.integration.ledgerkit import Hand, check


def test_an_unrelated_history_is_refused(ledger, hand):
    tree = hand.tree({"a.md": b"a\n"})
    who = hand.who("james")
    oid = hand.write("james", Commit(tree, (), who, who, b"unrelated\n"))
    assert refused(ledger, hand, oid) == "ledger.unrelated"


def test_an_unrelated_side_line_under_a_good_parent_is_refused(ledger, hand):
    who = hand.who("james")
    root = hand.write("james", Commit(hand.tree({}), (), who, who, b"unrelated\n"))
    oid = hand.commit("james", hand.tree({"a.md": b"a\n"}), hand.common, root)
    assert refused(ledger, hand, oid) == "ledger.unrelated"


@pytest.mark.parametrize(
    ("claim", "rule"),
    [
        ("Gitsync-Ledger: " + "1" * 40, "proposal.other-ledger"),
        ("Gitsync-Ref: refs/heads/proposals/james/y", "proposal.other-ref"),
        ("Gitsync-Kind: state", "proposal.kind"),
        ("Gitsync-Kind: approval", "proposal.kind"),
        ("Gitsync-Kind: join-request", "proposal.kind"),
        ("Approves: " + "1" * 40, "proposal.kind"),
        ("Gitsync-Ledger: x", "trailer.malformed"),
        ("Gitsync-Kind: proposal\nGitsync-Kind: proposal", "trailer.repeated"),
        ("After: HEAD", "trailer.malformed"),
    ],
)
def test_what_was_made_for_another_place_is_refused(ledger, hand, claim, rule):
    oid = hand.change("james", {"a.md": b"a\n"}, message=f"x\n\n{claim}")
    assert refused(ledger, hand, oid) == rule


def test_verify_refuses_what_was_not_made_as_a_proposal(ledger, hand):
    """The witness's own code may be altered: the kind of a commit is judged again on replay."""
    import gitsync.domain.ledger.entrance as rules

    oid = hand.change("james", {"a.md": b"a\n"}, message="x\n\nGitsync-Kind: state")
    hand.propose("james/x", oid)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "PROPOSAL", "state")
        ledger.witness()
    assert hand.number() == 2
    with pytest.raises(Exception, match="should not have landed"):
        check(ledger)


def test_a_proposal_dated_ahead_waits_and_is_told_so_once(ledger, hand):
    oid = hand.change("james", {"a.md": b"a\n"}, seconds=hand.now + 86_400)
    hand.propose("james/x", oid)
    ledger.witness()
    assert hand.rule("james/x") == "time.ahead"
    for _ in range(2):
        ledger.clock.tick(60)
        refs = hand.refs()
        ledger.witness()
        assert hand.refs() == refs, "a run without news writes nothing"
    ledger.clock.tick(86_400)
    ledger.witness()
    assert hand.rule("james/x") == "ledger.accepted"


def test_a_date_that_no_calendar_has_is_no_crash(ledger, hand):
    oid = hand.change("james", {"a.md": b"a\n"}, seconds=999_999_999_999)
    assert refused(ledger, hand, oid) == "time.ahead"


def test_an_old_date_is_not_a_proposal_that_waited_too_long(ledger, hand):
    """Made offline a year ago, pushed today, and somebody has still to approve it."""
    oid = hand.change(
        "james",
        {"a.md": b"a\n"},
        message="x\n\nAfter: " + "1" * 40,
        seconds=hand.now - 400 * 86_400,
    )
    hand.propose("james/x", oid)
    ledger.witness()
    assert hand.receipt("james/x").outcome == "waiting"
    ledger.clock.tick(91 * 86_400)
    ledger.witness()
    assert hand.rule("james/x") == "proposal.expired"


# -- by stock git -----------------------------------------------------------------------------


def test_replay_of_a_proposal_across_refs_or_ledgers(ledger, hand, stock):
    """A proposal counts on its own ref, by its own proposer, in the ledger it was made for."""
    made = ledger.propose("james", "notes/a.md", "a\n", "x").commit
    james, carol = stock("james"), stock("carol")
    carol.push(made, "refs/heads/proposals/carol/x")
    carol.push(made, "refs/heads/proposals/james/y")
    carol.push("", "refs/heads/proposals/james/x")
    james.change({"b.md": b"b\n"}, "x\n\nGitsync-Ledger: " + "1" * 40)
    james.propose("james/other")
    # Another ledger of the same people with the same files, replayed here with its history.
    james.git("switch", "-q", "--orphan", "elsewhere")
    james.commit({"c.md": b"c\n"}, "the beginning of another ledger")
    james.propose("james/history")
    ledger.witness()
    assert {name: hand.rule(name) for name in ("carol/x", "james/y", "james/other")} == {
        "carol/x": "proposal.not-yours",
        "james/y": "proposal.other-ref",
        "james/other": "proposal.other-ledger",
    }
    assert hand.rule("james/history") == "ledger.unrelated"
    assert hand.number() == 1


def test_old_signed_work_in_progress_pushed_again(ledger, hand, stock):
    """What its author kept to themselves, or has replaced since, lands by nobody's push."""
    ledger.write("james", "notes/wip.md", "not yet\n")
    assert ledger.cli("james", "snapshot", "-m", "wip").code == 0
    assert ledger.cli("james", "push").code == 0
    mallory = stock("mallory")
    mallory.git("fetch", "-q", "origin", "+refs/heads/*:refs/remotes/origin/*")
    mallory.propose("james/wip", "origin/people/james")
    ledger.witness()
    assert hand.rule("james/wip") == "proposal.kind"

    first = hand.propose("james/z", _waiting(hand, b"first\n"))
    hand.propose("james/z", _waiting(hand, b"second\n", f"\nGitsync-Predecessor: {first}"))
    ledger.witness()
    mallory.git("fetch", "-q", "origin", first)
    mallory.propose("james/again", first)
    ledger.witness()
    assert hand.rule("james/again") == "proposal.superseded"
    assert hand.number() == 1


def _waiting(hand: Hand, text: bytes, more: str = ""):
    return hand.change("james", {"z.md": text}, message=f"x\n\nAfter: {'1' * 40}{more}")


def test_a_withdrawn_proposal_pushed_again(ledger, hand, stock):
    """A tombstone of its author holds, on whatever ref the commit comes back."""
    made = ledger.propose("james", "notes/a.md", "a\n", "x").commit
    mallory = stock("mallory")
    mallory.git("fetch", "-q", "origin", made)
    assert ledger.cli("james", "withdraw", "x").code == 0
    ledger.witness()
    for name in ("james/x", "james/new"):
        mallory.propose(name, made)
        ledger.witness()
        assert hand.rule(name) == "proposal.withdrawn"
    assert hand.number() == 1
