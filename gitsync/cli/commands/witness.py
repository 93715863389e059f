"""``gitsync witness``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from gitsync.cli import words
from gitsync.cli.group import Group
from gitsync.cli.options import define, flag, key_option, option
from gitsync.cli.output import Styled
from gitsync.cli.text import plural
from gitsync.codec.cifiles import CRON, FORGES, IMAGE
from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.cisetup import CiInstalled
    from gitsync.services.witness import WitnessReport
    from gitsync.services.witnessing import WitnessOptions
    from gitsync.services.workspace import Workspace


@frozen
class Options:
    """See ``WitnessOptions``; ``watch`` goes on until it is stopped. ``home`` and ``anchor`` name a
    ledger that there is no clone of."""

    remote: str | None = None
    home: str | None = None
    anchor: str | None = None
    key: str | None = None
    once: bool = False
    watch: bool = False
    dry_run: bool = False
    limit: int | None = None
    stick: str | None = None


def run(app: App, options: Options) -> None:
    """Drain what is pending, once or for ever."""
    from gitsync.services.witnessing import WitnessOptions, run_once, run_without_clone, watch

    if options.watch and options.once:
        raise UsageError("usage.both", "--once and --watch exclude each other")
    wanted = WitnessOptions(
        remote=options.remote, key=options.key, dry_run=options.dry_run, limit=options.limit
    )
    if options.home is not None or options.anchor is not None:
        if options.home is None or options.anchor is None:
            raise UsageError("usage.together", "--home and --anchor go together")
        if options.watch or options.remote is not None:
            raise UsageError("usage.both", "--home excludes --remote and --watch")
        found = run_without_clone(app.host, options.home, options.anchor, wanted)
        _report(app, found, quiet=False)
        return
    ws = app.ledger(lasting=options.watch)
    if options.stick is not None:
        if options.watch or options.dry_run:
            raise UsageError("usage.both", "--stick excludes --watch and --dry-run")
        _at_stick(app, ws, options.stick, wanted)
        return
    if not options.watch:
        _report(app, run_once(ws, wanted), quiet=False)
        return
    if not app.json:
        app.out.note(f"watching {options.remote or ws.remote or 'this repository'}; Ctrl-C stops")
    for report in watch(ws, wanted, partial(app.ledger, lasting=True)):
        _report(app, report, quiet=True)
        app.out.streams.stdout.flush()


def _at_stick(app: App, ws: Workspace, stick: str, wanted: WitnessOptions) -> None:
    """Take proposals from a stick, decide, and leave there what came of it."""
    from gitsync.cli import bundles
    from gitsync.services.carrying.rounds import witness_at

    found = witness_at(ws, app.host.cwd / stick, wanted)
    if app.json:
        run, carried = _fields(found.report), bundles.synced_fields(found.synced)
        app.out.json(app.document("witness-stick", run=run, stick=carried))
        return
    bundles.haul_lines(app, found.synced.haul, brief=True)
    _report(app, found.report, quiet=False)
    bundles.left_lines(app, found.synced)


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
    return app.document("witness-run", **_fields(found))


def _fields(found: WitnessReport) -> dict[str, object]:
    space = found.space
    return {
        "before": f"{space}@{found.before}",
        "after": f"{space}@{found.after}",
        "receipts": [words.receipt_json(one) for one in found.receipts],
        "healed-tags": [f"{space}@{number}" for number in found.healed_tags],
        "healed-receipts": found.healed_receipts,
        "misnamed": list(found.misnamed),
        "dry-run": found.dry_run,
    }


@frozen
class CiFlags:
    """See ``CiOptions``; ``shown`` and ``dry_run`` are two names for one wish."""

    forge: str
    to: str | None
    install: str | None
    home: str | None
    anchor: str | None
    cron: str
    branch: str
    image: str
    known_hosts: str | None
    remember: bool
    notice: bool
    shown: bool
    dry_run: bool


def install(app: App, flags: CiFlags) -> None:
    """Write a forge's CI files, and say what is left to do by hand."""
    from gitsync.services.cisetup import CiOptions, install_ci

    found = install_ci(
        app.host,
        CiOptions(
            flags.forge, flags.to, flags.install, flags.home, flags.anchor, flags.cron,
            flags.branch, flags.image, flags.known_hosts, flags.remember, flags.notice,
            flags.shown or flags.dry_run,
        ),
    )  # fmt: skip
    if app.json:
        app.out.json(
            app.document(
                "install-ci", forge=found.forge, folder=found.folder and str(found.folder),
                home=found.home, ledger=found.anchor, secrets=list(found.secrets),
                files=[{"path": f.path, "state": f.state, "text": f.text} for f in found.files],
            )
        )  # fmt: skip
        return
    for file in found.files:
        if file.state == "shown":
            app.out.script(f"# {file.path}\n{file.text}")
        else:
            app.out.line(f"{file.state}  {file.path}")
    if found.folder is not None:
        _by_hand(app, found, flags.branch)


