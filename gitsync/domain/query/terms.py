"""The terms of a query, and what each of them means of an artifact.

:func:`matches` defines the language. The artifact index finds the same by SQL, and tests hold the
two against each other.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen
from gitsync.domain.globs import compile_glob
from gitsync.domain.query.records import is_date, number_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.domain.query.records import Record
    from gitsync.domain.query.vocabulary import Vocabulary

_COMPARE = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}


@frozen
class Text:
    """These words in a row, in the title or the body; ``open_end``: the last may go on."""

    words: tuple[str, ...]
    open_end: bool = False


@frozen
class OneOf:
    """A field has one of these values. The field ``None`` is the type, which paths may tell."""

    field: str | None
    values: tuple[str, ...]


@frozen
class Names:
    """A field names one of these ids: exactly, or, where ``exact`` is False, by its beginning."""

    field: str
    ids: tuple[tuple[str, bool], ...]

    @property
    def exact(self) -> bool:
        """Whether all of them are meant exactly."""
        return all(exact for _, exact in self.ids)


@frozen
class Contains:
    """A field holds one of these texts somewhere."""

    field: str
    texts: tuple[str, ...]


@frozen
class Path:
    """The file lies there: a pattern with ``*``, or the beginning of its path."""

    patterns: tuple[str, ...]


@frozen
class Compare:
    """A value of the field stands so to a number, or, as text, to a date."""

    field: str
    sign: str
    operand: float | str


@frozen
class Has:
    """The field is there and not empty; None is the type."""

    field: str | None


@frozen
class Is:
    """``open``, ``closed`` or ``unreadable``."""

    what: str


@frozen
class Changed:
    """Unlike it was at snapshot ``after``; ``until`` bounds it: as it was at that one."""

    after: int | None
    until: int | None = None


@frozen
class Not:
    """The opposite."""

    term: Term


Term = Text | OneOf | Names | Contains | Path | Compare | Has | Is | Changed | Not


@frozen
class Query:
    """All terms hold. ``sort`` names fields, each with whether it runs downwards."""

    terms: tuple[Term, ...] = ()
    sort: tuple[tuple[str, bool], ...] = ()


def matches(
    query: Query,
    record: Record,
    vocabulary: Vocabulary,
    changed: Mapping[Changed, frozenset[str]],
) -> bool:
    """Whether every term holds. ``changed`` gives the paths for each term about changes."""
    return all(_holds(term, record, vocabulary, changed) for term in query.terms)


def _holds(
    term: Term,
    record: Record,
    vocabulary: Vocabulary,
    changed: Mapping[Changed, frozenset[str]],
) -> bool:
    if isinstance(term, Not):
        return not _holds(term.term, record, vocabulary, changed)
    if isinstance(term, Changed):
        return record.path in changed[term]
    if isinstance(term, Path):
        return any(path_matches(pattern, record.path) for pattern in term.patterns)
    if isinstance(term, Is):
        if term.what == "unreadable":
            return record.problem
        done = vocabulary.finished(record.type, record.status)
        return done is not None and done == (term.what == "closed")
    if isinstance(term, Text):
        return any(_in_a_row(term, words) for words in (record.title_words, record.words))
    if isinstance(term, (OneOf, Has)) and term.field is None:
        return bool(record.type) if isinstance(term, Has) else record.type in term.values
    return _field(term, record.values.get(term.field or "", ()))


def _field(term: OneOf | Names | Contains | Compare | Has, values: tuple[str, ...]) -> bool:
    if isinstance(term, Has):
        return bool(values)
    if isinstance(term, OneOf):
        return any(value in term.values for value in values)
    if isinstance(term, Contains):
        return any(text in value for value in values for text in term.texts)
    if isinstance(term, Names):
        return any(
            value == text if exact else value.startswith(text)
            for value in values
            for text, exact in term.ids
        )
    compare, operand = _COMPARE[term.sign], term.operand
    if isinstance(operand, str):
        return any(is_date(one) and compare(one[: len(operand)], operand) for one in values)
    numbers = (number_of(value) for value in values)
    return any(number is not None and compare(number, operand) for number in numbers)


def path_matches(pattern: str, path: str) -> bool:
    """Whether a path fits a pattern with ``*`` or ``?``, or begins with one without."""
    if "*" in pattern or "?" in pattern:
        return compile_glob(pattern).matches(path)
    return path.startswith(pattern)


def _in_a_row(term: Text, words: tuple[str, ...]) -> bool:
    # Words hold no blanks, so what str.find finds in linear time is just what is asked. Comparing
    # them word by word is quadratic, and anybody may write the query and the text of a lease.
    wanted = " " + " ".join(term.words) + ("" if term.open_end else " ")
    return wanted in f" {' '.join(words)} "
