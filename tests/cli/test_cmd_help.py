"""``gitsync help``, ``completion`` and ``--version``."""

from __future__ import annotations

import os
import subprocess
import sys

import gitsync


def test_help_of_a_command(tmp_path, cli):
    whole = cli(tmp_path, "help")
    assert whole.out == cli(tmp_path, "--help").out == cli(tmp_path).out
    assert cli(tmp_path, "help", "propose").out == cli(tmp_path, "propose", "--help").out
    assert (
        cli(tmp_path, "help", "roster", "admit").out == cli(tmp_path, "roster", "admit", "-h").out
    )
    assert cli(tmp_path, "roster").out == cli(tmp_path, "help", "roster").out
    ran = cli(tmp_path, "help", "propse")
    assert (ran.code, "did you mean: gitsync propose" in ran.err) == (2, True)


def test_version(tmp_path, cli):
    done = subprocess.run(
        [sys.executable, "-m", "gitsync", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"gitsync {gitsync.__version__}\n"
    assert cli(tmp_path, "-C", ".", "--version").out == done.stdout


def test_version_and_help_import_no_command_and_no_git_library():
    script = (
        "import sys; from gitsync.cli.main import run; run(['--help']); "
        "print([m for m in sys.modules if m.startswith(('pygit2', 'rich', 'nacl', 'ruamel',"
        " 'gitsync.services', 'gitsync.storage', 'gitsync.cli.commands.'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("\n['gitsync.services', 'gitsync.services.host']\n")
    script = (
        "import os, sys; sys.argv = ['gitsync', '--version']\n"
        "from gitsync.cli.main import entry\n"
        "leave = os._exit\n"
        "os._exit = lambda code: (print(code, {'click', 'typing'} & set(sys.modules),\n"
        "                               flush=True), leave(code))\n"
        "entry()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("\n0 set()\n")


def test_completion(tmp_path, cli):
    for shell in ("bash", "zsh", "fish"):
        assert "_GITSYNC_COMPLETE" in cli(tmp_path, "completion", shell).out
    assert cli(tmp_path, "completion", "tcsh").code == 2
    env = {
        **os.environ,
        "_GITSYNC_COMPLETE": "bash_complete",
        "COMP_WORDS": "gitsync pro",
        "COMP_CWORD": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "gitsync"], capture_output=True, text=True, env=env, check=False
    )
    assert done.stdout.split() == ["plain,propose", "plain,proposals"]


def completed(folder, *words):
    """What the shell would offer for the last of ``words``: (kind, value) pairs."""
    shell = {
        "_GITSYNC_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("gitsync", *words)),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [sys.executable, "-m", "gitsync"], cwd=folder, env={**os.environ, **shell},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == ""
    return [tuple(line.split(",")) for line in done.stdout.split()]


def test_completion_knows_what_is_in_the_ledger(ledger, document):
    found = document(ledger.cli("james", "new", "plan", "T", "--json").out, "new")
    ledger.cli("james", "propose", "-m", "A plan", "--slug", "mine")
    here = ledger.folder("james")
    assert completed(here, "show", "pl") == [("plain", found["id"])]
    assert completed(here, "new", "s") == [("plain", "story")]
    assert completed(here, "receipt", "m") == [("plain", "mine")]
    assert completed(here, "approve", "james/") == [("plain", "james/mine")]
    assert completed(here, "roster", "remove", "ja") == [("plain", "james")]
    assert completed(here, "help", "ro") == [("plain", "roster")]
    assert completed(here, "propose", "pl") == [("file", "pl")]


def test_completion_outside_a_ledger_is_silent(tmp_path):
    for words in (("show", "p"), ("approve", "a"), ("roster", "admit", "x")):
        assert completed(tmp_path, *words) == []


def test_json_may_stand_before_the_command(ledger, document):
    before, after = ledger.cli("james", "--json", "list"), ledger.cli("james", "list", "--json")
    assert before == after
    document(before.out, "list")
