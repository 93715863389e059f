"""``gitsync ready``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli.options import at_option, define, flag, no_cache_option, query_argument
from gitsync.cli.rows import check_form, format_option, look_ahead, row_json, show_rows
from gitsync.domain.errors import RefusedError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.catalogue import Catalogue
    from gitsync.storage.artifactview import Row


@frozen
class Options:
    """As for ``list``."""

    query: str = ""
    at: str | None = None
    form: str | None = None
    cache: bool = True
    claim: bool = False


def run(app: App, options: Options) -> None:
    """Print the unfinished artifacts that wait for nothing, or claim the first that is free."""
    from gitsync.services.work import open_work

    def find(catalogue: Catalogue) -> list[Row]:
        check_form(options.form, catalogue)
        return [one.row for one in open_work(catalogue, options.query)[0] if not one.ties]

    plain = app.json or options.claim or options.form is not None
    ahead = None if plain else look_ahead
    found = app.reading(find, at=options.at, cache=options.cache, ahead=ahead)
    if options.claim:
        _claim(app, [row.id for row in found if row.id])
        return
    if app.json:
        artifacts = [row_json(row) for row in found]
        app.out.json(app.document("ready", at=options.at, artifacts=artifacts))
        return
    if not found and options.form is None:
        app.out.line("nothing is ready; what waits, and for what: gitsync blocked")
        return
    with app.out.paged():
        show_rows(app, found, options.form)


def _claim(app: App, ids: list[str]) -> None:
    """Claim the first that nobody works on. Raises RefusedError ``claim.none``."""
    from gitsync.cli.commands import claim as claiming
    from gitsync.services.claiming import claim

    for ident in ids:
        try:
            found = claim(app.ledger(), ident)
        except RefusedError as error:
            if error.code not in ("claim.taken", "claim.done"):
                raise
            continue
        if app.json:
            app.out.json(app.document("claim", **claiming.fields(app, found)))
        else:
            claiming.lines(app, found)
        return
    raise RefusedError(
        "claim.none", "nothing is ready that is not somebody's work already",
        hint="gitsync ready\ngitsync blocked",
    )  # fmt: skip


command = define(
    "ready",
    run,
    Options,
    help="""List what can be done now: unfinished artifacts, with nothing unfinished before them.

    What comes before is said by links such as depends. A state counts as finished where the schema
    says so, else where no transition leaves it. QUERY narrows it down, as in gitsync list.""",
    example="gitsync ready\ngitsync ready owner:me --json\ngitsync ready type:task --claim",
    params=(
        query_argument(),
        at_option(),
        format_option(),
        no_cache_option(),
        flag("--claim", help="Claim the first that is free."),
    ),
    fresh=True,
    query=True,
)
