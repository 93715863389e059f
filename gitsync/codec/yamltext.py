"""YAML 1.2 for configuration files and single front matter fields: bounded, without surprises.

Of ruamel.yaml only the stream of parser events is used; building values from it is ours. So
depth, aliases, tags and numbers are judged before anything is expanded or recursed into, and
plain scalars resolve by the core schema of YAML 1.2 (section 10.3.2) and nothing else: ``yes``
and ``2024-05-01`` are text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gitsync.codec.yamltext_scalars import FORBIDDEN, quote, resolve
from gitsync.domain.errors import FormatError, Where
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex

MAX_BYTES = 64 * 1024
MAX_DEPTH = 16

# ruamel's look-ahead is quadratic in directly nested brackets: 16,000 of them take half a minute
# before the first event arrives.
_BRACKET_BOMB = late_regex(rf"(?:[\[{{]\s*+){{{MAX_DEPTH + 1}}}")
_LONG_NUMBER = late_regex(r"[0-9_]{1000}")

Path = tuple[str | int, ...]


class _Mark(Protocol):
    line: int
    column: int
    index: int


class _Event(Protocol):
    """A parser event; each kind of event has those attributes that ``_node`` asks of it."""

    start_mark: _Mark
    end_mark: _Mark
    anchor: str | None
    tag: str | None
    value: str
    style: str | None
    version: object
    tags: object


@frozen
class Loaded:
    """A document's value and where each part of it stands: path -> (line, column), from 1."""

    value: object
    marks: Mapping[Path, tuple[int, int]]
    file: str

    def where(self, path: Path) -> Where:
        """The place of ``path``, or of the nearest part around it that has one."""
        name = dotted(path) or None
        for length in range(len(path), -1, -1):
            if path[:length] in self.marks:
                return Where(self.file, *self.marks[path[:length]], name)
        return Where(self.file, field=name)


