"""Leases as the witness and every verifier apply them, on a real hub with real signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitsync.codec.records import read_snapshot
from gitsync.domain.errors import RefusedError, VerificationError
from gitsync.domain.leases.acts import Answer, Break, Release, Reply
from gitsync.domain.leases.values import LAPSED, LIVE
from gitsync.domain.names import LOCKS_REF
from gitsync.services.deciding import sign_commit
from gitsync.services.heartbeats import next_beat
from tests.integration import invariants
from tests.integration.ledgerkit import Hand, check, git, plan, policy_edit

if TYPE_CHECKING:
    from gitsync.domain.objects import Oid

HOUR = 3600


@pytest.fixture
def hand(ledger) -> Hand:
    hand = Hand(ledger)
    hand.propose("alice/begin", hand.change("alice", {
        "plans/a.md": plan("plan-aaaaaa", "A"),
        "plans/b.md": plan("plan-bbbbbb", "B").replace(b"owner", b"parent: plan-aaaaaa\nowner"),
        "plans/c.md": plan("plan-cccccc", "C"),
        "free.md": b"free\n",
    }))  # fmt: skip
    ledger.witness()
    hand.reopen()
    return hand


def linked(ident: str, link: bytes) -> bytes:
    """A plan with a link field."""
    return plan(ident, ident[-1].upper()).replace(b"owner", link + b"\nowner")


def edit(hand: Hand, who: str, path: str = "plans/b.md", token: int | None = None,
         text: bytes = b"changed\n", slug: str = "edit", at: int = 0) -> Oid:  # fmt: skip
    """A proposal that appends to a file, with a fencing token if there is one."""
    content = (hand.read(path) + "\n").encode() + text
    message = "An edit" + (f"\n\nGitsync-Lease: {token}" if token else "")
    oid = hand.change(who, {path: content}, message=message, seconds=hand.now + at)
    return hand.propose(f"{who}/{slug}", oid)


def beat(hand: Hand, domain: str, sequence: int) -> None:
    hand.reopen()
    who = domain.partition(".")[0]
    commit = next_beat(hand.facts, domain, hand.ledger.anchor, sequence, hand.now)
    hand.put(f"refs/gitsync/nodes/{domain}", sign_commit(hand.facts, hand.signer(who), commit))


def pass_time(hand: Hand, seconds: int, step: int = 1800) -> None:
    """Let the witness run now and then while time passes."""
    for _ in range(seconds // step):
        hand.ledger.clock.tick(step)
        hand.ledger.witness()


def rule(hand: Hand, name: str) -> str | None:
    return hand.rule(name)


# -- who may write -----------------------------------------------------------------------------


def test_another_s_write_waits_and_asks_and_a_newcomer_proves_it(ledger, hand):
    lease = hand.lease("james", "tree:plan-aaaaaa", members=("plan-bbbbbb",))
    tip = edit(hand, "carol")
    ledger.witness()
    assert rule(hand, "carol/edit") == "lease.held"
    [request] = hand.locks().queue()
    assert (request.token, request.proposal, request.asker) == (lease.token, tip, "carol")
    assert "held by james under lease 1" in hand.receipt("carol/edit").why
    edit(hand, "carol", "free.md", slug="free")
    ledger.witness()
    assert rule(hand, "carol/free") == "ledger.accepted"
    check(ledger)
    invariants.all_of_them(ledger.hub, ledger.witness)


def test_the_holder_writes_with_the_token_and_it_is_written_into_the_snapshot(ledger, hand):
    lease = hand.lease("james", "tree:plan-aaaaaa", members=("plan-bbbbbb",))
    edit(hand, "james", token=lease.token)
    ledger.witness()
    assert rule(hand, "james/edit") == "ledger.accepted"
    hand.reopen()
    assert read_snapshot(hand.facts.commit(hand.common).message).leases == (1,)
    check(ledger)


def test_the_holder_without_the_token_is_told_how(ledger, hand):
    hand.lease("james", "ids:plan-bbbbbb")
    edit(hand, "james")
    ledger.witness()
    assert rule(hand, "james/edit") == "lease.token-missing"
    assert any("Gitsync-Lease: 1" in line for line in hand.receipt("james/edit").mend)


def test_another_domain_of_the_same_person_is_another_holder(ledger, hand):
    """Two agents of one person keep out of each other's way as well."""
    hand.lease("james.agent1", "ids:plan-bbbbbb")
    edit(hand, "james")
    ledger.witness()
    assert rule(hand, "james/edit") == "lease.held"


