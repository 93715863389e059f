"""How artifacts hang together: what lies below what, what comes after what, and what may start.

Work is an artifact whose type has states. It is *ready* when it is not finished and everything that
it comes after is; otherwise it is *blocked*. Circles are shown and never followed for ever.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen
from gitsync.domain.links import Directory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitsync.domain.query.vocabulary import Vocabulary


@frozen
class Node:
    """An artifact. ``done`` is None for what is no work."""

    id: str
    path: str
    type: str | None
    status: str | None
    title: str | None
    done: bool | None


@frozen
class Tie:
    """A link from one artifact. ``target`` is as it is written; ``found`` the id that it leads to,
    None where it leads nowhere; ``means`` one of ``gitsync.domain.links.MEANINGS``."""

    source: str
    field: str
    means: str
    target: str
    found: str | None


@dataclass(frozen=True)
class Graph:
    """Artifacts by id, in the order of their paths, and the links between them."""

    nodes: Mapping[str, Node]
    ties: tuple[Tie, ...]

    @cached_property
    def after(self) -> dict[str, list[Tie]]:
        """Artifact -> the links that say what it comes after."""
        return self._by_source("after")

    @cached_property
    def parents(self) -> dict[str, list[Tie]]:
        """Artifact -> the links to what it lies below."""
        return self._by_source("parent")

    @cached_property
    def children(self) -> dict[str, list[str]]:
        """Artifact -> what lies directly below it, in the order of paths."""
        found: dict[str, list[str]] = {}
        for ident in self.nodes:
            for tie in self.parents.get(ident, ()):
                if tie.found is not None and ident not in found.setdefault(tie.found, []):
                    found[tie.found].append(ident)
        return found

    def _by_source(self, means: str) -> dict[str, list[Tie]]:
        found: dict[str, list[Tie]] = {}
        for tie in self.ties:
            if tie.means == means:
                found.setdefault(tie.source, []).append(tie)
        return found

    def waits_for(self, ident: str) -> tuple[Tie, ...]:
        """What an artifact comes after and is not finished, or is not there at all."""
        return tuple(
            tie
            for tie in self.after.get(ident, ())
            if tie.found is None or self.nodes[tie.found].done is False
        )

    def open_work(self) -> list[tuple[Node, tuple[Tie, ...]]]:
        """Everything unfinished, with what it waits for: nothing means that it is ready."""
        return [
            (node, self.waits_for(node.id)) for node in self.nodes.values() if node.done is False
        ]

    def below(self, ident: str) -> list[str]:
        """An artifact and all that lie below it, each once, from the top down."""
        found = {ident: None}
        for one in found_while_growing(found):
            found.update(dict.fromkeys(self.children.get(one, ())))
        return list(found)

    def around(self, ident: str) -> Graph:
        """An artifact, what lies below it, and what they have links to or from; circles are those
        that go through one of the former."""
        inside = set(self.below(ident))
        ties = tuple(tie for tie in self.ties if tie.source in inside or tie.found in inside)
        near = inside | {tie.source for tie in ties} | {tie.found for tie in ties if tie.found}
        nodes = {name: node for name, node in self.nodes.items() if name in near}
        return _Part(nodes, ties, tuple(knot for knot in self.circles() if inside & {*knot}))

    def circles(self) -> list[tuple[str, ...]]:
        """Artifacts that lie below, or come after, themselves: the ids of each knot, sorted."""
        found = []
        for ties in (self.parents, self.after):
            edges = {source: [tie.found for tie in some if tie.found] for source, some in
                     ties.items()}  # fmt: skip
            found += knots(edges)
        return sorted(found)


@dataclass(frozen=True)
class _Part(Graph):
    """A part of a graph, with the circles of the whole, which need not lie in it."""

    whole_circles: tuple[tuple[str, ...], ...] = ()

    def circles(self) -> list[tuple[str, ...]]:
        return list(self.whole_circles)


def found_while_growing(found: dict[str, None]) -> Iterable[str]:
    """The keys of a mapping that grows while they are looked at."""
    at = 0
    keys: list[str] = []
    while at < len(found):
        if at == len(keys):
            keys = list(found)
        yield keys[at]
        at += 1


def build(
    artifacts: Iterable[tuple[Node, str]],
    links: Iterable[tuple[str, str, str]],
    vocabulary: Vocabulary,
) -> Graph:
    """The graph of ``(artifact, its path)`` and ``(path, field, what it names)``, in the order of
    paths, with 9 before 10.

    Of two artifacts with one id the first counts.
    """
    nodes: dict[str, Node] = {}
    owners: dict[str, str] = {}
    for node, path in sorted(artifacts, key=lambda one: by_number(one[1])):
        if nodes.setdefault(node.id, node) is node:
            owners[path] = node.id
    directory = Directory((ident, node.path) for ident, node in nodes.items())
    ties = []
    for path, field, target in links:
        link, source = vocabulary.links.get(field), owners.get(path)
        if link is not None and source is not None:
            found = directory.find(target, link, path)
            ties.append(Tie(source, field, link.means, target, found))
    return Graph(nodes, tuple(ties))


def by_number(path: str) -> list[tuple[int, int, str]]:
    """A key that puts paths in order, and the numbers in them by their size."""
    parts = re.split(r"([0-9]{1,18})", path.removesuffix(".md"))
    return [(1, 0, part) if at % 2 == 0 else (0, int(part), part) for at, part in enumerate(parts)]


def knots(edges: Mapping[str, Iterable[str]]) -> list[tuple[str, ...]]:
    """The strongly connected parts of a graph that hold a circle (Tarjan 1972), each sorted."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    found: list[tuple[str, ...]] = []
    for root in edges:
        if root in number:
            continue
        work = [(root, iter(edges.get(root, ())))]
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while work:
            here, targets = work[-1]
            target = next(targets, None)
            if target is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[here])
                if low[here] == number[here]:
                    part = stack[stack.index(here) :]
                    del stack[len(stack) - len(part) :]
                    on_stack.difference_update(part)
                    if len(part) > 1 or here in edges.get(here, ()):
                        found.append(tuple(sorted(part)))
            elif target not in number:
                number[target] = low[target] = len(number)
                stack.append(target)
                on_stack.add(target)
                work.append((target, iter(edges.get(target, ()))))
            elif target in on_stack:
                low[here] = min(low[here], number[target])
    return sorted(found)
