"""Repositories of a kind that cannot be read: every command refuses, and touches nothing."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from gitsync.cli.table import COMMANDS
from tests.conftest import run_cli
from tests.integration.ledgerkit import git
from tests.interop.test_whole_story import OTHER, other_git

if TYPE_CHECKING:
    from pathlib import Path

# What each command needs to get as far as the repository.
ARGUMENTS = {
    "approve": ["x"], "completion": ["bash"], "help": [], "init": ["--name", "alice"],
    "join": ["URL", "--name", "dora", "--path", "plans"], "new": ["plan", "A title"],
    "pin": ["common@1"], "propose": ["-m", "x"], "receipt": ["x"], "roster": ["list"],
    "show": ["plan-x"], "snapshot": ["-m", "x"], "withdraw": ["x"], "id": ["show"],
    "witness": ["run"], "export": ["common@1", "--to", "../out"], "state": ["x", "y"],
    "hooks": ["status"], "claim": ["x"], "trace": ["x"], "lock": ["list"],
    "bundle": ["create", "../out.bundle"],
}  # fmt: skip
# These answer without a repository, or about files alone; the doctor has tests of its own.
WITHOUT = frozenset({"completion", "help", "id", "lint", "fmt", "import", "doctor"})


def _sha256(folder: Path, _: Path) -> str:
    git(folder.parent, "init", "-q", "--object-format=sha256", folder.name)
    return "repo.unsupported"


def _shallow(folder: Path, source: Path) -> str:
    git(folder.parent, "clone", "-q", "--depth=1", f"file://{source}", folder.name)
    return "repo.shallow"


def _partial(folder: Path, source: Path) -> str:
    git(source, "config", "uploadpack.allowFilter", "true")
    git(folder.parent, "clone", "-q", "--filter=blob:none", f"file://{source}", folder.name)
    return "repo.unsupported"


def _reftable(folder: Path, _: Path) -> str:
    other = other_git()
    if other is None:
        pytest.skip(f"{OTHER} names no newer git, which could make one")
    args = [str(other), "init", "-q", "--ref-format=reftable", str(folder)]
    done = subprocess.run(args, capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("this git knows no reftable")
    return "repo.unsupported"


KINDS = {"sha256": _sha256, "shallow": _shallow, "partial": _partial, "reftable": _reftable}


def contents(folder: Path) -> dict[str, str]:
    """Every file, folder and link below a folder with its content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_every_command_refuses_and_touches_nothing(make_host, ledger, tmp_path, kind):
    # Two commits, so that a clone of depth one is shallow.
    ledger.propose("alice", "notes/a.md", "A\n", "a")
    ledger.witness()
    git(ledger.hub, "symbolic-ref", "HEAD", "refs/heads/common")
    folder = tmp_path / "odd"
    code = KINDS[kind](folder, ledger.hub)
    before = contents(folder)
    hub = contents(ledger.hub)
    key = str(ledger.key("alice"))
    asked = 0
    for name in COMMANDS:
        if name in WITHOUT:
            continue
        args = [one.replace("URL", str(ledger.hub)) for one in ARGUMENTS.get(name, [])]
        ran = run_cli(make_host(folder), name, *args, env={"GITSYNC_KEY": key})
        assert contents(folder) == before, f"{name} changed something"
        assert ran.code == 3, f"{name}: {ran.code} {ran.out}{ran.err}"
        assert "cannot read" in ran.err or "shallow" in ran.err, f"{name}: {ran.err}"
        asked += 1
    assert asked > 12, code
    assert contents(ledger.hub) == hub
    shutil.rmtree(folder)


def test_a_shallow_home_is_refused_by_whoever_verifies(make_host, ledger, tmp_path):
    """A clone may be whole and its remote shallow: then the remote lacks history, and says so."""
    ledger.propose("alice", "notes/a.md", "A\n", "a")
    ledger.witness()
    git(ledger.hub, "symbolic-ref", "HEAD", "refs/heads/common")
    git(tmp_path, "clone", "-q", "--bare", "--depth=1", f"file://{ledger.hub}", "cut.git")
    ran = run_cli(make_host(tmp_path), "join", "cut.git", "dora", "--name", "dora",
                  "--key", str(ledger.key("dora")))  # fmt: skip
    assert ran.code in (1, 3), ran.err
    assert not (tmp_path / "dora").exists()
