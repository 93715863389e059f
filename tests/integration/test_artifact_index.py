"""The artifact index on real repositories: always what the files say, however it was treated."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from gitsync.domain.errors import EnvironmentFault
from gitsync.domain.query.vocabulary import vocabulary_of
from gitsync.services import catalogue
from gitsync.services.artifacts import listing
from gitsync.services.catalogue import reading
from gitsync.services.workspace import Workspace
from gitsync.storage import artifactdb, artifactindex
from gitsync.storage.artifactindex import ArtifactIndex
from gitsync.storage.trees import TreeReader
from gitsync.storage.workscan import WorkScan
from tests.conftest import Clock, Ledger


def plan(number, **fields):
    lines = {"id": f"plan-{number}", "type": "plan", "title": f"Plan {number}", "status": "draft"}
    head = "".join(f"{name}: {value}\n" for name, value in (lines | fields).items())
    return f"---\n{head}---\n\nBody of number {number}.\n"


def rows(ws, **options):
    found = reading(ws, lambda found: found.find(), **options)
    return [(one.path, one.id, one.type, one.status, one.title, one.problem) for one in found]


def oracle(ws, at=None):
    return [
        (one.path, one.head.id, one.head.type, one.head.status, one.head.title, one.problem)
        for one in sorted(listing(ws, at), key=lambda one: os.fsencode(one.path))
    ]


def git(folder, *args):
    subprocess.run(["git", "-c", "commit.gpgsign=false", *args], cwd=folder, check=True,
                   stdout=subprocess.DEVNULL)  # fmt: skip


@pytest.fixture
def place(ledger):
    """james's clone with a few plans, committed: its workspace and its folder."""
    for number in range(6):
        ledger.write("james", f"plans/{number}.md", plan(number))
    folder = ledger.folder("james")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Plans")
    return ledger.ws("james"), folder


def db(ws):
    return ws.repo.state_dir / artifactdb.FILE


def _deleted(folder):
    (folder / "plans/1.md").unlink()


def _odd_name(folder):
    (folder / os.fsdecode(b"plans/caf\xe9.md")).write_text(plan(7))


STEPS = {
    "edit": lambda folder: (folder / "plans/1.md").write_text(plan(1, status="committed")),
    "stage": lambda folder: (
        (folder / "plans/2.md").write_text(plan(2, title="Two")), git(folder, "add", "-A")),
    "delete": _deleted,
    "new": lambda folder: (folder / "plans/new.md").write_text(plan(9)),
    "deep": lambda folder: (
        (folder / "a/b").mkdir(parents=True), (folder / "a/b/c.markdown").write_text(plan(8))),
    "rename": lambda folder: git(folder, "mv", "plans/3.md", "plans/moved.md"),
    "broken": lambda folder: (folder / "plans/4.md").write_text("---\nid: x\nid: y\n---\n"),
    "plain": lambda folder: (folder / "plans/4.md").write_text("no front matter\n"),
    "link": lambda folder: (_deleted(folder), (folder / "plans/1.md").symlink_to("0.md")),
    "folder": lambda folder: (_deleted(folder), (folder / "plans/1.md").mkdir(),
                              (folder / "plans/1.md/x.md").write_text(plan(5))),
    "ignored": lambda folder: (
        (folder / ".gitignore").write_text("secret.md\n"),
        (folder / "secret.md").write_text(plan(6))),
    "odd name": _odd_name,
    "executable": lambda folder: (folder / "plans/0.md").chmod(0o755),
    "commit": lambda folder: (
        (folder / "plans/5.md").write_text(plan(5, status="approved")),
        git(folder, "add", "-A"), git(folder, "commit", "-qm", "More")),
    "back": lambda folder: git(folder, "reset", "-q", "--hard", "HEAD~1"),
    "sparse": lambda folder: git(folder, "sparse-checkout", "set", "--no-cone", "/plans/1.md"),
}  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_it_says_what_the_files_say(place, step):
    ws, folder = place
    assert rows(ws) == oracle(ws)
    STEPS[step](folder)
    ws = Workspace.open(ws.host)
    assert rows(ws) == oracle(ws)
    assert rows(ws) == oracle(ws)
    assert rows(ws, cache=False) == oracle(ws)


def test_what_is_put_back_is_as_it_was(place):
    ws, folder = place
    before = rows(ws)
    kept = (folder / "plans/1.md").read_text()
    for change in (lambda file: file.write_text(plan(1, title="New")), Path.unlink,
                   lambda file: file.write_text("plain\n")):  # fmt: skip
        change(folder / "plans/1.md")
        assert rows(ws) == oracle(ws) != before
        (folder / "plans/1.md").write_text(kept)
        assert rows(ws) == before


