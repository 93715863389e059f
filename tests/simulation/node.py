"""What all actors have: a clone, a key, a clock, and a way to the home."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.clocks import NodeClock
from tests.simulation.genesis import signer
from tests.simulation.wire import Wire

if TYPE_CHECKING:
    from typing import Any

    from gitsync.storage.facts import StoreFacts
    from gitsync.storage.signing import Ed25519Signer
    from tests.simulation.schedule import Step
    from tests.simulation.world import World


class Node:
    """One actor. A kill takes what its process remembers; clone, key and clock stay."""

    def __init__(self, world: World, who: str, key: str | None = None) -> None:
        self.world = world
        self.who = who
        self.signer: Ed25519Signer = signer(key or who)
        self.clock = NodeClock()
        self.repo: Any = world.places.repo(who)
        self.wire = Wire(world, who, world.places.way(who))

    @property
    def facts(self) -> StoreFacts:
        """What the clone's objects mean."""
        found: StoreFacts = self.repo.facts
        return found

    @property
    def clock_now(self) -> int:
        """The node's own idea of the time."""
        return self.clock.read(self.world.now)

    def forget(self) -> None:
        """The process is gone, and another one begins."""
        self.repo = self.world.places.repo(self.who)

    def do(self, step: Step) -> None:
        """Do what a step says. Raises what the product raises, and Killed."""
        raise NotImplementedError
