"""Commands that read a handful of objects do so without loading libgit2, which takes longer."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PLAN = "---\nid: plan-bbbbbb\ntype: plan\ntitle: A\nstatus: draft\nowner: james\n---\n"
RUN = (
    "import sys\nfrom gitsync.cli.main import run\n"
    "code = run(sys.argv[1:])\n"
    "print(code, 'pygit2' in sys.modules, file=sys.stderr)\n"
)


@pytest.fixture
def packed(ledger):
    """james's clone with one plan in its ledger, all of it packed."""
    ledger.propose("james", "plans/plan-bbbbbb-a.md", PLAN, "a")
    ledger.witness()
    ledger.pull("james")
    here = ledger.folder("james")
    subprocess.run(["git", "gc", "-q", "--prune=now"], cwd=here, check=True)
    return here


@pytest.mark.parametrize(
    "line",
    ["show plan-bbbbbb", "new plan B", "state plan-bbbbbb committed", "verify", "log plan-bbbbbb",
     "diff common@1..common@2", "proposals", "lock list", "pull"],
)  # fmt: skip
def test_it_is_spared(packed, line):
    done = subprocess.run(
        [sys.executable, "-c", RUN, *line.split()],
        cwd=packed, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr.splitlines()[-1] == "0 False", done.stderr


def test_no_process_is_left_behind(ledger, packed):
    before = _children()
    assert ledger.cli("james", "log", "plan-bbbbbb").code == 0
    assert ledger.cli("james", "log", "plan-none").code != 0
    assert _children() == before


def test_a_command_that_lasts_gathers_no_processes(ledger, packed, monkeypatch):
    from gitsync.services import watch as watching
    from gitsync.services import witnessing

    gits = []

    def opens_often(*given):
        opened = next(one for one in given if callable(one))
        for _ in range(3):
            ws = opened()
            ws.facts.store.read(ws.verified().commit)
            gits.append(len(_children() - before))
        yield from ()

    monkeypatch.setattr(witnessing, "watch", opens_often)
    monkeypatch.setattr(watching, "watch", opens_often)
    subprocess.run(["git", "gc", "-q"], cwd=ledger.folder("alice"), check=True)
    before = _children()
    for who, line in (("alice", ["witness", "run", "--watch"]), ("james", ["watch"])):
        assert ledger.cli(who, *line).code == 0
    assert gits == [0] * 6


def _children() -> set[str]:
    listed = subprocess.run(["ps", "-eo", "ppid=,pid=,args="], capture_output=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.decode().splitlines()]
    mine = str(os.getpid())
    return {pid for parent, pid, args in rows if parent == mine and "cat-file" in args}
