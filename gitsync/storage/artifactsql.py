"""Terms of a query as SQL conditions on ``member m JOIN blob b``: parameters only, never text.

What a term means is defined by ``gitsync.domain.query.terms.matches``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitsync.domain.query import terms

if TYPE_CHECKING:
    from gitsync.domain.query.terms import Term
    from gitsync.domain.query.vocabulary import Vocabulary

Condition = tuple[str, list[object]]

_NO = "0"
LAST = "\U0010ffff"  # sorts behind whatever a text goes on with
_CONTENTS = "SELECT blob FROM value WHERE name = ? AND "
_IN_VALUES = f"m.blob IN ({_CONTENTS}"
_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*"


def condition(term: Term, vocabulary: Vocabulary, *, some: bool = False) -> Condition:
    """The condition that a term is, and its parameters in order.

    Where only ``some`` artifacts will be looked at, exact values are looked up for each of them
    instead of listed for all. Calls ``path_matches(pattern, path)``; reads the table ``changed
    (term, path)`` with ``repr(term)`` for each term about changes.
    """
    if isinstance(term, terms.Not):
        inner, values = condition(term.term, vocabulary, some=some)
        return f"NOT ({inner})", values
    if isinstance(term, terms.Changed):
        return "m.path IN (SELECT path FROM changed WHERE term = ?)", [repr(term)]
    if isinstance(term, terms.Text):
        query, values = _words(term)
        return f"m.blob IN ({query})", values
    if isinstance(term, terms.Path):
        return _any([_path(pattern) for pattern in term.patterns])
    if isinstance(term, terms.Is):
        return _state(term, vocabulary)
    if isinstance(term, (terms.OneOf, terms.Has)) and term.field is None:
        if isinstance(term, terms.Has):
            return "m.type != ''", []
        return f"m.type IN ({_marks(term.values)})", list(term.values)
    if some and (isinstance(term, terms.OneOf) or (isinstance(term, terms.Names) and term.exact)):
        found = contents_of(term)
        if found is not None:
            return f"EXISTS ({found[0]} AND blob = m.blob)", found[1]
    return _value(term)


def contents_of(term: Term) -> Condition | None:
    """The contents that a term about a value or a word can hold of, as a query for their numbers;
    None where only reading all of them would tell."""
    if isinstance(term, terms.Text):
        return _words(term)
    if isinstance(term, terms.OneOf) and term.field is not None:
        return f"{_CONTENTS}text IN ({_marks(term.values)})", [term.field, *term.values]
    if isinstance(term, terms.Names):
        where, values = _any([_like(text, exact) for text, exact in term.ids])
        return f"{_CONTENTS}{where}", [term.field, *values]
    return None


def _words(term: terms.Text) -> Condition:
    phrase = '"' + " ".join(term.words) + '"' + ("*" if term.open_end else "")
    return "SELECT rowid FROM words WHERE words MATCH ?", [phrase]


def _value(
    term: terms.OneOf | terms.Names | terms.Contains | terms.Compare | terms.Has,
) -> Condition:
    name = term.field
    if isinstance(term, terms.Has):
        return "m.blob IN (SELECT blob FROM value WHERE name = ?)", [name]
    if isinstance(term, terms.OneOf):
        return f"{_IN_VALUES}text IN ({_marks(term.values)}))", [name, *term.values]
    if isinstance(term, terms.Contains):
        return _any([_holds(name, text) for text in term.texts])
    if isinstance(term, terms.Names):
        where, values = _any([_like(text, exact) for text, exact in term.ids])
        return f"{_IN_VALUES}{where})", [name, *values]
    if isinstance(term.operand, str):
        size = len(term.operand)
        where = f"text GLOB '{_DAY}' AND substr(text, 1, ?) {term.sign} ?)"
        return _IN_VALUES + where, [name, size, term.operand]
    return f"{_IN_VALUES}number {term.sign} ?)", [name, term.operand]


def _holds(name: str | None, text: str) -> Condition:
    return f"{_IN_VALUES}instr(text, ?) > 0)", [name, text]


def _like(text: str, exact: bool) -> Condition:  # noqa: FBT001 - a value of the term
    return ("text = ?", [text]) if exact else ("text >= ? AND text < ?", [text, text + LAST])


def _path(pattern: str) -> Condition:
    if "*" in pattern or "?" in pattern:
        return "path_matches(?, m.path)", [pattern]
    start = os.fsencode(pattern)
    return "(m.path >= ? AND m.path < ?)", [start, start + b"\xff"]


def _state(term: terms.Is, vocabulary: Vocabulary) -> Condition:
    if term.what == "unreadable":
        return "b.problem IS NOT NULL", []
    found: list[Condition] = []
    for kind in vocabulary.kinds:
        if kind.states:
            inside = "" if term.what == "closed" else "NOT "
            marks = _marks(kind.finished)
            where = f"(m.type = ? AND coalesce(b.status, '') {inside}IN ({marks}))"
            found.append((where, [kind.name, *kind.finished]))
    return _any(found)


def _any(found: list[Condition]) -> Condition:
    if not found:
        return _NO, []
    where = " OR ".join(one for one, _ in found)
    return f"({where})", [value for _, values in found for value in values]


def _marks(values: tuple[str, ...]) -> str:
    return ", ".join("?" * len(values))
