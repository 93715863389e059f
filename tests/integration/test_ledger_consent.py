"""Approvals, thresholds and changes of the rules themselves."""

from __future__ import annotations

import invariants
import pytest
from ledgerkit import Hand, check, git, plan, policy_edit

from gitsync.codec.sshkeys import encode_public

ROOT = "root:                   # may change policy, schema and roster\n    people: [alice]"
WITNESS = "witness:                # signs the numbered snapshots\n    people: [alice]"
NOTES = 'rules:\n  - name: notes\n    paths: ["notes/**"]\n'
APPROVERS = "  approver:\n    people: [alice, james, carol]\n"
PEOPLE = "people: [alice]\n    threshold: 1\n"


@pytest.fixture
def hand(ledger) -> Hand:
    return Hand(ledger)


def _key_line(hand: Hand, names: str, key: str) -> str:
    return f'{names} namespaces="git" ' + encode_public(hand.signer(key).public_key).decode() + "\n"


def rules(ledger, hand: Hand, *lines: str, **changes: tuple[str, str]) -> None:
    """Land a change of policy (and roster lines) that alice, the only root, proposes."""
    files = {".gitsync/policy.yaml": policy_edit(hand, **changes)}
    if lines:
        roster = hand.read(".gitsync/allowed_signers") + "\n" + "".join(lines)
        files[".gitsync/allowed_signers"] = roster.encode()
    name = f"alice/rules{hand.number()}"
    hand.propose(name, hand.change("alice", files))
    ledger.witness()
    assert hand.rule(name) == "ledger.accepted", hand.receipt(name)


def strict(ledger, hand: Hand, threshold: int = 1, *lines: str) -> None:
    """From now on a change of notes/ needs approval by others: alice, james or carol."""
    text = hand.read(".gitsync/policy.yaml")
    approver = text[text.index("  approver:") : text.index("# A change that fits")]
    rules(
        ledger,
        hand,
        *lines,
        role=(approver, APPROVERS + f"    threshold: {threshold}\n\n"),
        rule=("rules:\n", f"{NOTES}    role: approver\n    proposer-counts: false\n"),
    )
    hand.reopen()


def note(hand: Hand, who: str = "james", text: bytes = b"note\n") -> str:
    return hand.change(who, {"notes/a.md": text})


def outcome(ledger, hand: Hand, name: str = "james/x") -> str:
    ledger.witness()
    found = hand.receipt(name)
    return found.rule if found.outcome != "accepted" else "accepted"


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
    strict(ledger, hand, 1, _key_line(hand, "james.agent1", "agent"))
    proposal = hand.propose("james.agent1/x", note(hand, "agent"))
    hand.approve("james", proposal)
    assert outcome(ledger, hand, "james.agent1/x") == "approval.missing"
    hand.approve("carol", proposal)
    assert outcome(ledger, hand, "james.agent1/x") == "accepted"


def test_an_agent_s_approval_does_not_count(ledger, hand):
    strict(ledger, hand, 1, _key_line(hand, "carol.agent1", "agent"))
    proposal = hand.propose("james/x", note(hand))
    hand.approve("carol", proposal, key="agent")
    assert outcome(ledger, hand) == "approval.missing"


def test_one_person_with_two_keys_counts_once(ledger, hand):
    strict(ledger, hand, 2, _key_line(hand, "carol", "carol-two"))
    proposal = hand.propose("james/x", note(hand))
    hand.approve("carol", proposal)
    hand.approve("carol", proposal, key="carol-two")
    hand.approve("carol", proposal, ref="refs/heads/approvals/alice/again")
    assert outcome(ledger, hand) == "approval.missing"
    hand.approve("alice", proposal)
    assert outcome(ledger, hand) == "accepted"
    check(ledger)


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


def test_a_commit_of_theirs_moved_to_an_approval_ref_is_none(ledger, hand):
    strict(ledger, hand)
    proposal = hand.propose("james/x", note(hand))
    ordinary = hand.commit("carol", hand.facts.commit(proposal).tree, proposal, message="work")
    hand.put("refs/heads/approvals/carol/a", ordinary)
    assert outcome(ledger, hand) == "approval.missing"


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


