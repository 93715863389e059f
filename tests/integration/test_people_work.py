"""Nothing of a person's own work is lost: not by a pull, a pin, a snapshot or a proposal."""

from __future__ import annotations

import os

import pytest

from gitsync.domain.errors import RefusedError, UsageError
from gitsync.services.consenting import withdraw
from gitsync.services.people import snapshot
from gitsync.services.proposing import ProposeOptions, propose
from gitsync.services.pulling import pin, pull, verify_view
from gitsync.services.sources import fresh_view
from tests.integration.peoplekit import git

LINES = [f"line {number}" for number in range(1, 10)]


def land(ledger, path, text, slug):
    """One file of alice's is common's next snapshot."""
    ledger.pull("alice")
    ledger.clock.tick()
    ledger.propose("alice", path, text, slug)
    assert ledger.witness().receipts[-1].outcome == "accepted", slug
    ledger.pull("alice")


def exclude(folder, patterns):
    (folder / ".git/info").mkdir(exist_ok=True)
    (folder / ".git/info/exclude").write_text(patterns)


def see(ledger, name):
    """The verified position moves on without the files, as when somebody reviews a proposal."""
    ws = ledger.ws(name)
    verify_view(ws, fresh_view(ws))


def lines(**changed):
    return "\n".join(changed.get(line.replace(" ", ""), line) for line in LINES) + "\n"


def test_a_path_proposed_from_older_files_takes_nothing_back(ledger):
    land(ledger, "list.md", lines(), "list")
    ledger.pull("james")
    land(ledger, "list.md", lines(line9="NINE"), "nine")
    see(ledger, "james")
    ledger.write("james", "list.md", lines(line1="ONE"))
    found = propose(ledger.ws("james"), ProposeOptions(paths=("list.md",), slug="one"))
    assert found.paths == ("list.md",)
    ledger.witness()
    ledger.pull("alice")
    text = (ledger.folder("alice") / "list.md").read_text()
    assert text == lines(line1="ONE", line9="NINE")


def test_what_landed_meanwhile_is_not_said_to_be_changed(ledger):
    land(ledger, "a.md", "A\n", "a")
    see(ledger, "james")
    found = ledger.propose("james", "b.md", "B\n", "b")
    assert found.paths == ("b.md",)


@pytest.mark.parametrize("listed", [True, False])
def test_a_pull_never_overwrites_files_that_git_does_not_track(ledger, listed):
    land(ledger, "notes/secret.md", "theirs\n", "secret")
    mine = ledger.write("james", "notes/secret.md", "precious\n")
    if listed:
        exclude(ledger.folder("james"), "secret.md\n")
    with pytest.raises(RefusedError) as caught:
        ledger.pull("james")
    assert caught.value.code == "worktree.in-the-way"
    assert "notes/secret.md" in caught.value.message
    assert mine.read_text() == "precious\n"
    assert ledger.ws("james").repo.refs.get("refs/heads/people/james") == ledger.anchor


def test_a_pin_keeps_ignored_files_and_edits_both_ways(ledger):
    land(ledger, "gone.md", "theirs\n", "here")
    ledger.pull("alice")
    (ledger.folder("alice") / "gone.md").unlink()
    propose(ledger.ws("alice"), ProposeOptions(slug="gone"))
    land(ledger, "other.md", "other\n", "other")
    ledger.pull("james")
    folder = ledger.folder("james")
    exclude(folder, "gone.md\n")
    mine = ledger.write("james", "gone.md", "precious\n")
    untracked = ledger.write("james", "un tracked\n\u00e9.md", "mine\n")
    with pytest.raises(RefusedError) as caught:
        pin(ledger.ws("james"), "common@2")
    assert caught.value.code == "worktree.in-the-way"
    assert mine.read_text() == "precious\n"
    pin(ledger.ws("james"), "common@1")
    assert not (folder / "other.md").exists()
    assert (mine.read_text(), untracked.read_text()) == ("precious\n", "mine\n")
    pin(ledger.ws("james"), None)
    pull(ledger.ws("james"))
    assert (folder / "other.md").exists()


