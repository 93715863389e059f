"""From the text of a query to its terms.

``term*``, separated by blanks; a term is ``field:value``, or words to look for, and a leading ``-``
turns it round. Values: ``a,b`` is either; ``>3``, ``>=``, ``<``, ``<=`` compare numbers and dates;
quotes keep blanks, commas and signs (``\\"`` and ``\\\\`` inside them). An id may be cut short.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn, Protocol

from gitsync.domain.errors import FormatError, UsageError, Where
from gitsync.domain.frozen import frozen
from gitsync.domain.globs import compile_glob
from gitsync.domain.lateregex import late_regex
from gitsync.domain.names import parse_position
from gitsync.domain.query import terms
from gitsync.domain.query.records import MAX_VALUE_CHARS, fold, is_date, number_of, words_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gitsync.domain.query.terms import Query, Term
    from gitsync.domain.query.vocabulary import Vocabulary

MAX_QUERY_CHARS = 4096
MAX_TERMS = 64
#: Terms that are no fields of an artifact, and what may follow some of them.
STATES = ("open", "closed", "mine", "changed", "unreadable")
OWN_TERMS = ("id", "type", "status", "title", "owner", "path", "is", "has", "no", "changed", "sort")

_SIGN = late_regex(r"[<>]=?")
_FIELD = late_regex(r"([A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}):")
_QUOTED = late_regex(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BARE = late_regex(r'[^\s"]+')
_ITEM = late_regex(r'[^\s",]+')
_BLANK = late_regex(r"\s*")


class Known(Protocol):
    """What the artifacts at hand say to a query."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The schema's words."""

    @property
    def me(self) -> tuple[str, ...]:
        """What ``me`` stands for: domain and person."""

    @property
    def space(self) -> str:
        """The ledger's space."""

    def has_id(self, folded: str) -> bool:
        """Whether an artifact has exactly this id."""

    def field_names(self) -> Iterable[str]:
        """The fields that some artifact has."""


def parse(text: str, known: Known) -> Query:
    """The query that ``text`` words.

    Raises UsageError ``query.malformed``, ``query.field`` (naming the terms that there are) or
    ``query.value``, with the column counted from 1.
    """
    if len(text) > MAX_QUERY_CHARS:
        raise UsageError("query.malformed", f"a query has at most {MAX_QUERY_CHARS} characters")
    if any("\ud800" <= char <= "\udfff" for char in text) or "\0" in text:
        raise UsageError("query.malformed", "the query holds bytes that are no UTF-8")
    return _Parser(text, known).query()


@frozen
class _Value:
    """One value as typed, and where; ``quoted`` values are taken as they are."""

    text: str
    at: int
    quoted: bool