def _by_hand(app: App, found: CiInstalled, branch: str) -> None:
    if found.home is None:
        app.out.line("it works from common@1 on: found the ledger in this folder, gitsync init")
        return
    app.out.fields(
        [
            ("  home", found.home),
            ("  ledger", found.anchor or ""),
            ("  secrets", ", ".join(found.secrets)),
        ]
    )
    app.out.line(f"now commit it on {branch}, the forge's default branch, and set the forge up as")
    app.out.line(f"docs/guides/{found.forge}.md says")


command = Group(
    "witness",
    help="The notary's work: decide proposals, merge, number, sign, answer.",
    example="gitsync witness run",
)
command.add_command(
    define(
        "install-ci",
        install,
        CiFlags,
        help="""Write the CI configuration with which a forge runs the witness.

        The job that holds the key runs from the forge's default branch only; nothing that a
        proposal can reach starts it with changes of its own. The files go into DIR, a checkout of
        that branch, or into the code repository beside whose code the ledger lies. On Forgejo DIR
        belongs to a repository of its own.""",
        example="gitsync witness install-ci github --to ../ci --install SPEC\n"
        "gitsync witness install-ci gitlab --print --install SPEC\n"
        "gitsync witness install-ci github --notice --to plans",
        params=(
            click.Argument(["forge"], metavar="|".join(FORGES), type=click.Choice(FORGES)),
            option("--to", metavar="DIR", file=True, help="The folder to write into."),
            option("--install", metavar="SPEC", help="What pip installs: one commit or digest."),
            option("--home", metavar="URL", help="The ledger's address; this clone's by default."),
            option("--anchor", metavar="COMMIT", help="The id of its common@1."),
            click.Option(
                ["--cron"], metavar="LINE", default=CRON, show_default=True,
                help="When to run, by cron's five fields in UTC.",
            ),
            click.Option(
                ["--branch"], metavar="NAME", default="main", show_default=True,
                help="The forge's default branch.",
            ),
            click.Option(
                ["--image"], metavar="IMAGE", default=IMAGE, show_default=True,
                help="The container on GitLab and Forgejo: git, ssh, Python.",
            ),
            option("--known-hosts", metavar="FILE", file=True, help="Where the home's SSH key is."),
            flag("--remember", help="Keep the position from run to run, by the forge's cache."),
            flag("--notice", help="Only the job without a key, for a ledger to be founded."),
            flag("--print", "shown", help="Show the files, and write nothing."),
            flag("--dry-run", help="The same."),
        ),
    )
)  # fmt: skip
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
        "gitsync witness run --stick /media/stick\n"
        "gitsync witness run --dry-run --json\n"
        "gitsync witness run --home git@example.org:team/plans.git --anchor COMMIT",
        params=(
            option("--remote", metavar="R", help="The home; this clone's remote by default."),
            option("--home", metavar="URL", help="The home of a ledger that is not cloned here."),
            option("--anchor", metavar="COMMIT", help="With --home: the id of its common@1."),
            option(
                "--stick",
                metavar="DIR",
                file=True,
                help="Take proposals from bundles in DIR, and leave the answers there.",
            ),
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