def test_files_outside_a_sparse_work_tree_are_not_deletions(ledger):
    land(ledger, "big/a.md", "A\n", "big")
    ledger.pull("james")
    folder = ledger.folder("james")
    git(folder, "sparse-checkout", "set", "--no-cone", "/*", "!/big")
    assert not (folder / "big").exists()
    for number in range(2):
        ledger.clock.tick()
        found = ledger.propose("james", f"{number}.md", "B\n", f"n-{number}")
        assert found.paths[-1] == f"{number}.md"
        assert "big/a.md" not in found.paths
        assert git(folder, "status", "--porcelain") == ""
    snapshot(ledger.ws("james"), None)
    assert "big/a.md" in git(folder, "ls-tree", "-r", "--name-only", "HEAD")


def test_a_file_that_was_added_by_force_is_part_of_the_files(ledger):
    folder = ledger.folder("james")
    exclude(folder, "*.local\n")
    ledger.write("james", "kept.local", "K\n")
    ledger.write("james", "left.local", "L\n")
    git(folder, "add", "--force", "kept.local")
    snapshot(ledger.ws("james"), None)
    held = git(folder, "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    assert "kept.local" in held
    assert "left.local" not in held
    assert (folder / "left.local").read_text() == "L\n"


def test_a_merge_of_several_sides_keeps_all_of_them(ledger):
    folder = ledger.folder("james")
    sides = []
    for name in ("one", "two"):
        git(folder, "switch", "--quiet", "--create", name, "common")
        ledger.write("james", f"{name}.md", "x\n")
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", name)
        sides.append(git(folder, "rev-parse", "HEAD"))
    git(folder, "switch", "--quiet", "people/james")
    git(folder, "merge", "--quiet", "--no-commit", "--no-ff", "one", "two")
    found = snapshot(ledger.ws("james"), None)
    commit = ledger.ws("james").facts.commit(found.commit)
    assert list(commit.parents) == [ledger.anchor, *sides]
    assert git(folder, "status", "--porcelain") == ""
    assert not (folder / ".git/MERGE_HEAD").exists()


def test_work_that_git_put_aside_for_a_merge_is_left_to_git(ledger):
    folder = ledger.folder("james")
    (folder / ".git/MERGE_HEAD").write_text(f"{ledger.anchor}\n")
    (folder / ".git/MERGE_AUTOSTASH").write_text(f"{ledger.anchor}\n")
    ledger.write("james", "a.md", "A\n")
    with pytest.raises(RefusedError) as caught:
        snapshot(ledger.ws("james"), None)
    assert caught.value.code == "merge.unsettled"
    assert (folder / ".git/MERGE_HEAD").exists()


def test_each_linked_work_tree_has_a_head_of_its_own(ledger, make_host, tmp_path):
    folder, beside = ledger.folder("james"), tmp_path / "beside"
    git(folder, "worktree", "add", "--quiet", "--detach", str(beside), "common")
    git(folder, "checkout", "--quiet", "--detach")
    from gitsync.services.workspace import Workspace

    (beside / "a.md").write_text("A\n")
    found = snapshot(Workspace.open(make_host(beside)), None)
    assert git(beside, "rev-parse", "HEAD") == found.commit
    assert git(folder, "rev-parse", "HEAD") == ledger.anchor
    assert git(folder, "status", "--porcelain") == git(beside, "status", "--porcelain") == ""


def test_a_pull_that_died_among_the_files_is_completed(ledger):
    land(ledger, "a.md", "A\n", "a")
    land(ledger, "b.md", "B\n", "b")
    # The files of the new version lie there already, and git has not been told.
    ledger.write("james", "a.md", "A\n")
    ledger.pull("james")
    folder = ledger.folder("james")
    assert git(folder, "rev-parse", "HEAD") == git(folder, "rev-parse", "common")
    assert git(folder, "status", "--porcelain") == ""


def test_a_lock_that_a_crash_left_is_named(ledger):
    land(ledger, "a.md", "A\n", "a")
    lock = ledger.folder("james") / ".git/index.lock"
    lock.touch()
    with pytest.raises(RefusedError) as caught:
        ledger.pull("james")
    assert caught.value.code == "ref.locked"
    assert "index.lock" in caught.value.message
    lock.unlink()
    ledger.pull("james")


def test_a_withdrawn_proposal_can_be_made_again_and_lands(ledger):
    first = ledger.propose("james", "a.md", "A\n", "a")
    ledger.clock.tick()
    ws = ledger.ws("james")
    tombstone = withdraw(ws, fresh_view(ws), first.name)
    ledger.clock.tick()
    again = propose(ledger.ws("james"), ProposeOptions(slug="a"))
    assert again.commit not in (first.commit, tombstone.commit)
    ledger.witness()
    ledger.pull("carol")
    assert (ledger.folder("carol") / "a.md").read_text() == "A\n"


def test_a_name_that_nobody_typed_replaces_no_other_change(ledger):
    ws = ledger.ws("james")
    for name in ("a.md", "b.md"):
        ledger.write("james", name, "x\n")
    first = propose(ws, ProposeOptions(message="Fix typo", paths=("a.md",)))
    second = propose(ws, ProposeOptions(message="Fix typo", paths=("b.md",)))
    both = propose(ws, ProposeOptions(message="Fix typo", paths=("a.md", "b.md")))
    assert [one.name.slug for one in (first, second, both)] == [
        "fix-typo",
        "fix-typo-2",
        "fix-typo",
    ]
    named = propose(ws, ProposeOptions(message="x", slug="fix-typo", paths=("b.md",)))
    assert (named.name.slug, named.updated) == ("fix-typo", True)


def test_an_update_does_not_wait_for_what_it_replaces(ledger):
    ledger.propose("james", "a.md", "A\n", "a")
    ledger.write("james", "a.md", "B\n")
    with pytest.raises(UsageError) as caught:
        propose(ledger.ws("james"), ProposeOptions(slug="a", after=("james/a",)))
    assert caught.value.code == "proposal.after-itself"


def test_an_outsiders_branch_that_merged_common_can_be_sponsored(ledger):
    folder = ledger.folder("james")
    plain = ("-c", "commit.gpgsign=false", "-c", "user.name=Outsider", "-c", "user.email=o@x")
    git(folder, "switch", "--quiet", "--create", "outside", "common")
    ledger.write("james", "o.md", "O\n")
    git(folder, "add", "--all")
    git(folder, *plain, "commit", "--quiet", "--message", "An outsider's change")
    land(ledger, "a.md", "A\n", "a")
    see(ledger, "james")
    git(folder, *plain, "merge", "--quiet", "--no-edit", "common")
    git(folder, "switch", "--quiet", "people/james")
    found = propose(ledger.ws("james"), ProposeOptions(sponsor="outside", slug="o"))
    assert found.paths == ("o.md",)
    assert git(folder, "rev-list", "--count", f"common..{found.commit}") == "1"
    assert ledger.witness().receipts[-1].outcome == "accepted"


def test_of_two_runs_at_once_one_records_its_proposal(ledger):
    ledger.write("james", "a.md", "A\n")
    pipes = []
    for number in range(2):
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                made = propose(ledger.ws("james"), ProposeOptions(message=f"{number}", slug="a"))
                os.write(write, made.commit.encode())
            except RefusedError as error:
                os.write(write, error.code.encode())
            finally:
                os._exit(0)
        os.close(write)
        pipes.append((child, read))
    said = []
    for child, read in pipes:
        os.waitpid(child, 0)
        said.append(os.read(read, 100).decode())
    ws = ledger.ws("james")
    tip = ws.repo.refs.get("refs/heads/proposals/james/a")
    assert tip in said
    assert set(said) <= {tip, "ref.moved", "ref.locked"}
    assert tip == ws.repo.refs.get("refs/heads/people/james")
    assert git(ledger.folder("james"), "rev-list", "--count", "common..HEAD") == "1"
