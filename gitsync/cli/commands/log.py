"""``gitsync log``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from gitsync.cli import text
from gitsync.cli.options import argument, define

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.status import LogEntry

DEFAULT_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class Options:
    """The newest ``limit`` snapshots up to ``start``."""

    limit: int = DEFAULT_ENTRIES
    start: str | None = None


def run(app: App, options: Options) -> None:
    """Print the numbered history, newest first."""
    from gitsync.services.status import log

    found = log(app.ledger(), limit=options.limit, start=options.start)
    if app.json:
        from gitsync.codec.receipts import moment

        entries = [
            {"position": f"{one.space}@{one.number}", "commit": one.commit,
             "proposal": one.proposal, "name": str(one.name) if one.name else None,
             "author": one.author, "subject": one.subject, "approved-by": list(one.approvals),
             "at": moment(one.at)}
            for one in found
        ]  # fmt: skip
        app.out.json(app.document("log", entries=entries))
        return
    with app.out.paged():
        for one in found:
            _entry(app, one)


def _entry(app: App, one: LogEntry) -> None:
    out = app.out
    out.line(text.cut(text.clean(f"{one.space}@{one.number}  {one.subject}"), out.width))
    proposal = f", {one.name}" if one.name else ""
    what = f"{text.day(one.at)}, by {one.author}{proposal}, {one.commit[:12]}"
    out.wrapped(what, "    ", "    ")
    if one.approvals:
        out.wrapped("approved by " + ", ".join(one.approvals), "    ", "    ")


command = define(
    "log",
    run,
    Options,
    help="""Show the numbered history, newest first, or what led up to POSITION.

    Dates are those that the snapshots state; the notary's own clock stands on the tags.""",
    example="gitsync log -n 5\ngitsync log common@7 --json",
    params=(
        argument("start", "[POSITION]", optional=True),
        click.Option(
            ["-n", "limit"], metavar="N", type=click.IntRange(1, 10_000_000),
            default=DEFAULT_ENTRIES, show_default=True, help="At most so many.",
        ),
    ),
)  # fmt: skip
