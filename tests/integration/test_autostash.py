"""``pull --autostash``: uncommitted work gives way and comes back, whatever cuts the run off."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from types import SimpleNamespace

import pytest

from gitsync.domain.errors import GitsyncError, RefusedError
from gitsync.services import mergesetup
from gitsync.services.pulling import pull
from gitsync.storage.autostash import Autostash
from gitsync.storage.worktree import WorkTree
from tests.integration.peoplekit import git

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


@pytest.fixture
def deadly(behind, tmp_path, monkeypatch):
    """The driver stops where it is called and waits to be killed, which is done from here, once.

    ``driver`` or its ``shell`` gets the signal.
    """
    place = tmp_path / "bin"
    place.mkdir()
    (place / "gitsync").write_text(
        f"#!/bin/sh\nif mkdir {place}/once 2>/dev/null; then\n"
        f'  echo "$$ $PPID" >{place}/draft; mv {place}/draft {place}/pids; exec sleep 60\nfi\n'
        f'exec {sys.executable} -P -m gitsync "$@"\n'
    )
    (place / "gitsync").chmod(0o755)
    monkeypatch.setattr(mergesetup, "sys", SimpleNamespace(executable=str(place / "python")))

    def kill(whom):
        while not (place / "pids").exists():
            time.sleep(0.01)
        driver, shell = map(int, (place / "pids").read_text().split())
        for pid in (driver,) if whom == "driver" else (shell, driver):
            os.kill(pid, signal.SIGKILL)

    def armed(whom):
        killer = threading.Thread(target=kill, args=(whom,), daemon=True)
        killer.start()
        return killer

    return armed


@pytest.mark.parametrize("whom", ["driver", "shell"])
@pytest.mark.parametrize("fits", [True, False])
def test_a_merge_that_was_killed_is_no_conflict_and_the_next_pull_completes_it(
    behind, deadly, whom, fits
):
    folder = behind.folder("james")
    if not fits:
        behind.write("james", "notes/a.md", "".join(["mine\n", *LINES[1:]]))
    killer = deadly(whom)
    done = behind.cli("james", "pull", "--autostash")
    killer.join()
    assert done.code == 3
    assert "cut off" in done.err
    assert "do not fit" not in done.err
    assert "gitsync pull --autostash" in done.err
    # The files are as pulled, without a conflict, and the work is kept where the next pull looks.
    assert git(folder, "status", "--porcelain") == "?? new.md"
    assert git(folder, "rev-parse", "HEAD") == git(folder, "rev-parse", "common")
    assert git(folder, "stash", "list") == ""
    held = Autostash(behind.ws("james").repo).held()
    assert git(folder, "show", f"{held}:notes/b.md") == "B, mine"
    done = behind.cli("james", "pull", "--autostash")
    if fits:
        assert done.code == 0, done.err
        back(behind)
    else:
        assert done.code == 1
        assert "do not fit" in done.err
        assert "<<<<<<<" in (folder / "notes/a.md").read_text()


def test_what_git_does_not_begin_is_no_conflict_either(behind):
    """An untracked file has meanwhile taken the name of a new one that was put aside."""
    folder = behind.folder("james")
    git(folder, "add", "new.md")
    stash = Autostash(behind.ws("james").repo)
    assert stash.put_aside()
    behind.write("james", "new.md", "another\n")
    with pytest.raises(GitsyncError) as error:
        stash.bring_back()
    assert error.value.code == "stash.blocked"
    assert "new.md" in error.value.message
    assert git(folder, "status", "--porcelain") == "?? new.md"
    (folder / "new.md").unlink()
    git(folder, "stash", "pop", "--quiet", "--index")
    assert (folder / "new.md").read_text() == "untracked\n"
    assert (folder / "notes/b.md").read_text() == "B, mine\n"


def test_what_was_edited_after_a_cut_is_not_overwritten(behind):
    ws, folder = behind.ws("james"), behind.folder("james")
    assert Autostash(ws.repo).put_aside()
    behind.write("james", "notes/b.md", "something else\n")
    done = behind.cli("james", "pull")
    assert done.code == 1
    assert "notes/b.md" in done.err
    assert "gitsync pull --autostash" in done.err
    assert (folder / "notes/b.md").read_text() == "something else\n"
    oid = Autostash(ws.repo).held()
    assert git(folder, "show", f"{oid}:notes/b.md") == "B, mine"


def test_the_command_that_a_refusal_names_completes_it_and_keeps_both(behind):
    folder = behind.folder("james")
    assert Autostash(behind.ws("james").repo).put_aside()
    behind.write("james", "notes/b.md", "something else\n")
    done = behind.cli("james", "pull", "--autostash")
    assert done.code == 0, done.err
    assert "edited after a run that was cut off: notes/b.md" in done.out
    assert git(folder, "show", "stash@{0}:notes/b.md") == "something else"
    git(folder, "stash", "drop", "-q")
    back(behind)


def test_edits_that_were_kept_are_named_also_where_the_pull_fails(behind):
    assert Autostash(behind.ws("james").repo).put_aside()
    behind.write("james", "notes/b.md", "something else\n")
    behind.write("james", "notes/a.md", "".join(["mine\n", *LINES[1:]]))
    behind.hub.rename(behind.root / "away.git")
    git(behind.folder("james"), "update-ref", "-d", "refs/gitsync/remotes/origin/heads/common")
    with pytest.raises(GitsyncError) as error:
        pull(behind.ws("james"), autostash=True)
    assert "notes/a.md, notes/b.md are kept: git stash list" in error.value.hint


def stopped(ledger, monkeypatch, step):
    """A pull that came as far as ``step`` of the work tree or the stash, and no further."""
    owner = WorkTree if step == "_sync_files" else Autostash

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, stop)
        patch.setattr(Autostash, "bring_back", stop)
        with pytest.raises(KeyboardInterrupt):
            pull(ledger.ws("james"), autostash=True)


TORN = {
    "emptied": lambda data: b"",
    "cut short": lambda data: data[: len(data) // 2],
    "zeroed": lambda data: bytes(len(data)),
    "zeroed in the middle": lambda data: data[:1] + bytes(len(data) - 2) + data[-1:],
}


@pytest.mark.parametrize("how", TORN)
@pytest.mark.parametrize("step", ["expect", "bring_back"])
def test_what_a_cut_has_torn_is_made_whole(behind, monkeypatch, how, step):
    stopped(behind, monkeypatch, step)
    for name in ("a.md", "b.md"):
        file = behind.folder("james") / "notes" / name
        file.write_bytes(TORN[how](file.read_bytes()))
    pull(behind.ws("james"), autostash=True)
    back(behind)


def test_what_a_cut_has_zeroed_is_found_where_git_sees_no_change(behind, monkeypatch):
    """The size and the time of a file may reach the disk, and its content not."""
    folder = behind.folder("james")
    git(folder, "config", "core.trustctime", "false")
    stopped(behind, monkeypatch, "bring_back")
    for name in ("a.md", "b.md"):
        file = folder / "notes" / name
        os.utime(file, (1_600_000_000, 1_600_000_000))
        git(folder, "update-index", "--refresh")
        file.write_bytes(bytes(file.stat().st_size))
        os.utime(file, (1_600_000_000, 1_600_000_000))
    assert git(folder, "status", "--porcelain", "--untracked-files=no") == ""
    pull(behind.ws("james"))
    back(behind)


def test_files_that_moved_before_the_branch_did_are_no_edits(behind, monkeypatch):
    """Git writes the files of a merge first: a cut may leave those, and the branch where it was."""
    stopped(behind, monkeypatch, "_sync_files")
    folder = behind.folder("james")
    git(folder, "update-ref", "refs/heads/people/james", "HEAD~1")
    assert (folder / "notes/a.md").read_text().startswith("changed\n")
    git(folder, "reset", "-q")
    pull(behind.ws("james"), autostash=True)
    back(behind)


def test_files_that_came_back_before_the_cut_are_no_edits(behind, monkeypatch):
    """One is merged with what came, and another torn: no version that was stored is like both."""
    stopped(behind, monkeypatch, "bring_back")
    folder = behind.folder("james")
    behind.write("james", "notes/a.md", "".join(["changed\n", *LINES[1:8], "mine\n"]))
    (folder / "notes/b.md").write_bytes(b"B, \0\0")
    pull(behind.ws("james"))
    back(behind)


def test_what_is_put_aside_needs_no_object_that_git_has_not_synced(behind):
    """Also what was staged a moment ago: git leaves it lying loose."""
    folder = behind.folder("james")
    assert Autostash(behind.ws("james").repo).put_aside()
    for path in (folder / ".git/objects").glob("[0-9a-f][0-9a-f]/*"):
        path.unlink()
    oid = Autostash(behind.ws("james").repo).held()
    assert git(folder, "show", f"{oid}^2:notes/b.md") == "B, mine"
    git(folder, "rev-list", "--objects", "--quiet", oid)


def test_what_was_staged_is_staged_again(behind, monkeypatch):
    """The files are those put aside, and the index is not: it was cut off in between."""
    behind.write("james", "notes/a.md", "".join(["mine\n", *LINES[1:]]))
    assert Autostash(behind.ws("james").repo).put_aside()
    folder = behind.folder("james")
    behind.write("james", "notes/a.md", "".join(["mine\n", *LINES[1:]]))
    behind.write("james", "notes/b.md", "B, mine\n")
    Autostash(behind.ws("james").repo).recover(keep=False)
    assert git(folder, "diff", "--cached", "--name-only") == "notes/b.md"
