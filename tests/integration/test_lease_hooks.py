"""Leases in the hooks of a clone, and in those of a guarded home: by stock git, on real repos."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from gitsync.domain.leases.acts import Acquire, Break, Release
from gitsync.domain.leases.values import Lease
from gitsync.domain.names import LOCKS_REF
from gitsync.services.deciding import sign_commit
from gitsync.services.heartbeats import next_beat
from gitsync.services.hookledger import HookLedger
from gitsync.services.leasing.glance import NO_LEASES, locks_here, nothing_held
from gitsync.services.sources import known_view
from gitsync.services.staged import check_staged
from gitsync.storage import leasecache, lockstree
from gitsync.storage.facts import StoreFacts
from gitsync.storage.stock import StockRepository
from tests.integration.hookkit import Clone, run_git, text
from tests.integration.ledgerkit import Hand, git
from tests.integration.test_receiving import Outside, guard, refused


@pytest.fixture
def clone(ledger):
    found = Clone(ledger)
    found.land("plans/a.md", text(), "a")
    found.land("plans/b.md", text("plan-cccccc"), "b")
    assert ledger.cli("carol", "pull").code == 0
    return found


def hold(ledger, *subjects: str, who: str = "carol") -> None:
    assert ledger.cli(who, "lock", "acquire", *subjects, "--note", "splitting it").code == 0
    assert ledger.cli("james", "pull").code == 0


# -- pre-commit and pre-push -------------------------------------------------------------------


def test_a_commit_into_a_foreign_lease_is_refused_in_one_paragraph(ledger, clone):
    hold(ledger, "plan-bbbbbb")
    clone.stage("plans/a.md", text(body="mine"))
    done = clone.refused("commit", "-m", "x", code="lease.held")
    said = " ".join(done.err.split())
    for words in (
        "plans/a.md", "carol holds under lease 1 (splitting it)", "since 2026-01-01T",
        "another 2h 15m", "gitsync lock show 1", "gitsync propose", "--no-verify",
    ):  # fmt: skip
        assert words in said, words
    clone.ok("commit", "-q", "--no-verify", "-m", "I know")
    clone.stage("plans/b.md", text("plan-cccccc", body="free"))
    assert clone.ok("commit", "-q", "-m", "Beside it").err == ""


@pytest.mark.parametrize("how", ["rm", "mv", "chmod"])
def test_removal_renaming_and_modes_are_writes_too(ledger, clone, how):
    hold(ledger, "plan-bbbbbb")
    {"rm": lambda: clone.ok("rm", "-q", "plans/a.md"),
     "mv": lambda: clone.ok("mv", "plans/a.md", "plans/z.md"),
     "chmod": lambda: clone.ok("update-index", "--chmod=+x", "plans/a.md")}[how]()  # fmt: skip
    done = clone.git("commit", "-m", "x")
    assert done.code != 0
    assert "lease.held" in done.err


def test_a_plain_file_is_looked_at_while_others_hold_its_path(ledger, clone):
    clone.land("data/figures.txt", "1\n", "figures")
    assert ledger.cli("carol", "pull").code == 0
    hold(ledger, "path:data/**")
    clone.stage("data/figures.txt", "2\n")
    done = clone.refused("commit", "-m", "x", code="lease.held")
    assert "data/figures.txt" in done.err
    assert "carol holds under lease 1" in " ".join(done.err.split())
    assert ledger.cli("carol", "lock", "release").code == 0
    assert ledger.cli("james", "pull").code == 0
    assert clone.ok("commit", "-q", "-m", "x").err == ""


def below(ident: str, parent: str) -> str:
    return text(ident).replace("owner", f"parent: {parent}\nowner")


@pytest.fixture
def grown(ledger, clone):
    """Carol holds a tree, and has put something below it since; james adds to that."""
    hold(ledger, "tree:plan-bbbbbb")
    ledger.write("carol", "plans/d.md", below("plan-dddddd", "plan-bbbbbb"))
    run_git(ledger.folder("carol"), "add", ".")
    run_git(ledger.folder("carol"), "commit", "-qm", "d")
    assert ledger.cli("carol", "propose").code == 0
    assert ledger.cli("alice", "witness", "run").code == 0
    assert ledger.cli("james", "pull").code == 0
    assert (clone.root / "plans/d.md").exists()
    clone.stage("plans/f.md", below("plan-ffffff", "plan-dddddd"))
    return clone


@pytest.mark.parametrize("index", ["there", "missing", "torn", "lying"])
def test_what_lies_deep_below_a_tree_is_found_whatever_the_index_says(ledger, grown, index):
    assert ledger.cli("james", "list").code == 0
    file = grown.root / ".git/gitsync/artifacts.db"
    if index == "missing":
        file.unlink()
    elif index == "torn":
        file.write_bytes(file.read_bytes()[:5000])
    elif index == "lying":
        with closing(sqlite3.connect(file)) as db, db:
            db.execute("UPDATE OR REPLACE member SET path = ? WHERE path = ?",
                       (b"plans/b.md", b"plans/d.md"))  # fmt: skip
    assert "plans/f.md" in grown.refused("commit", "-m", "x", code="lease.held").err


def test_the_index_spares_a_hook_the_reading_of_every_file(ledger, grown, monkeypatch):
    assert ledger.cli("james", "list").code == 0
    read = []
    monkeypatch.setattr(StoreFacts, "paths_of", lambda *args: read.append(args) or ())
    host = ledger.host("james")
    with StockRepository(grown.root, {}) as repo:
        found = check_staged(HookLedger.find(repo, host.env, host.home))
    assert [one.code for one in found if one.refuses] == ["lease.held"]
    assert read == []


def test_one_s_own_lease_and_a_released_one_are_no_reason(ledger, clone):
    hold(ledger, "plan-bbbbbb", who="james")
    clone.stage("plans/a.md", text(body="mine"))
    assert clone.ok("commit", "-q", "-m", "x").err == ""
    assert ledger.cli("james", "lock", "release").code == 0
    hold(ledger, "plan-cccccc")
    assert ledger.cli("carol", "lock", "release").code == 0
    assert ledger.cli("james", "pull").code == 0
    clone.stage("plans/b.md", text("plan-cccccc", body="free"))
    assert clone.ok("commit", "-q", "-m", "y").err == ""


@pytest.mark.parametrize(("mode", "code"), [("warn", 0), ("off", 0)])
def test_a_clone_may_be_told_instead_of_stopped(ledger, clone, mode, code):
    hold(ledger, "plan-bbbbbb")
    clone.ok("config", "gitsync.leases", mode)
    clone.stage("plans/a.md", text(body="mine"))
    done = clone.git("commit", "-m", "x")
    assert done.code == code
    assert ("lease.held" in done.err) == (mode == "warn")


def test_pushing_a_proposal_asks_and_a_stale_token_is_refused(ledger, clone):
    hold(ledger, "plan-bbbbbb")
    clone.stage("plans/a.md", text(body="mine"))
    clone.ok("commit", "-q", "--no-verify", "-m", "An edit")
    done = clone.git("push", "origin", "HEAD:refs/heads/proposals/james/ask")
    assert done.code == 0, done.err
    assert "will wait" in done.err
    assert "held by carol under lease 1" in " ".join(done.err.split())
    stale = "An edit\n\nGitsync-Lease: 9"
    clone.ok("commit", "-q", "--no-verify", "--amend", "-S", "-m", stale)
    done = clone.git("push", "origin", "+HEAD:refs/heads/proposals/james/stale")
    assert done.code != 0
    assert "lease.stale" in done.err


def test_the_witness_passes_its_own_hooks(ledger, clone):
    hold(ledger, "plan-bbbbbb")
    guard(ledger)
    clone.stage("plans/b.md", text("plan-cccccc", body="other"))
    clone.ok("commit", "-q", "-m", "x")
    assert ledger.cli("james", "propose", "--slug", "b").code == 0
    assert ledger.witness().after == 4


# -- a guarded home ----------------------------------------------------------------------------


@pytest.fixture
def outside(ledger):
    guard(ledger)
    return Outside(ledger)


def lease(hand: Hand, who: str, token: int, *subjects: str, **more) -> Lease:
    members = more.pop("members", tuple(one.partition(":")[2] for one in subjects))
    return Lease(token, who, f"{token:032x}", subjects, members, 1, 7200, 900, **more)


def put(outside, hand: Hand, act, who: str) -> str:
    """A commit on the locks ref that is made outside and not pushed yet: its id."""
    from gitsync.codec.leaseacts import actor_of
    from gitsync.domain.objects import Oid
    from gitsync.services.locksref import next_act

    tip = Oid(git(outside.path, "rev-parse", LOCKS_REF))
    policy = hand.facts.settings(hand.facts.commit(hand.common).tree).policy
    commit = next_act(
        hand.facts, tip, act, policy, actor_of(act) or who, hand.ledger.anchor, hand.now
    )
    oid = hand.write(who, commit)
    hand.repo.store.flush()
    return oid


def test_the_home_takes_acts_that_follow_the_rules(ledger, outside):
    hand = outside.hand
    taken = put(outside, hand, Acquire(lease(hand, "james", 1, "ids:plan-bbbbbb")), "james")
    assert outside.send(LOCKS_REF, taken) is None
    git(outside.path, "update-ref", LOCKS_REF, taken)
    back = put(outside, hand, Release("james", (1,)), "james")
    assert outside.send(LOCKS_REF, back) is None


def test_the_home_refuses_whoever_signs_for_somebody_else(ledger, outside):
    hand = outside.hand
    forged = put(outside, hand, Acquire(lease(hand, "james", 1, "ids:plan-bbbbbb")), "carol")
    refused(outside, "locks.unknown-key", f"{forged}:{LOCKS_REF}")


@pytest.mark.parametrize(
    ("what", "code"),
    [("token", "locks.bad-act"), ("members", "locks.bad-act"), ("two at once", "locks.bad-act"),
     ("no act", "locks.malformed"), ("stamp", "locks.bad-act")],
)  # fmt: skip
def test_the_home_refuses_what_no_act_gives(ledger, outside, what, code):
    hand = outside.hand
    tip = git(outside.path, "rev-parse", LOCKS_REF)
    good = put(outside, hand, Acquire(lease(hand, "james", 1, "ids:plan-bbbbbb")), "james")
    commit = hand.facts.commit(good)
    files = {
        "token": {"token": b"7\n"},
        "members": {"leases/1": hand.read("leases/1", good)
                    .replace('"ids:plan-bbbbbb"', '"ids:plan-zzzzzz"').encode() + b"\n"},
        "two at once": {"leases/2": hand.read("leases/1", good).replace('"token": 1', '"token": 2')
                        .encode() + b"\n", "token": b"2\n"},
        "no act": {"note": b"hello\n"},
        "stamp": {"stamp": b"9\n1767225600\n"},
    }[what]  # fmt: skip
    bad = hand.commit("james", hand.tree(files, good), tip, message=commit.message.decode()[:-1])
    refused(outside, code, f"{bad}:{LOCKS_REF}")


def test_an_act_that_was_made_for_another_place_is_no_act_here(ledger, outside):
    """A lease that was taken once cannot be pushed again on top of what came since."""
    hand = outside.hand
    tip = git(outside.path, "rev-parse", LOCKS_REF)
    taken = put(outside, hand, Acquire(lease(hand, "james", 1, "ids:plan-bbbbbb")), "james")
    outside.send(LOCKS_REF, taken)
    git(outside.path, "update-ref", LOCKS_REF, taken)
    broken = put(outside, hand, Break("alice", 1, "away"), "alice")
    outside.send(LOCKS_REF, broken)
    again = hand.commit("james", hand.facts.commit(taken).tree, broken,
                        message=hand.facts.commit(taken).message.decode()[:-1])  # fmt: skip
    refused(outside, "locks.malformed", f"{again}:{LOCKS_REF}")
    refused(outside, "ref.not-forward", f"+{taken}:{LOCKS_REF}")
    refused(outside, "ref.not-forward", f"+{tip}:{LOCKS_REF}")
    refused(outside, "ref.delete", f":{LOCKS_REF}")


def test_heartbeats_rise_are_their_own_and_stay(ledger, outside):
    hand, ref = outside.hand, "refs/gitsync/nodes/james"

    def beat(sequence: int, who: str = "james") -> str:
        commit = next_beat(hand.facts, "james", ledger.anchor, sequence, hand.now)
        oid = sign_commit(hand.facts, hand.signer(who), commit)
        hand.repo.store.flush()
        return oid

    assert outside.send(ref, beat(1)) is None
    assert outside.send(ref, beat(3)) is None
    refused(outside, "heartbeat.old", f"+{beat(2)}:{ref}")
    refused(outside, "heartbeat.not-yours", f"+{beat(9, 'carol')}:{ref}")
    refused(outside, "ref.delete", f":{ref}")


def test_leases_that_were_read_once_are_not_read_again(ledger, clone, monkeypatch):
    hold(ledger, "plan-bbbbbb")
    clone.stage("plans/a.md", text(body="mine"))
    clone.refused("commit", "-m", "x", code="lease.held")
    monkeypatch.setattr(lockstree.leasefiles, "decode_lease", None)
    with StockRepository(clone.root, {}) as repo:
        host = ledger.host("james")
        found = check_staged(HookLedger.find(repo, host.env, host.home))
    assert [one.code for one in found if one.refuses] == ["lease.held"]


def test_a_command_looks_at_the_leases_once(ledger, clone, monkeypatch):
    """Ahead, while git looks at the files, and in the table: one reading serves both."""
    hold(ledger, "plan-bbbbbb")
    read, real = [], leasecache.load
    monkeypatch.setattr(leasecache, "load", lambda place: read.append(place) or real(place))
    ws = ledger.ws("james")
    assert locks_here(ws) is locks_here(ws) is not None
    assert len(read) == 1
    assert "carol" in ledger.cli("james", "list").out
    assert len(read) == 2


def test_where_nobody_holds_anything_that_is_remembered(ledger, clone, monkeypatch):
    """A locks commit without leases is looked at once; the next one is looked at anew."""
    word = clone.root / ".git/gitsync" / NO_LEASES
    ws = ledger.ws("james")
    word.unlink(missing_ok=True)
    assert not nothing_held(ws)
    assert locks_here(ws) is None
    assert nothing_held(ws)
    read = []
    monkeypatch.setattr(StoreFacts, "commit", lambda _self, oid: read.append(oid))
    assert locks_here(ledger.ws("james")) is None
    assert read == []
    monkeypatch.undo()
    hold(ledger, "plan-bbbbbb")
    assert not nothing_held(ws)
    assert "carol" in ledger.cli("james", "list").out


def test_a_poisoned_word_of_no_leases_stops_no_hook(ledger, clone):
    hold(ledger, "plan-bbbbbb")
    ws = ledger.ws("james")
    tip = known_view(ws).locks
    (clone.root / ".git/gitsync" / NO_LEASES).write_text(f"{tip}\n")
    assert locks_here(ws) is None
    clone.stage("plans/a.md", text(body="mine"))
    clone.refused("commit", "-m", "x", code="lease.held")


@pytest.mark.parametrize("damage", ["torn", "bytes", "folder"])
def test_what_was_kept_of_no_leases_may_be_anything(ledger, clone, damage):
    hold(ledger, "plan-bbbbbb")
    word = clone.root / ".git/gitsync" / NO_LEASES
    word.unlink(missing_ok=True)
    if damage == "folder":
        word.mkdir()
    else:
        word.write_bytes(b"\xff\0" if damage == "bytes" else b"")
    assert "carol" in ledger.cli("james", "list").out
    clone.stage("plans/a.md", text(body="mine"))
    clone.refused("commit", "-m", "x", code="lease.held")


@pytest.mark.parametrize("damage", ["missing", "torn", "foreign", "typed", "nested", "folder"])
def test_what_was_kept_of_leases_may_be_anything(ledger, clone, damage):
    hold(ledger, "plan-bbbbbb")
    file = clone.root / ".git/gitsync" / leasecache.FILE
    kept = file.read_text()
    head, row = json.loads(kept)
    file.unlink()
    if damage == "folder":
        file.mkdir()
    elif damage != "missing":
        row[head.index("members") - 1] = {"typed": [7], "nested": "x"}.get(damage, [])
        file.write_text(
            {"torn": kept[:-9], "foreign": json.dumps([["x"], row])}.get(
                damage, json.dumps([head, row])
            )
        )
    clone.stage("plans/a.md", text(body="mine"))
    clone.refused("commit", "-m", "x", code="lease.held")


def test_a_poisoned_file_of_leases_decides_nothing(ledger, clone):
    """It is believed early, where nothing is decided, and by nobody else."""
    hold(ledger, "plan-bbbbbb")
    file = clone.root / ".git/gitsync" / leasecache.FILE
    head, row = json.loads(file.read_text())
    row[head.index("holder") - 1] = "james"
    file.write_text(json.dumps([head, row]))
    (ledger.folder("alice") / ".git/gitsync" / leasecache.FILE).write_text(file.read_text())
    ws = ledger.ws("james")
    assert locks_here(ws).leases[1].holder == "james"
    assert ws.facts.locks(known_view(ws).locks).leases[1].holder == "carol"
    clone.stage("plans/a.md", text(body="mine"))
    clone.ok("commit", "-q", "-m", "x")
    assert ledger.cli("james", "propose", "--slug", "x").code == 0
    ledger.witness()
    assert ledger.cli("james", "pull").code == 0
    assert "waiting" in ledger.cli("james", "proposals").out
