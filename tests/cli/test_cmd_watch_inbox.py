"""``gitsync watch --inbox`` as a real process: files that arrive slowly, sticks that go away."""

from __future__ import annotations

import json
import os
import shutil
import signal

import pytest

from tests.cli.conftest import read_document
from tests.cli.test_cmd_watch import Watched


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
