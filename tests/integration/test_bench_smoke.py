"""Tiny runs of the benchmarks: not how fast they are, but that what they do is right."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fixtures.make_ledger import (
    Layout,
    Ledger,
    add_proposals,
    add_snapshots,
    isolate,
    make_ledger,
)
from gitsync.services.pulling import verify_view
from gitsync.services.sources import known_view
from tests.bench import (
    bundles,
    eips,
    hooks,
    index,
    receiving,
    replay,
    startup,
    stock,
    verify,
    witness,
)
from tests.bench.common import copy, median, ratio, rounds

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bench.common import Figure

TINY = witness.Sizes(
    artifacts=40, proposals=8, sample=3, rounds=1, large=80, small=20, age=6, loose=True
)
TINY_VERIFY = verify.Sizes(
    artifacts=40, snapshots=8, sample=3, rounds=1, quick_rounds=1, memory=(4, 9),
    memory_artifacts=40,
)  # fmt: skip


def test_the_same_sizes_make_the_same_ledger(tmp_path: Path) -> None:
    first = make_ledger(tmp_path / "a", artifacts=30)
    again = make_ledger(tmp_path / "b", artifacts=30)
    assert first.anchor == again.anchor
    assert add_proposals(first, 5) == add_proposals(again, 5)


def test_folders_stay_narrow_and_nest_when_there_are_too_many() -> None:
    flat, deep = Layout(1_000), Layout(100_000)
    assert {flat.path(n).count(b"/") for n in range(1_000)} == {2}
    paths = [deep.path(n) for n in range(100_000)]
    assert len(set(paths)) == 100_000
    folders: dict[bytes, set[bytes]] = {}
    for path in paths:
        while b"/" in path:
            above, _, name = path.rpartition(b"/")
            folders.setdefault(above, set()).add(name)
            path = above  # noqa: PLW2901 - climbing
    assert max(len(names) for names in folders.values()) == 256


def test_made_ledgers_verify_here_and_in_stock_git(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path / "made", artifacts=300)
    add_snapshots(ledger, 5)
    ws = ledger.open()
    verified = verify_view(ws, known_view(ws), full=True, fresh=True)
    assert (verified.state.number, verified.replayed) == (6, 6)
    git = stock.Stock(ledger)
    for number in range(2, 7):
        git("verify-tag", f"common@{number}")
    git("fsck", "--strict")


def test_a_copy_is_independent(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path / "one", artifacts=20)
    add_proposals(ledger, 3)
    other = copy(ledger, "two")
    assert other.run_witness().after == 4
    assert ledger.run_witness().after == 4
    assert other.tip() != ledger.anchor


@pytest.mark.parametrize("name", witness.PARTS)
def test_witness_figures(tmp_path: Path, name: str) -> None:
    # Each part raises when the witness does not take exactly what was pending.
    figures = witness.PARTS[name](tmp_path, TINY)
    assert figures
    assert all(one.value > 0 or name == "marginal" for one in figures)


def test_stock_git_reaches_the_same_files(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path / "base", artifacts=30)
    pending = list(add_proposals(ledger, 6).items())
    theirs = copy(ledger, "stock")
    stock.take(theirs, pending)
    ledger.run_witness()
    tree = "refs/heads/common^{tree}"
    assert ledger.git("rev-parse", tree) == theirs.git("rev-parse", tree)


def test_loose_input_gives_the_same_snapshots(tmp_path: Path) -> None:
    ledger = make_ledger(tmp_path / "base", artifacts=30)
    add_proposals(ledger, 6)
    packed = copy(ledger, "packed")
    witness.loosen(ledger)
    assert "count: 0" not in ledger.git("count-objects", "-v")
    for one in (ledger, packed):
        one.run_witness()
    files = [_files(one) for one in (ledger, packed)]
    assert files[0] == files[1]


def _files(ledger: Ledger) -> str:
    return ledger.git("ls-tree", "-r", "refs/heads/common")


@pytest.mark.parametrize("name", verify.PARTS)
def test_verify_figures(tmp_path: Path, name: str) -> None:
    figures = verify.PARTS[name](tmp_path, TINY_VERIFY)
    assert figures
    assert all(one.value > 0 for one in figures)


def test_startup_runs_where_there_is_a_command(tmp_path: Path) -> None:
    figures = startup.measure(tmp_path, 10, 1)
    assert all(one.value > 0 for one in figures)


def test_hooks_run_in_whole_commits(tmp_path: Path) -> None:
    figures = hooks.measure(tmp_path, 10, 1)
    assert [one.wanted for one in figures if one.wanted] == ["<= 1.3", "<= 1.5"]
    assert all(one.value > 0 for one in figures)


@pytest.mark.parametrize("part", [index.cold, index.changed])
def test_index_figures(tmp_path: Path, part: Callable[..., list[Figure]]) -> None:
    # Each raises when an artifact or a change was not found.
    figures = part(tmp_path, index.TINY)
    assert figures
    assert all(one.value > 0 for one in figures)


def test_index_beside_backlog(tmp_path: Path) -> None:
    """A stand-in for Backlog.md, which tests do not install: what is compared is the counting."""
    fake = tmp_path / "backlog"
    fake.write_text('#!/bin/sh\nfor f in backlog/tasks/*.md; do echo "  TASK-1 - $f"; done\n')
    fake.chmod(0o755)
    figures = index.backlog(tmp_path / "with", index.TINY, str(fake))
    assert [one.ok is not None for one in figures] == [False, True, False, False, True]
    without = index.backlog(tmp_path / "without", index.TINY, None)
    assert without[-1].note == "not installed"


def test_rounds_alternate_and_the_ratio_is_taken_in_each() -> None:
    seen: list[str] = []

    def step(name: str, value: float) -> float:
        seen.append(name)
        return value

    own, other = rounds(3, lambda: step("ours", 6.0), lambda: step("theirs", 2.0))
    assert seen == ["ours", "theirs"] * 3
    assert ratio(own, other) == 3.0
    assert median(own) == 6.0


# -- replay ---------------------------------------------------------------------------------


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A little repository shaped like the real one: edits, a new file, a rename, a deletion."""
    folder = tmp_path / "eips"
    env = isolate(tmp_path / "user")
    (folder / "EIPS").mkdir(parents=True)

    def git(*args: str, who: str = "Ann Lee", at: int = 0) -> None:
        when = f"{1_700_000_000 + at} +0200"
        extra = {
            "GIT_AUTHOR_NAME": who, "GIT_AUTHOR_EMAIL": f"{who[:3].lower()}@example.org",
            "GIT_COMMITTER_NAME": "hub", "GIT_COMMITTER_EMAIL": "hub@example.org",
            "GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when,
        }  # fmt: skip
        subprocess.run(["git", *args], cwd=folder, env=env | extra, check=True)

    def write(number: int, *lines: str) -> None:
        text = f"---\neip: {number}\ntitle: Number {number}\nstatus: Draft\n---\n\n"
        (folder / f"EIPS/eip-{number}.md").write_text(text + "\n".join(lines) + "\n")

    git("init", "-q", "-b", "master")
    for number in (1, 2, 3):
        write(number, "first")
    (folder / "README.md").write_text("not an EIP\n")
    git("add", "-A")
    git("commit", "-qm", "All of it")
    steps = [
        ("Ann Lee", lambda: write(1, "first", "second")),
        ("Bo Ek", lambda: write(1, "first", "second", "third")),
        ("\u00d8", lambda: write(2, "changed")),
        ("Bo Ek", lambda: (folder / "README.md").write_text("still not\n")),
        ("Bo Ek", lambda: (folder / "EIPS/eip-3.md").rename(folder / "EIPS/eip-30.md")),
        ("Ann Lee", lambda: [write(1, "one", "second", "third"), write(2, "changed", "too")]),
        ("Ann Lee", lambda: write(4, "new")),
        ("Bo Ek", (folder / "EIPS/eip-2.md").unlink),
    ]
    for at, (who, change) in enumerate(steps, start=1):
        change()
        git("add", "-A")
        git("commit", "-qm", f"Step {at}\n\nAfter: nothing", who=who, at=at)
    return folder