class _Parser:
    def __init__(self, text: str, known: Known) -> None:
        self._text = text
        self._known = known
        self._words = known.vocabulary
        self._at = 0

    def query(self) -> Query:
        found: list[Term] = []
        sort: list[tuple[str, bool]] = []
        self._skip()
        while self._at < len(self._text):
            begin = self._at
            negated = self._take("-")
            field = _FIELD.match(self._text, self._at)
            if field is not None and field[1].lower() == "sort":
                if negated:
                    self._fail("query.malformed", begin, "write sort:-FIELD to turn an order round")
                sort += self._sort(field)
            else:
                term = self._words_term() if field is None else self._field_term(field)
                found.append(terms.Not(term) if negated else term)
            if len(found) > MAX_TERMS:
                self._fail("query.malformed", begin, f"a query has at most {MAX_TERMS} terms")
            if self._at < len(self._text) and not self._text[self._at].isspace():
                self._fail("query.malformed", self._at, "a blank must stand between two terms")
            self._skip()
        return terms.Query(tuple(found), tuple(sort))

    def _skip(self) -> None:
        blank = _BLANK.match(self._text, self._at)
        self._at = blank.end() if blank else self._at

    def _take(self, char: str) -> bool:
        taken = self._text.startswith(char, self._at)
        self._at += taken
        return taken

    def _words_term(self) -> Term:
        begin = self._at
        if self._text.startswith('"', begin):
            text = self._quoted().text
            open_end = self._take("*")
        else:
            bare = _BARE.match(self._text, begin)
            text = bare[0] if bare else ""
            self._at += len(text)
            open_end = text.endswith("*")
        words = words_of(text)
        if not words:
            self._fail("query.malformed", begin, "there is no word here to look for",
                       "write a word with a letter in it, or a term: status:draft")  # fmt: skip
        return terms.Text(words, open_end)

    def _quoted(self) -> _Value:
        found = _QUOTED.match(self._text, self._at)
        if found is None:
            self._fail("query.malformed", self._at, "this quote is not closed",
                       'write title:"a b", and quote the whole query for your shell')  # fmt: skip
        begin, self._at = self._at, found.end()
        return _Value(re.sub(r"\\(.)", r"\1", found[1], flags=re.DOTALL), begin, quoted=True)

    def _values(self, field: re.Match[str]) -> list[_Value]:
        """What follows the colon, at least one value."""
        self._at = field.end()
        found = [self._value(field[1])]
        while self._take(","):
            found.append(self._value(field[1]))
        return found

    def _value(self, field: str) -> _Value:
        if self._text.startswith('"', self._at):
            return self._quoted()
        bare = _ITEM.match(self._text, self._at)
        if bare is None:
            self._fail("query.value", self._at, f"{field}: needs a value",
                       f'write {field}:VALUE, or {field}:"with blanks"')  # fmt: skip
        self._at = bare.end()
        return _Value(bare[0], bare.start(), quoted=False)

    def _field_term(self, field: re.Match[str]) -> Term:
        begin, name = self._at, field[1]
        special = {"is": self._is, "path": self._path, "changed": self._changed}.get(name.lower())
        if special is not None:
            return special(self._values(field))
        if name.lower() in {"has", "no"}:
            values = self._values(field)
            if len(values) > 1:
                self._fail("query.value", values[1].at, f"{name}: takes one field")
            term = terms.Has(self._field(values[0].text, values[0].at))
            return terms.Not(term) if name.lower() == "no" else term
        real = self._field(name, begin)
        return self._plain(real, name, self._values(field))

    def _plain(self, real: str | None, name: str, values: list[_Value]) -> Term:
        sign = None if values[0].quoted else _SIGN.match(values[0].text)
        if sign is not None:
            return self._compare(real, name, sign[0], values)
        folded = [fold(self._person(real, one).strip())[:MAX_VALUE_CHARS] for one in values]
        if real == self._words.title_field:
            return terms.Contains(real, tuple(folded))
        if real is not None and (real == self._words.id_field or real in self._words.links):
            return terms.Names(real, tuple((one, self._known.has_id(one)) for one in folded))
        if real in self._words.people:
            mine = [fold(name) for one, value in zip(folded, values, strict=True)
                    if one == "me" and not value.quoted for name in self._known.me]  # fmt: skip
            folded += mine
        return terms.OneOf(real, tuple(dict.fromkeys(folded)))

    def _person(self, real: str | None, value: _Value) -> str:
        return value.text.removeprefix("@") if real in self._words.people else value.text

    def _compare(self, real: str | None, name: str, sign: str, values: list[_Value]) -> Term:
        text = values[0].text.removeprefix(sign)
        number = number_of(text)
        if len(values) > 1 or (number is None and not is_date(text)) or real is None:
            self._fail("query.value", values[0].at, f"{name}:{sign} takes one number or date",
                       f"write {name}:{sign}3 or {name}:{sign}2026-01-31")  # fmt: skip
        return terms.Compare(real, sign, text if number is None else number)

    def _is(self, values: list[_Value]) -> Term:
        what = values[0].text.lower()
        if len(values) > 1 or what not in STATES:
            near = _near(what, STATES)
            self._fail("query.value", values[0].at, f"nothing is {what!r}",
                       (f"did you mean: is:{near[0]}\n" if near else "")
                       + "known: " + ", ".join(f"is:{one}" for one in STATES))  # fmt: skip
        if what == "mine":
            me = tuple(dict.fromkeys(map(fold, self._known.me)))
            return terms.OneOf(self._words.owner_field, me)
        return terms.Changed(None) if what == "changed" else terms.Is(what)

    def _path(self, values: list[_Value]) -> Term:
        for one in values:
            if "*" in one.text or "?" in one.text:
                try:
                    compile_glob(one.text)
                except FormatError as error:
                    self._fail("query.value", one.at, error.message, error.hint)
        return terms.Path(tuple(one.text for one in values))

    def _changed(self, values: list[_Value]) -> Term:
        text = values[0].text
        sign = _SIGN.match(text)
        rest = text[sign.end() :] if sign else text
        space = self._known.space
        position = parse_position(space + rest if rest.startswith("@") else rest)
        if len(values) > 1 or position is None or position[0] != space:
            self._fail("query.value", values[0].at, f"changed: takes a position of {space}",
                       f"write changed:>{space}@7, or changed:{space}@7")  # fmt: skip
        number = position[1]
        if sign is None:
            return terms.Changed(number - 1, number)
        later = terms.Changed(number if sign[0] in {">", "<="} else number - 1)
        return terms.Not(later) if sign[0].startswith("<") else later

    def _sort(self, field: re.Match[str]) -> list[tuple[str, bool]]:
        found = []
        for value in self._values(field):
            name = value.text.removeprefix("-")
            real = name.lower()
            if real not in {"path", "type"}:
                real = self._field(name, value.at) or "type"
            found.append((real, value.text.startswith("-")))
        return found

    def _field(self, name: str, at: int) -> str | None:
        """The field that a term names; None for the type. ``tag`` stands for ``tags``."""
        words = self._words
        named = {"id": words.id_field, "status": words.status_field, "title": words.title_field,
                 "owner": words.owner_field}  # fmt: skip
        if name.lower() == "type" or name == words.type_field:
            return None
        if name.lower() in named:
            return named[name.lower()]
        for known in (words.fields, tuple(self._known.field_names())):
            for wanted in (name, name + "s"):
                if wanted in known:
                    return wanted
            folded = {one.lower(): one for one in reversed(known)}
            if name.lower() in folded:
                return folded[name.lower()]
        raise self._unknown(name, at)

    def _unknown(self, name: str, at: int) -> UsageError:
        fields = dict.fromkeys((*self._words.fields, *sorted(self._known.field_names())))
        every = list(dict.fromkeys((*OWN_TERMS, *fields)))
        near = _near(name.lower(), every)
        hint = f"did you mean: {near[0]}:\n" if near else ""
        hint += f"terms: {', '.join(every[:40])}\n"
        hint += "to look for a text with a colon, quote it: '\"a:b\"'"
        return _error("query.field", at, f"there is no field {name[:60]!r}", hint)

    def _fail(self, code: str, at: int, message: str, hint: str | None = None) -> NoReturn:
        raise _error(code, at, message, hint)


def _near(word: str, known: Sequence[str]) -> list[str]:
    import difflib

    return difflib.get_close_matches(word, known, n=1)


def _error(code: str, at: int, message: str, hint: str | None) -> UsageError:
    return UsageError(code, message, hint=hint, where=Where("query", 1, at + 1))
