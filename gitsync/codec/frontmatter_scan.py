"""The line scanner under the front matter: where each top-level field and its value stand.

It decides only what columns decide. In a valid YAML 1.2 document whose root is a block mapping at
column 0, a line at column 0 is a key, a comment, a ``- `` item of the key above, or nothing;
every other construct must be indented (sections 6.1, 8.2). Whatever would need more than that to
be read rightly is refused, not guessed.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NoReturn

from gitsync.codec.yamltext_scalars import resolve
from gitsync.domain.errors import FormatError, Where
from gitsync.domain.lateregex import late_regex

MAX_FIELDS = 200


class Style(IntEnum):
    """How a value begins on its key's line."""

    EMPTY = 0
    PLAIN = 1
    QUOTED = 2
    FLOW = 3
    BLOCK = 4
    OPEN_QUOTE = 5
    OPEN_FLOW = 6


_CLOSED = frozenset({Style.QUOTED, Style.FLOW})


class Field:
    """Offsets into the file: the field, its value on the key line, and that line's end.

    ``end`` is behind the last line with content; ``more`` says that there are lines after the
    key's. ``stop`` may count blanks that trail a plain value.
    """

    __slots__ = ("end", "line_end", "more", "start", "stop", "style", "value")

    def __init__(self, start: int, value: int, stop: int, end: int, style: Style) -> None:
        self.start = start
        self.value = value
        self.stop = stop
        self.line_end = end
        self.end = end
        self.style = style
        self.more = False


# A plain value that one look decides: "#" only after text, ":" only before text. Possessive
# throughout, so that no line can make it try twice.
_REST = rb"[^\t\r\n#:]*+(?:(?::(?![ \t\r\n])|(?<![ \t])#)[^\t\r\n#:]*+)*+"
_FAST = late_regex(
    rb"([A-Za-z0-9_][A-Za-z0-9_ .\-]{0,127}+): ++"
    rb"([^\s\"'\[\]{}|>&*!%@`#,?:\-]" + _REST + rb")(?:#[^\r\n]*+)?\r?\n"
)
_KEY = late_regex(
    rb"(?:([A-Za-z0-9_][A-Za-z0-9_ .\-]{0,127}+)"
    rb"|\"([^\"\\\t\r\n]{1,128}+)\" *+|'([^'\t\r\n]{1,128}+)' *+):(?=[ \r\n])"
)
_PLAIN = late_regex(rb"(" + _REST + rb")(?:#[^\r\n]*+)?")
_QUOTED = late_regex(rb'"(?:[^"\\\r\n]|\\[^\r\n])*+"|\'(?:[^\'\r\n]|\'\')*+\'')
_BLOCK_HEAD = late_regex(rb"[|>](?:[1-9][+-]?|[+-][1-9]?)?")
_TAIL = late_regex(rb" *+(?:(?<= )#.*)?")
# A line inside a value at whose end a block of text may begin: what follows may be that text, even
# where it looks like a comment.
_TEXT_BELOW = late_regex(rb"(?:\A|[\-:]) *+[|>][1-9+\-]{0,2}+[ \t]*+(?:(?<=[ \t])#.*)?\Z")
# One line of a simple block list, and a flow list of simple items: these need no parser.
ITEM = late_regex(
    rb"( *)- ++(?:([^\s\"'\[\]{}|>&*!%@`#,?:\-]" + _REST + rb")|(" + _QUOTED.pattern + rb") *+)"
    rb"(?:(?<= )#[^\r\n]*+)?\r?\n"
)
_FLOW_REST = rb"[^\t\r\n#:,\[\]{}]*+(?:(?::(?![ ,\[\]{}\t\r\n])|(?<![ \t])#)[^\t\r\n#:,\[\]{}]*+)*+"
FLOW_ITEM = late_regex(
    rb"(?:[^\s\"'\[\]{}|>&*!%@`#,?:\-]" + _FLOW_REST + rb"|(?:" + _QUOTED.pattern + rb") *+)"
)
FLOW_LIST = late_regex(
    rb"\[ *+(?:" + FLOW_ITEM.pattern + rb"(?:, *+" + FLOW_ITEM.pattern + rb")*+,?+ *+)?+\]"
)

