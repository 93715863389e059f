"""``pull --autostash``: uncommitted work gives way and comes back, whatever cuts the run off."""

from __future__ import annotations

import pytest
from peoplekit import git

from gitsync.domain.errors import RefusedError
from gitsync.services.pulling import pull
from gitsync.storage.autostash import Autostash

LINES = [f"line {number}\n" for number in range(9)]


@pytest.fixture
def behind(ledger):
    """james has edited the end of a file whose beginning has changed in common, and one more."""
    ledger.propose("alice", "notes/a.md", "".join(LINES), "a")
    ledger.propose("alice", "notes/b.md", "B\n", "b")
    ledger.witness()
    ledger.pull("james")
    ledger.clock.tick()
    ledger.propose("alice", "notes/a.md", "".join(["changed\n", *LINES[1:]]), "a2")
    ledger.witness()
    ledger.write("james", "notes/a.md", "".join([*LINES[:8], "mine\n"]))
    ledger.write("james", "notes/b.md", "B, mine\n")
    ledger.write("james", "new.md", "untracked\n")
    git(ledger.folder("james"), "add", "notes/b.md")
    return ledger


def back(ledger) -> None:
    folder = ledger.folder("james")
    assert git(folder, "rev-parse", "HEAD") == git(folder, "rev-parse", "common")
    text = "".join(["changed\n", *LINES[1:8], "mine\n"])
    assert (folder / "notes/a.md").read_text() == text
    assert (folder / "notes/b.md").read_text() == "B, mine\n"
    assert (folder / "new.md").read_text() == "untracked\n"
    assert git(folder, "for-each-ref", "refs/worktree") == ""
    assert git(folder, "stash", "list") == ""
    assert git(folder, "worktree", "list").count("\n") == 0


def test_without_it_the_pull_stops_and_nothing_moves(behind):
    with pytest.raises(RefusedError) as error:
        pull(behind.ws("james"))
    assert error.value.code == "worktree.in-the-way"
    assert (behind.folder("james") / "notes/b.md").read_text() == "B, mine\n"


def test_changes_give_way_and_come_back(behind):
    done = behind.cli("james", "pull", "--autostash")
    assert done.code == 0, done.err
    assert "put aside, and are back" in done.out
    back(behind)
    assert git(behind.folder("james"), "status", "--porcelain").splitlines() == [
        " M notes/a.md", "M  notes/b.md", "?? new.md",
    ]  # fmt: skip


def test_nothing_is_put_aside_that_is_not_in_the_way(behind):
    git(behind.folder("james"), "checkout", "-q", "notes/a.md")
    assert pull(behind.ws("james"), autostash=True).stashed is False
    assert (behind.folder("james") / "notes/b.md").read_text() == "B, mine\n"


def test_what_does_not_fit_is_shown_as_a_conflict_and_kept(behind):
    behind.write("james", "notes/a.md", "".join(["mine\n", *LINES[1:]]))
    done = behind.cli("james", "sync", "--autostash")
    assert done.code == 1
    assert "do not fit" in done.err
    folder = behind.folder("james")
    assert "<<<<<<<" in (folder / "notes/a.md").read_text()
    assert "gitsync: autostash" in git(folder, "stash", "list")
    assert git(folder, "for-each-ref", "refs/worktree") == ""
    assert git(folder, "show", "stash@{0}:notes/a.md").startswith("mine\n")


def test_what_was_edited_after_a_cut_is_not_overwritten(behind):
    ws = behind.ws("james")
    assert Autostash(ws.repo).put_aside()
    behind.write("james", "notes/b.md", "something else\n")
    with pytest.raises(RefusedError) as error:
        pull(ws)
    assert error.value.code == "stash.pending"
    assert (behind.folder("james") / "notes/b.md").read_text() == "something else\n"
    oid = Autostash(ws.repo).held()
    assert git(behind.folder("james"), "show", f"{oid}:notes/b.md") == "B, mine"
