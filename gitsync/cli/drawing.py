"""A graph of artifacts as a tree of lines, for Graphviz, and for Mermaid."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli.output import Piece, Styled
from gitsync.cli.text import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gitsync.domain.workgraph import Graph, Node, Tie

MERMAID_LINKS = 500
MERMAID_CHARS = 50_000
_STYLES = {"parent": "solid", "after": "dashed", "supersedes": "dotted", "related": "dotted"}
# What the other end of a link is to an artifact: of its own links, and of those to it.
_WORDS = {
    "parent": ("below", "above"), "after": ("after", "before"),
    "supersedes": ("supersedes", "superseded by"), "related": ("related", "related"),
}  # fmt: skip
_ARROWS = {"parent": "-->", "after": "-.->"}


def tree_lines(graph: Graph, roots: list[str]) -> Iterator[list[Piece]]:
    """One line for each artifact below the roots, those below it indented under it."""
    shown: set[str] = set()
    for root in roots:
        yield from _branch(graph, root, shown)


def _branch(graph: Graph, root: str, shown: set[str]) -> Iterator[list[Piece]]:
    """A walk without recursion: how deep a tree is, others decide."""
    stack: list[tuple[str, str, str, tuple[str, ...]]] = [(root, "", "", ())]
    while stack:
        ident, lead, below, above = stack.pop()
        again = ident in shown
        yield _line(graph, ident, lead, again=again, circle=ident in above)
        if again:
            continue
        shown.add(ident)
        children = graph.children.get(ident, [])
        for child in reversed(children):
            last = child == children[-1]
            stack.append(
                (child, below + ("`-- " if last else "|-- "), below + ("    " if last else "|   "),
                 (*above, ident))
            )  # fmt: skip


def _line(graph: Graph, ident: str, lead: str, *, again: bool, circle: bool) -> list[Piece]:
    node = graph.nodes[ident]
    line: list[Piece] = [f"{lead}{node.id}"]
    if circle:
        return [*line, "  ", Styled("(a circle: it lies below itself)", "red")]
    if again:
        return [*line, "  (see above)"]
    line += ["  ", node.status or "-", "  ", node.title or "-"]
    after = graph.after.get(ident, ())
    there = [tie.found for tie in after if tie.found is not None]
    if there:
        line.append(f"  (after {', '.join(there)})")
    line += _missing("after", after)
    line += _missing("below", graph.parents.get(ident, ()))
    return line


def _missing(word: str, ties: Iterable[Tie]) -> list[Piece]:
    names = [tie.target for tie in ties if tie.found is None]
    return ["  ", Styled(f"({word} {', '.join(names)}: missing)", "red")] if names else []


def neighbours(graph: Graph, ident: str) -> Iterator[tuple[str, tuple[Piece, ...]]]:
    """What the artifacts below ``ident`` have links with, outside of their tree: (what it is to
    them, its id, status and title), each once."""
    inside = set(graph.below(ident))
    told: set[tuple[str, str]] = set()
    for tie in graph.ties:
        outward = tie.source in inside
        other = (tie.found or tie.target) if outward else tie.source
        if other in inside:
            continue
        what = _WORDS[tie.means][0 if outward else 1]
        if (what, other) in told:
            continue
        told.add((what, other))
        node = graph.nodes.get(other)
        if node is None:
            yield what, (other, Styled("missing", "red"), f"named by {tie.field}")
        else:
            yield what, (node.id, node.status or "-", node.title or "-")


def roots_of(graph: Graph) -> list[str]:
    """Where the trees begin: artifacts below nothing, and one of each circle of parents."""
    roots = [
        ident for ident in graph.nodes if not any(tie.found for tie in graph.parents.get(ident, ()))
    ]
    reached: set[str] = set()
    for root in roots:
        reached.update(graph.below(root))
    for ident in graph.nodes:
        if ident not in reached:
            roots.append(ident)
            reached.update(graph.below(ident))
    return roots


def dot(graph: Graph) -> Iterator[str]:
    """The graph in the language of Graphviz."""
    yield "digraph artifacts {"
    yield "  rankdir=LR; node [shape=box];"
    for node in graph.nodes.values():
        yield f"  {_quoted(node.id)} [label={_quoted(_label(node))}];"
    for tie in graph.ties:
        style = _STYLES[tie.means]
        target = _quoted(tie.found or tie.target)
        if tie.found is None:
            yield f"  {target} [color=red];"
        yield f"  {_quoted(tie.source)} -> {target} [label={_quoted(tie.field)}, style={style}];"
    yield "}"


def _label(node: Node) -> str:
    return f"{node.id}\n{node.title or '-'}\n{node.status or '-'}"


def _quoted(text: str) -> str:
    """A quoted string of Graphviz, in which only the quote and the backslash mean anything."""
    lines = [clean(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n")]
    return '"' + "\\n".join(lines) + '"'


def too_much_for_mermaid(graph: Graph) -> bool:
    """Whether Mermaid refuses to draw it as it comes: it has bounds (``maxEdges``, 500, and
    ``maxTextSize``, 50,000) that only the page that shows it can raise."""
    return len(graph.ties) > MERMAID_LINKS or (
        sum(len(line) + 1 for line in mermaid(graph)) > MERMAID_CHARS
    )


def mermaid(graph: Graph) -> Iterator[str]:
    """The graph in the language of Mermaid."""
    yield "graph LR"
    names = {ident: f"n{at}" for at, ident in enumerate(graph.nodes)}
    for ident, node in graph.nodes.items():
        yield f"  {names[ident]}[{_mermaid(_label(node))}]"
    for tie in graph.ties:
        target = tie.found or tie.target
        if target not in names:
            names[target] = f"n{len(names)}"
            yield f"  {names[target]}[{_mermaid(target + chr(10) + 'missing')}]"
        arrow = _ARROWS.get(tie.means, "-.-")
        yield f"  {names[tie.source]} {arrow}|{_mermaid(tie.field)}| {names[target]}"


def _mermaid(text: str) -> str:
    kept = (char if char.isalnum() or char in " -_.,:()/@" else f"#{ord(char)};"
            for char in clean(text.replace("\n", " ")))  # fmt: skip
    return '"' + "".join(kept) + '"'
