"""The doctor after crashes: each fault made for real, found, healed, and held against stock git."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from gitsync.domain.errors import RefusedError
from gitsync.services.doctoring import litter
from gitsync.services.doctoring.examination import DoctorOptions, Examination
from gitsync.storage.refhealth import all_refs
from tests.faults.kit import killed_at
from tests.integration import invariants
from tests.integration.doctorkit import (
    aged,
    examine,
    faults,
    files_below,
    loosen,
    mended,
    object_file,
    protect,
    refs,
    told,
)
from tests.integration.peoplekit import git


@pytest.fixture
def whole(ledger):
    """Four snapshots that everybody has, a protected home, and nothing wrong."""
    protect(ledger.hub)
    for number in range(3):
        ledger.clock.tick()
        ledger.propose("alice", f"notes/{number}.md", f"Note {number}\n", f"note-{number}")
    ledger.witness()
    ledger.pull("alice", "james", "carol")
    return ledger


def sound(ledger, name):
    """Stock git and every check are content, and the ledger verifies from nothing."""
    found = examine(ledger, name, "--full")
    assert faults(found) == [], found["findings"]
    assert found["code"] == 0
    said = subprocess.run(
        ["git", "fsck", "--strict", "--no-dangling"],
        cwd=ledger.folder(name), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr
    assert "missing" not in said.stdout
    ran = ledger.cli(name, "verify", "--full", "--no-cache")
    assert ran.code == 0, ran.err
    invariants.all_of_them(ledger.hub)


def test_nothing_is_wrong_after_each_ordinary_operation(ledger):
    protect(ledger.hub)
    ledger.pull("alice", "james", "carol")
    steps = [
        lambda: ledger.propose("alice", "a.md", "a\n", "a"),
        ledger.witness,
        lambda: ledger.pull("alice"),
        lambda: ledger.pull("james"),
        lambda: ledger.write("james", "b.md", "b\n"),
        lambda: ledger.cli("james", "snapshot", "-m", "b"),
        lambda: ledger.cli("james", "propose", "-m", "b", "--slug", "b"),
        lambda: ledger.cli("carol", "approve", "james/b"),
        ledger.witness,
        lambda: ledger.cli("james", "sync"),
        lambda: ledger.cli("carol", "pin", "common@1"),
        lambda: ledger.cli("carol", "withdraw", "james/b"),
    ]
    for at, step in enumerate(steps):
        ledger.clock.tick()
        step()
        for name in ("alice", "james", "carol"):
            found = examine(ledger, name)
            assert found["findings"] == [], (at, name)
            assert found["code"] == 0


def tear(path, how):
    data = path.read_bytes()
    if how == "empty":
        path.write_bytes(b"")
    elif how == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif how == "zeroed":
        path.write_bytes(b"\0" * len(data))
    elif how == "flipped":
        path.write_bytes(bytes([*data[:-6], data[-6] ^ 0x40, *data[-5:]]))
    else:
        import zlib

        path.write_bytes(zlib.compress(b"blob 5\0other"))


@pytest.mark.parametrize(
    ("what", "how"),
    [("common", "empty"), ("common^{tree}", "cut"), ("common@2", "zeroed"),
     ("common:notes/1.md", "flipped"), ("common", "another")],
)  # fmt: skip
def test_a_torn_object_is_found_and_fetched_again(whole, what, how):
    folder = whole.folder("james")
    loosen(folder)
    oid = git(folder, "rev-parse", what)
    before = refs(folder)
    tear(object_file(folder, oid), how)
    untouched = files_below(folder / ".git")
    found = examine(whole, "james")
    assert faults(found) == ["object.torn"]
    assert told(found, "object.torn")["subject"] == oid
    assert found["code"] == 1
    assert files_below(folder / ".git") == untouched
    found = examine(whole, "james", "--fix")
    assert mended(found) == ["object.torn"]
    assert faults(found) == []
    kept = list((folder / ".git/gitsync/damaged").glob("*/*"))
    assert [path.name for path in kept] == [f"objects+{oid[:2]}+{oid[2:]}"]
    assert refs(folder) == before
    sound(whole, "james")


def test_without_the_check_libgit2_hangs(whole):
    """Why loose objects are read before anything opens the repository."""
    folder = whole.folder("james")
    loosen(folder)
    oid = git(folder, "rev-parse", "common")
    tear(object_file(folder, oid), "cut")
    code = f"import pygit2; pygit2.Repository({str(folder)!r}).odb.read({oid!r})"
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", code], timeout=3, check=False, capture_output=True)
    assert faults(examine(whole, "james")) == ["object.torn"]


def test_without_any_remote_it_says_what_is_lost(whole):
    folder = whole.folder("james")
    loosen(folder)
    whole.hub.rename(whole.root / "away.git")
    before = refs(folder)
    oid = git(folder, "rev-parse", "common@2^{tree}")
    tear(object_file(folder, oid), "empty")
    found = examine(whole, "james", "--fix")
    lost = told(found, "object.lost")
    assert lost["state"] == "failed"
    assert refs(folder) == before
    assert oid[:12] in lost["what"]
    assert "could not be read" in lost["done"]
    assert "--remote URL" in " ".join(lost["mend"])
    assert found["code"] == 1
    # Another clone of a friend is as good as the home.
    found = examine(whole, "james", "--fix", "--remote", str(whole.folder("carol")))
    assert "object.lost" in mended(found)
    (whole.root / "away.git").rename(whole.hub)
    sound(whole, "james")


def test_a_file_that_still_lies_there_heals_its_own_object(whole):
    folder = whole.folder("james")
    loosen(folder)
    whole.hub.rename(whole.root / "away.git")
    oid = git(folder, "rev-parse", "common:notes/1.md")
    tear(object_file(folder, oid), "empty")
    found = examine(whole, "james", "--fix")
    assert "written again from the file" in told(found, "object.torn")["done"]
    assert git(folder, "cat-file", "-p", oid) == "Note 1"
    (whole.root / "away.git").rename(whole.hub)
    sound(whole, "james")


def test_ones_own_lost_commit_falls_back_to_the_one_before(whole):
    folder = whole.folder("james")
    before = git(folder, "rev-parse", "people/james")
    whole.write("james", "own.md", "mine\n")
    git(folder, "add", "own.md")
    git(folder, "commit", "-qm", "own", "--no-gpg-sign")
    lost = git(folder, "rev-parse", "HEAD")
    tear(object_file(folder, lost), "empty")
    found = examine(whole, "james", "--fix")
    assert told(found, "ref.hollow")["state"] == "mended"
    assert git(folder, "rev-parse", "people/james") == before
    assert (folder / "own.md").read_text() == "mine\n"
    assert "own.md" in git(folder, "status", "--short")
    sound(whole, "james")


def test_ones_own_lost_commit_waits_for_a_remote_that_cannot_be_read(whole):
    """It may be there. Until that is known, the branch stays where it was."""
    folder = whole.folder("james")
    whole.write("james", "own.md", "mine\n")
    whole.cli("james", "snapshot", "-m", "mine")
    whole.cli("james", "push")
    loosen(folder)
    before = all_refs(folder / ".git")
    whole.hub.rename(whole.root / "away.git")
    tear(object_file(folder, git(folder, "rev-parse", "HEAD")), "empty")
    found = examine(whole, "james", "--fix")
    hollow = [one for one in found["findings"] if one["code"] == "ref.hollow"]
    assert "refs/heads/people/james" in [one["subject"] for one in hollow]
    tried = [one["done"] for one in hollow if one["done"] is not None]
    assert tried
    assert all("could not be read, and may have it" in done for done in tried)
    assert all_refs(folder / ".git") == before
    (whole.root / "away.git").rename(whole.hub)
    found = examine(whole, "james", "--fix")
    assert faults(found) == []
    assert all_refs(folder / ".git") == before


@pytest.mark.parametrize(
    ("ending", "how"),
    [(".pack", "empty"), (".pack", "cut"), (".pack", "zeroed"), (".idx", "empty"),
     (".idx", "zeroed"), (".idx", "gone"), (".pack", "gone")],
)  # fmt: skip
def test_a_torn_pack_or_index(whole, ending, how):
    folder = whole.folder("james")
    git(folder, "gc", "-q")
    before = refs(folder)
    (path,) = (folder / ".git/objects/pack").glob(f"*{ending}")
    path.chmod(0o644)
    if how == "gone":
        path.unlink()
    else:
        tear(path, how)
    found = examine(whole, "james")
    assert "pack.torn" in faults(found)
    found = examine(whole, "james", "--fix")
    assert "pack.torn" in mended(found)
    assert faults(examine(whole, "james", "--fix")) == []
    assert refs(folder) == before
    sound(whole, "james")


def cut_packed(folder, how):
    git(folder, "pack-refs", "--all")
    path = folder / ".git/packed-refs"
    data = path.read_bytes()
    lines = data.splitlines(keepends=True)
    if how == "empty":
        path.write_bytes(b"")
    elif how == "mid-line":
        path.write_bytes(data[: len(data) // 2 + 7])
    elif how == "garbled":
        path.write_bytes(data.replace(b"refs/heads/common\n", b"\0" * 18, 1))
    elif how == "between lines":
        path.write_bytes(b"".join(lines[:3]))
    else:
        path.write_bytes(lines[0] + b"".join(reversed(lines[1:3])) + b"".join(lines[3:]))


@pytest.mark.parametrize("how", ["empty", "mid-line", "garbled", "between lines", "unsorted"])
def test_cut_packed_refs_come_back(whole, how):
    """All of them, though git fsck ends with 0 on two of these."""
    whole.cli("james", "snapshot", "-m", "one of my own")
    whole.cli("james", "push")
    folder = whole.folder("james")
    whole.cli("james", "proposals", "--fetch")
    whole.pull("james")
    before = own_refs(folder)
    cut_packed(folder, how)
    untouched = files_below(folder / ".git")
    assert faults(examine(whole, "james")) != []
    if how != "between lines":
        assert files_below(folder / ".git") == untouched
    found = examine(whole, "james", "--fix")
    assert faults(found) == [], found["findings"]
    assert own_refs(folder) == before
    sound(whole, "james")


def own_refs(folder):
    """Without what was fetched and waits for verification: that comes and goes."""
    return [line for line in refs(folder).splitlines() if "refs/gitsync/" not in line]


@pytest.mark.parametrize(
    ("ref", "value"),
    [("refs/heads/common", b""), ("refs/heads/common", b"garbage\n"),
     ("refs/heads/people/james", b"\0" * 41), ("refs/heads/people/james", b"0123456\n")],
)  # fmt: skip
def test_torn_loose_refs_come_back(whole, ref, value):
    folder = whole.folder("james")
    before = refs(folder)
    path = folder / ".git" / ref
    assert path.exists()
    path.write_bytes(value)
    assert faults(examine(whole, "james")) == ["ref.torn"]
    found = examine(whole, "james", "--fix")
    assert mended(found) == ["ref.torn"]
    assert refs(folder) == before
    sound(whole, "james")


def test_a_ref_never_comes_back_to_what_is_not_whole(whole):
    """The newest value of the reflog has lost its tree: the one before is taken."""
    folder = whole.folder("james")
    before = git(folder, "rev-parse", "people/james")
    whole.write("james", "own.md", "mine\n")
    git(folder, "add", "own.md")
    git(folder, "commit", "-qm", "own", "--no-gpg-sign")
    object_file(folder, git(folder, "rev-parse", "HEAD^{tree}")).unlink()
    (folder / ".git/refs/heads/people/james").write_bytes(b"")
    examine(whole, "james", "--fix")
    assert git(folder, "rev-parse", "people/james") == before


def test_common_comes_back_to_the_verified_position_only(whole):
    """A reflog may name anything; only what was verified becomes common."""
    folder = whole.folder("james")
    stray = git(folder, "commit-tree", "-m", "stray", "common^{tree}", "-p", "common")
    git(folder, "update-ref", "refs/heads/common", stray)
    (folder / ".git/refs/heads/common").write_bytes(b"")
    found = examine(whole, "james", "--fix")
    commit = whole.ws("james").verified().commit
    assert told(found, "ref.torn")["done"] == f"it is {commit[:12]} again, read back"
    assert git(folder, "rev-parse", "common") == commit


@pytest.mark.parametrize("value", [b"", b"\0" * 30, b"ref: \n", None])
def test_a_torn_head(whole, value):
    folder = whole.folder("james")
    head = folder / ".git/HEAD"
    head.unlink() if value is None else head.write_bytes(value)
    assert git(folder, "status", check=False) == ""
    found = examine(whole, "james")
    assert faults(found) == ["head.torn"]
    found = examine(whole, "james", "--fix")
    assert mended(found) == ["head.torn"]
    assert head.read_text() == "ref: refs/heads/people/james\n"
    sound(whole, "james")


@pytest.mark.parametrize("value", [b"", b"DIRC\0\0"])
def test_a_torn_index_of_git(whole, value):
    folder = whole.folder("james")
    whole.write("james", "notes/1.md", "changed\n")
    (folder / ".git/index").write_bytes(value)
    assert faults(examine(whole, "james")) == ["git-index.torn"]
    assert mended(examine(whole, "james", "--fix")) == ["git-index.torn"]
    assert git(folder, "status", "--short") == " M notes/1.md"
    sound(whole, "james")


LOCKS = ["index.lock", "HEAD.lock", "config.lock", "packed-refs.lock", "shallow.lock",
         "refs/heads/common.lock", "refs/heads/people/james.lock"]  # fmt: skip


@pytest.mark.parametrize("name", LOCKS)
def test_a_stale_lock_goes_and_one_in_use_stays(whole, name):
    lock = whole.folder("james") / ".git" / name
    lock.write_bytes(b"")
    aged(lock, whole, 5)
    found = examine(whole, "james", "--fix")
    assert faults(found) == []
    assert "only 5 s old" in told(found, "lock.in-use")["what"]
    aged(lock, whole)
    holder = subprocess.Popen(["sleep", "60"], stdin=lock.open("rb"))
    try:
        found = examine(whole, "james", "--fix")
        assert f"process {holder.pid} has it open" in told(found, "lock.in-use")["what"]
        assert lock.exists()
    finally:
        holder.kill()
        holder.wait()
    assert faults(examine(whole, "james")) == ["lock.stale"]
    assert lock.exists()
    assert mended(examine(whole, "james", "--fix")) == ["lock.stale"]
    assert not lock.exists()
    sound(whole, "james")


def test_a_lock_that_is_taken_between_looking_and_mending_stays(whole):
    lock = whole.folder("james") / ".git/index.lock"
    lock.write_bytes(b"")
    aged(lock, whole)
    exam = Examination.begin(whole.host("james"), DoctorOptions(fix=True))
    (found,) = litter.locks(exam)
    holder = subprocess.Popen(["sleep", "60"], stdin=lock.open("rb"))
    try:
        with pytest.raises(RefusedError, match=f"process {holder.pid} has it open"):
            found.remedy.apply()
    finally:
        holder.kill()
        holder.wait()
    assert lock.exists()


def test_a_lock_stays_while_any_git_is_at_work_here(whole):
    """Git has closed its index.lock while it waits for an editor."""
    folder = whole.folder("james")
    whole.write("james", "x.md", "x\n")
    git(folder, "add", "x.md")
    env = {**os.environ, "GIT_EDITOR": "sleep 60; true"}
    commit = subprocess.Popen(
        ["git", "commit", "-aq", "--no-gpg-sign"], cwd=folder, env=env, start_new_session=True
    )
    lock = folder / ".git/index.lock"
    try:
        wait_for(lock.exists)
        aged(lock, whole)
        found = examine(whole, "james", "--fix")
        assert f"git is at work here (process {commit.pid})" in told(found, "lock.in-use")["what"]
        assert lock.exists()
    finally:
        os.killpg(commit.pid, signal.SIGKILL)
        commit.wait()
    assert lock.exists()
    assert mended(examine(whole, "james", "--fix")) == ["lock.stale"]


def wait_for(seen):
    for _ in range(600):
        if seen():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to that")


def test_unfinished_files_of_dead_processes(whole):
    folder = whole.folder("james") / ".git"
    incoming = folder / "objects/tmp_objdir-incoming-q"
    for name in ("objects/pack/tmp_pack_abc", "objects/12/tmp_obj_x", "packed-refs.gitsync-77",
                 "gitsync/tmp_gitsync_1_a", "objects/tmp_objdir-incoming-q/pack/x"):  # fmt: skip
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
        aged(path, whole)
    aged(incoming, whole)
    found = examine(whole, "james")
    assert faults(found) == ["files.unfinished"]
    assert "5 unfinished files" in told(found, "files.unfinished")["what"]
    assert mended(examine(whole, "james", "--fix")) == ["files.unfinished"]
    assert len(list((folder / "gitsync/damaged").glob("*/*"))) == 5
    sound(whole, "james")


def test_a_merge_that_waits(whole):
    folder = whole.folder("james")
    git(folder, "checkout", "-q", "-b", "side", "common@1")
    whole.write("james", "notes/1.md", "side\n")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "side", "--no-gpg-sign")
    git(folder, "merge", "common", check=False)
    found = examine(whole, "james", "--fix")
    assert faults(found) == ["merge.unfinished"]
    assert "MERGE_HEAD" in told(found, "merge.unfinished")["what"]


def wreck(ledger):
    """Everything at once: what a power cut at a bad moment leaves."""
    folder = ledger.folder("james")
    loosen(folder)
    for oid in git(folder, "rev-parse", "common", "common^{tree}", "common@3").split():
        tear(object_file(folder, oid), "empty")
    (folder / ".git/refs/heads/people/james").write_bytes(b"")
    (folder / ".git/HEAD").write_bytes(b"")
    (folder / ".git/index").write_bytes(b"")
    lock = folder / ".git/packed-refs.lock"
    lock.write_bytes(b"")
    aged(lock, ledger)


def whole_fix(whole):
    return lambda: whole.cli("james", "doctor", "--fix")


@pytest.mark.slow
def test_healing_killed_anywhere_and_run_again_equals_healing_once(whole):
    folder = whole.folder("james")
    before = refs(folder)
    steps = -2
    while True:
        steps += 3  # every third of some two hundred effects
        wreck(whole)
        finished = not killed_at(whole_fix(whole), steps, after=bool(steps % 2))
        found = examine(whole, "james", "--fix")
        # What the killed run fetched for healing is younger than the bound for leftovers.
        assert faults(found) == [], (steps, found["findings"])
        assert refs(folder) == before
        if finished:
            break
        git(folder, "reset", "-q", "--hard")
    assert steps > 20
    sound(whole, "james")


def test_healing_twice_changes_nothing_more(whole):
    folder = whole.folder("james")
    wreck(whole)
    assert faults(examine(whole, "james", "--fix")) == []
    after = files_below(folder / ".git")
    found = examine(whole, "james", "--fix")
    assert found["findings"] == []
    again = files_below(folder / ".git")
    assert {n: d for n, d in again.items() if "index.db" not in n} == {
        n: d for n, d in after.items() if "index.db" not in n
    }
