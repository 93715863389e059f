"""Leases taken, kept or ended by whoever may not, and writes that go around them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitsync.codec.leaseacts import write_act
from gitsync.domain.errors import GitsyncError, RefusedError
from gitsync.domain.leases.acts import Acquire, Answer, Break, Release, Reply, Stamp
from gitsync.domain.leases.values import Lease
from gitsync.domain.names import LOCKS_REF
from gitsync.domain.objects import Commit
from gitsync.services.deciding import sign_commit
from gitsync.services.heartbeats import next_beat
from gitsync.storage.lockstree import write_locks
from tests.integration.ledgerkit import Hand, check, plan

HOUR = 3600


def artifact(ledger, hand: Hand) -> None:
    hand.propose("alice/a", hand.change("alice", {"plans/a.md": plan("plan-aaaaaa")}))
    ledger.witness()
    hand.reopen()


def edit(hand: Hand, who: str, token: int | None = None) -> None:
    message = "An edit" + (f"\n\nGitsync-Lease: {token}" if token else "")
    content = (hand.read("plans/a.md") + f"\n{who}\n").encode()
    hand.propose(f"{who}/edit", hand.change(who, {"plans/a.md": content}, message=message))


def forced(hand: Hand, who: str, act, after, actor: str | None = None) -> None:
    """A commit on the locks ref whose tree is ``after``, whatever the rules say to the act."""
    hand.reopen()
    tip = hand.repo.refs.get(LOCKS_REF)
    before = hand.facts.locks(tip)
    tree = write_locks(hand.facts, hand.facts.commit(tip).tree, before, after)
    identity = hand.who(actor or who)
    message = write_act(act, hand.ledger.anchor, tip)
    hand.put(LOCKS_REF, hand.write(who, Commit(tree, (tip,), identity, identity, message)))


def stopped(ledger, hand: Hand, code: str) -> None:
    """The witness signs nothing on top, and a newcomer sees it as well."""
    before = hand.common
    for look in (ledger.witness, lambda: check(ledger)):
        with pytest.raises(GitsyncError) as error:
            look()
        assert error.value.code == code
    hand.reopen()
    assert hand.common == before


def test_taker_claims_that_a_lease_lapsed(ledger, hand):
    """Without the witness's stamps no lease is over, whatever date a rival writes."""
    artifact(ledger, hand)
    lease = hand.lease("james", "ids:plan-aaaaaa")
    ledger.clock.tick(30 * 86400)
    locks = hand.locks()
    rival = replace(lease, token=2, holder="carol", nonce="1" * 32)
    with pytest.raises(RefusedError) as error:
        hand.act(Acquire(rival))
    assert error.value.code == "lease.held"
    forced(hand, "carol", Acquire(rival), replace(locks, token=2, leases={2: rival}))
    stopped(ledger, hand, "locks.bad-act")


def test_a_stamp_by_whoever_is_no_witness(ledger, hand):
    """Time is the witness's alone to tell."""
    artifact(ledger, hand)
    hand.lease("james", "ids:plan-aaaaaa")
    with_stamp = Stamp(hand.locks().number, hand.now + 9 * HOUR, {1: 0})
    hand.act(with_stamp, who="carol")
    stopped(ledger, hand, "locks.unknown-key")


def test_replay_of_a_lease_or_of_a_heartbeat(ledger, hand):
    """What was signed for one place of the ref, and an older sign of life, count once."""
    artifact(ledger, hand)
    old = hand.repo.refs.get(LOCKS_REF)
    lease = hand.lease("james", "ids:plan-aaaaaa")
    taken = hand.repo.refs.get(LOCKS_REF)
    beats = []
    for sequence in (1, 2):
        commit = next_beat(hand.facts, "james", ledger.anchor, sequence, hand.now)
        beats.append(sign_commit(hand.facts, hand.signer("james"), commit))
    hand.put("refs/gitsync/nodes/james", beats[1])
    ledger.clock.tick(60)
    ledger.witness()
    hand.put("refs/gitsync/nodes/james", beats[0])
    for _ in range(4):
        ledger.clock.tick(HOUR)
        ledger.witness()
    assert hand.locks().live() == ()
    assert hand.locks().beat(lease.token).sequence == 2
    hand.act(Break("alice", lease.token, "over"))
    tip = hand.repo.refs.get(LOCKS_REF)
    again = hand.facts.commit(taken)
    assert again.parents == (old,)
    hand.put(LOCKS_REF, hand.write("james", replace(again, parents=(tip,), signature=None)))
    stopped(ledger, hand, "locks.malformed")


