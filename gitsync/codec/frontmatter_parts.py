"""Front matter cut into the parts that the field merge works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import frontmatter_edit as edit
from gitsync.codec.frontmatter import parse
from gitsync.codec.frontmatter_scan import FLOW_ITEM, Field, Style, fail
from gitsync.codec.yamltext_scalars import resolve, unquote
from gitsync.domain.merge.heads import NULL, Head, HeadField, Item, Listing, Meaning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.codec.frontmatter import Document


def read_head(raw: bytes) -> Head:
    """The front matter in ``raw``, which ends with its closing fence.

    The parts joined are ``raw``. Raises FormatError ``frontmatter.*`` or ``yaml.*`` when any
    field cannot be read exactly.
    """
    document = parse(raw)
    if document is None or document.body:
        fail(raw, 0, "frontmatter.fence", "this is not front matter from fence to fence")
    fields: list[HeadField] = []
    layout = document.layout
    at = layout.start
    for name, field in layout.fields.items():
        fields.append(_part(document, name, field, at))
        at = field.end
    return Head(raw[: layout.start], tuple(fields), raw[at:])


def _part(document: Document, name: str, field: Field, lead: int) -> HeadField:
    raw = document.raw
    several = field.more or field.style is Style.BLOCK
    span = None if several else document.span(name)
    begin, end = (span.value_start, span.value_end) if span else (field.value, field.end)
    return HeadField(
        name=name,
        lead=raw[lead : field.start],
        key=raw[field.start : begin],
        value=raw[begin:end],
        tail=raw[end : field.end],
        meaning=_meaning(document, name, field),
        line=raw.count(b"\n", 0, field.start) + 1,
        several=several,
        listing=_listing(raw, field, begin, end),
    )


def _meaning(document: Document, name: str, field: Field) -> Meaning:
    if not field.more:
        if field.style is Style.EMPTY:
            return NULL
        if field.style in (Style.PLAIN, Style.QUOTED):
            return _scalar(document.raw[field.value : field.stop])
        if field.style is Style.FLOW:
            spans = FLOW_ITEM.finditer(document.raw, field.value + 1, field.stop - 1)
            return ("list", tuple(_scalar(match[0]) for match in spans))
    simple = edit.block_list(document.raw, field)
    if simple is not None:
        tokens = (document.raw[item.token : item.stop] for item in simple.items)
        return ("list", tuple(map(_scalar, tokens)))
    return _tagged(document.structure(name, _plain))


def _scalar(token: bytes) -> Meaning:
    text = token.strip(b" ").decode()
    return ("text", unquote(text)) if text[:1] in ('"', "'") else _plain(text)


def _plain(text: str) -> Meaning:
    value = resolve(text)
    if value is None:
        return NULL
    if isinstance(value, bool):
        return ("bool", value)
    # A number is told by how it is written: 1.10 is no 1.1 to whoever names versions.
    return ("text", value) if isinstance(value, str) else ("number", text)


def _tagged(value: object) -> Meaning:
    """A structure whose plain scalars are tagged already."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, list):
        return ("list", tuple(map(_tagged, value)))
    if isinstance(value, dict):
        return ("map", tuple(sorted((key, _tagged(one)) for key, one in value.items())))
    return NULL if value is None else ("text", str(value))


def _listing(raw: bytes, field: Field, begin: int, end: int) -> Listing | None:
    if field.style is Style.FLOW:
        spans = [match.span() for match in FLOW_ITEM.finditer(raw, begin + 1, end - 1)]
        trimmed = [(start, start + len(raw[start:stop].rstrip(b" "))) for start, stop in spans]
        first = trimmed[0][0] if trimmed else end - 1
        last = trimmed[-1][1] if trimmed else end - 1
        items = tuple(_items(raw, trimmed))
        return Listing("flow", raw[field.start : first], items, raw[last : field.end])
    if field.style is Style.PLAIN and not field.more:
        tokens = list(_between_commas(raw, begin, end))
        items = tuple(_items(raw, tokens, words=True))
        return Listing("commas", raw[field.start : begin], items, raw[end : field.end])
    simple = edit.block_list(raw, field)
    if simple is None:
        return None
    lines = tuple(
        Item(b"", raw[item.lead : item.end], _scalar(raw[item.token : item.stop]))
        for item in simple.items
    )
    rest = raw[simple.items[-1].end : field.end]
    return Listing("block", raw[field.start : field.line_end], lines, rest)


def _items(raw: bytes, spans: list[tuple[int, int]], *, words: bool = False) -> Iterator[Item]:
    before: int | None = None
    for start, stop in spans:
        token = raw[start:stop]
        gap = b"" if before is None else raw[before:start]
        yield Item(gap, token, ("text", token.decode()) if words else _scalar(token))
        before = stop


def _between_commas(raw: bytes, begin: int, end: int) -> Iterator[tuple[int, int]]:
    at = begin
    for part in raw[begin:end].split(b","):
        bare = part.strip(b" ")
        start = at + (len(part) - len(part.lstrip(b" ")) if bare else 0)
        yield start, start + len(bare)
        at += len(part) + 1
