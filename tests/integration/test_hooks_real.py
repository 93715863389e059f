"""Beside the real husky and the real pre-commit framework, as they install themselves.

``test_hooks_places`` has the same shapes made by hand, for machines without these.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gitsync.services.clonehooks import install, status, uninstall
from tests.integration.hookkit import Clone, text

ROOT = Path(__file__).parents[2]
SECONDS = 120


def run(*args: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        args, cwd=cwd, env={**os.environ, **env}, capture_output=True, text=True, timeout=SECONDS,
        check=False,
    )  # fmt: skip


@pytest.fixture
def clone(ledger):
    found = Clone(ledger, hooks=False)
    found.land("plans/a.md", text(), "a")
    return found


def repo(clone):
    return clone.ledger.ws(clone.name).repo


def both_run(clone, log: Path) -> None:
    log.unlink(missing_ok=True)
    clone.stage("plans/a.md", text(status="approved"))
    clone.refused("commit", "-m", "Too fast", code="schema.transition")
    assert log.exists(), "the other hook has not run"
    clone.stage("plans/a.md", text(body=f"{log.stat().st_mtime_ns}"))
    clone.ok("commit", "-q", "-m", "Sound")


# -- husky -----------------------------------------------------------------------------------


@pytest.fixture
def husky(clone, isolated):
    """husky in the work tree, installed by npm: returns what runs ``npm run prepare``."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    (clone.root / "package.json").write_text(json.dumps({"private": True}))
    done = run("npm", "install", "--silent", "--no-fund", "husky@9", cwd=clone.root)
    if done.returncode != 0:
        pytest.skip(f"npm cannot install husky here: {done.stderr.strip()[-200:]}")
    return lambda: run("npx", "--no-install", "husky", cwd=clone.root)


def test_husky_and_ours(clone, husky, tmp_path):
    log = tmp_path / "log"
    assert husky().returncode == 0
    assert clone.ok("config", "core.hooksPath").out.startswith(".husky/_")
    (clone.root / ".husky/pre-commit").write_text(f"echo husky >>'{log}'\n")
    config = (clone.root / ".git/config").read_bytes()
    assert install(repo(clone)).complete
    both_run(clone, log)
    assert husky().returncode == 0  # as each "npm install" does
    assert status(repo(clone)).complete
    both_run(clone, log)
    (clone.root / ".husky/pre-commit").write_text("exit 9\n")
    clone.stage("notes/n.md", "x\n")
    done = clone.git("commit", "-m", "Husky says no")
    assert done.code != 0
    assert "husky" in done.err
    uninstall(repo(clone))
    assert (clone.root / ".git/config").read_bytes() == config


def test_husky_after_ours(clone, husky, tmp_path):
    log = tmp_path / "log"
    install(repo(clone))
    assert husky().returncode == 0
    (clone.root / ".husky/pre-commit").write_text(f"echo husky >>'{log}'\n")
    assert not status(repo(clone)).complete
    assert install(repo(clone)).complete
    both_run(clone, log)


# -- the pre-commit framework ----------------------------------------------------------------


@pytest.fixture
def framework(clone, isolated, tmp_path):
    """The framework with one hook of its own that needs nothing from elsewhere."""
    config = {
        "repos": [
            {
                "repo": "local",
                "hooks": [
                    {
                        "id": "log", "name": "log", "language": "system", "always_run": True,
                        "entry": f"touch '{tmp_path / 'log'}'", "pass_filenames": False,
                    }
                ],
            }
        ]
    }  # fmt: skip
    (clone.root / ".pre-commit-config.yaml").write_text(json.dumps(config))

    def call(*args: str) -> None:
        done = run(
            sys.executable, "-m", "pre_commit", *args, cwd=clone.root,
            PRE_COMMIT_HOME=str(isolated / "pre-commit"),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    return call


@pytest.mark.parametrize("ours_first", [True, False])
def test_the_framework_and_ours(clone, framework, tmp_path, ours_first):
    if ours_first:
        install(repo(clone))
        framework("install")
    else:
        framework("install")
        kept = (clone.hooks / "pre-commit").read_bytes()
        install(repo(clone))
    assert status(repo(clone)).complete
    both_run(clone, tmp_path / "log")
    uninstall(repo(clone))
    if not ours_first:
        assert (clone.hooks / "pre-commit").read_bytes() == kept
    (tmp_path / "log").unlink()
    clone.stage("plans/a.md", text(status="approved"))
    clone.ok("commit", "-q", "-m", "Only the framework looks")
    assert (tmp_path / "log").exists()


def test_the_manifest_is_one_that_the_framework_takes(clone, framework):
    framework("validate-manifest", str(ROOT / ".pre-commit-hooks.yaml"))


STAGES = ("pre-commit", "commit-msg", "pre-push")


def test_the_hooks_of_the_manifest_run_under_the_framework(clone, framework):
    """As the manifest has them, in this Python instead of one that the framework would make."""
    from ruamel.yaml import YAML

    hooks = YAML(typ="safe").load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert [one["stages"] for one in hooks] == [[stage] for stage in STAGES]
    for one in hooks:
        one["language"] = "system"
        one["entry"] = one["entry"].replace("python ", f"'{sys.executable}' ", 1)
    config = {"repos": [{"repo": "local", "hooks": hooks}]}
    (clone.root / ".pre-commit-config.yaml").write_text(json.dumps(config))
    framework("install", *(word for stage in STAGES for word in ("--hook-type", stage)))

    def no(*args: str, code: str) -> None:
        done = clone.git(*args)
        assert done.code != 0
        assert f"({code})" in " ".join((done.out + done.err).split()), done.out + done.err

    clone.stage("plans/a.md", text(status="approved"))
    no("commit", "-m", "Too fast", code="schema.transition")
    clone.stage("plans/a.md", text(body="two"))
    no("commit", "-m", "Sound", "-m", "After: b", code="trailer.malformed")
    clone.ok("commit", "-q", "-m", "Sound")
    no("push", "origin", "HEAD:refs/heads/proposals/carol/n", code="proposal.not-yours")
    clone.ok("push", "-q", "origin", "HEAD:refs/heads/proposals/james/n")
