"""The artifact index, against importing what it needs and against Backlog.md.

``python -m tests.bench.index [--quick] [--only PART] [--backlog COMMAND]``

Backlog.md is the npm package backlog.md: ``npm install --prefix FOLDER backlog.md``, then name
``FOLDER/node_modules/.bin/backlog``, or have ``backlog`` on PATH. Without it that part says so.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fixtures.make_ledger import Layout, id_of
from gitsync.services.catalogue import reading
from gitsync.services.work import members
from gitsync.services.workspace import Workspace
from gitsync.storage.artifactdb import FILE
from tests.bench.common import (
    COMMAND,
    Figure,
    at_least,
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
from tests.bench.startup import clone

if TYPE_CHECKING:
    from pathlib import Path

IMPORTS = "import pygit2, sqlite3"
STATES = ("To Do", "In Progress", "Done")


@dataclass(frozen=True)
class Sizes:
    """How many artifacts, tasks and rounds."""

    cold: int = 20_000
    changed: int = 100_000
    tasks: int = 2_000
    more: int = 20_000
    rows: int = 50
    rounds: int = 9


QUICK = Sizes(cold=2_000, changed=5_000, tasks=300, more=3_000, rounds=3)
TINY = Sizes(cold=40, changed=60, tasks=10, more=40, rows=5, rounds=1)


def cold(root: Path, sizes: Sizes) -> list[Figure]:
    """An index made from nothing, in this process: artifacts a second."""
    folder, env = clone(root, sizes.cold)
    _pack(folder, env)

    def once() -> float:
        ws = Workspace.open(host_of(folder, env))
        for file in ws.repo.state_dir.glob(f"{FILE}*"):
            file.unlink()
        begin = time.perf_counter()
        found = reading(ws, lambda catalogue: len(catalogue.ids()))
        seconds = time.perf_counter() - begin
        if found != sizes.cold:
            raise RuntimeError(f"{found} artifacts were found, not {sizes.cold}")
        return sizes.cold / seconds

    (rates,) = rounds(min(3, sizes.rounds), once)
    return [at_least(f"cold index of {sizes.cold}", median(rates), "artifacts/s", 5_000,
                     spread(rates, "/s"))]  # fmt: skip


def _pack(folder: Path, env: dict[str, str]) -> None:
    """As a clone has its objects: most people's artifacts came in a pack."""
    # Not by 'gc', which gives up where one that a commit has begun still runs.
    subprocess.run(["git", "repack", "-adq"], cwd=folder, env=env, check=True)


