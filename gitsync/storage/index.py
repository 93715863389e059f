"""``index.db``: derived state that may be deleted at any time and is never the truth.

Holds the position of every commit of the ledger. It is valid for exactly one tip, named in its
own table and written in the same transaction; anything else is rebuilt by walking.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault
from gitsync.domain.objects import Oid
from gitsync.storage import effects

if TYPE_CHECKING:
    from pathlib import Path

LAYOUT = 1
_EVERYTHING = 1 << 62
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
        self._held = _EVERYTHING
        if path is not None:
            self._db = self._open(path)

    def _open(self, path: Path) -> sqlite3.Connection | None:
        """The file, made anew if it is torn or foreign; None where none can be had."""
        try:
            effects.make_folder(path.parent)
            return self._connect(path)
        except (sqlite3.OperationalError, OSError):
            return None  # locked, or a disk that takes nothing: memory serves as well
        except sqlite3.DatabaseError:
            self._discard()
        try:
            return self._connect(path)
        except (sqlite3.Error, OSError):
            return None

    def _discard(self) -> None:
        """A cache that cannot be read is thrown away: it can be made again, and stops nobody."""
        self.close()
        if self._path is not None:
            for ending in ("", "-wal", "-shm"):
                with suppress(OSError):
                    effects.unlink(self._path.with_name(self._path.name + ending))

    def _damaged(self, why: object) -> EnvironmentFault:
        if isinstance(why, sqlite3.DatabaseError) and not isinstance(why, sqlite3.OperationalError):
            self._discard()
        return EnvironmentFault(
            "index.damaged",
            f"the position index {self._path or 'in memory'} cannot be used: {why}",
            hint="run it again: the index is made anew from the ledger",
        )

    def hold(self, number: int) -> None:
        """Show nothing that was saved for snapshots past ``number``: another process may be
        ahead, and what it knows is not part of the state that is asked about here."""
        self._held = number

    def holds(self, number: int, commit: Oid) -> bool:
        """Whether the index knows snapshot ``number``, and knows it as ``commit``."""
        try:
            return self.snapshot(number) == commit and self.get(commit) == (number, number)
        except EnvironmentFault:
            return False

    @staticmethod
    def _connect(path: Path) -> sqlite3.Connection:
        db = sqlite3.connect(path, timeout=30, isolation_level=None)
        db.execute("PRAGMA journal_mode=WAL")
        # Not synced for each transaction, but in order: a power cut may take the last ones away
        # and never mixes old pages with new, which nobody would notice.
        db.execute("PRAGMA synchronous=NORMAL")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version == LAYOUT:
            return db  # nothing to write: no lock to wait for, nothing to sync when it is closed
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
        try:
            row = self._db.execute(
                "SELECT entry, floor FROM place WHERE oid = ? AND entry <= ?",
                (bytes.fromhex(oid), self._held),
            ).fetchone()
        except sqlite3.DatabaseError as error:
            raise self._damaged(error) from error
        return (int(row[0]), int(row[1])) if row is not None else None

    def snapshot(self, number: int) -> Oid:
        """See ``Positions``. Raises EnvironmentFault ``index.damaged`` for an unknown number."""
        found = self._snapshots.get(number)
        if found is None and self._db is not None and not self._fresh:
            try:
                row = self._db.execute(
                    "SELECT oid FROM snapshot WHERE number = ?", (number,)
                ).fetchone()
            except sqlite3.DatabaseError as error:
                raise self._damaged(error) from error
            found = Oid(row[0].hex()) if row is not None and number <= self._held else None
        if found is None:
            self._distrust(number)
            raise self._damaged(f"snapshot {number} is not in it")
        return found

    def _distrust(self, number: int) -> None:
        """A gap below the saved tip: without its tip, the next run makes the index anew."""
        tip = self.tip()
        if self._db is not None and tip is not None and number <= min(tip[1], self._held):
            with suppress(sqlite3.DatabaseError):
                self._db.execute("DELETE FROM meta")

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
        self._places, self._snapshots, self._fresh, self._held = {}, {}, True, _EVERYTHING

    def save(self, anchor: Oid, number: int, commit: Oid) -> None:
        """Write what is new, valid for the tip ``number``, ``commit``, in one transaction.

        Not being able to is no error, and neither is another process that is further already.
        """
        db = self._db
        if db is None:
            return
        try:
            effect = effects.Effect("index", str(self._path))
            written = effects.perform(effect, lambda: self._save(db, anchor, number, commit))
        except (sqlite3.OperationalError, OSError):
            return
        except sqlite3.DatabaseError:
            self._discard()
            return
        if written:
            self._places, self._snapshots, self._fresh = {}, {}, False
            self.hold(number)

    def _save(self, db: sqlite3.Connection, anchor: Oid, number: int, commit: Oid) -> bool:
        db.execute("BEGIN IMMEDIATE")
        try:
            tip = self.tip()
            if not self._fresh and tip is not None and tip[0] == anchor and tip[1] > number:
                db.execute("ROLLBACK")
                return False
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
        return True

    def close(self) -> None:
        """Let go of the file."""
        if self._db is not None:
            self._db.close()
            self._db = None
