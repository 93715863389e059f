"""Play many seeds: ``python -m tests.simulation --seeds N [--first K] [--jobs J]``.

A seed that violates a rule is shown as its schedule, made small, and played once more: the log of
the second play has the same hash as the first. ``--replay LINE`` plays a schedule from its line.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.simulation.schedule import draw, load
from tests.simulation.shrink import shrink
from tests.simulation.simulation import Run, play, play_seed

SHOWN = 3


def tell(run: Run) -> None:
    """A violation in full."""
    rule = run.rule
    assert rule is not None
    small = shrink(run.schedule, rule)
    again, twice = play(small), play(small)
    print(f"\n{rule}: {again.violation}\n{small}")
    print(f"log {again.hash}, played again {twice.hash}")
    print(f"replay: python -m tests.simulation --replay '{small.dump()}'")


def all_of(seeds: range, jobs: int) -> list[tuple[int, str]]:
    """(seed, violated rule) of those that fail, found by that many processes."""
    if jobs == 1:
        outcomes = [(seed, play_seed(seed).rule) for seed in seeds]
        return [(seed, rule) for seed, rule in outcomes if rule is not None]
    part = -(-len(seeds) // jobs)
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.simulation", "--first", str(first), "--jobs", "1",
             "--seeds", str(min(part, seeds.stop - first)), "--bare"],
            stdout=subprocess.PIPE, text=True,
        )
        for first in range(seeds.start, seeds.stop, part)
    ]  # fmt: skip
    failed: list[tuple[int, str]] = []
    for process in running:
        for line in process.communicate()[0].splitlines():
            seed, _, rule = line.partition(" ")
            failed.append((int(seed), rule))
        if process.returncode not in {0, 1}:
            raise RuntimeError(f"a part of the seeds ended with {process.returncode}")
    return failed


def main() -> int:
    """Exit code 1 if any seed violates a rule."""
    parser = argparse.ArgumentParser(prog="make sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--replay", metavar="LINE")
    parser.add_argument("--real", action="store_true", help="in real repositories as well")
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.replay:
        run = play(load(asked.replay))
        print(f"{run.schedule}\n{run.rule}: {run.violation}\nlog {run.hash}")
        return 1 if run.violation else 0
    seeds = range(asked.first, asked.first + asked.seeds)
    begin = time.monotonic()
    if asked.real:
        return real(seeds)
    failed = all_of(seeds, asked.jobs)
    if asked.bare:
        for seed, rule in failed:
            print(seed, rule)
        return 1 if failed else 0
    seconds = time.monotonic() - begin
    for seed, _ in failed[:SHOWN]:
        tell(play(draw(seed)))
    print(
        f"seeds={len(seeds)} violations={len(failed)}"
        f" {len(seeds) / seconds:.1f}/s in {seconds:.0f} s"
    )
    return 1 if failed else 0


def real(seeds: range) -> int:
    """Each seed in memory and in real repositories: the logs have to be the same."""
    differing = 0
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            disk = play_seed(seed, Path(folder))
        memory = play_seed(seed)
        differing += disk.hash != memory.hash or disk.rule is not None
    print(f"seeds={len(seeds)} real repositories, differing={differing}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
