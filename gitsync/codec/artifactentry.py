"""A Markdown file as the artifact index keeps it."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gitsync.codec import frontmatter
from gitsync.domain.errors import FormatError, GitsyncError
from gitsync.domain.frozen import frozen
from gitsync.domain.links import link_values
from gitsync.domain.query.records import (
    MAX_TEXT_CHARS,
    PATH_MARK,
    Record,
    fold,
    values_of,
    words_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.codec.frontmatter import Document
    from gitsync.domain.query.vocabulary import Vocabulary

_ENDINGS = (".md", ".markdown")


@frozen
class Entry:
    """What one content says, wherever it lies.

    ``fields`` are the front matter's as plain values; ``values`` and ``links`` as queries compare
    them; ``body`` is what is searched for words. With a ``problem`` everything else is empty.
    """

    id: str | None = None
    type: str | None = None
    status: str | None = None
    title: str | None = None
    owner: str | None = None
    problem: str | None = None
    fields: Mapping[str, object] = field(default_factory=dict)
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body: str = ""


def entry_of(raw: bytes, vocabulary: Vocabulary) -> Entry | None:
    """What a file's content says; None where it is no artifact: no front matter, or no id.

    A header that cannot be read makes an entry with a ``problem``, as ``frontmatter_head.head``
    would raise it, in which PATH_MARK stands for the path.
    """
    try:
        document = frontmatter.parse(raw, PATH_MARK)
        if document is None:
            return None
        ident, kind, status, title = (
            _word(document, name)
            for name in (vocabulary.id_field, vocabulary.type_field,
                         vocabulary.status_field, vocabulary.title_field)
        )  # fmt: skip
        for name in vocabulary.required(kind):
            document.value(name)
    except GitsyncError as error:
        return Entry(problem=str(error))
    if not ident:
        return None
    fields = _fields(document)
    owner = fields.get(vocabulary.owner_field)
    values = {name: found for name, value in fields.items()
              if (found := values_of(name, value, vocabulary))}  # fmt: skip
    links = {name: found for name in vocabulary.links
             if name in fields and (found := link_values(fields[name]))}  # fmt: skip
    body = document.body[: 4 * MAX_TEXT_CHARS].decode("utf-8", "replace")
    return Entry(
        ident, kind, status, title, None if owner is None else _plain(owner), None,
        fields, values, links, body,
    )  # fmt: skip


def record_of(raw: bytes, path: str, vocabulary: Vocabulary) -> Record | None:
    """A file's content as queries see it at ``path``; None where it is no artifact that can be
    read."""
    entry = entry_of(raw, vocabulary) if path.endswith(_ENDINGS) else None
    if entry is None or entry.problem is not None:
        return None
    kind = entry.type or vocabulary.type_at(path) or ""
    return Record(
        path, fold(kind), entry.status, values=entry.values, links=entry.links,
        ident=entry.id or "", title_words=words_of(entry.title or ""), words=words_of(entry.body),
    )  # fmt: skip


def _word(document: Document, name: str | None) -> str | None:
    text = document.text(name) if name is not None else None
    return (text.strip() or None) if text else None


def _plain(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


def _fields(document: Document) -> dict[str, object]:
    """All fields that can be read; one that cannot says so when it is looked at by itself."""
    found: dict[str, object] = {}
    for name in document.names:
        try:
            found[name] = document.value(name)
        except FormatError:
            continue
    return found


def searchable(text: str) -> str:
    """A text as the full-text index takes it: its own splitting then finds ``words_of`` it."""
    if text.isascii():
        return text[:MAX_TEXT_CHARS].replace("\x00", " ")
    return " ".join(words_of(text))
