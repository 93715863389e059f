"""The YAML front matter of a Markdown file, read by field and changed byte-stably.

A file has front matter when its first line is exactly ``---``; the next line that is exactly
``---`` or ``...`` ends it. Top-level fields are found by a line scanner; plain and quoted values
on one line are decoded here, anything with more structure by the bounded YAML reader, on that
field's lines only. Changing one field changes that field's value and no other byte.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from gitsync.codec import frontmatter_edit as edit
from gitsync.codec.frontmatter_scan import Field, Style, fail, scan
from gitsync.codec.yamltext_scalars import FORBIDDEN, NULLS, kind, resolve, unquote
from gitsync.domain.errors import BugError, FormatError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex

MAX_HEADER_BYTES = 64 * 1024
MAX_STRUCTURE_BYTES = 16 * 1024

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from gitsync.codec.frontmatter_edit import FieldValue
    from gitsync.codec.yamltext import Builder

Wanted = str | tuple[str, ...]

_BOM = b"\xef\xbb\xbf"
_NAME = late_regex(r"[A-Za-z0-9_](?:[A-Za-z0-9_ .\-]{0,126}[A-Za-z0-9_.\-])?")
_ALLOWED = bytes(range(0x20, 0x7F)) + b"\t\n" + bytes(range(0x80, 0x100))
_OPENING = late_regex(rb"---([ \t]*+(?:\r?\n|\r|\Z))")
_CLOSING = late_regex(rb"\n(?:---|\.\.\.)(?:\r?\n|\Z)")
_LONE_RETURN = late_regex(r"\r(?!\n)")
_TRUTH = frozenset({"true", "True", "TRUE", "false", "False", "FALSE"})
_RISKY = late_regex(rb"[\"'\[{]")


@frozen
class Span:
    """Byte offsets of the whole field with its continuation lines, and of its value."""

    start: int
    end: int
    value_start: int
    value_end: int


@frozen
class Layout:
    """Where the parts of a file stand: byte offsets behind the opening line, of the closing line
    and of the body, and the scanned fields in their order."""

    start: int
    fence: int
    body: int
    fields: Mapping[str, Field]


class Document:
    """A file with front matter. Immutable; made by ``parse``."""

    __slots__ = ("_body_start", "_cache", "_fence", "_fields", "_file", "_start", "raw")

    def __init__(self, raw: bytes, start: int, fence: int, body: int, file: str | None) -> None:
        self.raw = raw
        self._start = start
        self._fence = fence
        self._body_start = body
        self._file = file
        self._cache: dict[tuple[str, bool], Builder] = {}
        self._fields = scan(raw, start, fence, file)
        for name, field in self._fields.items():
            # What a lenient parser would read on past its lines must be seen to end within them.
            if field.style >= Style.OPEN_QUOTE or (
                field.more
                and field.style is Style.EMPTY
                and _RISKY.search(raw, field.line_end, field.end)
                and edit.block_list(raw, field) is None
            ):
                self._structure(name, as_text=False)

    @property
    def body(self) -> bytes:
        """Everything behind the closing fence's line."""
        return self.raw[self._body_start :]

    @property
    def layout(self) -> Layout:
        """The file's parts, for those who rewrite it."""
        return Layout(self._start, self._fence, self._body_start, self._fields)

    @property
    def names(self) -> tuple[str, ...]:
        """The fields' names in the file's order."""
        return tuple(self._fields)

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def span(self, name: str) -> Span | None:
        """Where the field stands, None if there is none. Raises FormatError if unreadable."""
        field = self._fields.get(name)
        if field is None:
            return None
        if field.style is Style.BLOCK:
            return Span(field.start, field.end, field.value, field.end)
        return Span(field.start, field.end, field.value, self._tail(name, field))

    def text(self, name: str) -> str | None:
        """A scalar field as text, as it is written: None if absent, "" if empty or null.

        Raises FormatError ``frontmatter.not-text`` for a list or a mapping, ``yaml.*`` for what
        cannot be read.
        """
        field = self._fields.get(name)
        if field is None:
            return None
        if field.style is Style.PLAIN and not field.more:
            text = self.raw[field.value : field.stop].rstrip(b" ").decode()
            return "" if text in NULLS else text
        value = self._current(name, field)
        if not isinstance(value, str):
            self._fail(name, "frontmatter.not-text", f"the field {name!r} must be text")
        return value

    def items(self, name: str, *, commas: bool = False) -> tuple[str, ...]:
        """A field as texts: a list's items, or a scalar alone; () if absent or empty.

        With ``commas`` a scalar is split at its commas. Raises FormatError
        ``frontmatter.not-list`` for a mapping or a nested list, ``yaml.*`` as ``text`` does.
        """
        field = self._fields.get(name)
        if field is None:
            return ()
        value = self._current(name, field)
        if value is None:
            self._fail(name, "frontmatter.not-list", f"the field {name!r} must be a list of texts")
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",")] if commas else [value]
        return tuple(part for part in parts if part)

    def value(self, name: str) -> object:
        """A field as YAML's core schema has it: str, int, float, bool, None, list or dict.

        None also when the field is absent. Raises FormatError ``yaml.*``.
        """
        field = self._fields.get(name)
        if field is None:
            return None
        if field.style is Style.QUOTED:
            return self.text(name)
        if field.style is Style.PLAIN and not field.more:
            return self._resolved(name, field.value, field.stop)
        spans = edit.item_spans(self.raw, field)
        if spans is not None and field.end - field.start <= MAX_STRUCTURE_BYTES:
            return [self._resolved(name, start, stop) for start, stop in spans]
        return self._structure(name, as_text=False)

    def _resolved(self, name: str, start: int, stop: int) -> object:
        """A scalar on one line, as ``value`` has it."""
        if self.raw[start : start + 1] in (b'"', b"'"):
            return self._unquote(name, start, stop)
        try:
            return resolve(self.raw[start:stop].rstrip(b" ").decode())
        except FormatError as error:
            self._fail(name, error.code, error.message)

    def holds(self, name: str, wanted: Wanted) -> bool:
        """Whether the field reads as this text, or as these items. Raises FormatError."""
        field = self._fields.get(name)
        current = None if field is None else self._current(name, field)
        if isinstance(wanted, tuple) and isinstance(current, str):
            return wanted == self.items(name)
        return field is not None and current == wanted

    def check(self) -> None:
        """Decode every field; lists, too, by the YAML reader. Raises FormatError for the first
        that cannot be read."""
        for name, field in self._fields.items():
            if edit.item_spans(self.raw, field) is not None:
                self._structure(name, as_text=False)
            else:
                self.value(name)

    def skim(self) -> None:
        """As ``check``, but a list of one-line scalars is read as the line scanner found it,
        without asking the slow YAML reader. Raises FormatError."""
        for name in self._fields:
            self.value(name)

    def with_field(self, name: str, value: FieldValue, *, first: bool = False) -> bytes:
        """The file with one field set, every byte outside that field's value unchanged.

        A field that is not there is appended before the closing fence, or put ``first``. Setting
        a field to what it is gives the same bytes. Raises UsageError ``frontmatter.field-name`` or
        ``frontmatter.value``, FormatError where the old value cannot be read or the result would
        pass the bounds.
        """
        wanted = _wanted(name, value)
        field = self._fields.get(name)
        if field is None:
            _check_new_name(name)
            eol = b"\r\n" if self.raw[: self._start].endswith(b"\r\n") else b"\n"
            line = f"{name}: {edit.render(value)}".encode() + eol
            at = self._start if first else self._fence
            new = self.raw[:at] + line + self.raw[at:]
        else:
            new = self._replaced(name, field, value, wanted)
        after = parse(new, self._file)
        if after is None or not after.holds(name, wanted):
            raise BugError("frontmatter.lost", f"setting {name!r} did not read back")
        return new

    def _replaced(self, name: str, field: Field, value: FieldValue, wanted: Wanted) -> bytes:
        if self.holds(name, wanted):
            return self.raw
        current = self._current(name, field)
        if isinstance(wanted, tuple) and isinstance(current, tuple):
            if field.style is Style.FLOW:
                return edit.set_flow_items(self.raw, field, wanted, current)
            simple = edit.block_list(self.raw, field)
            if simple is not None and wanted:
                return edit.set_block_items(self.raw, field, simple, wanted, current)
        return edit.set_value(self.raw, field, value, self._tail(name, field))

    def _current(self, name: str, field: Field) -> Wanted | None:
        """A scalar as text, a list of scalars as texts, None for everything else."""
        if not field.more:
            if field.style is Style.PLAIN:
                return self._scalar(name, field.value, field.stop)
            if field.style is Style.QUOTED:
                return self._scalar(name, field.value, field.stop)
            if field.style is Style.EMPTY:
                return ""
        spans = edit.item_spans(self.raw, field)
        if spans is not None:
            return tuple(self._scalar(name, start, stop) for start, stop in spans)
        value = self._structure(name, as_text=True)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        return value if isinstance(value, str) else None

    def _scalar(self, name: str, start: int, stop: int) -> str:
        if self.raw[start : start + 1] in (b'"', b"'"):
            return self._unquote(name, start, stop)
        text = self.raw[start:stop].strip(b" ").decode()
        return "" if text in NULLS else text

    def _unquote(self, name: str, start: int, stop: int) -> str:
        try:
            return unquote(self.raw[start:stop].strip(b" ").decode())
        except FormatError as error:
            fail(self.raw, start, error.code, error.message, file=self._file, name=name)

    def structure(self, name: str, plain: Callable[[str], object]) -> object:
        """A field through the YAML reader, each plain scalar read by ``plain``.

        Raises FormatError ``frontmatter.structure`` or ``yaml.*``.
        """
        return self._only(name, self._parsed(name, plain))

    def _structure(self, name: str, *, as_text: bool) -> object:
        return self._only(name, self._built(name, as_text=as_text))

    def _only(self, name: str, built: Builder) -> object:
        root = built.root
        if not isinstance(root, dict) or list(root) != [name]:
            self._fail(name, "frontmatter.structure", f"the field {name!r} cannot be read")
        return root[name]

    def _built(self, name: str, *, as_text: bool) -> Builder:
        """The field's lines through the YAML reader, once."""
        built = self._cache.get((name, as_text))
        if built is None:
            built = self._parsed(name, _as_text if as_text else resolve)
            self._cache[name, as_text] = built
        return built

    def _parsed(self, name: str, plain: Callable[[str], object]) -> Builder:
        field = self._fields[name]
        if field.end - field.start > MAX_STRUCTURE_BYTES:
            problem = f"a structured field holds at most {MAX_STRUCTURE_BYTES} bytes"
            self._fail(name, "frontmatter.too-large", problem)
        from gitsync.codec import yamltext

        return yamltext.parse(
            self.raw[field.start : field.end].decode(),
            file=self._file,
            first_line=self.raw.count(b"\n", 0, field.start) + 1,
            plain=plain,
        )

    def _tail(self, name: str, field: Field) -> int:
        """The byte offset at which the value ends if it began on the key's line."""
        if field.style < Style.OPEN_QUOTE and not (field.style is Style.PLAIN and field.more):
            return field.value + len(self.raw[field.value : field.stop].rstrip(b" "))
        self._structure(name, as_text=False)
        end = self._built(name, as_text=False).ends[name,]
        text = self.raw[field.start : field.end].decode()
        return field.start + len(text[:end].encode())

    def _fail(self, name: str, code: str, message: str) -> NoReturn:
        fail(self.raw, self._fields[name].start, code, message, file=self._file, name=name)


