"""An artifact as queries see it: folded values by field, its links, the words of its text."""

from __future__ import annotations

import unicodedata
from dataclasses import field
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex
from gitsync.domain.links import link_values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitsync.domain.query.vocabulary import Vocabulary

MAX_VALUE_CHARS = 1000
#: Stands for the file's path in a problem, because one content may lie at several paths.
PATH_MARK = "\x00"
MAX_TEXT_CHARS = 1 << 20

_WORD = late_regex(r"[^\W_]+")
_NUMBER = late_regex(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_DATE = late_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@frozen
class Record:
    """One artifact in one tree.

    ``values`` maps a field to its values, folded; ``links`` a link field to what it names, as it
    is written. ``type`` may come from the path. ``problem``: the front matter cannot be read.
    """

    path: str
    type: str = ""
    status: str | None = None
    problem: bool = False
    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    title_words: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ident: str = ""


def fold(text: str) -> str:
    """Text in which upper and lower case, and the ways to compose a letter, are one."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text: runs of letters and digits, without case and accents."""
    text = text[:MAX_TEXT_CHARS]
    if not text.isascii():
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
        text = "".join(char for char in plain if not unicodedata.combining(char))
    return tuple(_WORD.findall(text.lower()))


def number_of(text: str) -> float | None:
    """A value as a number, None where it is none."""
    return float(text) if _NUMBER.fullmatch(text) else None


def is_date(text: str) -> bool:
    """Whether a text begins with a day, written as 2026-01-31."""
    return _DATE.match(text) is not None


def values_of(name: str, value: object, vocabulary: Vocabulary) -> tuple[str, ...]:
    """The values of a field as terms are compared with them: folded, none twice or empty."""
    if name in vocabulary.links:
        found: Iterator[str] = iter(link_values(value))
    else:
        found = _texts(value)
        if name in vocabulary.people:
            found = (name.strip().removeprefix("@") for text in found for name in _names(text))
    folded = (fold(text.strip())[:MAX_VALUE_CHARS] for text in found)
    return tuple(dict.fromkeys(text for text in folded if text))


def _names(text: str) -> Iterator[str]:
    """People in one text, by themselves as in ``claim``, and as it is written."""
    yield text
    if "," in text:
        yield from text.split(",")


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, (int, float)):
        yield str(value)
    elif isinstance(value, (list, tuple)):
        for item in value:
            if not isinstance(item, (list, tuple)):
                yield from _texts(item)
