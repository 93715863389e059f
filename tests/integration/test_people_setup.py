"""``init`` and ``join`` in places that are in use: clear refusals, and plain git beside them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gitsync.domain.errors import EnvironmentFault, GitsyncError, RefusedError, UsageError
from gitsync.services.founding import InitOptions, init
from gitsync.services.joining import JoinOptions, join
from gitsync.services.people import snapshot
from gitsync.services.pulling import pull
from gitsync.services.sending import push
from gitsync.services.status import status
from gitsync.services.workspace import Workspace
from tests.integration.peoplekit import git


@pytest.fixture
def found(make_host, make_key):
    def run(folder, **more):
        return init(
            make_host(folder), InitOptions(name="alice", key=str(make_key("alice")), **more)
        )

    return run


def repository(folder: Path, *options: str) -> Path:
    """A repository of code with one unsigned commit."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", *options)
    git(folder, "config", "user.name", "x")
    git(folder, "config", "user.email", "x@x")
    (folder / "code.py").write_text("print()\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "code")
    return folder


def listing(folder: Path) -> list[str]:
    """Every file of a repository with its size; refused commands leave it as it is."""
    return sorted(f"{one} {one.stat().st_size}" for one in folder.rglob("*") if one.is_file())


def odd_link(folder):
    (folder / "link.md").symlink_to("code.py")


def odd_name(folder):
    (folder / "two\nlines.md").write_text("x")


def odd_mode(folder):
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)


