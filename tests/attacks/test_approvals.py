"""Approvals: only the same files on top of the proposal, by people, each of whom counts once."""

from __future__ import annotations

from tests.attacks.kit import (
    NOTES,
    PEOPLE,
    key_line,
    note,
    outcome,
    rules,
    strict,
)
from tests.integration import invariants
from tests.integration.ledgerkit import check, git, policy_edit


def test_without_approval_it_waits_and_says_who_could(ledger, hand):
    strict(ledger, hand)
    hand.propose("james/x", note(hand))
    assert outcome(ledger, hand) == "approval.missing"
    assert "alice, carol could approve" in hand.receipt("james/x").why
    invariants.again_changes_nothing(ledger.hub, ledger.witness)


def test_an_approval_lets_it_land_and_becomes_a_parent(ledger, hand):
    strict(ledger, hand)
    proposal = hand.propose("james/x", note(hand))
    approval = hand.approve("carol", proposal)
    assert outcome(ledger, hand) == "accepted"
    parents = git(ledger.hub, "log", "-1", "--format=%P", "common").split()
    assert parents[1:] == [proposal, approval]
    assert not [ref for ref in hand.refs() if "approvals" in ref]
    check(ledger)
    invariants.all_of_them(ledger.hub, ledger.witness)


def test_the_proposer_does_not_approve_their_own(ledger, hand):
    strict(ledger, hand)
    proposal = hand.propose("james/x", note(hand))
    hand.approve("james", proposal)
    assert outcome(ledger, hand) == "approval.missing"


def test_nobody_approves_what_their_own_agent_proposes(ledger, hand):
    """Four eyes: an agent's key is one more pen in the same hand."""
    strict(ledger, hand, 1, key_line(hand, "james.agent1", "agent"))
    proposal = hand.propose("james.agent1/x", note(hand, "agent"))
    hand.approve("james", proposal)
    assert outcome(ledger, hand, "james.agent1/x") == "approval.missing"
    hand.approve("carol", proposal)
    assert outcome(ledger, hand, "james.agent1/x") == "accepted"


def test_an_agent_s_approval_does_not_count(ledger, hand):
    strict(ledger, hand, 1, key_line(hand, "carol.agent1", "agent"))
    proposal = hand.propose("james/x", note(hand))
    hand.approve("carol", proposal, key="agent")
    assert outcome(ledger, hand) == "approval.missing"


def test_one_person_two_keys_one_key_two_names_duplicate_signature(ledger, hand, stock):
    """A threshold counts people: not keys, not names, not signatures."""
    strict(ledger, hand, 2, key_line(hand, "carol", "carol-two"))
    proposal = hand.propose("james/x", note(hand))
    carol = stock("carol")
    for number, key in enumerate(("carol", "carol-two", "carol"), start=1):
        carol.git("config", "user.signingkey", str(ledger.key(key)))
        carol.start(proposal)
        carol.commit({}, f"Yes, {number}\n\nApproves: {proposal}")
        carol.push("HEAD", f"refs/heads/approvals/carol/n{number}")
        carol.push("HEAD", f"refs/heads/approvals/alice/n{number}")
    assert outcome(ledger, hand) == "approval.missing"
    alice = stock("alice")
    alice.start(proposal)
    alice.commit({}, f"Yes\n\nApproves: {proposal}")
    alice.push("HEAD", "refs/heads/approvals/alice/x")
    assert outcome(ledger, hand) == "accepted"
    check(ledger)

    hand.reopen()
    roster = hand.read(".gitsync/allowed_signers") + "\n"
    carols = next(line for line in roster.splitlines() if line.startswith("carol "))
    for name, line in (("two-names", carols.replace("carol ", "carol,peter ", 1)),
                       ("two-people", carols.replace("carol ", "peter ", 1))):  # fmt: skip
        kept = roster.replace(carols + "\n", "") if name == "two-names" else roster
        files = {
            ".gitsync/policy.yaml": policy_edit(hand),
            ".gitsync/allowed_signers": f"{kept}{line}\n".encode(),
        }
        alice.change(files)
        alice.propose(f"alice/{name}")
        assert outcome(ledger, hand, f"alice/{name}") == "roster.key-of-two-people"


def test_approvals_of_an_older_state_do_not_count(ledger, hand):
    strict(ledger, hand)
    old = note(hand)
    hand.approve("carol", old)
    hand.propose("james/x", note(hand, text=b"something else\n"))
    assert outcome(ledger, hand) == "approval.missing"


def test_an_approval_with_other_files_is_none(ledger, hand):
    strict(ledger, hand)
    proposal = hand.propose("james/x", note(hand))
    other = hand.tree({"notes/a.md": b"other\n"})
    forged = hand.commit("carol", other, proposal, message=f"Yes\n\nApproves: {proposal}")
    hand.put("refs/heads/approvals/carol/a", forged)
    assert outcome(ledger, hand) == "approval.missing"


