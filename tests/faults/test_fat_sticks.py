"""Sticks as most sticks are: FAT and exFAT, mounted for real. They know no links and no modes, take
one name in two cases for the same, and date their files to two seconds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from gitsync.domain.errors import EnvironmentFault
from gitsync.services.carrying.shelf import Shelf
from gitsync.services.carrying.sticks import StickOptions, sync
from gitsync.storage import disks
from tests.integration import invariants
from tests.mountkit import MIB, Mounts, mounted_points

#: What FAT, and Windows on any disk, holds in a name.
FITS = re.compile(r"[a-z0-9][a-z0-9.-]{0,200}[a-z0-9]")
NOISE = "".join(f"{n * 7919 % 1000003}\n" for n in range(20_000))


@pytest.fixture(params=["vfat", "exfat"])
def stick(mounted, request):
    return mounted(request.param)


def names(folder):
    return sorted(one.name for one in folder.iterdir())


def test_names_fit_and_are_one_in_either_case(meeting, stick):
    meeting.meet()
    meeting.land("notes/a.md", "A\n")
    meeting.sync("alice", stick)
    meeting.write_for("alice", "james", split=4096, full=True)
    every = [*names(stick), *names(meeting.stick)]
    assert len(every) > 5
    assert all(FITS.fullmatch(name) for name in every), every
    assert len({name.lower() for name in every}) == len(every)


def test_files_that_another_system_has_renamed(meeting, stick):
    """In capitals, and in eight letters and three: what a file is, it says inside."""
    meeting.meet()
    meeting.land("notes/a.md", "A\n")
    meeting.sync("alice", stick)
    for at, path in enumerate(sorted(stick.glob("*.bundle"))):
        short = f"ALICE~{at}.BUN" if at else path.name.upper()
        path.rename(stick / "draft")
        (stick / "draft").rename(stick / short)
    before = names(stick)
    assert any("~" in name for name in before)
    # The sender knows its own again, and the others take theirs.
    assert meeting.sync("alice", stick).written == ()
    assert names(stick) == before
    assert meeting.sync("james", stick).haul.refused == ()
    assert meeting.number("james") == 2
    meeting.sync("alice", stick)
    assert meeting.sync("carol", stick).haul.refused == ()
    assert meeting.number("carol") == 2


def test_volumes(meeting, stick):
    meeting.land("notes/a.md", NOISE)
    made = meeting.write_for("alice", "james", split=16_384)
    for path in made.written.files:
        shutil.copyfile(path, stick / path.name)
    assert meeting.take("james", stick / made.written.path.name)[0].outcome == "imported"
    # Written there itself: the list of the volumes has no link to be made by.
    again = meeting.write_at("alice", stick, "carol", split=16_384)
    assert len(again.written.parts) > 3
    assert {path.name for path in again.written.files} <= set(names(stick))
    assert not [name for name in names(stick) if name.startswith("tmp_")]
    assert meeting.take("carol", again.written.path)[0].outcome == "imported"
    invariants.clone_is_sound(meeting.folder("carol"), 2)


def test_a_limit_of_the_file_system_cuts_by_itself(meeting, mounted, monkeypatch):
    """4 GiB are too many for a test; that the disk is known for FAT is not made up."""
    stick = mounted("vfat")
    monkeypatch.setattr(disks, "FAT_LIMIT", 16_384)
    meeting.land("notes/a.md", NOISE)
    meeting.sync("alice", stick)
    assert len(list(stick.glob("*.bundle.volumes"))) == 1
    assert all(path.stat().st_size <= 16_384 for path in stick.iterdir())
    assert meeting.sync("james", stick).haul.refused == ()
    assert meeting.number("james") == 2


@pytest.mark.parametrize("encrypt", [False, True])
def test_what_is_carried_is_cut_where_it_has_to_be(meeting, mounted, monkeypatch, encrypt):
    """From a disk that holds it as one file to one that does not."""
    stick = mounted("vfat")
    meeting.meet()
    meeting.land("notes/a.md", NOISE)
    meeting.bundle("alice", "james", encrypt=encrypt)
    meeting.sync("carol")
    monkeypatch.setattr(disks, "FAT_LIMIT", 16_384)
    (passed,) = meeting.sync("carol", stick).passed_on
    assert passed.parent == stick
    assert passed.suffix == ".volumes"
    assert all(path.stat().st_size <= 16_384 for path in stick.iterdir())
    assert meeting.sync("james", stick).haul.refused == ()
    assert meeting.number("james") == 2


@pytest.mark.parametrize("split", [None, 4096])
def test_encrypted_bundles_are_carried(meeting, stick, split):
    meeting.meet()
    meeting.land("notes/a.md", NOISE)
    meeting.write_at("alice", stick, "james", encrypt=True, split=split)
    assert len(meeting.sync("carol", stick).sealed) == 1
    assert len(Shelf.of(meeting.ws("carol")).sealed()) == 1
    assert meeting.sync("james", stick, encrypt=True).haul.refused == ()
    assert meeting.number("james") == 2


def test_a_full_stick(meeting, mounted):
    for kind in ("vfat", "exfat"):
        stick = mounted(kind, 8 * MIB)
        free = disks.room(stick)
        (stick / "other").write_bytes(bytes(free - 64 * 1024))
        meeting.land(f"notes/{kind}.md", NOISE)
        with pytest.raises(EnvironmentFault) as caught:
            sync(meeting.ws("alice"), stick, StickOptions())
        assert caught.value.code == "bundle.no-room"
        assert names(stick) == ["other"]
        (stick / "other").unlink()
        assert sync(meeting.ws("alice"), stick, StickOptions()).written


def test_a_stick_that_fills_up_while_it_is_written(meeting, stick, monkeypatch):
    """As when something else writes there too: the first look saw room."""
    from gitsync.services.carrying import creating

    (stick / "other").write_bytes(bytes(disks.room(stick) - 64 * 1024))
    meeting.land("notes/a.md", NOISE)
    monkeypatch.setattr(creating, "room", lambda _: 1 << 40)
    for split in (None, 16_384):
        with pytest.raises(EnvironmentFault) as caught:
            meeting.write_at("alice", stick, split=split)
        assert caught.value.code == "disk.full"
        assert names(stick) == ["other"]


def test_a_bare_repository(meeting, stick):
    """Where the driver knows no modes, as fusefat, ``git init`` stops there. One that was made
    elsewhere and copied is brought up to date like any other."""
    bare = stick / "plans.git"
    made = subprocess.run(
        ["git", "init", "-q", "--bare", str(bare)], check=False, capture_output=True
    )
    if made.returncode:
        assert disks.file_system(stick) == "fuse.fusefat"
        assert b"Function not implemented" in made.stderr
        shutil.rmtree(bare)
        subprocess.run(["git", "init", "-q", "--bare", str(meeting.root / "plans.git")], check=True)
        copied(meeting.root / "plans.git", bare)
    meeting.land("notes/a.md", "A\n")
    (repo,) = meeting.sync("alice", stick).repositories
    assert (repo.problem, "refs/heads/common" in repo.sent) == ("", True)
    (repo,) = meeting.sync("james", stick).repositories
    assert repo.problem == ""
    assert meeting.number("james") == 2
    assert subprocess.run(["git", "fsck", "--strict"], cwd=bare, check=False).returncode == 0


def copied(source, target):
    for folder, _, files in os.walk(source):
        there = target / os.path.relpath(folder, source)
        there.mkdir()
        for name in files:
            shutil.copyfile(Path(folder) / name, there / name)


def test_a_driver_that_dies(meeting, mounted):
    """What is mounted is there still, and answers nothing."""
    stick = mounted("vfat")
    meeting.land("notes/a.md", "A\n")
    meeting.sync("alice", stick)
    driver = mounted.drivers.get(stick)
    if driver is None:
        pytest.skip("the kernel itself drives it here")
    driver.kill()
    driver.wait()
    for command in (
        ("bundle", "sync"),
        ("bundle", "create"),
        ("bundle", "import"),
        ("bundle", "inspect"),
        ("bundle", "verify"),
        ("witness", "run", "--stick"),
    ):
        ran = meeting.cli("james" if command[0] == "bundle" else "alice", *command, str(stick))
        assert ran.code == 3, (command, ran)
        assert "Transport endpoint is not connected" in ran.err, (command, ran.err)


@pytest.mark.parametrize("kind", ["vfat", "exfat", "ext4", "tmpfs"])
def test_nothing_stays_mounted(tmp_path, kind):
    """Whatever a test was doing when it failed."""
    mounts = Mounts(tmp_path)
    try:
        point = mounts(kind)
        assert str(point) in mounted_points()
        opened = (point / "open").open("wb")
    finally:
        mounts.close()
    assert str(point) not in mounted_points()
    with suppress(OSError):
        opened.close()
    left = subprocess.run(["losetup", "-a"], capture_output=True, text=True, check=True).stdout
    assert str(tmp_path) not in left
