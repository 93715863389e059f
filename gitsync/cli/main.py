"""The entry point: one process, one command, one exit code."""

from __future__ import annotations

import os
import sys

from gitsync import __version__

# Spelled out, because importing it takes 2 ms that git could be working in: see ``_begin_scan``.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from gitsync.cli.app import App
    from gitsync.cli.output import Output, Streams
    from gitsync.services.host import Host
    from gitsync.storage.workscan import WorkScan

# What a shell reports of a program that a closed pipe has stopped: 128 + SIGPIPE, as git ends.
CLOSED_PIPE = 141


def entry() -> None:
    """The console script."""
    _open_standard_files()
    # Asked by scripts all the time, so it is answered before anything is imported.
    if sys.argv[1:] == ["--version"] and _said(f"gitsync {__version__}\n"):
        os._exit(0)
    # Git calls its merge driver once a file, with nothing of the command line's to be shown.
    if sys.argv[1:2] == ["merge-driver"]:
        from gitsync.hooks.merge_driver import main

        sys.exit(main(sys.argv[2:]))
    import gc

    # Hardly anything here is a cycle: looking for them every 700 objects costs every start 5 ms.
    gc.set_threshold(50_000, 20, 50)
    code = run(sys.argv[1:], scan=_begin_scan(sys.argv[1:]))
    # All is written and flushed; taking the interpreter apart would cost every command 3 ms.
    os._exit(code)


def _open_standard_files() -> None:
    """Have something behind descriptors 0 to 2, as git does: a file that was opened in the place
    of one that is closed would be written into by whoever means the terminal."""
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(fd, mode, closefd=False))


def _said(text: str) -> bool:
    """Whether a text was written; where not, the command line as a whole says why."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        return False
    return True


def _begin_scan(args: Sequence[str]) -> WorkScan | None:
    """Have git look at the files while Python imports, for a command line that will ask for it."""
    from gitsync.cli.table import READ_FILES

    if not args or args[0] not in READ_FILES or "_GITSYNC_COMPLETE" in os.environ:
        return None
    if not {"--at", "-h", "--help"}.isdisjoint(args):
        return None
    from gitsync.storage.workscan import scan_ahead

    try:
        return scan_ahead(os.getcwd())
    except OSError:
        return None  # whatever is wrong, the command itself will find and say


def run(
    args: Sequence[str],
    streams: Streams | None = None,
    host: Host | None = None,
    scan: WorkScan | None = None,
) -> int:
    """Run one command line; returns its exit code and raises nothing.

    Without ``streams`` and ``host`` it is this process's own terminal, folder and clock. ``scan``
    is one of the files in that folder, begun already.
    """
    from gitsync.cli import world
    from gitsync.cli.output import Output

    out = Output(
        streams or world.process_streams(),
        host.env if host is not None else world.environ(),
        host.monotonic if host is not None else world.monotonic,
    )
    try:
        code = _guarded(list(args), out, host, scan)
        out.progress.clear()
        out.streams.stdout.flush()
        out.streams.stderr.flush()
    except BrokenPipeError:
        world.drop_output(out.streams)
        return CLOSED_PIPE
    return code


def _guarded(args: list[str], out: Output, host: Host | None, scan: WorkScan | None) -> int:
    """The command, and every way in which it can end, as an exit code."""
    from gitsync.cli import failures
    from gitsync.domain.errors import GitsyncError

    as_json = "--json" in args
    try:
        if host is None:
            from gitsync.cli.world import this_host

            host = this_host(out)
        return _invoke(args, out, host, scan)
    except GitsyncError as error:
        return failures.show(out, error, as_json=as_json)
    except (KeyboardInterrupt, EOFError):
        stopped = failures.StoppedError("interrupted", "stopped")
        return failures.show(out, stopped, as_json=as_json)
    except BrokenPipeError:
        raise
    except OSError as error:
        known = failures.from_os(error)
        return _bug(error, out, host, as_json=as_json) if known is None else failures.show(
            out, known, as_json=as_json
        )  # fmt: skip
    except Exception as error:  # noqa: BLE001 - whatever it is, the user gets one line, not a trace
        return _bug(error, out, host, as_json=as_json)


def _invoke(args: list[str], out: Output, host: Host, scan: WorkScan | None) -> int:
    from gitsync.cli.app import App

    app = App(host, out, scan=scan)
    try:
        return _run(app, args)
    finally:
        app.close()


def _run(app: App, args: list[str]) -> int:
    import click

    from gitsync.cli.failures import from_click
    from gitsync.cli.freshness import freshness_lines
    from gitsync.cli.group import COMPLETE_VARIABLE, program

    host = app.host
    try:
        if COMPLETE_VARIABLE in host.env:
            program.main(args, prog_name="gitsync", complete_var=COMPLETE_VARIABLE, obj=app)
        with program.make_context("gitsync", args, obj=app) as context:
            found = program.invoke(context)
            _keep_leases(app)
            if app.fresh and not app.json:
                freshness_lines(app)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.ClickException as error:
        raise from_click(error) from error
    return found if isinstance(found, int) else 0


def _common_dir(cwd: Path) -> Path | None:
    from gitsync.storage.place import find_place

    place = find_place(cwd)
    return place.common_dir if place is not None else None


def _keep_leases(app: App) -> None:
    """Whoever holds leases keeps them by working: any command renews them when it is time."""
    # Looked at as a file, so that nobody without leases pays for them.
    folder = app.read.repo.common_dir if app.read is not None else _common_dir(app.host.cwd)
    if folder is None or not (folder / "gitsync" / "held.json").exists():
        return
    from gitsync.cli.keeping import keep_leases

    keep_leases(app)


def _bug(error: Exception, out: Output, host: Host | None, *, as_json: bool) -> int:
    from gitsync.cli import failures

    if out.env.get("GITSYNC_DEBUG") == "1":
        for line in failures.trace(error).splitlines():
            out.note(line)
    return failures.show(out, failures.from_bug(host, error), as_json=as_json)
