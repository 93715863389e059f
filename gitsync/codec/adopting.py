"""Markdown from elsewhere as an artifact: what its text tells, and the fields that it lacks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitsync.codec import frontmatter
from gitsync.domain.errors import FormatError, Where
from gitsync.domain.lateregex import late_regex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gitsync.codec.frontmatter import Document
    from gitsync.codec.frontmatter_edit import FieldValue

_BOM = b"\xef\xbb\xbf"
_TOP = 64 * 1024  # how much of a body is looked at
_HEADING = late_regex(r"^#[ \t]+(.+?)[ \t]*#*[ \t]*\r?$", re.MULTILINE)
_NUMBER = late_regex(r"(?:[A-Za-z]{1,16}[-_ ]?)?\d{1,9}(?:[.:)]| -)\s+")
_STATUS = late_regex(
    r"^(?:#{2,}[ \t]*Status[ \t]*(?:\r?\n)+|[*+-]?[ \t]*\**Status\**:\**[ \t]*)"
    r"[*_]*([^\r\n]{1,80})",
    re.MULTILINE | re.IGNORECASE,
)


def title_in(body: bytes) -> str | None:
    """The first heading of a text, without the number that decision records put before it."""
    found = _HEADING.search(body[:_TOP].decode("utf-8", "replace"))
    return None if found is None else _NUMBER.sub("", found[1], count=1).strip() or None


def status_in(body: bytes, states: Sequence[str]) -> str | None:
    """The state that a section or a line ``Status`` begins with, in any case; None if none."""
    found = _STATUS.search(body[:_TOP].decode("utf-8", "replace"))
    said = found[1].casefold() if found is not None else ""
    fitting = [
        one for one in states
        if said.startswith(one.casefold()) and not said[len(one) : len(one) + 1].isalnum()
    ]  # fmt: skip
    return max(fitting, key=len, default=None)


def renamed(raw: bytes, names: Mapping[str, str], file: str) -> bytes:
    """The file with some of its fields called otherwise: old name -> new name.

    Values, order and everything else stay. Raises FormatError ``import.map`` where a field of
    the new name is there already, and what ``frontmatter.parse`` raises.
    """
    for old, new in names.items():
        document = frontmatter.parse(raw, file)
        if document is None or old not in document:
            continue
        if new in document:
            raise FormatError(
                "import.map", f"it has both {old!r} and {new!r}", where=Where(file, field=new)
            )
        field = document.layout.fields[old]
        colon = field.start + len(raw[field.start : field.value].rstrip(b" ")) - 1
        raw = raw[: field.start] + new.encode() + raw[colon:]
    return raw


def completed(raw: bytes, document: Document | None, fields: Mapping[str, FieldValue],
              bare: Sequence[str] = ()) -> bytes:  # fmt: skip
    """The file with ``fields``, none of which it has or says anything in: no byte of its body and
    of its other fields changes. The first of them comes first; a file without front matter gets
    some.

    Raises what ``Document.with_field`` raises.
    """
    if document is None:
        mark = _BOM if raw.startswith(_BOM) else b""
        body = raw[len(mark) :]
        head = frontmatter.compose(fields, b"", bare)
        if b"\r\n" in body.partition(b"\n")[0] + b"\n":
            head = head.replace(b"\n", b"\r\n")
        return mark + head + body
    first = next(iter(fields), None)
    for name, value in fields.items():
        raw = document.with_field(name, value, first=name == first)
        document = frontmatter.parse(raw) or document
    return raw
