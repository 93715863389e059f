"""An export as an SQLite file whose bytes follow from its rows alone."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from gitsync.domain.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_SCHEMA = """
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE artifacts (
  path TEXT PRIMARY KEY, id TEXT NOT NULL, type TEXT, status TEXT, title TEXT,
  sha256 TEXT NOT NULL, body TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE fields (
  path TEXT NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY (path, place)
) WITHOUT ROWID;
CREATE TABLE links (
  path TEXT NOT NULL, field TEXT NOT NULL, place INTEGER NOT NULL, name TEXT NOT NULL, id TEXT,
  PRIMARY KEY (path, field, place)
) WITHOUT ROWID;
CREATE INDEX artifacts_by_id ON artifacts (id);
CREATE INDEX links_by_id ON links (id);
"""
# Where the file's header counts changes, and names the library that wrote it last (section 1.3 of
# https://www.sqlite.org/fileformat2.html). Both counters must agree; their values mean nothing.
_CHANGES, _VALID_FOR, _VERSION = 24, 92, 96
_FIXED = (1).to_bytes(4, "big")
_LIBRARY = (3_040_000).to_bytes(4, "big")


class Rows(NamedTuple):
    """The rows of each table, in the order of its columns."""

    about: Sequence[tuple[str, str]]
    artifacts: Iterable[tuple[str, str, str | None, str | None, str | None, str, str]]
    fields: Iterable[tuple[str, int, str, str]]
    links: Iterable[tuple[str, str, int, str, str | None]]


def write_database(path: Path, rows: Rows) -> None:
    """Write the database ``path``, which must not be there yet. Raises EnvironmentFault."""
    try:
        with closing(sqlite3.connect(path)) as db:
            db.executescript(
                "PRAGMA page_size = 4096; PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
                "PRAGMA encoding = 'UTF-8'; PRAGMA auto_vacuum = NONE;" + _SCHEMA
            )
            for table, columns in (("about", 2), ("artifacts", 7), ("fields", 4), ("links", 5)):
                marks = ", ".join("?" * columns)
                db.executemany(
                    f"INSERT INTO {table} VALUES ({marks})",  # noqa: S608 - our own names
                    sorted(getattr(rows, table), key=repr),
                )
            db.commit()
            # Pages in the order of the tables, whatever the inserts did.
            db.execute("VACUUM")
    except sqlite3.Error as error:
        raise EnvironmentFault("export.database", f"cannot write {path}: {error}") from error
    with path.open("r+b") as file:
        for place, value in ((_CHANGES, _FIXED), (_VALID_FOR, _FIXED), (_VERSION, _LIBRARY)):
            file.seek(place)
            file.write(value)
