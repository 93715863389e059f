"""A clock for each node, as wrong as its schedule has it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class NodeClock:
    """Seconds since the epoch as one node believes them. ``rate`` is 1 for a sound clock."""

    offset: float = 0.0
    rate: float = 1.0
    _since: float = 0.0

    def read(self, now: float) -> int:
        """What the clock shows at the true time ``now``."""
        return int(now + self.offset + (self.rate - 1.0) * (now - self._since))

    def jump(self, now: float, seconds: float) -> None:
        """Put the clock forward or back."""
        self._settle(now)
        self.offset += seconds

    def speed(self, now: float, rate: float) -> None:
        """Let the clock run at another rate from now on."""
        self._settle(now)
        self.rate = rate

    def mend(self, now: float) -> None:
        """Set the clock to the true time, and let it run as it should."""
        self.offset, self.rate, self._since = 0.0, 1.0, now

    def _settle(self, now: float) -> None:
        self.offset += (self.rate - 1.0) * (now - self._since)
        self._since = now
