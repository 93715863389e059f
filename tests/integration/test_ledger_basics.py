"""The main road: proposals by plain git land, are numbered, and prove out for everybody."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from gitsync.services.witnessing import WitnessOptions, run_once
from tests.integration import invariants
from tests.integration.ledgerkit import Hand, check, git, plan, step

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Ledger


@pytest.fixture
def hand(ledger: Ledger) -> Hand:
    return Hand(ledger)


def _plain_clone(ledger: Ledger, tmp_path: Path, who: str) -> Path:
    """A clone by somebody who has git and an SSH key and nothing of ours."""
    folder = tmp_path / "plain"
    git(tmp_path, "clone", "-q", "-b", "common", str(ledger.hub), str(folder))
    for key, value in (
        ("user.name", who), ("user.email", f"{who}@example.invalid"), ("gpg.format", "ssh"),
        ("user.signingkey", str(ledger.key(who))),
    ):  # fmt: skip
        git(folder, "config", key, value)
    return folder


def test_plain_git_alone_proposes_and_reads_its_receipt(ledger, hand, tmp_path):
    folder = _plain_clone(ledger, tmp_path, "james")
    git(folder, "switch", "-q", "-c", "x", "common@1")
    (folder / "plans").mkdir()
    (folder / "plans" / "a.md").write_bytes(plan())
    git(folder, "add", "-A")
    date = dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), f"{hand.now} +0000")
    git(folder, "commit", "-q", "-S", "-m", "Offer a plan", **date)
    git(folder, "push", "-q", "origin", "HEAD:refs/heads/proposals/james/x")
    proposal = git(folder, "rev-parse", "HEAD")

    report = ledger.witness()

    assert report.after == 2
    git(folder, "fetch", "-q")
    receipt = json.loads(
        git(folder, "show", "origin/gitsync/receipts/common:proposals/james/x.json")
    )
    assert receipt["outcome"] == "accepted"
    assert receipt["snapshot"] == "common@2"
    assert git(folder, "rev-parse", "common@2^{commit}^2") == proposal
    signers = tmp_path / "signers"
    signers.write_text(git(folder, "show", "origin/common:.gitsync/allowed_signers"))
    config = ("-c", f"gpg.ssh.allowedSignersFile={signers}")
    git(folder, *config, "verify-commit", "common@2^{commit}")
    git(folder, *config, "verify-tag", "common@2")
    assert hand.refs().get("refs/heads/proposals/james/x") is None, "the ref is cleared"
    assert check(ledger).number == 2
    invariants.all_of_them(ledger.hub, ledger.witness)


def test_several_commits_of_a_proposal_land_together_with_all_their_signatures(ledger, hand):
    first = hand.change("james", {"a.md": b"one\n"})
    second = hand.change("james", {"b.md": b"two\n"}, first)
    hand.propose("james/x", second)
    assert ledger.witness().after == 2
    assert {"a.md", "b.md"} <= hand.files().keys()
    assert check(ledger).number == 2


def test_proposals_on_old_and_new_bases_are_merged(ledger, hand):
    one = hand.snapshot(1)
    for place in range(4):
        hand.propose(f"james/p{place}", hand.change("james", {f"f{place}.md": b"x\n"}, one))
    assert ledger.witness().after == 5
    assert {f"f{place}.md" for place in range(4)} <= hand.files().keys()
    assert check(ledger).number == 5
    invariants.all_of_them(ledger.hub, ledger.witness)


def test_two_edits_of_one_file_are_merged_by_lines(ledger, hand):
    hand.propose("james/base", hand.change("james", {"a.md": b"1\n2\n3\n4\n5\n6\n7\n"}))
    ledger.witness()
    hand.reopen()
    hand.propose("james/top", hand.change("james", {"a.md": b"one\n2\n3\n4\n5\n6\n7\n"}))
    hand.propose("carol/end", hand.change("carol", {"a.md": b"1\n2\n3\n4\n5\n6\nseven\n"}))
    assert ledger.witness().after == 4
    assert hand.read("a.md") == "one\n2\n3\n4\n5\n6\nseven"
    assert check(ledger).number == 4


def test_a_conflict_is_refused_with_the_commands_that_mend_it(ledger, hand):
    hand.propose("james/base", hand.change("james", {"a.md": b"1\n2\n3\n"}))
    ledger.witness()
    hand.reopen()
    hand.propose("carol/one", hand.change("carol", {"a.md": b"1\ntwo\n3\n"}))
    hand.propose("james/two", hand.change("james", {"a.md": b"1\nzwei\n3\n"}))
    assert ledger.witness().after == 3
    refused = [hand.receipt("carol/one"), hand.receipt("james/two")]
    assert sorted(one.outcome for one in refused) == ["accepted", "refused"]
    no = next(one for one in refused if one.outcome == "refused")
    assert no.rule == "merge.conflict"
    assert "a.md:2" in no.why
    assert any("git merge" in line for line in no.mend)
    assert any("gitsync propose" in line for line in no.mend)


def test_a_rename_meets_an_edit_and_both_survive(ledger, hand):
    hand.propose("james/base", hand.change("james", {"plans/a.md": plan()}))
    ledger.witness()
    hand.reopen()
    moved = {"plans/a.md": None, "plans/old/b.md": plan()}
    hand.propose("carol/move", hand.change("carol", moved))
    hand.propose("james/edit", hand.change("james", {"plans/a.md": plan(body="one\ntwo\nTHREE")}))
    assert ledger.witness().after == 4
    assert "plans/a.md" not in hand.files()
    assert "THREE" in hand.read("plans/old/b.md")
    assert check(ledger).number == 4


def test_a_stale_rename_does_not_bring_a_deleted_artifact_back(ledger, hand):
    hand.propose("james/base", hand.change("james", {"plans/a.md": plan(), "b.md": b"b\n"}))
    ledger.witness()
    hand.reopen()
    base = hand.common
    hand.propose("carol/delete", hand.change("carol", {"plans/a.md": None}))
    ledger.witness()
    hand.propose(
        "james/move", hand.change("james", {"plans/a.md": None, "plans/z.md": plan()}, base)
    )
    ledger.witness()
    assert hand.rule("james/move") == "merge.conflict"
    assert "plans/z.md" not in hand.files()


def test_after_puts_dependencies_first_whatever_their_dates(ledger, hand):
    first = hand.change("james", {"a.md": b"a\n"}, seconds=hand.now + 100)
    second = hand.change("carol", {"b.md": b"b\n"}, message=f"Later\n\nAfter: {first}")
    hand.propose("james/first", first)
    hand.propose("carol/second", second)
    report = ledger.witness()
    accepted = [one.proposal for one in report.receipts if one.outcome == "accepted"]
    assert accepted == [first, second]


def test_a_cycle_of_after_waits_and_nobody_else_does(ledger, hand):
    ghost = "1" * 40
    hand.propose(
        "james/waits", hand.change("james", {"a.md": b"a\n"}, message=f"x\n\nAfter: {ghost}")
    )
    hand.propose("carol/free", hand.change("carol", {"b.md": b"b\n"}))
    ledger.witness()
    assert hand.rule("james/waits") == "proposal.after"
    assert hand.rule("carol/free") == "ledger.accepted"
    invariants.all_of_them(ledger.hub, ledger.witness)


def test_a_proposal_inside_another_is_accepted_first_or_subsumed(ledger, hand):
    inner = hand.change("james", {"a.md": b"a\n"})
    outer = hand.change("carol", {"b.md": b"b\n"}, inner)
    hand.propose("james/inner", inner)
    hand.propose("carol/outer", outer)
    ledger.witness()
    assert hand.receipt("james/inner").outcome == "accepted"
    assert hand.receipt("carol/outer").outcome == "accepted"
    hand.propose("james/again", inner)
    ledger.witness()
    assert hand.receipt("james/again").yes
    assert check(ledger).number == 3


def test_common_merged_into_a_branch_is_not_charged_to_the_branch(ledger, hand):
    """A merge of common brings in what CI files and limits never let a proposal bring."""
    mine = hand.change("james", {"mine.md": b"x\n"})
    hand.propose("carol/other", hand.change("carol", {f"f{n}.md": b"x\n" for n in range(30)}))
    ledger.witness()
    hand.reopen()
    tree = hand.tree({"mine.md": b"x\n"})
    hand.propose("james/merged", hand.commit("james", tree, mine, hand.common, message="merge"))
    report = ledger.witness()
    assert report.after == 3
    changes = git(ledger.hub, "diff", "--name-only", "common@2", "common@3").split()
    assert changes == ["mine.md"]


def test_two_witnesses_on_copies_of_the_same_refs_make_the_same_ids(ledger, hand, tmp_path):
    for place in range(3):
        hand.propose(f"james/p{place}", hand.change("james", {f"f{place}.md": b"x\n"}))
    copy = tmp_path / "copy"
    git(tmp_path, "clone", "-q", "--mirror", str(ledger.hub), str(copy / "hub.git"))
    ledger.witness()
    ids = git(ledger.hub, "rev-list", "--first-parent", "common")
    ledger.clock.tick(7200)  # wall clocks stand in tags and receipts only
    git(ledger.folder("alice"), "remote", "set-url", "origin", str(copy / "hub.git"))
    git(ledger.folder("alice"), "update-ref", "refs/heads/common", hand.snapshot(1))
    for file in ledger.folder("alice").glob(".git/gitsync/position*"):
        file.unlink()
    for file in (ledger.folder("alice") / ".git/gitsync").glob("index.db*"):
        file.unlink()
    ws = ledger.ws("alice")
    for file in ws.positions()._user_dir.rglob("*.json"):
        file.unlink()
    run_once(ledger.ws("alice"), WitnessOptions())
    assert git(copy / "hub.git", "rev-list", "--first-parent", "common") == ids


def test_steps_and_all_at_once_come_to_the_same(ledger, hand):
    for place in range(3):
        hand.propose(f"james/p{place}", hand.change("james", {f"f{place}.md": b"x\n"}))
        ledger.witness()
        hand.reopen()
        assert step(ledger, "carol").number == place + 2
    assert check(ledger, "james").commit == step(ledger, "carol").commit


def test_a_home_in_the_witness_s_own_repository(tmp_path, clock):
    from gitsync.services.founding import InitOptions, init
    from tests.conftest import Ledger, new_host, write_key

    root = tmp_path / "solo"
    (root / "alice").mkdir(parents=True)
    keys = {who: write_key(root / "keys", who) for who in ("alice", "james")}
    solo = Ledger(root, clock)
    members = (("james", keys["james"].with_name("james.key.pub")),)
    init(
        new_host(root / "alice", clock),
        InitOptions(name="alice", key=str(keys["alice"]), members=members),
    )
    hand = Hand(solo, where=root / "alice")
    for place in range(3):
        hand.propose(f"james/p{place}", hand.change("james", {f"f{place}.md": b"x\n"}))
    hand.propose("alice/no", hand.change("james", {"g.md": b"x\n"}))
    assert solo.witness().after == 4
    assert hand.rule("alice/no") == "proposal.not-yours"
    invariants.all_of_them(root / "alice", solo.witness)