_STARTS = {
    b"%": ("frontmatter.directive", "directives are not read in front matter"),
    b"{": ("frontmatter.flow-root", "the front matter must be lines of 'name: value'"),
    b"[": ("frontmatter.flow-root", "the front matter must be lines of 'name: value'"),
    b"?": ("frontmatter.complex-key", "complex keys are not read in front matter"),
    b"<": ("frontmatter.merge-key", "merge keys are not read in front matter"),
    b"&": ("frontmatter.anchor", "anchors are not read in front matter"),
    b"*": ("frontmatter.alias", "aliases are not read in front matter"),
    b"!": ("frontmatter.tag", "tags are not read in front matter"),
    b"\t": ("frontmatter.tab", "a tab cannot indent YAML; use spaces"),
}
_VALUES = {
    b"&": _STARTS[b"&"],
    b"*": _STARTS[b"*"],
    b"!": _STARTS[b"!"],
    b"\t": ("frontmatter.tab", "a tab cannot stand before a YAML value; use a space"),
} | {
    bytes([char]): ("frontmatter.reserved", "YAML reserves this character; put the value in quotes")
    for char in b"%@`,]}"
}
_NUMBER_LIKE = frozenset(
    {"null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE"}
)


def fail(
    raw: bytes,
    offset: int,
    code: str,
    message: str,
    *,
    file: str | None = None,
    name: str | None = None,
    hint: str | None = None,
) -> NoReturn:
    """Raise FormatError at a byte offset of the file, as line and column (in characters)."""
    start = raw.rfind(b"\n", 0, offset) + 1
    column = len(raw[start:offset].decode("utf-8", "replace")) + 1
    place = Where(file, raw.count(b"\n", 0, offset) + 1, column, name)
    raise FormatError(code, message, hint=hint, where=place)


def scan(raw: bytes, start: int, end: int, file: str | None = None) -> dict[str, Field]:
    """The fields between two line starts of ``raw``, in order. Raises FormatError."""
    scanner = _Scanner(raw, file)
    fields = scanner.fields
    position = start
    fast = _FAST.match
    while position < end:
        match = fast(raw, position, end)
        if match is None:
            position = scanner.line(position)
            continue
        name = match[1].rstrip().decode()
        value, stop = match.span(2)
        # Digits sort before every other first character that a bare key may have.
        if name in fields or name < ":" or name in _NUMBER_LIKE:
            scanner.check_key(position, name)
        fields[name] = Field(position, value, stop, match.end(), Style.PLAIN)
        scanner.last = fields[name]
        position = match.end()
    if len(fields) > MAX_FIELDS:
        fail(
            raw,
            start,
            "frontmatter.too-many-fields",
            f"{len(fields)} fields; at most {MAX_FIELDS} are read",
            file=file,
        )
    return fields


