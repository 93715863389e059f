"""The founding story with the git that is installed, and with another one beside it.

``GITSYNC_OTHER_GIT=/path/to/git`` names the other: everything that gitsync starts then finds that
one first, and the git on PATH reads and checks what came of it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import write_key

OTHER = "GITSYNC_OTHER_GIT"


# Read now: a test's own environment has none of our variables.
_GIVEN = os.environ.get(OTHER)


def other_git() -> Path | None:
    return Path(_GIVEN).absolute() if _GIVEN else None


@pytest.fixture(params=["installed", "other"])
def path(request, tmp_path) -> str:
    """PATH with the git of this run first."""
    if request.param == "installed":
        return os.environ["PATH"]
    other = other_git()
    if other is None:
        pytest.skip(f"{OTHER} names no other git")
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "git").symlink_to(other)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


class Story:
    """Runs commands of gitsync and of git with a PATH of its own."""

    def __init__(self, root: Path, path: str) -> None:
        self.root = root
        self.env = {**os.environ, "PATH": path}

    def git(self, folder: str, *args: str, ours: bool = True) -> str:
        return self._run(["git", *args], folder, self.env if ours else dict(os.environ))

    def sync(self, folder: str, *args: str, code: int = 0) -> str:
        command = "import sys; from gitsync.cli.main import entry; sys.argv[0] = 'gitsync'; entry()"
        return self._run([sys.executable, "-c", command, *args], folder, self.env, code)

    def _run(self, command: list[str], folder: str, env: dict[str, str], code: int = 0) -> str:
        done = subprocess.run(
            command, cwd=self.root / folder, env=env, capture_output=True, text=True, check=False,
            timeout=120,
        )  # fmt: skip
        assert done.returncode == code, f"{command[-4:]}: {done.stdout}{done.stderr}"
        return done.stdout.rstrip("\n")


def test_init_join_propose_witness_pull_verify(tmp_path, path):
    story = Story(tmp_path, path)
    for name in ("alice", "james"):
        write_key(tmp_path / "keys", name)
    keys = tmp_path / "keys"
    story.git(".", "init", "-q", "--bare", "hub.git")
    (tmp_path / "alice").mkdir()
    story.sync(
        "alice", "init", "--name", "alice", "--remote", "../hub.git", "--key",
        str(keys / "alice.key"), "--member", f"james={keys / 'james.key.pub'}",
    )  # fmt: skip
    story.sync(".", "join", "hub.git", "james", "--name", "james", "--key", str(keys / "james.key"))
    (tmp_path / "james/notes.md").write_text("A note\n")
    story.sync("james", "propose", "-m", "Add a note")
    story.sync("alice", "witness", "run")
    story.sync("james", "pull")
    story.sync("james", "verify", "--full")
    story.sync("james", "snapshot", "-m", "mine")
    story.sync("james", "push")
    # Both gits read, check and verify all of it.
    signers = str(tmp_path / "james/.git/gitsync/allowed_signers")
    for ours in (True, False):
        assert story.git("hub.git", "fsck", "--strict", ours=ours) == ""
        verify = ["-c", f"gpg.ssh.allowedSignersFile={signers}"]
        story.git("hub.git", *verify, "verify-commit", "common", ours=ours)
        story.git("hub.git", *verify, "verify-tag", "common@1", "common@2", ours=ours)
        assert story.git("james", "show", "common@2:notes.md", ours=ours) == "A note"
        assert story.git("james", "status", "--porcelain", ours=ours) == ""
        packs = list((tmp_path / "alice/.git/objects/pack").glob("*.idx"))
        assert packs
        for pack in packs:
            story.git("alice", "verify-pack", str(pack), ours=ours)


def test_packed_refs_of_ours_are_everybodys(tmp_path, path):
    from gitsync.storage.packedrefs import create_packed

    story = Story(tmp_path, path)
    story.git(".", "init", "-q", "r")
    who = ["-c", "user.name=x", "-c", "user.email=x@x.invalid"]
    story.git("r", *who, "commit", "-q", "--allow-empty", "-m", "x")
    story.git("r", *who, "tag", "-a", "-m", "t", "first")
    commit, tag = story.git("r", "rev-parse", "HEAD"), story.git("r", "rev-parse", "first")
    refs = {f"refs/tags/s@{n}": (tag, commit) for n in range(1, 300)}
    create_packed(tmp_path / "r/.git", refs)
    before = (tmp_path / "r/.git/packed-refs").read_bytes()
    for ours in (True, False):
        assert len(story.git("r", "tag", "--list", "s@*", ours=ours).splitlines()) == 299
        assert story.git("r", "rev-parse", "s@42^{}", ours=ours) == commit
        listed = story.git("r", "show-ref", "-d", "s@42", ours=ours)
        assert listed.endswith(f"{commit} refs/tags/s@42^{{}}")
    story.git("r", "pack-refs", "--all")
    after = (tmp_path / "r/.git/packed-refs").read_bytes()
    assert set(before.splitlines()) <= set(after.splitlines())
    assert story.git("r", "rev-parse", "s@299") == tag


def test_the_other_git_is_another_one(path):
    other = other_git()
    if other is None or path == os.environ["PATH"]:
        assert shutil.which("git")
        return
    said = [
        subprocess.run([git, "version"], capture_output=True, text=True, check=True).stdout
        for git in ("git", str(other))
    ]
    assert said[0] != said[1], "GITSYNC_OTHER_GIT is the git that is installed"