def test_a_lease_in_somebody_else_s_name(ledger, hand):
    """An act is signed by the person whose act it is."""
    artifact(ledger, hand)
    locks = hand.locks()
    lease = Lease(1, "james", "2" * 32, ("ids:plan-aaaaaa",), ("plan-aaaaaa",), 2, 7200, 900)
    forced(hand, "carol", Acquire(lease), replace(locks, token=1, leases={1: lease}), "james")
    stopped(ledger, hand, "locks.unknown-key")


def test_a_lease_broken_by_whoever_may_not(ledger, hand):
    """Breaking takes the role for it."""
    artifact(ledger, hand)
    hand.lease("james", "ids:plan-aaaaaa")
    locks = hand.locks()
    forced(hand, "carol", Break("carol", 1, "mine"), replace(locks, leases={}))
    stopped(ledger, hand, "locks.bad-act")


def test_a_token_that_was_taken_over(ledger, hand):
    """A holder who was paused past the end of the lease, and resumes, writes nothing."""
    artifact(ledger, hand)
    lease = hand.lease("james", "ids:plan-aaaaaa")
    for _ in range(4):
        ledger.clock.tick(HOUR)
        ledger.witness()
    hand.lease("carol", "ids:plan-aaaaaa")
    edit(hand, "james", lease.token)
    ledger.witness()
    assert hand.rule("james/edit") == "lease.stale"
    check(ledger)


def test_a_write_around_a_lease(ledger, hand):
    """A witness that lets a write into somebody's lease is found out by whoever replays it."""
    from gitsync.domain.ledger.judge import _Judge

    artifact(ledger, hand)
    hand.lease("james", "ids:plan-aaaaaa")
    edit(hand, "carol")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Judge, "check_leases", lambda *_: None)
        ledger.witness()
    assert hand.rule("carol/edit") == "ledger.accepted"
    with pytest.raises(GitsyncError) as error:
        check(ledger)
    assert error.value.code == "replay.refused"


@pytest.mark.parametrize(
    ("mine", "edited"),
    [
        ("ids:plan-mmmmmm", b"depends: [plan-mmmmmm]\n"),
        ("tree:plan-mmmmmm", b"parent: plan-mmmmmm\n"),
        ("query:title:mine", b"title: Mine\n"),
    ],
    ids=["link", "parent", "query"],
)
def test_another_s_artifact_made_to_look_like_one_s_own(ledger, hand, mine, edited):
    """An older lease of one's own covers what an edit makes of a file, not what the file was."""
    artifact(ledger, hand)
    hand.propose("alice/m", hand.change("alice", {"plans/m.md": plan("plan-mmmmmm")}))
    ledger.witness()
    own = hand.lease("carol", mine)
    hand.lease("james", "ids:plan-aaaaaa")
    name = edited.partition(b":")[0]
    lines = hand.read("plans/a.md").encode().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(name + b":")]
    content = b"".join([*kept[:2], edited, *kept[2:]])
    message = f"An edit\n\nGitsync-Lease: {own.token}"
    hand.propose("carol/edit", hand.change("carol", {"plans/a.md": content}, message=message))
    ledger.witness()
    assert hand.rule("carol/edit") == "lease.held"
    check(ledger)


def test_a_holder_who_starts_the_waiting_anew(ledger, hand):
    """Giving back and taking again between two runs of the witness answers nobody."""
    artifact(ledger, hand)
    lease = hand.lease("james", "ids:plan-aaaaaa")
    edit(hand, "carol")
    ledger.witness()
    for _ in range(3):
        ledger.clock.tick(HOUR)
        ledger.witness()
        hand.act(Release("james", (lease.token,)))
        lease = hand.lease("james", "ids:plan-aaaaaa")
    [asked] = hand.locks().queue()
    assert (asked.token, asked.waited, asked.answer) == (lease.token, 3 * HOUR, None)
    # Somebody else has not been asked before.
    hand.act(Release("james", (lease.token,)))
    hand.lease("alice", "ids:plan-aaaaaa")
    assert [one.waited for one in hand.locks().queue()] == [0]


def test_an_answer_by_whoever_is_not_asked(ledger, hand):
    """Only the holder answers, or whom the policy names."""
    artifact(ledger, hand)
    hand.lease("james", "ids:plan-aaaaaa")
    edit(hand, "carol")
    ledger.witness()
    locks = hand.locks()
    (key, request), *_ = locks.requests.items()
    answer = Answer("allow", "carol")
    after = replace(locks, requests={key: replace(request, answer=answer)})
    forced(hand, "carol", Reply("carol", 1, key[1], answer), after)
    stopped(ledger, hand, "locks.bad-act")
