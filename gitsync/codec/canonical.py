"""The canonical form of front matter (docs/reference/schema.md): order, spacing and quotes.

Every field keeps the value that YAML gives it, every comment stays with the field below it, and the
body keeps its bytes. What cannot be put in form without a change of meaning is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import frontmatter_edit as edit
from gitsync.codec.frontmatter import Document, parse
from gitsync.codec.frontmatter_scan import FLOW_ITEM, Field, Style
from gitsync.codec.yamltext_scalars import kind, plain_fits, unquote
from gitsync.domain.errors import FormatError, Where
from gitsync.domain.lateregex import late_regex

if TYPE_CHECKING:
    from collections.abc import Callable

_LINE_END = late_regex(rb"\r?\n")


def canonical(raw: bytes, place: Callable[[str], int], file: str | None = None) -> bytes:
    """The file in canonical form; the same bytes when it is so already or has no front matter.

    ``place`` gives a field's place in the order; fields of one place stay as they stand. Raises
    FormatError ``frontmatter.*`` or ``yaml.*`` where it cannot be read, ``fmt.unsafe`` where its
    meaning would change.
    """
    document = parse(raw, file)
    if document is None:
        return raw
    document.skim()
    head = document.layout
    eol = b"\r\n" if raw[: head.start].endswith(b"\r\n") else b"\n"
    parts: list[tuple[int, bytes]] = []
    position = head.start
    for name, field in head.fields.items():
        lead = _comments(raw[position : field.start])
        parts.append((place(name), lead + _field(raw, field)))
        position = field.end
    parts.sort(key=lambda part: part[0])  # stable: equal places keep their order
    lines = b"".join(text for _, text in parts) + _comments(raw[position : head.fence])
    closing = raw[head.fence : head.body]
    new = (
        raw[: head.start]
        + _LINE_END.sub(eol, lines)
        + b"---"
        + (eol if closing.endswith(b"\n") else b"")
        + raw[head.body :]
    )
    if new != raw:
        _check_same(document, new, file)
    return new


def _comments(lines: bytes) -> bytes:
    """The comments between two fields, without blank lines."""
    return b"".join(line.rstrip() + b"\n" for line in lines.split(b"\n") if line.strip())


def _field(raw: bytes, field: Field) -> bytes:
    """One field with the lines that belong to it."""
    key = raw[field.start : field.value].rstrip(b" ").removesuffix(b":").rstrip(b" ") + b":"
    below = raw[field.line_end : field.end]
    if field.style is Style.EMPTY:
        items = edit.block_list(raw, field)
        comment = _comment(raw[field.stop : field.line_end])
        return key + comment + b"\n" + (_items(raw, field, items) if items else below)
    one_line = field.style in {Style.QUOTED, Style.FLOW} or (
        field.style is Style.PLAIN and not field.more
    )
    if not one_line:
        return key + b" " + raw[field.value : field.line_end] + below
    token = raw[field.value : field.stop].rstrip(b" ")
    if field.style is Style.QUOTED:
        token = _scalar(token)
    elif field.style is Style.FLOW:
        spans = FLOW_ITEM.finditer(raw, field.value + 1, field.stop - 1)
        token = b"[" + b", ".join(_scalar(match[0].rstrip(b" "), flow=True) for match in spans)
        token += b"]"
    return key + b" " + token + _comment(raw[field.stop : field.line_end]) + b"\n"


def _items(raw: bytes, field: Field, found: edit.BlockList) -> bytes:
    """A list of ``- item`` lines, two spaces in; comments between them stay."""
    lines = []
    for item in found.items:
        lines.append(_comments(raw[item.lead : item.start]))
        comment = _comment(raw[item.stop : item.end])
        lines.append(b"  - " + _scalar(raw[item.token : item.stop]) + comment + b"\n")
    return b"".join(lines) + _comments(raw[found.items[-1].end : field.end])


def _comment(tail: bytes) -> bytes:
    """What follows a value on its line: nothing, or a comment two spaces away."""
    text = tail.strip()
    return b"  " + text if text else b""


def _scalar(token: bytes, *, flow: bool = False) -> bytes:
    """A scalar on one line without quotes that it does not need."""
    if token[:1] not in (b'"', b"'"):
        return token
    text = unquote(token.decode())
    return text.encode() if plain_fits(text, flow=flow) and kind(text) == "text" else token


def _check_same(before: Document, new: bytes, file: str | None) -> None:
    after = parse(new, file)
    same = after is not None and after.body == before.body
    if same and after is not None:
        same = set(after.names) == set(before.names)
        same = same and all(_alike(before.value(n), after.value(n)) for n in before.names)
    if not same:
        raise FormatError(
            "fmt.unsafe", "its canonical form would not say the same",
            hint="write it in a simpler way", where=Where(file),
        )  # fmt: skip


def _alike(one: object, other: object) -> bool:
    return type(one) is type(other) and repr(one) == repr(other)  # also for what is not a number
