"""One seed from its schedule to the checker's word."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.simulation.checker import Checker
from tests.simulation.leasemodel import Violation
from tests.simulation.schedule import Schedule, draw
from tests.simulation.world import World

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulation.history import History


@dataclass(frozen=True)
class Run:
    """A schedule that was played: what happened, its hash, and what the checker found, or None."""

    schedule: Schedule
    history: History
    violation: Violation | None

    @property
    def hash(self) -> str:
        """See ``History.hash``."""
        return self.history.hash()

    @property
    def rule(self) -> str | None:
        """The name of the violated rule."""
        return self.violation.rule if self.violation else None


def play(schedule: Schedule, root: Path | None = None) -> Run:
    """Play a schedule, in memory or in real repositories below ``root``, and check it.

    An error that the product does not mean to raise is a violation, ``crash``.
    """
    world = World(schedule, root)
    try:
        world.run()
        checker = Checker(world.genesis, world.places.facts(), sound=not schedule.faulty_clocks)
        checker.check(world.history)
    except Violation as violation:
        return Run(schedule, world.history, violation)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is reported with its seed
        found = Violation("crash", f"{type(error).__name__}: {error}")
        found.__cause__ = error
        return Run(schedule, world.history, found)
    return Run(schedule, world.history, None)


def play_seed(seed: int, root: Path | None = None) -> Run:
    """Play the schedule of a seed."""
    return play(draw(seed), root)
