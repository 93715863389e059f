"""Every command can be killed at any step and run again: it completes, once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gitsync.domain.errors import EnvironmentFault
from gitsync.services.consenting import approve, find_proposal, withdraw
from gitsync.services.founding import InitOptions, init
from gitsync.services.joining import JoinOptions, join
from gitsync.services.people import snapshot
from gitsync.services.proposing import ProposeOptions, propose
from gitsync.services.pulling import pull
from gitsync.services.sending import push
from gitsync.services.sources import fresh_view
from gitsync.services.workspace import Workspace
from tests.integration.peoplekit import dies_at, git

MAX_STEPS = 90


def copy(source: Path, target: Path) -> None:
    """A fresh copy of a scene that holds paths of its own only relative to itself."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)


def every_kill(before, work, check, *, stride=1):
    """Kill ``work`` at each step in turn, each time in a fresh scene, then let it finish."""
    for step in range(1, MAX_STEPS, stride):
        before()
        killed = dies_at(step, work)
        work()
        check(step)
        if not killed:
            return
    pytest.fail("the command has more steps than this test looks at")


@pytest.mark.parametrize("beside_code", [False, True])
def test_init_founds_one_ledger(make_host, make_key, clock, tmp_path, beside_code):
    key, scene, work = str(make_key("alice")), tmp_path / "scene", tmp_path / "work"
    scene.mkdir()
    git(scene, "init", "--quiet", "--bare", "hub.git")
    git(scene, "init", "--quiet", "a")
    (scene / "a/note.md").write_text("A note\n")
    if beside_code:
        git(scene / "a", "add", ".")
        git(scene / "a", "-c", "user.name=x", "-c", "user.email=x@x", "commit", "-qm", "code")
    path = "plans" if beside_code else None
    options = InitOptions(name="alice", remote="../hub.git", key=key, path=path)

    def found():
        clock.tick()
        try:
            return init(make_host(work / "a"), options)
        except EnvironmentFault as error:
            # Killed in its very last steps it was complete.
            if error.code != "init.exists" or Workspace.open(make_host(work / "a")).anchor is None:
                raise

    def check(step):
        ws = Workspace.open(make_host(work / "a"))
        shown = ws.repo.remote("origin").list("refs/heads/common", "refs/tags/common@1")
        tag = ws.repo.refs.get("refs/tags/common@1")
        assert shown == {"refs/heads/common": ws.anchor, "refs/tags/common@1": tag}, step
        assert ws.verified().commit == ws.repo.refs.get("refs/heads/people/alice") == ws.anchor
        assert git(ws.repo.work_tree, "status", "--porcelain") == "", step
        assert ws.repo.head() == "refs/heads/people/alice"
        assert pull(ws).after == 1

    every_kill(lambda: copy(scene, work), found, check, stride=4)


@pytest.mark.parametrize("beside_code", [False, True])
def test_join_completes_its_clone_and_request(ledger, make_host, make_key, tmp_path, beside_code):
    key, work = str(make_key("dora")), tmp_path / "work"
    path = "plans" if beside_code else None
    options = JoinOptions(url=str(ledger.hub), name="dora", folder="d", key=key, path=path)

    def before():
        shutil.rmtree(work, ignore_errors=True)
        git(ledger.hub, "update-ref", "-d", "refs/heads/gitsync/requests/dora")
        git(tmp_path, "init", "--quiet", "work")

    def come():
        ledger.clock.tick()
        try:
            return join(make_host(work), options)
        except EnvironmentFault as error:
            if error.code not in {"join.folder", "init.exists"}:
                raise
        # Only the request was still to be sent, and that is what push is for.
        return push(Workspace.open(make_host(work / (path or "d"))))

    def check(step):
        ws = Workspace.open(make_host(work / (path or "d")))
        assert ws.me() == "dora"
        assert ws.verified().commit == ws.repo.refs.get("refs/heads/people/dora")
        assert git(ws.repo.work_tree, "status", "--porcelain") == "", step
        request = "refs/heads/gitsync/requests/dora"
        assert ws.repo.remote("origin").list(request)[request] == ws.repo.refs.get(request), step

    every_kill(before, come, check, stride=5)


