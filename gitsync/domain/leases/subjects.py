"""Subjects: what a lease covers.

``tree:<id>`` an artifact and all below it by parent links; ``ids:<id>,<id>``; ``path:<glob>``;
``query:<expression>``, in the language of ``gitsync list``.
"""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from typing import TYPE_CHECKING

from gitsync.domain.errors import FormatError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.globs import compile_glob
from gitsync.domain.lateregex import late_regex
from gitsync.domain.query import terms
from gitsync.domain.query.parse import parse
from gitsync.domain.query.records import fold

if TYPE_CHECKING:
    from gitsync.domain.query.records import Record
    from gitsync.domain.query.terms import Query, Term
    from gitsync.domain.query.vocabulary import Vocabulary

KINDS = ("tree", "ids", "path", "query")
MAX_SUBJECT_CHARS = 4000
MAX_SUBJECTS = 50

_ID = late_regex(r"[^\s,:/\x00-\x20\x7f]{1,200}")


@frozen
class Subject:
    """One subject: its kind, what follows the colon, and the ids that it names."""

    kind: str
    rest: str
    ids: tuple[str, ...] = field(default=())

    def __str__(self) -> str:
        return f"{self.kind}:{self.rest}"


def malformed(text: str, why: str) -> FormatError:
    """The error for what is no subject."""
    return FormatError(
        "lease.subject", f"{text[:80]!r} is no subject: {why}",
        hint="an id, tree:ID (it and all below it), ids:A,B,\n"
        "path:'plans/**', or query:'type:story owner:alice'",
    )  # fmt: skip


def may_be_id(text: str) -> bool:
    """Whether a subject can name an artifact so."""
    return _ID.fullmatch(text) is not None


@lru_cache(maxsize=4096)
def parse_subject(text: str) -> Subject:
    """A subject in its one canonical spelling. Raises FormatError ``lease.subject``."""
    kind, colon, rest = text.partition(":")
    if not colon or kind not in KINDS:
        raise malformed(text, f"it begins with one of {', '.join(one + ':' for one in KINDS)}")
    if (
        not rest
        or len(text) > MAX_SUBJECT_CHARS
        or any(char < " " or char == "\x7f" for char in rest)
    ):
        raise malformed(text, "what follows the colon is empty, too long or not text")
    if kind in {"tree", "ids"}:
        ids = tuple(rest.split(",")) if kind == "ids" else (rest,)
        if not all(map(may_be_id, ids)):
            raise malformed(text, "an id is missing or cannot be one")
        if list(ids) != sorted(set(ids)):
            raise malformed(text, "ids are sorted and none is there twice")
        return Subject(kind, rest, ids)
    if kind == "path":
        try:
            compile_glob(rest)
        except FormatError as error:
            raise malformed(text, error.message) from None
    return Subject(kind, rest)


@frozen
class FixedWords:
    """``query.parse.Known`` by a schema alone, so that everybody reads a query the same.

    Ids count as they are written in full, ``me`` is the lease's holder, and a field that the
    schema does not mention is taken by the name it is given, from ``named``.
    """

    vocabulary: Vocabulary
    me: tuple[str, ...]
    space: str
    named: tuple[str, ...] = ()

    def has_id(self, _folded: str) -> bool:
        """See ``query.parse.Known``."""
        return True

    def field_names(self) -> tuple[str, ...]:
        """See ``query.parse.Known``."""
        return self.named


_FIELD_NAME = late_regex(r"(?:^|\s)-?([A-Za-z0-9_][A-Za-z0-9_.\-]{0,127}):")


def query_of(text: str, vocabulary: Vocabulary, me: tuple[str, ...], space: str) -> Query:
    """What a ``query:`` subject asks. Raises UsageError ``query.*``, or ``query.value`` for terms
    that a lease cannot stand on: what has changed since when, and an order."""
    named = tuple(dict.fromkeys(_FIELD_NAME.findall(text)))
    query = parse(text, FixedWords(vocabulary, me, space, named))
    if query.sort or any(_moves(term) for term in query.terms) or not query.terms:
        raise UsageError(
            "query.value",
            "a lease's query names what artifacts are, not what changed nor an order",
            hint="leave out sort:, changed: and is:changed",
        )
    return query


def _moves(term: Term) -> bool:
    if isinstance(term, terms.Not):
        return _moves(term.term)
    return isinstance(term, terms.Changed)


def query_covers(query: Query, record: Record, vocabulary: Vocabulary) -> bool:
    """Whether an artifact belongs to a lease's query."""
    return terms.matches(query, record, vocabulary, {})


def glob_covers(subject: Subject, path: str) -> bool:
    """Whether a ``path:`` subject covers a file."""
    return compile_glob(subject.rest).matches(path)


def names(subject: Subject, key: str) -> bool:
    """Whether a subject names an artifact by its folded id."""
    return any(fold(one) == key for one in subject.ids)
