"""Errors as people and programs see them, and the exit code that goes with each."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

from gitsync.cli.output import Output, Styled
from gitsync.domain.errors import BugError, EnvironmentFault, GitsyncError, Kind, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    import click

    from gitsync.services.host import Host

SCHEMA = "gitsync/error/1"
_NAMES = {
    Kind.REFUSED: "refused",
    Kind.USAGE: "usage",
    Kind.ENVIRONMENT: "environment",
    Kind.BUG: "bug",
    Kind.INTERRUPTED: "interrupted",
}
_GONE = ("disk.failed", "check that the disk is in, and mounted")
_OS_ERRORS = {
    errno.ENOSPC: ("disk.full", "free some space, then run it again"),
    errno.EDQUOT: ("disk.full", "free some space, then run it again"),
    errno.EROFS: ("disk.read-only", "work in a folder that can be written"),
    errno.EACCES: ("file.denied", "check who owns the file and who may write it"),
    errno.EPERM: ("file.denied", "check who owns the file and who may write it"),
    # A stick that was pulled out, or whose driver died, is a folder that answers nothing.
    errno.EIO: _GONE,
    errno.ENOTCONN: _GONE,
    errno.ENODEV: _GONE,
    errno.ENXIO: _GONE,
    errno.ESTALE: _GONE,
}


class StoppedError(GitsyncError):
    """The user stopped the command."""

    kind = Kind.INTERRUPTED


def show(out: Output, error: GitsyncError, *, as_json: bool) -> int:
    """Report an error on standard error; returns the exit code."""
    if as_json:
        out.json_error(document(error))
    elif error.kind is not Kind.INTERRUPTED:
        first, *more = str(error).split("\n")
        out.told(Styled("error: ", "red"), first, " " * 7)
        for line in more:
            out.told(" " * 7, line, " " * 7)
        for at, line in enumerate((error.hint or "").splitlines()):
            out.told("hint:  " if at == 0 else " " * 7, line, " " * 7, hint=True)
    return int(error.kind)


def document(error: GitsyncError) -> dict[str, Any]:
    """An error as ``gitsync/error/1``."""
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": _NAMES[error.kind],
        "code": error.code,
        "message": error.message,
    }
    if error.hint:
        found["hint"] = error.hint
    if error.where is not None:
        place = {
            name: value
            for name in ("file", "line", "column", "field")
            if (value := getattr(error.where, name)) is not None
        }
        found |= {"where": place} if place else {}
    return found


def from_click(error: click.ClickException) -> UsageError:
    """A mistake on the command line in our own form."""
    context = getattr(error, "ctx", None)
    hint = f"{context.command_path} --help" if context is not None else "gitsync --help"
    message = " ".join(error.format_message().split()).rstrip(".")
    suggestion = getattr(error, "hint", None)
    return UsageError("usage.syntax", message[:1].lower() + message[1:], hint=suggestion or hint)


def from_os(error: OSError) -> EnvironmentFault | None:
    """What the system refused, when that is no bug of ours."""
    found = _OS_ERRORS.get(error.errno or 0)
    if found is None:
        return None
    place = f"{error.filename}: " if error.filename else ""
    return EnvironmentFault(found[0], f"{place}{error.strerror}", hint=found[1])


def from_bug(host: Host | None, error: BaseException) -> BugError:
    """An error that nobody foresaw: the details go to a file, the terminal gets one line."""
    path = _write_trace(host, error) if host is not None else None
    where = f"; details: {path}" if path else ""
    return BugError(
        "bug.unexpected", f"this is a bug in gitsync ({type(error).__name__}){where}",
        hint="please report it with that file" if path else "GITSYNC_DEBUG=1 shows the details",
    )  # fmt: skip


def trace(error: BaseException) -> str:
    """The traceback as text."""
    import traceback

    return "".join(traceback.format_exception(error))


def _write_trace(host: Host, error: BaseException) -> Path | None:
    from gitsync.storage.durable import make_folder, write_atomic
    from gitsync.storage.positions import state_home

    folder = state_home(host.env, host.home) / "bugs"
    path = folder / f"{host.seconds()}.txt"
    try:
        make_folder(folder)
        write_atomic(path, trace(error).encode("utf-8", "backslashreplace"), sync=False)
    except EnvironmentFault:
        return None
    return path