@pytest.mark.parametrize(
    ("files", "held"),
    [
        ({"plans/b.md": None}, True),
        ({"plans/b.md": None, "plans/z.md": plan("plan-bbbbbb", "B")}, True),
        ({"plans/new.md": linked("plan-dddddd", b"parent: plan-bbbbbb")}, True),
        ({"plans/c.md": linked("plan-cccccc", b"depends: [plan-bbbbbb]")}, True),
        ({"plans/c.md": plan("plan-cccccc", "Other")}, False),
        ({"plans/e.md": plan("plan-eeeeee", "E")}, False),
    ],
    ids=["delete", "rename", "add below", "link into", "edit beside", "add beside"],
)  # fmt: skip
def test_what_counts_as_a_write(ledger, hand, files, held):
    hand.lease("james", "tree:plan-aaaaaa", members=("plan-bbbbbb",))
    hand.propose("carol/w", hand.change("carol", files))
    ledger.witness()
    assert rule(hand, "carol/w") == ("lease.held" if held else "ledger.accepted")
    check(ledger)


def test_what_came_below_a_tree_after_it_was_leased_belongs_to_it(ledger, hand):
    """Membership is judged again at every merge: through parents that the lease never listed."""
    lease = hand.lease("james", "tree:plan-aaaaaa", members=("plan-bbbbbb",))
    below = plan("plan-dddddd", "D").replace(b"owner", b"parent: plan-bbbbbb\nowner")
    oid = hand.change("james", {"plans/d.md": below}, message=f"x\n\nGitsync-Lease: {lease.token}")
    hand.propose("james/d", oid)
    ledger.witness()
    hand.reopen()
    deep = plan("plan-ffffff", "F").replace(b"owner", b"parent: plan-dddddd\nowner")
    hand.propose("carol/f", hand.change("carol", {"plans/f.md": deep}))
    ledger.witness()
    assert rule(hand, "carol/f") == "lease.held"


@pytest.mark.parametrize(
    ("subject", "path", "held"),
    [
        ("path:plans/**", "plans/c.md", True),
        ("path:plans/**", "free.md", False),
        ("query:type:plan status:draft", "plans/c.md", True),
        ("query:type:plan status:approved", "plans/c.md", False),
        ("query:owner:alice -id:plan-cccccc", "plans/c.md", False),
        ("path:**", ".gitsync/policy.yaml", False),
    ],
)
def test_subjects(ledger, hand, subject, path, held):
    hand.lease("james", subject)
    if path.startswith(".gitsync"):
        hand.propose("carol/edit", hand.change("carol", {path: policy_edit(hand)}))
    else:
        edit(hand, "carol", path)
    ledger.witness()
    assert (rule(hand, "carol/edit") == "lease.held") == held


def test_the_oldest_lease_counts_where_two_cover_one_artifact(ledger, hand):
    """Whoever describes what is taken in another way has not taken it."""
    first = hand.lease("james", "ids:plan-bbbbbb")
    second = hand.lease("carol", "query:type:plan")
    edit(hand, "carol", token=second.token)
    ledger.witness()
    assert rule(hand, "carol/edit") == "lease.held"
    edit(hand, "james", token=first.token)
    ledger.witness()
    assert rule(hand, "james/edit") == "ledger.accepted"


# -- answers -----------------------------------------------------------------------------------


def answer(hand: Hand, tip: Oid, verdict: str, by: str = "james", **more) -> None:
    token = next(key[0] for key in hand.locks().requests if key[1] == tip)
    hand.act(Reply(by, token, tip, Answer(verdict, by, **more)))


