"""The process's own surroundings: terminal, folder, environment, clocks."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from gitsync.cli.output import Output, Streams

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.services.host import Host

monotonic = time.monotonic


def environ() -> Mapping[str, str]:
    """The environment of this process."""
    return os.environ


def process_streams() -> Streams:
    """Standard input, output and error; what the encoding lacks is shown as an escape."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")
    return Streams(sys.stdin, sys.stdout, sys.stderr)


def drop_output(streams: Streams) -> None:
    """Let go of a standard output that nobody reads, so that Python's own exit stays silent."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, streams.stdout.fileno())
        os.close(null)
    except (OSError, ValueError):
        return


def this_host(out: Output) -> Host:
    """This process as a host. Raises EnvironmentFault ``folder.missing``."""
    from pathlib import Path

    from gitsync.domain.errors import EnvironmentFault
    from gitsync.services.host import Host

    try:
        cwd = Path.cwd()
    except FileNotFoundError:
        raise EnvironmentFault(
            "folder.missing", "the current folder was deleted", hint="cd to one that exists"
        ) from None
    try:
        home = Path.home()
    except RuntimeError:
        home = cwd
    interactive = out.streams.stdin.isatty() and out.streams.stderr.isatty()
    return Host(
        cwd=cwd,
        env=os.environ,
        home=home,
        now=time.time,
        random=os.urandom,
        sleep=time.sleep,
        monotonic=time.monotonic,
        ask=_ask if interactive else None,
        progress=out.progress,
    )


def _ask(question: str) -> str:
    import getpass

    return getpass.getpass(question)
