"""``witness run --watch`` as a real process: it sees a plain push, and Ctrl-C ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

PATIENCE = 30


def wait_until(question, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if question():
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def told(tmp_path):
    """The file that the watching process writes to."""
    return tmp_path / "told"


@pytest.fixture
def watching(ledger, told):
    process = subprocess.Popen(
        [sys.executable, "-m", "gitsync", "witness", "run", "--watch"],
        cwd=ledger.folder("alice"),
        env=dict(os.environ),
        stdout=told.open("wb"),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    yield process
    if process.poll() is None:
        process.kill()
    process.communicate()


def test_a_proposal_that_arrives_is_decided_and_ctrl_c_ends_it(ledger, told, watching):
    hub = ledger.ws("alice").repo.remote("origin")
    ledger.propose("james", "notes/a.md", "A\n", "a")
    assert wait_until(lambda: "refs/tags/common@2" in hub.list("refs/tags/common@2"))
    # A second one, after it has gone to sleep: the notification wakes it, not the first round.
    ledger.propose("carol", "notes/b.md", "B\n", "b")
    assert wait_until(lambda: "refs/tags/common@3" in hub.list("refs/tags/common@3"))
    # What was done is told at once, also into a pipe or a file.
    assert wait_until(lambda: "common@2 -> common@3: 1 accepted" in told.read_text())
    os.killpg(watching.pid, signal.SIGINT)
    _, err = watching.communicate(timeout=PATIENCE)
    assert watching.returncode == 130
    assert b"Traceback" not in err
