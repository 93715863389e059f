"""Where a file with an id may lie, by what the artifact index knew last: to be looked at first.

A hook has no time to bring the index up to date, nor to read every file. Whoever asks has to see
for themselves that the file is there and has the id.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from gitsync.domain.query.records import fold
from gitsync.storage.artifactdb import FILE

if TYPE_CHECKING:
    from pathlib import Path

_PATHS = (
    "SELECT DISTINCT m.path FROM value v CROSS JOIN slot s CROSS JOIN member m"
    " INDEXED BY member_blob ON m.slot = s.no AND m.blob = v.blob"
    " WHERE v.name = ? AND v.text = ? LIMIT 8"
)
_SECONDS = 0.2


def paths_once(state_dir: Path, id_field: str, ident: str) -> tuple[bytes, ...]:
    """A few paths where an artifact ``ident`` was found in some tree; none where nobody knows."""
    file = state_dir / FILE
    if not file.exists():
        return ()
    try:
        # Never made here, and never mended: that is for commands that are about the index.
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", timeout=_SECONDS, uri=True)) as db:
            return tuple(bytes(row[0]) for row in db.execute(_PATHS, (id_field, fold(ident))))
    except (sqlite3.Error, TypeError, ValueError):
        return ()
