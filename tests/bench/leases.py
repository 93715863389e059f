"""Leases under contention, heartbeats, and what leases cost a commit.

``python -m tests.bench.leases [--quick]``

Many real processes put acts on one locks ref of one bare repository, each in a clone of its own.
Against them the same number of shells that do no more than git must: fetch, make a commit, push it
if the ref has not moved, and begin again if it has.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from fixtures.make_ledger import FOUNDER, Layout, Person, id_of, isolate, text_of
from gitsync.domain.leases.acts import Acquire
from gitsync.domain.leases.values import Lease
from gitsync.domain.names import LOCKS_REF
from gitsync.services import clonehooks, founding
from gitsync.services.catalogue import reading
from gitsync.services.leasing.desk import Desk
from gitsync.services.leasing.renewing import renew
from gitsync.services.leasing.taking import TakeOptions, acquire, release
from gitsync.services.workspace import Workspace
from tests.bench.common import (
    PROJECT,
    Figure,
    at_least,
    at_most,
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
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Sizes:
    """``clients`` processes of ``acts`` acts each; ``nodes`` that renew ``renewals`` times; a
    commit among ``artifacts``, most of which others hold under ``leases``, every second a tree."""

    clients: int = 50
    acts: int = 2
    nodes: int = 16
    renewals: int = 20
    artifacts: int = 20_000
    leases: int = 1_000
    rounds: int = 15


QUICK = Sizes(clients=8, acts=4, nodes=4, renewals=5, artifacts=300, leases=50, rounds=3)

# What git alone needs for one commit on a ref that others move, as often as asked.
LOOP = """
cd "$1" || exit 2
for turn in $(seq "$2"); do
    while :; do
        git fetch -q origin +refs/heads/gitsync/locks:refs/bare/locks || exit 2
        old=$(git rev-parse refs/bare/locks)
        new=$(git commit-tree -p "$old" -m "$3 $turn" "$old^{tree}")
        git push -q --force-with-lease=refs/heads/gitsync/locks:"$old" origin \
            "$new:refs/heads/gitsync/locks" 2>/dev/null && break
    done
done
"""


def found(root: Path, artifacts: int, part: int = 1) -> tuple[Path, dict[str, str]]:
    """A founder's clone with its home beside it, ``hub.git``; of each ``part`` plans most lie below
    the first, and the last one below the one before it."""
    env = isolate(root)
    env |= {f"GIT_{who}_{what}": f"bench{'@example.invalid' * (what == 'EMAIL')}"
            for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}  # fmt: skip
    folder, layout = root / "clone", Layout(artifacts)
    for number in range(artifacts):
        path = folder / layout.path(number).decode()
        path.parent.mkdir(parents=True, exist_ok=True)
        above = parent_of(number, part)
        more = f"parent: {id_of(above)}\n".encode() if above is not None else b""
        path.write_bytes(text_of(number).replace(b"owner:", more + b"owner:", 1))
    for args in (["-q", str(folder)], ["-q", "--bare", str(root / "hub.git")]):
        subprocess.run(["git", "init", *args], env=env, check=True)
    key = Person(FOUNDER).write_key(root)
    options = founding.InitOptions(name=FOUNDER, key=str(key), remote=str(root / "hub.git"))
    founding.init(host_of(folder, env), options)
    return folder, env


def parent_of(number: int, part: int) -> int | None:
    """What a plan lies below."""
    place = number % part
    if place == part - 1 and part > 1:
        return number - 1
    return number - place if 0 < place < part - 2 else None


def nodes(root: Path, clone: Path, env: dict[str, str], count: int) -> list[Path]:
    """Further clones of the founder's, each with a name of its own."""
    made = []
    for number in range(count):
        folder = root / f"node{number:02}"
        shutil.copytree(clone, folder, symlinks=True)
        name = f"{FOUNDER}.n{number:02}"
        run_child(["git", "config", "gitsync.domain", name], env, folder)
        made.append(folder)
    return made


def contend(root: Path, sizes: Sizes) -> list[Figure]:
    """Acts a second by many processes, ours and theirs, and whether each got its turn."""
    say(f"leases: {sizes.clients} processes on one ref")
    clone, env = found(root, sizes.clients)
    clones = nodes(root, clone, env, sizes.clients)
    hub = root / "hub.git"
    before = count_commits(hub, env)
    worker = [sys.executable, "-m", "tests.bench.leases", "--worker"]
    ours, each = race(
        [[*worker, str(one), id_of(place), str(sizes.acts)] for place, one in enumerate(clones)],
        env,
    )
    made = count_commits(hub, env) - before
    shells = [["sh", "-c", LOOP, "sh", str(one), str(sizes.acts), one.name] for one in clones]
    theirs, _ = race(shells, env)
    wanted = sizes.clients * sizes.acts
    return [
        Figure("acts by git alone", wanted / theirs, "/s", note=f"{theirs:.1f} s"),
        Figure("acts by gitsync", wanted / ours, "/s",
               note=f"{ours:.1f} s; slowest process {max(each):.1f} s"),
        at_least("gitsync / git alone", theirs / ours, "times", 0.8),
        Figure("commits on the ref", made, "", f"== {wanted}", made == wanted),
    ]  # fmt: skip


