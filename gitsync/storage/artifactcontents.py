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

_KNOWN = "SELECT oid, no, found, coalesce(type, '') FROM blob"
_KNOWN_ONE = f"{_KNOWN} WHERE oid = ?"
_LAST = "SELECT coalesce(max(no), 0) FROM blob"
_ADD_BLOB = "INSERT INTO blob VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ADD_VALUE = "INSERT INTO value VALUES (?, ?, ?, ?)"
_ADD_LINK = "INSERT OR IGNORE INTO link VALUES (?, ?, ?, ?)"
_ADD_WORDS = "INSERT INTO words (rowid, title, body) VALUES (?, ?, ?)"
_SAMPLE = b"---\nid: sample-1\ntitle: Sample\n---\n"

# content's number, its standing, the type that it names
Known = tuple[int, int, str]


class Contents:
    """The contents that an index knows."""

    def __init__(self, db: sqlite3.Connection, vocabulary: Vocabulary) -> None:
        self._db = db
        self._vocabulary = vocabulary

    def prepare(self) -> None:
        """Have all at hand that reading one content needs; changes nothing."""
        from gitsync.codec.artifactentry import entry_of

        entry_of(_SAMPLE, self._vocabulary)
        self._look_up([])
        self._db.execute(_LAST).fetchone()
        for statement in (_ADD_BLOB, _ADD_VALUE, _ADD_LINK, _ADD_WORDS):
            self._db.executemany(statement, ())

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
        if len(oids) > CHUNK:
            wanted = set(oids)
            rows = (row for row in self._db.execute(_KNOWN) if row[0].hex() in wanted)
        else:
            rows = (row for oid in oids for row in self._db.execute(_KNOWN_ONE, (raw_id(oid),)))
        return {Oid(oid.hex()): (no, found, kind) for oid, no, found, kind in rows}

    def _write(self, contents: list[tuple[Oid, bytes]]) -> None:
        """One chunk of contents, read and written in one transaction."""
        from gitsync.codec.artifactentry import entry_of, searchable

        blobs: list[tuple[object, ...]] = []
        values, links, words = [], [], []
        with writing(self._db):
            known = self._look_up([oid for oid, _ in contents])
            number = self._db.execute(_LAST).fetchone()[0]
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
            run(_ADD_BLOB, blobs)
            values.sort()
            run(_ADD_VALUE, values)
            run(_ADD_LINK, links)
            run(_ADD_WORDS, words)
