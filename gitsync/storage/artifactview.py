"""One tree's artifacts in the index, asked in one transaction: what others write is not seen."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, FormatError
from gitsync.domain.frozen import frozen
from gitsync.domain.objects import Oid
from gitsync.domain.query.records import PATH_MARK, fold
from gitsync.domain.query.terms import Names, path_matches
from gitsync.storage import artifactdb
from gitsync.storage.artifactsql import condition, contents_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from gitsync.domain.query.terms import Changed, Query
    from gitsync.domain.query.vocabulary import Vocabulary
    from gitsync.storage.artifactsql import Condition

# Nothing is wrong with the file then: it is in use, or its disk will not have it.
_IN_THE_WAY = frozenset(
    {
        sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM,
    }
)  # fmt: skip
_COLUMNS = "m.path, m.type, b.id, b.type, b.status, b.title, b.owner, b.problem, b.fields, b.oid"
# SQLite has no figures to choose by, so it is told: CROSS JOIN keeps it to this order.
_ALL = "member m CROSS JOIN blob b ON b.no = m.blob"
_FEW_OF_ALL = (
    "few CROSS JOIN member m INDEXED BY member_blob ON m.blob = few.blob"
    " CROSS JOIN blob b ON b.no = m.blob"
)
FEW = 1_000  # contents that are sooner looked up one by one than all files are gone through


@frozen
class Row:
    """One artifact. ``kind`` is its type for comparisons, ``type`` as it is to be shown;
    ``fields`` the front matter as JSON; ``problem`` why that cannot be read."""

    path: str
    kind: str
    id: str | None
    type: str | None
    status: str | None
    title: str | None
    owner: str | None
    problem: str | None
    fields: str | None
    oid: Oid


@frozen
class Edge:
    """A link as it is written: the file that holds it, the field, and what that names."""

    path: str
    field: str
    target: str


def raw_id(oid: str) -> bytes:
    """An object's id as the tables hold it."""
    return bytes.fromhex(oid)


