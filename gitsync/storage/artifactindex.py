"""The artifact index: which artifacts a tree or a work tree holds, kept up by what changed.

Contents are read once, by their ids. A *slot* keeps one tree ready to be asked: moving it to
another tree reads only what differs. A work tree's slot is HEAD's tree with the files laid over it
that git says may differ; of those, only what has other stat data than last time is read.
"""

from __future__ import annotations

import os
import stat as modes
import time
from typing import TYPE_CHECKING

from gitsync.codec.vocabularyjson import dump_vocabulary, load_vocabulary
from gitsync.domain.errors import EnvironmentFault
from gitsync.domain.objects import MODE_FILE, Oid
from gitsync.domain.query.records import fold
from gitsync.storage import artifactdb
from gitsync.storage.artifactcontents import UNREADABLE, Contents
from gitsync.storage.artifactdb import writing
from gitsync.storage.artifactview import View, fault
from gitsync.storage.trees import EMPTY_TREE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from gitsync.domain.query.vocabulary import Vocabulary
    from gitsync.storage.artifactcontents import Known
    from gitsync.storage.trees import FileEntry, TreeReader
    from gitsync.storage.workstatus import Scanned

MAX_ARTIFACT_BYTES = 16 << 20
SLOTS = 4  # snapshots that are kept ready; and as many work trees
SPARE_BLOBS = 50_000  # contents of no kept tree that may gather before the index begins anew
_RACY_NS = 2_000_000_000  # a file this young may change again without other stat data
_MODE_EXECUTABLE = b"100755"
_TRIES = 5
_FEW = 100  # files

_TAKE_OUT = "DELETE FROM member WHERE slot = ? AND path = ?"
_PUT_IN = "INSERT OR REPLACE INTO member VALUES (?, ?, ?, ?)"
_UNCOVER = "DELETE FROM overlay WHERE slot = ?"
_COVER = (
    "INSERT INTO overlay VALUES (?, ?, ?, ?, ?,"
    " (SELECT blob FROM member WHERE slot = ? AND path = ?))"
)
_MOVED = "UPDATE slot SET commit_id = ?, tree = ?, moved = ? WHERE no = ?"


def is_artifact_path(path: bytes) -> bool:
    """Whether a file of that path may be an artifact: Markdown, outside of our own folder."""
    return path.endswith((b".md", b".markdown")) and not path.startswith(b".gitsync/")