@pytest.mark.parametrize("seed", range(4))
def test_any_order_of_changes(place, seed):
    ws, folder = place
    rng = random.Random(seed)  # noqa: S311 - a test's own luck
    for name in rng.sample(sorted(set(STEPS) - {"sparse", "folder", "link", "delete", "back"}), 8):
        try:
            STEPS[name](folder)
        except subprocess.CalledProcessError:
            continue  # git has nothing to commit or to move
        assert rows(ws) == oracle(ws), name


def test_what_is_young_may_change_without_a_trace(place, monkeypatch):
    """Two writes within one tick of the clock leave the same stat data: young files are read."""
    ws, folder = place
    file = folder / "plans/1.md"
    file.write_text(plan(1, status="aaaaa"))
    assert artifactindex._stat(folder, b"plans/1.md") == ""
    assert rows(ws) == rows(ws) == oracle(ws)
    with sqlite3.connect(db(ws)) as found:
        assert found.execute("SELECT stat FROM overlay").fetchall() == [("",)]
    now = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: now() + 3_000_000_000)
    assert artifactindex._stat(folder, b"plans/1.md") != ""
    assert rows(ws) == oracle(ws)
    with sqlite3.connect(db(ws)) as found:
        assert found.execute("SELECT stat FROM overlay").fetchall() != [("",)]


def test_a_file_as_young_as_git_s_own_index_is_seen(place):
    """The private index keeps the moment of the user's, by which git mistrusts what is as young."""
    ws, folder = place
    file, index = folder / "plans/1.md", folder / ".git/index"
    git(folder, "config", "core.trustctime", "false")
    moment = 1_700_000_000_000_000_000
    file.write_text(plan(1, status="aaaaa"))
    os.utime(file, ns=(moment, moment))
    git(folder, "commit", "-qam", "One")
    file.write_text(plan(1, status="bbbbb"))
    os.utime(file, ns=(moment, moment))
    os.utime(index, ns=(moment, moment))
    assert ("plans/1.md", "bbbbb") in [(one[0], one[3]) for one in rows(ws)]


def test_the_user_s_index_is_left_alone(place):
    ws, folder = place
    (folder / "plans/new.md").write_text(plan(9))
    before = (folder / ".git/index").read_bytes(), (folder / ".git/index").stat().st_mtime_ns
    rows(ws)
    rows(ws)
    assert before == ((folder / ".git/index").read_bytes(),
                      (folder / ".git/index").stat().st_mtime_ns)  # fmt: skip
    assert len(list((folder / ".git/gitsync").glob("scan-*.index"))) == 1


def test_contents_are_read_once_and_trees_by_their_difference(place, monkeypatch):
    ws, folder = place
    read = []
    contents = TreeReader.contents

    def spy(self, oids):
        read.extend(oids)
        return contents(self, oids)

    monkeypatch.setattr(TreeReader, "contents", spy)
    first = set(rows(ws)) and set(read)
    read.clear()
    (folder / "plans/1.md").write_text(plan(1, status="committed"))
    git(folder, "commit", "-qam", "One")
    assert rows(ws) == oracle(ws)
    assert len(read) == 1
    assert not first & set(read)
    read.clear()
    assert rows(ws) == oracle(ws)
    assert read == []


def test_work_trees_share_contents_and_keep_apart(place, tmp_path):
    ws, folder = place
    rows(ws)
    other = tmp_path / "other"
    git(folder, "worktree", "add", "-q", "--detach", str(other))
    (other / "plans/1.md").write_text(plan(1, title="Other"))
    from dataclasses import replace

    there = Workspace.open(replace(ws.host, cwd=other))
    assert rows(there) == oracle(there)
    assert rows(ws) == oracle(ws)
    assert rows(there) != rows(ws)
    assert db(there) == db(ws)


def test_positions_and_files_share_one_index(ledger):
    text = plan(1, owner="james")
    ledger.propose("james", "plans/a.md", text, "first")
    ledger.witness()
    ledger.pull("james")
    ledger.write("james", "plans/a.md", plan(1, title="New"))
    ledger.write("james", "plans/b.md", plan(2))
    ws = ledger.ws("james")
    for at in ("common@1", "common@2", None, "common", "common@1"):
        assert rows(ws, at=at) == oracle(ws, at), at
    for at in ("common@1", None):
        assert rows(ws, at=at, cache=False) == oracle(ws, at)


