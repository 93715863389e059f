"""Whatever the witness makes up, leaves out or alters is named, and nothing of it becomes ours."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gitsync.codec.records import read_snapshot, snapshot_message
from gitsync.domain.errors import (
    GitsyncError,
    VerificationError,
)
from gitsync.domain.objects import Commit, Oid
from tests.attacks.kit import at_three, both_ways, code, forge, unsee
from tests.integration.ledgerkit import Hand, check, git, step

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def hand(ledger) -> Hand:
    return at_three(ledger)


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


def test_evil_merge_an_extra_edit_or_a_lost_one(ledger, hand, stock):
    """The witness adds no line and loses none: everybody merges again, and names the snapshot."""
    witness = stock("alice")
    real = witness.id("common@3^{commit}")
    message = witness.git("log", "-1", "--format=%B", real)
    parents = ("-p", "common@2^{commit}", "-p", f"{real}^2")
    shape = "%an%n%ae%n%ad%n%cn%n%ce%n%cd"
    names = git(ledger.hub, "log", "-1", "--date=raw", f"--format={shape}", real).splitlines()
    keys = ("AUTHOR_NAME", "AUTHOR_EMAIL", "AUTHOR_DATE", "COMMITTER_NAME", "COMMITTER_EMAIL",
            "COMMITTER_DATE")  # fmt: skip
    same = {f"GIT_{key}": value for key, value in zip(keys, names, strict=True)}
    again = witness.git("commit-tree", "-S", f"{real}^{{tree}}", *parents, "-m", message, **same)
    assert again == real, "stock git makes the same snapshot of the same content"
    edits = {
        "an extra edit": {"b.md": b"b\nand a line of the witness\n"},
        "a lost one": {"b.md": None},
        "a line of another": {"a.md": b"1\n3\n"},
    }
    for files in edits.values():
        witness.start(real)
        witness.commit(files)
        evil = witness.git("commit-tree", "-S", "HEAD^{tree}", *parents, "-m", message, **same)
        text = f"common@3\n\nGitsync-Ledger: {ledger.anchor}"
        witness.git("tag", "-f", "-s", "-m", text, "common@3", evil)
        witness.push(evil, "refs/heads/common")
        witness.push("refs/tags/common@3", "refs/tags/common@3")
        unsee(ledger)
        both_ways(ledger, "replay.tree")
        with pytest.raises(VerificationError, match="common@3"):
            step(ledger, "carol")
