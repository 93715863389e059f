"""The world outside as one value: tests pass their own clock, randomness and answers."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def _silent(_what: str, _done: int, _total: int) -> None:
    return None


@frozen
class Host:
    """Where a command runs.

    ``now`` gives seconds since the epoch, ``random`` n random bytes, ``sleep`` waits seconds,
    ``monotonic`` measures waiting; ``ask`` reads a passphrase from the terminal and is None where
    nobody can answer. ``progress`` takes (what, done, total).
    """

    cwd: Path
    env: Mapping[str, str]
    home: Path
    now: Callable[[], float]
    random: Callable[[int], bytes]
    sleep: Callable[[float], None]
    monotonic: Callable[[], float]
    ask: Callable[[str], str] | None = None
    progress: Callable[[str, int, int], None] = field(default=_silent)

    def seconds(self) -> int:
        """The wall clock in whole seconds since the epoch."""
        return int(self.now())
