"""Changes of the rules themselves: by the rules that are to be changed."""

from __future__ import annotations

import pytest

from gitsync.domain.errors import FormatError, GitsyncError
from gitsync.services.joining import JoinOptions, join
from tests.attacks.kit import (
    ROOT,
    WITNESS,
    key_line,
    outcome,
    rules,
)
from tests.integration import invariants
from tests.integration.ledgerkit import check, git, plan, policy_edit


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


def test_a_stranger_who_adds_their_own_key_is_refused(ledger, hand):
    roster = hand.read(".gitsync/allowed_signers") + "\n" + key_line(hand, "mallory", "mallory")
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
        ".gitsync/allowed_signers": (kept + key_line(hand, "carol", "carol-new")).encode(),
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
    from gitsync.services.tagkeeping import TagKeeper

    class Died(BaseException):
        pass

    real = TagKeeper._publish

    def publish(self, space, ledger_id, tags):
        if 3 in tags:
            raise Died
        return real(self, space, ledger_id, tags)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TagKeeper, "_publish", publish)
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


# -- by stock git -----------------------------------------------------------------------------


def test_policy_rollback(ledger, hand, stock):
    """An old policy, validly signed once, does not come back: the version rises by exactly one."""
    rules(ledger, hand, file=("file-bytes: 1 MiB", "file-bytes: 2 MiB"))
    alice = stock("alice")
    alice.start()
    alice.git("checkout", "common@1", "--", ".gitsync")
    alice.commit({}, "As it was")
    alice.propose("alice/x")
    assert outcome(ledger, hand, "alice/x") == "policy.version"
    assert (hand.number(), "2 MiB" in hand.read(".gitsync/policy.yaml")) == (2, True)
    check(ledger)


def test_threshold_of_zero_or_below(ledger, hand, stock, tmp_path):
    """No role may do without people: refused where it is written, decided and read."""
    alice = stock("alice")
    text = policy_edit(hand).decode()
    root = text[text.index("  root:") : text.index("  witness:")]
    for number, threshold in enumerate(("0", "-1", "2")):
        bad = text.replace(root, root.replace("threshold: 1", f"threshold: {threshold}"))
        alice.change({".gitsync/policy.yaml": bad.encode()})
        alice.propose(f"alice/t{number}")
        assert outcome(ledger, hand, f"alice/t{number}") == "policy.threshold"
    ledger.write("alice", ".gitsync/policy.yaml", bad)
    written = ledger.cli("alice", "propose", "-m", "Nobody has to agree", "--json")
    assert (written.code, "policy.threshold" in written.err) == (1, True)
    # A ledger that somebody founded with such a policy is none.
    alice.git("switch", "-q", "--orphan", "founding")
    alice.git("checkout", "common@1", "--", ".")
    founded = bad.replace("version: 2", "version: 1", 1).encode()
    alice.commit({".gitsync/policy.yaml": founded}, hand.facts.commit(hand.common).message.decode())
    alice.push("HEAD", "refs/heads/common")
    alice.git("tag", "-f", "-s", "-m", "common@1", "common@1", "HEAD")
    alice.push("refs/tags/common@1", "refs/tags/common@1")
    with pytest.raises(GitsyncError) as error:
        join(ledger.host("alice"), JoinOptions(str(ledger.hub), "dora", str(tmp_path / "new")))
    assert error.value.code == "policy.threshold"


def test_policy_file_deleted(ledger, hand, stock):
    """No policy never means that anything goes."""
    alice = stock("alice")
    alice.change({".gitsync/policy.yaml": None})
    alice.propose("alice/file")
    alice.start()
    alice.git("rm", "-q", "-r", ".gitsync")
    alice.commit({}, "No rules")
    alice.propose("alice/folder")
    alice.change({".gitsync/policy.yaml": b""})
    alice.propose("alice/empty")
    ledger.witness()
    found = {hand.rule(f"alice/{one}") for one in ("file", "folder", "empty")}
    assert found == {"policy.empty"}
    assert hand.number() == 1


def test_self_authorising_change(ledger, hand, stock):
    """The rules before a change decide on it, never those that it brings."""
    james = stock("james")
    james.change(
        {".gitsync/policy.yaml": policy_edit(hand, root=(ROOT, "root:\n    people: [james]"))}
    )
    james.propose("james/x")
    assert outcome(ledger, hand) == "approval.missing"
    assert "alice could approve" in hand.receipt("james/x").why
    assert hand.number() == 1
