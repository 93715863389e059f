"""A number is final by its tag: missing, moved, unsigned and foreign tags are named."""

from __future__ import annotations

import pytest

from gitsync.domain.errors import (
    VerificationError,
)
from tests.attacks.kit import (
    at_three,
    both_ways,
    code,
    forget,
    unsee,
)
from tests.attacks.stock import stock_takes
from tests.integration import invariants
from tests.integration.ledgerkit import Hand, git, step


@pytest.fixture
def hand(ledger) -> Hand:
    return at_three(ledger)


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


# -- by stock git -----------------------------------------------------------------------------


def test_missing_or_deleted_tag_unsigned_ref(ledger, hand, stock):
    """A number is final by a signed tag on its snapshot; whatever else is there is named."""
    relay = stock("mallory")
    relay.git("tag", "-f", "-a", "-m", f"common@3\n\nGitsync-Ledger: {ledger.anchor}",
              "common@3", "common@3^{commit}")  # fmt: skip
    good = {n: git(ledger.hub, "rev-parse", f"refs/tags/common@{n}") for n in (2, 3)}
    relay.push("refs/tags/common@3", "refs/tags/common@3")
    both_ways(ledger, "signature.missing")
    relay.push("common@3^{commit}", "refs/tags/common@3")
    both_ways(ledger, "object.kind")
    relay.git("tag", "-f", "-s", "-m", f"common@3\n\nGitsync-Ledger: {ledger.anchor}",
              "common@3", "common@3^{commit}")  # fmt: skip
    relay.push("refs/tags/common@3", "refs/tags/common@3")
    both_ways(ledger, "tag.unknown-key")
    git(ledger.hub, "update-ref", "refs/tags/common@3", good[3])
    relay.push("", "refs/tags/common@2")
    both_ways(ledger, "tag.missing")
    git(ledger.hub, "update-ref", "refs/tags/common@2", good[2])
    # An unsigned branch: the snapshot again, without its signature.
    data = relay.git("cat-file", "commit", "common@3^{commit}")
    head, _, rest = data.partition("gpgsig ")
    bare = relay.raw("commit", (head + rest.partition("\n\n")[2].join(["\n", "\n"])).encode())
    relay.push("", "refs/tags/common@3")
    relay.push(bare, "refs/heads/common")
    unsee(ledger)
    both_ways(ledger, "signature.missing")


def test_tag_transplant(ledger, hand, stock):
    """The tag of one number counts for no other, although stock git takes it under any name."""
    relay = stock("mallory")
    relay.push("refs/tags/common@2", "refs/tags/common@3")
    relay.git("fetch", "-q", "--force", "--tags")
    roster = hand.read(".gitsync/allowed_signers")
    assert stock_takes(relay, "common@3", roster), "stock git accepts it"
    both_ways(ledger, "tag.transplanted")