class _Scanner:
    """What the slow path knows while it walks the lines."""

    __slots__ = ("fields", "file", "last", "raw", "text_in")

    def __init__(self, raw: bytes, file: str | None) -> None:
        self.raw = raw
        self.file = file
        self.fields: dict[str, Field] = {}
        self.last: Field | None = None
        self.text_in: Field | None = None  # whose structure has a block of text in it

    def line(self, position: int) -> int:
        """Read one line that is not a plain ``name: value``; return the next line's offset."""
        after = self.raw.index(b"\n", position) + 1
        line = self.raw[position : after - 1].removesuffix(b"\r")
        bare = line.lstrip(b" ")
        at_edge = len(bare) == len(line)
        last = self.last
        in_block = last is not None and (last.style is Style.BLOCK or last is self.text_in)
        if not bare:
            if last is not None and in_block and last.end == position:
                last.end = after
        elif bare[:1] == b"#" and (at_edge or not in_block):
            pass
        elif not at_edge or line[:2] == b"- " or line == b"-":
            self._continue(position, line, after)
        else:
            self._key(position, line, after)
        return after

    def check_key(self, position: int, name: str) -> None:
        """Refuse a name that is there already or that YAML does not read as text."""
        if name in self.fields:
            self._fail(
                position, ("frontmatter.duplicate-field", f"the field {name!r} appears twice")
            )
        if not isinstance(resolve(name), str):
            problem = f"YAML reads the name {name!r} as a number or truth value; quote it"
            self._fail(position, ("frontmatter.key-kind", problem))

    def _fail(self, offset: int, problem: tuple[str, str], name: str | None = None) -> NoReturn:
        fail(self.raw, offset, *problem, file=self.file, name=name)

    def _continue(self, position: int, line: bytes, after: int) -> None:
        last = self.last
        if last is None:
            self._fail(position, ("frontmatter.indent", "the first field must begin at the edge"))
        if line.lstrip(b" ")[:1] == b"\t" and last.style is not Style.BLOCK:
            self._fail(position, _STARTS[b"\t"])
        if last.style in _CLOSED or (line[:1] != b" " and last.style is not Style.EMPTY):
            problem = "this line belongs to no field: the one above has its value already"
            self._fail(position, ("frontmatter.indent", problem))
        last.end = after
        last.more = True
        if last.style is Style.EMPTY and last is not self.text_in and _TEXT_BELOW.search(line):
            self.text_in = last

    def _key(self, position: int, line: bytes, after: int) -> None:
        key = _KEY.match(self.raw, position, after)
        if key is None:
            self._refuse_line(position, line)
        name = (key[1] or key[2] or key[3]).decode()
        if key[1]:
            name = name.rstrip()
        if name in self.fields or key[1]:
            self.check_key(position, name)
        field = self._value(position, key.end(), position + len(line), name)
        field.line_end = field.end = after
        self.fields[name] = self.last = field

    def _refuse_line(self, position: int, line: bytes) -> NoReturn:
        if line[:4] in {b"--- ", b"---\t", b"... ", b"...\t"}:
            problem = "a document marker in front matter; the closing line must be exactly ---"
            self._fail(position, ("frontmatter.marker", problem))
        start = line[:1]
        if start in _STARTS and (start not in {b"?", b"<"} or line[:2] in {b"? ", b"?", b"<<"}):
            self._fail(position, _STARTS[start])
        fail(
            self.raw,
            position,
            "frontmatter.line",
            "this line is not a field of the form 'name: value'",
            file=self.file,
            hint="indent continuation lines by two spaces; put unusual names in quotes",
        )

    def _value(self, start: int, colon: int, stop: int, name: str) -> Field:
        """Classify the value between a key's colon and its line's end."""
        raw = self.raw
        bare = raw[colon:stop].lstrip(b" ")
        value = stop - len(bare)
        first = bare[:1]
        if not bare or first == b"#":
            return Field(start, colon, colon, stop, Style.EMPTY)
        if first in _VALUES:
            self._fail(value, _VALUES[first], name)
        if first in b"\"'":
            match, closed, otherwise = (
                _QUOTED.match(raw, value, stop),
                Style.QUOTED,
                Style.OPEN_QUOTE,
            )
        elif first in b"[{":
            match, closed, otherwise = (
                FLOW_LIST.match(raw, value, stop),
                Style.FLOW,
                Style.OPEN_FLOW,
            )
        elif first in b"|>":
            match, closed, otherwise = _BLOCK_HEAD.match(raw, value, stop), Style.BLOCK, None
        else:
            return self._plain(start, value, stop, name)
        if match is not None:
            if not _TAIL.fullmatch(raw, match.end(), stop):
                self._fail(
                    match.end(), ("frontmatter.tail", "text after the end of the value"), name
                )
            return Field(start, value, match.end(), stop, closed)
        if otherwise is None:
            problem = "this is not the head of a block of text"
            self._fail(value, ("frontmatter.block", problem), name)
        return Field(start, value, stop, stop, otherwise)

    def _plain(self, start: int, value: int, stop: int, name: str) -> Field:
        # One byte more than the line: whether its last colon ends a key shows behind it.
        plain = _PLAIN.match(self.raw, value, stop + 1)
        head = self.raw[value : min(value + 2, stop)]
        if plain is None or plain.end() != stop or (head[:1] in b"-?:" and head[1:] in {b"", b" "}):
            problem = "text with ': ', a tab or a leading mark needs quotes"
            self._fail(value, ("frontmatter.plain", problem), name)
        return Field(start, value, plain.end(1), stop, Style.PLAIN)