def test_more_trees_than_are_kept(place, monkeypatch):
    ws, folder = place
    monkeypatch.setattr(artifactindex, "SLOTS", 2)
    trees = TreeReader(folder)
    for number in range(5):
        (folder / "plans/1.md").write_text(plan(1, title=f"Title {number}"))
        git(folder, "commit", "-qam", f"{number}")
        assert rows(ws) == oracle(ws)
        tree = trees.named("HEAD^{tree}")[0]
        index = _open(ws)
        view = index.at(tree, trees)
        assert [one.title for one in view.find(_everything(), {}) if one.path == "plans/1.md"] == [
            f"Title {number}"
        ]
        index.close()
    with sqlite3.connect(db(ws)) as found:
        assert found.execute("SELECT count(*) FROM slot").fetchone()[0] == 3
        slots = {row[0] for row in found.execute("SELECT no FROM slot")}
        assert {row[0] for row in found.execute("SELECT DISTINCT slot FROM member")} == slots


def _everything():
    from gitsync.domain.query.terms import Query

    return Query()


def _open(ws):
    from gitsync.domain.query.vocabulary import vocabulary_of

    trees = TreeReader(ws.repo.work_tree)
    commit = ws.verified().commit
    return artifactindex.ArtifactIndex(
        db(ws), commit, lambda: trees.named(f"{commit}:.gitsync/schema.yaml")[0],
        lambda: vocabulary_of(ws.settings().schema),
    )  # fmt: skip


def test_what_belongs_to_no_kept_tree_is_dropped_in_time(place, monkeypatch):
    ws, folder = place
    monkeypatch.setattr(artifactindex, "SPARE_BLOBS", 4)
    for number in range(20):
        (folder / "plans/1.md").write_text(plan(1, title=f"Title {number}"))
        git(folder, "commit", "-qam", f"{number}")
        assert rows(ws) == oracle(ws)
    with sqlite3.connect(db(ws)) as found:
        assert found.execute("SELECT count(*) FROM blob").fetchone()[0] <= 4 + 2 * 7 + 1


# -- a file that is not what it should be ------------------------------------------------------


