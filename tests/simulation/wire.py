"""The way from one node to the home, and what can happen on it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault
from gitsync.services.refview import view_of
from gitsync.storage.refs import RefsMovedError
from tests.simulation.history import NOTHING_SEEN, Looked, Seen
from tests.simulation.schedule import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from gitsync.services.home import Home
    from gitsync.services.refview import RefView
    from gitsync.storage.refs import RefUpdate
    from tests.simulation.world import World

_NOTHING = Step(0, "", "")


class Killed(BaseException):
    """The process is gone. As with KeyboardInterrupt, nobody may take it for an error."""


class Wire:
    """The port ``Home`` for one node. The next push meets the fate that its step names."""

    def __init__(self, world: World, who: str, home: Home) -> None:
        self._world = world
        self._who = who
        self._home = home
        self._step = _NOTHING
        self.cut_until = -1.0
        self.seen = NOTHING_SEEN
        self._after_all = False
        self.source = home.source

    def meet(self, step: Step) -> None:
        """Let the next push go as ``step`` says."""
        self._step = step

    def view(self) -> RefView:
        """See ``Home``."""
        self._reach()
        view = self._home.view()
        lag, self._step = self._step.get("lag", 0), self._step.without("lag")
        if lag:
            refs = self._world.past(lag)
            self._world.places.bring(self._who, refs.values())
            view = view_of("common", self.source, refs)
        if self._after_all:
            # What it decides goes on resting on what it had seen before.
            self._after_all = False
            return view
        self.seen = Seen(view, self._world.now, self._world.count())
        self._world.note(Looked(self._world.now, self._who, self.seen))
        return view

    def emit(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        step, self._step = self._step, Step(0, "", "", (("gap_tags", self._step.get("gap_tags")),))
        self._world.sit(step.get("gap", 0))
        self._reach()
        kill = step.get("kill")
        if kill == "before":
            raise Killed
        if kill == "torn":
            # No file-based store moves several refs as one when it is killed in the middle.
            if self._world.places.home.would_move(updates) is not None:
                self._carry(self._home.emit, updates[: step.get("torn", 1)], torn=True)
            raise Killed
        self._meet(step.get("net", "ok"), step.get("after", 0), updates)
        if kill == "after":
            raise Killed
        if kill == "tags":
            self._step = Step(0, "", "", (("kill", "tags"),))

    def publish(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        step, self._step = self._step, _NOTHING
        if step.get("kill") == "tags":
            raise Killed
        self._world.sit(step.get("gap_tags") or 0)
        self._reach()
        try:
            self._carry(self._home.publish, updates)
        except RefsMovedError:
            # It looks again, and decides nothing on that.
            self._after_all = True
            raise

    def sweep(self, updates: Sequence[RefUpdate]) -> None:
        """See ``Home``."""
        if self._world.now >= self.cut_until:
            self._carry(self._home.sweep, updates)

    def _reach(self) -> None:
        if self._world.now < self.cut_until:
            raise _unreachable()

    def _meet(self, fate: str, after: int, updates: Sequence[RefUpdate]) -> None:
        if fate in {"ok", "twice"}:
            self._carry(self._home.emit, updates)
        if fate == "unanswered":
            with suppress(RefsMovedError):
                self._carry(self._home.emit, updates)
        if fate in {"late", "twice"}:
            seen = self.seen

            def arrive() -> None:
                with suppress(RefsMovedError):
                    self._carry(self._home.emit, updates, seen)

            self._world.later(after, arrive)
        if fate in {"lost", "unanswered", "late"}:
            raise _unreachable()

    def _carry(
        self,
        send: Callable[[Any], None],
        updates: Sequence[RefUpdate],
        seen: Seen | None = None,
        *,
        torn: bool = False,
    ) -> None:
        with self._world.pushing(self._who, seen or self.seen, torn=torn):
            send(updates)


def _unreachable() -> EnvironmentFault:
    return EnvironmentFault("remote.unreachable", "the home does not answer")
