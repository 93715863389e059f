"""What a bundle costs: against ``git bundle create``, against ``git fetch`` from the same file.

``python -m tests.bench.bundles [--quick]``. Every figure is the time of a whole process, ours and
git's in turn; ours syncs what it writes, git's runs with its defaults.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fixtures.make_ledger import Ledger, add_snapshots, make_ledger, repack
from gitsync.domain.carrying import Peer, Sent, holding_of
from gitsync.services.carrying.holding import held
from gitsync.services.carrying.shelf import Shelf
from gitsync.services.workspace import Workspace
from tests.bench.common import (
    Figure,
    at_most,
    copy,
    host_of,
    median,
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
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sizes:
    """A ledger of ``snapshots``, one of ``few``; an increment of ``step`` on each."""

    artifacts: int = 1_000
    snapshots: int = 10_000
    few: int = 100
    step: int = 10
    rounds: int = 3


QUICK = Sizes(artifacts=100, snapshots=300, few=30, rounds=1)
READER = "reader"


def ours(ledger: Ledger, folder: Path, *args: str) -> float:
    """Seconds of one ``gitsync`` in a folder."""
    command = [sys.executable, "-m", "gitsync", "-C", str(folder), *args]
    return run_child(command, ledger.env).seconds


def workspace_of(ledger: Ledger) -> Workspace:
    """The ledger's own repository as the clone of its witness."""
    return Workspace.open(host_of(ledger.path, ledger.env))


def built(root: Path, sizes: Sizes, snapshots: int) -> Ledger:
    """A ledger whose reader has acknowledged all but the last ``step`` snapshots."""
    ledger = make_ledger(root, artifacts=sizes.artifacts)
    add_snapshots(ledger, snapshots - sizes.step)
    repack(ledger)
    run_worker("verify", ledger)
    ledger.git("config", "gitsync.domain", "witness")
    ws = workspace_of(ledger)
    here = held(ws)
    assert here.position is not None
    known = holding_of(here.refs, here.position.number, ws.space)
    Shelf.of(ws).keep(Peer(READER, 1, Sent(1, ledger.tip(), known)))
    add_snapshots(ledger, sizes.step, skip=snapshots - sizes.step)
    ledger.git("pack-refs", "--all")
    run_worker("verify", ledger)
    return ledger


def create(ledger: Ledger, target: Path, *more: str) -> float:
    """Seconds of one ``bundle create`` into a new file."""
    target.unlink(missing_ok=True)
    return ours(
        ledger, ledger.path, "bundle", "create", str(target), "--no-readback",
        "--key", str(ledger.key()), *more,
    )  # fmt: skip


def stock_create(ledger: Ledger, target: Path) -> float:
    """Seconds of one ``git bundle create --all``."""
    target.unlink(missing_ok=True)
    command = ["git", "bundle", "create", "--quiet", str(target), "--all"]
    return run_child(command, ledger.env, ledger.path).seconds


def fresh(ledger: Ledger, folder: Path, prepare: Callable[[Path], None]) -> Path:
    """An empty repository, in place of what was there."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(ledger.env["XDG_STATE_HOME"], ignore_errors=True)
    run_child(["git", "init", "--quiet", "--bare", "--template=", str(folder)], ledger.env)
    prepare(folder)
    return folder


def full(ledger: Ledger, root: Path, sizes: Sizes) -> list[Figure]:
    """A complete bundle, written and taken."""
    mine, theirs = root / "mine.bundle", root / "theirs.bundle"
    say(f"bundles: {sizes.snapshots} snapshots, complete")
    own, other = rounds(
        sizes.rounds, lambda: create(ledger, mine), lambda: stock_create(ledger, theirs)
    )
    weight = mine.stat().st_size / theirs.stat().st_size
    reader = copy(ledger, "reader")
    anchor = workspace_of(ledger).ledger()

    def prepare(folder: Path) -> None:
        for key, value in (("domain", READER), ("anchor", anchor), ("remote", "none")):
            run_child(["git", "config", f"gitsync.{key}", value], reader.env, folder)

    def take() -> float:
        return ours(
            reader, fresh(reader, root / "ours.git", prepare), "bundle", "import", str(mine)
        )

    def fetch() -> float:
        folder = fresh(reader, root / "git.git", lambda _: None)
        command = ["git", "-c", "fetch.fsckObjects=true", "fetch", "--quiet", str(theirs)]
        return run_child([*command, "refs/*:refs/*"], reader.env, folder).seconds

    taken, fetched = rounds(sizes.rounds, take, fetch)
    return [
        Figure("create, complete", median(own), "s", note=spread(own, "s")),
        Figure("git bundle create --all", median(other), "s", note=spread(other, "s")),
        at_most("complete: ours / git, time", ratio(own, other), "times", 1.3),
        at_most("complete: ours / git, bytes", weight, "times", 1.05),
        Figure("import, complete", median(taken), "s", note=spread(taken, "s")),
        Figure("git fetch, fsckObjects", median(fetched), "s", note=spread(fetched, "s")),
        at_most("import / git fetch, time", ratio(taken, fetched), "times", 2),
    ]


def increments(large: Ledger, small: Ledger, root: Path, sizes: Sizes) -> list[Figure]:
    """The same number of new snapshots on ledgers of two sizes."""
    say(f"bundles: increments of {sizes.step}")
    target = root / "step.bundle"
    shelves = [Shelf.of(workspace_of(one)) for one in (large, small)]
    peers = [one.peer(READER) for one in shelves]

    def step(ledger: Ledger, at: int) -> float:
        shelves[at].keep(peers[at])
        return create(ledger, target, "--for", READER)

    many, few = rounds(max(5, sizes.rounds), lambda: step(large, 0), lambda: step(small, 1))
    return [
        Figure(f"increment on {sizes.snapshots}", median(many), "s", note=spread(many, "s")),
        Figure(f"increment on {sizes.few}", median(few), "s", note=spread(few, "s")),
        at_most("increment: large / small ledger", ratio(many, few), "times", 1.5),
    ]


def run(sizes: Sizes) -> list[Figure]:
    """All figures."""
    with workspace() as root:
        large = built(root / "large", sizes, sizes.snapshots)
        small = built(root / "small", sizes, sizes.few)
        figures = full(large, root, sizes) + increments(large, small, root, sizes)
    report("bundles", figures)
    return figures


def main() -> int:
    """This benchmark alone."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bundles", description=__doc__)
    parser.add_argument("--quick", action="store_true")
    run(QUICK if parser.parse_args().quick else Sizes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
