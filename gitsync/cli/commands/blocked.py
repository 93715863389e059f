"""``gitsync blocked``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli.options import at_option, define, no_cache_option, query_argument
from gitsync.cli.output import Piece, Styled
from gitsync.cli.rows import row_json
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.domain.workgraph import Graph, Tie


@frozen
class Options:
    """As for ``list``."""

    query: str = ""
    at: str | None = None
    cache: bool = True


def run(app: App, options: Options) -> None:
    """Print the unfinished artifacts that wait for others, and for which."""
    from gitsync.services.work import open_work

    found, graph = app.reading(
        lambda catalogue: open_work(catalogue, options.query), at=options.at, cache=options.cache
    )
    waiting = [one for one in found if one.ties]
    if app.json:
        artifacts = [
            {**row_json(one.row), "waits-for": [_json(tie, graph) for tie in one.ties]}
            for one in waiting
        ]
        app.out.json(app.document("blocked", at=options.at, artifacts=artifacts))
        return
    if not waiting:
        app.out.line("nothing is blocked")
        return
    rows: list[tuple[Piece, ...]] = []
    for one in waiting:
        for at, tie in enumerate(one.ties):
            first = (one.row.id or "?", one.row.status or "-") if at == 0 else ("", "")
            rows.append((*first, *_pieces(tie, graph)))
    with app.out.paged():
        app.out.table(("ID", "STATUS", "WAITS FOR", "STATUS", "TITLE"), rows)


def _pieces(tie: Tie, graph: Graph) -> tuple[Piece, ...]:
    if tie.found is None:
        return (tie.target, Styled("missing", "red"), f"named by {tie.field}")
    node = graph.nodes[tie.found]
    return (node.id, node.status or "-", node.title or "-")


def _json(tie: Tie, graph: Graph) -> dict[str, object]:
    node = graph.nodes[tie.found] if tie.found is not None else None
    return {
        "id": tie.found, "named": tie.target, "field": tie.field,
        "status": node.status if node else None, "title": node.title if node else None,
    }  # fmt: skip


command = define(
    "blocked",
    run,
    Options,
    help="""List unfinished artifacts that have to wait, and what for.

    What is named and not there blocks too. QUERY narrows it down, as in gitsync list.""",
    example="gitsync blocked\ngitsync blocked owner:me --json",
    params=(query_argument(), at_option(), no_cache_option()),
    fresh=True,
    query=True,
)
