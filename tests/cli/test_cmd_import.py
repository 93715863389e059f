"""``gitsync import``."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

BACKLOG = {
    "config.yml": "project_name: x\n",
    "tasks/task-1 - Set-up.md": (
        "---\nid: TASK-1\ntitle: 'Core: set up'\nstatus: In Progress\nassignee:\n  - '@james'\n"
        "created_date: '2026-01-01 23:37'\nlabels:\n  - core\ndependencies: []\nordinal: 1000\n"
        "---\n\n## Description\n\n<!-- SECTION:DESCRIPTION:BEGIN -->\nx\n"
    ),
    "tasks/task-1.1 - Below.md": (
        "---\nid: TASK-1.1\ntitle: Below\nstatus: To Do\nassignee: []\nlabels: []\n"
        "dependencies:\n  - task-1\n  - TASK-9\nparent_task_id: TASK-1\n---\nbody\r\n"
    ),
    "completed/task-2 - Done.md": "---\nid: TASK-2\ntitle: Done\nstatus: Done\n---\n",
    "docs/doc-1 - Notes.md": "---\nid: doc-1\ntitle: Notes\n---\n",
}


@pytest.fixture
def folder(tmp_path):
    """Write files below a folder: ``folder("x", {"a.md": text})``."""

    def make(name: str, files: dict[str, str | bytes]) -> Path:
        for path, text in files.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode() if isinstance(text, str) else text)
        return tmp_path / name

    return make


@pytest.fixture
def here(tmp_path):
    place = tmp_path / "here"
    place.mkdir()
    return place


def files_of(place: Path) -> dict[str, bytes]:
    return {path.relative_to(place).as_posix(): path.read_bytes()
            for path in sorted(place.rglob("*")) if path.is_file()}  # fmt: skip


def test_a_backlog_folder_comes_as_it_is(folder, here, cli, document):
    source = folder("app/backlog", BACKLOG)
    ran = cli(here, "import", str(source), "--preset", "tasks", "--json")
    found = document(ran.out, "import")
    assert ran.code == 0
    assert [(one["path"], one["id"], one["given"]) for one in found["files"]] == [
        ("backlog/completed/task-2 - Done.md", "TASK-2", False),
        ("backlog/tasks/task-1 - Set-up.md", "TASK-1", False),
        ("backlog/tasks/task-1.1 - Below.md", "TASK-1.1", False),
    ]
    assert found["left-out"] == ["docs/doc-1 - Notes.md"]
    assert [(one["code"], one["file"], one["line"]) for one in found["findings"]] == [
        ("lint.dangling-link", "backlog/tasks/task-1.1 - Below.md", 9)
    ]
    wanted = {f"backlog/{name}": text.encode() for name, text in BACKLOG.items()
              if name.startswith(("tasks", "completed"))}  # fmt: skip
    assert files_of(here) == wanted
    # Again: nothing to do, and nothing is changed.
    again = document(cli(here, "import", str(source), "--preset", "tasks", "--json").out, "import")
    assert not any(one["written"] for one in again["files"])


ADRS = {
    "docs/adr/0001-record-decisions.md": (
        "# 1. Record decisions\r\n\r\nDate: 2026-01-01\r\n\r\n## Status\r\n\r\nAccepted\r\n"
    ),
    "docs/adr/0002-use-git.md": (
        "\ufeff# ADR-2: Use git ##\n\n## Status\n\nSuperseded by [3](0003-use-more-git.md)\n"
    ),
    "docs/adr/0003-use-more-git.md": (
        "---\n# MADR\nstatus: proposed\nsupersedes: '[2](0002-use-git.md)'\n---\n# Use more git\n"
    ),
    "docs/adr/README.md": "# Decisions\n",
}


def test_decision_records_get_front_matter_and_keep_their_bodies(folder, here, cli, document):
    source = folder("app", ADRS)
    ran = cli(here, "import", str(source), "--preset", "adr", "--json")
    found = document(ran.out, "import")
    assert [(one["id"], one["given"]) for one in found["files"]] == [
        ("0001", True), ("0002", True), ("0003", True),
    ]  # fmt: skip
    assert (found["left-out"], found["findings"]) == (["docs/adr/README.md"], [])
    got = files_of(here)
    head = '---\r\nid: "0001"\r\ntitle: Record decisions\r\nstatus: accepted\r\n---\r\n'
    assert (
        got["docs/adr/0001-record-decisions.md"]
        == (head + ADRS["docs/adr/0001-record-decisions.md"]).encode()
    )
    head = '\ufeff---\nid: "0002"\ntitle: Use git\nstatus: superseded\n---\n'
    assert (
        got["docs/adr/0002-use-git.md"]
        == (head + ADRS["docs/adr/0002-use-git.md"].removeprefix("\ufeff")).encode()
    )
    assert got["docs/adr/0003-use-more-git.md"] == (
        b"---\nid: \"0003\"\n# MADR\nstatus: proposed\nsupersedes: '[2](0002-use-git.md)'\n"
        b"title: Use more git\n---\n# Use more git\n"
    )


@pytest.mark.parametrize("part", ["app", "app/docs", "app/docs/adr"])
def test_however_it_is_named_it_goes_where_it_belongs(part, folder, here, cli, tmp_path):
    folder("app", ADRS)
    assert cli(here, "import", str(tmp_path / part), "--preset", "adr").code == 0
    assert sorted(files_of(here)) == sorted(name for name in ADRS if "README" not in name)


def test_ids_are_the_same_in_every_run_and_where_files_lie_they_stay(folder, here, cli, document):
    source = folder("notes", {"a.md": "# A\n", "deep/b.md": "---\nstate: draft\n---\ntext\n"})
    args = ("import", str(source), "--preset", "plans", "--type", "plan", "--map", "state=status")
    first = document(cli(here, *args, "--json").out, "import")["files"]
    assert [one["path"] for one in first] == ["plans/a.md", "plans/deep/b.md"]
    assert all(one["given"] and one["id"].startswith("plan-") for one in first)
    got = files_of(here)
    ident = first[1]["id"]
    assert got["plans/deep/b.md"] == (
        f"---\nid: {ident}\nstatus: draft\ntitle: b\n---\ntext\n".encode()
    )
    (here / "plans/a.md").unlink()
    second = document(cli(here, *args, "--json").out, "import")["files"]
    assert [one["id"] for one in second] == [one["id"] for one in first]
    assert [one["written"] for one in second] == [True, False]
    assert files_of(here) == got
    # In place: only what lacks an id is touched.
    extra = folder("here/plans", {"c.md": "# C\r\n"})
    third = document(cli(here, "import", "plans", "--preset", "plans", "--json").out, "import")
    assert [(one["path"], one["given"]) for one in third["files"]] == [
        ("plans/a.md", False), ("plans/c.md", True), ("plans/deep/b.md", False),
    ]  # fmt: skip
    assert (extra / "c.md").read_bytes().endswith(b"---\r\n# C\r\n")


def test_standard_input(here, cli, document):
    text = "---\nlabels: [ops]\n---\n# Move the backups\n"
    ran = cli(here, "import", "-", "--preset", "tasks", "--json", answers=text)
    (found,) = document(ran.out, "import")["files"]
    assert found["path"] == f"tasks/{found['id']}-move-the-backups.md"
    got = (here / found["path"]).read_text()
    assert got == (
        f"---\nid: {found['id']}\nlabels: [ops]\ntitle: Move the backups\nstatus: To Do\n---\n"
        "# Move the backups\n"
    )
    ran = cli(here, "import", "-", "--preset", "plans", answers=text)
    assert (ran.code, "--type plan|story|runbook" in ran.err) == (2, True)


REFUSED = {
    "broken": ({"a.md": "---\nid: [\n---\n"}, "a.md:3:1: expected"),
    "twice": ({"a.md": "---\nid: t-1\n---\n", "b.md": "---\nid: t-1\n---\n"}, "is that of"),
    "both names": ({"a.md": "---\nstate: x\nstatus: Done\n---\n"}, "both 'state' and 'status'"),
    "a name": ({"con.md": "x\n"}, "device name"),
    "conflict": ({"a.md": "x\n<<<<<<< o\n=======\n>>>>>>> t\n"}, "a.md:2:1: an unsettled"),
    "unclosed": ({"a.md": "---\ntext\n"}, "no closing line"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_one_bad_file_and_nothing_happens(case, folder, here, cli):
    files, said = REFUSED[case]
    source = folder("notes", {**files, "fine.md": "# Fine\n"})
    ran = cli(here, "import", str(source), "--preset", "tasks", "--map", "state=status")
    assert (ran.code, ran.out, said in ran.err) == (1, "", True), ran.err
    assert "nothing was imported" in ran.err
    assert files_of(here) == {}


def test_no_other_file_is_overwritten_and_no_id_is_taken_twice(folder, here, cli):
    source = folder("notes", {"a.md": "---\nid: task-1\n---\n", "b.md": "# B\n"})
    folder("here/tasks", {"b.md": "something else\n"})
    ran = cli(here, "import", str(source), "--preset", "tasks")
    assert (ran.code, "another file stands at tasks/b.md" in ran.err) == (1, True)
    (here / "tasks/b.md").unlink()
    folder("here/tasks", {"z.md": "---\nid: task-1\ntitle: Z\nstatus: Done\n---\n"})
    ran = cli(here, "import", str(source), "--preset", "tasks")
    assert ran.code == 1
    assert "the id task-1 is that of" in ran.err
    assert list(files_of(here)) == ["tasks/z.md"]


def test_fields_of_any_shape_are_kept(folder, here, cli, document):
    text = "---\nid:\nowner: [a, b]\nextra: {x: [1]}\nstatus: ''\n---\n# T\n"
    source = folder("notes", {"a.md": text})
    ran = cli(here, "import", str(source), "--preset", "plans", "--type", "plan", "--json")
    (found,) = document(ran.out, "import")["files"]
    assert (here / "plans/a.md").read_text() == (
        f"---\nid: {found['id']}\nowner: [a, b]\nextra: {{x: [1]}}\nstatus: 'draft'\n"
        "title: T\n---\n# T\n"
    )


def test_a_type_of_their_own_is_told(folder, here, cli, document):
    text = "---\nid: x1\ntype: bug\nstatus: draft\ntitle: T\nowner: a\n---\n"
    source = folder("notes", {"a.md": text})
    args = ("import", str(source), "--preset", "plans", "--type", "plan", "--json")
    found = document(cli(here, *args).out, "import")
    assert [(one["code"], one["file"], one["line"]) for one in found["findings"]] == [
        ("import.other-type", "plans/a.md", 3)
    ]
    (here / "plans/a.md").unlink()
    found = document(cli(here, *args, "--map", "type=category").out, "import")
    assert found["findings"] == []
    assert "\ncategory: bug\n" in (here / "plans/a.md").read_text()


def test_two_files_for_one_place(folder, here, cli):
    text = "---\nid: {id}\ntype: plan\nstatus: draft\ntitle: T\nowner: a\n---\n"
    source = folder("notes", {"plans/a.md": text.format(id="plan-bbbbbb"),
                              "a.md": text.format(id="plan-cccccc")})  # fmt: skip
    ran = cli(here, "import", str(source), "--preset", "plans")
    assert (ran.code, "it would lie where a.md does" in ran.err) == (1, True), ran.err
    assert files_of(here) == {}


def test_dry_run_writes_nothing(folder, here, cli, document):
    source = folder("app/backlog", BACKLOG)
    ran = cli(here, "import", str(source), "--preset", "tasks", "--dry-run")
    assert ran.out.startswith("3 artifacts, 3 would be written, 0 with a new id\n")
    assert "left out, for nothing tells their type: docs/doc-1 - Notes.md" in ran.out
    assert files_of(here) == {}


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["gone", "--preset", "tasks"], 3, "there is no file or folder gone"),
        (["../empty", "--preset", "tasks"], 1, "there is no Markdown in ../empty"),
        (["../app"], 2, "name a preset"),
        (["../app", "--preset", "tasks", "--type", "x"], 2, "no artifact type 'x'"),
        (["../app", "--preset", "tasks", "--map", "x"], 2, "--map takes THEIRS=OURS"),
    ],
)
def test_what_cannot_be(args, code, said, folder, here, cli):
    folder("app", {"a.md": "x"})
    folder("empty", {"a.txt": "x"})
    ran = cli(here, "import", *args)
    assert (ran.code, said in ran.err) == (code, True), ran.err


def test_imported_into_a_ledger_and_landed(ledger, folder, document):
    source = folder("notes", {f"n{n}.md": f"# Note {n}\n" for n in range(3)})
    ran = ledger.cli("james", "import", str(source), "--type", "plan", "--json")
    found = document(ran.out, "import")
    assert (ran.code, found["findings"]) == (0, [])
    assert b"owner: james\n" in (ledger.folder("james") / "plans/n0.md").read_bytes()
    assert ledger.cli("james", "lint").code == 0
    ledger.cli("james", "propose")
    ledger.clock.tick()
    assert ledger.witness().after == 2


KILLER = """
import os, signal, sys
from gitsync.cli.main import run
from gitsync.storage import effects
step, at = sys.argv[1], int(sys.argv[2])
calls = []
def counted(effect, act):
    if effect.kind == step:
        calls.append(effect)
        if len(calls) == at:
            os.kill(os.getpid(), signal.SIGKILL)
    return act()
