"""The artifacts of a work tree or a snapshot, asked of the artifact index.

Reading commands go through here. What is proposed, decided or verified never does: a cache that
was tampered with can make a list wrong, and nothing else.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from gitsync.domain.errors import EnvironmentFault
from gitsync.domain.names import person_of
from gitsync.domain.query.order import ordered
from gitsync.domain.query.parse import parse
from gitsync.domain.query.records import values_of
from gitsync.domain.query.terms import Changed, Not, Query
from gitsync.domain.query.vocabulary import vocabulary_of
from gitsync.storage.artifactdb import FILE
from gitsync.storage.artifactindex import ArtifactIndex, read_file
from gitsync.storage.gitcli import GitError
from gitsync.storage.trees import EMPTY_TREE, TreeReader
from gitsync.storage.workscan import WorkScan

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gitsync.domain.objects import Oid
    from gitsync.domain.query.terms import Term
    from gitsync.domain.query.vocabulary import Vocabulary
    from gitsync.services.workspace import Workspace
    from gitsync.storage.artifactview import Edge, Row, View
    from gitsync.storage.workstatus import Scanned

Found = TypeVar("Found")

_ITS_FAULT = frozenset({"index.damaged", "index.unusable", "index.busy"})


class Catalogue:
    """The artifacts of one tree, as they were at one moment; implements ``query.parse.Known``."""

    def __init__(self, ws: Workspace, view: View, trees: TreeReader, root: Path | None) -> None:
        """``root`` is where the files lie, None for a snapshot's."""
        self._ws = ws
        self._view = view
        self._trees = trees
        self._root = root

    @property
    def vocabulary(self) -> Vocabulary:
        """The schema's words."""
        return self._view.vocabulary

    @property
    def me(self) -> tuple[str, ...]:
        """This clone's domain, and the person behind it."""
        name = self._ws.me()
        return (name, person_of(name))

    @property
    def space(self) -> str:
        """The ledger's space."""
        return self._ws.space

    def has_id(self, folded: str) -> bool:
        """See ``query.parse.Known``."""
        return self._view.has_id(folded)

    def field_names(self) -> list[str]:
        """The fields that artifacts have."""
        return self._view.field_names()

    def ids(self) -> list[str]:
        """Every id, sorted."""
        return self._view.ids()

    def named(self, text: str) -> list[Row]:
        """What ``text`` may name: by path, by id, by the beginning of an id."""
        return self._view.named(text)

    def content(self, row: Row) -> bytes:
        """A file's bytes: those that lie here, or those that the snapshot holds."""
        if self._root is None:
            return self._trees.content(row.oid)
        raw = read_file(self._root, row.path.encode("utf-8", "surrogateescape"))
        if raw is None:
            raise EnvironmentFault("index.busy", f"{row.path} went away while it was looked for")
        return raw

    def edges(self) -> list[Edge]:
        """Every link, as it is written."""
        return self._view.edges()

    def below(self, ident: str) -> list[str]:
        """The members of ``tree:<id>``: the artifact and all that lie below it by parent links."""
        return self._view.below(ident)

    def field_values(self, name: str, limit: int) -> list[str]:
        """Values that a field has somewhere, folded."""
        return self._view.field_values(name, limit)

    def find(self, text: str = "", limit: int | None = None) -> list[Row]:
        """What a query names, in its order, else by path; at most ``limit``. Raises UsageError
        ``query.*``."""
        query = parse(text, self)
        changed = {term: self._paths(term) for term in _changes(query)}
        if not query.sort:
            return self._view.find(query, changed, limit)
        return ordered(self._view.find(query, changed), query.sort, self.values)[:limit]

    def matching(self, query: Query) -> list[Row]:
        """What a query without order and without terms about changes names, by path."""
        return self._view.find(query, {})

    def values(self, row: Row, name: str) -> tuple[str, ...]:
        """An artifact's folded values of a field."""
        if name == "path":
            return (row.path,)
        if name == "type":
            return (row.kind,) if row.kind else ()
        return values_of(name, fields_of(row).get(name), self.vocabulary)

    def _paths(self, term: Changed) -> set[str]:
        """The paths that a term about changes means."""
        from gitsync.services.artifacts import commit_at

        def tree(number: int | None) -> Oid:
            if number == 0:
                return EMPTY_TREE
            at = self.space if number is None else f"{self.space}@{number}"
            return self._ws.facts.commit(commit_at(self._ws, at)).tree

        before = tree(term.after)
        if term.until is not None:
            return {_text(path) for path, _ in self._trees.changes(before, tree(term.until))}
        base, over = self._view.base()
        changed = {path for path, _ in self._trees.changes(before, base)}
        then = {entry.path: entry.oid for entry in self._trees.some(before, list(over))}
        changed |= {path for path, oid in over.items() if then.get(path) != oid}
        changed -= {path for path, oid in over.items() if then.get(path) == oid}
        return {_text(path) for path in changed}


