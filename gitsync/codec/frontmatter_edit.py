"""New bytes for one front matter field, everything around its value kept."""

from __future__ import annotations

import re
from collections import Counter, defaultdict, deque
from collections.abc import Sequence

from gitsync.codec.frontmatter_scan import FLOW_ITEM, ITEM, Field, Style
from gitsync.codec.yamltext_scalars import FORBIDDEN, quote
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex

FieldValue = str | int | Sequence[str]

_ASIDE = late_regex(rb" *+(?:#[^\n]*+)?\r?\n")


@frozen
class Item:
    """One ``- item`` line with the comments and blanks above it. Offsets into the file."""

    lead: int
    start: int
    token: int
    stop: int
    end: int


@frozen
class BlockList:
    """A list of one-line scalars, one a line, at one indentation."""

    items: tuple[Item, ...]
    indent: bytes


def block_list(raw: bytes, field: Field) -> BlockList | None:
    """The field's lines as a simple block list; None when they are anything else."""
    if field.style is not Style.EMPTY or not field.more:
        return None
    items: list[Item] = []
    position = lead = field.line_end
    indent: bytes | None = None
    while position < field.end:
        match = ITEM.match(raw, position, field.end)
        if match is None:
            aside = _ASIDE.match(raw, position, field.end)
            if aside is None:
                return None
            position = aside.end()
            continue
        if indent is None:
            indent = match[1]
        if match[1] != indent:
            return None
        token, stop = match.span(2) if match[2] is not None else match.span(3)
        stop = token + len(raw[token:stop].rstrip(b" "))
        items.append(Item(lead, position, token, stop, match.end()))
        position = lead = match.end()
    return BlockList(tuple(items), indent) if indent is not None else None


def item_spans(raw: bytes, field: Field) -> list[tuple[int, int]] | None:
    """Where the items of a list of one-line scalars stand; None if it is anything else."""
    if field.style is Style.FLOW:
        return [match.span() for match in FLOW_ITEM.finditer(raw, field.value + 1, field.stop - 1)]
    simple = block_list(raw, field)
    return None if simple is None else [(item.token, item.stop) for item in simple.items]


def render(value: FieldValue, old: str | None = None, *, flow: bool = False) -> str:
    """A value as one-line YAML; ``old`` is the token that it replaces, for its quoting."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return quote(value, old=old, flow=flow)
    return f"[{', '.join(quote(item, flow=True) for item in value)}]"


def set_value(raw: bytes, field: Field, value: FieldValue, tail: int) -> bytes:
    """The file with the field's value replaced; ``tail`` is where the value ends on its line."""
    if field.style is Style.BLOCK:
        return _set_block(raw, field, value)
    if field.style is Style.EMPTY:
        token = b" " + render(value).encode()
        simple = block_list(raw, field)
        asides = [raw[item.lead : item.start] for item in simple.items] if simple else []
        key_line = raw[: field.value] + token + raw[field.value : field.line_end]
        return key_line + b"".join(asides) + raw[field.end :]
    old = raw[field.value : tail].decode()
    return raw[: field.value] + render(value, old).encode() + raw[tail:]


def _set_block(raw: bytes, field: Field, value: FieldValue) -> bytes:
    head = raw[field.value : field.stop]
    lines = raw[field.line_end : field.end]
    # Blank lines behind the text belong to the value only where "+" keeps them.
    content = lines if b"+" in head else lines[: len(lines.rstrip(b" \r\n"))]
    end = field.end
    if content is not lines:
        end = field.line_end + (lines.find(b"\n", len(content)) + 1 if content else 0)
    after_head = raw[field.stop : field.line_end]
    if head[:1] == b"|" and isinstance(value, str) and _fits_literal(value):
        first = content.lstrip(b"\r\n")
        indent = first[: len(first) - len(first.lstrip(b" "))] or b"  "
        eol = b"\r\n" if after_head.endswith(b"\r\n") else b"\n"
        rows = value.encode().removesuffix(b"\n").split(b"\n")
        text = b"".join((indent + row if row else b"") + eol for row in rows)
        mark = b"|" if value.endswith("\n") else b"|-"
        return raw[: field.value] + mark + after_head + text + raw[end:]
    return raw[: field.value] + render(value).encode() + after_head + raw[end:]


def _fits_literal(value: str) -> bool:
    return (
        "\n" in value
        and value[0] not in " \t\n"
        and not value.endswith("\n\n")
        and not re.search(r"\r|\n[ \t]+(?:\n|\Z)", value)
        and not FORBIDDEN.search(value)
    )


def set_flow_items(
    raw: bytes, field: Field, wanted: Sequence[str], current: Sequence[str]
) -> bytes:
    """The file with a one-line ``[...]`` list replaced; items that stay keep their spelling."""
    inner = raw[field.value + 1 : field.stop - 1]
    spans = [match.span() for match in FLOW_ITEM.finditer(inner)]
    tokens = [inner[start:stop].rstrip(b" ") for start, stop in spans]
    like = tokens[0].decode() if tokens else None
    pool: defaultdict[str, deque[bytes]] = defaultdict(deque)
    for value, token in zip(current, tokens, strict=True):
        pool[value].append(token)
    new = [
        pool[value].popleft() if pool[value] else quote(value, old=like, flow=True).encode()
        for value in wanted
    ]
    gap = inner[spans[0][0] + len(tokens[0]) : spans[1][0]] if len(spans) > 1 else b", "
    left = inner[: spans[0][0]] if spans and new else b""
    right = b" " if left and inner.endswith(b" ") else b""
    return raw[: field.value] + b"[" + left + gap.join(new) + right + b"]" + raw[field.stop :]


def set_block_items(
    raw: bytes, field: Field, old: BlockList, wanted: Sequence[str], current: Sequence[str]
) -> bytes:
    """The file with a list of ``- item`` lines replaced; comment lines survive.

    Lines of items that stay move whole. Where items only change in place, only their own bytes
    change.
    """
    first = old.items[0]
    like = raw[first.token : first.stop].decode()
    if _in_place(wanted, current):
        new, position = b"", 0
        for item, value, before in zip(old.items, wanted, current, strict=True):
            if value != before:
                token = raw[item.token : item.stop].decode()
                new += raw[position : item.token] + quote(value, old=token).encode()
                position = item.stop
        return new + raw[position:]
    staying = Counter(wanted) & Counter(current)
    pool: defaultdict[str, deque[bytes]] = defaultdict(deque)
    orphans = b""
    for value, item in zip(current, old.items, strict=True):
        if staying[value]:
            staying[value] -= 1
            pool[value].append(orphans + raw[item.lead : item.end])
            orphans = b""
        else:
            orphans += raw[item.lead : item.start]
    eol = b"\r\n" if raw.endswith(b"\r\n", 0, field.line_end) else b"\n"
    lines = [
        pool[value].popleft()
        if pool[value]
        else old.indent + b"- " + quote(value, old=like).encode() + eol
        for value in wanted
    ]
    return raw[: field.line_end] + b"".join(lines) + orphans + raw[field.end :]


def _in_place(wanted: Sequence[str], current: Sequence[str]) -> bool:
    if len(wanted) != len(current):
        return False
    known = set(current)
    return all(new == old or new not in known for new, old in zip(wanted, current, strict=True))