def test_allow_lets_exactly_that_commit_in(ledger, hand):
    hand.lease("james", "ids:plan-bbbbbb")
    tip = edit(hand, "carol")
    ledger.witness()
    answer(hand, tip, "allow", message="go ahead")
    edit(hand, "carol", text=b"other\n")
    ledger.witness()
    assert rule(hand, "carol/edit") == "lease.held"
    hand.propose("carol/edit", tip)
    ledger.clock.tick(1)
    ledger.witness()
    # The request went with the proposal that was replaced, so its answer did too.
    assert rule(hand, "carol/edit") == "lease.held"
    answer(hand, tip, "allow")
    ledger.witness()
    assert rule(hand, "carol/edit") == "ledger.accepted"
    assert not hand.locks().requests
    check(ledger)


def test_deny_refuses_with_the_holder_s_words(ledger, hand):
    hand.lease("james", "ids:plan-bbbbbb")
    tip = edit(hand, "carol")
    ledger.witness()
    answer(hand, tip, "deny", message="in the middle of it")
    ledger.witness()
    assert rule(hand, "carol/edit") == "lease.denied"
    assert "in the middle of it" in hand.receipt("carol/edit").why
    assert not hand.locks().requests


def test_wait_until_ends_by_the_notary_s_clock(ledger, hand):
    text = policy_edit(
        hand, add=("limits:", "leases:\n    unanswered: allow\n    answer: 1h\nlimits:")
    )
    hand.propose("alice/p", hand.change("alice", {".gitsync/policy.yaml": text}))
    ledger.witness()
    hand.reopen()
    hand.lease("james", "ids:plan-bbbbbb", seconds=86400)
    tip = edit(hand, "carol")
    ledger.witness()
    answer(hand, tip, "wait", until=hand.now + 4 * HOUR)
    pass_time(hand, 3 * HOUR)
    assert rule(hand, "carol/edit") == "lease.held"
    pass_time(hand, 2 * HOUR)
    assert rule(hand, "carol/edit") == "ledger.accepted"


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [("allow", "ledger.accepted"), ("deny", "lease.denied"), ("wait", "lease.held")],
)
def test_an_answer_given_ahead(ledger, hand, ahead, expected):
    hand.lease("james", "ids:plan-bbbbbb", on_request=ahead)
    edit(hand, "carol")
    ledger.witness()
    assert rule(hand, "carol/edit") == expected
    assert len(hand.locks().requests) == (1 if ahead == "wait" else 0)


@pytest.mark.parametrize(
    ("unanswered", "expected"),
    [("allow", "ledger.accepted"), ("deny", "lease.unanswered"), ("wait", "lease.held")],
)
def test_without_an_answer_the_policy_decides(ledger, hand, unanswered, expected):
    text = policy_edit(
        hand, add=("limits:", f"leases:\n    unanswered: {unanswered}\n    answer: 2h\nlimits:")
    )
    hand.propose("alice/p", hand.change("alice", {".gitsync/policy.yaml": text}))
    ledger.witness()
    hand.reopen()
    hand.lease("james", "ids:plan-bbbbbb", seconds=86400)
    edit(hand, "carol")
    ledger.witness()
    pass_time(hand, HOUR)
    assert rule(hand, "carol/edit") == "lease.held"
    pass_time(hand, 2 * HOUR)
    assert rule(hand, "carol/edit") == expected


def test_escalation_lets_named_people_answer_once_it_waited_too_long(ledger, hand):
    more = "leases:\n    unanswered: escalate\n    escalate-to: [alice]\n    answer: 2h\nlimits:"
    text = policy_edit(hand, add=("limits:", more))
    hand.propose("alice/p", hand.change("alice", {".gitsync/policy.yaml": text}))
    ledger.witness()
    hand.reopen()
    hand.lease("james", "ids:plan-bbbbbb", seconds=86400)
    tip = edit(hand, "carol")
    ledger.witness()
    with pytest.raises(RefusedError) as error:
        answer(hand, tip, "allow", by="alice")
    assert error.value.code == "lease.not-yours"
    pass_time(hand, 3 * HOUR)
    answer(hand, tip, "allow", by="alice")
    ledger.witness()
    assert rule(hand, "carol/edit") == "ledger.accepted"
    check(ledger)


