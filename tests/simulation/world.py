"""One run of a schedule: time, turns, what is under way, and an end without any fault."""

from __future__ import annotations

import heapq
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError
from tests.simulation.genesis import DEPUTY, NOTARY, START, genesis
from tests.simulation.history import NOTHING_SEEN, Calm, History, Moved, Said
from tests.simulation.people import Person
from tests.simulation.places import InMemory, OnDisk
from tests.simulation.schedule import Step
from tests.simulation.wire import Killed
from tests.simulation.witnesses import VerifierNode, WitnessNode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gitsync.domain.objects import Oid
    from tests.simulation.history import Event, Seen
    from tests.simulation.node import Node
    from tests.simulation.schedule import Schedule

_KEYS = {"w1": NOTARY, "w2": NOTARY, "w3": DEPUTY}
#: How deep operations may lie inside each other's pauses.
_DEPTH = 4
#: In the end: runs of the witness, in seconds after the one before. Leases of those who do not come
#: back lapse meanwhile, and whoever is dated ahead of the rest is reached.
_CALM_RUNS = (60, *[3600] * 3, 3 * 86400, 60, 60)


class World:
    """The nodes of a schedule, the home, and the true time in seconds."""

    def __init__(self, schedule: Schedule, root: Path | None = None) -> None:
        self.schedule = schedule
        self.genesis = genesis(schedule.unanswered)
        self.places = InMemory(self.genesis) if root is None else OnDisk(self.genesis, root)
        self.places.home.on_moved = self._moved
        self.now = float(START)
        self.history = History()
        self._nodes: dict[str, Node] = {}
        self._queue: list[tuple[float, int, Step | Callable[[], None]]] = []
        self._count = 0
        self._busy: list[str] = []
        self._waiting: list[Step] = []
        self._pusher: tuple[str, Seen, bool] = ("", NOTHING_SEEN, False)
        self._once: list[tuple[str, Oid]] = []
        self._past = [dict(self.genesis.refs)]

    def run(self) -> History:
        """Play the schedule, then the end; returns what happened."""
        for step in self.schedule.steps:
            self._put(START + step.at, step)
        self._until(float("inf"))
        self._calm()
        self.places.check()
        self.history.refs = dict(self.places.home.refs)
        return self.history

    # -- time -------------------------------------------------------------------------------

    def _put(self, at: float, what: Step | Callable[[], None]) -> None:
        heapq.heappush(self._queue, (at, self.count(), what))

    def count(self) -> int:
        """A number that was not given before."""
        self._count += 1
        return self._count

    def later(self, after: int, what: Callable[[], None]) -> None:
        """Let something arrive ``after`` seconds from now."""
        self._put(self.now + after, what)

    def sit(self, seconds: int) -> None:
        """Let whoever is at work sit there, and everybody else go on."""
        if seconds and len(self._busy) < _DEPTH:
            end = self.now + seconds
            self._until(end)
            self.now = max(self.now, end)

    def _until(self, end: float) -> None:
        while self._queue and self._queue[0][0] <= end:
            at, _, what = heapq.heappop(self._queue)
            self.now = max(self.now, at)
            if isinstance(what, Step):
                self._turn(what)
            else:
                what()

    def _turn(self, step: Step) -> None:
        if step.who in self._busy:
            self._waiting.append(step)
            return
        self._busy.append(step.who)
        try:
            self._do(self.node(step.who), step)
        finally:
            self._busy.pop()
        waiting = [one for one in self._waiting if one.who == step.who]
        self._waiting = [one for one in self._waiting if one.who != step.who]
        for one in waiting:
            self._turn(one)

    def _do(self, node: Node, step: Step) -> None:
        try:
            if step.verb == "kill":
                node.forget()
            elif step.verb == "cut":
                node.wire.cut_until = self.now + step.get("for")
            elif step.verb == "clock":
                if step.get("jump"):
                    node.clock.jump(self.now, step.get("jump"))
                else:
                    node.clock.speed(self.now, step.get("rate"))
            else:
                node.do(step)
            word = "ok"
        except Killed:
            node.forget()
            word = "killed"
        except GitsyncError as error:
            word = error.code
        self.note(Said(self.now, step.who, step.verb, word))

    # -- nodes ------------------------------------------------------------------------------

    def node(self, who: str) -> Node:
        """An actor, made when it is first spoken of."""
        if who not in self._nodes:
            kind = WitnessNode if who in _KEYS else VerifierNode if who[0] == "v" else Person
            self._nodes[who] = (
                WitnessNode(self, who, _KEYS[who]) if kind is WitnessNode else kind(self, who)
            )
        return self._nodes[who]

    def once(self, of: Callable[[str], bool]) -> list[tuple[str, Oid]]:
        """Every value that refs of a kind have ever had, in order."""
        return [one for one in self._once if of(one[0])]

    def past(self, lag: int) -> dict[str, Oid]:
        """The refs of the home as they were ``lag`` pushes ago."""
        return dict(sorted(self._past[max(0, len(self._past) - 1 - lag)].items()))

    # -- the record -------------------------------------------------------------------------

    def note(self, event: Event) -> None:
        """Write an event down."""
        self.history.events.append(event)

    @contextmanager
    def pushing(self, who: str, seen: Seen, *, torn: bool) -> Iterator[None]:
        """What the home takes now comes from ``who``, made of what it had ``seen``."""
        before, self._pusher = self._pusher, (who, seen, torn)
        try:
            yield
        finally:
            self._pusher = before

    def _moved(self, moved: dict[str, tuple[Oid | None, Oid | None]]) -> None:
        who, seen, torn = self._pusher
        self._once += [(ref, new) for ref, (_, new) in moved.items() if new is not None]
        self._past.append(dict(self.places.home.refs))
        self.note(Moved(self.now, who, moved, seen, torn))

    # -- the end ----------------------------------------------------------------------------

    def _calm(self) -> None:
        """Nothing goes wrong any more: clocks are set right, and the witness runs now and then.

        Nobody comes back to release anything, so that leases have to lapse.
        """
        for node in self._nodes.values():
            node.wire.cut_until = -1.0
            node.clock.mend(self.now)
        self.note(Calm(self.now))
        for pause in _CALM_RUNS:
            self.now += pause
            self._turn(Step(0, self._witness(), "run"))
        self._turn(Step(0, "v2", "verify"))

    def _witness(self) -> str:
        """Who is the witness now."""
        facts = self.places.facts()
        tree = facts.commit(self.places.home.refs["refs/heads/common"]).tree
        return "w1" if NOTARY in facts.settings(tree).policy.witnesses else "w3"
