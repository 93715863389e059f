"""What a schema says to the merge of a file: strategies by field, and the moves between states."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitsync.domain.schema import Schema

Moves = frozenset[tuple[str, str]]


@frozen
class Rules:
    """The part of a schema that merges depend on. Without arguments: no strategies, no types.

    ``moves`` holds the declared transitions of each type, ``paths`` the patterns that tell a
    file's type where ``type_field`` does not, in the schema's order.
    """

    strategies: Mapping[str, str] = field(default_factory=dict)
    type_field: str | None = None
    moves: Mapping[str, Moves] = field(default_factory=dict)
    paths: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @classmethod
    def of(cls, schema: Schema) -> Rules:
        """The rules of a schema."""
        return cls(
            strategies=dict(schema.merge),
            type_field=schema.type_field,
            moves={
                name: frozenset((move.before, move.after) for move in kind.transitions)
                for name, kind in schema.types.items()
            },
            paths=tuple((name, tuple(kind.paths)) for name, kind in schema.types.items()),
        )

    def moves_of(self, named: str | None, path: str) -> Moves:
        """The transitions of a file's type: the type that it names, else that of its path."""
        return self.moves.get(named or self._type_at(path) or "", frozenset())

    def _type_at(self, path: str) -> str | None:
        from gitsync.domain.globs import compile_glob

        for name, patterns in self.paths:
            if any(compile_glob(pattern).matches(path) for pattern in patterns):
                return name
        return None


def further(moves: Iterable[tuple[str, str]], base: str, ours: str, theirs: str) -> str | None:
    """Of two states that a pair of moves led to from ``base``, the one that lies behind the other.

    One lies behind the other when a shortest way to it leads through the other. None: they
    diverge, or one cannot be reached.
    """
    steps = frozenset(moves)
    from_base = _distances(steps, base)
    for near, far in ((ours, theirs), (theirs, ours)):
        between = _distances(steps, near).get(far)
        if between is None or near not in from_base:
            continue
        if from_base.get(far) == from_base[near] + between:
            return far
    return None


def _distances(moves: Moves, start: str) -> dict[str, int]:
    """How many moves each state is away."""
    found = {start: 0}
    edge = {start}
    while edge:
        away = found[min(edge)] + 1
        edge = {after for before, after in moves if before in edge and after not in found}
        found |= dict.fromkeys(edge, away)
    return found