class ArtifactIndex:
    """One open index, for one schema. Raises EnvironmentFault ``index.*`` where it cannot go on:
    then :meth:`in_memory` can."""

    def __init__(
        self,
        path: Path | None,
        commit: Oid,
        schema: Callable[[], str],
        words: Callable[[], Vocabulary],
    ) -> None:
        """``commit`` is where the schema is read from; ``schema`` finds the id of its file and
        ``words`` reads it, each asked only if the index does not know."""
        self.path = path
        self._db = artifactdb.open_database(path)
        try:
            with fault(path):
                self.vocabulary = self._words(commit, schema, words)
        except BaseException:
            self.close()
            raise
        self._contents = Contents(self._db, self.vocabulary)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _words(
        self, commit: Oid, schema: Callable[[], str], words: Callable[[], Vocabulary]
    ) -> Vocabulary:
        meta = dict(self._db.execute("SELECT key, value FROM meta"))
        if meta.get("commit") == commit and "full" not in meta:
            return load_vocabulary(meta["vocabulary"])
        now = schema()
        same = meta.get("schema") == now and "full" not in meta
        found = load_vocabulary(meta["vocabulary"]) if same else words()
        with writing(self._db):
            if not same:
                # Another schema reads other fields: all that was read by the old one is void.
                artifactdb.empty(self._db)
            rows = [("schema", now), ("vocabulary", dump_vocabulary(found)), ("commit", commit)]
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)
        return found

    # -- trees ------------------------------------------------------------------------------

    def at(self, tree: Oid, trees: TreeReader) -> View:
        """The artifacts of a snapshot's tree."""
        with fault(self.path):
            for _ in range(_TRIES):
                view = self._reading(
                    "SELECT no, place FROM slot WHERE tree = ? AND place = ''", tree
                )
                if view is not None:
                    return view
                self._add_slot("", tree, trees, (MODE_FILE,))
        raise EnvironmentFault("index.busy", "other processes keep moving the artifact index")

    def prepare(self) -> None:
        """Have all at hand that a changed file needs: for whoever waits for something anyway.

        SQLite compiles a statement when it first sees it, Python an expression; of all that comes
        when the wait is over, half was that. Changes nothing.
        """
        import gitsync.codec.lightid
        import gitsync.storage.workstatus  # noqa: F401

        with fault(self.path):
            self._contents.prepare()
            for statement in (_TAKE_OUT, _PUT_IN, _UNCOVER, _COVER, _MOVED):
                self._db.executemany(statement, ())

    def work(self, place: Path, root: Path, scanned: Scanned, trees: TreeReader) -> View:
        """The artifacts among the files of a work tree, as ``scanned`` just now.

        ``place`` tells work trees apart; ``root`` is where its files lie.
        """
        mine: int | None = None
        with fault(self.path):
            for _ in range(_TRIES):
                view = self._reading("SELECT no FROM slot WHERE place = ?", str(place))
                if view is not None:
                    if self._is_current(view.slot, scanned, root, mine):
                        return view
                    view.release()
                mine = self._move_work(str(place), root, scanned, trees)
        raise EnvironmentFault("index.busy", "other processes keep moving the artifact index")

    def _reading(self, sql: str, key: str) -> View | None:
        """A view that stays as it is: what others write meanwhile is not seen."""
        self._db.execute("BEGIN")
        row = self._db.execute(sql, (key,)).fetchone()
        if row is None:
            self._db.execute("COMMIT")
            return None
        return View(self._db, row[0], self.vocabulary, self.path)

    def _slot(self, place: str, tree: str | None = None) -> tuple[int, str, str] | None:
        """(number, commit, tree) of the work tree's slot, or of the one for a tree."""
        row = self._db.execute(
            "SELECT no, commit_id, tree FROM slot WHERE place = ? AND ? IN (tree, '')",
            (place, tree or ""),
        ).fetchone()
        return (row[0], row[1] or "", row[2]) if row is not None else None

    def _add_slot(
        self, place: str, tree: Oid, trees: TreeReader, wanted: tuple[bytes, ...]
    ) -> None:
        """Keep one more tree ready; begun from one that is kept already, if there is any."""
        near = self._db.execute(
            "SELECT no, tree FROM slot ORDER BY place = '' DESC, moved DESC"
        ).fetchone()
        if near is None:
            changes: Iterable[tuple[bytes, FileEntry | None]] = (
                (entry.path, entry) for entry in trees.files(tree)
            )
        else:
            changes = trees.changes(Oid(near[1]), tree)
        found = self._sorted(changes, wanted)
        known = self._contents.known(
            [oid for oid in found.values() if oid is not None], trees.contents
        )
        with writing(self._db):
            if self._slot(place, tree) is not None or (
                near is not None and self._tree_of(near[0]) != near[1]
            ):
                return  # another process was here: look again
            self._make_room(place)
            number = self._db.execute(
                "INSERT INTO slot (place, tree, moved) VALUES (?, ?, ?)",
                (place, tree, time.time_ns()),
            ).lastrowid
            if near is not None:
                self._copy(near[0], number or 0)
            self._put(number or 0, found, known)
            self._tidy()

    def _tree_of(self, slot: int) -> str | None:
        row = self._db.execute("SELECT tree FROM slot WHERE no = ?", (slot,)).fetchone()
        return row[0] if row is not None else None

    def _copy(self, source: int, target: int) -> None:
        """What a slot's tree holds, without the files that lie over it."""
        self._db.execute(
            "INSERT INTO member SELECT ?, path, blob, type FROM member WHERE slot = ?"
            " AND path NOT IN (SELECT path FROM overlay WHERE slot = ?)",
            (target, source, source),
        )
        self._restore(source, target)

    def _restore(self, source: int, target: int) -> None:
        """Give ``target`` what lies below the overlay of ``source``."""
        rows = self._db.execute(
            "SELECT o.path, b.no, b.found, b.type FROM overlay o JOIN blob b ON b.no = o.base"
            " WHERE o.slot = ? AND b.found", (source,),
        ).fetchall()  # fmt: skip
        self._db.executemany(
            _PUT_IN,
            ((target, path, no, self._type(path, found, kind)) for path, no, found, kind in rows),
        )

    def _make_room(self, place: str) -> None:
        """Let go of the slots that were moved longest ago."""
        which = "place = ''" if not place else "place != ''"
        rows = self._db.execute(
            f"SELECT no FROM slot WHERE {which} ORDER BY moved DESC LIMIT -1 OFFSET ?",  # noqa: S608 - one of two constants
            (SLOTS - 1,),
        ).fetchall()
        for name, key in (("slot", "no"), ("member", "slot"), ("overlay", "slot")):
            self._db.executemany(f"DELETE FROM {name} WHERE {key} = ?", rows)  # noqa: S608 - constants

    def _tidy(self) -> None:
        """Have the next run begin anew when most of what is known belongs to no kept tree."""
        blobs = self._db.execute("SELECT coalesce(max(no), 0) FROM blob").fetchone()[0]
        if blobs > SPARE_BLOBS:
            used = self._db.execute("SELECT count(DISTINCT blob) FROM member").fetchone()[0]
            if blobs > SPARE_BLOBS + 2 * used:
                self._db.execute("INSERT OR REPLACE INTO meta VALUES ('full', '')")

    def _sorted(
        self, changes: Iterable[tuple[bytes, FileEntry | None]], wanted: tuple[bytes, ...]
    ) -> dict[bytes, Oid | None]:
        """Path -> content of what may be an artifact; None for what is gone."""
        return {
            path: entry.oid if entry is not None and entry.mode in wanted else None
            for path, entry in changes
            if is_artifact_path(path)
        }

    def _put(self, slot: int, found: dict[bytes, Oid | None], known: dict[Oid, Known]) -> None:
        gone = [(slot, path) for path, oid in found.items() if oid is None or not known[oid][1]]
        self._db.executemany(_TAKE_OUT, gone)
        self._db.executemany(
            _PUT_IN,
            (
                (slot, path, known[oid][0], self._type(path, *known[oid][1:]))
                for path, oid in found.items()
                if oid is not None and known[oid][1]
            ),
        )

    def _type(self, path: bytes, found: int, kind: str | None) -> str:
        if found == UNREADABLE:
            return ""
        named = kind or self.vocabulary.type_at(path.decode("utf-8", "replace"))
        return fold(named) if named else ""

    # -- work trees -------------------------------------------------------------------------

    def _is_current(self, slot: int, scanned: Scanned, root: Path, mine: int | None) -> bool:
        """Whether a slot holds what was scanned; the move stamped ``mine`` was just made for it."""
        row = self._db.execute("SELECT commit_id, moved FROM slot WHERE no = ?", (slot,)).fetchone()
        if row[1] == mine:
            return True
        if row[0] != (scanned.commit or ""):
            return False
        rows = dict(self._db.execute("SELECT path, stat FROM overlay WHERE slot = ?", (slot,)))
        wanted = {path for path in scanned.paths if is_artifact_path(path)}
        return rows.keys() == wanted and all(
            stat and stat == _stat(root, path) for path, stat in rows.items()
        )

    def _move_work(self, place: str, root: Path, scanned: Scanned, trees: TreeReader) -> int | None:
        """Bring a work tree's slot up to date: the stamp of the move, None if another process
        made one meanwhile."""
        commit = scanned.commit or ""
        before = self._slot(place)
        if before is not None and commit == before[1]:
            tree = Oid(before[2])
        else:
            tree = trees.named(f"{commit}^{{tree}}")[0] if commit else EMPTY_TREE
        if before is None:
            self._add_slot(place, tree, trees, (MODE_FILE, _MODE_EXECUTABLE))
            before = self._slot(place)
            if before is None:
                return None
        slot, _, old = before
        moved = self._sorted(
            trees.changes(Oid(old), tree) if old != tree else (), (MODE_FILE, _MODE_EXECUTABLE)
        )
        paths = sorted(path for path in scanned.paths if is_artifact_path(path))
        files = self._files(slot, root, paths)
        known = self._contents.known(
            [oid for oid in moved.values() if oid is not None], trees.contents
        )
        held = {oid: data for _, oid, data in files.values() if oid is not None}
        known |= self._contents.known(list(held), _held(held))
        with writing(self._db):
            if self._slot(place) != before:
                return None
            over = self._db.execute("SELECT path FROM overlay WHERE slot = ?", (slot,)).fetchall()
            self._db.executemany(_TAKE_OUT, ((slot, path) for (path,) in over))
            self._restore(slot, slot)
            self._db.execute(_UNCOVER, (slot,))
            self._put(slot, moved, known)
            # Here the slot holds the tree alone: what a file will hide is what it has now.
            self._db.executemany(
                _COVER,
                ((slot, path, stat, known[oid][0] if oid else None, oid, slot, path)
                 for path, (stat, oid, _) in files.items()),
            )  # fmt: skip
            self._put(slot, {path: oid for path, (_, oid, _) in files.items()}, known)
            stamp = time.time_ns()
            self._db.execute(_MOVED, (commit, tree, stamp, slot))
            if old != tree:
                self._tidy()
        return stamp

    def _files(
        self, slot: int, root: Path, paths: list[bytes]
    ) -> dict[bytes, tuple[str, Oid | None, bytes | None]]:
        """Path -> (stat data, content's id, content); those that are as last time are not read."""
        if len(paths) > _FEW:
            from gitsync.codec.gitobjects import object_id as id_of
        else:
            from gitsync.codec.lightid import light_id as id_of

        sql = (
            "SELECT o.path, o.stat, o.oid FROM overlay o LEFT JOIN blob b ON b.no = o.blob"
            " WHERE o.slot = ? AND o.stat != '' AND (o.oid IS NULL OR b.no IS NOT NULL)"
        )
        last = {path: (stat, oid) for path, stat, oid in self._db.execute(sql, (slot,))}
        found: dict[bytes, tuple[str, Oid | None, bytes | None]] = {}
        for path in paths:
            stat = _stat(root, path)
            if path in last and last[path][0] == stat:
                found[path] = (stat, last[path][1], None)
                continue
            data = read_file(root, path)
            found[path] = (stat, id_of("blob", data) if data is not None else None, data)
        return found


