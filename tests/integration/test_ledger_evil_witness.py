"""A witness, a remote or a local cache that lies is named, and nothing of it becomes ours."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from typing import TYPE_CHECKING

import invariants
import pytest
from ledgerkit import Hand, check, git, step

from gitsync.codec.records import read_snapshot, snapshot_message
from gitsync.domain.errors import (
    EnvironmentFault,
    FormatError,
    GitsyncError,
    VerificationError,
)
from gitsync.domain.objects import Oid
from gitsync.services import evidence
from gitsync.services.inspecting import VerifyOptions, confirm, verify
from gitsync.services.sources import fresh_view
from gitsync.storage.index import PositionIndex

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitsync.domain.objects import Commit

RECEIPTS = "refs/heads/gitsync/receipts/common"
LOCKS = "refs/heads/gitsync/locks"


@pytest.fixture
def hand(ledger) -> Hand:
    """A ledger at common@3, which carol has verified at common@2."""
    hand = Hand(ledger)
    hand.propose("james/a", hand.change("james", {"a.md": b"1\n2\n3\n"}))
    ledger.witness()
    step(ledger, "carol")
    hand.reopen()
    hand.propose("james/b", hand.change("james", {"b.md": b"b\n"}))
    ledger.witness()
    hand.reopen()
    return hand


def code(error: pytest.ExceptionInfo[GitsyncError]) -> str:
    return error.value.code


def unchanged(ledger, who: str = "carol") -> tuple[str, str]:
    folder = ledger.folder(who)
    return git(folder, "rev-parse", "refs/heads/common"), git(folder, "status", "--porcelain")


def both_ways(ledger, expected: str | tuple[str, ...]) -> None:
    """Refused by whoever goes on from a position and by whoever begins anew; nothing moves."""
    wanted = (expected,) if isinstance(expected, str) else expected
    before = unchanged(ledger)
    with pytest.raises(GitsyncError) as error:
        step(ledger, "carol")
    assert code(error) in wanted
    with pytest.raises(GitsyncError) as error:
        check(ledger, "james")
    assert code(error) in wanted
    assert unchanged(ledger) == before
    with pytest.raises(GitsyncError) as error:
        ledger.pull("carol")
    assert code(error) in wanted
    assert unchanged(ledger) == before


def forge(hand: Hand, alter: Callable[[Commit], Commit], who: str = "alice",
          number: int = 3) -> Oid:  # fmt: skip
    """common@3 made again by ``who`` with something else in it, and tagged as it should be."""
    hand.reopen()
    real = hand.facts.commit(hand.snapshot(number))
    oid = hand.write(who, alter(replace(real, signature=None)))
    hand.put("refs/heads/common", oid)
    hand.put(f"refs/tags/common@{number}", hand.tag(who, f"common@{number}", oid))
    for path in ("position-common.json",):
        (hand.ledger.folder("alice") / ".git" / "gitsync" / path).unlink(missing_ok=True)
    for file in hand.ledger.ws("carol").positions()._user_dir.rglob("*.json"):
        data = json.loads(file.read_bytes())
        # This user has no other clone: the witness is somebody else's.
        kept = json.loads(
            (hand.ledger.folder("carol") / ".git/gitsync/position-common.json").read_bytes()
        )
        if data["number"] > kept["number"]:
            file.write_text(json.dumps(kept))
    return oid


def _tree(files: dict[str, bytes | None]) -> Callable[[Hand], Callable[[Commit], Commit]]:
    return lambda hand: lambda commit: replace(commit, tree=hand.tree(files, Oid(hand.snapshot(3))))


def _record(**changes: object) -> Callable[[Hand], Callable[[Commit], Commit]]:
    def alter(commit: Commit) -> Commit:
        record = read_snapshot(commit.message)
        title = commit.message.decode().splitlines()[0].partition(": ")[2]
        return replace(commit, message=snapshot_message(replace(record, **changes), title))

    return lambda _hand: alter


def _plain(**changes: object) -> Callable[[Hand], Callable[[Commit], Commit]]:
    return lambda _hand: lambda commit: replace(commit, **changes)


def _later(commit: Commit) -> Commit:
    return replace(
        commit, committer=replace(commit.committer, seconds=commit.committer.seconds + 1)
    )


EVIL = {
    "extra file": (_tree({"extra.md": b"x\n"}), "replay.tree"),
    "extra line": (_tree({"b.md": b"b\nmore\n"}), "replay.tree"),
    "lost file": (_tree({"b.md": None}), "replay.tree"),
    "lost line of another": (_tree({"a.md": b"1\n3\n"}), "replay.tree"),
    "changed rules": (_tree({".gitsync/policy.yaml": b"version: 2\n"}), "replay.tree"),
    "other title": (
        lambda _hand: lambda c: replace(c, message=c.message.replace(b"A change", b"Another")),
        "replay.commit",
    ),
    "other date": (lambda _hand: _later, "replay.commit"),
    "other author": (
        lambda hand: lambda c: replace(c, author=hand.who("mallory")),
        "replay.commit",
    ),
    "other committer": (
        lambda hand: lambda c: replace(c, committer=hand.who("james")),
        "replay.commit",
    ),
    "number skipped": (_record(number=4), "number.gap"),
    "number repeated": (_record(number=2), "number.gap"),
    "merge version": (_record(merge=1), "replay.commit"),
    "lease": (_record(leases=(7,)), "replay.commit"),
    "no recorded locks": (_record(locks=None), "locks.unrecorded"),
    "other ledger": (_record(ledger=Oid("1" * 40)), "replay.commit"),
    "more trailers": (
        lambda _hand: lambda c: replace(c, message=c.message + b"X-More: 1\n"),
        "replay.commit",
    ),
    "no proposal": (lambda _hand: lambda c: replace(c, parents=c.parents[:1]), "number.gap"),
    "other proposal": (
        lambda hand: lambda c: replace(c, parents=(c.parents[0], hand.snapshot(1))),
        "replay.parents",
    ),
    "one more parent": (
        lambda hand: lambda c: replace(c, parents=(*c.parents, hand.snapshot(1))),
        "replay.parents",
    ),
}


@pytest.mark.parametrize("what", EVIL)
def test_whatever_the_witness_makes_up_is_named(ledger, hand, what):
    make, expected = EVIL[what]
    forge(hand, make(hand))
    both_ways(ledger, expected)


def test_a_snapshot_that_does_not_say_which_receipts_it_saw(ledger, hand):
    hand.propose("james/c", hand.change("james", {"c.md": b"c\n"}))
    ledger.witness()
    make = _record(receipts=None)
    forge(hand, make(hand), number=4)
    both_ways(ledger, "receipts.unrecorded")


def test_a_snapshot_by_somebody_on_the_roster_who_is_no_witness(ledger, hand):
    forge(hand, lambda commit: commit, who="james")
    both_ways(ledger, "witness.unknown-key")


def test_an_unsigned_snapshot(ledger, hand):
    hand.reopen()
    real = replace(hand.facts.commit(hand.snapshot(3)), signature=None)
    oid = hand.write(None, real)
    hand.put("refs/heads/common", oid)
    with pytest.raises(GitsyncError) as error:
        check(ledger, "james")
    assert code(error) in ("signature.missing", "common.fork", "common.equivocation")


def test_a_proposal_that_should_not_have_landed(ledger, hand):
    """The witness skips a rule: its snapshot is well formed and signed, and refused."""
    import gitsync.domain.ledger.judge as rules

    hand.propose("james/x", hand.change("james", {"Jenkinsfile": b"evil\n"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "check_content", lambda *_args: {})
        ledger.witness()
    assert hand.number() == 4
    with pytest.raises(VerificationError) as error:
        check(ledger, "james")
    assert code(error) == "replay.refused"
    assert "common@4" in str(error.value)


# -- tags -------------------------------------------------------------------------------------


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


def forget(ledger, who: str, number: int) -> None:
    """Take a clone's stored position back to what it was at ``number`` (a restored backup)."""
    hand = Hand(ledger)
    path = ledger.folder(who) / ".git/gitsync/position-common.json"
    record = json.loads(path.read_text())
    commit = hand.snapshot(number)
    recorded = read_snapshot(hand.facts.commit(commit).message)
    record |= {
        "number": number, "commit": commit, "receipts": recorded.receipts,
        "locks": recorded.locks,
        "tag": git(ledger.hub, "rev-parse", f"refs/tags/common@{number}"),
    }  # fmt: skip
    path.write_text(json.dumps(record))
    for file in ledger.ws(who).positions()._user_dir.rglob("*.json"):
        file.write_text(json.dumps(record))


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


