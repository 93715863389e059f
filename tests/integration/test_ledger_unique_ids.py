"""Two files with one id: refused by the witness where the schema asks for it, and by verify."""

from __future__ import annotations

import pytest

from gitsync.storage.facts import StoreFacts
from tests.integration.ledgerkit import Hand, check, plan


@pytest.fixture
def hand(ledger):
    return Hand(ledger)


def outcome(ledger, hand, name):
    ledger.clock.tick()
    hand.reopen()
    ledger.witness()
    return hand.receipt(name).rule


def test_the_second_of_two_is_refused_and_told_about_the_first(ledger, hand):
    hand.propose("james/a", hand.change("james", {"plans/a.md": plan("plan-bbbbbb")}))
    hand.propose("carol/b", hand.change("carol", {"plans/b.md": plan("plan-bbbbbb")},
                                        seconds=hand.now + 5))  # fmt: skip
    assert outcome(ledger, hand, "james/a") == "ledger.accepted"
    receipt = hand.receipt("carol/b")
    assert receipt.rule == "schema.duplicate-id"
    assert "the id plan-bbbbbb is taken by plans/a.md" in receipt.why
    assert check(ledger).number == 2


def test_both_in_one_proposal(ledger, hand):
    files = {"plans/a.md": plan("plan-bbbbbb"), "stories/x.md": plan("plan-bbbbbb")}
    hand.propose("james/a", hand.change("james", files))
    assert outcome(ledger, hand, "james/a") == "schema.duplicate-id"


def test_a_move_takes_its_id_along_and_a_copy_does_not(ledger, hand):
    text = plan("plan-bbbbbb")
    hand.propose("james/a", hand.change("james", {"plans/a.md": text}))
    assert outcome(ledger, hand, "james/a") == "ledger.accepted"
    hand.reopen()
    moved = {"plans/a.md": None, "plans/deep/b.md": text}
    hand.propose("james/b", hand.change("james", moved))
    assert outcome(ledger, hand, "james/b") == "ledger.accepted"
    hand.reopen()
    copied = {"plans/deep/b.md": None, "plans/c.md": text, "plans/d.md": text}
    hand.propose("james/c", hand.change("james", copied))
    assert outcome(ledger, hand, "james/c") == "schema.duplicate-id"
    hand.reopen()
    freed = {"plans/deep/b.md": None, "plans/e.md": plan("plan-cccccc")}
    hand.propose("james/d", hand.change("james", freed))
    assert outcome(ledger, hand, "james/d") == "ledger.accepted"
    hand.reopen()
    hand.propose("james/e", hand.change("james", {"plans/a.md": text}))
    assert outcome(ledger, hand, "james/e") == "ledger.accepted"
    assert check(ledger).number == 5


def test_a_ledger_whose_schema_does_not_ask_takes_both_as_ever(ledger, hand):
    schema = hand.read(".gitsync/schema.yaml") + "\n"
    assert "\nunique-ids: true" in schema
    policy = hand.read(".gitsync/policy.yaml").replace("version: 1", "version: 2", 1) + "\n"
    old = {
        ".gitsync/schema.yaml": schema.replace("unique-ids: true", "unique-ids: false").encode(),
        ".gitsync/policy.yaml": policy.encode(),
    }
    hand.propose("alice/old", hand.change("alice", old))
    assert outcome(ledger, hand, "alice/old") == "ledger.accepted"
    hand.reopen()
    files = {"plans/a.md": plan("plan-bbbbbb"), "plans/b.md": plan("plan-bbbbbb")}
    hand.propose("james/a", hand.change("james", files))
    assert outcome(ledger, hand, "james/a") == "ledger.accepted"
    assert check(ledger).number == 3


def test_the_index_agrees_with_a_fresh_one_after_any_steps(ledger, hand):
    """It is moved by differences; each answer must be what reading the whole tree gives."""
    schema = hand.facts.settings(hand.facts.commit(hand.common).tree).schema
    trees = [
        hand.tree(files, hand.common)
        for files in (
            {"plans/a.md": plan("plan-bbbbbb"), "x/b.md": plan("plan-cccccc")},
            {"plans/a.md": plan("plan-cccccc"), "x/b.md": plan("plan-cccccc")},
            {"plans/a.txt": plan("plan-bbbbbb"), "x/b.md": b"---\nid: [\n---\n"},
            {"plans/z/a.md": plan("plan-bbbbbb"), "plans/y.markdown": plan("plan-bbbbbb")},
            {},
        )
    ]
    for tree in (*trees, *reversed(trees), trees[0]):
        for ident in ("plan-bbbbbb", "plan-cccccc", "plan-dddddd"):
            fresh = StoreFacts(hand.facts.store)
            found = hand.facts.paths_of(tree, ident, schema)
            assert found == fresh.paths_of(tree, ident, schema)
    assert hand.facts.paths_of(trees[3], "plan-bbbbbb", schema) == (
        b"plans/y.markdown", b"plans/z/a.md",
    )  # fmt: skip
