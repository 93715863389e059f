"""``gitsync graph``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitsync.cli import completing, drawing
from gitsync.cli.options import argument, at_option, define, no_cache_option
from gitsync.cli.output import Styled
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.domain.workgraph import Graph

FORMS = ("tree", "dot", "mermaid", "json")


@frozen
class Options:
    """``text`` names an artifact: then only what is around it."""

    text: str | None = None
    form: str = "tree"
    at: str | None = None
    cache: bool = True


def run(app: App, options: Options) -> None:
    """Draw how artifacts hang together."""
    from gitsync.services.work import graph

    found = app.reading(
        lambda catalogue: graph(catalogue, options.text), at=options.at, cache=options.cache
    )
    if app.json or options.form == "json":
        app.out.json(_document(app, found, options.at))
        return
    with app.out.paged():
        if options.form == "tree":
            _tree(app, found, options.text)
            return
        for line in drawing.dot(found) if options.form == "dot" else drawing.mermaid(found):
            app.out.line(line)
    if options.form == "mermaid" and drawing.too_much_for_mermaid(found):
        app.out.note(
            "this is more than Mermaid draws as it comes: raise its maxEdges and maxTextSize,"
        )
        app.out.note("or draw what is around one artifact: gitsync graph ID --format mermaid")


def _tree(app: App, found: Graph, text: str | None) -> None:
    from gitsync.domain.artifact import resolve

    if not found.nodes:
        app.out.line('no artifacts yet; make one: gitsync new plan "Title"')
        return
    roots = drawing.roots_of(found) if text is None else [resolve(text, found.nodes)]
    for line in drawing.tree_lines(found, roots):
        app.out.cut_line(*line)
    if text is not None:
        rows = [(what, *pieces) for what, pieces in drawing.neighbours(found, roots[0])]
        if rows:
            app.out.line()
            app.out.table(("", "ID", "STATUS", "TITLE"), rows)
    for knot in found.circles():
        app.out.note(Styled("a circle of links: ", "red"), ", ".join(knot))


def _document(app: App, found: Graph, at: str | None) -> dict[str, object]:
    return app.document(
        "graph",
        at=at,
        artifacts=[
            {"id": node.id, "type": node.type, "status": node.status, "title": node.title,
             "path": node.path, "finished": node.done}
            for node in found.nodes.values()
        ],
        links=[
            {"from": tie.source, "field": tie.field, "means": tie.means, "named": tie.target,
             "to": tie.found}
            for tie in found.ties
        ],
        circles=[list(knot) for knot in found.circles()],
    )  # fmt: skip


command = define(
    "graph",
    run,
    Options,
    help="""Show how artifacts hang together: what lies below what, and what comes after what.

    With ID: that artifact, what lies below it, and what these have links with.""",
    example="gitsync graph\ngitsync graph plan-k7\ngitsync graph --format mermaid",
    params=(
        argument("text", "[ID]", optional=True, complete=completing.artifacts),
        click.Option(
            ["--format", "form"], type=click.Choice(FORMS), default="tree", show_default=True,
            help="How to show it.",
        ),
        at_option(),
        no_cache_option(),
    ),
    fresh=True,
)  # fmt: skip