def dotted(path: Path) -> str:
    """A path in the words of an error: ``rules[0].paths``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(
        "."
    )


def load(data: bytes, file: str, *, max_bytes: int = MAX_BYTES) -> object:
    """The one document in ``data`` as dicts, lists, str, int, float, bool and None.

    Raises FormatError ``yaml.*`` with file, line and column: not UTF-8, control characters, more
    than ``max_bytes`` bytes or 16 levels, anchors, aliases, tags, merge keys, duplicate keys,
    keys that are not text, directives, several documents, or no YAML at all.
    """
    return load_marked(data, file, max_bytes=max_bytes).value


def load_marked(data: bytes, file: str, *, max_bytes: int = MAX_BYTES) -> Loaded:
    """As ``load``, with the places of all parts for later errors."""
    if len(data) > max_bytes:
        raise FormatError(
            "yaml.too-large", f"{len(data)} bytes; at most {max_bytes} are read", where=Where(file)
        )
    try:
        text = data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError(
            "yaml.encoding", "the file is not UTF-8", where=Where(file, line)
        ) from None
    if _LONG_NUMBER.search(text):
        raise FormatError("yaml.number", "a number of a thousand digits", where=Where(file))
    builder = parse(text, file=file)
    return Loaded(builder.root, builder.marks, file)


def parse(text: str, *, file: str | None, first_line: int = 1,
          plain: Callable[[str], object] = resolve) -> Builder:  # fmt: skip
    """The value in ``text``, each plain scalar read by ``plain``. Raises FormatError ``yaml.*``.

    ``first_line`` is the number that the first line bears in ``file``.
    """
    bad = FORBIDDEN.search(text)
    if bad:
        raise FormatError(
            "yaml.control-character",
            f"the character U+{ord(bad[0]):04X} may not stand in YAML; escape it in double quotes",
            where=_place(text, bad.start(), file, first_line),
        )
    bomb = _BRACKET_BOMB.search(text)
    if bomb:
        raise _too_deep(_place(text, bomb.start(), file, first_line))
    builder = Builder(file, first_line, plain)
    try:
        builder.read(_events(text))
    except FormatError:
        raise
    except Exception as error:  # noqa: BLE001 - hostile bytes make a foreign parser raise anything
        raise _foreign(error, file, first_line) from None
    return builder


def _events(text: str) -> Iterator[_Event]:
    from ruamel.yaml import YAML

    return iter(YAML(typ="safe", pure=True).parse(text))


def _place(text: str, offset: int, file: str | None, first_line: int) -> Where:
    line = text.count("\n", 0, offset)
    return Where(file, first_line + line, offset - text.rfind("\n", 0, offset))


def _too_deep(where: Where) -> FormatError:
    return FormatError("yaml.too-deep", f"nested deeper than {MAX_DEPTH} levels", where=where)


def _foreign(error: Exception, file: str | None, first_line: int) -> FormatError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None)
    words = problem if isinstance(problem, str) else "this is not YAML"
    where = Where(file, first_line + mark.line, mark.column + 1) if mark else Where(file)
    return FormatError("yaml.malformed", FORBIDDEN.sub("?", words), where=where)


@dataclass(slots=True)
class Builder:
    """Builds one value from parser events. ``end`` is where it ends in the text, in characters."""

    file: str | None
    first_line: int
    plain: Callable[[str], object]
    root: object = None
    end: int = 0
    marks: dict[Path, tuple[int, int]] = field(default_factory=dict)
    ends: dict[Path, int] = field(default_factory=dict)

    def read(self, events: Iterator[_Event]) -> None:
        """Consume the whole stream: at most one document, without directives."""
        documents = 0
        for event in events:
            name = type(event).__name__
            if name == "DocumentStartEvent":
                documents += 1
                if documents > 1:
                    raise self._error("yaml.documents", "more than one document", event)
                if event.version is not None or event.tags:
                    raise self._error("yaml.directive", "directives are not read", event)
            elif name not in {"StreamStartEvent", "StreamEndEvent", "DocumentEndEvent"}:
                self.root = self._node(name, event, events, ())

    def _node(self, name: str, event: _Event, events: Iterator[_Event], path: Path) -> object:
        if len(path) > MAX_DEPTH:
            raise _too_deep(self._at(event))
        self._refuse_indirection(name, event)
        self.marks.setdefault(
            path, (event.start_mark.line + self.first_line, event.start_mark.column + 1)
        )
        if name == "ScalarEvent":
            self.ends[path] = event.end_mark.index
            return self._scalar(event)
        if name == "SequenceStartEvent":
            return self._sequence(events, path)
        return self._mapping(events, path)

    def _refuse_indirection(self, name: str, event: _Event) -> None:
        if name == "AliasEvent":
            raise self._error("yaml.alias", "aliases are not read; repeat the value", event)
        if event.anchor is not None:
            raise self._error("yaml.anchor", "anchors are not read; repeat the value", event)
        if event.tag is not None:
            raise self._error("yaml.tag", "tags are not read", event)

    def _scalar(self, event: _Event) -> object:
        if event.style is not None:
            return self._sound(event)
        try:
            return self.plain(self._sound(event))
        except FormatError as error:
            raise self._error(error.code, error.message, event) from None

    def _sound(self, event: _Event) -> str:
        text = str(event.value)
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            raise self._error("yaml.escape", "an escape names half a character", event)
        return text

    def _sequence(self, events: Iterator[_Event], path: Path) -> list[object]:
        items: list[object] = []
        for event in events:
            name = type(event).__name__
            if name == "SequenceEndEvent":
                self.ends[path] = event.end_mark.index
                break
            items.append(self._node(name, event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[_Event], path: Path) -> dict[str, object]:
        items: dict[str, object] = {}
        for event in events:
            name = type(event).__name__
            if name == "MappingEndEvent":
                self.ends[path] = event.end_mark.index
                break
            key = self._key(name, event)
            if key in items:
                raise self._error("yaml.duplicate-key", f"the key {key!r} appears twice", event)
            inner = (*path, key)
            self.marks[inner] = (
                event.start_mark.line + self.first_line,
                event.start_mark.column + 1,
            )
            value = next(events)
            items[key] = self._node(type(value).__name__, value, events, inner)
        return items

    def _key(self, name: str, event: _Event) -> str:
        self._refuse_indirection(name, event)
        if name != "ScalarEvent":
            raise self._error("yaml.complex-key", "a key must be text", event)
        text = self._sound(event)
        if event.style is None:
            if text == "<<":
                raise self._error("yaml.merge-key", "merge keys are not read", event)
            if not isinstance(resolve(text), str):
                raise self._error(
                    "yaml.key-kind", f"the key {text!r} would be read as a number, truth value "
                    "or nothing; put it in quotes", event,
                )  # fmt: skip
        return text

    def _position(self, event: _Event) -> tuple[int, int]:
        return event.start_mark.line + self.first_line, event.start_mark.column + 1

    def _at(self, event: _Event) -> Where:
        return Where(self.file, *self._position(event))

    def _error(self, code: str, message: str, event: _Event) -> FormatError:
        return FormatError(code, message, where=self._at(event))


def dump(value: Mapping[str, object]) -> bytes:
    """Block-style YAML of nested mappings, lists, str, int, float, bool and None.

    ``load(dump(x)) == x`` for text keys and values of printable or escapable characters.
    """
    return ("".join(_block(value, 0)) or "{}\n").encode()


def _block(value: Mapping[str, object], indent: int) -> Iterator[str]:
    pad = " " * indent
    for key, item in value.items():
        name = f"{pad}{quote(key)}:"
        if isinstance(item, Mapping) and item:
            yield f"{name}\n"
            yield from _block(item, indent + 2)
        elif isinstance(item, (list, tuple)) and any(isinstance(part, Mapping) for part in item):
            yield f"{name}\n"
            for part in item:
                yield f"{pad}  - {_flow(part)}\n"
        else:
            yield f"{name} {_flow(item)}\n"


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        inner = ", ".join(f"{quote(key, flow=True)}: {_flow(item)}" for key, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_flow, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return quote(value, flow=True) if isinstance(value, str) else str(value)