with effects.observed(counted):
    sys.exit(run(sys.argv[3:]))
"""


@pytest.mark.parametrize("step", ["create", "sync", "rename", "sync-folder"])
def test_killed_at_any_step_and_run_again_it_completes(step, folder, here, cli, document):
    source = folder("notes", {f"n{n:02}.md": f"# Note {n}\n" for n in range(20)})
    args = ["import", str(source), "--preset", "tasks"]
    seen = set()
    for at in (1, 2, 20):
        if step == "sync-folder" and at > 1:
            break
        shutil.rmtree(here)
        here.mkdir()
        command = [sys.executable, "-c", KILLER, step, str(at), "-C", str(here), *args]
        killed = subprocess.run(command, env=dict(os.environ), capture_output=True, check=False)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        left = files_of(here)
        whole = {name: text for name, text in left.items() if "tmp_gitsync_" not in name}
        assert (len(whole) < len(left)) is (step != "sync-folder")
        assert all(text.endswith(b"---\n# Note %d\n" % int(name[7:9]))
                   for name, text in whole.items())  # fmt: skip
        found = document(cli(here, *args, "--json").out, "import")["files"]
        done = files_of(here)
        assert len(found) == len(done) == 20, "what the killed run left unfinished is swept away"
        assert all(done[name] == text for name, text in whole.items())
        seen.add(tuple(one["id"] for one in found))
    assert len(seen) == 1


def test_a_field_of_theirs_that_no_file_has_is_named(folder, here, cli, document):
    source = folder("notes", {"a.md": "---\nstate: Done\n---\n# A\n", "b.md": "# B\n"})
    args = ("import", str(source), "--preset", "tasks", "--map", "state=status")
    ran = cli(here, *args, "--map", "staet=status", "--map", "Title=title", "--dry-run")
    assert ran.code == 0, ran.err
    assert "  --map: no file has a field of that name: staet, Title\n" in ran.out
    found = document(cli(here, *args, "--map", "staet=status", "--json").out, "import")
    assert found["unknown"] == ["staet"]
    assert "--map" not in cli(here, *args).out
