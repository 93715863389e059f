"""Where the hooks lie: beside others', in work trees, beside code; put there and taken away."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gitsync.domain.errors import EnvironmentFault
from gitsync.services.clonehooks import HOOKS, install, status, uninstall
from gitsync.storage import effects
from tests.integration.hookkit import Clone, run_git, text


def other(path: Path, log: Path, code: int = 0) -> bytes:
    """Somebody else's hook: it writes down its arguments and standard input."""
    path.parent.mkdir(parents=True, exist_ok=True)
    body = f'#!/bin/sh\necho "{path.name}: $*" >>"{log}"\n'
    if path.name == "pre-push":
        body += f'cat >>"{log}"\n'
    path.write_text(f"{body}exit {code}\n")
    path.chmod(0o751)
    return path.read_bytes()


def listing(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file of a git folder that hooks could touch: name -> (content, mode)."""
    names = [*folder.glob("hooks/*"), *folder.glob("config*"), *folder.glob("gitsync-hooks/*")]
    return {
        str(one.relative_to(folder)): (one.read_bytes(), one.stat().st_mode)
        for one in names
        if one.is_file()
    }


@pytest.fixture
def clone(ledger):
    found = Clone(ledger, hooks=False)
    found.land("plans/a.md", text(), "a")
    return found


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def repo(clone):
    return clone.ledger.ws(clone.name).repo


def both_run(clone, log: Path) -> None:
    """Another's pre-commit has run, and ours refuses after it."""
    log.unlink(missing_ok=True)
    clone.stage("plans/a.md", text(status="approved"))
    clone.refused("commit", "-m", "Too fast", code="schema.transition")
    assert "pre-commit" in log.read_text()
    clone.stage("plans/a.md", text())


def test_the_shims_are_in_the_package_and_at_the_top_of_the_repository():
    from importlib.resources import files

    root = Path(__file__).parents[2]
    shipped = {
        one.name: one.read_text() for one in files("gitsync").joinpath("hooks/shims").iterdir()
    }
    assert {*HOOKS, "forward"} <= shipped.keys()
    assert all((root / "hooks" / name).read_text() == shipped[name] for name in shipped)
    for name in HOOKS:
        assert subprocess.run(["sh", "-n", root / "hooks" / name], check=False).returncode == 0


# -- git's own folder ------------------------------------------------------------------------


def test_install_and_uninstall_leave_no_trace(clone):
    before = listing(clone.root / ".git")
    assert install(repo(clone)).complete
    assert uninstall(repo(clone)).complete is False
    assert listing(clone.root / ".git") == before
    uninstall(repo(clone))
    assert listing(clone.root / ".git") == before


def test_install_twice_changes_nothing(clone):
    install(repo(clone))
    first = {p: p.stat().st_mtime_ns for p in clone.hooks.iterdir()}
    install(repo(clone))
    assert {p: p.stat().st_mtime_ns for p in clone.hooks.iterdir()} == first


@pytest.mark.parametrize("name", HOOKS)
def test_another_hook_keeps_its_bytes_and_runs_first(clone, log, name):
    kept = other(clone.hooks / name, log)
    before = listing(clone.root / ".git")
    install(repo(clone))
    install(repo(clone))
    assert (clone.hooks / f"{name}.before-gitsync").read_bytes() == kept
    clone.stage("notes/n.md", "x\n")
    clone.ok("commit", "-q", "-m", "Note")
    clone.ok("push", "-q", "origin", "HEAD:refs/heads/proposals/james/n")
    clone.ok("switch", "-q", "-c", "side", "HEAD^")
    clone.ok("merge", "-q", "people/james")
    said = log.read_text()
    assert said.startswith(f"{name}:")
    if name == "pre-push":
        assert f"HEAD {clone.head()} refs/heads/proposals/james/n {'0' * 40}\n" in said
        assert "origin" in said
    if name == "commit-msg":
        assert "COMMIT_EDITMSG" in said
    uninstall(repo(clone))
    after = listing(clone.root / ".git")
    assert {k: v for k, v in after.items() if "hooks/" in k} == {
        k: v for k, v in before.items() if "hooks/" in k
    }


@pytest.mark.parametrize("name", ["pre-commit", "commit-msg", "pre-push", "post-checkout"])
def test_the_other_hook_s_no_is_a_no_with_its_own_code(clone, log, name):
    other(clone.hooks / name, log, code=7)
    install(repo(clone))
    hook = str(clone.hooks / name)
    args = {"commit-msg": [".git/HEAD"], "post-checkout": ["1" * 40, "2" * 40, "1"]}.get(name, [])
    done = subprocess.run([hook, *args], cwd=clone.root, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 7


def test_the_variable_leaves_out_ours_and_not_the_other(clone, log):
    other(clone.hooks / "pre-commit", log)
    install(repo(clone))
    clone.stage("plans/a.md", text(status="approved"))
    clone.ok("commit", "-q", "-m", "Skip", env={"GITSYNC_HOOKS": "0"})
    assert log.read_text() == "pre-commit: \n"


def test_a_link_and_a_file_that_is_no_program_are_put_back_as_they_were(clone, log, tmp_path):
    other(tmp_path / "real" / "pre-commit", log)
    (clone.hooks).mkdir(exist_ok=True)
    (clone.hooks / "pre-commit").symlink_to(tmp_path / "real" / "pre-commit")
    (clone.hooks / "commit-msg").write_text("not executable\n")
    (clone.hooks / "commit-msg").chmod(0o640)
    install(repo(clone))
    both_run(clone, log)
    uninstall(repo(clone))
    assert (clone.hooks / "pre-commit").readlink() == tmp_path / "real" / "pre-commit"
    assert (clone.hooks / "commit-msg").stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "real" / "pre-commit").exists()


def test_several_installs_at_once_keep_the_other_hook(clone, log):
    kept = other(clone.hooks / "pre-commit", log)
    command = [sys.executable, "-m", "gitsync", "hooks", "install"]
    runs = [subprocess.Popen(command, cwd=clone.root, stdout=subprocess.DEVNULL) for _ in range(6)]
    assert [one.wait() for one in runs] == [0] * 6
    assert (clone.hooks / "pre-commit.before-gitsync").read_bytes() == kept
    assert status(repo(clone)).complete
    both_run(clone, log)


def test_a_hook_that_replaced_ours_is_not_thrown_away(clone, log):
    other(clone.hooks / "pre-commit", log)
    install(repo(clone))
    (clone.hooks / "pre-commit").unlink()
    second = other(clone.hooks / "pre-commit", log) + b"# second\n"
    (clone.hooks / "pre-commit").write_bytes(second)
    with pytest.raises(EnvironmentFault) as caught:
        install(repo(clone))
    assert caught.value.code == "hooks.two-before"
    assert (clone.hooks / "pre-commit").read_bytes() == second
    uninstall(repo(clone))
    assert (clone.hooks / "pre-commit").read_bytes() == second


# -- core.hooksPath, as husky sets it --------------------------------------------------------


def husky_like(clone, log: Path) -> None:
    """What husky leaves: a folder in the work tree, named by the clone's own settings."""
    folder = clone.root / ".husky" / "_"
    for name in ("pre-commit", "commit-msg", "pre-push", "prepare-commit-msg", "post-merge"):
        other(folder / name, log)
    (folder / ".gitignore").write_text("*")
    (clone.root / ".git" / "info").mkdir(exist_ok=True)
    (clone.root / ".git" / "info" / "exclude").write_text("/.husky/\n")
    clone.ok("config", "core.hooksPath", ".husky/_")


def test_a_folder_that_core_hookspath_names(clone, log):
    husky_like(clone, log)
    before = listing(clone.root / ".git")
    husky = {p.name: p.read_bytes() for p in (clone.root / ".husky/_").iterdir()}
    found = install(repo(clone))
    assert found.complete
    install(repo(clone))
    both_run(clone, log)
    clone.stage("notes/n.md", "x\n")
    clone.ok("commit", "-q", "-m", "Note")
    assert "prepare-commit-msg" in log.read_text()
    # husky sets its folder again at each "npm install": ours hold.
    clone.ok("config", "core.hooksPath", ".husky/_")
    assert status(repo(clone)).complete
    both_run(clone, log)
    assert {p.name: p.read_bytes() for p in (clone.root / ".husky/_").iterdir()} == husky
    uninstall(repo(clone))
    assert listing(clone.root / ".git") == before
    clone.stage("plans/a.md", text(status="approved"))
    clone.ok("commit", "-q", "-m", "No check any more")
    assert status(repo(clone)).complete is False


def test_a_folder_that_the_user_has_for_all_repositories(clone, log, isolated):
    other(isolated / "my hooks" / "pre-commit", log)
    run_git(clone.root, "config", "--global", "core.hooksPath", "~/my hooks")
    before = (isolated / ".gitconfig").read_bytes()
    install(repo(clone))
    both_run(clone, log)
    uninstall(repo(clone))
    assert (isolated / ".gitconfig").read_bytes() == before
    assert log.exists()


def test_a_setting_of_this_work_tree_alone_comes_back(clone, log):
    other(clone.root.parent / "mine" / "pre-commit", log)
    clone.ok("config", "extensions.worktreeConfig", "true")
    clone.ok("config", "--worktree", "core.hooksPath", str(clone.root.parent / "mine"))
    before = listing(clone.root / ".git")
    install(repo(clone))
    install(repo(clone))
    both_run(clone, log)
    uninstall(repo(clone))
    assert listing(clone.root / ".git") == before


def test_a_setting_made_later_is_seen(clone, log):
    install(repo(clone))
    husky_like(clone, log)
    assert {one.state for one in status(repo(clone)).hooks} == {"missing"}
    assert install(repo(clone)).complete
    both_run(clone, log)
    # And one that is gone again: git's own folder counts.
    clone.ok("config", "--local", "--unset", "core.hooksPath")
    assert install(repo(clone)).complete
    assert uninstall(repo(clone)).complete is False
    assert not list(clone.hooks.glob("pre-commit*"))


# -- the pre-commit framework ----------------------------------------------------------------

FRAMEWORK = """#!/usr/bin/env bash
# File generated by pre-commit: https://pre-commit.com
# ID: 138fd403232d2ddd5efb44317e38bf03
HERE="$(cd "$(dirname "$0")" && pwd)"
if [ -x "$HERE/pre-commit.legacy" ]; then "$HERE/pre-commit.legacy" "$@" || exit; fi
echo "pre-commit framework" >>"{log}"
"""


def framework_like(clone, log: Path) -> None:
    """What ``pre-commit install`` does: another's hook becomes NAME.legacy and runs first."""
    hook = clone.hooks / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    if hook.exists():
        hook.rename(hook.with_name("pre-commit.legacy"))
    hook.write_text(FRAMEWORK.format(log=log))
    hook.chmod(0o755)


def test_beside_the_framework_that_was_there_first(clone, log):
    framework_like(clone, log)
    before = listing(clone.root / ".git")
    install(repo(clone))
    both_run(clone, log)
    uninstall(repo(clone))
    assert listing(clone.root / ".git") == before


def test_beside_the_framework_that_came_later(clone, log):
    other(clone.hooks / "pre-commit", log)
    install(repo(clone))
    framework_like(clone, log)
    found = status(repo(clone))
    assert found.complete
    assert found.hooks[0].by
    install(repo(clone))
    both_run(clone, log)
    log.unlink()
    clone.stage("notes/n.md", "x\n")
    clone.ok("commit", "-q", "-m", "Note")
    assert log.read_text() == "pre-commit: \npre-commit framework\n"
    uninstall(repo(clone))
    assert b"# gitsync: " not in (clone.hooks / "pre-commit.legacy").read_bytes()
    log.unlink()
    clone.stage("notes/n.md", "y\n")
    clone.ok("commit", "-q", "-m", "Note")
    assert "pre-commit framework" in log.read_text()


# -- work trees and code ---------------------------------------------------------------------


def test_a_further_work_tree_of_the_ledger_has_them_too(clone, tmp_path):
    install(repo(clone))
    there = tmp_path / "ma\u00f1ana plans"
    clone.ok("worktree", "add", "-q", "-b", "side", str(there))
    (there / "plans/a.md").write_text(text(status="approved"))
    done = run_git(there, "commit", "-a", "-m", "Too fast")
    assert done.code != 0
    assert "(schema.transition)" in done.err


@pytest.fixture
def code(tmp_path, make_host, make_key):
    """A repository of code with a hook of its own, and a ledger beside it in ``plans it/``."""
    from gitsync.services.founding import InitOptions, init

    folder = tmp_path / "some code"
    folder.mkdir()
    for args in (("init", "-q"), ("config", "user.name", "x"), ("config", "user.email", "x@x")):
        run_git(folder, *args)
    (folder / "app.py").write_text("print()\n")
    run_git(folder, "add", ".")
    run_git(folder, "commit", "-q", "-m", "Code")
    host = make_host(folder)
    init(host, InitOptions(name="alice", key=str(make_key("alice")), path="plans it"))
    return host


def beside(host):
    from gitsync.services.workspace import Workspace

    return Workspace.open(host).repo


@pytest.mark.parametrize("husky", [False, True])
def test_beside_code_neither_disturbs_the_other(code, log, husky):
    folder, plans = code.cwd, code.cwd / "plans it"
    if husky:
        # Not relative: that would name a folder of the ledger's own.
        run_git(folder, "config", "core.hooksPath", str(folder / ".husky/_"))
        other(folder / ".husky/_/pre-commit", log)
    else:
        other(folder / ".git/hooks/pre-commit", log)
    before = listing(folder / ".git")
    assert install(beside(code)).complete
    assert install(beside(code)).complete
    assert listing(folder / ".git") == before

    (plans / "plans").mkdir(exist_ok=True)
    (plans / "plans/a.md").write_text(text(status="dreamt"))
    run_git(plans, "add", ".")
    done = run_git(plans, "commit", "-m", "Wrong")
    assert done.code != 0
    assert "(schema.state)" in done.err
    assert not log.exists()

    (folder / ".github/workflows").mkdir(parents=True)
    (folder / ".github/workflows/ci.yml").write_text("on: push\n")
    (folder / "README.md").write_text("---\nid: [\n---\n")
    run_git(folder, "add", ".github", "README.md")
    done = run_git(folder, "commit", "-q", "-m", "Code")
    assert (done.code, done.err) == (0, "")
    assert log.read_text() == "pre-commit: \n"
    uninstall(beside(code))
    assert listing(folder / ".git") == before
    assert run_git(plans, "commit", "-q", "-m", "Unchecked").code == 0


def test_beside_code_the_user_s_own_hooks_hold_for_both(code, log, isolated):
    other(isolated / "mine" / "pre-commit", log)
    run_git(code.cwd, "config", "--global", "core.hooksPath", str(isolated / "mine"))
    install(beside(code))
    plans = code.cwd / "plans it"
    (plans / "n.md").write_text("x\n")
    run_git(plans, "add", ".")
    assert run_git(plans, "commit", "-q", "-m", "Note").code == 0
    assert log.read_text() == "pre-commit: \n"


def test_a_bare_repository_has_no_such_hooks(ledger):
    from gitsync.storage.repository import Repository

    with pytest.raises(EnvironmentFault) as caught:
        install(Repository.open(ledger.hub))
    assert caught.value.code == "repo.bare"


# -- Python gone, PATH empty -----------------------------------------------------------------

# What a program started from a desktop has; git adds its own folder for its hooks.
GUI = {"PATH": "/usr/bin:/bin"}


def test_the_recorded_python_is_found_with_hardly_a_path(clone):
    install(repo(clone))
    clone.stage("plans/a.md", text(status="approved"))
    clone.refused("commit", "-m", "Too fast", code="schema.transition", env=GUI)


def spoiled(clone, python: str) -> None:
    for name in HOOKS:
        hook = clone.hooks / name
        hook.write_text(hook.read_text().replace(sys.executable, python))


def test_without_the_recorded_python_the_command_on_path_does_it(clone):
    install(repo(clone))
    spoiled(clone, "/nonexistent/python")
    clone.stage("plans/a.md", text(status="approved"))
    path = f"{Path(sys.executable).parent}:{GUI['PATH']}"
    clone.refused("commit", "-m", "Too fast", code="schema.transition", env={"PATH": path})
    message = ("commit", "--allow-empty", "-m", "x", "-m", "After: b")
    clone.ok("restore", "--staged", ".")
    clone.refused(*message, code="trailer.malformed", env={"PATH": path})


@pytest.mark.parametrize("python", ["/nonexistent/python", "empty"])
def test_without_gitsync_the_commit_goes_on_and_says_what_to_do(clone, tmp_path, python):
    """Gone with its environment, or still there without gitsync in it."""
    if python == "empty":
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "v"], check=True)
        python = str(tmp_path / "v/bin/python")
    install(repo(clone))
    spoiled(clone, python)
    clone.stage("plans/a.md", text(status="approved"))
    done = clone.ok("commit", "-q", "-m", "Unchecked", env=GUI)
    assert "was not checked, and goes on; put it right: gitsync hooks install" in done.err
    done = clone.ok("push", "-q", "origin", "HEAD:refs/heads/proposals/james/n", env=GUI)
    assert "was not checked" in done.err


