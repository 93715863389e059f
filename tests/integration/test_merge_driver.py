"""Plain git with the merge driver gives what the witness gives, and never loses a line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from gitsync.domain.merge.files import VERSIONS
from gitsync.domain.merge.rules import Rules
from gitsync.services.mergesetup import driver_command, register
from tests.integration.ledgerkit import Hand, check, git, plan
from tests.unit.mergekit import context, head_problem, triples

DRIVER = [sys.executable, "-P", "-m", "gitsync", "merge-driver"]
EPOCH = "2026-01-02T00:00:00Z"


def drive(folder: Path, base: bytes, ours: bytes, theirs: bytes, path="plans/a.md", more=(), **env):
    """Run the driver as git does; returns (exit code, what is in %A, what it said)."""
    names = []
    for name, data in (("O", base), ("A", ours), ("B", theirs)):
        (folder / f".merge_file_{name}").write_bytes(data)
        names.append(f".merge_file_{name}")
    done = subprocess.run(
        [*DRIVER, *names, path, *more], cwd=folder, capture_output=True, env={**os.environ, **env}
    )
    found = (folder / ".merge_file_A").read_bytes()
    for name in names:
        (folder / name).unlink()
    assert b"Traceback" not in done.stderr
    return done.returncode, found, done.stderr.decode()


def commit_files(folder: Path, files, message: str) -> str:
    for path, data in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "--allow-empty", "-m", message, GIT_COMMITTER_DATE=EPOCH)
    return git(folder, "rev-parse", "HEAD")


def stages(folder: Path) -> set[str]:
    out = git(folder, "ls-files", "-u", "-z")
    return {line.partition("\t")[2] for line in out.split("\0") if line}


def test_init_and_join_register_it(ledger):
    for name in ("alice", "james"):
        folder = ledger.folder(name)
        assert git(folder, "check-attr", "merge", "plans/a.MD").endswith("merge: gitsync")
        assert git(folder, "check-attr", "merge", "a.txt").endswith("unspecified")
        assert "merge-driver" in git(folder, "config", "merge.gitsync.driver")
        rules = json.loads((folder / ".git/gitsync/merge-rules.json").read_text())
        assert rules["commit"] == git(folder, "rev-parse", "common")
        assert rules["version"] == 2
    # Once more changes nothing.
    before = (ledger.folder("james") / ".git/info/attributes").read_text()
    register(ledger.ws("james").repo)
    assert (ledger.folder("james") / ".git/info/attributes").read_text() == before


NUMBER = count()


@settings(deadline=None, max_examples=4, suppress_health_check=list(HealthCheck),
          phases=[Phase.explicit, Phase.reuse, Phase.generate])  # fmt: skip
@given(st.lists(triples(), min_size=15, max_size=15))
def test_driver_witness_and_replay_agree(ledger, found):
    """The same three versions by ``git merge`` with the driver, by the witness's merge, and, where
    that is clean, landed by the witness and replayed by somebody else."""
    hand, run = Hand(ledger), next(NUMBER)
    # Files without a type are free of the schema's rules; the merge is the same.
    kind = {
        f"notes/{run}-{at}.md": tuple(side.replace(b"type: plan", b"kind: plan") for side in three)
        for at, three in enumerate(found)
    }
    rules = Rules.of(ledger.ws("james").settings().schema)
    ledger.pull("james")
    james = ledger.folder("james")
    start = hand.common
    git(james, "checkout", "-q", "-f", "--detach", "common")
    base = commit_files(james, {path: three[0] for path, three in kind.items()}, "base")
    ours = commit_files(james, {path: three[1] for path, three in kind.items()}, "ours")
    git(james, "checkout", "-q", "-f", "--detach", base)
    theirs = commit_files(james, {path: three[2] for path, three in kind.items()}, "theirs")
    git(james, "checkout", "-q", "-f", "--detach", ours)
    git(james, "merge", "-q", "--no-edit", theirs, check=False)
    conflicted = stages(james)
    clean = {}
    for path, three in kind.items():
        merged = VERSIONS[2](*three, context(path, rules))
        assert (path in conflicted) == (not isinstance(merged, bytes)), (path, three)
        if isinstance(merged, bytes):
            assert (james / path).read_bytes() == merged
            # The witness refuses front matter that cannot be read, whatever it merges to.
            if not any(head_problem(one) for one in (*three, merged)):
                clean[path] = three
    git(james, "checkout", "-q", "-f", "people/james")
    # The witness: a base that landed, then two proposals on top of it.
    hand.reopen()
    for side, who in ((0, "alice"), (1, "alice"), (2, "james")):
        if side != 2:
            parent = hand.common
        tip = hand.change(who, {path: three[side] for path, three in clean.items()},
                          start if side == 2 else parent, message=f"side {side}")  # fmt: skip
        if side == 0:
            start = tip
        hand.propose(f"{who}/run{run}-{side}", tip)
        ledger.clock.tick()
        ledger.witness()
        hand.reopen()
    for path, three in clean.items():
        landed = git(hand.repo.git_dir, "rev-parse", f"common:{path}")
        assert landed == hand.blob(VERSIONS[2](*three, context(path, rules))), (path, three)
    check(ledger)


def test_rebase_cherry_pick_and_pull_use_it_too(ledger):
    james = ledger.folder("james")
    text = plan(title="A", status="draft")
    start = commit_files(james, {"plans/a.md": text}, "base")
    theirs = commit_files(james, {"plans/a.md": text.replace(b"alice", b"james")}, "owner")
    git(james, "branch", "other")
    for how in (["cherry-pick", "other"], ["rebase", "-q", "other"], ["merge", "-q", "other"],
                ["-c", "merge.conflictStyle=zdiff3", "merge", "-q", "--no-ff", "other"],
                ["pull", "-q", "--no-rebase", "--no-edit", ".", "other"]):  # fmt: skip
        git(james, "checkout", "-q", "-f", "--detach", start)
        commit_files(james, {"plans/a.md": text.replace(b"draft", b"committed")}, "x")
        git(james, *how)
        merged = (james / "plans/a.md").read_bytes()
        assert b"status: committed\nowner: james\n" in merged, how
    assert theirs


def test_a_linked_folder_beside_code_has_it_for_itself(tmp_path, cli, make_key):
    code = tmp_path / "code"
    code.mkdir()
    git(code, "init", "-q")
    git(
        code,
        *("-c", "user.name=x", "-c", "user.email=x@x.invalid"),
        "commit",
        "-q",
        "--allow-empty",
        "-m",
        "x",
    )
    ran = cli(code, "init", "--name", "alice", "--path", "plans", "--key", str(make_key("alice")))
    assert ran.code == 0, ran.err
    assert git(code, "check-attr", "merge", "README.md").endswith("unspecified")
    assert git(code / "plans", "check-attr", "merge", "README.md").endswith("merge: gitsync")
    text = plan()
    start = commit_files(code / "plans", {"plans/a.md": text}, "base")
    commit_files(code / "plans", {"plans/a.md": text.replace(b"alice", b"james")}, "one")
    git(code / "plans", "branch", "one")
    git(code / "plans", "checkout", "-q", "--detach", start)
    commit_files(code / "plans", {"plans/a.md": text.replace(b"draft", b"committed")}, "two")
    git(code / "plans", "merge", "-q", "--no-edit", "one")


BASE, OURS, THEIRS = (plan(body=body).replace(b"owner: alice", owner) for body, owner in
                      (("one\ntwo\nthree", b"owner: alice"), ("ONE\ntwo\nthree", b"owner: james"),
                       ("one\ntwo\nTHREE", b"owner: carol")))  # fmt: skip


def test_conflicts_are_gits_markers_around_the_field(ledger):
    code, found, said = drive(ledger.folder("james"), BASE, OURS, THEIRS)
    assert (code, said) == (1, "")
    assert found == OURS.replace(
        b"owner: james\n",
        b"<<<<<<< ours\nowner: james\n=======\nowner: carol\n>>>>>>> theirs\n",
    ).replace(b"three", b"THREE")
    _, found, _ = drive(
        ledger.folder("james"), BASE, OURS, THEIRS, more=["9", "b", "mine", "yours"],
        GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="merge.conflictStyle", GIT_CONFIG_VALUE_0="diff3",
    )  # fmt: skip
    assert b"<" * 9 + b" mine\nowner: james\n" + b"|" * 9 + b" b\nowner: alice\n" in found
    _, found, _ = drive(ledger.folder("james"), BASE, OURS, THEIRS, more=["7", "%S", "%X", "%Y"])
    assert b"<<<<<<< ours\n" in found


def test_crlf_conflicts_have_crlf_markers(ledger):
    sides = [side.replace(b"\n", b"\r\n") for side in (BASE, OURS, THEIRS)]
    _, found, _ = drive(ledger.folder("james"), *sides)
    assert found.count(b"\n") == found.count(b"\r\n")
    assert b"=======\r\n" in found


def test_without_verified_rules_it_is_gits_text_merge_and_a_conflict(tmp_path):
    git(tmp_path, "init", "-q")
    clean = (b"a\nb\nc\nd\n", b"A\nb\nc\nd\n", b"a\nb\nc\nD\n")
    code, found, said = drive(tmp_path, *clean)
    assert (code, found) == (1, b"A\nb\nc\nD\n")
    assert "git's own text merge" in said
    code, found, _ = drive(tmp_path, b"a\n", b"b\n", b"c\n")
    assert (code, found) == (1, b"<<<<<<< ours\nb\n=======\nc\n>>>>>>> theirs\n")


@pytest.mark.parametrize("harm", ["{", "[]", '{"space": 1}', ""])
def test_a_spoilt_or_old_cache_is_made_anew(ledger, harm):
    james = ledger.folder("james")
    cache = james / ".git/gitsync/merge-rules.json"
    good = cache.read_text()
    cache.write_text(harm or good.replace(json.loads(good)["commit"], "0" * 40))
    sides = [plan(status=one) for one in ("draft", "committed", "approved")]
    code, found, said = drive(james, *sides)
    assert (code, found, said) == (0, sides[2], "")
    assert cache.read_text() == good


def test_a_ledger_of_version_1_keeps_version_1(ledger):
    james = ledger.folder("james")
    cache = james / ".git/gitsync/merge-rules.json"
    cache.write_text(cache.read_text().replace('"version": 2', '"version": 1'))
    sides = (plan(), plan().replace(b"alice", b"james"), plan(status="committed"))
    code, found, _ = drive(james, *sides)
    assert code == 1
    assert b"<<<<<<< ours" in found
    cache.write_text(cache.read_text().replace('"version": 1', '"version": 99'))
    code, _, said = drive(james, *sides)
    assert code == 1
    assert "99" in said


def test_binary_and_missing_files_never_cost_a_byte(ledger):
    james = ledger.folder("james")
    assert drive(james, b"\0a", b"\0b", b"\0c")[:2] == (1, b"\0b")
    done = subprocess.run([*DRIVER, "no", "such", "file", "a.md"], cwd=james, capture_output=True)
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr


def test_where_gitsync_is_gone_git_merges_by_itself(ledger):
    james = ledger.folder("james")
    command = git(james, "config", "merge.gitsync.driver")
    gone = command.replace(str(Path(sys.executable).parent), "/nowhere")
    git(james, "config", "merge.gitsync.driver", gone)
    start = commit_files(james, {"a.md": b"a\nb\nc\nd\n"}, "base")
    commit_files(james, {"a.md": b"A\nb\nc\nd\n"}, "one")
    git(james, "branch", "one")
    git(james, "checkout", "-q", "--detach", start)
    commit_files(james, {"a.md": b"a\nb\nc\nD\n"}, "two")
    git(james, "merge", "-q", "--no-edit", "one")
    assert (james / "a.md").read_bytes() == b"A\nb\nc\nD\n"


def test_where_it_is_killed_the_file_is_a_merge_of_text_and_a_conflict(ledger, tmp_path):
    """Git would take the file as our side has it, without a marker, for the conflict."""
    james = ledger.folder("james")
    script = tmp_path / "gitsync"
    script.write_text("#!/bin/sh\nkill -9 $$\n")
    script.chmod(0o755)
    command = git(james, "config", "merge.gitsync.driver")
    dying = command.replace(str(Path(sys.executable).with_name("gitsync")), str(script))
    assert dying != command
    git(james, "config", "merge.gitsync.driver", dying)
    start = commit_files(james, {"a.md": b"a\nb\nc\nd\n", "b.md": b"a\n"}, "base")
    commit_files(james, {"a.md": b"A\nb\nc\nd\n", "b.md": b"b\n"}, "one")
    git(james, "branch", "one")
    git(james, "checkout", "-q", "--detach", start)
    commit_files(james, {"a.md": b"a\nb\nc\nD\n", "b.md": b"c\n"}, "two")
    done = subprocess.run(["git", "merge", "--no-edit", "one"], cwd=james, capture_output=True)
    assert b"a.md: the merge driver ended with 137, this is a merge of text" in done.stderr
    assert stages(james) == {"a.md", "b.md"}
    assert (james / "a.md").read_bytes() == b"A\nb\nc\nD\n"
    assert b"<<<<<<<" in (james / "b.md").read_bytes()


def test_modules_in_the_work_tree_are_not_imported(ledger):
    james = ledger.folder("james")
    (james / "json.py").write_text("raise SystemExit(5)\n")
    (james / "gitsync").mkdir()
    (james / "gitsync/__init__.py").write_text("raise SystemExit(5)\n")
    done = subprocess.run(
        ["sh", "-c", driver_command().replace("%A", "A").replace("%O", "O").replace("%B", "B")
         .replace("%P", "a.md")], cwd=james, capture_output=True,
    )  # fmt: skip
    assert done.returncode == 1


def test_mergetool_works(ledger):
    james = ledger.folder("james")
    start = commit_files(james, {"plans/a.md": BASE}, "base")
    commit_files(james, {"plans/a.md": THEIRS}, "theirs")
    git(james, "branch", "theirs")
    git(james, "checkout", "-q", "--detach", start)
    commit_files(james, {"plans/a.md": OURS}, "ours")
    git(james, "merge", "-q", "theirs", check=False)
    assert stages(james) == {"plans/a.md"}
    git(james, "config", "mergetool.take.cmd", 'cp "$REMOTE" "$MERGED"')
    git(james, "config", "mergetool.take.trustExitCode", "true")
    git(james, "mergetool", "--no-prompt", "--tool=take")
    assert stages(james) == set()
    assert (james / "plans/a.md").read_bytes() == THEIRS


def test_it_starts_without_what_it_does_not_need(ledger):
    """libgit2, click and YAML would each take longer than the merge."""
    james = ledger.folder("james")
    sides = (BASE, OURS, BASE.replace(b"status: draft", b"status: committed"))
    for name, data in zip(("O", "A", "B"), sides, strict=True):
        (james / name).write_bytes(data)
    call = [sys.executable, "-X", "importtime", *DRIVER[1:], "O", "A", "B", "a.md"]
    done = subprocess.run(call, cwd=james, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "gitsync.domain.merge.version2" in loaded
    assert not loaded & {"pygit2", "click", "ruamel.yaml", "nacl", "subprocess", "msgspec", "json5"}


def test_it_explains_itself(tmp_path):
    assert shutil.which("git")
    done = subprocess.run([*DRIVER, "--help"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "merge-driver" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    done = subprocess.run([*DRIVER, "x"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
