"""What the hooks of a clone add to ``git commit``.

``python -m tests.bench.hooks [--quick]``

Whole commits by stock git, signed as in any clone of a ledger, with all of our hooks in place;
against the same commits where the only hook is ``exit 0``, or a Python that imports pygit2.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from typing import TYPE_CHECKING

from gitsync.services import clonehooks
from gitsync.storage.repository import Repository
from tests.bench.common import (
    Figure,
    at_most,
    median,
    ratio,
    report,
    rounds,
    run_child,
    say,
    spread,
    workspace,
)
from tests.bench.startup import clone

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOTHING = "#!/bin/sh\nexit 0\n"
IMPORT = f"#!/bin/sh\nexec '{sys.executable}' -c 'import pygit2'\n"


def other_hooks(folder: Path, text: str) -> Path:
    """A folder with one ``pre-commit``."""
    folder.mkdir()
    hook = folder / "pre-commit"
    hook.write_text(text)
    hook.chmod(0o755)
    return folder


def measure(root: Path, artifacts: int, count: int) -> list[Figure]:
    """The figures of one clone with that many artifacts."""
    say(f"hooks: {artifacts} artifacts")
    folder, env = clone(root, artifacts)
    env |= {"GIT_AUTHOR_NAME": "bench", "GIT_AUTHOR_EMAIL": "bench@example.invalid"}
    env |= {"GIT_COMMITTER_NAME": "bench", "GIT_COMMITTER_EMAIL": "bench@example.invalid"}
    ours = clonehooks.install(Repository.open(folder)).folder
    nothing = other_hooks(root / "nothing", NOTHING)
    imports = other_hooks(root / "imports", IMPORT)
    plan = next(path for path in sorted((folder / "plans").rglob("*.md")))
    note = folder / "note.txt"
    note.write_text("0\n")
    numbers = itertools.count(1)

    def git(*args: str) -> float:
        return run_child(["git", *args], env, folder).seconds

    git("add", "note.txt")
    git("commit", "--quiet", "--no-verify", "--message", "A note")

    def commit(file: Path, hooks: Path, *more: str) -> Callable[[], float]:
        def once() -> float:
            file.write_text(f"{file.read_text()}{next(numbers)}\n")
            git("add", str(file))
            setting = f"core.hooksPath={hooks}"
            return git("-c", setting, *more, "commit", "--quiet", "--message", "Change")

        return once

    unsigned = ("-c", "commit.gpgsign=false")
    without, empty, bare, bare_empty = rounds(
        count, commit(note, ours), commit(note, nothing), commit(note, ours, *unsigned),
        commit(note, nothing, *unsigned),
    )  # fmt: skip
    held, imported = rounds(count, commit(plan, ours), commit(plan, imports))
    return [
        Figure("commit, exit 0", median(empty) * 1e3, "ms", note=spread(empty)),
        Figure("commit, no artifact", median(without) * 1e3, "ms", note=spread(without)),
        at_most("no artifact / exit 0", ratio(without, empty), "times", 1.3),
        Figure("the same, unsigned", ratio(bare, bare_empty), "times", note="no bound"),
        Figure("commit, import pygit2", median(imported) * 1e3, "ms", note=spread(imported)),
        Figure("commit, artifact", median(held) * 1e3, "ms", note=spread(held)),
        at_most("artifact / import pygit2", ratio(held, imported), "times", 1.5),
    ]


def run(artifacts: int = 1_000, count: int = 25) -> list[Figure]:
    """All figures of the hooks."""
    with workspace() as root:
        found = measure(root, artifacts, count)
    report("hooks", found)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    run(count=5 if parser.parse_args().quick else 25)