def changed(root: Path, sizes: Sizes) -> list[Figure]:
    """One file changed: the next ``gitsync list`` as a whole process, against two imports."""
    folder, env = clone(root, sizes.changed)
    _pack(folder, env)
    layout = Layout(sizes.changed)
    wanted = id_of(sizes.changed // 2)
    run_child([COMMAND, "list", f"id:{wanted}"], env, folder)
    run_child([COMMAND, "list", f"id:{wanted}"], env, folder)
    turn = iter(range(1 << 30))

    def after_a_change() -> float:
        number = next(turn)
        file = folder / layout.path(number % sizes.changed).decode()
        text = file.read_text().replace("title: Plan", f"title: Turn {number} of plan", 1)
        file.write_text(text)
        child = run_child([COMMAND, "list", f"id:{id_of(number % sizes.changed)}"], env, folder)
        if f"Turn {number} of plan" not in child.out:
            raise RuntimeError(f"the change was not seen: {child.out}")
        return child.seconds

    ours, theirs = rounds(sizes.rounds, after_a_change, lambda: _python(env, folder))
    ws = Workspace.open(host_of(folder, env))
    begin = time.perf_counter()
    reading(ws, lambda catalogue: members(catalogue, wanted))
    tree = time.perf_counter() - begin
    return [
        Figure(f"python -c '{IMPORTS}'", median(theirs) * 1e3, "ms", note=spread(theirs)),
        Figure(f"list, one of {sizes.changed} changed", median(ours) * 1e3, "ms",
               note=spread(ours)),
        at_most("list after a change / imports", ratio(ours, theirs), "times", 1.5),
        Figure(f"members of a tree, of {sizes.changed}", tree * 1e3, "ms"),
    ]  # fmt: skip


def _python(env: dict[str, str], folder: Path) -> float:
    return run_child([sys.executable, "-c", IMPORTS], env, folder).seconds


def task_text(number: int) -> str:
    """A task as Backlog.md writes it; also an artifact of the preset ``plans`` by its type."""
    return (
        f"---\nid: TASK-{number}\ntype: story\ntitle: Task number {number}\n"
        f"status: {STATES[number % 3]}\nassignee:\n  - '@person-{number % 40}'\n"
        f"created_date: '2026-01-01 09:00'\nlabels: []\ndependencies: []\n"
        f"ordinal: {number}000\n---\n\n## Description\n\n"
        f"<!-- SECTION:DESCRIPTION:BEGIN -->\nWhat task {number} is about.\n"
        "<!-- SECTION:DESCRIPTION:END -->\n"
    )


def tasks(root: Path, count: int) -> tuple[Path, dict[str, str]]:
    """A clone with that many tasks in Backlog.md's layout, committed; indexed."""
    folder, env = clone(root, 1)
    home = folder / "backlog" / "tasks"
    home.mkdir(parents=True)
    for number in range(1, count + 1):
        (home / f"task-{number} - Task-number-{number}.md").write_text(task_text(number))
    config = (
        'project_name: "bench"\ndefault_status: "To Do"\nstatuses: ["To Do", "In Progress", "Done"]'
        '\nlabels: []\ntask_prefix: "task"\nremote_operations: false\ncheck_active_branches: false'
        "\nauto_commit: false\n"
    )
    (folder / "backlog" / "config.yml").write_text(config)
    who = (
        "-c",
        "gc.auto=0",
        "-c",
        "user.name=b",
        "-c",
        "user.email=b@example.org",
        "-c",
        "commit.gpgsign=false",
    )
    for args in (["add", "-A"], [*who, "commit", "-qm", "Tasks"]):
        subprocess.run(["git", *args], cwd=folder, env=env, check=True)
    _pack(folder, env)
    for _ in range(2):
        run_child([COMMAND, "list", "--limit", "1"], env, folder)
    return folder, env


def backlog(root: Path, sizes: Sizes, command: str | None) -> list[Figure]:
    """``gitsync list`` beside ``backlog task list --plain``, and what ten times the tasks cost."""
    few, env = tasks(root / "few", sizes.tasks)
    many, more = tasks(root / "many", sizes.more)

    def ours(folder: Path, where: dict[str, str], *args: str) -> float:
        return run_child([COMMAND, "list", *args], where, folder).seconds

    some, ten = rounds(
        sizes.rounds,
        lambda: ours(few, env, "assignee:person-7", "--limit", str(sizes.rows)),
        lambda: ours(many, more, "assignee:person-7", "--limit", str(sizes.rows)),
    )
    figures = [
        Figure(f"list of {sizes.rows} in {sizes.tasks}", median(some) * 1e3, "ms"),
        at_most(f"the same in {sizes.more} / in {sizes.tasks}", ratio(ten, some), "times", 2),
    ]
    if command is None:
        say("no backlog command: npm install --prefix FOLDER backlog.md, then --backlog")
        return [*figures, Figure("backlog task list --plain", 0, "ms", note="not installed")]

    def theirs() -> float:
        child = run_child([command, "task", "list", "--plain"], env, few)
        if child.out.count("TASK-") != sizes.tasks:
            raise RuntimeError(f"backlog lists {child.out.count('TASK-')} of {sizes.tasks} tasks")
        return child.seconds

    whole, other = rounds(sizes.rounds, lambda: ours(few, env, "path:backlog/"), theirs)
    return [
        *figures,
        Figure("backlog task list --plain", median(other) * 1e3, "ms", note=spread(other)),
        Figure(f"gitsync list, all {sizes.tasks}", median(whole) * 1e3, "ms", note=spread(whole)),
        at_most("list / backlog", ratio(whole, other), "times", 0.125),
    ]


def run(
    sizes: Sizes = Sizes(), command: str | None = None, only: str | None = None
) -> list[Figure]:
    """All figures of the index, or those of one part."""
    if not have_command():
        say("index: there is no working gitsync command here")
        return []
    command = command or shutil.which("backlog")
    figures: list[Figure] = []
    parts = {
        "cold": lambda root: cold(root, sizes),
        "changed": lambda root: changed(root, sizes),
        "backlog": lambda root: backlog(root, sizes, command),
    }
    for name, part in parts.items():
        if only not in (None, name):
            continue
        say(f"index: {name}")
        with workspace() as root:
            figures += part(root)
    report("artifact index", figures)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--backlog", help="the backlog command")
    parser.add_argument("--only", choices=("cold", "changed", "backlog"))
    asked = parser.parse_args()
    run(QUICK if asked.quick else Sizes(), asked.backlog, asked.only)
