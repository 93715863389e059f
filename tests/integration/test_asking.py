"""Asking git without ``subprocess``: what it says, how it ends, and that nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gitsync.domain.errors import EnvironmentFault
from gitsync.storage import gitcli
from gitsync.storage.asking import Asked
from gitsync.storage.effects import observed
from gitsync.storage.gitenv import environment


@pytest.fixture
def repo(tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    return tmp_path


def descriptors():
    return {one.name for one in Path("/proc/self/fd").iterdir()}


def test_it_answers_with_code_output_and_complaints(repo):
    before = descriptors()
    one = Asked(["rev-parse", "--git-dir"], str(repo), environment())
    assert one.answer() == (0, b".git\n", b"")
    code, out, err = Asked(["rev-parse", "HEAD^9"], str(repo), environment()).answer()
    assert (code, out) == (128, b"HEAD^9\n")
    assert b"fatal" in err
    assert descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(one.pid, os.WNOHANG)


def test_much_on_both_pipes_stops_neither(repo):
    """More than a pipe holds, of complaints as of output."""
    tool = repo / "git-loud"
    tool.write_text("#!/bin/sh\nfor i in $(seq 20000); do echo out $i; echo err $i >&2; done\n")
    tool.chmod(0o755)
    env = environment() | {"PATH": f"{repo}:{os.environ['PATH']}"}
    code, out, err = Asked(["loud"], str(repo), env).answer()
    assert (code, out.count(b"\n"), err.count(b"\n")) == (0, 20_000, 20_000)


def slow(repo):
    tool = repo / "git-slow"
    tool.write_text("#!/bin/sh\nexec sleep 60\n")
    tool.chmod(0o755)
    return Asked(["slow"], str(repo), environment() | {"PATH": f"{repo}:{os.environ['PATH']}"},
                 apart=True)  # fmt: skip


def test_one_that_nobody_waits_for_is_ended(repo):
    before = descriptors()
    one = slow(repo)
    assert one.running
    one.cancel()
    one.cancel()
    assert one.ended
    assert not one.running
    assert descriptors() == before
    with pytest.raises(ChildProcessError):
        os.waitpid(one.pid, os.WNOHANG)


def test_ctrl_c_while_waiting_ends_it_too(repo):
    one = slow(repo)
    # It is in a session of its own, so the terminal would not tell it.
    assert os.getsid(one.pid) == one.pid
    me = threading.get_native_id()
    threading.Timer(0.3, lambda: os.kill(me, signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        one.answer()
    assert one.ended


def test_without_a_git_or_a_folder_that_is_said(repo, monkeypatch):
    before = descriptors()
    with pytest.raises(EnvironmentFault) as caught:
        gitcli.run(["rev-parse", "HEAD"], cwd=repo / "none")
    assert caught.value.code == "folder.missing"
    monkeypatch.setenv("PATH", str(repo))
    with pytest.raises(EnvironmentFault) as caught:
        gitcli.run(["rev-parse", "HEAD"], cwd=repo)
    assert caught.value.code == "git.missing"
    assert descriptors() == before


def test_a_git_that_ctrl_c_stopped_stops_us(repo, monkeypatch):
    tool = repo / "git"
    tool.write_text("#!/bin/sh\nkill -INT $$\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{repo}:/usr/bin:/bin")
    with pytest.raises(KeyboardInterrupt):
        gitcli.run(["rev-parse", "HEAD"], cwd=repo)


def test_it_is_an_effect_that_is_observed(repo):
    seen = []
    with observed(lambda effect, act: seen.append(effect.kind) or act()):
        gitcli.run(["rev-parse", "--git-dir"], cwd=repo)
        gitcli.run(["config", "--list"], cwd=repo)
        gitcli.run(["config", "a.b", "c"], cwd=repo)
    assert seen == ["ask", "ask", "git"]


def test_a_list_loads_neither_subprocess_nor_libgit2(ledger):
    """What takes long to import is not imported for a table; nor before git has been started."""
    folder = ledger.ws("james").repo.work_tree
    code = (
        "import sys, os, gitsync.cli.main as m\n"
        "import gitsync.storage.workscan as w\n"
        "late = {'typing', 'subprocess', 'dataclasses', 'gitsync.storage.effects'}\n"
        "early = late & set(sys.modules)\n"
        "os._exit = lambda code: print(sorted(early), code,\n"
        "    sorted({'subprocess', 'pygit2', 'nacl'} & set(sys.modules)))\n"
        "sys.argv = ['gitsync', 'list']\n"
        "m.entry()\n"
    )
    env = {**os.environ, "HOME": str(folder), "XDG_STATE_HOME": str(folder.parent / "state")}
    for _ in range(2):
        time.sleep(0.01)
        run = subprocess.run([sys.executable, "-I", "-c", code], cwd=folder, env=env, check=True,
                             capture_output=True, text=True)  # fmt: skip
    assert run.stdout.splitlines()[-1] == "[] 0 []", run.stdout + run.stderr
