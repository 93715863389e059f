"""``gitsync list``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitsync.cli.options import at_option, define, no_cache_option, query_argument
from gitsync.cli.rows import check_form, format_option, look_ahead, row_json, show_rows
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.catalogue import Catalogue
    from gitsync.storage.artifactview import Row


@frozen
class Options:
    """``at`` is a position, None the files as they lie here; at most ``limit`` artifacts."""

    query: str = ""
    at: str | None = None
    limit: int | None = None
    form: str | None = None
    cache: bool = True


def run(app: App, options: Options) -> None:
    """Print the artifacts that the query names, ordered by path or as it says."""

    def find(catalogue: Catalogue) -> tuple[list[Row], list[str]]:
        check_form(options.form, catalogue)
        rows = catalogue.find(options.query, options.limit)
        if rows or app.json or options.form is not None:
            return rows, []
        from gitsync.services.naming import strangers

        return rows, strangers(catalogue, options.query)

    ahead = None if app.json or options.form is not None else look_ahead
    found, odd = app.reading(find, at=options.at, cache=options.cache, ahead=ahead)
    if app.json:
        artifacts = [row_json(row) for row in found]
        app.out.json(app.document("list", at=options.at, artifacts=artifacts))
        return
    if not found and options.form is None:
        app.out.line(
            "nothing fits this query" if options.query.strip()
            else 'no artifacts yet; make one: gitsync new plan "Title"'
        )  # fmt: skip
        for sentence in odd:
            app.out.told("", sentence, "")
        return
    with app.out.paged():
        show_rows(app, found, options.form)


command = define(
    "list",
    run,
    Options,
    help="""List artifacts: all of them, or those that fit every term of QUERY.

    Terms: type: status: owner: id: title: path: or any field, with a,b for either and >, >=, <, <=
    for numbers and dates; is:open, closed, mine, changed, unreadable; has: and no: a field;
    changed:>common@40; sort:-FIELD; and words to look for. A leading dash negates a term.""",
    example="gitsync list\n"
    "gitsync list 'type:story status:draft,committed -tags:later \"data loss\"'\n"
    "gitsync list --at common@5 --json\ngitsync list is:open --format '{id} {status}'",
    params=(
        query_argument(),
        at_option(),
        click.Option(["--limit"], metavar="N", type=click.IntRange(1), help="At most so many."),
        format_option(),
        no_cache_option(),
    ),
    fresh=True,
    query=True,
)  # fmt: skip
