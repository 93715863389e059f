"""How long git's merge driver takes, against a driver that only imports what it needs.

``python -m tests.bench.driver [--quick]``
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from tests.bench.common import (
    COMMAND,
    Figure,
    at_most,
    have_command,
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
    from pathlib import Path

#: What a merge of front matter and body loads, and nothing else.
IMPORTS = (
    "import gitsync.hooks.merge_driver, gitsync.storage.mergerules, gitsync.domain.merge.files,"
    " gitsync.codec.frontmatter_parts"
)
ARTIFACT = """---
id: plan-k7x2mq
type: plan
title: Move the office          # agreed in May
status: draft
owner: alice
depends: [plan-b4n9tz, plan-w2c8hd]
tags: [office, 2026]
---

# Move the office

Why, in two sentences. They are not long, and they say what for.

## Steps

- [ ] find rooms
- [ ] ask about the lease
- [ ] tell everybody

## Risks

| what | who |
|---|---|
| no rooms | alice |
| no money | james |
"""


def sides() -> tuple[str, str, str]:
    """A typical artifact and two changes of it: neighbouring fields, a set, neighbouring items."""
    ours = ARTIFACT.replace("status: draft", "status: committed").replace(
        "[office, 2026]", "[office, 2026, rooms]"
    )
    theirs = ARTIFACT.replace("owner: alice", "owner: james").replace("[office, 2026]", "[office]")
    return (
        ARTIFACT,
        ours.replace("- [ ] find", "- [x] find"),
        theirs.replace("- [ ] ask about", "- [x] ask about"),
    )


def measure(root: Path, count: int) -> list[Figure]:
    """The figures of the driver. Empty when there is no ``gitsync`` command yet."""
    if not have_command():
        say("merge driver: there is no working gitsync command here")
        return []
    folder, env = clone(root, 10)
    names = [folder / f".merge_file_{side}" for side in "OAB"]
    base, ours, theirs = sides()
    clean, conflict = (base, ours, theirs), (base, ours, base.replace("draft", "odd"))
    wanted = {
        "merge": (clean, 0, "status: committed\nowner: james\ndepends"),
        "conflict": (conflict, 1, "<<<<<<<"),
    }

    def drive(what: str) -> float:
        texts, code, within = wanted[what]
        for name, text in zip(names, texts, strict=True):
            name.write_text(text)
        args = [str(name) for name in names]
        call = [COMMAND, "merge-driver", *args, "plans/x.md"]
        shell = ["sh", "-c", f'"$@"; test $? = {code}', "sh", *call]
        seconds = run_child(shell, env, folder).seconds
        if within not in names[1].read_text():
            raise RuntimeError(f"the driver made something else of it: {names[1].read_text()}")
        return seconds

    def python(code: str) -> float:
        shell = ["sh", "-c", '"$@"', "sh", sys.executable, "-c", code]
        return run_child(shell, env, folder).seconds

    def stock() -> float:
        for name, text in zip(names, sides(), strict=True):
            name.write_text(text)
        call = ["git", "merge-file", "-q", *(str(names[at]) for at in (1, 0, 2))]
        return run_child(["sh", "-c", '"$@"; true', "sh", *call], env, folder).seconds

    merged, conflicted, imports, bare, git = rounds(
        count, lambda: drive("merge"), lambda: drive("conflict"), lambda: python(IMPORTS),
        lambda: python("pass"), stock,
    )  # fmt: skip
    return [
        Figure("python -c pass", median(bare) * 1e3, "ms", note=spread(bare)),
        Figure("git merge-file", median(git) * 1e3, "ms", note=spread(git)),
        Figure("python -c 'import what it needs'", median(imports) * 1e3, "ms",
               note=spread(imports)),
        Figure("gitsync merge-driver", median(merged) * 1e3, "ms", note=spread(merged)),
        Figure("gitsync merge-driver, a conflict", median(conflicted) * 1e3, "ms",
               note=spread(conflicted)),
        at_most("merge driver / import", ratio(merged, imports), "times", 3),
    ]  # fmt: skip


def run(count: int = 15) -> list[Figure]:
    """All figures of the merge driver."""
    with workspace() as root:
        found = measure(root, count)
    if found:
        report("merge driver", found)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    run(count=5 if parser.parse_args().quick else 15)
