"""Sticks as they are: file systems by loop mounts where this machine allows, full and read-only
disks, and what an unlucky disk says, injected where no such disk can be had."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess

import pytest

from gitsync.domain.errors import EnvironmentFault
from gitsync.services.carrying.sticks import StickOptions, sync
from gitsync.storage import disks, effects
from tests.integration import invariants
from tests.mountkit import KINDS, MIB, ran


@pytest.mark.parametrize("kind", ["vfat", "exfat", "ext4", "tmpfs"])
def test_a_stick_goes_round(meeting, mounted, kind):
    stick = mounted(kind)
    meeting.land("notes/a.md", "A\n")
    meeting.sync("alice", stick)
    meeting.propose("james", "notes/j.md", "J\n", "j")
    assert meeting.sync("james", stick).haul.refused == ()
    assert meeting.number("james") == 2
    found = meeting.sync("alice", stick)
    assert "refs/heads/proposals/james/j" in meeting.refs("alice")
    assert found.haul.refused == ()
    assert disks.file_system(stick) in KINDS[kind]
    assert (disks.split_for(stick / "new") is not None) == (kind == "vfat")


def test_a_disk_that_is_full(meeting, mounted):
    stick = mounted("tmpfs", MIB)
    (stick / "other").write_bytes(bytes(MIB - 48 * 1024))
    meeting.land("notes/a.md", "".join(f"{n * 7919 % 1000003}\n" for n in range(20_000)))
    with pytest.raises(EnvironmentFault) as caught:
        sync(meeting.ws("alice"), stick, StickOptions())
    assert caught.value.code == "bundle.no-room"
    assert [path.name for path in stick.iterdir()] == ["other"]
    (stick / "other").unlink()
    assert sync(meeting.ws("alice"), stick, StickOptions()).written


def test_a_disk_that_is_read_only(meeting, mounted):
    stick = mounted("tmpfs")
    meeting.land("notes/a.md", "A\n")
    meeting.sync("alice", stick)
    assert ran("mount", "-o", "remount,ro", str(stick)) == ""
    ran_ = meeting.cli("james", "bundle", "import", str(stick))
    assert ran_.code == 0
    assert meeting.number("james") == 2
    ran_ = meeting.cli("james", "bundle", "create", str(stick))
    assert (ran_.code, "disk is read-only" in ran_.err) == (3, True)


def failing(kind: str, number: int, code: int):
    """An observer that lets one effect of a kind fail as a disk does."""
    seen = 0

    def watch(effect, act):
        nonlocal seen
        seen += effect.kind == kind
        if effect.kind == kind and seen == number:
            raise OSError(code, os.strerror(code))
        return act()

    return watch


FAULTS = [
    ("create", errno.ENOSPC, "disk.full"),
    ("create", errno.EFBIG, "disk.file-too-large"),
    ("create", errno.EIO, "disk.failed"),
    ("rename", errno.EROFS, "disk.read-only"),
    ("sync", errno.EIO, "disk.failed"),
]


@pytest.mark.parametrize(("kind", "code", "says"), FAULTS)
def test_a_disk_that_fails_while_it_is_written_to(meeting, kind, code, says):
    """The first effects are those of this clone's own memory; one of the next is on the stick."""
    said = []
    for number in range(1, 12):
        with effects.observed(failing(kind, number, code)):
            try:
                meeting.write_for("alice", split=4096)
            except EnvironmentFault as error:
                said.append((error.code, sorted(meeting.stick.iterdir())))
            else:
                shutil.rmtree(meeting.stick)
                meeting.stick.mkdir()
    assert len(said) > 1
    assert all(one == (says, []) for one in said), said
    assert meeting.write_for("alice").written is not None


def test_a_limit_that_nobody_knew_of_leads_to_volumes(meeting):
    """FAT under a name that says nothing, as in a virtual machine."""
    said = set()
    for number in range(1, 6):
        with effects.observed(failing("create", number, errno.EFBIG)):
            try:
                meeting.write_for("alice")
            except EnvironmentFault as error:
                said.add(error.hint)
    assert "have it cut into volumes: --split 2G" in said


def test_file_systems_that_are_fat_by_other_names():
    assert all(map(disks.is_fat, ("vfat", "msdos", "msdosfs", "fuse.fusefat", "fuse.vfat")))
    assert not any(map(disks.is_fat, ("exfat", "fuseblk", "fuse.exfat", "ext4", "fuse", "")))


@pytest.mark.parametrize(("kind", "code", "says"), FAULTS)
def test_a_disk_that_fails_while_a_bundle_is_taken(meeting, kind, code, says):
    meeting.land("notes/a.md", "A\n")
    path = meeting.bundle("alice", "james")
    said = set()
    for number in range(1, 12):
        with effects.observed(failing(kind, number, code)):
            try:
                meeting.take("james", path)
            except EnvironmentFault as error:
                said.add(error.code)
    assert said <= {says}
    meeting.take("james", path)
    assert meeting.number("james") == 2
    invariants.clone_is_sound(meeting.folder("james"), 2)


def test_what_a_disk_forgets_is_noticed(meeting, monkeypatch):
    """A stick that takes everything and keeps something else: it is read back."""
    real = effects.rename

    def forgetful(source, target):
        real(source, target)
        if target.suffix == ".bundle":
            data = bytearray(target.read_bytes())
            data[-1] ^= 1
            target.write_bytes(data)

    monkeypatch.setattr(effects, "rename", forgetful)
    with pytest.raises(EnvironmentFault) as caught:
        meeting.write_for("alice")
    assert caught.value.code == "bundle.not-written"
    assert list(meeting.stick.iterdir()) == []
    assert meeting.write_for("alice", readback=False).written is not None


def test_on_fat_a_file_is_cut_below_four_gibibytes(meeting, monkeypatch):
    """The limit itself is made small: what is looked at is that it is kept to."""
    monkeypatch.setattr(disks, "file_system", lambda _folder: "vfat")
    monkeypatch.setattr(disks, "FAT_LIMIT", 4096)
    made = meeting.write_for("alice")
    assert made.written.index is not None
    assert all(path.stat().st_size <= 4096 for path in made.written.files)
    assert meeting.take("james", made.written.path)[0].outcome in ("imported", "nothing-new")


def test_a_repository_of_another_user_is_explained(meeting):
    """Git does not trust it, and gitsync does not get around that: it says what git wants."""
    if os.geteuid() != 0:
        pytest.skip("giving a folder to another user needs root")
    bare = meeting.stick / "plans.git"
    subprocess.run(["git", "init", "-q", "--bare", str(bare)], check=True)
    for path in (bare, *bare.rglob("*")):
        os.chown(path, 12345, 12345)
    (repo,) = meeting.sync("alice").repositories
    assert repo.code == "repo.foreign-owner"
    assert f"safe.directory {bare}" in repo.problem
    # The bundles beside it are files like any other.
    assert [path.suffix for path in meeting.stick.iterdir() if path.is_file()] == [".bundle"]
