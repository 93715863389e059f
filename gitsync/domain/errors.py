"""The one error tree. The kind decides the exit code; hints are data beside the message."""

from __future__ import annotations

from enum import IntEnum

from gitsync.domain.frozen import frozen


class Kind(IntEnum):
    """Why a command stops, as the exit code it ends with (docs/reference/exit-codes.md)."""

    REFUSED = 1
    USAGE = 2
    ENVIRONMENT = 3
    BUG = 70
    INTERRUPTED = 130


@frozen
class Where:
    """The place in the input that is wrong. ``line`` and ``column`` count from 1."""

    file: str | None = None
    line: int | None = None
    column: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        place = self.file or ""
        if self.line is not None:
            place += f":{self.line}"
            if self.column is not None:
                place += f":{self.column}"
        if self.field:
            place += f" ({self.field})" if place else self.field
        return place


class GitsyncError(Exception):
    """Base of every error a user may see.

    ``code`` is stable and dotted (``signature.unknown-key``): scripts and receipts rely on it.
    ``hint`` says what to do next, usually one or two commands, one a line.
    """

    kind = Kind.REFUSED

    def __init__(
        self, code: str, message: str, *, hint: str | None = None, where: Where | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.where = where

    def __str__(self) -> str:
        # Some messages begin with their place: said once is enough.
        if not self.where or self.message.startswith(str(self.where)):
            return self.message
        return f"{self.where}: {self.message}"


class RefusedError(GitsyncError):
    """The answer is no: refused, conflicting, held, or not verified."""

    kind = Kind.REFUSED


class FormatError(RefusedError):
    """Foreign bytes that do not have the shape they claim."""


class VerificationError(RefusedError):
    """A ledger, a signature or a position does not check out."""


class UsageError(GitsyncError):
    """The command line or an argument is off."""

    kind = Kind.USAGE


class EnvironmentFault(GitsyncError):  # noqa: N818 - EnvironmentError is Python's own
    """Something outside the input is missing: a repository, a key, a remote, disk space."""

    kind = Kind.ENVIRONMENT


class BugError(GitsyncError):
    """An invariant of our own is broken."""

    kind = Kind.BUG
