"""``artifacts.db``: the file of the artifact index, made anew whenever it is not what it should be.

A cache of what contents say, keyed by their ids; of which file of a tree has which content; and of
the words in them. It may be deleted at any time. Nothing that is proposed, decided or verified is
read from it.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from gitsync.storage import effects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = "artifacts.db"
LAYOUT = 2
APPLICATION = 0x67736169  # "gsai": tells our file from anybody else's
BUSY_SECONDS = 10
_CACHE_KIB = 64 << 10

#: ``blob.found`` is a content's standing: no artifact, an artifact, or one that cannot be read.
#: ``slot`` is one tree that is kept ready: a snapshot's, or the files of a work tree (``place``).
#: ``overlay`` are a work tree's files that differ from its HEAD: their stat data, what they hold,
#: and what HEAD has there (``base``).
_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE blob (
    no INTEGER PRIMARY KEY, oid BLOB NOT NULL UNIQUE, found INTEGER NOT NULL, id TEXT, type TEXT,
    status TEXT, title TEXT, owner TEXT, problem TEXT, fields TEXT
);
CREATE TABLE value (
    name TEXT NOT NULL, text TEXT NOT NULL, blob INTEGER NOT NULL, number REAL,
    PRIMARY KEY (name, text, blob)
) WITHOUT ROWID;
CREATE TABLE link (
    target TEXT NOT NULL, blob INTEGER NOT NULL, field TEXT NOT NULL, place INTEGER NOT NULL,
    PRIMARY KEY (target, blob, field)
) WITHOUT ROWID;
CREATE VIRTUAL TABLE words USING fts5(
    title, body, content='', tokenize='unicode61 remove_diacritics 2'
);
CREATE TABLE slot (
    no INTEGER PRIMARY KEY, place TEXT NOT NULL, commit_id TEXT, tree TEXT NOT NULL,
    moved INTEGER NOT NULL
);
CREATE TABLE member (
    slot INTEGER NOT NULL, path BLOB NOT NULL, blob INTEGER NOT NULL, type TEXT NOT NULL,
    PRIMARY KEY (slot, path)
) WITHOUT ROWID;
CREATE INDEX member_blob ON member (slot, blob);
CREATE TABLE overlay (
    slot INTEGER NOT NULL, path BLOB NOT NULL, stat TEXT NOT NULL, blob INTEGER, oid TEXT,
    base INTEGER, PRIMARY KEY (slot, path)
) WITHOUT ROWID;
"""


def open_database(path: Path | None) -> sqlite3.Connection:
    """The index file, made anew if it is torn, foreign or of another layout.

    None, and wherever no file can be had, gives one in memory: slower, and as right.
    """
    if path is not None:
        for _ in range(2):
            try:
                effects.make_folder(path.parent)
                return _connect(path)
            except (sqlite3.OperationalError, OSError):
                break  # locked, or a disk that takes nothing
            except sqlite3.DatabaseError:
                discard(path)
    db = sqlite3.connect(":memory:", isolation_level=None)
    create(db)
    return db


def discard(path: Path) -> None:
    """Throw the file away. Whoever has it open reads on in what is no longer there by name."""
    for ending in ("", "-wal", "-shm"):
        with suppress(OSError):
            effects.unlink(path.with_name(path.name + ending))


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        # Readers and one writer side by side; a kill or a power cut leaves the last whole commit.
        db.execute("PRAGMA synchronous=NORMAL")
        known = _is_ours(db)
        if known is None:
            db.execute("PRAGMA journal_mode=WAL")
            create(db)
        elif not known:
            raise sqlite3.DatabaseError("this is another program's, or an older layout")
    except BaseException:
        db.close()
        raise
    return db


def _is_ours(db: sqlite3.Connection) -> bool | None:
    """None for an empty file."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    layout = db.execute("PRAGMA user_version").fetchone()[0]
    if (application, layout) == (APPLICATION, LAYOUT):
        return True
    return None if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0 else False


@contextmanager
def writing(db: sqlite3.Connection) -> Iterator[None]:
    """One transaction that writes, from the beginning: all of it happens, or nothing."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise


def create(db: sqlite3.Connection) -> None:
    """Make all tables, empty. Another process that does so first has done it for both."""
    with writing(db):
        if db.execute("PRAGMA user_version").fetchone()[0] != LAYOUT:
            _make(db)


def empty(db: sqlite3.Connection) -> None:
    """Drop what is there and begin again, inside the caller's transaction."""
    names = "meta blob value link words slot member overlay"
    for name in names.split():
        db.execute(f"DROP TABLE IF EXISTS {name}")
    _make(db)


def _make(db: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
    db.execute(f"PRAGMA application_id={APPLICATION}")
    db.execute(f"PRAGMA user_version={LAYOUT}")