# -- time --------------------------------------------------------------------------------------


def test_a_lease_lapses_by_what_the_witness_saw_and_not_by_dates(ledger, hand):
    lease = hand.lease("james", "ids:plan-bbbbbb", seconds=2 * HOUR)
    edit(hand, "carol")
    ledger.clock.tick(30 * 86400)
    ledger.witness()  # the first to see it: from here on it is observed
    assert rule(hand, "carol/edit") == "lease.held"
    pass_time(hand, 2 * HOUR)
    assert rule(hand, "carol/edit") == "lease.held"
    pass_time(hand, HOUR)
    assert hand.locks().standing(lease) == LAPSED
    ledger.witness()
    assert rule(hand, "carol/edit") == "ledger.accepted"
    check(ledger)


def test_heartbeats_keep_a_lease_and_old_ones_do_not(ledger, hand):
    lease = hand.lease("james", "ids:plan-bbbbbb", seconds=2 * HOUR)
    for sequence in range(1, 5):
        beat(hand, "james", sequence)
        pass_time(hand, 2 * HOUR)
    assert hand.locks().standing(lease) == LIVE
    beat(hand, "james", 2)
    pass_time(hand, 3 * HOUR)
    assert hand.locks().standing(lease) == LAPSED


def test_somebody_else_s_heartbeat_is_no_sign_of_life(ledger, hand):
    lease = hand.lease("james", "ids:plan-bbbbbb", seconds=2 * HOUR)
    ledger.witness()
    for sequence in range(5, 9):
        commit = next_beat(hand.facts, "james", ledger.anchor, sequence, hand.now)
        forged = sign_commit(hand.facts, hand.signer("carol"), commit)
        hand.put("refs/gitsync/nodes/james", forged)
        pass_time(hand, HOUR)
    assert hand.locks().standing(lease) == LAPSED


def test_one_run_with_a_wrong_clock_costs_nobody_a_lease(ledger, hand):
    lease = hand.lease("james", "ids:plan-bbbbbb", seconds=2 * HOUR)
    ledger.clock.tick(60)
    ledger.witness()
    ledger.clock.tick(86400)
    ledger.witness()
    assert hand.locks().beat(lease.token).idle == HOUR
    ledger.clock.tick(-86400)
    for _ in range(5):
        ledger.clock.tick(60)
        ledger.witness()
    assert hand.locks().standing(lease) == LIVE


def test_a_late_heartbeat_revives_what_nobody_took(ledger, hand):
    lease = hand.lease("james", "ids:plan-bbbbbb", seconds=2 * HOUR)
    ledger.witness()
    pass_time(hand, 4 * HOUR)
    assert hand.locks().standing(lease) == LAPSED
    beat(hand, "james", 1)
    ledger.clock.tick(60)
    ledger.witness()
    assert hand.locks().standing(lease) == LIVE


# -- fencing -----------------------------------------------------------------------------------


def test_whoever_lapsed_may_write_until_somebody_took_over(ledger, hand):
    lease = hand.lease("james", "ids:plan-bbbbbb", seconds=2 * HOUR)
    ledger.witness()
    pass_time(hand, 4 * HOUR)
    edit(hand, "james", token=lease.token)
    ledger.witness()
    assert rule(hand, "james/edit") == "ledger.accepted"


def test_a_token_that_was_taken_over_is_refused(ledger, hand):
    lease = hand.lease("james", "ids:plan-bbbbbb", seconds=2 * HOUR)
    ledger.witness()
    pass_time(hand, 4 * HOUR)
    rival = hand.lease("carol", "ids:plan-bbbbbb")
    assert rival.token == lease.token + 1
    edit(hand, "james", token=lease.token)
    beat(hand, "james", 9)
    ledger.witness()
    assert rule(hand, "james/edit") == "lease.stale"
    assert lease.token not in hand.locks().leases
    edit(hand, "carol", token=rival.token)
    ledger.witness()
    assert rule(hand, "carol/edit") == "ledger.accepted"
    check(ledger)


