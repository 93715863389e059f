"""Disks that are full, read-only or broken: an error that says so, and the next run completes.

Injected at every effect of a command, and for real on a small disk where this process may mount
one. A file size limit, which needs no rights, is the real thing everywhere.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess

import pytest

from gitsync.domain.errors import EnvironmentFault, GitsyncError
from gitsync.storage import effects
from tests.faults import kit
from tests.faults.scenarios import SCENARIOS
from tests.faults.world import scene
from tests.integration import invariants
from tests.integration.ledgerkit import git

FAULTS = {
    "full": (errno.ENOSPC, "disk.full"),
    "read-only": (errno.EROFS, "disk.read-only"),
    "broken": (errno.EIO, "disk.failed"),
}


def failing(at, code):
    """An observer: effect number ``at`` and all later ones fail, as on a disk that stays so."""
    count = 0

    def observe(effect, act):
        nonlocal count
        if effect.kind == "ask":
            return act()
        count += 1
        if count < at:
            return act()
        if effect.kind == "git":
            said = f"fatal: cannot write: {os.strerror(code)}\n".encode()
            return subprocess.CompletedProcess(["git"], 128, b"", said)
        raise OSError(code, os.strerror(code), effect.path)

    return observe


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["witness", "propose", "snapshot", "pull", "approve"])
def test_a_disk_that_fails_from_some_effect_on(name, fault):
    scenario = next(one for one in SCENARIOS if one.name == name)
    code, _ = FAULTS[fault]
    with kit.isolated() as folder, scene(scenario, folder) as found:
        found.restore()
        count = len(kit.trace(found.run))
        failed = 0
        for at in range(1, count + 1, 4):
            found.restore()
            try:
                with effects.observed(failing(at, code)):
                    found.run()
            except GitsyncError:
                failed += 1
            found.run()
            scenario.check(found.ledger)
        assert failed >= count // 4 * 0.7


def test_what_is_said_names_the_disk():
    scenario = next(one for one in SCENARIOS if one.name == "propose")
    with kit.isolated() as folder, scene(scenario, folder) as found:
        first = next(
            place for place, one in enumerate(kit.trace(found.run), 1) if one.kind == "create"
        )
        for code, said in FAULTS.values():
            found.restore()
            with effects.observed(failing(first, code)), pytest.raises(EnvironmentFault) as caught:
                found.run()
            assert caught.value.code == said


def limited(work, limit):
    """Run in a child that may not write a file of more than ``limit`` bytes."""

    def run() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            work()
        except GitsyncError:
            os._exit(7)

    return kit.forked(run)


@pytest.mark.parametrize("limit", [0, 30, 600, 2000])
def test_a_limit_on_file_sizes_stops_the_witness_and_git_alike(limit):
    scenario = next(one for one in SCENARIOS if one.name == "witness")
    with kit.isolated() as folder, scene(scenario, folder) as found:
        found.restore()
        refs = kit.fingerprint(found.ledger.hub)
        assert limited(found.run, limit) == 7
        if limit < 600:
            assert kit.fingerprint(found.ledger.hub) == refs
        for lock in found.ledger.root.rglob("*.lock"):
            if "gitsync" not in lock.parts:
                lock.unlink()  # of a git that could not clean up
        found.run()
        scenario.check(found.ledger)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one MiB, and how much of it is left free on it can be chosen."""
    where = tmp_path / "disk"
    where.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "gitsync-test", str(where)],
        capture_output=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        pytest.skip("only root may mount the small disk that this test fills")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


def fill(disk, leave):
    """Fill a disk up to ``leave`` bytes; returns the file that does it."""
    filler = disk / "filler"
    free = os.statvfs(disk)
    filler.write_bytes(bytes(max(0, free.f_bavail * free.f_frsize - leave)))
    return filler


@pytest.mark.parametrize("leave", [0, 4096, 12288, 24576])
def test_a_disk_that_is_really_full(small_disk, ledger, leave):
    """The witness's clone lies on it; the hub does not."""
    alice = ledger.folder("alice")
    ledger.propose("james", "notes/a.md", "A\n" * 4000, "a")
    git(alice, "config", "remote.origin.url", str(ledger.hub))
    subprocess.run(["cp", "-a", f"{alice}/.", str(small_disk / "alice")], check=True)
    moved = ledger.root / "alice-before"
    alice.rename(moved)
    alice.symlink_to(small_disk / "alice")
    filler = fill(small_disk, leave)
    ended = None
    try:
        ledger.witness()
    except GitsyncError as error:
        ended = error
    if leave == 0:
        assert ended is not None
    filler.unlink()
    for lock in (small_disk / "alice").rglob("*.lock"):
        if "gitsync" not in lock.parts:
            lock.unlink()
    ledger.witness()
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 2
    invariants.clone_is_sound(alice, 2)


def test_a_disk_that_is_really_read_only(small_disk, ledger):
    james = ledger.folder("james")
    ledger.propose("alice", "notes/a.md", "A\n", "a")
    ledger.witness()
    subprocess.run(["cp", "-a", f"{james}/.", str(small_disk / "james")], check=True)
    james.rename(ledger.root / "james-before")
    james.symlink_to(small_disk / "james")
    remount = ["mount", "-o", "remount,{}", str(small_disk)]
    subprocess.run([part.format("ro") for part in remount], check=True)
    before = kit.fingerprint(small_disk)
    with pytest.raises(GitsyncError):
        ledger.pull("james")
    assert kit.fingerprint(small_disk) == before
    code = ledger.cli("james", "status").code
    assert code in (0, 1, 3)  # reading goes as far as it can, and never ends in a traceback
    subprocess.run([part.format("rw") for part in remount], check=True)
    ledger.pull("james")
    invariants.clone_is_sound(james, 2)