def race(commands: Sequence[list[str]], env: dict[str, str]) -> tuple[float, list[float]]:
    """Start all, wait for all: (seconds in all, seconds of each). Raises if one fails."""
    begin = time.perf_counter()
    running = [
        subprocess.Popen(one, cwd=PROJECT, env=env, stderr=subprocess.PIPE) for one in commands
    ]
    each = []
    for process in running:
        said = process.communicate()[1]
        if process.returncode != 0:
            raise RuntimeError(said.decode("utf-8", "replace"))
        each.append(time.perf_counter() - begin)
    return time.perf_counter() - begin, each


def work(folder: Path, ident: str, acts: int) -> None:
    """One process: take a lease and give it back, until that many acts are done."""
    import os

    ws = Workspace.open(host_of(folder, dict(os.environ)))
    for _ in range(acts // 2):
        acquire(ws, TakeOptions((ident,)))
        release(ws, ())


def count_commits(hub: Path, env: dict[str, str]) -> int:
    """How many commits the locks ref has."""
    return int(run_child(["git", "rev-list", "--count", LOCKS_REF], env, hub).out)


def heartbeats(root: Path, sizes: Sizes) -> list[Figure]:
    """Pushes that a renewal takes, when many renew at once."""
    say(f"leases: {sizes.nodes} nodes renew {sizes.renewals} times")
    clone, env = found(root, sizes.nodes)
    clones = nodes(root, clone, env, sizes.nodes)
    for place, one in enumerate(clones):
        acquire(Workspace.open(host_of(one, env)), TakeOptions((id_of(place),)))
    env, log = counting(root, env)
    worker = [sys.executable, "-m", "tests.bench.leases", "--renew"]
    seconds, _ = race([[*worker, str(one), str(sizes.renewals)] for one in clones], env)
    pushes = sum(" push " in f" {line} " for line in log.read_text().splitlines())
    renewals = sizes.nodes * sizes.renewals
    return [
        Figure("renewals", renewals / seconds, "/s", note=f"{seconds:.1f} s"),
        at_most("pushes / renewal", pushes / renewals, "times", 1.1),
    ]


def counting(root: Path, env: dict[str, str]) -> tuple[dict[str, str], Path]:
    """An environment in which each start of git leaves a line with its arguments in a file."""
    log, folder = root / "git.log", root / "bin"
    folder.mkdir()
    git = folder / "git"
    real = shutil.which("git", path=env["PATH"])
    git.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {log}\nexec {real} "$@"\n')
    git.chmod(0o755)
    return env | {"PATH": f"{folder}:{env['PATH']}"}, log


def renewals(folder: Path, count: int) -> None:
    """One node: renew that often."""
    import os

    ws = Workspace.open(host_of(folder, dict(os.environ)))
    for _ in range(count):
        renew(ws)


def commits(root: Path, sizes: Sizes) -> list[Figure]:
    """``git commit`` of an artifact with hooks, among many live leases of others and with none."""
    say(f"leases: a commit among {sizes.leases} leases of others")
    part = sizes.artifacts // sizes.leases
    clone, env = found(root, sizes.artifacts, part)
    ws = Workspace.open(host_of(clone, env))
    reading(ws, lambda catalogue: catalogue.ids(), at="common")  # as any reading command does
    [free] = nodes(root, clone, env, 1)
    rules = ws.settings().policy.leases
    for number in range(sizes.leases):
        first = number * part
        ids = sorted(id_of(one) for one in range(first, first + part - 2))
        subject = f"tree:{id_of(first)}" if number % 2 else "ids:" + ",".join(ids)
        desk = Desk.open(ws) if number == 0 else desk  # noqa: F821 - set in the first turn

        def take(locks, number=number, ids=ids, subject=subject):
            return Acquire(Lease(locks.token + 1, f"{FOUNDER}.o{number % 30}", f"{number:032x}",
                                 (subject,), tuple(ids), 1, 7200, rules.grace))  # fmt: skip

        desk.put(take)
    layout = Layout(sizes.artifacts)
    path = layout.path(part - 1).decode()
    timed = []
    for folder in (clone, free):
        clonehooks.install(Workspace.open(host_of(folder, env)).repo)
        timed.append(commit_in(folder, path, env))
    mirrored = f"+{LOCKS_REF}:refs/gitsync/remotes/origin/heads/gitsync/locks"
    run_child(["git", "fetch", "-q", "origin", mirrored], env, clone)
    held, none = rounds(sizes.rounds, *timed)
    return [
        Figure("commit, no lease", median(none) * 1e3, "ms", note=spread(none)),
        Figure(f"commit, {sizes.leases} leases", median(held) * 1e3, "ms", note=spread(held)),
        at_most("leases / none", ratio(held, none), "times", 1.5),
    ]


def commit_in(folder: Path, path: str, env: dict[str, str]):
    """A commit of one edited artifact in ``folder``, to be timed."""
    file = folder / path

    def once() -> float:
        file.write_text(file.read_text() + "more\n")
        run_child(["git", "add", path], env, folder)
        return run_child(["git", "commit", "--quiet", "--message", "Change"], env, folder).seconds

    return once


def run(sizes: Sizes) -> list[Figure]:
    """All of it."""
    figures: list[Figure] = []
    for part in (contend, heartbeats, commits):
        with workspace() as root:
            figures += part(root, sizes)
    report("leases", figures)
    return figures


def main() -> int:
    """The benchmark, or one of the processes that it starts."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.leases", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    parser.add_argument("--worker", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--renew", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.worker:
        work(Path(asked.worker[0]), asked.worker[1], int(asked.worker[2]))
    elif asked.renew:
        renewals(Path(asked.renew[0]), int(asked.renew[1]))
    else:
        run(QUICK if asked.quick else Sizes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