def parse(raw: bytes, file: str | None = None) -> Document | None:
    """The front matter of a Markdown file; None when the file does not begin with a fence.

    ``file`` is only named in errors. Raises FormatError ``frontmatter.*`` or ``yaml.*`` with line
    and column when there is a fence but the header cannot be read exactly.
    """
    begin = 3 if raw.startswith(_BOM) else 0
    opening = _OPENING.match(raw, begin)
    if opening is None:
        return None
    start = opening.end()
    if opening[1] not in {b"\n", b"\r\n"}:
        fail(raw, begin + 3, "frontmatter.fence", "the opening line must be exactly ---", file=file)
    fence, body = _closing(raw, start, file)
    header = raw[start:fence]
    odd = header.translate(None, _ALLOWED)
    if not header.isascii() or odd:
        _check_characters(raw, start, header, file)
    return Document(raw, start, fence, body, file)


def _closing(raw: bytes, start: int, file: str | None) -> tuple[int, int]:
    """The closing fence's offset and that of the body."""
    limit = start + MAX_HEADER_BYTES
    match = _CLOSING.search(raw, start - 1, limit + 8)
    if match is None or match.start() >= limit:
        if len(raw) > limit:
            fail(raw, start, "frontmatter.too-large",
                 f"no closing line within {MAX_HEADER_BYTES} bytes", file=file)  # fmt: skip
        fail(raw, start, "frontmatter.unclosed", "the front matter has no closing line ---",
             file=file, hint="close it with a line that is exactly ---")  # fmt: skip
    return match.start() + 1, match.end()