def test_what_was_approved_is_what_lands(ledger, hand):
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
    lines = [_key_line(hand, name, name) for name in names]
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


# -- the rules themselves ---------------------------------------------------------------------


def test_a_change_of_the_rules_by_root_lands(ledger, hand):
    rules(ledger, hand, file=("file-bytes: 1 MiB", "file-bytes: 2 MiB"))
    check(ledger)
    invariants.all_of_them(ledger.hub, ledger.witness)


@pytest.mark.parametrize("version", [1, 3, 0])
def test_a_version_that_does_not_rise_by_one_is_refused(ledger, hand, version):
    text = hand.read(".gitsync/policy.yaml").replace("version: 1", f"version: {version}", 1)
    text = text.replace("file-bytes: 1 MiB", "file-bytes: 2 MiB") + "\n"
    hand.propose("alice/x", hand.change("alice", {".gitsync/policy.yaml": text.encode()}))
    assert outcome(ledger, hand, "alice/x") == "policy.version"


def test_an_old_policy_signed_validly_does_not_come_back(ledger, hand):
    old = hand.read(".gitsync/policy.yaml").encode() + b"\n"
    rules(ledger, hand, file=("file-bytes: 1 MiB", "file-bytes: 2 MiB"))
    hand.reopen()
    hand.propose("alice/x", hand.change("alice", {".gitsync/policy.yaml": old}))
    assert outcome(ledger, hand, "alice/x") == "policy.version"


def test_a_change_of_another_file_below_gitsync_needs_the_version_too(ledger, hand):
    hand.propose("alice/x", hand.change("alice", {".gitsync/templates/plan.md": b"x\n"}))
    assert outcome(ledger, hand, "alice/x") == "policy.version"


@pytest.mark.parametrize("path", [".gitsync/policy.yaml", ".gitsync/allowed_signers",
                                  ".gitsync/schema.yaml"])  # fmt: skip
def test_a_deleted_rule_file_is_refused(ledger, hand, path):
    hand.propose("alice/x", hand.change("alice", {path: None}))
    rule = outcome(ledger, hand, "alice/x")
    assert rule != "accepted"
    assert hand.receipt("alice/x").outcome == "refused"
    assert hand.number() == 1


def test_removing_all_of_the_rules_is_refused(ledger, hand):
    files = {path: None for path in hand.files() if path.startswith(".gitsync/")}
    hand.propose("alice/x", hand.change("alice", files))
    assert outcome(ledger, hand, "alice/x") == "policy.empty"


def test_a_file_in_place_of_the_rules_folder_is_refused(ledger, hand):
    tree = hand.with_entry(b"100644", b".gitsync", hand.blob(b"x\n"))
    hand.propose("alice/x", hand.commit("alice", tree))
    assert outcome(ledger, hand, "alice/x") == "policy.empty"


def test_a_change_that_authorises_itself_waits_for_the_old_root(ledger, hand):
    text = policy_edit(hand, root=(ROOT, "root:\n    people: [james]"))
    hand.propose("james/x", hand.change("james", {".gitsync/policy.yaml": text}))
    assert outcome(ledger, hand) == "approval.missing"


def test_a_stranger_who_adds_their_own_key_is_refused(ledger, hand):
    roster = hand.read(".gitsync/allowed_signers") + "\n" + _key_line(hand, "mallory", "mallory")
    files = {".gitsync/policy.yaml": policy_edit(hand), ".gitsync/allowed_signers": roster.encode()}
    hand.propose("mallory/x", hand.change("mallory", files))
    assert outcome(ledger, hand, "mallory/x") == "signature.unknown-key"


def test_new_rules_need_the_new_threshold_too(ledger, hand):
    root = "people: [alice]\n    threshold: 1\n  witness"
    text = policy_edit(hand, root=(root, "people: [alice, carol]\n    threshold: 2\n  witness"))
    proposal = hand.propose("alice/x", hand.change("alice", {".gitsync/policy.yaml": text}))
    assert outcome(ledger, hand, "alice/x") == "approval.missing"
    assert "under the new policy" in hand.receipt("alice/x").why
    hand.approve("carol", proposal)
    assert outcome(ledger, hand, "alice/x") == "accepted"
    hand.reopen()
    again = policy_edit(hand, file=("file-bytes: 1 MiB", "file-bytes: 2 MiB"))
    hand.propose("alice/y", hand.change("alice", {".gitsync/policy.yaml": again}))
    assert outcome(ledger, hand, "alice/y") == "approval.missing"
    check(ledger)


