"""``make kill``: kill every command before and after each of its storage effects, and go on.

    python -m tests.faults.kill [--healing off] [--every N] [NAME ...]

A first run of each scenario counts the effects. Then, for each effect and both sides of it, the
world is put back, the command is killed there (SIGKILL, a forked process, real repositories), run
again, and everything is checked: the scenario's own outcome and the invariants. A second complete
run may change nothing. At some points the run that mends is killed too, at an effect of its own.
"""

from __future__ import annotations

import argparse
import random
import sys
import traceback
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field

from tests.faults import kit
from tests.faults.healing import healing
from tests.faults.scenarios import SCENARIOS
from tests.faults.world import Scene, scene

# Each so many-th point is also killed while it mends, and run once more when all is done.
MIDWAY = 5


@dataclass
class Tally:
    """What came of a scenario: effects counted, processes killed, what did not hold."""

    name: str
    effects: int = 0
    kills: int = 0
    violations: list[str] = field(default_factory=list)

    def line(self) -> str:
        counts = f"effects={self.effects} kills={self.kills} violations={len(self.violations)}"
        return f"{self.name:<18} {counts}"


def every_point(found: Scene, *, every: int = 1, offset: int = 0) -> Tally:
    """Kill one scenario at each ``every``-th effect, before and after it."""
    tally = Tally(found.scenario.name)
    found.restore()
    seen = kit.trace(found.run)
    tally.effects = len(seen)
    found.scenario.check(found.ledger)
    dice = random.Random(found.scenario.name)  # noqa: S311 - the same points in every run
    points = [(at, after) for at in range(1, len(seen) + 1) for after in (False, True)]
    for place, (at, after) in enumerate(points):
        if (place + offset) % every:
            continue
        found.restore()
        where = f"killed {'after' if after else 'before'} effect {at}: {_words(seen[at - 1])}"
        try:
            if not kit.killed_at(found.run, at, after=after):
                raise AssertionError("the run ended before it came to this effect")
            tally.kills += 1
            _recover(found, dice if place % MIDWAY == 0 else None, tally)
        except Exception as error:  # noqa: BLE001 - each is a violation, and is told
            tally.violations.append(f"{where}\n{_why(error)}")
    return tally


def _recover(found: Scene, dice: random.Random | None, tally: Tally) -> None:
    if dice is not None:
        tally.kills += kit.killed_at(found.run, dice.randint(1, 12), after=dice.random() < 0.5)
    found.run()
    done = kit.fingerprint(found.ledger.root)
    if dice is not None and not found.scenario.once:
        found.run()
        again = kit.fingerprint(found.ledger.root)
        assert again == done, f"a second run changed refs: {sorted(again ^ done)}"
    found.scenario.check(found.ledger)


def _words(effect: object) -> str:
    kind, path, _, _, args = effect
    return f"{kind} {' '.join(args)[:90] or '/'.join(path.split('/')[-3:])}"


def _why(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    said = "\n    ".join(str(error).splitlines()[:8])
    return f"  {type(error).__name__} at {last.filename.rpartition('/')[2]}:{last.lineno}: {said}"


def play(name: str, *, heal: bool = True, every: int = 1, offset: int = 0) -> Tally:
    """One scenario of the table in a world of its own."""
    scenario = next(one for one in SCENARIOS if one.name == name)
    with kit.isolated() as folder, healing(on=heal), scene(scenario, folder) as found:
        return every_point(found, every=every, offset=offset)


def main(argv: list[str]) -> int:
    """Print a line a scenario and the sum; 0 if nothing was violated."""
    parser = argparse.ArgumentParser(prog="make kill")
    parser.add_argument("--healing", choices=["on", "off"], default="on")
    parser.add_argument("--every", type=int, default=1, metavar="N")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args(argv)
    wanted = [one for one in SCENARIOS if not options.names or one.name in options.names]
    total = Tally("total")
    with ProcessPoolExecutor(options.jobs) as pool:
        work = [
            pool.submit(play, one.name, heal=options.healing == "on", every=options.every)
            for one in wanted
        ]
        for done in as_completed(work):
            tally = done.result()
            print(tally.line(), flush=True)
            for said in tally.violations[:3]:
                print("  " + said.replace("\n", "\n  "), flush=True)
            total.effects += tally.effects
            total.kills += tally.kills
            total.violations += tally.violations
    print(f"effects={total.effects} kills={total.kills} violations={len(total.violations)}")
    return 1 if total.violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
