"""``gitsync watch --inbox`` as a real process: files that arrive slowly, sticks that go away."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest

from gitsync.services.carrying import inbox as module
from gitsync.services.carrying.inbox import Arrived, Inbox, Present, Rejected, watch_inbox
from gitsync.storage.disks import Place, place_of
from tests.cli.conftest import read_document
from tests.cli.test_cmd_watch import Watched
from tests.mountkit import ran, unmount


@pytest.fixture
def inbox(meeting):
    folder = meeting.root / "inbox"
    folder.mkdir()
    watched = Watched(meeting.folder("james"), "--inbox", "../inbox", "--json")
    yield folder, watched
    watched.process.send_signal(signal.SIGINT)
    assert watched.process.wait(30) == 130


def test_a_bundle_is_imported_once_all_of_it_is_there(meeting, inbox):
    folder, watched = inbox
    meeting.land("notes/a.md", "A\n")
    data = meeting.bundle("alice", "james").read_bytes()
    path = folder / "copy.bundle"
    with path.open("wb") as file:
        for at in range(0, len(data), len(data) // 3):
            file.write(data[at : at + len(data) // 3])
            file.flush()
            os.fsync(file.fileno())
    found = read_document(watched.until('"event": "bundle"'), "watch")
    assert found["bundle"]["outcome"] == "imported"
    assert meeting.number("james") == 2


def test_one_that_stays_cut_is_refused_and_taken_when_it_is_whole(meeting, inbox):
    folder, watched = inbox
    meeting.land("notes/a.md", "A\n")
    data = meeting.bundle("alice", "james").read_bytes()
    path = folder / "copy.bundle"
    path.write_bytes(data[:-100])
    found = read_document(watched.until('"event": "refused"'), "watch")
    assert found["code"] == "bundle.damaged"
    path.write_bytes(data)
    assert json.loads(watched.until('"event": "bundle"'))["bundle"]["after"] == "common@2"


def test_a_stick_that_is_pulled_out_and_put_in_again(meeting, inbox):
    folder, watched = inbox
    shutil.rmtree(folder)
    assert "is gone; waiting" in watched.process.stderr.readline()
    meeting.land("notes/a.md", "A\n")
    path = meeting.bundle("alice", "james")
    folder.mkdir()
    assert "watching" in watched.process.stderr.readline()
    shutil.copy(path, folder)
    assert json.loads(watched.until('"event": "bundle"'))["bundle"]["outcome"] == "imported"


def test_a_stick_whose_mount_point_stays(meeting, mounted):
    """Unmounted while it is watched, as when it is pulled out: an empty folder remains, of another
    disk. What lies there is nobody's stick."""
    stick = mounted("tmpfs")
    watched = Watched(meeting.folder("james"), "--inbox", str(stick), "--json")
    try:
        assert ran("umount", "-l", str(stick)) == ""
        assert f"{stick} is gone; waiting" in watched.process.stderr.readline()
        meeting.land("notes/a.md", "A\n")
        path = meeting.bundle("alice", "james")
        shutil.copy(path, stick / "beneath.bundle")
        assert ran("mount", "-t", "tmpfs", "tmpfs", str(stick)) == ""
        assert "watching" in watched.process.stderr.readline()
        assert meeting.number("james") == 1
        shutil.copy(path, stick)
        found = json.loads(watched.until('"event": "bundle"'))["bundle"]
        assert (found["outcome"], found["path"]) == ("imported", str(stick / path.name))
    finally:
        assert watched.stop() == 130
        unmount(stick)


def test_a_stick_that_is_put_in_after_the_watch_began(meeting, mounted):
    stick = mounted("tmpfs")
    unmount(stick)
    watched = Watched(meeting.folder("james"), "--inbox", str(stick), "--json")
    try:
        for _ in range(2):
            assert ran("mount", "-t", "tmpfs", "tmpfs", str(stick)) == ""
            assert "watching" in watched.process.stderr.readline()
            assert ran("umount", "-l", str(stick)) == ""
            assert "is gone; waiting" in watched.process.stderr.readline()
    finally:
        assert watched.stop() == 130
        unmount(stick)


STICK, ROOT = Place(disk=7, beneath=1), Place(disk=1, beneath=None)


def test_what_shows_instead_of_a_stick_is_left_alone(meeting, monkeypatch):
    """The same without mounting anything: which disk the folder lies on is made up."""
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    folder = meeting.root / "inbox"
    folder.mkdir()
    meeting.land("notes/a.md", "A\n")
    path = meeting.bundle("alice", "james")
    answers = [STICK, STICK]

    def place(_folder):
        here = answers.pop(0) if answers else ROOT
        if here is ROOT and not answers:
            # Looked at, and nothing taken: put in again, with the file that is really there.
            assert meeting.number("james") == 1
            answers.extend([STICK] * 50)
        return here

    found = watch_inbox(lambda: meeting.ws("james"), folder, place)
    assert next(found) == Present(folder, present=True)
    answers[:] = [ROOT, ROOT, ROOT, ROOT]
    shutil.copy(path, folder)
    assert next(found) == Present(folder, present=False)
    assert next(found) == Present(folder, present=True)
    arrived = next(found)
    assert isinstance(arrived, Arrived)
    assert arrived.taken.outcome == "imported"
    found.close()


def test_where_a_folder_lies(tmp_path, mounted):
    here = place_of(tmp_path)
    stick = mounted("tmpfs")
    (stick / "deep" / "er").mkdir(parents=True)
    there = place_of(stick / "deep" / "er")
    assert there == place_of(stick)
    assert (there.beneath, here.disk) == (here.disk, tmp_path.stat().st_dev)
    (tmp_path / "link").symlink_to(stick)
    assert place_of(tmp_path / "link") == there


def test_dates_that_stand_still_for_two_seconds(meeting):
    """FAT's dates: a file of its full size that is filled within them looks finished."""
    folder = meeting.root / "inbox"
    folder.mkdir()
    meeting.land("notes/a.md", "A\n")
    data = meeting.bundle("alice", "james").read_bytes()
    path = folder / "copy.bundle"

    def written(content):
        path.write_bytes(content)
        os.utime(path, (meeting.clock.now() // 2 * 2,) * 2)

    inbox = Inbox(lambda: meeting.ws("james"), folder)
    written(data[:-100] + bytes(100))
    assert inbox.look() == []
    meeting.clock.tick(1)
    assert inbox.look() == []
    written(data)
    (arrived,) = inbox.look()
    assert arrived.taken.outcome == "imported"
    written(data[:-100] + bytes(100))
    meeting.clock.tick(4)
    written(data[:-100] + bytes(100))
    assert inbox.look() == []
    meeting.clock.tick(module.SETTLED_SECONDS)
    (rejected,) = inbox.look()
    assert isinstance(rejected, Rejected)
    meeting.clock.tick(4)
    assert inbox.look() == []
