"""Many real processes at one locks ref: everybody gets a turn, and nobody gets another's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections import Counter

import pytest

from gitsync.domain.names import LOCKS_REF
from tests.integration.ledgerkit import Hand, check, git, plan

PROCESSES = 12
RUNNER = """
import json, os, sys, time
from pathlib import Path
from gitsync.domain.errors import RefusedError
from gitsync.services.host import Host
from gitsync.services.leasing.taking import TakeOptions, acquire, release
from gitsync.services.workspace import Workspace
folder, start, what = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
host = Host(cwd=folder, env=os.environ, home=Path(os.environ["HOME"]), now=time.time,
            random=os.urandom, sleep=time.sleep, monotonic=time.monotonic)
ws = Workspace.open(host)
print("ready", flush=True)
while not os.path.exists(start):
    time.sleep(0.001)
try:
    query = what.removeprefix("next ") if what.startswith("next ") else None
    subjects = () if query is not None else (what,)
    taken = acquire(ws, TakeOptions(subjects, query))
    print(json.dumps([taken.lease.token, taken.lease.members]), flush=True)
except RefusedError as error:
    print(json.dumps([error.code, []]), flush=True)
"""


@pytest.fixture
def clones(ledger):
    """A clone each for that many agents of James's, all of one ledger with as many artifacts."""
    hand = Hand(ledger)
    files = {
        f"plans/{number}.md": plan(f"plan-{'bcdfghjkmnpq'[number] * 6}")
        for number in range(PROCESSES)
    }
    hand.propose("alice/plans", hand.change("alice", files))
    ledger.witness()
    ledger.pull("james")
    made = []
    for number in range(PROCESSES):
        folder = ledger.root / f"agent{number}"
        shutil.copytree(ledger.folder("james"), folder, symlinks=True)
        git(folder, "config", "gitsync.domain", f"james.agent{number}")
        made.append(folder)
    return made


def race(ledger, clones, tmp_path, what: list[str]) -> list[list[object]]:
    """All of them at once; what each of them says."""
    start = tmp_path / "start"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", RUNNER, str(folder), str(start), one],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ),
        )
        for folder, one in zip(clones, what, strict=True)
    ]  # fmt: skip
    for process in running:
        assert process.stdout.readline() == "ready\n", process.stderr.read()
    start.touch()
    said = []
    for process in running:
        out, err = process.communicate(timeout=240)
        assert process.returncode == 0, err
        said.append(json.loads(out))
    return said


def acts(ledger) -> int:
    kinds = git(ledger.hub, "log", "--format=%(trailers:key=Gitsync-Kind,valueonly)", LOCKS_REF)
    return Counter(kinds.split())["lease"]


def test_of_many_who_want_one_artifact_one_gets_it(ledger, clones, tmp_path):
    said = race(ledger, clones, tmp_path, ["plan-bbbbbb"] * PROCESSES)
    assert Counter(str(one[0]) for one in said) == {"1": 1, "lease.held": PROCESSES - 1}
    locks = Hand(ledger).locks()
    assert (acts(ledger), locks.token, len(locks.live())) == (1, 1, 1)
    check(ledger)


def test_of_many_who_want_some_work_each_gets_another_piece_of_it(ledger, clones, tmp_path):
    said = race(ledger, clones, tmp_path, ["next type:plan"] * PROCESSES)
    assert sorted(one[0] for one in said) == list(range(1, PROCESSES + 1))
    assert len({one[1][0] for one in said}) == PROCESSES
    # Commits on the ref are successes: nobody's act was overwritten or made twice.
    assert acts(ledger) == PROCESSES
    check(ledger)