@pytest.fixture
def scene(ledger, tmp_path):
    """A ledger that can be put back to where it was."""
    kept = tmp_path / "kept"

    def keep():
        copy(ledger.root, kept)

    def restore():
        copy(kept, ledger.root)
        shutil.rmtree(Path(ledger.host().env["XDG_STATE_HOME"]), ignore_errors=True)

    return ledger, keep, restore


def test_propose_makes_one_proposal(scene):
    ledger, keep, restore = scene
    ledger.write("james", "notes/a.md", "A\n")
    keep()

    def offer():
        ledger.clock.tick()
        return propose(ledger.ws("james"), ProposeOptions(message="Add a"))

    def check(step):
        ws = ledger.ws("james")
        tip = ws.repo.refs.get("refs/heads/people/james")
        assert git(ledger.folder("james"), "rev-list", "--count", "common..people/james") == "1"
        assert ws.repo.remote("origin").list("refs/heads/proposals/james/*") == {
            "refs/heads/proposals/james/add-a": tip
        }, step
        assert git(ledger.folder("james"), "status", "--porcelain") == "", step

    every_kill(restore, offer, check)


def test_snapshot_gives_each_number_once(scene):
    ledger, keep, restore = scene
    ledger.write("james", "notes/a.md", "A\n")
    keep()

    def sign():
        ledger.clock.tick()
        return snapshot(ledger.ws("james"), "Mine")

    def check(step):
        folder = ledger.folder("james")
        assert git(folder, "tag", "--list", "james@*") == "james@1", step
        assert git(folder, "rev-parse", "james@1^{commit}") == git(folder, "rev-parse", "HEAD")
        assert git(folder, "rev-list", "--count", "common..HEAD") == "1"
        assert git(folder, "status", "--porcelain") == "", step

    every_kill(restore, sign, check)


def test_pull_follows_and_keeps_own_work(scene):
    ledger, keep, restore = scene
    ledger.propose("alice", "notes/a.md", "A\n", "a")
    ledger.witness()
    ledger.write("james", "mine.md", "mine\n")
    keep()

    def follow():
        return pull(ledger.ws("james"))

    def check(step):
        folder = ledger.folder("james")
        assert git(folder, "rev-parse", "people/james") == git(folder, "rev-parse", "common@2^{}")
        assert git(folder, "status", "--porcelain") == "?? mine.md", step

    every_kill(restore, follow, check)


def test_approve_and_withdraw_say_it_once(scene):
    ledger, keep, restore = scene
    ledger.propose("james", "notes/a.md", "A\n", "a")
    keep()

    def consent():
        ledger.clock.tick()
        ws = ledger.ws("carol")
        name, tip = find_proposal(fresh_view(ws), "a")
        return approve(ws, name, tip)

    def retreat():
        ledger.clock.tick()
        ws = ledger.ws("james")
        view = fresh_view(ws)
        return withdraw(ws, view, find_proposal(view, "a")[0])

    def approved(step):
        ws = ledger.ws("carol")
        ref = "refs/heads/approvals/carol/james/a"
        here = ws.repo.refs.list("refs/heads/approvals/")
        assert len(here) == 1, step
        assert ws.repo.remote("origin").list("refs/heads/approvals/*") == here, (step, ref)

    def withdrawn(step):
        ws = ledger.ws("james")
        here = ws.repo.refs.list("refs/heads/proposals/")
        assert ws.repo.remote("origin").list("refs/heads/proposals/*") == here, step
        (tip,) = here.values()
        assert ws.facts.record(tip).kind == "withdrawal", step
        assert ws.facts.record(ws.facts.commit(tip).parents[0]).kind == "proposal", step

    every_kill(restore, consent, approved, stride=2)
    every_kill(restore, retreat, withdrawn, stride=2)