@pytest.mark.parametrize(
    ("make", "code"), [(odd_link, "path.mode"), (odd_mode, "path.mode"), (odd_name, "path.name")]
)
def test_the_founder_brings_no_file_that_nobody_else_may_bring(tmp_path, found, make, code):
    folder = repository(tmp_path / "a")
    make(folder)
    with pytest.raises(RefusedError) as caught:
        found(folder)
    assert caught.value.code == code
    assert git(folder, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert git(folder, "for-each-ref", "--format=%(refname)") == "refs/heads/main"
    assert git(folder, "config", "gitsync.domain", check=False) == ""


def test_init_takes_what_is_staged_and_leaves_main_alone(tmp_path, found):
    folder = repository(tmp_path / "a")
    main = git(folder, "rev-parse", "main")
    (folder / ".gitignore").write_text("*.local\n")
    for name in ("kept.local", "left.local", "-dash.md", "sp ace.md", "\u00e9.md"):
        (folder / name).write_text(f"{name}\r\n")
    git(folder, "config", "core.autocrlf", "true")
    git(folder, "add", "--force", "kept.local")
    found(folder)
    held = git(folder, "ls-tree", "-r", "-z", "--name-only", "HEAD").split("\0")
    assert {"kept.local", "-dash.md", "sp ace.md", "\u00e9.md", "code.py"} <= set(held)
    assert "left.local" not in held
    assert git(folder, "rev-parse", "main") == main
    assert (folder / "left.local").read_bytes() == b"left.local\r\n"
    assert (folder / "sp ace.md").read_bytes() == b"sp ace.md\r\n"
    assert git(folder, "status", "--porcelain") == ""


@pytest.mark.parametrize("name", ["MERGE_HEAD", "rebase-merge", "CHERRY_PICK_HEAD"])
def test_init_does_not_begin_in_the_middle_of_a_merge(tmp_path, found, name):
    folder = repository(tmp_path / "a")
    (folder / ".git" / name).write_text(git(folder, "rev-parse", "HEAD") + "\n")
    with pytest.raises(RefusedError) as caught:
        found(folder)
    assert caught.value.code == "merge.unsettled"
    assert git(folder, "symbolic-ref", "HEAD") == "refs/heads/main"


def test_init_does_not_take_the_repository_around_its_folder(tmp_path, found):
    folder = repository(tmp_path / "a")
    (folder / "plans").mkdir()
    with pytest.raises(UsageError) as caught:
        found(folder / "plans")
    assert caught.value.code == "init.path"
    assert git(folder, "symbolic-ref", "HEAD") == "refs/heads/main"


def test_init_does_not_found_over_another_ledger(ledger, tmp_path, found):
    (tmp_path / "b").mkdir()
    with pytest.raises(EnvironmentFault) as caught:
        found(tmp_path / "b", remote=str(ledger.hub))
    assert caught.value.code == "init.exists"
    assert "gitsync join" in caught.value.hint


def test_a_second_ledger_beside_the_same_code_changes_nothing(tmp_path, found):
    folder = repository(tmp_path / "a")
    found(folder, path="plans")
    with pytest.raises(EnvironmentFault) as caught:
        found(folder, path="other")
    assert caught.value.code == "init.exists"
    assert not (folder / "other").exists()
    assert git(folder, "config", "gitsync.path") == "plans"


def test_a_submodule_keeps_its_files(tmp_path, found):
    inner, outer = repository(tmp_path / "inner"), repository(tmp_path / "outer")
    git(outer, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "m")
    before = listing(outer)
    with pytest.raises(EnvironmentFault) as caught:
        found(outer / "m", path="plans")
    assert caught.value.code == "repo.unsupported"
    assert listing(outer) == before


def test_a_relative_home_beside_code_is_meant_from_the_code(tmp_path, found):
    git(tmp_path, "init", "--quiet", "--bare", "hub.git")
    folder = repository(tmp_path / "a")
    made = found(folder, path="deep/plans", remote="../hub.git")
    assert git(tmp_path / "hub.git", "rev-parse", "common") == made.anchor


def sha256(tmp_path):
    return repository(tmp_path / "c", "--object-format=sha256")


def shallow(tmp_path):
    git(tmp_path, "clone", "-q", "--depth=1", f"file://{repository(tmp_path / 'o')}", "c")
    return tmp_path / "c"


def partial(tmp_path):
    origin = repository(tmp_path / "o")
    git(origin, "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "-q", "--filter=blob:none", f"file://{origin}", "c")
    return tmp_path / "c"


def reftable(tmp_path):
    folder = repository(tmp_path / "c")
    git(folder, "config", "core.repositoryFormatVersion", "1")
    with (folder / ".git/config").open("a") as file:
        file.write("[extensions]\n\trefStorage = reftable\n")
    return folder


@pytest.mark.parametrize("make", [sha256, shallow, partial, reftable])
@pytest.mark.parametrize("path", [None, "plans"])
def test_formats_that_cannot_be_read_are_refused_untouched(tmp_path, found, make, path):
    folder = make(tmp_path)
    before = listing(folder)
    with pytest.raises(EnvironmentFault) as caught:
        found(folder, path=path)
    assert caught.value.code in {"repo.unsupported", "repo.shallow"}
    assert listing(folder) == before


def test_variables_of_a_hook_lead_nowhere_else(ledger, tmp_path, monkeypatch):
    other = repository(tmp_path / "other")
    before = listing(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    ledger.propose("james", "a.md", "A\n", "a")
    snapshot(ledger.ws("james"), None)
    pull(ledger.ws("james"))
    assert listing(other) == before
    assert not (tmp_path / "index").exists()


def test_a_ledger_folder_that_is_gone_is_named_and_comes_back(tmp_path, found, make_host, make_key):
    git(tmp_path, "init", "--quiet", "--bare", "hub.git")
    folder, key = repository(tmp_path / "a"), str(make_key("alice"))
    found(folder, path="plans", remote="../hub.git")
    shutil.rmtree(folder / "plans")
    with pytest.raises(EnvironmentFault) as caught:
        status(make_host(folder))
    assert caught.value.code == "folder.missing"
    git(folder, "config", "--unset", "gitsync.anchor")
    join(make_host(folder), JoinOptions("origin", "alice", path="plans", key=key))
    assert status(make_host(folder)).number == 1
    assert (folder / "plans/.gitsync/policy.yaml").exists()


def test_coming_back_under_a_name_gives_out_no_number_twice(ledger, make_host):
    ledger.write("james", "a.md", "A\n")
    first = snapshot(ledger.ws("james"), None)
    push(ledger.ws("james"))
    options = JoinOptions(str(ledger.hub), "james", "again", key=str(ledger.key("james")))
    join(make_host(ledger.root), options)
    ledger.write("again", "b.md", "B\n")
    second = snapshot(ledger.ws("again"), None)
    assert (first.number, second.number) == (1, 2)
    assert push(ledger.ws("again")).refused == ()
    # The clone that stayed behind is told, and how to go on works.
    ledger.write("james", "c.md", "C\n")
    assert snapshot(ledger.ws("james"), None).number == 2
    refused = dict(push(ledger.ws("james")).refused)
    assert "git pull --no-rebase origin people/james" in refused["refs/heads/people/james"]
    assert "git tag -d james@2" in refused["refs/tags/james@2"]
    folder = ledger.folder("james")
    git(folder, "tag", "-d", "james@2")
    git(folder, "pull", "--quiet", "--no-rebase", "--no-edit", "origin", "people/james")
    assert snapshot(ledger.ws("james"), None).number == 3
    assert push(ledger.ws("james")).refused == ()


def test_a_join_that_cannot_be_leaves_nothing(tmp_path, make_host):
    git(tmp_path, "init", "--quiet", "--bare", "empty.git")
    code = repository(tmp_path / "code")
    for url in ("empty.git", "gone.git"):
        for cwd, path in ((tmp_path, None), (code, "plans")):
            where = str(tmp_path / url)
            git(code, "remote", "remove", "origin", check=False)
            with pytest.raises(GitsyncError) as caught:
                join(make_host(cwd), JoinOptions(where, "james", "new", path=path))
            assert caught.value.code in {"common.missing", "remote.unreachable"}
    assert not (tmp_path / "new").exists()
    assert not (code / "plans").exists()
    assert git(code, "config", "gitsync.path", check=False) == ""


def test_a_folder_that_the_shared_excludes_would_hide_is_refused(ledger, tmp_path, make_host):
    ledger.write("alice", ".gitignore", "*.tmp\n")
    ledger.propose("alice", "plans/p.md", "P\n", "p")
    ledger.witness()
    code, url = repository(tmp_path / "code"), str(ledger.hub)
    with pytest.raises(UsageError) as caught:
        join(make_host(code), JoinOptions(url, "dora", path="plans"))
    assert caught.value.code == "init.path"
    join(make_host(code), JoinOptions(url, "dora", path="ledger"))
    assert (code / "ledger/.gitignore").read_text() == "*.tmp\n"
    (code / "ledger/plans/new.md").write_text("N\n")
    assert git(code / "ledger", "status", "--porcelain") == "?? plans/new.md"
    assert git(code, "status", "--porcelain") == ""


def test_a_ledgers_gitignore_arrives_in_a_linked_folder(ledger, tmp_path, make_host):
    code = repository(tmp_path / "code")
    join(make_host(code), JoinOptions(str(ledger.hub), "dora", path="plans"))
    ledger.propose("alice", ".gitignore", "*.tmp\n", "i")
    ledger.witness()
    assert pull(Workspace.open(make_host(code))).moved == "forward"
    assert (code / "plans/.gitignore").read_text() == "*.tmp\n"
    assert git(code / "plans", "status", "--porcelain") == ""


def test_plain_git_beside_code_pushes_and_signs_only_the_ledger(ledger, tmp_path, make_host):
    code, url = repository(tmp_path / "code"), str(ledger.hub)
    join(make_host(code), JoinOptions(url, "james", path="plans", key=str(ledger.key("james"))))
    plans = code / "plans"
    (plans / "a.md").write_text("A\n")
    git(plans, "add", ".")
    git(plans, "commit", "--quiet", "--message", "a")
    git(plans, "verify-commit", "HEAD")
    git(plans, "verify-tag", "common@1")
    git(plans, "push", "--quiet")
    shown = git(ledger.hub, "for-each-ref", "--format=%(refname)", "refs/heads")
    assert "refs/heads/main" not in shown
    assert git(ledger.hub, "rev-parse", "people/james") == git(plans, "rev-parse", "HEAD")
    git(code, "commit", "--quiet", "--allow-empty", "--message", "more code")
    assert git(code, "log", "-1", "--format=%G?") == "N"
    assert git(code, "config", "remote.origin.push", check=False) == ""


def test_plain_git_in_a_clone_pulls_common_and_pushes_its_own_branch(ledger, monkeypatch):
    monkeypatch.setenv("GIT_COMMITTER_DATE", f"{ledger.clock.now()} +0000")
    folder = ledger.folder("james")
    ledger.write("james", "a.md", "A\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "a")
    git(folder, "verify-commit", "HEAD")
    git(folder, "tag", "--annotate", "other", "--message", "not a numbered one")
    git(folder, "push", "--quiet")
    assert git(ledger.hub, "rev-parse", "people/james") == git(folder, "rev-parse", "HEAD")
    assert "other" not in git(ledger.hub, "tag")
    git(folder, "push", "--quiet", "origin", "HEAD:refs/heads/proposals/james/a")
    assert ledger.witness().receipts[-1].outcome == "accepted"
    git(folder, "pull", "--quiet")
    assert git(folder, "rev-parse", "HEAD") == git(ledger.hub, "rev-parse", "common")
    git(folder, "verify-tag", "common@2")


def test_status_stands_whatever_a_mirrored_common_is(ledger, make_host):
    folder = ledger.folder("james")
    blob = git(folder, "hash-object", "-w", ".gitsync/policy.yaml")
    locks = git(folder, "rev-parse", "refs/gitsync/remotes/origin/heads/gitsync/locks")
    for oid in (blob, locks):
        # Git refuses a blob as a branch, a mirror is none.
        git(folder, "update-ref", "refs/gitsync/remotes/origin/heads/common", oid)
        found = status(make_host(folder))
        assert (found.number, found.offered) == (1, None)
    assert pull(ledger.ws("james")).after == 1


def test_packing_and_pruning_between_commands_changes_nothing(ledger):
    ledger.propose("james", "a.md", "A\n", "a")
    for name in ("alice", "james"):
        git(ledger.folder(name), "pack-refs", "--all", "--prune")
        git(ledger.folder(name), "gc", "--quiet", "--prune=now")
    git(ledger.hub, "pack-refs", "--all", "--prune")
    assert ledger.witness().receipts[-1].outcome == "accepted"
    ledger.pull("james", "alice")
    assert ledger.cli("james", "verify", "--full").code == 0
    assert ledger.cli("james", "status").code == 0


def test_offline_everything_own_is_queued_and_sent_later(ledger):
    away = ledger.hub.rename(ledger.root / "away.git")
    ledger.write("james", "a.md", "A\n")
    offered = ledger.cli("james", "propose", "--slug", "a")
    assert offered.code == 0
    assert "queued" in offered.out
    assert ledger.cli("james", "snapshot").code == 0
    for command in (("push",), ("join", str(ledger.hub), "x", "--name", "x")):
        ran = ledger.cli("james", *command)
        assert (ran.code, "cannot be reached" in ran.err) == (3, True), command
    assert ledger.cli("alice", "witness", "run").code == 3
    assert ledger.cli("james", "pull").code == 0
    away.rename(ledger.hub)
    assert ledger.cli("james", "push").code == 0
    assert ledger.witness().receipts[-1].outcome == "accepted"


def test_a_locked_key_without_a_terminal_is_an_error_at_once(ledger, tmp_path):
    key = tmp_path / "locked"
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "a phrase", "-f", str(key)], check=True
    )
    ran = ledger.cli("james", "join", str(ledger.hub), "x", "--name", "x", "--key", str(key))
    assert (ran.code, "locked" in ran.err) == (3, True)
    key.chmod(0o644)
    ran = ledger.cli("james", "snapshot", GITSYNC_KEY=str(key))
    assert (ran.code, "chmod 600" in ran.err) == (3, True)
    key.unlink()
    Path(f"{key}.pub").unlink()
    ran = ledger.cli("james", "snapshot", GITSYNC_KEY=str(key))
    assert (ran.code, "no file" in ran.err) == (3, True)
    assert os.environ.get("SSH_AUTH_SOCK") is None
