"""``pre-push``: stock ``git push`` to a hub that would take anything."""

from __future__ import annotations

import pytest

from tests.integration.hookkit import Clone, run_git, text


@pytest.fixture
def clone(ledger):
    found = Clone(ledger)
    found.land("plans/a.md", text(), "a")
    return found


def commit(clone, *more, path="notes/n.md", content="x\n"):
    clone.stage(path, content)
    clone.ok("commit", "-q", "--no-verify", "-m", "Change", *more)
    return clone.head()


def refs(ledger):
    return run_git(ledger.hub, "for-each-ref").out


def stopped(clone, *args, code):
    """A push that the hook stops: the hub has not changed."""
    before = refs(clone.ledger)
    done = clone.refused("push", "origin", *args, code=code)
    assert "git push --no-verify" in done.err
    assert refs(clone.ledger) == before
    return done


def test_a_sound_proposal_goes_through(clone, ledger):
    tip = commit(clone)
    clone.ok("push", "-q", "origin", "HEAD:refs/heads/proposals/james/n")
    assert tip in refs(ledger)
    assert [one.outcome for one in ledger.witness().receipts] == ["accepted"]


def test_a_proposal_may_be_taken_back(clone, ledger):
    commit(clone)
    clone.ok("push", "-q", "origin", "HEAD:refs/heads/proposals/james/n")
    clone.ok("push", "-q", "origin", ":refs/heads/proposals/james/n")
    clone.ok("push", "-q", "origin", "HEAD:refs/heads/proposals/james/n")
    other = Clone(ledger, "carol")
    stopped(other, ":refs/heads/proposals/james/n", code="ref.not-yours")


def test_an_unsigned_proposal(clone):
    commit(clone, "--no-gpg-sign")
    done = stopped(clone, "HEAD:refs/heads/proposals/james/n", code="signature.missing")
    assert "git commit --amend -S --no-edit" in done.err


def test_an_unsigned_commit_below_a_signed_one(clone):
    commit(clone, "--no-gpg-sign")
    commit(clone, path="notes/m.md")
    stopped(clone, "HEAD:refs/heads/proposals/james/n", code="signature.missing")


def test_a_proposal_that_would_be_refused(clone):
    commit(clone, path="plans/a.md", content=text(status="approved"))
    stopped(clone, "HEAD:refs/heads/proposals/james/n", code="schema.transition")


def test_a_proposal_in_somebody_elses_name(clone):
    commit(clone)
    stopped(clone, "HEAD:refs/heads/proposals/carol/n", code="proposal.not-yours")
    stopped(clone, "HEAD:refs/heads/proposals/Carol/n", code="ref.misnamed")


def test_common_is_the_witness_s(clone, ledger):
    commit(clone)
    done = stopped(clone, "HEAD:refs/heads/common", code="ref.witness-only")
    assert "gitsync propose" in done.err
    stopped(clone, "--force", "common@1^{commit}:refs/heads/common", code="ref.not-forward")
    stopped(clone, "--delete", "common", code="ref.delete")
    stopped(clone, "--delete", "refs/tags/common@1", code="ref.delete")
    clone.ok("tag", "-m", "mine", "common@9")
    stopped(clone, "refs/tags/common@9", code="ref.witness-only")
    stopped(clone, "--force", "HEAD:refs/heads/gitsync/locks", code="ref.witness-only")


def test_a_relay_may_carry_what_it_has_verified(clone, tmp_path):
    run_git(tmp_path, "init", "-q", "--bare", "copy.git")
    clone.ok("push", "-q", str(tmp_path / "copy.git"), "common", "refs/tags/common@*")
    assert "common@2" in run_git(tmp_path / "copy.git", "tag").out
    clone.ok("push", "-q", "origin", "common")


def test_a_branch_of_ones_own_only_grows(clone):
    commit(clone)
    clone.ok("push", "-q", "origin", "people/james")
    clone.ok("reset", "-q", "--hard", "HEAD^")
    commit(clone, path="notes/other.md")
    stopped(clone, "--force", "people/james", code="ref.not-forward")
    stopped(clone, "--delete", "people/james", code="ref.delete")
    stopped(clone, "HEAD:refs/heads/people/carol", code="ref.not-yours")


def test_an_approval_that_is_none(clone):
    commit(clone)
    stopped(clone, "HEAD:refs/heads/approvals/james/x", code="approval.none")


def test_a_true_approval_by_hand(clone, ledger):
    ledger.propose("alice", "notes/q.md", "q\n", "q")
    clone.ok("fetch", "-q", "origin", "refs/heads/proposals/alice/q")
    clone.ok("switch", "-q", "--detach", "FETCH_HEAD")
    clone.ok("commit", "-q", "--allow-empty", "-m", "Yes", "--trailer",
             f"Approves: {clone.head()}")  # fmt: skip
    clone.ok("push", "-q", "origin", "HEAD:refs/heads/approvals/james/alice+q")
    stopped(clone, "HEAD:refs/heads/approvals/carol/alice+q", code="approval.none")


def test_several_refs_are_looked_at_at_once(clone):
    commit(clone)
    done = stopped(
        clone, "HEAD:refs/heads/common", "HEAD:refs/heads/people/carol", code="ref.not-yours"
    )
    assert "(ref.witness-only)" in " ".join(done.err.split())


def test_other_refs_are_nobody_s_business(clone, ledger):
    commit(clone, "--no-gpg-sign")
    assert clone.ok("push", "-q", "origin", "HEAD:refs/heads/main").err == ""
    clone.ok("push", "-q", "--no-verify", "origin", "HEAD:refs/heads/proposals/james/n")


def test_a_worktree_and_a_git_dir_elsewhere_are_seen(clone, ledger, tmp_path):
    commit(clone, "--no-gpg-sign")
    there = tmp_path / "a work tree"
    clone.ok("worktree", "add", "-q", "--detach", str(there))
    push = ("push", "origin", "HEAD:refs/heads/proposals/james/n")
    done = run_git(there, *push)
    assert done.code != 0
    assert "(signature.missing)" in done.err
    apart = (f"--git-dir={clone.root / '.git'}", f"--work-tree={tmp_path}")
    done = run_git(tmp_path, *apart, *push)
    assert done.code != 0
    assert "(signature.missing)" in done.err
