"""``gitsync log``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitsync.cli import completing, leasewords, text
from gitsync.cli.changes import change_json, field_lines
from gitsync.cli.options import argument, define
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.domain.leases.values import Lease, Locks
    from gitsync.services.history import ArtifactDiff
    from gitsync.services.status import LogEntry

DEFAULT_ENTRIES = 1000


@frozen
class Options:
    """The newest ``limit`` snapshots up to ``start``: a position, or an artifact they touched."""

    limit: int = DEFAULT_ENTRIES
    start: str | None = None


def run(app: App, options: Options) -> None:
    """Print the numbered history, newest first."""
    from gitsync.services.history import is_position, touches
    from gitsync.services.leasing.glance import lease_on
    from gitsync.services.status import log

    ws, start = app.ledger(), options.start
    changes: list[ArtifactDiff | None]
    held: tuple[Locks, Lease] | None = None
    if start is None or start == ws.space or is_position(start):
        found = log(ws, limit=options.limit, start=start)
        changes = [None] * len(found)
    else:
        touched = touches(ws, start, limit=options.limit)
        found, changes = [one.snapshot for one in touched], [one.change for one in touched]
        if touched:
            held = lease_on(ws, touched[0].change.id, touched[0].change.path)
    if app.json:
        entries = [_json(one, change) for one, change in zip(found, changes, strict=True)]
        lease = leasewords.lease_json(*held) if held is not None else None
        app.out.json(app.document("log", lease=lease, entries=entries))
        return
    with app.out.paged():
        if held is not None:
            leasewords.held_line(app, held[1], "")
        for one, change in zip(found, changes, strict=True):
            _entry(app, one)
            if change is not None:
                field_lines(app, change, "    ")


def _json(one: LogEntry, change: ArtifactDiff | None) -> dict[str, object]:
    from gitsync.codec.receipts import moment

    found: dict[str, object] = {
        "position": f"{one.space}@{one.number}", "commit": one.commit, "proposal": one.proposal,
        "name": str(one.name) if one.name else None, "author": one.author,
        "subject": one.subject, "approved-by": list(one.approvals), "leases": list(one.leases),
        "at": moment(one.at),
    }  # fmt: skip
    return found if change is None else {**found, "change": change_json(change, body=False)}


def _entry(app: App, one: LogEntry) -> None:
    out = app.out
    out.line(text.cut(text.clean(f"{one.space}@{one.number}  {one.subject}"), out.width))
    proposal = f", {one.name}" if one.name else ""
    what = f"{text.day(one.at)}, by {one.author}{proposal}, {one.commit[:12]}"
    out.wrapped(what, "    ", "    ")
    if one.approvals:
        out.wrapped("approved by " + ", ".join(one.approvals), "    ", "    ")
    if one.leases:
        out.line("    under lease " + ", ".join(map(str, one.leases)))


command = define(
    "log",
    run,
    Options,
    help="""Show the numbered history, newest first, what led up to POSITION, or what touched ID.

    Dates are those that the snapshots state; the notary's own clock stands on the tags.""",
    example="gitsync log -n 5\ngitsync log common@7 --json\ngitsync log plan-k7",
    params=(
        argument("start", "[POSITION|ID]", optional=True, complete=completing.artifacts),
        click.Option(
            ["-n", "limit"], metavar="N", type=click.IntRange(1, 10_000_000),
            default=DEFAULT_ENTRIES, show_default=True, help="At most so many.",
        ),
    ),
    fresh=True,
)  # fmt: skip