@contextmanager
def fault(path: Path | None) -> Iterator[None]:
    """Turn what the index file is to blame for into EnvironmentFault ``index.unusable`` or
    ``index.damaged``; a damaged file is thrown away. One in memory is never to blame."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        if code is not None and (code & 0xFF) in _IN_THE_WAY:
            raise _damaged("index.unusable", path, error) from error
        if path is None:
            raise
        artifactdb.discard(path)
        raise _damaged("index.damaged", path, error) from error
    except (FormatError, TypeError, ValueError, AttributeError, LookupError) as error:
        if path is None:
            raise
        artifactdb.discard(path)
        raise _damaged("index.damaged", path, error) from error


def _damaged(code: str, path: Path | None, error: Exception) -> EnvironmentFault:
    return EnvironmentFault(
        code, f"the artifact index {path or 'in memory'} cannot be used: {error}",
        hint="run it again: the index is made anew",
    )  # fmt: skip


class View:
    """The artifacts of one slot. Every method raises EnvironmentFault ``index.*``."""

    def __init__(
        self, db: sqlite3.Connection, slot: int, vocabulary: Vocabulary, path: Path | None
    ) -> None:
        self._db = db
        self._path = path
        self.slot = slot
        self.vocabulary = vocabulary

    def release(self) -> None:
        """End the transaction: the view is void then."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def base(self) -> tuple[Oid, dict[bytes, Oid | None]]:
        """The tree that it rests on, and the files laid over that: path -> content's id."""
        with fault(self._path):
            row = self._db.execute("SELECT tree FROM slot WHERE no = ?", (self.slot,)).fetchone()
            over = self._db.execute("SELECT path, oid FROM overlay WHERE slot = ?", (self.slot,))
            return Oid(row[0]), {path: oid and Oid(oid) for path, oid in over}

    def find(
        self, query: Query, changed: Mapping[Changed, Iterable[str]], limit: int | None = None
    ) -> list[Row]:
        """The artifacts that a query names, by path, at most ``limit``. ``changed`` as
        ``terms.matches`` has it."""
        with fault(self._path):
            where = ""
            values: list[object] = [self.slot]
            among = self._narrowest(query)
            for term in query.terms:
                some = among is not None or limit is not None
                one, more = condition(term, self.vocabulary, some=some)
                where += f" AND {one}"
                values += more
            if changed:
                self._note(changed)
            self._db.create_function("path_matches", 2, _path_matches, deterministic=True)
            return self._rows(where, values, among, limit)

    def _narrowest(self, query: Query) -> Condition | None:
        """Of the contents that some term can hold of, the fewest; None if they are many."""
        least, found = FEW + 1, None
        for term in query.terms:
            one = contents_of(term)
            if one is not None:
                sql = f"SELECT count(*) FROM ({one[0]} LIMIT ?)"  # noqa: S608 - only question marks
                count = self._db.execute(sql, (*one[1], least)).fetchone()[0]
                if count < least:
                    least, found = count, one
        return found

    def _note(self, changed: Mapping[Changed, Iterable[str]]) -> None:
        self._db.execute("CREATE TEMP TABLE IF NOT EXISTS changed (term TEXT, path BLOB)")
        self._db.execute("DELETE FROM changed")
        self._db.executemany(
            "INSERT INTO changed VALUES (?, ?)",
            ((repr(term), os.fsencode(path)) for term, paths in changed.items() for path in paths),
        )

    def _rows(
        self,
        where: str,
        values: list[object],
        among: Condition | None = None,
        limit: int | None = None,
    ) -> list[Row]:
        """Rows by path. ``among`` says which contents to begin with: else all files are gone
        through in the order of their paths, so that a limit ends it."""
        source = _ALL if among is None else _FEW_OF_ALL
        sql = f"SELECT {_COLUMNS} FROM {source} WHERE m.slot = ?{where} ORDER BY m.path LIMIT ?"  # noqa: S608 - only question marks
        if among is not None:
            sql = f"WITH few(blob) AS (SELECT DISTINCT * FROM ({among[0]})) {sql}"  # noqa: S608
            values = [*among[1], *values]
        rows = self._db.execute(sql, (*values, -1 if limit is None else limit))
        return [
            Row(
                path := os.fsdecode(raw), kind, ident, own or kind or None, status, title, owner,
                problem.replace(PATH_MARK, path) if problem else None, fields, Oid(oid.hex()),
            )
            for raw, kind, ident, own, status, title, owner, problem, fields, oid in rows
        ]  # fmt: skip

    def named(self, text: str) -> list[Row]:
        """The artifact whose path is ``text``; else those whose ids begin with it, upper and lower
        case aside."""
        with fault(self._path):
            found = self._rows(" AND m.path = ?", [self.slot, os.fsencode(text)])
            if found or not text or any("\ud800" <= char <= "\udfff" for char in text):
                return found
            ids = contents_of(Names(self.vocabulary.id_field, ((fold(text), False),)))
            return self._rows("", [self.slot], ids)

    def has_id(self, folded: str) -> bool:
        """Whether an artifact has this id, upper and lower case aside."""
        with fault(self._path):
            sql = ("SELECT 1 FROM value v CROSS JOIN member m ON m.slot = ? AND m.blob = v.blob"
                   " WHERE v.name = ? AND v.text = ? LIMIT 1")  # fmt: skip
            row = self._db.execute(sql, (self.slot, self.vocabulary.id_field, folded)).fetchone()
            return row is not None

    def ids(self) -> list[str]:
        """Every id, sorted."""
        with fault(self._path):
            sql = ("SELECT DISTINCT b.id FROM member m JOIN blob b ON b.no = m.blob"
                   " WHERE m.slot = ? AND b.id IS NOT NULL ORDER BY b.id")  # fmt: skip
            return [row[0] for row in self._db.execute(sql, (self.slot,))]

    def field_names(self) -> list[str]:
        """The fields that some known content has, sorted: one look-up for each."""
        with fault(self._path):
            found: list[str] = []
            name = ""
            while True:
                row = self._db.execute("SELECT min(name) FROM value WHERE name > ?", (name,))
                name = row.fetchone()[0]
                if name is None:
                    return found
                found.append(name)

    def field_values(self, name: str, limit: int) -> list[str]:
        """Values of a field, folded and sorted, at most ``limit``."""
        with fault(self._path):
            sql = "SELECT DISTINCT text FROM value WHERE name = ? ORDER BY text LIMIT ?"
            return [row[0] for row in self._db.execute(sql, (name, limit))]

    def edges(self) -> list[Edge]:
        """Every link, by path, field and place."""
        with fault(self._path):
            sql = ("SELECT m.path, l.field, l.target FROM link l"
                   " CROSS JOIN member m INDEXED BY member_blob ON m.slot = ? AND m.blob = l.blob"
                   " ORDER BY m.path, l.field, l.place")  # fmt: skip
            return [Edge(os.fsdecode(path), field, target)
                    for path, field, target in self._db.execute(sql, (self.slot,))]  # fmt: skip

    def below(self, ident: str) -> list[str]:
        """An id and those of all that lie below it by parent links, sorted; circles end."""
        parents = self.vocabulary.meaning("parent")
        marks = ", ".join("?" * len(parents))
        with fault(self._path):
            sql = (
                "WITH RECURSIVE below(id) AS (VALUES (?) UNION"  # noqa: S608 - only question marks
                " SELECT b.id FROM below CROSS JOIN link l ON l.target = below.id"
                f" AND l.field IN ({marks})"
                " CROSS JOIN member m INDEXED BY member_blob ON m.slot = ? AND m.blob = l.blob"
                " CROSS JOIN blob b ON b.no = l.blob)"
                " SELECT id FROM below ORDER BY id"
            )
            return [row[0] for row in self._db.execute(sql, (ident, *parents, self.slot))]


def _path_matches(pattern: str, path: bytes) -> bool:
    return path_matches(pattern, os.fsdecode(path))
