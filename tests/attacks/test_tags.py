"""A number is final by its tag: missing, moved, unsigned and foreign tags are named."""

from __future__ import annotations

import pytest

from gitsync.domain.errors import (
    VerificationError,
)
from gitsync.domain.objects import Oid
from tests.attacks.kit import (
    at_three,
    both_ways,
    code,
    forget,
)
from tests.integration import invariants
from tests.integration.ledgerkit import Hand, git, step


@pytest.fixture
def hand(ledger) -> Hand:
    return at_three(ledger)


def test_a_tag_transplanted_from_another_number(ledger, hand):
    hand.put("refs/tags/common@3", Oid(git(ledger.hub, "rev-parse", "refs/tags/common@1")))
    both_ways(ledger, "tag.transplanted")


def test_a_tag_by_somebody_else(ledger, hand):
    hand.put("refs/tags/common@3", hand.tag("james", "common@3", hand.snapshot(3)))
    both_ways(ledger, "tag.unknown-key")


def test_an_unsigned_tag(ledger, hand):
    hand.put("refs/tags/common@3", hand.tag(None, "common@3", hand.snapshot(3)))
    both_ways(ledger, "signature.missing")


def test_a_lightweight_tag(ledger, hand):
    hand.put("refs/tags/common@3", hand.snapshot(3))
    both_ways(ledger, "object.kind")


def test_a_tag_that_was_made_for_another_ledger(ledger, hand):
    tag = hand.tag("alice", "common@3", hand.snapshot(3), ledger="1" * 40)
    hand.put("refs/tags/common@3", tag)
    both_ways(ledger, "tag.other-ledger")


def test_a_missing_tag_below_others(ledger, hand):
    hand.propose("james/c", hand.change("james", {"c.md": b"c\n"}))
    ledger.witness()
    hand.put("refs/tags/common@3", None)
    both_ways(ledger, "tag.missing")


def test_a_missing_newest_tag_means_not_final_yet_and_the_witness_mends_it(ledger, hand):
    hand.put("refs/tags/common@3", None)
    found = step(ledger, "carol")
    assert (found.number, found.pending) == (2, (3,))
    git(ledger.folder("alice"), "update-ref", "-d", "refs/tags/common@3")
    forget(ledger, "alice", 2)
    report = ledger.witness()
    assert report.healed_tags == (3,)
    assert step(ledger, "carol").number == 3


def test_a_stranger_s_tag_in_the_witness_s_way_is_not_taken_for_its_own(ledger, hand):
    hand.propose("james/c", hand.change("james", {"c.md": b"c\n"}))
    from gitsync.services import home as homes

    real = homes.RemoteHome.emit

    def emit(self, updates):
        hand.reopen()
        hand.put("refs/tags/common@4", hand.tag("james", "common@4", hand.snapshot(1)))
        real(self, updates)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(homes.RemoteHome, "emit", emit)
        with pytest.raises(VerificationError) as error:
            ledger.witness()
    assert code(error) == "tag.in-the-way"
    assert "git push origin :refs/tags/common@4" in (error.value.hint or "")
    hand.put("refs/tags/common@4", None)
    assert ledger.witness().healed_tags == (4,)
    invariants.all_of_them(ledger.hub, ledger.witness)


def test_the_witness_does_not_take_exchanged_tags_of_old_numbers(ledger, hand):
    good = git(ledger.folder("alice"), "rev-parse", "refs/tags/common@2")
    hand.put("refs/tags/common@2", hand.tag("james", "common@2", hand.snapshot(1)))
    hand.propose("james/c", hand.change("james", {"c.md": b"c\n"}))
    ledger.witness()
    assert git(ledger.folder("alice"), "rev-parse", "refs/tags/common@2") == good
