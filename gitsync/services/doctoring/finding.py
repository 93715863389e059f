"""What a check found, as a value."""

from __future__ import annotations

from dataclasses import field
from enum import StrEnum
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable


class Kind(StrEnum):
    """In which way something is wrong. UNKNOWN and NOTE are no faults."""

    TORN = "torn"
    MISSING = "missing"
    STALE = "stale"
    HALF_DONE = "half-done"
    WRONG = "wrong"
    UNPROTECTED = "unprotected"
    UNKNOWN = "cannot tell"
    NOTE = "note"


class State(StrEnum):
    """What became of a finding: left as it is, mended and read back, or tried in vain."""

    OPEN = "open"
    MENDED = "mended"
    FAILED = "failed"


@frozen
class Remedy:
    """What ``--fix`` would do (``plan``, said without doing it), and the doing.

    ``apply`` returns what it did, in words. It may be cut off anywhere and run again.
    """

    plan: str
    apply: Callable[[], str]


@frozen
class Finding:
    """One thing that is wrong. ``code`` is stable; ``what`` says it in plain words; ``subject``
    tells findings of one code apart; ``mend`` holds commands, one a line.

    ``blocks`` is set where looking further would hang or mislead. ``done`` says what was tried.
    """

    area: str
    code: str
    kind: Kind
    what: str
    subject: str = ""
    mend: str | None = None
    remedy: Remedy | None = field(default=None, compare=False, repr=False)
    blocks: bool = False
    state: State = State.OPEN
    done: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """What makes two findings the same."""
        return self.code, self.subject

    @property
    def is_fault(self) -> bool:
        """Whether this is wrong and still so."""
        return self.state is not State.MENDED and self.kind not in (Kind.UNKNOWN, Kind.NOTE)
