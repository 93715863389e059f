"""``gitsync export``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitsync.cli import completing
from gitsync.cli.options import argument, define, option
from gitsync.cli.text import plural
from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App


@frozen
class Options:
    """``position`` is ``common@N``; ``to`` a folder that is absent, empty, or an export."""

    position: str
    to: str | None = None
    form: str = "md"


def run(app: App, options: Options) -> None:
    """Export, and say what lies where."""
    from gitsync.services.exporting import export

    if options.to is None:
        raise UsageError("export.to", "where to?", hint="name a folder: --to ../export")
    found = export(app.ledger(), options.position, options.to, options.form)
    if app.json:
        app.out.json(
            app.document(
                "export", position=options.position, commit=found.commit,
                folder=str(found.folder), format=options.form, files=found.files,
                written=found.written,
            )
        )  # fmt: skip
        return
    verb = "written to" if found.written else "lies already in"
    app.out.line(f"{options.position} {verb} {found.folder}: {plural(found.files, 'file')}")
    app.out.line("  check it: sha256sum -c SHA256SUMS   (in that folder)")


command = define(
    "export",
    run,
    Options,
    help="""Write a verified snapshot into a folder: plain files and a list of checksums.

    The same position gives the same bytes every time, on every machine. md is all files of the
    snapshot, json one document of all artifacts, sqlite the same as tables. The folder appears
    whole or not at all, and one that holds anything but an unchanged export is left alone.""",
    example="gitsync export common@7 --to ../release\n"
    "gitsync export common --to ../data --format sqlite",
    params=(
        argument("position", "POSITION", complete=completing.positions),
        option("--to", metavar="DIR", file=True, help="The folder that takes it."),
        click.Option(
            ["--format", "form"], metavar="FORMAT", default="md", show_default=True,
            help="md, json or sqlite.", shell_complete=completing.formats,
        ),
    ),
)  # fmt: skip
