"""What contents say, in the artifact index: read once, by their ids."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gitsync.domain.objects import Oid
from gitsync.domain.query.records import number_of
from gitsync.storage.artifactdb import writing
from gitsync.storage.artifactview import raw_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable

    from gitsync.domain.query.vocabulary import Vocabulary

CHUNK = 4_000  # contents that one transaction takes: what is written survives a kill
NO_ARTIFACT, READ, UNREADABLE = 0, 1, 2  # a content's standing (``blob.found``)

# content's number, its standing, the type that it names
Known = tuple[int, int, str]


class Contents:
    """The contents that an index knows."""

    def __init__(self, db: sqlite3.Connection, vocabulary: Vocabulary) -> None:
        self._db = db
        self._vocabulary = vocabulary

    def known(
        self, oids: list[Oid], contents: Callable[[list[Oid]], Iterable[tuple[Oid, bytes]]]
    ) -> dict[Oid, Known]:
        """What is known of contents; those that are new are read and written first."""
        found = self._look_up(oids)
        new = [oid for oid in dict.fromkeys(oids) if oid not in found]
        if new:
            pending: list[tuple[Oid, bytes]] = []
            for pair in contents(new):
                pending.append(pair)
                if len(pending) >= CHUNK:
                    self._write(pending)
                    pending = []
            self._write(pending)
            found |= self._look_up(new)
        return found

    def _look_up(self, oids: list[Oid]) -> dict[Oid, Known]:
        sql = "SELECT oid, no, found, coalesce(type, '') FROM blob"
        if len(oids) > CHUNK:
            wanted = set(oids)
            rows = (row for row in self._db.execute(sql) if row[0].hex() in wanted)
        else:
            ask = f"{sql} WHERE oid = ?"
            rows = (row for oid in oids for row in self._db.execute(ask, (raw_id(oid),)))
        return {Oid(oid.hex()): (no, found, kind) for oid, no, found, kind in rows}

    def _write(self, contents: list[tuple[Oid, bytes]]) -> None:
        """One chunk of contents, read and written in one transaction."""
        from gitsync.codec.artifactentry import entry_of, searchable

        blobs: list[tuple[object, ...]] = []
        values, links, words = [], [], []
        with writing(self._db):
            known = self._look_up([oid for oid, _ in contents])
            number = self._db.execute("SELECT coalesce(max(no), 0) FROM blob").fetchone()[0]
            for oid, raw in contents:
                if oid in known:
                    continue
                number += 1
                entry = entry_of(raw, self._vocabulary)
                if entry is None:
                    blobs.append((number, raw_id(oid), NO_ARTIFACT, *(None,) * 7))
                    continue
                fields = json.dumps(entry.fields, default=str)
                standing = READ if entry.problem is None else UNREADABLE
                blobs.append((number, raw_id(oid), standing, entry.id, entry.type, entry.status,
                              entry.title, entry.owner, entry.problem, fields))  # fmt: skip
                values += [(name, text, number, number_of(text))
                           for name, texts in entry.values.items() for text in texts]  # fmt: skip
                links += [(target, number, name, place) for name, targets in entry.links.items()
                          for place, target in enumerate(targets)]  # fmt: skip
                if not entry.problem:
                    words.append((number, searchable(entry.title or ""), searchable(entry.body)))
            run = self._db.executemany
            run("INSERT INTO blob VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", blobs)
            values.sort()
            run("INSERT INTO value VALUES (?, ?, ?, ?)", values)
            run("INSERT OR IGNORE INTO link VALUES (?, ?, ?, ?)", links)
            run("INSERT INTO words (rowid, title, body) VALUES (?, ?, ?)", words)
