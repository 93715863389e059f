"""Carries the ledger that real edits make by ten bundles, through two relays, in shuffled order.

``python -m tests.bench.carried SOURCE [--since DATE] [--limit N]``; SOURCE as for the replay. While
the replay runs, a reader takes ten increments as they are made, and acknowledges each. Then a
second clone of the same reader, which has nothing, gets the ten files from two relays in an order
that has nothing to do with theirs. In the end its refs must be the sender's.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitsync.services.carrying.creating import CreateOptions, create
from gitsync.services.carrying.shelf import Shelf
from gitsync.services.carrying.taking import take
from gitsync.services.workspace import Workspace
from tests.bench.common import Figure, host_of, report, run_child, say, workspace
from tests.bench.replay import replay

if TYPE_CHECKING:
    from pathlib import Path

    from fixtures.make_ledger import Ledger, Person
    from gitsync.domain.objects import Oid

STEPS = 10


@dataclass
class Carrier:
    """Somebody's clone that bundles are taken in; made anew for each name."""

    root: Path
    person: Person
    ledger: Ledger

    def __post_init__(self) -> None:
        self.env = self.ledger.env | {"XDG_STATE_HOME": str(self.root / "state")}
        self.path = self.root / "clone.git"
        self.root.mkdir(parents=True)
        run_child(["git", "init", "-q", "--bare", "--template=", str(self.path)], self.env)
        values = {
            "gitsync.domain": self.person.name, "gitsync.anchor": str(self.ledger.anchor),
            "gitsync.remote": "none", "gpg.format": "ssh",
            "user.signingkey": str(self.person.write_key(self.root)),
        }  # fmt: skip
        for key, value in values.items():
            run_child(["git", "config", key, value], self.env, self.path)

    @property
    def ws(self) -> Workspace:
        """The clone, opened anew."""
        return Workspace.open(host_of(self.path, self.env))


@dataclass
class Carrying:
    """The ten steps, one after each tenth of the batches."""

    root: Path
    batches: int = 0
    people: list[Person] = field(default_factory=list)
    seen: int = 0
    ledger: Ledger | None = None
    first: Carrier | None = None
    files: list[Path] = field(default_factory=list)

    def step(self, ledger: Ledger) -> None:
        """After a batch: write an increment, have it taken, and hear that it was."""
        self.seen += 1
        if self.seen * STEPS // self.batches == (self.seen - 1) * STEPS // self.batches:
            return
        if self.first is None:
            ledger.git("config", "gitsync.domain", "witness")
            self.ledger = ledger
            self.first = Carrier(self.root / "first", self.people[0], ledger)
        stick = self.root / "stick"
        stick.mkdir(exist_ok=True)
        sender = Workspace.open(host_of(ledger.path, ledger.env))
        name = self.first.person.name
        made = create(sender, stick, CreateOptions(recipient=name, key=str(ledger.key())))
        assert made.written is not None
        self.files.append(made.written.path)
        take(self.first.ws, made.written.path)
        said = create(self.first.ws, self.root, CreateOptions(recipient="witness"))
        assert said.written is not None
        take(Workspace.open(host_of(ledger.path, ledger.env)), said.written.path)

    def shuffled(self) -> tuple[int, int, bool]:
        """(how often one had to wait, refs in the end, whether they are the sender's)."""
        assert self.ledger is not None
        assert self.first is not None
        dice = random.Random(6)  # noqa: S311 - the same order in every run
        relays = [Carrier(self.root / f"relay{n}", self.people[n], self.ledger)
                  for n in (1, 2)]  # fmt: skip
        for place, path in enumerate(dice.sample(self.files, len(self.files))):
            (found,) = take(relays[place % 2].ws, path)
            assert found.outcome == "relayed", found
        carried = [path for one in relays for path in Shelf.of(one.ws).relayed()]
        # The complete one first: before that there is nothing to hold the others against.
        carried.sort(key=lambda path: path.name)
        rest = dice.sample(carried[1:], len(carried) - 1)
        second = Carrier(self.root / "second", self.first.person, self.ledger)
        waited = 0
        for path in (carried[0], *rest):
            waited += take(second.ws, path)[0].outcome == "held"
        sender = Workspace.open(host_of(self.ledger.path, self.ledger.env))
        mine, theirs = _ledger_refs(second.ws), _ledger_refs(sender)
        return waited, len(mine), mine == theirs


def _ledger_refs(ws: Workspace) -> dict[str, Oid]:
    from gitsync.services.carrying.holding import held

    found = held(ws).refs
    return {ref: oid for ref, oid in found.items() if "people/" not in ref}


def run(source: str, *, since: str | None = None, limit: int | None = None) -> list[Figure]:
    """Replay, carry, compare."""
    with workspace() as root:
        say("carried: real edits, in ten bundles")
        batch = 50
        carrying = Carrying(root / "carried")
        carrying.root.mkdir()

        def count(edits: int, people: list[Person]) -> None:
            carrying.batches, carrying.people = -(-edits // batch), people

        replay(source, root, since=since, limit=limit, batch=batch, sample=1,
               counted=count, after=carrying.step)  # fmt: skip
        begin = time.perf_counter()
        waited, refs, equal = carrying.shuffled()
        figures = [
            Figure("bundles", len(carrying.files), "", str(STEPS), len(carrying.files) == STEPS),
            Figure("size", sum(one.stat().st_size for one in carrying.files) / 1e6, "MB"),
            Figure("had to wait", waited, "bundles"),
            Figure("two relays and a new clone", time.perf_counter() - begin, "s"),
            Figure("refs equal to the sender's", equal, "", "1", equal, note=f"{refs} refs"),
        ]
    report("carried", figures)
    return figures


def main() -> int:
    """This one alone."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.carried", description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--since")
    parser.add_argument("--limit", type=int)
    asked = parser.parse_args()
    figures = run(asked.source, since=asked.since, limit=asked.limit)
    return 0 if all(one.ok is not False for one in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
