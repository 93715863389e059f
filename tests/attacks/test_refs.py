"""A remote that goes back, forks, stands still or drops refs is told from one that goes on."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from gitsync.codec.records import read_snapshot, snapshot_message
from gitsync.domain.errors import (
    FormatError,
    VerificationError,
)
from gitsync.domain.objects import Commit, Oid
from gitsync.services import evidence
from gitsync.services.inspecting import confirm
from gitsync.services.sources import fresh_view
from tests.attacks.kit import (
    LOCKS,
    RECEIPTS,
    at_three,
    both_ways,
    code,
    unchanged,
)
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


def _fork(ledger, hand: Hand) -> Oid:
    """Carol has verified common@3; the witness then signs another one with other content."""
    step(ledger, "carol")
    hand.reopen()
    proposal = hand.change("carol", {"other.md": b"x\n"}, hand.snapshot(2))
    real = hand.facts.commit(hand.snapshot(3))
    record = replace(read_snapshot(real.message), proposal=proposal)
    record = replace(record, name=type(record.name)("carol", "other"))
    oid = hand.write("alice", replace(
        real, tree=hand.tree({"other.md": b"x\n"}, hand.snapshot(2)),
        parents=(hand.snapshot(2), proposal), author=hand.facts.commit(proposal).author,
        message=snapshot_message(record, "A change"), signature=None,
    ))  # fmt: skip
    hand.put("refs/heads/common", oid)
    hand.put("refs/tags/common@3", hand.tag("alice", "common@3", oid))
    return oid


def test_a_fork_leaves_evidence_that_another_clone_confirms(ledger, hand):
    _fork(ledger, hand)
    before = unchanged(ledger)
    with pytest.raises(VerificationError) as error:
        step(ledger, "carol")
    assert code(error) == "common.equivocation"
    assert unchanged(ledger) == before
    files = list((ledger.folder("carol") / ".git/gitsync/evidence").glob("fork-common@3-*.json"))
    assert len(files) == 1
    found = confirm(ledger.host("james"), files[0])
    assert found.position == "common@3"
    assert all(signer.startswith("alice ") for signer in found.signers)
    assert evidence.confirm(files[0].read_bytes(), None).commits == found.commits


def test_a_fork_of_an_earlier_number_leaves_evidence_too(ledger, hand):
    hand.propose("james/c", hand.change("james", {"c.md": b"c\n"}))
    ledger.witness()
    hand.reopen()
    step(ledger, "carol")
    _fork(ledger, hand)
    hand.put("refs/tags/common@4", None)
    with pytest.raises(VerificationError) as error:
        step(ledger, "carol")
    assert code(error) == "common.equivocation"
    assert list((ledger.folder("carol") / ".git/gitsync/evidence").glob("fork-common@3-*.json"))


def _file(*tags: tuple[Hand, Oid]) -> bytes:
    import base64

    raw = [base64.b64encode(hand.facts.raw(oid, "tag")).decode() for hand, oid in tags]
    return json.dumps({"schema": evidence.SCHEMA, "kind": "fork", "tags": raw}).encode()


def test_evidence_that_proves_nothing_is_refused(ledger, hand):
    one, two = hand.snapshot(2), hand.snapshot(3)
    settings = ledger.ws("carol").settings()
    tag = hand.tag
    cases = {
        "same commit": (tag("alice", "common@7", one), tag("alice", "common@7", one, "x")),
        "two numbers": (tag("alice", "common@7", one), tag("alice", "common@8", two)),
        "no witness": (tag("james", "common@7", one), tag("james", "common@7", two)),
        "two ledgers": (
            tag("alice", "common@7", one), tag("alice", "common@7", two, ledger="1" * 40),
        ),
        "two beginnings": (
            tag("alice", "common@1", one, "common@1\n"),
            tag("alice", "common@1", two, "common@1\n"),
        ),
        "unsigned": (tag("alice", "common@7", one), tag(None, "common@7", two)),
        "no position": (tag("alice", "v1\x1b[31m", one), tag("alice", "v1\x1b[31m", two)),
    }  # fmt: skip
    for name, pair in cases.items():
        with pytest.raises(VerificationError) as error:
            evidence.confirm(_file(*((hand, oid) for oid in pair)), settings)
        assert code(error) == "evidence.unproven", name
    pair = (tag("alice", "common@7", one), tag("james", "common@7", two))
    with pytest.raises(VerificationError):
        evidence.confirm(_file(*((hand, oid) for oid in pair)), None)
    good = (tag("alice", "common@7", one), tag("alice", "common@7", two))
    assert evidence.confirm(_file(*((hand, oid) for oid in good)), settings).position == "common@7"


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b"[" * 100_000, b'{"schema": 1}', b"\xff",
                                  b'{"schema": "gitsync/evidence/1", "kind": "fork", "tags": [1]}',
                                  b"x" * (1 << 21)])  # fmt: skip
def test_evidence_that_is_none_is_refused(data):
    with pytest.raises(FormatError):
        evidence.confirm(data, None)


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