def _torn(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _flipped(path):
    data = bytearray(path.read_bytes())
    rng = random.Random(1)  # noqa: S311 - a test's own luck
    for _ in range(len(data) // 20):
        data[rng.randrange(100, len(data))] ^= 0xFF
    path.write_bytes(data)


def _foreign(path):
    path.unlink()
    with sqlite3.connect(path) as found:
        found.execute("CREATE TABLE blob (somebody TEXT)")


def _older(path):
    with sqlite3.connect(path) as found:
        found.execute("PRAGMA user_version=0")
        found.execute("DROP TABLE overlay")


def _without_a_table(path):
    with sqlite3.connect(path) as found:
        found.execute("DROP TABLE member")


def _odd_rows(path):
    with sqlite3.connect(path) as found:
        found.execute("UPDATE member SET path = blob")


def _odd_words(path):
    with sqlite3.connect(path) as found:
        found.execute("UPDATE meta SET value = '[1]' WHERE key = 'vocabulary'")


DAMAGE = {
    "gone": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "text": lambda path: path.write_text("I am no database\n" * 999),
    "folder": lambda path: (path.unlink(), path.mkdir()),
    "torn": _torn, "flipped": _flipped, "foreign": _foreign, "older layout": _older,
    "without a table": _without_a_table, "odd rows": _odd_rows, "odd words": _odd_words,
}  # fmt: skip


@pytest.mark.parametrize("waiting", [False, True])
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_made_anew(place, damage, waiting, monkeypatch):
    ws, _ = place
    monkeypatch.setattr(WorkScan, "running", waiting)
    rows(ws)
    for ending in ("-wal", "-shm"):
        Path(f"{db(ws)}{ending}").unlink(missing_ok=True)
    DAMAGE[damage](db(ws))
    assert rows(ws) == oracle(ws)
    assert rows(ws) == oracle(ws)
    if db(ws).is_file():
        with sqlite3.connect(db(ws)) as found:
            assert found.execute("PRAGMA quick_check").fetchone()[0] == "ok"
            assert found.execute("SELECT count(*) FROM member").fetchone()[0] == 6


def test_being_prepared_changes_nothing(place):
    ws, _ = place
    rows(ws)
    words = vocabulary_of(ws.settings().schema)
    index = ArtifactIndex(db(ws), ws.verified().commit, lambda: "", lambda: words)
    try:
        before = list(index._db.iterdump())
        index.prepare()
        assert not index._db.in_transaction
        assert list(index._db.iterdump()) == before
    finally:
        index.close()


def test_where_nothing_can_be_written_it_works_in_memory(place):
    ws, folder = place
    state = folder / ".git/gitsync"
    db(ws).unlink(missing_ok=True)
    if os.geteuid() == 0:
        # Root may write anywhere: a folder in the file's place stops it too.
        db(ws).mkdir()
    else:
        state.chmod(0o500)
    try:
        assert rows(ws) == oracle(ws)
    finally:
        state.chmod(0o700)


def test_a_locked_file_is_waited_for_and_then_left_alone(place, monkeypatch):
    ws, folder = place
    rows(ws)
    inode = db(ws).stat().st_ino
    monkeypatch.setattr(artifactdb, "BUSY_SECONDS", 0.2)
    (folder / "plans/1.md").write_text(plan(1, status="committed"))
    with sqlite3.connect(db(ws), isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        assert rows(ws) == oracle(ws)
        other.execute("ROLLBACK")
    assert rows(ws) == oracle(ws)
    assert db(ws).stat().st_ino == inode


def test_another_schema_voids_what_was_read(ledger):
    ledger.write("james", "plans/a.md", plan(1, label="L"))
    ws = ledger.ws("james")
    assert rows(ws)[0][4] == "Plan 1"
    index = _open(ws)
    index.close()
    from gitsync.codec import schemafile
    from gitsync.domain.query.vocabulary import vocabulary_of

    schema = ws.repo.git("show", f"{ws.verified().commit}:.gitsync/schema.yaml").out
    other = vocabulary_of(schemafile.parse(schema.replace(b"title: title", b"title: label", 1)))
    again = artifactindex.ArtifactIndex(db(ws), ws.verified().commit[::-1], lambda: "x",
                                        lambda: other)  # fmt: skip
    trees = TreeReader(ws.repo.work_tree)
    view = again.work(
        ws.repo.git_dir,
        ws.repo.work_tree,
        WorkScan(ws.repo.git_dir, ws.repo.work_tree).result(),
        trees,
    )
    assert [one.title for one in view.find(_everything(), {})] == ["L"]
    again.close()
    assert rows(ws)[0][4] == "Plan 1"


def test_a_scan_that_nobody_asked_is_ended(place, monkeypatch):
    begun = []

    class Recorded(WorkScan):
        def __init__(self, *args):
            super().__init__(*args)
            begun.append(self._git)

    def fail(*_):
        raise EnvironmentFault("disk.full", "no more")

    monkeypatch.setattr(catalogue, "WorkScan", Recorded)
    monkeypatch.setattr(catalogue, "_once", fail)
    with pytest.raises(EnvironmentFault, match="no more"):
        rows(place[0])
    assert [one.ended for one in begun] == [True]
    with pytest.raises(ChildProcessError):
        os.waitpid(begun[0].pid, os.WNOHANG)  # and nothing of it is left


# -- never the truth ---------------------------------------------------------------------------


def poison(path):
    """Every artifact another one: other ids, states and owners, contents swapped."""
    with sqlite3.connect(path) as found:
        found.execute("UPDATE blob SET status = 'approved', owner = 'mallory', id = 'plan-evil'")
        found.execute("UPDATE value SET text = 'mallory' WHERE name = 'owner'")
        found.execute("UPDATE member SET blob = (SELECT max(no) FROM blob)")


def test_a_poisoned_index_changes_no_decision(ledger, tmp_path, monkeypatch):
    """The same work twice, once with every index poisoned at each step: the same ids come out."""
    tips = []
    for evil in (False, True):
        copy = _twin(ledger, tmp_path / str(evil), monkeypatch)
        for name in ("james", "alice"):
            copy.write(name, f"plans/{name}.md", plan(f"bcdfg{name[0]}", owner=name))
            ws = copy.ws(name)
            assert len(rows(ws)) == 1
            if evil:
                poison(db(ws))
                assert {one[1] for one in rows(ws)} == {"plan-evil"}
                assert rows(ws, cache=False) == oracle(ws)
            assert copy.cli(name, "propose", "--slug", "mine").code == 0
        copy.witness()
        copy.pull("james")
        ws = copy.ws("james")
        assert copy.cli("james", "verify", "--full").code == 0
        tips.append((ws.verified().number, ws.verified().commit, ws.repo.refs.list("refs/heads")))
    assert tips[0] == tips[1]
    assert tips[0][0] == 3


def _twin(ledger, root, monkeypatch):
    shutil.copytree(ledger.root, root, symlinks=True)
    for name in ("alice", "james", "carol"):
        config = root / name / ".git" / "config"
        config.write_text(config.read_text().replace(str(ledger.root), str(root)))
    monkeypatch.setenv("XDG_STATE_HOME", str(root / "state"))
    return Ledger(root, Clock())


def test_show_believes_only_the_file(place, ledger):
    ws, _ = place
    rows(ws)
    with sqlite3.connect(db(ws)) as found:
        found.execute("UPDATE blob SET title = 'Evil', status = 'approved'")
        found.execute("UPDATE member SET path = CAST('plans/2.md' AS BLOB) WHERE path ="
                      " CAST('plans/1.md' AS BLOB) AND 0")  # fmt: skip
    assert ledger.cli("james", "show", "plan-1", "--field", "title").out == "Plan 1\n"
    with sqlite3.connect(db(ws)) as found:
        first, second = found.execute("SELECT path, blob FROM member LIMIT 2").fetchall()
        found.execute("UPDATE member SET blob = ? WHERE path = ?", (second[1], first[0]))
        found.execute("UPDATE member SET blob = ? WHERE path = ?", (first[1], second[0]))
    for number in range(6):
        shown = ledger.cli("james", "show", f"plan-{number}", "--field", "title")
        assert shown.out == f"Plan {number}\n"


# -- several processes -------------------------------------------------------------------------

READER = """
import sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
from tests.integration.test_artifact_index import oracle, rows
from tests.conftest import Clock, new_host
from gitsync.services.workspace import Workspace
from gitsync.domain.query.vocabulary import vocabulary_of
ws = Workspace.open(new_host(Path({folder!r}), Clock()))
end = time.monotonic() + float(sys.argv[1])
wanted = {{f"plans/{{n}}.md" for n in range(6)}}
count = 0
while time.monotonic() < end:
    found = rows(ws, at=None)
    assert {{one[0] for one in found}} == wanted, found
    assert all(one[5] is None for one in found), found
    assert len({{one[4] for one in found if one[0] in ("plans/1.md", "plans/2.md")}}) == 1, found
    count += 1
print(count)
"""


def _spawn(folder, seconds):
    code = READER.format(root=str(Path(__file__).parents[2]), folder=str(folder))
    python = Path(os.sys.prefix) / "bin" / "python"
    return subprocess.Popen([str(python), "-c", code, str(seconds)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)  # fmt: skip


def _turn(folder, number):
    """Two files change as one: by a commit that git makes before the files are touched."""
    for name in ("1", "2"):
        text = plan(name, title=f"Turn {number}")
        (folder / "plans" / f"{name}.md.new").write_text(text)
    git(folder, "add", "-A")


def test_readers_and_writers_side_by_side(place):
    """Four processes read and update one index while files change; nobody sees an error, a file
    that is not there, or half of what a move of HEAD brings."""
    ws, folder = place
    for name in ("1", "2"):
        (folder / f"plans/{name}.md").write_text(plan(name, title="Turn"))
    git(folder, "commit", "-qam", "Turn")
    rows(ws)
    processes = [_spawn(folder, 6) for _ in range(4)]
    end = time.monotonic() + 5
    number = 0
    while time.monotonic() < end:
        number += 1
        for name in ("3", "4", "5"):
            target = folder / f"plans/{name}.md"
            fresh = folder / "fresh.tmp"
            fresh.write_text(plan(name, title=f"At {number}"))
            fresh.replace(target)
        if number % 5 == 0:
            git(folder, "commit", "-qam", f"{number}")
        time.sleep(0.02)
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err[-3000:]
        assert int(out) > 0
    assert rows(ws) == oracle(ws)
    with sqlite3.connect(db(ws)) as found:
        assert found.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


def test_a_process_killed_in_the_middle_leaves_an_index_that_goes_on(place, monkeypatch):
    ws, folder = place
    for number in range(600):
        (folder / f"plans/many-{number}.md").write_text(plan(f"many{number}"))
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "Many")
    wanted = oracle(ws)
    rng = random.Random(7)  # noqa: S311 - a test's own luck
    killed = 0
    for _ in range(12):
        db(ws).unlink(missing_ok=True)
        process = _spawn(folder, 30)
        # From before the file is there until after it is whole.
        while not db(ws).exists() and process.poll() is None:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.25))
        process.kill()
        process.communicate()
        killed += process.returncode == -9
        assert rows(ws) == wanted
        with sqlite3.connect(db(ws)) as found:
            assert found.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert killed >= 6
