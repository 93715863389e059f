"""What a schema says to queries and graphs: names of fields, links, and which states are final."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen
from gitsync.domain.globs import compile_glob

if TYPE_CHECKING:
    from gitsync.domain.links import Link
    from gitsync.domain.schema import ArtifactType, Schema

OWNER = "owner"
#: Fields that hold people: ``me`` stands for oneself there, and a leading ``@`` does not count.
PEOPLE = frozenset({OWNER, "assignee", "author", "reporter", "reviewer", "reviewers", "owners"})


@frozen
class Kind:
    """One type of artifact. ``finished`` are the states in which nothing is left to do; without
    ``states`` it is no work, and nothing waits for it."""

    name: str
    paths: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    finished: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Vocabulary:
    """A schema as far as reading needs it. ``fields`` are all the names that it mentions."""

    id_field: str
    type_field: str | None
    status_field: str
    title_field: str
    owner_field: str
    kinds: tuple[Kind, ...]
    fields: tuple[str, ...]

    @cached_property
    def links(self) -> dict[str, Link]:
        """Link fields of any type, by name."""
        return {link.field: link for kind in self.kinds for link in kind.links}

    @cached_property
    def by_name(self) -> dict[str, Kind]:
        """Types by name."""
        return {kind.name: kind for kind in self.kinds}

    @cached_property
    def people(self) -> frozenset[str]:
        """Fields that hold people."""
        return PEOPLE | {self.owner_field}

    def meaning(self, means: str) -> tuple[str, ...]:
        """The link fields of one meaning (``gitsync.domain.links.MEANINGS``)."""
        return tuple(name for name, link in self.links.items() if link.means == means)

    def type_at(self, path: str) -> str | None:
        """The type that a file's path tells, as ``Schema.type_at``."""
        for kind in self.kinds:
            if any(compile_glob(pattern).matches(path) for pattern in kind.paths):
                return kind.name
        return None

    def required(self, type_name: str | None) -> tuple[str, ...]:
        """The fields that a type requires; for None those of all types that paths can tell."""
        if type_name is not None:
            kind = self.by_name.get(type_name)
            return kind.required if kind is not None else ()
        return tuple(dict.fromkeys(n for kind in self.kinds if kind.paths for n in kind.required))

    def finished(self, type_name: str, status: str | None) -> bool | None:
        """Whether work of a type is done in a state; None where there is nothing to be done."""
        kind = self.by_name.get(type_name)
        return status in kind.finished if kind is not None and kind.states else None


def vocabulary_of(schema: Schema) -> Vocabulary:
    """What reading needs of a schema."""
    kinds = tuple(
        Kind(
            kind.name, kind.paths, kind.states, _finished(kind), kind.required,
            tuple(kind.links.values()),
        )
        for kind in schema.types.values()
    )  # fmt: skip
    named = (
        schema.id_field,
        schema.type_field,
        schema.status_field,
        schema.title_field,
        schema.owner_field,
    )
    more = [*schema.order, *schema.merge]
    for kind in kinds:
        more += [*kind.required, *(link.field for link in kind.links)]
    fields = tuple(dict.fromkeys(name for name in (*named, *more) if name is not None))
    return Vocabulary(
        schema.id_field, schema.type_field, schema.status_field, schema.title_field,
        schema.owner_field,
        kinds, fields,
    )  # fmt: skip


def _finished(kind: ArtifactType) -> tuple[str, ...]:
    """What the schema calls done; else states that no transition leaves, or the last one listed."""
    final = tuple(state for state in kind.states if not kind.ways(state))
    return kind.done or final or kind.states[-1:]
