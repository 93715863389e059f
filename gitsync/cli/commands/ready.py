"""``gitsync ready``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitsync.cli.options import at_option, define, no_cache_option, query_argument
from gitsync.cli.rows import check_form, format_option, row_json, show_rows

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.catalogue import Catalogue
    from gitsync.storage.artifactview import Row


@dataclass(frozen=True, slots=True)
class Options:
    """As for ``list``."""

    query: str = ""
    at: str | None = None
    form: str | None = None
    cache: bool = True


def run(app: App, options: Options) -> None:
    """Print the unfinished artifacts that wait for nothing."""
    from gitsync.services.work import open_work

    def find(catalogue: Catalogue) -> list[Row]:
        check_form(options.form, catalogue)
        return [one.row for one in open_work(catalogue, options.query)[0] if not one.ties]

    found = app.reading(find, at=options.at, cache=options.cache)
    if app.json:
        artifacts = [row_json(row) for row in found]
        app.out.json(app.document("ready", at=options.at, artifacts=artifacts))
        return
    if not found and options.form is None:
        app.out.line("nothing is ready; what waits, and for what: gitsync blocked")
        return
    with app.out.paged():
        show_rows(app, found, options.form)


command = define(
    "ready",
    run,
    Options,
    help="""List what can be done now: unfinished artifacts, with nothing unfinished before them.

    What comes before is said by links such as depends. A state counts as finished where the schema
    says so, else where no transition leaves it. QUERY narrows it down, as in gitsync list.""",
    example="gitsync ready\ngitsync ready owner:me --json",
    params=(query_argument(), at_option(), format_option(), no_cache_option()),
    fresh=True,
    query=True,
)
