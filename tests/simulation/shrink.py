"""Making a failing schedule small: fewer steps and fewer faults, the same violation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.simulation.simulation import play

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.simulation.schedule import Schedule, Step
    from tests.simulation.simulation import Run

#: What a step can do without.
_SPARE = (
    "net",
    "after",
    "gap",
    "gap_tags",
    "kill",
    "torn",
    "size",
    "update",
    "until",
    "dated",
    "lag",
)


def shrink(schedule: Schedule, rule: str, run: Callable[[Schedule], Run] = play) -> Schedule:
    """The smallest schedule that is found to violate ``rule`` as ``schedule`` does (Zeller and
    Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002, without complements)."""
    again = True
    while again:
        again = False
        for smaller in _smaller(schedule):
            if run(smaller).rule == rule:
                schedule, again = smaller, True
                break
    return schedule


def _smaller(schedule: Schedule) -> Iterator[Schedule]:
    """Schedules with less in them, those with much less first."""
    steps = schedule.steps
    size = len(steps) // 2
    while size:
        for start in range(0, len(steps), size):
            yield replace(schedule, steps=steps[:start] + steps[start + size :])
        size //= 2
    for at, step in enumerate(steps):
        for simpler in _simpler(step):
            yield replace(schedule, steps=(*steps[:at], simpler, *steps[at + 1 :]))


def _simpler(step: Step) -> Iterator[Step]:
    for name, value in step.more:
        if name in _SPARE and value not in {0, None}:
            empty = ((name, 0),) if name == "dated" else ()
            yield replace(step, more=step.without(name).more + empty)