# -- rollback and fork ------------------------------------------------------------------------


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
    from gitsync.domain.objects import Commit

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


# -- receipts and locks -----------------------------------------------------------------------


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


# -- local state ------------------------------------------------------------------------------


def _index(ledger, who: str = "carol"):
    return ledger.folder(who) / ".git" / "gitsync" / "index.db"


def test_a_poisoned_index_neither_fools_nor_frames(ledger, hand):
    """It says that a commit came in earlier than it did, so an honest snapshot looks false."""
    step(ledger, "carol")
    proposal = hand.change("james", {"c.md": b"c\n"})
    hand.propose("james/c", proposal)
    db = sqlite3.connect(_index(ledger))
    db.execute("INSERT INTO place VALUES (?, 2, 1)", (bytes.fromhex(proposal),))
    db.commit()
    db.close()
    ledger.witness()
    assert check(ledger, "carol").number == 4
    forget(ledger, "carol", 3)
    assert step(ledger, "carol").number == 4
    index = PositionIndex(_index(ledger))
    assert index.get(proposal) == (4, 3), "the wrong cache was made anew"
    index.close()


@pytest.mark.parametrize("damage", ["torn", "empty", "text", "tables", "snapshot", "flipped"])
def test_a_damaged_index_is_made_anew(ledger, hand, damage):
    step(ledger, "carol")
    path = _index(ledger)
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    data = path.read_bytes()
    if damage in ("tables", "snapshot"):
        db = sqlite3.connect(path)
        db.execute("DROP TABLE place" if damage == "tables" else "DELETE FROM snapshot")
        db.commit()
        db.close()
    else:
        bad = {
            "torn": data[: len(data) // 2],
            "empty": b"",
            "text": b"hello" * 999,
            "flipped": data[:4096] + b"\xff" * (len(data) - 4096),
        }
        path.write_bytes(bad[damage])
    hand.propose("james/c", hand.change("james", {"c.md": b"c\n"}))
    ledger.witness()
    try:
        found = step(ledger, "carol")
    except EnvironmentFault:  # says so once, and has thrown it away
        found = step(ledger, "carol")
    assert found.number == 4


def test_an_index_that_is_ahead_does_not_show_what_is_not_verified(ledger, hand):
    step(ledger, "carol")
    index = PositionIndex(_index(ledger))
    index.hold(2)
    third = hand.snapshot(3)
    assert index.get(third) is None
    index.close()


WRONG_TYPES = json.dumps(
    {"anchor": "x", "space": "common", "number": "9", "commit": "y", "tag": None, "seen": 1}
    | {"receipts": None, "locks": None}
)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"number": 9}', "null", "[" * 99_999, WRONG_TYPES]
)
def test_a_damaged_position_is_named_and_a_full_check_mends_it(ledger, hand, text):
    path = ledger.folder("carol") / ".git/gitsync/position-common.json"
    path.write_text(text)
    with pytest.raises(VerificationError) as error:
        step(ledger, "carol")
    assert code(error) == "position.damaged"
    assert verify(ledger.ws("carol"), VerifyOptions(full=True, fetch=True)).number == 3
    assert step(ledger, "carol").number == 3


def test_a_position_never_goes_back(ledger, hand):
    from gitsync.storage.positions import VerifiedPosition

    step(ledger, "carol")
    store = ledger.ws("carol").positions()
    now = ledger.ws("carol").verified()
    store.save(VerifiedPosition(now.anchor, "common", 1, now.anchor, None, None, None, 1))
    invariants.position_only_rises(now.number, ledger.ws("carol").verified().number)


def test_two_clones_that_verified_different_histories_say_so(ledger, hand):
    step(ledger, "carol")
    path = ledger.folder("carol") / ".git/gitsync/position-common.json"
    record = json.loads(path.read_text()) | {"commit": "1" * 40}
    path.write_text(json.dumps(record))
    with pytest.raises(VerificationError) as error:
        step(ledger, "carol")
    assert code(error) in ("position.fork", "position.rollback", "common.fork")
