"""The position index looked at without opening it for use, which would make a torn one anew."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from gitsync.storage.index import LAYOUT

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.objects import Oid


def index_fault(path: Path, anchor: Oid) -> str | None:
    """What is wrong with the index file, or None; one that is not there is not wrong."""
    if not path.exists():
        return None
    if path.stat().st_size == 0:
        return "it is empty"
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
            said = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            layout = db.execute("PRAGMA user_version").fetchone()[0]
            rows = dict(db.execute("SELECT key, value FROM meta"))
    except sqlite3.OperationalError as error:
        return None if "locked" in str(error) else f"it cannot be read ({error})"
    except sqlite3.DatabaseError as error:
        return f"it cannot be read ({error})"
    if said != "ok":
        return f"it is damaged ({said})"
    if layout != LAYOUT:
        return None  # another version's; the next use makes it anew
    return None if rows.get("anchor", anchor) == anchor else "it is of another ledger"