def _held(contents: dict[Oid, bytes | None]) -> Callable[[list[Oid]], Iterable[tuple[Oid, bytes]]]:
    """Contents that are in memory already."""

    def take(wanted: list[Oid]) -> Iterator[tuple[Oid, bytes]]:
        for oid in wanted:
            data = contents[oid]
            if data is None:
                raise EnvironmentFault("index.busy", "the index lost what it held a moment ago")
            yield oid, data

    return take


def _stat(root: Path, path: bytes) -> str:
    """What tells that a file changed; "" where that is not to be relied on."""
    try:
        found = os.lstat(os.path.join(os.fsencode(root), path))  # noqa: PTH118 - bytes, as git has them
    except OSError:
        return "absent"
    if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) < _RACY_NS:
        return ""
    parts = (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_mode)
    return ":".join(f"{part:x}" for part in parts)


def read_file(root: Path, path: bytes) -> bytes | None:
    """A plain file's content, None where there is none that may be an artifact."""
    place = os.path.join(os.fsencode(root), path)  # noqa: PTH118 - bytes, as git has them
    try:
        found = os.lstat(place)
        if not modes.S_ISREG(found.st_mode) or found.st_size > MAX_ARTIFACT_BYTES:
            return None
        with open(place, "rb") as file:  # noqa: PTH123 - bytes, as git has them
            return file.read()
    except OSError:
        return None
