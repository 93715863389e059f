"""How commands end when something is wrong: exit codes, hints, JSON, never a traceback."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from gitsync.domain.errors import BugError, FormatError, Where


@pytest.mark.parametrize(
    ("args", "code", "said", "hint"),
    [
        (("lsit",), 2, "there is no command 'lsit'", "did you mean: gitsync list"),
        (("show", "plan-zzzzzz"), 2, "no artifact's id begins with 'plan-zzzzzz'", ""),
        (("show", "--ta", "x", "y"), 2, "no such option", "show --help"),
        (("receipt",), 2, "missing argument 'PROPOSAL'", "gitsync receipt --help"),
        (("roster", "admitt", "x"), 2, "there is no command 'admitt'", "gitsync roster admit"),
        (("xyzzy",), 2, "there is no command 'xyzzy'", "gitsync --help"),
        (("commit",), 2, "there is no command 'commit'", "did you mean: gitsync propose"),
        (("-C", "nowhere", "status"), 2, "there is no folder nowhere", ""),
        (("completion",), 2, "missing argument", "gitsync completion --help"),
        (("receipt", "a b"), 2, "'a b' cannot name a proposal", "use lower-case letters"),
    ],
)
def test_a_typo(ledger, document, args, code, said, hint):
    ran = ledger.cli("james", *args)
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("error: ")
    assert said in ran.err.lower() or said in ran.err
    assert hint in ran.err
    assert "Traceback" not in ran.err
    ran = ledger.cli("james", *args, "--json")
    error = document(ran.err, "error")
    assert (ran.code, ran.out, error["kind"]) == (code, "", "usage")


READING = (
    "list",
    "log",
    "proposals",
    "verify",
    "roster list",
    "show x",
    "receipt x",
    "pin",
    "pull",
)


@pytest.mark.parametrize("line", READING)
def test_the_wrong_folder(tmp_path, cli, document, line):
    ran = cli(tmp_path, *line.split())
    assert ran.code == 3
    assert ran.err.startswith(f"error: {tmp_path} is not in a git repository\nhint:  begin one")
    error = document(cli(tmp_path, *line.split(), "--json").err, "error")
    assert (error["kind"], error["code"]) == ("environment", "repo.missing")


def test_a_repository_that_is_no_ledger(tmp_path, cli):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for line in READING:
        if line != "verify":
            ran = cli(tmp_path, *line.split())
            assert (ran.code, "not set up for gitsync" in ran.err) == (3, True)
            assert "hint:  begin one: gitsync init" in ran.err


def test_no_key(ledger, tmp_path, cli, document):
    (tmp_path / "new").mkdir()
    ran = cli(tmp_path / "new", "init", "--name", "dora")
    assert (ran.code, "there is no key to sign with" in ran.err) == (3, True)
    assert "hint:  " in ran.err
    ledger.write("james", "a.md", "a\n")
    ledger.ws("james").repo.git("config", "user.signingkey", "/nowhere/key")
    ran = ledger.cli("james", "propose", "--json")
    assert (ran.code, document(ran.err, "error")["code"]) == (3, "key.missing")
    # What is said then works where it is typed.
    hint = document(ran.err, "error")["hint"]
    assert hint == "name one that is there: gitsync id use PATH"
    assert ledger.cli("james", "id", "use", str(ledger.root / "keys" / "james.key")).code == 0
    assert ledger.cli("james", "propose").code == 0
    ledger.write("james", "a.md", "b\n")
    ran = ledger.cli("james", "snapshot", GITSYNC_KEY="/nowhere/key")
    assert (ran.code, "unset GITSYNC_KEY" in ran.err) == (3, True)


def test_a_key_that_others_can_read(ledger):
    (ledger.root / "keys" / "james.key").chmod(0o644)
    ledger.write("james", "a.md", "a\n")
    ran = ledger.cli("james", "propose")
    assert ran.code == 3
    assert f"hint:  chmod 600 {ledger.root}/keys/james.key\n" in ran.err


def test_an_error_is_told_in_one_piece(failing, ledger):
    """The parser of the command line breaks some of its sentences, with tabs."""
    said = ledger.cli("james", "completion").err.splitlines()[0]
    assert said.endswith("Choose from: bash, zsh, fish")
    error = FormatError("a.b", "f.md:3: bad", where=Where("f.md", 3))
    assert failing(error).err == "error: f.md:3: bad\n"


def test_a_place_in_the_input_is_an_object(ledger, document):
    ledger.write("james", "plans/plan-bcdfgh-t.md", "---\nid: plan-bcdfgh\nid: x\n---\n")
    ran = ledger.cli("james", "propose", "--json")
    assert ran.code == 1
    assert "plans/plan-bcdfgh-t.md:3" in document(ran.err, "error")["message"]


def raising(error):
    def run(*_args, **_more):
        raise error

    return run


@pytest.fixture
def failing(ledger, monkeypatch):
    """``gitsync log`` with a service that raises what the test gives it."""

    def fail(error, *args, **more):
        monkeypatch.setattr("gitsync.services.status.log", raising(error))
        return ledger.cli("james", "log", *args, **more)

    return fail


def test_every_part_of_an_error_reaches_json(failing, document):
    error = FormatError("a.b", "bad", hint="mend it", where=Where("f.md", 3, 4, "id"))
    assert document(failing(error, "--json").err, "error") == {
        "schema": "gitsync/error/1",
        "kind": "refused",
        "code": "a.b",
        "message": "bad",
        "hint": "mend it",
        "where": {"file": "f.md", "line": 3, "column": 4, "field": "id"},
    }
    assert failing(error).err == "error: f.md:3:4 (id): bad\nhint:  mend it\n"


def test_a_long_hint_is_broken_on_a_terminal(failing):
    mend = "restore it from any clone that has it, or from a stick that somebody keeps: git fetch"
    error = FormatError("a.b", "bad", hint=f"{mend}\ngit push HOME {'1' * 40}:refs/heads/gitsync/x")
    shown = failing(error, tty=True, COLUMNS="80", PAGER="cat", NO_COLOR="1").err.splitlines()
    assert shown[1] == "hint:  restore it from any clone that has it, or from a stick that somebody"
    assert shown[2] == "       keeps: git fetch"
    assert shown[3] == f"       git push HOME {'1' * 40}:refs/heads/gitsync/x"


def test_a_bug_is_one_line_and_a_file(failing, isolated, document):
    ran = failing(ZeroDivisionError("\x1b[31moops"))
    assert ran.code == 70
    first, second = ran.err.splitlines()
    assert first.startswith("error: this is a bug in gitsync (ZeroDivisionError); details: ")
    path = first.rpartition(" ")[2]
    assert "Traceback" in open(path, encoding="utf-8").read()  # noqa: SIM115, PTH123
    assert path.startswith(str(isolated))
    assert second == "hint:  please report it with that file"
    loud = failing(ZeroDivisionError("\x1b[31moops"), GITSYNC_DEBUG="1")
    assert "Traceback" in loud.err
    assert "\x1b" not in loud.err
    assert document(failing(KeyError("x"), "--json").err, "error")["kind"] == "bug"
    assert failing(BugError("x.y", "an invariant broke")).code == 70


def test_what_the_system_refuses_is_no_bug(failing, document):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/disk/file")
    ran = failing(full, "--json")
    assert (ran.code, document(ran.err, "error")["code"]) == (3, "disk.full")
    ran = failing(PermissionError(errno.EACCES, "Permission denied", "/root/x"))
    assert ran.err.startswith("error: /root/x: Permission denied\nhint:  check who owns")
    assert failing(OSError(errno.EIO, "odd")).code == 3
    assert failing(OSError(errno.ELOOP, "odd")).code == 70


def test_interruption_is_quiet(failing, document):
    ran = failing(KeyboardInterrupt())
    assert (ran.code, ran.out, ran.err) == (130, "", "")
    ran = failing(KeyboardInterrupt(), "--json")
    assert document(ran.err, "error")["kind"] == "interrupted"


def process(folder, *args, **more):
    return subprocess.run(
        [sys.executable, "-m", "gitsync", *args], cwd=folder, capture_output=True, text=True,
        check=False, **more,
    )  # fmt: skip


def test_the_real_process(ledger, tmp_path):
    assert process(ledger.folder("james"), "status").returncode == 0
    done = process(tmp_path, "log")
    assert (done.returncode, done.stdout) == (3, "")
    assert process(ledger.folder("james"), "receipt", "x").returncode == 2
    done = process(tmp_path, "-C", str(ledger.folder("james")), "log")
    assert done.stdout.startswith("common@1  founded by alice\n")


def test_a_closed_pipe_is_quiet(ledger):
    line = f"{sys.executable} -m gitsync log --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=ledger.folder("james"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode in {0, 141}
    assert done.stderr == ""


def test_a_folder_that_is_gone(tmp_path):
    gone = tmp_path / "gone"
    gone.mkdir()
    line = f"cd {gone} && rmdir {gone} && exec {sys.executable} -m gitsync status"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, "the current folder was deleted" in done.stderr) == (3, True)
