"""How long commands take that do next to nothing, against importing what they need.

``python -m tests.bench.startup [--quick]``
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import TYPE_CHECKING

from fixtures.make_ledger import FOUNDER, Layout, Person, id_of, isolate, text_of
from gitsync.services import founding
from tests.bench.common import (
    COMMAND,
    Figure,
    at_most,
    have_command,
    host_of,
    median,
    ratio,
    report,
    rounds,
    run_child,
    say,
    spread,
    workspace,
)

if TYPE_CHECKING:
    from pathlib import Path

PYGIT2 = "import pygit2, click"


def clone(root: Path, artifacts: int) -> tuple[Path, dict[str, str]]:
    """A founded clone with a work tree full of artifacts, as ``gitsync init`` leaves it."""
    env = isolate(root)
    folder = root / "clone"
    layout = Layout(artifacts)
    for number in range(artifacts):
        path = folder / layout.path(number).decode()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text_of(number))
    subprocess.run(["git", "init", "-q", str(folder)], env=env, check=True)
    key = Person(FOUNDER).write_key(root)
    options = founding.InitOptions(name=FOUNDER, key=str(key))
    founding.init(host_of(folder, env), options)
    return folder, env


def measure(root: Path, artifacts: int, count: int) -> list[Figure]:
    """The figures of start-up. Empty when there is no ``gitsync`` command yet."""
    if not have_command():
        say("start-up: there is no working gitsync command here")
        return []
    say(f"start-up: {artifacts} artifacts")
    folder, env = clone(root, artifacts)

    def command(*args: str) -> float:
        return run_child([COMMAND, *args], env, folder).seconds

    def python(code: str) -> float:
        return run_child([sys.executable, "-c", code], env, folder).seconds

    version, click = rounds(count, lambda: command("--version"), lambda: python("import click"))
    show, status, both = rounds(
        count,
        lambda: command("show", id_of(artifacts // 2)),
        lambda: command("status"),
        lambda: python(PYGIT2),
    )
    return [
        Figure("python -c 'import click'", median(click) * 1e3, "ms", note=spread(click)),
        Figure("gitsync --version", median(version) * 1e3, "ms", note=spread(version)),
        at_most("--version / import", ratio(version, click), "times", 1.5),
        Figure(f"python -c '{PYGIT2}'", median(both) * 1e3, "ms", note=spread(both)),
        Figure("gitsync show ID", median(show) * 1e3, "ms", note=spread(show)),
        at_most("show / import", ratio(show, both), "times", 2),
        Figure("gitsync status", median(status) * 1e3, "ms", note=spread(status)),
        at_most("status / import", ratio(status, both), "times", 2),
    ]


def run(artifacts: int = 1_000, count: int = 15) -> list[Figure]:
    """All figures of start-up."""
    with workspace() as root:
        found = measure(root, artifacts, count)
    if found:
        report("start-up", found)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    run(count=5 if parser.parse_args().quick else 15)
