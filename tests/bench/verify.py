"""Verification against stock git: snapshots a second, the cost of one more, memory.

``python -m tests.bench.verify [--quick]``
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fixtures.make_ledger import Ledger, add_proposals, add_snapshots, make_ledger, repack
from gitsync.codec.records import read_snapshot
from tests.bench import stock
from tests.bench.common import (
    COMMAND,
    Figure,
    at_least,
    at_most,
    copy,
    drop,
    have_command,
    median,
    peak_memory,
    ratio,
    report,
    rounds,
    run_child,
    run_worker,
    say,
    spread,
    workspace,
)

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.objects import Oid


@dataclass(frozen=True)
class Sizes:
    """How much is made and run."""

    artifacts: int = 20_000
    snapshots: int = 2_000
    sample: int = 60
    rounds: int = 5
    quick_rounds: int = 9
    memory: tuple[int, int] = (1_000, 10_000)
    memory_artifacts: int = 20_000


QUICK = Sizes(
    artifacts=2_000, snapshots=300, sample=10, rounds=2, quick_rounds=3, memory=(200, 1_000),
    memory_artifacts=2_000,
)  # fmt: skip


def snapshots_of(ledger: Ledger, sample: int) -> list[tuple[int, Oid, Oid]]:
    """A seeded sample of (number, snapshot, proposal)."""
    facts = ledger.open().facts
    found = []
    oid: Oid = ledger.tip()
    while (parents := facts.commit(oid).parents) and len(parents) > 1:
        found.append((read_snapshot(facts.commit(oid).message).number, oid, parents[1]))
        oid = parents[0]
    return random.Random(1).sample(found, min(sample, len(found)))  # noqa: S311 - a sample


def verify_full(ledger: Ledger, count: int) -> float:
    """Seconds of a whole process that verifies everything."""
    seconds, told = run_worker("verify-full", ledger)
    if told["replayed"] != count + 1:
        raise RuntimeError(f"verified {told}, not {count + 1}")
    return seconds


def full(root: Path, sizes: Sizes) -> list[Figure]:
    """Snapshots a second with replay, ours; signatures only, stock git's."""
    say(f"verify: {sizes.snapshots} snapshots on {sizes.artifacts} artifacts")
    ledger = make_ledger(root / "full", artifacts=sizes.artifacts)
    add_snapshots(ledger, sizes.snapshots)
    repack(ledger)
    sample = snapshots_of(ledger, sizes.sample)
    own, other = rounds(
        sizes.rounds,
        lambda: sizes.snapshots / verify_full(ledger, sizes.snapshots),
        lambda: len(sample) / stock.check(ledger, sample),
    )
    name = "verify --full with replay, whole process"
    return [
        Figure(name, median(own), "snapshots/s", note=spread(own, "/s")),
        Figure(
            "stock git, only signatures", median(other), "snapshots/s", note=spread(other, "/s")
        ),
        at_least("ours / stock", ratio(own, other), "times", 40),
    ]


def one_more(root: Path, sizes: Sizes) -> list[Figure]:
    """A whole verification after one new snapshot, against importing pygit2."""
    say("verify: one new snapshot")
    ledger = make_ledger(root / "more", artifacts=sizes.memory_artifacts)
    add_snapshots(ledger, sizes.snapshots)
    repack(ledger)
    run_worker("verify", ledger)
    before = copy(ledger, "before")
    add_proposals(ledger, 1, skip=sizes.snapshots)
    ledger.run_witness()

    def ours() -> float:
        fresh = copy(ledger, "one-more")
        # What the witness's run told this machine must not help: back to what was known before.
        for path in ("ledger.git/gitsync", "state"):
            shutil.rmtree(fresh.root / path)
            shutil.copytree(before.root / path, fresh.root / path)
        if have_command():
            seconds = run_child([COMMAND, "verify"], fresh.env, fresh.path).seconds
        else:
            seconds, told = run_worker("verify", fresh)
            if told["replayed"] != 1:
                raise RuntimeError(f"verified {told}, not one")
        number = fresh.open().verified().number
        if number != sizes.snapshots + 2:
            raise RuntimeError(f"verified up to {number}, not {sizes.snapshots + 2}")
        drop(fresh)
        return seconds

    def theirs() -> float:
        return run_child([sys.executable, "-c", "import pygit2"], ledger.env).seconds

    own, other = rounds(sizes.quick_rounds, ours, theirs)
    what = "gitsync verify" if have_command() else "the services, without the command line"
    return [
        Figure("verify after one new snapshot", median(own) * 1e3, "ms", note=what),
        Figure("python -c 'import pygit2'", median(other) * 1e3, "ms"),
        at_most("verify / import", ratio(own, other), "times", 1.5, spread(own)),
    ]


def memory(root: Path, sizes: Sizes) -> list[Figure]:
    """Peak memory of a full verification of few and of many snapshots, all its processes."""
    peaks = []
    for count in sizes.memory:
        say(f"verify: memory over {count} snapshots")
        ledger = make_ledger(root / f"memory-{count}", artifacts=sizes.memory_artifacts)
        add_snapshots(ledger, count)
        repack(ledger)
        peak, told = peak_memory("verify-full", ledger)
        if told["replayed"] != count + 1:
            raise RuntimeError(f"verified {told}, not {count + 1}")
        peaks.append((count, peak, told["memory"]))
        drop(ledger)
    (few, low, _), (many, high, own) = peaks
    note = f"of it {own:.0f} MB at most in the first process"
    return [
        Figure(f"peak memory, {few} snapshots", low, "MB", note="all processes"),
        at_most(f"peak memory, {many} snapshots", high, "MB", 250, note),
        Figure(f"memory of {many} / {few}", high / low, "times", "flat"),
    ]


PARTS = {"full": full, "one-more": one_more, "memory": memory}


def run(sizes: Sizes, only: str | None = None) -> list[Figure]:
    """All figures of verification."""
    found: list[Figure] = []
    for name, part in PARTS.items():
        if only in (None, name):
            with workspace() as root:
                found += part(root, sizes)
    report("verify", found)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    asked = parser.parse_args()
    run(QUICK if asked.quick else Sizes(), asked.only)
