"""A reader that hangs is a failure like any other."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class HangError(AssertionError):
    """A reader did not come to an end in time."""


@contextmanager
def no_longer_than(seconds: float) -> Iterator[None]:
    """Raise HangError in the body after ``seconds``. The main thread of a process only."""

    def stop(_signal: int, _frame: object) -> None:
        raise HangError(f"no end after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
