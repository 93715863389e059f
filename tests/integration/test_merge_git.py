"""Our line merge beside ``git merge-file`` on generated edits of Markdown documents."""

from __future__ import annotations

import os
import random
import subprocess
from collections import Counter

import pytest

from gitsync.domain.merge.lines import merge_lines
from gitsync.domain.merge.version1 import merge_v1
from gitsync.domain.merge.version2 import merge_v2
from tests.unit.mergekit import context, head_problem

WORDS = ["plan", "task", "merge", "witness", "ledger", "signs", "a", "the", "of", "and", "order"]
CASES = 400


def document(dice, size):
    out = ["---\n", "id: plan-k7x2mq\n", "type: plan\n", "status: draft\n", "---\n", "\n"]
    while len(out) < size:
        kind = dice.random()
        if kind < 0.15:
            out += ["## " + phrase(dice, 3), "\n"]
        elif kind < 0.5:
            box = [f"- [{dice.choice(' x')}] " + phrase(dice, 2) for _ in range(dice.randint(2, 6))]
            out += [*box, "\n"]
        elif kind < 0.6:
            code = [dice.choice(["x = 1\n", "\n", "return x\n"]) for _ in range(3)]
            out += ["```\n", *code, "```\n", "\n"]
        else:
            out += [*(phrase(dice, 8) for _ in range(dice.randint(1, 4))), "\n"]
    return out


def phrase(dice, words):
    return " ".join(dice.choices(WORDS, k=words)) + "\n"


def edited(dice, lines, edits):
    lines = lines[:]
    for _ in range(edits):
        at = dice.randrange(len(lines) + 1)
        kind = dice.random()
        if kind < 0.4:
            lines[at : at + 1] = [phrase(dice, 5)]
        elif kind < 0.6:
            lines[at:at] = ["- [ ] " + phrase(dice, 1)]
        elif kind < 0.7:
            lines[at:at] = ["\n", phrase(dice, 5)]
        elif kind < 0.85:
            del lines[at : at + dice.randint(1, 4)]
        else:
            block = lines[at : at + 3]
            if kind > 0.93:
                del lines[at : at + 3]
            to = dice.randrange(len(lines) + 1)
            lines[to:to] = block
    return lines


def by_git(folder, base, ours, theirs):
    """What git makes of it, or None where it reports a conflict."""
    for name, data in (("base", base), ("ours", ours), ("theirs", theirs)):
        (folder / name).write_bytes(data)
    done = subprocess.run(
        ["git", "merge-file", "-p", "-q", "ours", "base", "theirs"],
        cwd=folder,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"},
    )
    assert done.returncode < 128, done.stderr
    return done.stdout if done.returncode == 0 else None


@pytest.mark.parametrize(("size", "edits"), [(25, 3), (60, 3), (200, 6)])
def test_agrees_with_git(tmp_path, size, edits):
    dice = random.Random(size)  # noqa: S311 (test data)
    seen = Counter()
    for _ in range(CASES):
        lines = document(dice, size)
        sides = [lines, *(edited(dice, lines, dice.randint(1, edits)) for _ in "ab")]
        base, ours, theirs = ("".join(side).encode() for side in sides)
        merged = merge_lines(base, ours, theirs)
        git = by_git(tmp_path, base, ours, theirs)
        mine = merged if isinstance(merged, bytes) else None
        seen[mine is not None, git is not None, mine == git] += 1
    # Both clean and yet different: never seen in thousands of cases.
    assert seen[True, True, False] == 0
    # Where blocks were moved or doubled, patience and git's Myers can align differently: about one
    # case in 5,000 at 60 lines and 3 edits a side, one in 300 at 20 lines and 4.
    assert seen[True, False, False] <= CASES // 200
    assert seen[False, True, False] <= CASES // 50
    assert seen[True, True, True] > CASES // 2
    assert seen[False, False, True] > CASES // 20


@pytest.mark.parametrize(("size", "edits"), [(25, 3), (40, 6)])
def test_version_2_never_differs_from_git_where_both_are_clean(tmp_path, size, edits):
    """And it takes nothing back: what git merges cleanly, version 2 merges as version 1 does."""
    dice = random.Random(size + 1)  # noqa: S311 (test data)
    seen = Counter()
    for _ in range(CASES):
        # The front matter stays as it is: version 2 takes no merge of its lines for granted.
        head, lines = document(dice, size)[:5], document(dice, size)[5:]
        sides = [lines, *(edited(dice, lines, dice.randint(1, edits)) for _ in "ab")]
        base, ours, theirs = ("".join(head + side).encode() for side in sides)
        new = merge_v2(base, ours, theirs, context())
        old = merge_v1(base, ours, theirs, head_problem)
        git = by_git(tmp_path, base, ours, theirs)
        mine = new if isinstance(new, bytes) else None
        seen[mine is not None, git is not None, mine == git] += 1
        assert not isinstance(old, bytes) or mine == old
    assert seen[True, True, False] == 0
    # Blocks settle what lines cannot.
    assert seen[True, False, False] > 0
    assert seen[False, True, False] <= CASES // 50