@pytest.mark.parametrize("batch", [1, 3, 50])
def test_replay_takes_every_edit(tmp_path: Path, source: Path, batch: int) -> None:
    tally = replay.replay(str(source), tmp_path / "out", batch=batch, sample=5)
    assert tally.refused == []
    assert (tally.edits, tally.idle, tally.authors, tally.checked) == (7, 1, 3, 5)
    assert tally.equal
    # With one pending at a time there is nothing to merge.
    assert (tally.merges == 0) == (batch == 1)


def test_replay_from_a_bundle_and_with_a_limit(tmp_path: Path, source: Path) -> None:
    bundle = tmp_path / "some.bundle"
    env = isolate(tmp_path / "user")
    subprocess.run(
        ["git", "bundle", "create", "-q", str(bundle), "master"], cwd=source, env=env, check=True
    )
    tally = replay.replay(str(bundle), tmp_path / "out", limit=4, batch=2, sample=2)
    assert (tally.edits, tally.equal, tally.refused) == (4, True, [])


def test_edits_keep_their_author_and_date(tmp_path: Path, source: Path) -> None:
    folder = tmp_path / "read"
    folder.mkdir()
    env = isolate(tmp_path / "user")
    history = eips.read(str(source), folder, env, since="2023-11-14T22:13:21Z", limit=None)
    assert len(history.edits) == 6
    first = history.edits[0]
    assert (first.author.name, first.author.offset) == (b"Bo Ek", b"+0200")
    assert first.author.seconds == first.seconds == 1_700_000_002
    labels = eips.names(history.edits)
    assert labels[first.who] == "bo-ek"
    assert len(set(labels.values())) == 3


def test_pushes_through_a_guarded_home_arrive(tmp_path: Path) -> None:
    figures = receiving.measure(
        tmp_path, receiving.Sizes(artifacts=20, singles=2, many=6, rounds=2)
    )
    assert [one.unit for one in figures] == ["ms", "ms", "ms", "times", "s", "times"]
    assert all(one.value > 0 for one in figures)


def test_bundles_are_written_and_taken_as_they_are_timed():
    figures = bundles.run(bundles.Sizes(artifacts=20, snapshots=8, few=6, step=2, rounds=1))
    found = {one.name: one.value for one in figures}
    assert found["complete: ours / git, bytes"] > 1
    assert all(value > 0 for value in found.values())
    assert found.keys() >= {"import, complete", "increment: large / small ledger"}
