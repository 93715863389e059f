"""The merge benchmark on repositories that it has not seen: made merges, and odd repositories."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from fixtures.make_ledger import isolate
from fixtures.make_merges import make
from tests.bench import merges, triples
from tests.bench.common import PROJECT
from tests.integration.ledgerkit import git
from tests.integration.test_bench_merges import BASE, OURS, THEIRS, merged, put, repo

__all__ = ["repo"]
BOTH = OURS.replace("draft", "done").replace("- two", "- 2")


def test_a_made_history_is_counted_in_full(tmp_path):
    maker = make(tmp_path / "made", isolate(tmp_path / "maker"), merges=20, seed=3)
    assert maker.conflicts > 2
    tally = merges.measure(str(maker.folder), tmp_path)
    history, seen = tally.history, tally.seen
    assert history["merges"] == int(git(maker.folder, "rev-list", "--count", "--merges", "HEAD"))
    assert history["octopus merges"] == 2
    assert history["merges with several bases"] == 2
    # Without a schema no field has a strategy, so nothing is settled that a person settled
    # otherwise; and the person of the script takes all that does not contradict.
    assert seen["git conflicts, we resolve, equal to people's"] > 0
    assert [kind for kind in seen if "differs" in kind or "different" in kind] == []
    assert tally.review == []


def test_one_seed_makes_one_history(tmp_path):
    heads = [
        git(make(tmp_path / name, isolate(tmp_path / f"{name}.user"), merges=3).folder,
            "rev-parse", "main")
        for name in ("a", "b")
    ]  # fmt: skip
    assert heads[0] == heads[1]


def sides(folder, start, *changes):
    """Commits beside each other on ``start``; each change is made by a function."""
    tips = []
    for change in changes:
        git(folder, "checkout", "-q", "--detach", start)
        change()
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "side")
        tips.append(git(folder, "rev-parse", "HEAD"))
    git(folder, "checkout", "-q", "-B", "main", tips[0])
    return tips


def test_a_rename_meets_an_edit(repo, tmp_path):
    start = put(repo, "old.md", BASE)

    def rename():
        (repo / "old.md").unlink()
        (repo / "new.md").write_text(OURS)

    _, other = sides(repo, start, rename, lambda: (repo / "old.md").write_text(THEIRS))
    git(repo, "merge", "-q", "--no-commit", other, check=False)
    (repo / "new.md").write_text(BOTH)
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "merge")
    tally = merges.measure(str(repo), tmp_path)
    assert tally.seen == {"git conflicts, we resolve, equal to people's": 1}
    assert tally.history["files that a side renamed"] == 1


def test_what_one_side_removed_is_counted_and_not_merged(repo, tmp_path):
    start = put(repo, "a.md", BASE)
    _, other = sides(
        repo, start, (repo / "a.md").unlink, lambda: (repo / "a.md").write_text(THEIRS)
    )
    git(repo, "merge", "-q", "--no-commit", other, check=False)
    git(repo, "add", "-A")
    git(repo, "commit", "-qm", "merge")
    tally = merges.measure(str(repo), tmp_path)
    assert (tally.seen, tally.history["files that one side removed"]) == ({}, 1)


def test_two_bases_are_made_one_or_counted(repo, tmp_path):
    far = BASE + "\n" * 4 + "end\n"

    def crossed(one, other):
        """Two lines that merged each other, each with an edit, and then edited again."""
        start = put(repo, "a.md", far, "start")
        left, right = sides(
            repo, start, lambda: (repo / "a.md").write_text(one(far)),
            lambda: (repo / "a.md").write_text(other(far)),
        )  # fmt: skip
        tips = []
        for here, there, mark in ((left, right, "L"), (right, left, "R")):
            git(repo, "checkout", "-q", "--detach", here)
            git(repo, "merge", "-q", "--no-commit", "--no-ff", there, check=False)
            both = one(other(far))
            (repo / "a.md").write_text(both)
            git(repo, "add", "-A")
            git(repo, "commit", "-q", "-m", "cross")
            edited = both.replace("status: draft", "status: done") if mark == "L" else (
                both.replace("end", "END")
            )  # fmt: skip
            tips.append(put(repo, "a.md", edited))
        git(repo, "checkout", "-q", "-B", "main", tips[0])
        git(repo, "merge", "-q", "--no-ff", "-m", "last", tips[1])

    crossed(lambda text: text.replace("title: A", "title: B"),
            lambda text: text.replace("- two", "- 2"))  # fmt: skip
    tally = merges.measure(str(repo), tmp_path / "1")
    assert tally.history["merges with several bases"] == 1
    assert tally.seen["clean in both, equal to people's"] == 3  # two crossing ones, and the last
    git(repo, "checkout", "-q", "--orphan", "again")
    git(repo, "rm", "-rqf", ".")
    crossed(lambda text: text.replace("- two", "- 2"), lambda text: text.replace("- two", "- II"))
    again = merges.measure(str(repo), tmp_path / "2")
    assert again.history["files whose bases conflict"] == 1


def test_an_octopus_whose_sides_meet_in_a_file(repo, tmp_path):
    far = BASE + "\n" * 4 + "end\n"
    put(repo, "b.md", "b\n")
    start = put(repo, "a.md", far)
    tips = sides(
        repo, start,
        lambda: (repo / "a.md").write_text(far.replace("title: A", "title: B")),
        lambda: (repo / "a.md").write_text(far.replace("end", "END")),
        lambda: (repo / "b.md").write_text("c\n"),
    )  # fmt: skip
    git(repo, "merge", "-q", "--no-ff", "-m", "three", *tips[1:])
    tally = merges.measure(str(repo), tmp_path)
    assert tally.history["octopus merges"] == 1
    assert tally.seen == {"clean in both, equal to people's": 1}


def test_names_and_things_that_are_no_artifacts(repo, tmp_path, monkeypatch):
    name = os.fsdecode(b"caf\xe9\tand\nmore.md")
    merged(repo, name, BASE, OURS, THEIRS, BOTH)
    merged(repo, "crlf.md", *(text.replace("\n", "\r\n") for text in (BASE, OURS, THEIRS, BOTH)))
    large = "large\n" * 40
    merged(repo, "large.md", large, "a" + large, large + "b", large)
    monkeypatch.setattr(triples, "MAX_BYTES", 200)
    tally = merges.measure(str(repo), tmp_path)
    assert tally.seen == {"git conflicts, we resolve, equal to people's": 2}
    assert tally.history["files too large"] == 3
    assert tally.review == []


def test_links_and_submodules_are_left_alone(repo, tmp_path):
    def entry(mode, oid):
        git(repo, "update-index", "--add", "--cacheinfo", f"{mode},{oid},odd.md")
        git(repo, "commit", "-q", "-m", "odd")
        return git(repo, "rev-parse", "HEAD")

    put(repo, "a.md", BASE)
    start = entry("160000", "1" * 40)
    mine = entry("160000", "2" * 40)
    git(repo, "checkout", "-q", "--detach", start)
    other = entry("160000", "3" * 40)
    tree = git(repo, "rev-parse", "HEAD^{tree}")
    both = git(repo, "commit-tree", tree, "-p", mine, "-p", other, "-m", "merge")
    git(repo, "update-ref", "refs/heads/main", both)
    tally = merges.measure(str(repo), tmp_path)
    assert (tally.history["merges"], tally.seen) == (1, {})


def bench(tmp_path, source, *more):
    call = [sys.executable, "-m", "tests.bench.merges", str(source), *more]
    env = os.environ | isolate(tmp_path / "user")
    return subprocess.run(call, capture_output=True, text=True, env=env, cwd=PROJECT, check=False)


def test_bare_shallow_and_without_merges(repo, tmp_path):
    put(repo, "a.md", BASE)
    done = bench(tmp_path, repo)
    assert done.returncode == 0
    assert "there is no merge in this history" in done.stderr
    merged(repo, "n.md", BASE, OURS, THEIRS, BOTH)
    git(repo, "clone", "-q", "--bare", str(repo), str(tmp_path / "bare.git"))
    assert (
        "merges                                                 1 merges"
        in bench(tmp_path, tmp_path / "bare.git").stdout
    )
    git(repo, "clone", "-q", "--depth=1", f"file://{repo}", str(tmp_path / "shallow"))
    done = bench(tmp_path, tmp_path / "shallow")
    assert done.returncode == 0
    assert "this is a shallow clone" in done.stderr


def test_other_object_ids_are_as_good(tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main", "--object-format=sha256")
    for key, value in (("user.name", "x"), ("user.email", "x@example.invalid")):
        git(folder, "config", key, value)
    merged(folder, "n.md", BASE, OURS, THEIRS, BOTH)
    tally = merges.measure(str(folder), tmp_path)
    assert tally.seen == {"git conflicts, we resolve, equal to people's": 1}


@pytest.mark.parametrize("there", [False, True])
def test_what_is_no_repository_is_said(tmp_path, there):
    if there:
        (tmp_path / "no").mkdir()
    done = bench(tmp_path, tmp_path / "no")
    assert done.returncode == 2
    assert "cannot be read: fatal: repository" in done.stderr
    assert "Traceback" not in done.stderr
