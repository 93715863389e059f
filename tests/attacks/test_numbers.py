"""A number is given once: forks, gaps, races and withheld answers are seen and can be proven."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gitsync.codec.records import read_snapshot, snapshot_message
from gitsync.domain.errors import FormatError, GitsyncError, VerificationError
from gitsync.services import evidence
from gitsync.services import home as homes
from gitsync.services.inspecting import confirm
from gitsync.services.witnessing import WitnessOptions, run_once
from tests.attacks.kit import (
    at_three,
    both_ways,
    code,
    said,
    unchanged,
)
from tests.conftest import new_host, run_cli
from tests.integration import invariants
from tests.integration.ledgerkit import Hand, git, step

if TYPE_CHECKING:
    from gitsync.domain.objects import Oid


@pytest.fixture
def hand(ledger) -> Hand:
    return at_three(ledger)


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


# -- by stock git -----------------------------------------------------------------------------


def test_gap_and_the_same_number_with_other_content(ledger, hand, stock):
    """A stolen witness key can sign; it can neither skip a number nor give one twice unseen."""
    step(ledger, "carol")
    thief = stock("mallory", "alice")
    message = thief.git("log", "-1", "--format=%B", "common@3^{commit}")
    tree, proposal = thief.id("common@3^{tree}"), thief.id("common@3^{commit}^2")
    gap = thief.git("commit-tree", "-S", tree, "-p", "common@3^{commit}", "-p", proposal, "-m",
                    message.replace("Gitsync-Number: 3", "Gitsync-Number: 5"))  # fmt: skip
    thief.push(gap, "refs/heads/common")
    both_ways(ledger, "number.gap")

    thief.start("common@2^{commit}")
    thief.commit({"b.md": b"b\nand more\n"})
    other = thief.git("commit-tree", "-S", "HEAD^{tree}", "-p", "common@2^{commit}", "-p",
                      proposal, "-m", message)  # fmt: skip
    text = f"common@3\n\nGitsync-Ledger: {ledger.anchor}"
    thief.git("tag", "-f", "-s", "-m", text, "common@3", other)
    thief.push(other, "refs/heads/common")
    thief.push("refs/tags/common@3", "refs/tags/common@3")
    before = unchanged(ledger)
    assert said(ledger.cli("carol", "pull", "--json")) == "common.equivocation"
    assert unchanged(ledger) == before
    (proof,) = (ledger.folder("carol") / ".git/gitsync/evidence").glob("fork-common@3-*.json")
    assert ledger.cli("james", "verify", "--evidence", str(proof)).code == 0


def test_equivocation_two_snapshots_of_one_number(ledger, hand, monkeypatch, tmp_path):
    """One witness, two histories, each of them sound: whoever knows one refuses the other, and
    the two tags convict the key for everybody, offline."""
    shutil.copytree(ledger.root, tmp_path / "world" / "ledger")
    other = replace(ledger, root=tmp_path / "world" / "ledger")
    for config in other.root.glob("*/.git/config"):
        config.write_text(config.read_text().replace(str(ledger.root), str(other.root)))
    hand.propose("james/here", hand.change("james", {"c.md": b"here\n"}))
    ledger.witness()
    step(ledger, "carol")
    # Another machine: what this one has verified is not known there.
    monkeypatch.setenv("XDG_STATE_HOME", str(other.root / "state"))
    there = Hand(other)
    there.propose("james/there", there.change("james", {"c.md": b"there\n"}))
    other.witness()
    step(other, "carol")
    assert git(ledger.hub, "rev-parse", "common") != git(other.hub, "rev-parse", "common")
    found = []
    for one, served in ((other, ledger.hub), (ledger, other.hub)):
        monkeypatch.setenv("XDG_STATE_HOME", str(one.root / "state"))
        git(one.folder("carol"), "remote", "set-url", "origin", str(served))
        before = unchanged(one)
        assert said(one.cli("carol", "pull", "--json")) == "common.equivocation"
        assert unchanged(one) == before
        found += (one.folder("carol") / ".git/gitsync/evidence").glob("fork-common@4-*.json")
    assert len(found) == 2
    assert found[0].read_bytes() == found[1].read_bytes(), "the same proof from either side"
    (tmp_path / "nowhere").mkdir()
    ran = run_cli(
        new_host(tmp_path / "nowhere", ledger.clock), "verify", "--evidence", str(found[0])
    )
    assert ran.code == 0, ran
    assert "common@4" in ran.out
    tags = json.loads(found[0].read_bytes())
    found[0].write_text(json.dumps(tags | {"tags": tags["tags"][:1] * 2}))
    assert said(ledger.cli("carol", "verify", "--evidence", str(found[0]), "--json")) == (
        "evidence.unproven"
    )


def test_framing(ledger, hand, stock):
    """A snapshot that its home had refused proves nothing: a number is signed by its tag alone."""
    step(ledger, "carol")
    hook = ledger.hub / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    kept = ledger.root / "kept"
    kept.mkdir()
    # The remote keeps every pushed object and its ref, and refuses.
    hook.write_text(
        f"#!/bin/sh\ncat >> {kept}/refs\ncp -r $GIT_QUARANTINE_PATH/. {kept}/objects\nexit 1\n"
    )
    hook.chmod(0o755)
    hand.propose("james/c", hand.change("james", {"c.md": b"c\n"}))
    with pytest.raises(GitsyncError):
        ledger.witness()
    lines = [line.split() for line in (kept / "refs").read_text().splitlines()]
    assert "refs/heads/common" in [ref for _, _, ref in lines]
    assert not [ref for _, _, ref in lines if ref.startswith("refs/tags/")], "nothing is numbered"
    refused = next(new for _, new, ref in lines if ref == "refs/heads/common")
    hook.unlink()
    ledger.clock.tick()
    hand.propose("carol/d", hand.change("carol", {"d.md": b"d\n"}, seconds=hand.now - 600))
    ledger.witness()
    step(ledger, "carol")
    assert git(ledger.hub, "rev-parse", "common@4^{commit}") != refused
    shutil.copytree(kept / "objects", ledger.hub / "objects", dirs_exist_ok=True)
    git(ledger.hub, "update-ref", "refs/heads/common", refused)
    assert said(ledger.cli("carol", "pull", "--json")) in ("common.fork", "position.rollback")
    assert not list((ledger.folder("carol") / ".git/gitsync").rglob("fork-*"))


def test_two_witness_instances_race(ledger, hand):
    """One wins by compare-and-swap; the other looks again: a number is never given twice."""
    shutil.copytree(ledger.folder("alice"), ledger.folder("desk"))
    hand.propose("james/one", hand.change("james", {"one.md": b"1\n"}))
    real, late = homes.RemoteHome.emit, []

    def emit(self, updates):
        if not late:
            late.append(True)
            # While this one is about to push, the other has already landed more than it.
            hand.propose(
                "carol/two", hand.change("carol", {"two.md": b"2\n"}, seconds=hand.now - 60)
            )
            run_once(ledger.ws("desk"), WitnessOptions())
            late.append(git(ledger.hub, "rev-parse", "common"))
        real(self, updates)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(homes.RemoteHome, "emit", emit)
        ledger.witness()
    assert late[1:] == [git(ledger.hub, "rev-parse", "common")], "what had landed was replaced"
    assert hand.rule("james/one") == hand.rule("carol/two") == "ledger.accepted"
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 5


def test_censorship(ledger, hand, stock):
    """A proposal that the witness said to have received, and then never answers, stays visible."""
    for slug in ("p0", "p1"):
        ledger.clock.tick()
        ledger.propose("james", f"notes/{slug}.md", "x\n", slug)
    run_once(ledger.ws("alice"), WitnessOptions(limit=1))
    answers = {name: hand.receipt(name) for name in ("james/p0", "james/p1")}
    names = [name for name, one in answers.items() if one and one.outcome == "received"]
    assert len(names) == 1
    stock("mallory").push("", f"refs/heads/proposals/{names[0]}")
    ledger.clock.tick(86_400)
    ledger.witness()
    assert ledger.cli("james", "pull").code == 0
    shown = ledger.cli("james", "proposals")
    assert any(names[0] in line and "received" in line for line in shown.out.splitlines()), shown
    for who in ("james", "carol"):
        receipt = ledger.cli(who, "receipt", names[0], "--json")
        assert json.loads(receipt.out)["outcome"] == "received"
