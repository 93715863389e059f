"""What is wrong in a collection of artifacts, taken together: ids, states, links, circles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from gitsync.domain.frozen import frozen
from gitsync.domain.links import Directory, Link, cycles, leads_elsewhere

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitsync.domain.artifact import ArtifactHead
    from gitsync.domain.artifacttype import ArtifactType
    from gitsync.domain.errors import Where
    from gitsync.domain.schema import Schema


@frozen
class Finding:
    """One thing that is wrong, and where. ``code`` is stable, ``hint`` says how to mend it."""

    code: str
    message: str
    where: Where
    hint: str | None = None


class Places(Protocol):
    """Where in its file something stands."""

    def __call__(self, field: str | None = None, text: str | None = None) -> Where:
        """The place of a field's value, or of ``text`` in it; the file's first line otherwise."""


@frozen
class Entry:
    """One readable file with front matter: its head, and what its link fields name."""

    path: str
    head: ArtifactHead
    links: tuple[tuple[Link, tuple[str, ...]], ...]
    at: Places


def lint(entries: Sequence[Entry], schema: Schema) -> Iterator[Finding]:
    """All findings, file by file in the order given, circles last.

    A file of no known type is asked for nothing, but its id counts.
    """
    owners: dict[str, Entry] = {}
    for one in entries:
        if one.head.id is not None:
            owners.setdefault(one.head.id, one)
    book = Directory((ident, one.path) for ident, one in owners.items())
    parents: dict[str, str] = {}
    for one in entries:
        ident = one.head.id
        first = owners.get(ident) if ident is not None else None
        if first is not None and first is not one:
            yield Finding(
                "lint.duplicate-id", f"the id {ident} is that of {first.path} too",
                one.at(schema.id_field), "give one of them another id",
            )  # fmt: skip
        kind = schema.types.get(one.head.type or "")
        if kind is not None:
            yield from _fields(one, kind, schema)
            yield from _links(one, book, parents)
    for ring in cycles(parents):
        start = owners[ring[0]]
        name = next(link.field for link, _ in start.links if link.means == "parent")
        yield Finding(
            "lint.parent-cycle", "parents in a circle: " + " -> ".join((*ring, ring[0])),
            start.at(name), "let one of them have no parent",
        )  # fmt: skip


def _fields(one: Entry, kind: ArtifactType, schema: Schema) -> Iterator[Finding]:
    head = one.head
    if head.id is None:
        yield Finding(
            "lint.no-id", f"{kind.one} without {schema.id_field}", one.at(),
            "gitsync import gives it one",
        )  # fmt: skip
    if kind.states and head.status not in kind.states:
        said = "no status" if head.status is None else f"the status {head.status!r}"
        yield Finding(
            "lint.unknown-state", f"{kind.one} cannot have {said}",
            one.at(schema.status_field), kind.known,
        )  # fmt: skip
    for name in kind.lacking(head.missing, head.status):
        yield Finding(
            "lint.missing-field", f"{kind.one} needs the field {name!r}", one.at(name),
            f"add {name}: ... to its front matter",
        )  # fmt: skip


def _links(one: Entry, book: Directory, parents: dict[str, str]) -> Iterator[Finding]:
    for link, names in one.links:
        if link.shape == "one" and len(names) > 1:
            yield Finding(
                "lint.several-links", f"{link.field!r} names one artifact, not {len(names)}",
                one.at(link.field),
            )  # fmt: skip
        for name in names:
            found = book.find(name, link, one.path)
            if found is None and not leads_elsewhere(name):
                yield Finding(
                    "lint.dangling-link", f"{link.field!r} names {name!r}, which is not here",
                    one.at(link.field, name),
                )  # fmt: skip
            elif found is not None and link.means == "parent" and one.head.id is not None:
                parents.setdefault(one.head.id, found)