def _text(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


def _changes(query: Query) -> set[Changed]:
    def inner(term: Term) -> Term:
        return inner(term.term) if isinstance(term, Not) else term

    return {term for one in query.terms if isinstance(term := inner(one), Changed)}


def fields_of(row: Row) -> dict[str, object]:
    """An artifact's front matter as plain values, in its own order."""
    found = json.loads(row.fields) if row.fields else {}
    return found if isinstance(found, dict) else {}


def reading(
    ws: Workspace,
    use: Callable[[Catalogue], Found],
    *,
    at: str | None = None,
    cache: bool = True,
    scan: WorkScan | None = None,
) -> Found:
    """What ``use`` makes of the artifacts in the work tree, or at a position (``common@7``).

    An index that cannot be used is made anew, in memory if need be. Without ``cache`` nothing
    that was kept is looked at. ``use`` may be called again, from the beginning.
    """
    file = ws.repo.state_dir / FILE
    places: list[Path | None] = [file, file, None] if cache else [None]
    files = None if at is not None else _Files(ws, scan)
    try:
        for place in places[:-1]:
            try:
                return _once(ws, use, at, place, files)
            except EnvironmentFault as error:
                if error.code not in _ITS_FAULT:
                    raise
        return _once(ws, use, at, None, files)
    finally:
        if files is not None:
            files.scan.cancel()


class _Files:
    """A work tree's files, of which git says what changed; it is asked once."""

    def __init__(self, ws: Workspace, scan: WorkScan | None) -> None:
        tree = ws.work_tree()
        self._ws = ws
        self.root = tree.root
        self.git_dir = tree.repo.git_dir
        self.scan = scan or WorkScan(self.git_dir, self.root)

    @cached_property
    def scanned(self) -> Scanned:
        """What git found. Raises GitError."""
        found = self.scan.result()
        repo = self._ws.repo
        if (repo.config("core.sparseCheckout") or "").lower() == "true":
            # Git calls files that are left out on purpose unchanged; here they are not.
            out = repo.git("ls-files", "-v", "-z").out
            left_out = {line[2:] for line in out.split(b"\0") if line[:2] in (b"S ", b"s ")}
            return found._replace(paths=found.paths | left_out)
        return found


def _once(
    ws: Workspace,
    use: Callable[[Catalogue], Found],
    at: str | None,
    place: Path | None,
    files: _Files | None,
) -> Found:
    trees = TreeReader(ws.repo.work_tree or ws.repo.git_dir)
    commit = ws.verified().commit

    def schema() -> str:
        try:
            return trees.named(f"{commit}:.gitsync/schema.yaml")[0]
        except GitError:
            ws.settings()  # which says what is wrong
            raise

    index = ArtifactIndex(place, commit, schema, lambda: vocabulary_of(ws.settings().schema))
    try:
        if files is None:
            from gitsync.services.artifacts import tree_at

            root = None
            view = index.at(tree_at(ws, at or ws.space), trees)
        else:
            if files.scan.running:
                index.prepare()
            root = files.root
            view = index.work(files.git_dir, root, files.scanned, trees)
        return use(Catalogue(ws, view, trees, root))
    finally:
        index.close()