def test_two_approvals_of_one_person_whose_key_changes_both_stay(ledger, hand):
    """The old roster counts one of them, the new roster the other: the snapshot needs both."""
    root = "people: [alice]\n    threshold: 1\n  witness"
    text = policy_edit(hand, root=(root, "people: [alice, carol]\n    threshold: 2\n  witness"))
    proposal = hand.propose("alice/two", hand.change("alice", {".gitsync/policy.yaml": text}))
    hand.approve("carol", proposal)
    assert outcome(ledger, hand, "alice/two") == "accepted"
    hand.reopen()
    roster = hand.read(".gitsync/allowed_signers").splitlines(keepends=True)
    kept = "".join(line for line in roster if not line.startswith("carol ")) + "\n"
    files = {
        ".gitsync/policy.yaml": policy_edit(hand),
        ".gitsync/allowed_signers": (kept + _key_line(hand, "carol", "carol-new")).encode(),
    }
    proposal = hand.propose("alice/rotate", hand.change("alice", files))
    old = hand.approve("carol", proposal)
    assert outcome(ledger, hand, "alice/rotate") == "approval.missing"
    new = hand.approve("carol", proposal, key="carol-new")
    assert outcome(ledger, hand, "alice/rotate") == "accepted"
    parents = git(ledger.hub, "log", "-1", "--format=%P", "common").split()
    assert set(parents[2:]) == {old, new}
    assert check(ledger, "james").number == 3


def test_rules_that_changed_meanwhile_are_stale_and_not_merged(ledger, hand):
    base = hand.common
    one = policy_edit(hand, file=("file-bytes: 1 MiB", "file-bytes: 2 MiB"))
    two = policy_edit(hand, more=("proposal-files: 500", "proposal-files: 600"))
    hand.propose("alice/one", hand.change("alice", {".gitsync/policy.yaml": one}, base))
    hand.propose("alice/two", hand.change("alice", {".gitsync/policy.yaml": two}, base,
                                          seconds=hand.now + 5))  # fmt: skip
    ledger.witness()
    assert hand.rule("alice/one") == "ledger.accepted"
    assert hand.rule("alice/two") in ("approval.stale", "policy.version")


@pytest.mark.parametrize(
    "edit",
    [
        ("people: [alice]\n    threshold: 1\n  witness",
         "people: [alice]\n    threshold: 0\n  witness"),
        ("people: [alice]\n    threshold: 1\n  witness",
         "people: [alice]\n    threshold: 2\n  witness"),
        (WITNESS, "witness:\n    people: [nobody]"),
        ("space: common", "space: other"),
        ("merge: 2 ", "merge: 99 "),
        ("rules:\n", "rulez:\n"),
    ],
    ids=["threshold-0", "threshold-2-of-1", "unknown-witness", "space", "merge", "misspelt"],
)  # fmt: skip
def test_rules_that_cannot_work_are_refused(ledger, hand, edit):
    text = policy_edit(hand, it=edit)
    hand.propose("alice/x", hand.change("alice", {".gitsync/policy.yaml": text}))
    outcome(ledger, hand, "alice/x")
    assert hand.receipt("alice/x").outcome == "refused"
    assert hand.number() == 1


def test_a_lower_limit_holds_for_what_is_decided_after_it_in_the_same_run(ledger, hand):
    """The witness knew the commits of the second before the first changed the limit."""
    text = policy_edit(hand, it=("proposal-commits: 1000", "proposal-commits: 2"))
    tip = hand.common
    for n in range(5):
        tip = hand.change("james", {f"f{n}.md": b"x\n"}, tip, seconds=hand.now + 50)
    hand.propose("alice/a", hand.change("alice", {".gitsync/policy.yaml": text}))
    hand.propose("james/x", tip)
    ledger.witness()
    assert hand.rule("james/x") == "limit.commits"
    assert check(ledger).number == 2