def test_forged_approval(ledger, hand, stock):
    """Only the same files on top of the proposal, with ``Approves:``, by the approver, count.

    Carol's ordinary work on top of james's proposal, moved to an approval ref, is no consent.
    """
    strict(ledger, hand)
    proposal = hand.propose("james/x", note(hand))
    other = hand.propose("james/y", hand.change("james", {"notes/b.md": b"b\n"}))
    carol, james = stock("carol"), stock("james")
    work = carol.change({}, "thoughts", at=proposal)
    edited = carol.change({"notes/a.md": b"better\n"}, f"Yes\n\nApproves: {proposal}", at=proposal)
    elsewhere = carol.change({"notes/a.md": b"note\n"}, f"Yes\n\nApproves: {proposal}")
    wrong = carol.change({}, f"Yes\n\nApproves: {proposal}", at=other)
    for name, oid in (("work", work), ("edited", edited), ("base", elsewhere), ("wrong", wrong)):
        james.git("fetch", "-q", str(carol.folder), oid)
        james.push(oid, f"refs/heads/approvals/carol/{name}")
    james.change({}, f"Yes\n\nApproves: {proposal}", at=proposal)
    james.push("HEAD", "refs/heads/approvals/carol/mine")
    assert outcome(ledger, hand) == "approval.missing"
    assert hand.number() == 2
    hand.approve("carol", proposal)
    assert outcome(ledger, hand) == "accepted"


def test_an_approval_for_another_ledger_is_none(ledger, hand):
    strict(ledger, hand)
    proposal = hand.propose("james/x", note(hand))
    hand.approve("carol", proposal, Gitsync_Ledger="1" * 40)
    assert outcome(ledger, hand) == "approval.missing"


def test_a_stranger_s_approval_on_a_good_ref_does_not_count(ledger, hand):
    strict(ledger, hand)
    proposal = hand.propose("james/x", note(hand))
    hand.approve("carol", proposal, key="mallory")
    assert outcome(ledger, hand) == "approval.missing"


def test_a_withdrawn_approval_moved_to_another_ref_does_not_count(ledger, hand):
    strict(ledger, hand)
    proposal = hand.propose("james/x", note(hand))
    approval = hand.approve("carol", proposal, ref="refs/heads/approvals/carol/a")
    hand.put("refs/heads/approvals/carol/a", None)
    lines = f"No\n\nGitsync-Kind: withdrawal\nGitsync-Withdraws: {approval}"
    tree = hand.facts.commit(hand.common).tree
    hand.put("refs/heads/approvals/carol/a", hand.commit("carol", tree, message=lines))
    assert outcome(ledger, hand) == "approval.missing"
    for ref in ("approvals/carol/b", "approvals/james/c", "approvals/mallory/d"):
        hand.put(f"refs/heads/{ref}", approval)
        assert outcome(ledger, hand) == "approval.missing", ref


def test_approved_parts_merge_into_a_whole_that_nobody_approved(ledger, hand):
    """What approval was demanded for lands as it was approved, or is stale."""
    strict(ledger, hand)
    hand.propose("james/base", hand.change("james", {"notes/a.md": b"1\n2\n3\n4\n5\n6\n"}))
    hand.approve("carol", hand.repo.refs.get("refs/heads/proposals/james/base"))
    assert outcome(ledger, hand, "james/base") == "accepted"
    hand.reopen()
    base = hand.common
    top = hand.change("james", {"notes/a.md": b"one\n2\n3\n4\n5\n6\n"}, base)
    end = hand.change("carol", {"notes/a.md": b"1\n2\n3\n4\n5\nsix\n"}, base, seconds=hand.now + 5)
    hand.propose("james/top", top)
    hand.propose("carol/end", end)
    hand.approve("alice", top)
    hand.approve("alice", end)
    ledger.witness()
    assert hand.rule("james/top") == "ledger.accepted"
    assert hand.rule("carol/end") == "approval.stale"
    assert any("gitsync approve carol/end" in line for line in hand.receipt("carol/end").mend)


def test_more_approvals_than_a_commit_has_room_for(ledger, hand):
    """All of them on one snapshot would make it unreadable, and the ledger with it."""
    names = [f"p{n}" for n in range(80)]
    lines = [key_line(hand, name, name) for name in names]
    rules(
        ledger,
        hand,
        *lines,
        role=(PEOPLE, f"people: [alice, {', '.join(names)}]\n    threshold: 1\n")
        if hand.read(".gitsync/policy.yaml").count(PEOPLE) == 1
        else ("  approver:", f"  many:\n    people: [{', '.join(names)}]\n  approver:"),
        rule=("rules:\n", f"{NOTES}    role: many\n    proposer-counts: false\n"),
    )
    hand.reopen()
    proposal = hand.propose("james/x", note(hand))
    for name in names:
        hand.approve(name, proposal)
    assert outcome(ledger, hand) == "accepted"
    assert check(ledger).number == 3
