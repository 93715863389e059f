"""The worlds that scenarios run in: a hub and three clones, or a witness who is its own home."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.services.founding import InitOptions, init
from tests.conftest import PEOPLE, Clock, FakeRandom, Ledger, _found, new_host, write_key
from tests.faults import kit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.scenarios import Scenario


class SoloLedger(Ledger):
    """A ledger whose home is the witness's own repository."""

    @property
    def hub(self) -> Path:
        return self.root / "alice"


def _solo(root: Path) -> None:
    (root / "alice").mkdir()
    members = tuple((name, Path(f"{write_key(root / 'keys', name)}.pub")) for name in PEOPLE[1:])
    options = InitOptions(
        name="alice", remote=None, key=str(write_key(root / "keys", "alice")), members=members
    )
    init(new_host(root / "alice", Clock(), FakeRandom("solo")), options)


@dataclass
class Scene:
    """A prepared world of a scenario that can be put back as often as one likes."""

    scenario: Scenario
    ledger: Ledger
    kept: Path
    seconds: float = field(default=0)

    def restore(self) -> Ledger:
        """Put everything back to before the command, the clock too."""
        kit.copy(self.kept, self.ledger.root)
        self.ledger.clock = Clock(self.seconds)
        self.ledger.random = FakeRandom("again")
        return self.ledger

    def run(self) -> object:
        return self.scenario.run(self.ledger)


@contextmanager
def scene(scenario: Scenario, root: Path) -> Iterator[Scene]:
    """Build a scenario's world below ``root``, whose state folder lies beside its clones."""
    work, kept = root / "work", root / "kept"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    (_solo if scenario.solo else _found)(work)
    ledger = (SoloLedger if scenario.solo else Ledger)(work, Clock())
    ledger.clock.tick()
    scenario.prepare(ledger)
    ledger.clock.tick()
    kit.copy(work, kept)
    yield Scene(scenario, ledger, kept, ledger.clock.seconds)