def test_a_witness_that_is_voted_out_signs_nothing_more(ledger, hand):
    """In the same run: what it would still number is invalid, and the ledger would be stuck."""
    text = policy_edit(hand, it=(WITNESS, "witness:\n    people: [carol]"))
    hand.propose("james/a", hand.change("james", {"a.md": b"x\n"}, seconds=hand.now - 10))
    # Later than the first: with equal times the ids would decide, which follow from the preset.
    out = hand.change("alice", {".gitsync/policy.yaml": text}, seconds=hand.now + 10)
    hand.propose("alice/out", out)
    hand.propose("james/z", hand.change("james", {"b.md": b"x\n"}, seconds=hand.now + 50))
    hand.propose("james/bad", hand.change("james", {"Jenkinsfile": b"x\n"}, seconds=hand.now + 60))
    report = ledger.witness()
    assert report.after == 3
    assert hand.rule("james/z") is None, "the next witness answers"
    assert check(ledger, "james").number == 3
    with pytest.raises(Exception, match="is no witness"):
        ledger.witness()
    from gitsync.services.witnessing import WitnessOptions, run_once

    run_once(ledger.ws("carol"), WitnessOptions())
    assert hand.rule("james/z") == "ledger.accepted"
    assert check(ledger, "james").number == 4
    invariants.one_snapshot_per_number(ledger.hub)


def test_the_next_witness_mends_the_tag_of_the_snapshot_that_made_it_one(ledger, hand):
    text = policy_edit(hand, it=(WITNESS, "witness:\n    people: [carol]"))
    hand.propose("james/a", hand.change("james", {"a.md": b"x\n"}, seconds=hand.now - 10))
    # Later than the first: with equal times the ids would decide, which follow from the preset.
    out = hand.change("alice", {".gitsync/policy.yaml": text}, seconds=hand.now + 10)
    hand.propose("alice/out", out)
    from gitsync.services.witness import Witness

    class Died(BaseException):
        pass

    real = Witness._publish

    def publish(self, space, ledger_id, tags):
        if 3 in tags:
            raise Died
        return real(self, space, ledger_id, tags)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Witness, "_publish", publish)
        with pytest.raises(Died):
            ledger.witness()
    assert "refs/tags/common@3" not in hand.refs()
    from gitsync.services.witnessing import WitnessOptions, run_once

    report = run_once(ledger.ws("carol"), WitnessOptions())
    assert report.healed_tags == (3,)
    assert check(ledger, "james").number == 3
    invariants.one_snapshot_per_number(ledger.hub)


def test_a_plan_is_approved_by_those_whom_the_schema_and_policy_name(ledger, hand):
    draft = hand.change("james", {"plans/a.md": plan(status="draft")})
    hand.propose("james/a", draft)
    assert outcome(ledger, hand, "james/a") == "accepted"
    hand.reopen()
    hand.propose("james/b", hand.change("james", {"plans/a.md": plan(status="committed")}))
    assert outcome(ledger, hand, "james/b") == "accepted"
    hand.reopen()
    last = hand.propose("james/c", hand.change("james", {"plans/a.md": plan(status="approved")}))
    assert outcome(ledger, hand, "james/c") == "approval.missing"
    hand.approve("alice", last)
    assert outcome(ledger, hand, "james/c") == "accepted"
    check(ledger)


def test_a_broken_file_from_before_the_ledger_can_be_mended(ledger, hand):
    """What was there when the ledger began was never judged; refusing to touch it helps nobody."""
    from gitsync.domain.errors import FormatError
    from gitsync.storage.facts import StoreFacts

    hand.propose("james/a", hand.change("james", {"old.md": b"fine\n"}))
    assert outcome(ledger, hand, "james/a") == "accepted"
    hand.reopen()
    broken = hand.blob(b"fine\n")
    real = StoreFacts.head

    def head(self, blob, schema, path=None):
        if blob == broken:
            raise FormatError("frontmatter.malformed", "broken since ever")
        return real(self, blob, schema, path)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StoreFacts, "head", head)
        hand.propose("james/b", hand.change("james", {"old.md": b"mended\n"}))
        hand.propose("james/c", hand.change("james", {"new.md": b"fine\n"}))
        ledger.witness()
    assert hand.rule("james/b") == "ledger.accepted"
    assert hand.rule("james/c") == "frontmatter.malformed"