def test_somebody_else_s_token_is_refused(ledger, hand):
    lease = hand.lease("james", "ids:plan-bbbbbb")
    edit(hand, "carol", token=lease.token)
    ledger.witness()
    assert rule(hand, "carol/edit") == "lease.not-yours"


def test_a_released_lease_does_not_hold_up_what_was_proposed_under_it(ledger, hand):
    lease = hand.lease("james", "ids:plan-bbbbbb")
    edit(hand, "james", token=lease.token)
    hand.act(Release("james", (lease.token,)))
    ledger.witness()
    assert rule(hand, "james/edit") == "ledger.accepted"


def test_a_broken_lease_fences_its_holder_off(ledger, hand):
    lease = hand.lease("james", "ids:plan-bbbbbb")
    edit(hand, "james", token=lease.token)
    hand.act(Break("alice", lease.token, "james is away"))
    ledger.witness()
    assert rule(hand, "james/edit") == "lease.stale"
    said = git(ledger.hub, "log", "-5", "--format=%B", LOCKS_REF)
    assert "alice breaks 1" in said
    assert "james is away" in said


def test_what_has_to_wait_after_lost_races_keeps_its_ref(ledger, hand):
    """It would have landed, and its ref gone, had not first one and then another lease come in
    between: what a run meant to delete before the home said no is not to be deleted."""
    from gitsync.services import home as homes

    tip = edit(hand, "carol")
    leases = ["ids:plan-cccccc", "ids:plan-bbbbbb"]
    real = homes.RemoteHome.emit

    def emit(self, updates):
        if leases:
            hand.lease("james", leases.pop(0))
        real(self, updates)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(homes.RemoteHome, "emit", emit)
        ledger.witness()
    assert rule(hand, "carol/edit") == "lease.held"
    assert hand.refs()["refs/heads/proposals/carol/edit"] == tip
    hand.act(Release("james", (2,)))
    ledger.witness()
    assert rule(hand, "carol/edit") == "ledger.accepted"
    assert "refs/heads/proposals/carol/edit" not in hand.refs()
    check(ledger)


# -- the queue ---------------------------------------------------------------------------------


def test_on_release_the_queue_is_merged_in_the_order_of_asking(ledger, hand):
    lease = hand.lease("james", "ids:plan-bbbbbb")
    edit(hand, "carol", slug="one", text=b"one\n", at=50)
    ledger.witness()
    # Dated before the other, and asked after it.
    clash = (hand.read("plans/b.md") + "\n").encode() + b"two\n"
    hand.propose("alice/two", hand.change("alice", {"plans/b.md": clash}, seconds=hand.now - 9))
    ledger.witness()
    after = hand.change(
        "carol",
        {"free.md": b"more\n"},
        message=(f"x\n\nAfter: {hand.repo.refs.get('refs/heads/proposals/carol/one')}"),
    )
    hand.propose("carol/then", after)
    ledger.witness()
    assert [one.ref.rpartition("/")[2] for one in hand.locks().queue()] == ["one", "two"]
    assert rule(hand, "carol/then") == "proposal.after"
    hand.act(Release("james", (lease.token,)))
    ledger.witness()
    assert rule(hand, "carol/one") == "ledger.accepted"
    assert rule(hand, "alice/two") == "merge.conflict"
    assert rule(hand, "carol/then") == "ledger.accepted"
    assert not hand.locks().requests
    check(ledger)


def test_queued_proposals_meet_on_canonical_forms(ledger, hand):
    lease = hand.lease("james", "ids:plan-bbbbbb")
    tidy = hand.read("plans/b.md").replace("title: B", 'title: "B2"').encode() + b"\n"
    hand.propose("carol/tidy", hand.change("carol", {"plans/b.md": tidy}))
    ledger.witness()
    same = hand.read("plans/b.md").replace("title: B", "title:   B2").encode() + b"\nmore\n"
    oid = hand.change("james", {"plans/b.md": same}, message=f"x\n\nGitsync-Lease: {lease.token}")
    hand.propose("james/same", oid)
    hand.act(Release("james", (lease.token,)))
    ledger.witness()
    assert rule(hand, "james/same") == "ledger.accepted"
    assert rule(hand, "carol/tidy") in ("ledger.accepted", "proposal.no-change")
    check(ledger)


