"""The witness against stock git: proposals a second, and what its cost depends on.

``python -m tests.bench.witness [--quick]``
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fixtures.make_ledger import Ledger, add_proposals, add_snapshots, make_ledger, repack
from tests.bench import stock
from tests.bench.common import (
    Figure,
    at_least,
    at_most,
    copy,
    drop,
    median,
    ratio,
    report,
    rounds,
    run_worker,
    say,
    spread,
    workspace,
)

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Sizes:
    """How much is made and run."""

    artifacts: int = 20_000
    proposals: int = 1_000
    sample: int = 60
    rounds: int = 5
    large: int = 100_000
    small: int = 1_000
    age: int = 1_000
    loose: bool = True


QUICK = Sizes(artifacts=2_000, proposals=200, sample=10, rounds=2, large=10_000, age=200)


def drain(ledger: Ledger, expected: int) -> float:
    """Seconds of a whole witness process that takes everything pending in a copy."""
    fresh = copy(ledger, "drained")
    seconds, told = run_worker("witness", fresh)
    if told["after"] - told["before"] != expected or told["refused"]:
        raise RuntimeError(f"the witness took {told} of {expected}")
    drop(fresh)
    return seconds


def against_stock(root: Path, sizes: Sizes) -> list[Figure]:
    """Proposals a second, ours and stock git's, on the same pending proposals."""
    say(f"witness: {sizes.artifacts} artifacts, {sizes.proposals} pending")
    ledger = make_ledger(root / "base", artifacts=sizes.artifacts)
    pending = list(add_proposals(ledger, sizes.proposals).items())
    repack(ledger)

    def ours() -> float:
        return sizes.proposals / drain(ledger, sizes.proposals)

    def theirs() -> float:
        fresh = copy(ledger, "stock")
        seconds = stock.take(fresh, pending[: sizes.sample])
        drop(fresh)
        return sizes.sample / seconds

    own, other = rounds(sizes.rounds, ours, theirs)
    found = [
        Figure("ours, whole process, synced", median(own), "proposals/s", note=spread(own, "/s")),
        Figure("stock git", median(other), "proposals/s", note=spread(other, "/s")),
        at_least("ours / stock", ratio(own, other), "times", 20),
    ]
    if sizes.loose:
        loosen(ledger)
        (scattered,) = rounds(sizes.rounds, ours)
        note = "each object of the proposals in a file of its own, as single pushes leave them"
        found.append(Figure("ours, loose objects", median(scattered), "proposals/s", note=note))
    return found


def loosen(ledger: Ledger) -> None:
    """Turn what the proposals brought in into loose objects, as small pushes do."""
    listed = ledger.git("rev-list", "--objects", "--glob=refs/heads/proposals/*", "--not", "common")
    names = "".join(line.split()[0] + "\n" for line in listed.splitlines())
    packs = ledger.path / "objects" / "pack"
    old = list(packs.iterdir())
    ledger.git("pack-objects", "-q", str(ledger.root / "new"), stdin=names.encode())
    kept = b"refs/heads/common\nrefs/heads/gitsync/locks\nrefs/tags/common@1\n"
    stays = ledger.git("pack-objects", "-q", "--revs", "objects/pack/pack", stdin=kept)
    for path in old:
        if stays not in path.name:
            path.unlink()
    (pack,) = ledger.root.glob("new-*.pack")
    ledger.git("unpack-objects", "-q", stdin=pack.read_bytes())


def marginal(root: Path, sizes: Sizes) -> list[Figure]:
    """Seconds of one more proposal, without what a run costs once."""
    few, many = sizes.proposals // 2, sizes.proposals * 3 // 2
    ledgers = []
    for count in (few, many):
        ledger = make_ledger(root / f"pending-{count}", artifacts=sizes.artifacts)
        add_proposals(ledger, count)
        repack(ledger)
        ledgers.append(ledger)
    first, second = rounds(
        sizes.rounds, lambda: drain(ledgers[0], few), lambda: drain(ledgers[1], many)
    )
    cost = median([(b - a) / (many - few) for a, b in zip(first, second, strict=True)])
    once = median(first) - cost * few
    return [
        Figure("one more proposal", cost * 1e3, "ms", note=f"{1 / cost:.0f} proposals/s"),
        Figure("once a run", once * 1e3, "ms", note="start of the process included"),
    ]


def by_size(root: Path, sizes: Sizes) -> list[Figure]:
    """Cost of a proposal on many artifacts over that on few, folders of the same width."""
    say(f"witness: {sizes.small} against {sizes.large} artifacts")
    ledgers = []
    for count in (sizes.small, sizes.large):
        ledger = make_ledger(root / f"size-{count}", artifacts=count)
        add_proposals(ledger, sizes.proposals)
        repack(ledger)
        ledgers.append(ledger)
    few, many = rounds(sizes.rounds, *(
        lambda ledger=ledger: drain(ledger, sizes.proposals) for ledger in ledgers))  # fmt: skip
    name = f"{sizes.large} / {sizes.small} artifacts"
    note = f"{median(few):.2f} s and {median(many):.2f} s for {sizes.proposals}"
    return [at_most(name, ratio(many, few), "times", 1.3, note)]


def by_age(root: Path, sizes: Sizes) -> list[Figure]:
    """Cost of a proposal with an old base over that with a fresh one, same ledger and edits."""
    say(f"witness: bases {sizes.age} snapshots old against fresh ones")
    base = make_ledger(root / "aged", artifacts=sizes.artifacts)
    add_snapshots(base, sizes.age)
    repack(base)
    ledgers = []
    for name, start in (("fresh", None), ("old", base.anchor)):
        ledger = copy(base, f"aged-{name}")
        add_proposals(ledger, sizes.proposals, base=start, skip=sizes.age)
        repack(ledger)
        ledgers.append(ledger)
    fresh, old = rounds(sizes.rounds, *(
        lambda ledger=ledger: drain(ledger, sizes.proposals) for ledger in ledgers))  # fmt: skip
    name = f"base {sizes.age} snapshots old / fresh"
    note = f"{median(fresh):.2f} s and {median(old):.2f} s for {sizes.proposals}"
    return [at_most(name, ratio(old, fresh), "times", 1.3, note)]


PARTS = {"stock": against_stock, "marginal": marginal, "size": by_size, "age": by_age}


def run(sizes: Sizes, only: str | None = None) -> list[Figure]:
    """All figures of the witness."""
    found: list[Figure] = []
    for name, part in PARTS.items():
        if only in (None, name):
            with workspace() as root:
                found += part(root, sizes)
    report("witness", found)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", choices=PARTS)
    asked = parser.parse_args()
    run(QUICK if asked.quick else Sizes(), asked.only)
