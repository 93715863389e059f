"""Progress of what takes longer than a second, on a terminal only."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

AFTER_SECONDS = 1.0
EVERY_SECONDS = 0.1


class Progress:
    """One line on standard error, rewritten in place and wiped before anything else is written."""

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._shown = False
        self._what = ""
        self._since = 0.0
        self._last = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        """Say that ``done`` of ``total`` are through; ``what`` names the work, in our own words."""
        if not self._stream.isatty():
            return
        now = self._clock()
        if what != self._what:
            self._what, self._since, self._last = what, now, 0.0
        if now - self._since < AFTER_SECONDS or now - self._last < EVERY_SECONDS:
            return
        self._last = now
        share = f" ({100 * done // total}%)" if total else ""
        self._stream.write(f"\r\x1b[K{what}: {done} of {total}{share}")
        self._stream.flush()
        self._shown = True

    def clear(self) -> None:
        """Wipe the line if there is one."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._shown = False