def test_who_takes_over_finds_the_queue_in_its_order(ledger, hand):
    lease = hand.lease("james", "ids:plan-bbbbbb")
    edit(hand, "carol", slug="one")
    ledger.witness()
    hand.act(Release("james", (lease.token,)))
    rival = hand.lease("alice", "ids:plan-bbbbbb")
    [moved] = hand.locks().queue()
    assert (moved.token, moved.place, moved.answer) == (rival.token, 1, None)
    ledger.witness()
    assert rule(hand, "carol/one") == "lease.held"
    hand.act(Release("alice", (rival.token,)))
    ledger.witness()
    assert rule(hand, "carol/one") == "ledger.accepted"


# -- the ref -----------------------------------------------------------------------------------


def test_a_missing_or_unreadable_locks_ref_means_no(ledger, hand):
    edit(hand, "carol", "free.md")
    tip = hand.repo.refs.get(LOCKS_REF)
    hand.put(LOCKS_REF, None)
    with pytest.raises(VerificationError) as error:
        ledger.witness()
    assert error.value.code in ("locks.missing", "locks.rolled-back")
    assert "git push" in (error.value.hint or "")
    assert hand.rule("carol/edit") is None
    rubbish = hand.commit("carol", hand.tree({"token": b"-4\n"}, tip), tip)
    hand.put(LOCKS_REF, rubbish)
    with pytest.raises(RefusedError) as error:
        ledger.witness()
    assert error.value.code == "locks.malformed"
    # Whoever meets it is told to which commit the ref has to go back.
    assert f"git push --force HOME {tip}:{LOCKS_REF}" in (error.value.hint or "")
    hand.put(LOCKS_REF, tip)
    ledger.witness()
    assert hand.rule("carol/edit") == "ledger.accepted"


@pytest.mark.parametrize("kind", ["tag", "blob", "tree"])
def test_a_locks_ref_that_points_to_no_commit_names_where_it_was_sound(ledger, hand, kind):
    ledger.pull("james")
    edit(hand, "carol", "free.md")
    tip = hand.repo.refs.get(LOCKS_REF)
    wrong = {"tag": "common@1", "blob": "common:free.md", "tree": "common^{tree}"}[kind]
    # Git itself refuses to put such a thing on a branch.
    (ledger.hub / LOCKS_REF).write_text(git(ledger.hub, "rev-parse", wrong) + "\n")
    for look in (ledger.witness, lambda: ledger.pull("james")):
        with pytest.raises(VerificationError) as error:
            look()
        assert error.value.code == "object.kind"
        assert error.value.message.startswith("the locks ref is damaged: ")
        assert f"is a {kind}, not a commit" in error.value.message
        hint = error.value.hint or ""
        command = hint.splitlines()[-1].replace("HOME", "origin").split()
        assert command[:3] == ["git", "push", "--force"]
    git(ledger.folder("james"), *command[1:])
    assert hand.repo.refs.get(LOCKS_REF) == tip
    ledger.witness()
    assert hand.rule("carol/edit") == "ledger.accepted"


@pytest.mark.parametrize("what", ["beats", "leases", "requests"])
def test_a_state_of_the_locks_has_one_tree(ledger, hand, what):
    """What is empty is left out, else one state could be written in two ways."""
    tip = hand.repo.refs.get(LOCKS_REF)
    empty = hand.blob(b"") if what == "beats" else hand.facts.put_tree({})
    mode = b"100644" if what == "beats" else b"40000"
    tree = hand.with_entry(mode, what.encode(), empty, tip)
    bad = hand.commit("alice", tree, tip, message=hand.facts.commit(tip).message.decode()[:-1])
    hand.repo.store.flush()
    with pytest.raises(RefusedError) as error:
        hand.facts.locks(bad)
    assert error.value.code == "locks.malformed"
