"""Which files of a tree carry an id: built once, then moved by what the next tree has otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import frontmatter
from gitsync.domain.errors import FormatError
from gitsync.domain.merge.trees import diff_trees
from gitsync.domain.objects import MODE_FILE, Entry, Oid

if TYPE_CHECKING:
    from gitsync.domain.ports import Objects


class IdIndex:
    """The ids in the Markdown files of one tree at a time. A file that cannot be read has none."""

    def __init__(self, objects: Objects, id_field: str) -> None:
        self._objects = objects
        self._field = id_field
        self._tree: Oid | None = None
        self._paths: dict[str, list[bytes]] = {}

    def paths(self, tree: Oid, ident: str) -> tuple[bytes, ...]:
        """The files of ``tree`` with the id ``ident``, ordered by path.

        Costs what the tree differs from the one that was asked about last.
        """
        try:
            for change in diff_trees(self._objects, self._tree, tree):
                self._forget(change.path, change.before)
                self._learn(change.path, change.after)
        except BaseException:
            self._tree, self._paths = None, {}  # half moved is of no tree
            raise
        self._tree = tree
        return tuple(sorted(self._paths.get(ident, ())))

    def _forget(self, path: bytes, entry: Entry | None) -> None:
        ident = self._id(path, entry)
        if ident is not None:
            self._paths[ident].remove(path)
            if not self._paths[ident]:
                del self._paths[ident]

    def _learn(self, path: bytes, entry: Entry | None) -> None:
        ident = self._id(path, entry)
        if ident is not None:
            self._paths.setdefault(ident, []).append(path)

    def _id(self, path: bytes, entry: Entry | None) -> str | None:
        if entry is None or entry[0] != MODE_FILE or not path.endswith((b".md", b".markdown")):
            return None
        try:
            document = frontmatter.parse(self._objects.blob(Oid(entry[1].hex())))
            text = document.text(self._field) if document is not None else None
        except FormatError:
            return None
        return (text or "").strip() or None