def _check_characters(raw: bytes, start: int, header: bytes, file: str | None) -> None:
    try:
        text = header.decode("utf-8")
    except UnicodeDecodeError as error:
        fail(raw, start + error.start, "frontmatter.encoding", "not UTF-8", file=file)
    bad = FORBIDDEN.search(text) or _LONE_RETURN.search(text)
    if bad:
        offset = start + len(text[: bad.start()].encode())
        problem = f"the character U+{ord(bad[0]):04X} may not stand in front matter"
        fail(raw, offset, "frontmatter.control-character", problem, file=file)


def compose(fields: Mapping[str, FieldValue], body: bytes, bare: Collection[str] = ()) -> bytes:
    """A new file: the fields in the mapping's order, then ``body`` as it is.

    Text gets quotes where YAML would read it as something else; int and bool stand bare, and so
    do numbers and dates in the fields named by ``bare``. Raises UsageError as
    ``Document.with_field`` does.
    """
    lines = []
    for name, value in fields.items():
        _check_new_name(name)
        _wanted(name, value)
        old = value if name in bare and isinstance(value, str) else None
        lines.append(f"{name}: {edit.render(value, old)}\n")
    raw = b"---\n" + "".join(lines).encode() + b"---\n" + body
    parse(raw)
    return raw


def _check_new_name(name: str) -> None:
    if _NAME.fullmatch(name) is None or kind(name) in {"null", "number"} or name in _TRUTH:
        raise UsageError("frontmatter.field-name", f"{name!r} cannot name a new field")


def _wanted(name: str, value: FieldValue) -> Wanted:
    """What the field must read as once set."""
    if isinstance(value, bool):
        return str(value).lower()
    wanted = str(value) if isinstance(value, int) else value
    if not isinstance(wanted, str):
        wanted = tuple(wanted)
    for text in [wanted] if isinstance(wanted, str) else wanted:
        if not isinstance(text, str) or any("\ud800" <= char <= "\udfff" for char in text):
            raise UsageError("frontmatter.value", f"the field {name!r} can hold Unicode text only")
    return wanted


def _as_text(text: str) -> str:
    return "" if text in NULLS else text
