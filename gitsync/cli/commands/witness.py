"""``gitsync witness``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from gitsync.cli import words
from gitsync.cli.group import Group
from gitsync.cli.options import define, flag, key_option, option
from gitsync.cli.output import Styled
from gitsync.cli.text import plural
from gitsync.domain.errors import UsageError

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.witness import WitnessReport


@dataclass(frozen=True, slots=True)
class Options:
    """See ``WitnessOptions``; ``watch`` goes on until it is stopped."""

    remote: str | None = None
    key: str | None = None
    once: bool = False
    watch: bool = False
    dry_run: bool = False
    limit: int | None = None


def run(app: App, options: Options) -> None:
    """Drain what is pending, once or for ever."""
    from gitsync.services.witnessing import WitnessOptions, run_once, watch

    if options.watch and options.once:
        raise UsageError("usage.both", "--once and --watch exclude each other")
    wanted = WitnessOptions(
        remote=options.remote, key=options.key, dry_run=options.dry_run, limit=options.limit
    )
    ws = app.ledger()
    if not options.watch:
        _report(app, run_once(ws, wanted), quiet=False)
        return
    if not app.json:
        app.out.note(f"watching {options.remote or ws.remote or 'this repository'}; Ctrl-C stops")
    for report in watch(ws, wanted, app.ledger):
        _report(app, report, quiet=True)
        app.out.streams.stdout.flush()


def _report(app: App, found: WitnessReport, *, quiet: bool) -> None:
    news = bool(found.receipts or found.healed_tags or found.healed_receipts)
    if quiet and not news:
        return
    if app.json:
        app.out.json(_document(app, found))
        return
    out, space = app.out, found.space
    for receipt in found.receipts:
        name = receipt.ref.removeprefix("refs/heads/proposals/")
        landed = f" {space}@{receipt.number}" if receipt.number is not None else ""
        out.line(words.outcome(receipt.outcome), landed, f"  {name}")
        if receipt.outcome != "accepted":
            out.wrapped(receipt.why, "    ")
    for ref in found.misnamed:
        out.line(Styled("skipped", "yellow"), f"  {ref}: no ref of the ledger has such a name")
    if found.healed_tags or found.healed_receipts:
        out.line(
            "mended what a stopped run left:"
            f" {plural(len(found.healed_tags), 'tag')}, {plural(found.healed_receipts, 'receipt')}"
        )
    counts: dict[str, int] = {}
    for receipt in found.receipts:
        counts[receipt.outcome] = counts.get(receipt.outcome, 0) + 1
    summary = ", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing to decide"
    dry = "dry run, nothing written: " if found.dry_run else ""
    moved = f"{space}@{found.before} -> {space}@{found.after}"
    out.line(
        f"{dry}{moved if found.after != found.before else f'{space}@{found.after}'}: {summary}"
    )


def _document(app: App, found: WitnessReport) -> dict[str, object]:
    space = found.space
    return app.document(
        "witness-run",
        before=f"{space}@{found.before}",
        after=f"{space}@{found.after}",
        receipts=[words.receipt_json(one) for one in found.receipts],
        healed_tags=[f"{space}@{number}" for number in found.healed_tags],
        healed_receipts=found.healed_receipts,
        misnamed=list(found.misnamed),
        dry_run=found.dry_run,
    )


command = Group(
    "witness",
    help="The notary's work: decide proposals, merge, number, sign, answer.",
    example="gitsync witness run",
)
command.add_command(
    define(
        "run",
        run,
        Options,
        help="""Verify the home, decide all that is pending, number what lands, answer everything.

        May be killed at any moment and run again. Exit code 0 means that the run worked, also
        when proposals were refused; 1 that the home's ledger does not verify: nothing was signed
        on top of it.""",
        example="gitsync witness run\ngitsync witness run --watch\n"
        "gitsync witness run --dry-run --json",
        params=(
            option("--remote", metavar="R", help="The home; this clone's remote by default."),
            flag("--once", help="Drain once and stop; the default."),
            flag("--watch", help="Drain again whenever something arrives."),
            flag("--dry-run", help="Decide, and write nothing."),
            click.Option(
                ["--limit"],
                metavar="N",
                type=click.IntRange(1, 10_000_000),
                help="Number at most N; the rest is answered as received.",
            ),
            key_option(),
        ),
    )
)
