"""Refs created in packed-refs are stock git's refs, whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from gitsync.domain.errors import EnvironmentFault
from gitsync.storage import gitcli
from gitsync.storage.packedrefs import create_packed
from gitsync.storage.refs import Refs, RefsMovedError, RefUpdate


@pytest.fixture
def repo(tmp_path):
    """A bare repository with two commits and an annotated tag object."""
    path = tmp_path / "r.git"
    gitcli.run(["init", "-q", "--bare", str(path)])
    tree = gitcli.run(["hash-object", "-w", "-t", "tree", "--stdin"], cwd=path, stdin=b"")
    who = ["-c", "user.name=t", "-c", "user.email=t@x.invalid"]
    commits = [
        gitcli.text([*who, "commit-tree", tree.out.decode().strip(), "-m", str(n)], cwd=path)
        for n in range(2)
    ]
    gitcli.run([*who, "tag", "-a", "-m", "x", "common@1", commits[0]], cwd=path)
    tag = gitcli.text(["rev-parse", "refs/tags/common@1"], cwd=path)
    return path, commits, tag


def listed(path):
    return Refs(path).list("refs/")


def test_stock_git_sees_peels_and_packs_what_was_created(repo):
    path, commits, tag = repo
    refs = {f"refs/tags/space@{n}": (tag, commits[0]) for n in range(1, 1200)}
    refs["refs/heads/plain"] = (commits[1], None)
    create_packed(path, refs)
    found = listed(path)
    assert len(found) == 1201
    assert found["refs/tags/space@77"] == tag
    assert gitcli.text(["rev-parse", "space@77^{commit}"], cwd=path) == commits[0]
    assert gitcli.text(["rev-parse", "plain"], cwd=path) == commits[1]
    before = (path / "packed-refs").read_bytes()
    gitcli.run(["fsck", "--strict"], cwd=path)
    # Git's own rewrite changes nothing but the tag that was loose.
    gitcli.run(["pack-refs", "--all"], cwd=path)
    after = (
        (path / "packed-refs")
        .read_bytes()
        .replace(f"{tag} refs/tags/common@1\n^{commits[0]}\n".encode(), b"")
    )
    assert after == before


def test_the_same_value_is_fine_and_another_is_refused_whole(repo):
    path, commits, tag = repo
    create_packed(path, {"refs/tags/a@1": (tag, commits[0])})
    create_packed(
        path, {"refs/tags/a@1": (tag, commits[0]), "refs/tags/common@1": (tag, commits[0])}
    )
    before = (path / "packed-refs").read_bytes()
    for ref in ("refs/tags/a@1", "refs/tags/common@1"):
        with pytest.raises(RefsMovedError):
            create_packed(path, {"refs/tags/new": (tag, commits[0]), ref: (commits[1], None)})
    assert (path / "packed-refs").read_bytes() == before
    assert "refs/tags/new" not in listed(path)
    assert not (path / "packed-refs.lock").exists()


def test_a_ref_in_the_way_is_refused(repo):
    path, commits, _ = repo
    Refs(path).transact([RefUpdate("refs/heads/people/x", commits[0], None)], message="t")
    with pytest.raises(RefsMovedError):
        create_packed(path, {"refs/heads/people": (commits[0], None)})
    create_packed(path, {"refs/heads/one": (commits[0], None)})
    with pytest.raises(RefsMovedError):
        create_packed(path, {"refs/heads/one/two": (commits[0], None)})


def test_gits_own_lock_keeps_us_out(repo):
    path, commits, _ = repo
    (path / "packed-refs.lock").touch()
    with pytest.raises(RefsMovedError) as caught:
        create_packed(path, {"refs/heads/one": (commits[0], None)})
    assert caught.value.code == "ref.locked"
    assert (path / "packed-refs.lock").exists()


@pytest.mark.parametrize("cut", [1, 20, 70])
def test_a_torn_file_is_named_and_left_alone(repo, cut):
    path, commits, tag = repo
    create_packed(path, {"refs/heads/one": (commits[0], None), "refs/tags/t": (tag, commits[0])})
    data = (path / "packed-refs").read_bytes()[:-cut]
    (path / "packed-refs").write_bytes(data)
    with pytest.raises(EnvironmentFault):
        create_packed(path, {"refs/heads/two": (commits[0], None)})
    assert (path / "packed-refs").read_bytes() == data


def test_a_kill_in_the_middle_leaves_the_old_file(repo):
    path, commits, _ = repo
    create_packed(path, {"refs/heads/one": (commits[0], None)})
    before = (path / "packed-refs").read_bytes()
    child = os.fork()
    if child == 0:  # pragma: no cover - killed
        os.fsync = lambda _fd: os.kill(os.getpid(), signal.SIGKILL)
        create_packed(path, {"refs/heads/two": (commits[0], None)})
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert (path / "packed-refs").read_bytes() == before
    assert (
        subprocess.run(
            ["git", "rev-parse", "one"], cwd=path, check=False, capture_output=True
        ).returncode
        == 0
    )
