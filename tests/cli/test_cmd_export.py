"""``gitsync export``."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from functools import partial
from typing import TYPE_CHECKING

import pytest

from gitsync.domain.errors import RefusedError
from gitsync.storage import effects
from tests.faults.kit import killed_at

if TYPE_CHECKING:
    from pathlib import Path

PLAN = "---\nid: plan-bbbbbb\ntype: plan\ntitle: A\nstatus: draft\nowner: james\n{more}---\n\n# A\n"


@pytest.fixture
def landed(ledger):
    ledger.propose("james", "plans/a.md", PLAN.format(more=""), "a")
    ledger.clock.tick()
    ledger.witness()
    ledger.pull("james")
    more = PLAN.format(more="depends: [plan-bbbbbb, plan-zzzzzz]\ntags: [1, x]\n")
    ledger.propose("james", "plans/b.md", more.replace("id: plan-bbbbbb", "id: plan-cccccc"), "b")
    ledger.clock.tick()
    ledger.witness()
    ledger.pull("james", "carol")
    return ledger


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*")) if path.is_file()}  # fmt: skip


@pytest.mark.parametrize("form", ["md", "json", "sqlite"])
def test_two_people_get_the_same_bytes_and_stock_tools_check_them(form, landed, document):
    args = ("export", "common@3", "--format", form)
    ran = landed.cli("james", *args, "--to", "../one", "--json")
    found = document(ran.out, "export")
    assert (found["written"], found["format"], found["position"]) == (True, form, "common@3")
    landed.clock.tick(100_000)
    assert landed.cli("carol", *args, "--to", "../deep/two").code == 0
    one, two = landed.root / "one", landed.root / "deep/two"
    assert contents(one) == contents(two)
    assert len(contents(one)) == found["files"] + 1
    subprocess.run(["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=one, check=True,
                   capture_output=True)  # fmt: skip
    again = document(landed.cli("james", *args, "--to", "../one", "--json").out, "export")
    assert again["written"] is False
    assert not list(landed.root.rglob("tmp_gitsync_*"))


def test_md_is_all_files_of_that_position(landed):
    landed.cli("james", "export", "common@2", "--to", "../out")
    got = contents(landed.root / "out")
    listed = subprocess.run(
        ["git", "ls-tree", "-r", "--name-only", "common@2"], cwd=landed.folder("james"),
        check=True, capture_output=True, text=True,
    ).stdout.split()  # fmt: skip
    assert sorted(got) == sorted([*listed, "SHA256SUMS"])
    assert got["plans/a.md"] == PLAN.format(more="").encode()


def test_json_and_sqlite_say_the_same(landed):
    landed.cli("james", "export", "common@3", "--to", "../j", "--format", "json")
    landed.cli("james", "export", "common@3", "--to", "../s", "--format", "sqlite")
    whole = json.loads((landed.root / "j/artifacts.json").read_text())
    assert whole["ledger"] == landed.anchor
    assert [one["id"] for one in whole["artifacts"]] == ["plan-bbbbbb", "plan-cccccc"]
    second = whole["artifacts"][1]
    assert second["fields"]["tags"] == [1, "x"]
    assert second["links"] == [
        {"field": "depends", "name": "plan-bbbbbb", "id": "plan-bbbbbb"},
        {"field": "depends", "name": "plan-zzzzzz", "id": None},
    ]
    assert second["body"] == "\n# A\n"
    with sqlite3.connect(landed.root / "s/artifacts.sqlite") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = db.execute("SELECT path, id, status, body FROM artifacts ORDER BY path").fetchall()
        links = db.execute("SELECT name, id FROM links ORDER BY place").fetchall()
        tags = db.execute("SELECT value FROM fields WHERE name = 'tags'").fetchone()
        about = dict(db.execute("SELECT name, value FROM about"))
    assert rows == [(one["path"], one["id"], one["status"], one["body"])
                    for one in whole["artifacts"]]  # fmt: skip
    assert links == [("plan-bbbbbb", "plan-bbbbbb"), ("plan-zzzzzz", None)]
    assert json.loads(tags[0]) == [1, "x"]
    assert about == {name: whole[name] for name in ("schema", "ledger", "space", "commit")}


def test_the_stock_sqlite_reads_it_with_the_fixed_header(landed):
    landed.cli("james", "export", "common@3", "--to", "../s", "--format", "sqlite")
    raw = (landed.root / "s/artifacts.sqlite").read_bytes()
    assert (raw[24:28], raw[92:96]) == (b"\0\0\0\1", b"\0\0\0\1")
    assert int.from_bytes(raw[28:32], "big") * 4096 == len(raw)


def test_foreign_files_are_left_alone(landed):
    out = landed.root / "out"
    args = ("export", "common@3", "--to", "../out")

    def refused(said: str) -> None:
        before = contents(out)
        ran = landed.cli("james", *args)
        assert (ran.code, said in ran.err) == (1, True), ran.err
        assert contents(out) == before

    out.mkdir()
    assert landed.cli("james", *args).code == 0
    assert landed.cli("james", "export", "common@2", "--to", "../out").code == 0
    assert "plans/b.md" not in contents(out)
    (out / "mine.txt").write_text("mine")
    refused("mine.txt is not as an export has left it")
    (out / "mine.txt").unlink()
    (out / "plans/a.md").write_text("edited")
    refused("plans/a.md is not as an export has left it")
    (out / "SHA256SUMS").unlink()
    refused("and no export")


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["common@3", "--to", "out"], 2, "lies in the ledger's own files"),
        (["common@3"], 2, "where to?"),
        (["common@9", "--to", "../x"], 2, "common@9 is not verified here"),
        (["common@3", "--to", "../x", "--format", "pdf"], 2, "formats: md, json, sqlite"),
        (["common@3", "--to", "../file"], 1, "it is no folder"),
    ],
)
def test_what_cannot_be(args, code, said, landed):
    (landed.root / "file").write_text("x")
    ran = landed.cli("james", "export", *args)
    assert (ran.code, said in ran.err) == (code, True), ran.err
    assert not (landed.root / "x").exists()


@pytest.mark.parametrize("path", ["../evil.md", "SHA256SUMS", "a/../../evil.md"])
def test_a_founder_cannot_write_outside_of_the_folder(path, landed):
    """Nobody judged the first snapshot, and stock git does not check a tree that is only read."""
    from gitsync.services import exporting

    ws = landed.ws("james")
    blob = ws.facts.put_blob(b"x")
    tree = None
    for name in reversed(path.split("/")):
        entry = (b"100644", bytes.fromhex(blob)) if tree is None else (b"40000", tree)
        tree = bytes.fromhex(ws.facts.put_tree({name.encode(): entry}))
    with pytest.raises(RefusedError) as caught:
        list(exporting._files(ws, tree.hex()))
    assert caught.value.code == "path.name"


def test_a_full_disk_leaves_nothing(landed):
    def full(effect, act):
        if effect.kind == "create" and effect.path.endswith("/b.md"):
            raise OSError(28, "No space left on device")
        return act()

    before = sorted(landed.root.iterdir())
    with effects.observed(full):
        ran = landed.cli("james", "export", "common@3", "--to", "../out")
    assert (ran.code, "there is no space left" in ran.err) == (3, True)
    assert sorted(landed.root.iterdir()) == before


def test_killed_anywhere_and_run_again_it_is_whole(landed):
    for number in range(150):
        landed.write("james", f"notes/{number}.md", f"note {number}\n" * 50)
    landed.cli("james", "propose")
    landed.clock.tick()
    landed.witness()
    landed.pull("james")
    out = landed.root / "out"
    killed = 0
    for at in range(1, 700, 23):
        position = ("common@3", "common@4")[at % 2]
        run = partial(landed.cli, "james", "export", position, "--to", str(out))
        killed += killed_at(run, at, after=bool(at % 3))
        if out.exists():  # whole, or not there
            subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], cwd=out, check=True)
    assert killed > 5
    assert landed.cli("james", "export", "common@4", "--to", str(out)).code == 0
    assert "notes/149.md" in contents(out)
    assert not list(landed.root.glob("tmp_gitsync_*"))
