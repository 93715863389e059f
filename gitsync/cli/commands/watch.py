"""``gitsync watch``."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from gitsync.cli.changes import kind_of
from gitsync.cli.options import define, duration_option, flag, option
from gitsync.cli.output import Styled
from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.cli.app import App
    from gitsync.services.carrying.inbox import Arrived, Rejected
    from gitsync.services.news import News, Trouble
    from gitsync.services.watch import Linted, Told

_SHOWN = 40
_FILES = 5  # of those that are fine; a pull may bring a thousand


@frozen
class Options:
    """``interval`` in seconds; ``offline`` asks no remote, ``poll`` looks at files by itself."""

    interval: float | None = None
    offline: bool = False
    poll: bool = False
    inbox: str | None = None


def run(app: App, options: Options) -> None:
    """Tell what happens until one is stopped."""
    from gitsync.services.watch import INTERVAL_SECONDS, Watching, WatchOptions, watch

    if options.interval is not None and options.interval < 1:
        raise UsageError(
            "usage.interval", "--interval takes at least a second",
            hint="gitsync watch --interval 2s",
        )  # fmt: skip
    if options.inbox is not None:
        _inbox(app, app.host.cwd / options.inbox)
        return
    wanted = WatchOptions(
        interval=INTERVAL_SECONDS if options.interval is None else options.interval,
        fetch=not options.offline,
        polling=options.poll,
    )
    for event in watch(partial(app.ledger, lasting=True), wanted):
        if isinstance(event, Watching):
            app.out.note(f"watching {event.root}; Ctrl-C stops")
        elif app.json:
            for fields in _events(app, event):
                app.out.json_event(app.document("watch", **fields))
        else:
            _line(app, event)
        app.out.streams.stdout.flush()
        app.out.streams.stderr.flush()


def _inbox(app: App, folder: Path) -> None:
    """Import bundles as they arrive in a folder."""
    from gitsync.cli import bundles
    from gitsync.services.carrying.inbox import Arrived, Present, watch_inbox

    out = app.out
    for event in watch_inbox(partial(app.ledger, lasting=True), folder):
        if isinstance(event, Present) and event.present:
            out.note(f"watching {folder}; Ctrl-C stops")
        elif isinstance(event, Present):
            out.note(f"{folder} is gone; waiting for it")
        elif app.json:
            out.json_event(app.document("watch", **_parcel(app, event)))
        elif isinstance(event, Arrived):
            bundles.taken_lines(app, event.taken)
        else:
            out.line(Styled("refused", "red"), f"  {event.path.name}")
            out.wrapped(f"{event.why} ({event.code})", "    ")
        out.streams.stdout.flush()
        out.streams.stderr.flush()


def _parcel(app: App, event: Arrived | Rejected) -> dict[str, Any]:
    from gitsync.cli.bundles import taken_fields
    from gitsync.codec.receipts import moment
    from gitsync.services.carrying.inbox import Rejected

    at = moment(app.host.seconds())
    if isinstance(event, Rejected):
        path = str(event.path)
        return {"event": "refused", "at": at, "path": path, "code": event.code, "why": event.why}
    return {"event": "bundle", "at": at, "bundle": taken_fields(event.taken)}


def _events(app: App, event: Told) -> list[dict[str, Any]]:
    from gitsync.services.watch import Fine, Linted

    if isinstance(event, Fine):
        return [_fields(app, Linted(path, ())) for path in event.paths]
    return [_fields(app, event)]


def _fields(app: App, event: News | Trouble | Linted) -> dict[str, Any]:
    from gitsync.codec.receipts import moment
    from gitsync.services.news import News
    from gitsync.services.watch import Linted

    at = moment(app.host.seconds())
    if isinstance(event, News):
        return {
            "event": "change", "at": at, "position": event.position, "id": event.change.id,
            "kind": kind_of(event.change), "title": event.change.title,
            "fields": [
                {"field": one.name, "before": _plain(one.before), "after": _plain(one.after)}
                for one in event.change.fields
            ],
        }  # fmt: skip
    if isinstance(event, Linted):
        problems = [
            {"code": one.code, "message": one.message, "line": one.where.line}
            for one in event.findings
        ]
        return {"event": "file", "at": at, "path": event.path, "problems": problems}
    return {"event": "trouble", "at": at, "code": event.code, "why": event.why}


def _line(app: App, event: Told) -> None:
    from gitsync.services.news import News
    from gitsync.services.watch import Fine, Linted

    clock = time.strftime("%H:%M:%S", time.localtime(app.host.now()))
    out = app.out
    if isinstance(event, News):
        out.line(f"{clock}  {event.change.id} {_said(event)} ({event.position})")
    elif isinstance(event, Linted):
        if not event.findings:
            now = "was deleted" if event.gone else "is in order again"
            out.line(f"{clock}  {event.path} {now}")
        for one in event.findings:
            place = f"{event.path}:{one.where.line}" if one.where.line else event.path
            out.line(f"{clock}  ", Styled(place, "yellow"), f" {one.message}")
    elif isinstance(event, Fine):
        for path in event.paths if len(event.paths) <= _FILES else ():
            out.line(f"{clock}  {path} fine")
        if len(event.paths) > _FILES:
            out.line(f"{clock}  {len(event.paths)} files fine")
    else:
        out.line(f"{clock}  ", Styled("nothing was heard: ", "yellow"), event.why)


def _said(event: News) -> str:
    """The state that an artifact went to, else what else became of it."""
    change = event.change
    if change.before is None or change.after is None:
        return f"{kind_of(change)} {change.title or ''}".rstrip()
    old, new = change.before.entry.status, change.after.entry.status
    if old != new:
        return f"{old or 'no status'} -> {new or 'no status'}"
    names = [one.name for one in change.fields]
    return f"changed {', '.join(names)[:_SHOWN]}" if names else "changed its text"


def _plain(value: object) -> object:
    """A field's value as JSON has it."""
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return str(value)


command = define(
    "watch",
    run,
    Options,
    help="""Tell what changes as it happens: files that you save, snapshots, what others work on.

    Saved files are linted; of one that is fine, the time and the name are told. The home is asked
    every 30 seconds, and what it shows is verified; no file and no branch of yours is moved. With
    --json each event is a document on a line.""",
    example="gitsync watch\ngitsync watch --interval 2s --json\ngitsync watch --inbox /media/stick",
    params=(
        duration_option("--interval", help="How often to ask the home, say 2s or 5m."),
        flag("--offline", help="Do not ask the home."),
        option(
            "--inbox",
            metavar="DIR",
            file=True,
            help="Import bundles as they arrive in DIR, and tell nothing else.",
        ),
        flag("--poll", help="Look at the files every second, where the disk does not notify."),
    ),
)
