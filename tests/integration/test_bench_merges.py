"""The merge benchmarks at toy size: they count what is there, and name what is to be reviewed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fixtures.make_ledger import isolate
from tests.bench import driver, merges
from tests.bench.common import PROJECT
from tests.bench.triples import transplant
from tests.integration.ledgerkit import git

BASE = "---\nid: 1\ntitle: A\nstatus: draft\ntags: [a]\n---\n\n- one\n- two\n"
OURS = BASE.replace("title: A", "title: B")
THEIRS = BASE.replace("draft", "done").replace("- two", "- 2")


@pytest.fixture
def repo(tmp_path):
    """A history of merges: in each, a file that both sides changed."""
    folder = tmp_path / "repo"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    for key, value in (("user.name", "x"), ("user.email", "x@example.invalid")):
        git(folder, "config", key, value)
    return folder


def put(folder, path, text, message="x") -> str:
    (folder / path).write_text(text)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def merged(folder, path, base, ours, theirs, people) -> None:
    start = put(folder, path, base)
    mine = put(folder, path, ours)
    git(folder, "checkout", "-q", "--detach", start)
    other = put(folder, path, theirs)
    git(folder, "checkout", "-q", "main")
    git(folder, "merge", "-q", other, "--no-commit", "--no-ff", check=False)
    (folder / path).write_text(people)
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "merge")
    assert git(folder, "rev-list", "--parents", "-1", "HEAD").split()[1:] == [mine, other]


def test_every_merge_is_counted(repo, tmp_path):
    both = OURS.replace("draft", "done").replace("- two", "- 2")
    merged(repo, "neighbours.md", BASE, OURS, THEIRS, both)
    merged(repo, "otherwise.md", BASE, OURS, THEIRS, both.replace("done", "odd"))
    merged(repo, "conflict.md", BASE, OURS, BASE.replace("title: A", "title: C"), OURS)
    far = BASE + "\n" * 3 + "end\n"
    merged(repo, "clean.md", far, far.replace("A", "B"), far.replace("end", "END"),
           far.replace("A", "B").replace("end", "END"))  # fmt: skip
    merged(repo, "no.txt", BASE, OURS, THEIRS, both)
    tally = merges.measure(str(repo), tmp_path)
    assert dict(tally.seen) == {
        "git conflicts, we resolve, equal to people's": 1,
        "git conflicts, we resolve, people's differs": 1,
        "both conflict": 1,
        "clean in both, equal to people's": 1,
    }
    assert dict(tally.heads) == {"conflicts": 3, "equal": 1, "other": 1}
    assert {place.split()[1] for _, place in tally.review} == {"otherwise.md"}
    share = next(one for one in tally.figures() if one.name == "of that, resolved")
    assert share.ok is True
    assert share.value == pytest.approx(2 / 3)


def test_a_strategy_counts(repo, tmp_path):
    sides = [BASE.replace("[a]", f"[a{more}]") for more in ("", ", b", ", c")]
    merged(repo, "tags.md", *sides, BASE.replace("[a]", "[a, b, c]"))
    assert merges.measure(str(repo), tmp_path / "1").seen == {"both conflict": 1}
    tally = merges.measure(str(repo), tmp_path / "2", rules=merges.rules_of("plans", None))
    assert tally.seen == {"git conflicts, we resolve, equal to people's": 1}


def test_neighbouring_edits_of_a_linear_history(repo, tmp_path):
    put(repo, "a.md", BASE)
    put(repo, "a.md", OURS)
    put(repo, "a.md", OURS.replace("draft", "done"))  # beside the first
    put(repo, "a.md", OURS.replace("draft", "odd"))  # the same line again: no pair
    bundle = tmp_path / "some.bundle"
    git(repo, "bundle", "create", "-q", str(bundle), "main")
    tally = merges.measure(str(bundle), tmp_path / "out", pairs=True)
    assert tally.seen == {"git conflicts, we resolve, equal to people's": 1}
    assert tally.heads == {"conflicts": 1, "equal": 1}


def test_transplanting_an_edit():
    old, mid, new = b"a\nb\nc\n", b"A\nb\nc\n", b"A\nB\nc\n"
    assert transplant(old, mid, new) == b"a\nB\nc\n"
    assert transplant(old, mid, b"AA\nb\nc\n") is None
    assert transplant(old, mid, b"A\nb\nc\nd\n") == b"a\nb\nc\nd\n"
    assert transplant(b"a\nb\nc\n", b"a\nc\n", b"a\nX\n") == b"a\nb\nX\n"


def test_driver_measures(tmp_path):
    found = driver.measure(tmp_path, 1)
    assert {one.name for one in found} >= {"gitsync merge-driver", "merge driver / import"}
    assert all(one.value > 0 for one in found)


def test_the_command_line_runs(repo, tmp_path):
    merged(repo, "n.md", BASE, OURS, THEIRS, OURS.replace("draft", "done"))
    call = [sys.executable, "-m", "tests.bench.merges", str(repo), "--preset", "plans"]
    env = os.environ | isolate(tmp_path / "user")
    done = subprocess.run(call, capture_output=True, text=True, env=env, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    assert "of that, resolved" in done.stdout
    assert "review: front matter" not in done.stdout
