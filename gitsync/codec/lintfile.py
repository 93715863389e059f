"""A file's bytes as lint sees them: an entry, or why there can be none."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.codec.frontmatter import Document, parse
from gitsync.codec.frontmatter_head import head_of
from gitsync.domain.errors import FormatError, Where
from gitsync.domain.lateregex import late_regex
from gitsync.domain.links import Link, link_values
from gitsync.domain.lint import Entry, Finding

if TYPE_CHECKING:
    from gitsync.domain.schema import Schema

_BEGIN = late_regex(rb"^<<<<<<< ", re.MULTILINE)
_MIDDLE = late_regex(rb"^=======\r?$", re.MULTILINE)
_END = late_regex(rb"^>>>>>>> ", re.MULTILINE)


def read(raw: bytes, path: str, schema: Schema, typed: str | None = None) -> Entry | Finding | None:
    """The entry of a file, what is wrong with it, or None for a file without front matter.

    ``path`` is named in findings; ``typed`` is the type of a file that names none, if its path
    in the ledger does not tell. Raises nothing for what stands in the file.
    """
    unsettled = conflict(raw, path)
    if unsettled is not None:
        return unsettled
    try:
        document = parse(raw, path)
        if document is None:
            return None
        document.skim()
        head = head_of(document, schema, path)
        if head.type is None and typed is not None:
            head = replace(head, type=typed)
        links = links_of(document, schema, head.type)
    except FormatError as error:
        return Finding(error.code, error.message, error.where or Where(path), error.hint)
    return Entry(path, head, links, _Places(document, path))


def links_of(
    document: Document, schema: Schema, kind: str | None
) -> tuple[tuple[Link, tuple[str, ...]], ...]:
    """What each link field of a file names, as it is written. Raises FormatError."""
    known = schema.types.get(kind or "")
    if known is None:
        return ()
    return tuple(
        (link, link_values(document.items(name)))
        for name, link in known.links.items()
        if name in document
    )


def conflict(raw: bytes, path: str) -> Finding | None:
    """Git's conflict markers in a file, all three in order, as a finding."""
    if b"<<<<<<< " not in raw:
        return None
    # What the first marker has not behind it, no later one has: each is looked for once.
    begin = _BEGIN.search(raw)
    middle = _MIDDLE.search(raw, begin.end()) if begin is not None else None
    end = _END.search(raw, middle.end()) if middle is not None else None
    if begin is None or end is None:
        return None
    return Finding(
        "lint.conflict-markers", "an unsettled conflict", _place(raw, begin.start(), path),
        "keep what is right, and remove the lines with <<<<<<<, ======= and >>>>>>>",
    )  # fmt: skip


class _Places:
    """See ``Places``."""

    __slots__ = ("_document", "_path")

    def __init__(self, document: Document, path: str) -> None:
        self._document = document
        self._path = path

    def __call__(self, field: str | None = None, text: str | None = None) -> Where:
        span = self._document.span(field) if field is not None else None
        if span is None:
            return Where(self._path, 1, 1, field)
        raw = self._document.raw
        at = raw.find(text.encode(), span.value_start, span.end) if text else -1
        return _place(raw, at if at >= 0 else span.value_start, self._path, field)


def _place(raw: bytes, offset: int, path: str, field: str | None = None) -> Where:
    line = raw.count(b"\n", 0, offset) + 1
    start = raw.rfind(b"\n", 0, offset) + 1
    return Where(path, line, len(raw[start:offset].decode("utf-8", "replace")) + 1, field)
