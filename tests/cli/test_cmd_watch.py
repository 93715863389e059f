"""``gitsync watch`` as a real process: what is saved here, and what happens elsewhere."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
import time

import pytest

from gitsync.storage.watching import FileWatch, is_temporary
from tests.cli.conftest import read_document
from tests.integration.ledgerkit import plan

SECONDS = 60


class Watched:
    """A running watch and its lines as they come."""

    def __init__(self, folder, *args: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gitsync", "watch", *args], cwd=folder, env=dict(os.environ),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        assert "Ctrl-C stops" in self.process.stderr.readline()

    def _read(self) -> None:
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def until(self, text: str) -> str:
        end = time.monotonic() + SECONDS
        seen = []
        while time.monotonic() < end:
            try:
                seen.append(self.lines.get(timeout=0.2))
            except queue.Empty:
                assert self.process.poll() is None, self.process.stderr.read()
                continue
            if text in seen[-1]:
                return seen[-1]
        raise AssertionError(f"{text!r} did not come: {seen}")

    def has_looked(self, folder) -> None:
        """Wait until the home was asked twice: what was there before is told, or never will be."""
        file = folder / ".git/gitsync/heard-origin"
        for _ in range(2):
            before = file.stat().st_mtime_ns if file.exists() else 0
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                if file.exists() and file.stat().st_mtime_ns != before:
                    break
                time.sleep(0.05)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=SECONDS)
        assert "Traceback" not in err
        return self.process.returncode


@pytest.fixture
def watched(ledger):
    running = []

    def start(*args: str) -> Watched:
        running.append(Watched(ledger.folder("james"), *args))
        return running[-1]

    yield start
    for one in running:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


def shared(ledger) -> None:
    ledger.propose("alice", "plans/p.md", plan().decode(), "p")
    ledger.witness()
    ledger.pull("james", "alice", "carol")


def work(ledger, status: str) -> None:
    ledger.clock.tick()
    ledger.write("alice", "plans/p.md", plan(status=status).decode())
    assert ledger.cli("alice", "snapshot", "-m", "On it").code == 0
    assert ledger.cli("alice", "push").code == 0


def test_what_others_work_on_and_what_lands_is_told_once(ledger, watched):
    shared(ledger)
    work(ledger, "draft\ntags: [a]")
    running = watched("--interval", "1s")
    running.has_looked(ledger.folder("james"))
    work(ledger, "committed")
    line = running.until("(alice@2)")
    assert line.endswith("plan-bbbbbb draft -> committed (alice@2)")
    assert ledger.cli("alice", "propose", "--slug", "commit", "-m", "Commit").code == 0
    ledger.witness()
    line = running.until("(common@3)")
    assert line.endswith("plan-bbbbbb draft -> committed (common@3)")
    running.has_looked(ledger.folder("james"))
    assert running.lines.empty()
    assert running.stop() == 130


def test_a_file_is_linted_when_it_is_saved(ledger, watched):
    shared(ledger)
    running = watched("--offline")
    file = ledger.folder("james") / "plans/p.md"
    file.with_name(".p.md.swp").write_text("x")
    file.write_bytes(plan(status="nonsense"))
    assert "plans/p.md" in running.until("nonsense")
    file.write_bytes(plan())
    running.until("plans/p.md is in order again")
    assert running.stop() == 130


def test_a_saved_file_without_a_fault_is_told_once_a_change(ledger, watched):
    shared(ledger)
    running = watched("--offline")
    folder = ledger.folder("james") / "plans"
    (folder / "p.md").write_bytes(plan(status="committed"))
    assert running.until("p.md").endswith("  plans/p.md fine")
    (folder / "p.md").chmod(0o600)  # the system tells of this, and nothing was saved
    (folder / "p.txt").write_text("no Markdown")
    (folder / "p.md").unlink()  # nothing is said of what was fine and is gone
    (folder / "q.md").write_bytes(plan("plan-bbbbbc", status="nonsense"))
    assert "nonsense" in running.lines.get(timeout=SECONDS)
    (folder / "q.md").unlink()
    assert running.lines.get(timeout=SECONDS).endswith("  plans/q.md was deleted")
    for number in range(7):
        (folder / f"{number}.md").write_text("Just text.\n")
    end = time.monotonic() + SECONDS
    told = 0
    while told < 7 and time.monotonic() < end:
        line = running.lines.get(timeout=SECONDS)
        assert line.endswith(" fine")
        told += int(line.split()[1]) if line.endswith(" files fine") else 1
    assert told == 7
    assert running.lines.empty()
    assert running.stop() == 130


def test_a_saved_file_without_a_fault_is_an_event_without_problems(ledger, watched):
    shared(ledger)
    running = watched("--offline", "--json")
    (ledger.folder("james") / "plans/p.md").write_bytes(plan(status="committed"))
    found = read_document(running.until("p.md"), "watch")
    assert (found["event"], found["path"], found["problems"]) == ("file", "plans/p.md", [])
    assert running.stop() == 130


def test_a_home_that_is_away_is_said_once_and_events_are_documents(ledger, watched):
    shared(ledger)
    running = watched("--interval", "1s", "--json")
    ledger.hub.rename(ledger.root / "away.git")
    found = read_document(running.until("remote.unreachable"), "watch")
    assert found["event"] == "trouble"
    time.sleep(3)
    assert running.lines.empty()
    (ledger.root / "away.git").rename(ledger.hub)
    work(ledger, "committed")
    found = read_document(running.until("committed"), "watch")
    assert (found["event"], found["id"], found["position"]) == ("change", "plan-bbbbbb", "alice@1")
    assert {"field": "status", "before": "draft", "after": "committed"} in found["fields"]


def test_a_branch_that_is_signed_by_somebody_else_is_no_news(ledger, watched):
    from tests.integration.ledgerkit import Hand

    shared(ledger)
    running = watched("--interval", "1s")
    running.has_looked(ledger.folder("james"))
    hand = Hand(ledger)
    hand.put("refs/heads/people/alice", hand.change("carol", {"plans/p.md": plan(status="x")}))
    assert "signed by carol" in running.until("alice's branch")


@pytest.mark.parametrize("polling", [False, True])
def test_a_burst_is_told_as_one(tmp_path, polling):
    with FileWatch(tmp_path, polling=polling) as watch:
        assert watch.wait(0) == frozenset()
        for number in range(5):
            (tmp_path / f"{number}.md").write_text("x")
        (tmp_path / "4913").write_text("x")
        found = watch.wait(20)
        while len(found) < 5:
            found |= watch.wait(5)
        assert found == {f"{number}.md" for number in range(5)}


@pytest.mark.parametrize("name", ["a.md~", ".a.md.swp", "#a.md#", ".#a.md", "4913", "tmp_x"])
def test_names_of_editors_files(name):
    assert is_temporary(name)
    assert not is_temporary("plan-k7x2mq-tmp_notes.md")


def test_an_interval_of_nothing_is_refused(ledger):
    ran = ledger.cli("james", "watch", "--interval", "0")
    assert (ran.code, "--interval takes at least a second" in ran.err) == (2, True)
