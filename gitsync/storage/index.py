"""``index.db``: derived state that may be deleted at any time and is never the truth.

Holds the position of every commit of the ledger. It is valid for exactly one tip, named in its
own table and written in the same transaction; anything else is rebuilt by walking.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from gitsync.domain.objects import Oid

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS place (oid BLOB PRIMARY KEY, entry INTEGER, floor INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshot (number INTEGER PRIMARY KEY, oid BLOB NOT NULL);
"""


class PositionIndex:
    """The port ``Positions``: SQLite below, what has not been saved yet in memory above."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._db: sqlite3.Connection | None = None
        self._places: dict[Oid, tuple[int, int]] = {}
        self._snapshots: dict[int, Oid] = {}
        self._fresh = False
        if path is not None:
            self._db = self._open(path)

    def _open(self, path: Path) -> sqlite3.Connection:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._connect(path)
        except sqlite3.DatabaseError:
            # A torn or foreign cache is thrown away: it can be made again, and must not stop us.
            for name in (
                path,
                path.with_name(path.name + "-wal"),
                path.with_name(path.name + "-shm"),
            ):
                name.unlink(missing_ok=True)
            return self._connect(path)

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(path, timeout=30, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=OFF")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, LAYOUT):
            for table in ("meta", "place", "snapshot"):
                db.execute(f"DROP TABLE IF EXISTS {table}")
        db.executescript(_TABLES)
        db.execute(f"PRAGMA user_version={LAYOUT}")
        return db

    def get(self, oid: Oid) -> tuple[int, int] | None:
        """See ``Positions``."""
        found = self._places.get(oid)
        if found is not None or self._db is None or self._fresh:
            return found
        row = self._db.execute(
            "SELECT entry, floor FROM place WHERE oid = ?", (bytes.fromhex(oid),)
        ).fetchone()
        return (int(row[0]), int(row[1])) if row is not None else None

    def snapshot(self, number: int) -> Oid:
        """See ``Positions``. Raises KeyError for a number that is not indexed."""
        found = self._snapshots.get(number)
        if found is None and self._db is not None and not self._fresh:
            row = self._db.execute(
                "SELECT oid FROM snapshot WHERE number = ?", (number,)
            ).fetchone()
            found = Oid(row[0].hex()) if row is not None else None
        if found is None:
            raise KeyError(number)
        return found

    def tip(self) -> tuple[str, int, Oid] | None:
        """(anchor, number, commit) that the saved index is valid for, or None."""
        if self._db is None:
            return None
        try:
            rows = dict(self._db.execute("SELECT key, value FROM meta"))
            return rows["anchor"], int(rows["number"]), Oid(rows["commit"])
        except (KeyError, ValueError, sqlite3.DatabaseError):
            return None

    def add(self, number: int, snapshot: Oid, places: dict[Oid, tuple[int, int]]) -> None:
        """Place the commits of one more snapshot."""
        self._places.update(places)
        self._snapshots[number] = snapshot

    def drop(self, numbers: set[int]) -> None:
        """Forget unsaved snapshots from memory again: their emission did not go through."""
        self._snapshots = {n: oid for n, oid in self._snapshots.items() if n not in numbers}
        self._places = {oid: p for oid, p in self._places.items() if p[0] not in numbers}

    def clear(self) -> None:
        """Start anew, without trusting what is saved; :meth:`save` then replaces it."""
        self._places, self._snapshots, self._fresh = {}, {}, True

    def save(self, anchor: Oid, number: int, commit: Oid) -> None:
        """Write what is new, valid for the tip ``number``, ``commit``, in one transaction."""
        if self._db is None:
            return
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        try:
            if self._fresh:
                db.execute("DELETE FROM place")
                db.execute("DELETE FROM snapshot")
            db.executemany(
                "INSERT OR REPLACE INTO place VALUES (?, ?, ?)",
                ((bytes.fromhex(oid), *place) for oid, place in self._places.items()),
            )
            db.executemany(
                "INSERT OR REPLACE INTO snapshot VALUES (?, ?)",
                ((n, bytes.fromhex(oid)) for n, oid in self._snapshots.items()),
            )
            db.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                (("anchor", anchor), ("number", str(number)), ("commit", commit)),
            )
            db.execute("COMMIT")
        except BaseException:
            db.execute("ROLLBACK")
            raise
        self._places, self._snapshots, self._fresh = {}, {}, False

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None