def test_a_folder_named_gitsync_in_the_work_tree_is_not_run(clone):
    """Git runs hooks in the work tree, and what lies there was written by others."""
    install(repo(clone))
    clone.stage("gitsync/__init__.py", "raise SystemExit(0)\n")
    clone.stage("plans/a.md", text(status="approved"))
    clone.refused("commit", "-m", "Too fast", code="schema.transition")


def test_a_position_that_cannot_be_read_is_told_and_holds_nobody_up(clone):
    install(repo(clone))
    (clone.root / ".git/gitsync/position-common.json").write_text("torn")
    clone.stage("plans/a.md", text(status="approved"))
    done = clone.ok("commit", "-q", "-m", "Unchecked")
    assert "(position.damaged)" in " ".join(done.err.split())
    assert "gitsync verify --full" in done.err


# -- killed in the middle --------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("shape", ["plain", "other", "husky"])
def test_an_install_that_is_killed_leaves_hooks_that_work(clone, log, shape):
    """Stopped before and after each change to the disk; run again, all is in place."""
    if shape == "other":
        other(clone.hooks / "pre-commit", log)
    if shape == "husky":
        husky_like(clone, log)
    shutil.copytree(clone.root, clone.root.parent / "as it was", symlinks=True)
    stop, stops = 0, 0
    while True:
        stops = _install_until(clone, stop)
        if stops < stop:
            break
        clone.stage("notes/n.md", f"{stop}\n")
        clone.ok("commit", "-q", "-m", "Works")
        if shape != "plain":
            assert "pre-commit" in log.read_text()
        assert install(repo(clone)).complete
        clone.stage("plans/a.md", text(status="approved"))
        clone.refused("commit", "-m", "Too fast", code="schema.transition")
        uninstall(repo(clone))
        # A file half written has no name that git would run; the doctor clears such files away.
        names = {path.name for path in clone.hooks.glob("*")}
        assert not [one for one in names if "gitsync" in one and not one.startswith("tmp_")]
        shutil.rmtree(clone.root)
        shutil.copytree(clone.root.parent / "as it was", clone.root, symlinks=True)
        stop += 1
    assert stop >= 10


def _install_until(clone, stop: int) -> int:
    """Install, and die at the ``stop``-th effect, even ones before it and odd ones after it."""
    seen = 0

    def until(effect, act):
        nonlocal seen
        if effect.kind == "ask":
            return act()
        if seen == stop:
            raise Killed
        found = act()
        if seen + 1 == stop:
            raise Killed
        seen += 2
        return found

    found = repo(clone)
    try:
        with effects.observed(until):
            install(found)
    except Killed:
        return stop
    return seen - 1
