"""Witnesses and verifiers: the product's own, with what they store kept in memory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.services.verifying import Verifier
from gitsync.services.witness import BATCH, Witness
from gitsync.storage.index import PositionIndex
from tests.simulation.history import Stored
from tests.simulation.node import Node

if TYPE_CHECKING:
    from gitsync.domain.ledger.state import State
    from gitsync.domain.objects import Oid
    from gitsync.storage.positions import VerifiedPosition
    from tests.simulation.schedule import Step
    from tests.simulation.world import World


class _SavedIndex(PositionIndex):
    """The position index, saved in a dict instead of a file."""

    def __init__(self, saved: _Saved) -> None:
        super().__init__(None)
        self._saved = saved
        self._places, self._snapshots = dict(saved.places), dict(saved.snapshots)

    def tip(self) -> tuple[str, int, Oid] | None:
        return self._saved.tip

    def save(self, anchor: Oid, number: int, commit: Oid) -> None:
        saved = self._saved
        saved.places, saved.snapshots = dict(self._places), dict(self._snapshots)
        saved.tip = (anchor, number, commit)


class _Saved:
    def __init__(self) -> None:
        self.places: dict[Oid, tuple[int, int]] = {}
        self.snapshots: dict[int, Oid] = {}
        self.tip: tuple[str, int, Oid] | None = None


class Replaying(Node):
    """A node that verifies. Its position and its index are on its disk, its verifier is not."""

    def __init__(self, world: World, who: str, key: str | None = None) -> None:
        super().__init__(world, who, key or "alice")
        self.position: VerifiedPosition | None = None
        self._saved = _Saved()
        self._verifier: Verifier | None = None

    def forget(self) -> None:
        """See ``Node``."""
        super().forget()
        self._verifier = None

    def verifier(self) -> Verifier:
        """The verification from the stored position on; what it has read once it remembers."""
        if self._verifier is None:
            self._verifier = Verifier(
                store=self.repo.store, index=PositionIndex(None), space="common",
                anchor=self.world.genesis.anchor, stored=None, evidence_dir=Path("/nonexistent"),
                now=0,
            )  # fmt: skip
            for key, value in self.world.genesis.settings.items():
                self._verifier.facts._settings.put(key, value)
        verifier = self._verifier
        verifier.index = _SavedIndex(self._saved)
        verifier.stored = verifier.floor = self.position
        verifier.now = self.clock_now
        return verifier

    def accept(self, position: VerifiedPosition) -> None:
        """Store a verified position."""
        self.position = position
        self.world.note(Stored(self.world.now, self.who, position.number, position.commit))


class VerifierNode(Replaying):
    """Somebody who only reads, and replays all of it."""

    def do(self, step: Step) -> None:
        """See ``Node``."""
        self.wire.meet(step)
        verifier = self.verifier()
        checked = verifier.check(self.wire.view())
        verifier.index.save(checked.state.ledger, checked.state.number, checked.state.commit)
        assert checked.position is not None
        self.accept(checked.position)


class WitnessNode(Replaying):
    """A machine that runs the witness; several may have the same key."""

    def do(self, step: Step) -> None:
        """See ``Node``."""
        self.wire.meet(step)
        Witness(
            repo=self.repo, home=self.wire, signer=self.signer, make_verifier=self.verifier,
            now=lambda: self.clock_now, on_position=self._on_position,
            size=step.get("size", BATCH),
        ).run()  # fmt: skip

    def _on_position(self, position: VerifiedPosition, _: State, tags: dict[int, Oid]) -> None:
        self.accept(position)
