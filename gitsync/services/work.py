"""What can be done now, what has to wait, and how artifacts hang together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.artifact import resolve
from gitsync.domain.frozen import frozen
from gitsync.domain.workgraph import Graph, Node, Tie, build

if TYPE_CHECKING:
    from gitsync.services.catalogue import Catalogue
    from gitsync.storage.artifactview import Row


@frozen
class Waiting:
    """Unfinished work, and what it comes after that is not done."""

    row: Row
    ties: tuple[Tie, ...]


def graph(catalogue: Catalogue, text: str | None = None) -> Graph:
    """All artifacts with their links, or those around one. Raises UsageError ``artifact.*``."""
    found, _ = _graph(catalogue)
    return found if text is None else found.around(resolve(text, found.nodes))


def _graph(catalogue: Catalogue) -> tuple[Graph, list[Row]]:
    rows = catalogue.find()
    words = catalogue.vocabulary
    nodes = (
        (Node(row.id, row.path, row.type, row.status, row.title,
              words.finished(row.kind, row.status)), row.path)
        for row in rows
        if row.id is not None
    )  # fmt: skip
    links = ((edge.path, edge.field, edge.target) for edge in catalogue.edges())
    return build(nodes, links, words), rows


def open_work(catalogue: Catalogue, query: str) -> tuple[list[Waiting], Graph]:
    """Everything unfinished that a query names, in its order, with what it waits for."""
    found, _ = _graph(catalogue)
    wanted = {row.path: row for row in catalogue.find(query)}
    waiting = {node.path: ties for node, ties in found.open_work()}
    return [Waiting(row, waiting[path]) for path, row in wanted.items() if path in waiting], found


def members(catalogue: Catalogue, text: str) -> list[str]:
    """The ids of ``tree:<id>``: an artifact and all below it by parent links, sorted.

    ``text`` may be any unique beginning of the id. Raises UsageError ``artifact.*``.
    """
    ident = resolve(text, (row.id for row in catalogue.named(text) if row.id))
    return catalogue.below(ident)
