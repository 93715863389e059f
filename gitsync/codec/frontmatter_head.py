"""From a file's bytes to what the rules need of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec.frontmatter import Document, parse
from gitsync.domain.artifact import ArtifactHead

if TYPE_CHECKING:
    from gitsync.domain.schema import Schema

_NOTHING: tuple[object, ...] = (None, "", [], {})


def head(raw: bytes, schema: Schema, path: str | None = None) -> ArtifactHead | None:
    """The head of an artifact, None when the file has no front matter.

    Empty fields count as absent. With ``path``, a file that names no type gets that of the
    schema's path patterns. Raises FormatError where the header or one of the fields cannot be
    read: such a file must not pass for one without a status.
    """
    document = parse(raw, path)
    return None if document is None else head_of(document, schema, path)


def head_of(document: Document, schema: Schema, path: str | None = None) -> ArtifactHead:
    """As ``head``, of a document that is parsed already."""
    name = _word(document, schema.type_field) if schema.type_field is not None else None
    if name is None and path is not None:
        name = schema.type_at(path)
    return ArtifactHead(
        id=_word(document, schema.id_field),
        type=name,
        status=_word(document, schema.status_field),
        title=_word(document, schema.title_field),
        missing=tuple(
            field for field in schema.required_fields(name) if document.value(field) in _NOTHING
        ),
    )


def _word(document: Document, name: str) -> str | None:
    # Stripped: a status of "approved" with a line end behind it must not pass for another one.
    text = document.text(name)
    return (text.strip() or None) if text else None
