"""The tree merge: descends only where all three sides differ, so cost follows the change.

Artifacts are matched by id: when one side renamed a file and the other edited it, the edit lands
under the new name. Everything that one side alone changed survives, or a conflict is reported;
the result does not depend on which side is called ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from gitsync.domain.errors import RefusedError
from gitsync.domain.frozen import frozen
from gitsync.domain.objects import MODE_TREE, Entry, Oid, Tree, altered_names
from gitsync.domain.treeedit import edit_tree

if TYPE_CHECKING:
    from gitsync.domain.merge.values import FieldConflict, FileConflict
    from gitsync.domain.ports import Objects

#: Merge three contents of one file: its path in the result, then base, ours and theirs.
ContentMerge = Callable[[bytes, bytes, bytes, bytes], "bytes | FileConflict"]
#: The artifact id in a blob, or None.
IdOf = Callable[[Oid], str | None]

_EMPTY: Tree = {}
#: Folders inside folders: far above what paths may have, far below what a stack holds.
MAX_NESTING = 64


@frozen
class FileChange:
    """One file that differs between two trees; None stands for absent.

    A folder without anything in it, which git itself never makes, is told as one as well.
    """

    path: bytes
    before: Entry | None
    after: Entry | None


@frozen
class PathConflict:
    """A path at which both sides cannot be kept. ``line`` counts from 1 in the base.

    ``fields`` lists the front matter fields that conflict, from merge version 2 on.
    """

    path: bytes
    why: str
    line: int | None = None
    fields: tuple[FieldConflict, ...] = ()

    def words(self, ours: str, theirs: str) -> str:
        """The conflict in a sentence, with the values of both sides under the names given."""
        where = self.path.decode("utf-8", "replace") + (f":{self.line}" if self.line else "")
        values = "; ".join(one.words(ours, theirs) for one in self.fields[:5])
        return f"{where}: {self.why}" + (f" ({values})" if values else "")


@frozen
class TreeMerge:
    """The merged tree, or the conflicts that prevent it (then ``tree`` is None)."""

    tree: Oid | None
    conflicts: tuple[PathConflict, ...] = ()


def _oid(entry: Entry) -> Oid:
    return Oid(entry[1].hex())


def _is_tree(entry: Entry | None) -> bool:
    return entry is not None and entry[0] == MODE_TREE


def _is_file(entry: Entry | None) -> bool:
    return entry is not None and entry[0] != MODE_TREE


def _changed(before: Tree, after: Tree) -> list[bytes]:
    names = [name for name, entry in after.items() if before.get(name) != entry]
    if len(before) + sum(name not in before for name in names) != len(after):
        names += [name for name in before if name not in after]
    return names


def diff_trees(
    objects: Objects, before: Oid | None, after: Oid | None, prefix: bytes = b""
) -> Iterator[FileChange]:
    """Every file that differs between two trees (None = empty), in an order fixed by the names.

    Raises RefusedError ``path.too-deep`` past ``MAX_NESTING`` folders.
    """
    if before == after:
        return
    _check_nesting(prefix)
    # Asked first: a store reads the second listing most cheaply beside the first.
    names = objects.altered(before, after) if before and after else None
    old = objects.tree(before) if before else _EMPTY
    new = objects.tree(after) if after else _EMPTY
    if after and not new and prefix:
        yield FileChange(prefix[:-1], None, (MODE_TREE, bytes.fromhex(after)))
    for name in names if names is not None else sorted(old or new):
        was, now = old.get(name), new.get(name)
        path = prefix + name
        if was is not None and now is not None and not _is_tree(was) and not _is_tree(now):
            yield FileChange(path, was, now)
            continue
        if was is not None and not _is_tree(was):
            yield FileChange(path, was, None)
        if _is_tree(was) or _is_tree(now):
            yield from diff_trees(
                objects,
                _oid(was) if was is not None and _is_tree(was) else None,
                _oid(now) if now is not None and _is_tree(now) else None,
                path + b"/",
            )
        if now is not None and not _is_tree(now):
            yield FileChange(path, None, now)


def diff_from_all(
    objects: Objects, befores: Sequence[Oid | None], after: Oid | None, prefix: bytes = b""
) -> Iterator[FileChange]:
    """Every file that ``after`` holds unlike each of ``befores``; ``before`` is the first one's.

    Descends only into folders that are unlike all of them, so that a merge costs what it changes
    itself and not what its sides do. Raises as :func:`diff_trees` does.
    """
    if after in befores:
        return
    if len(set(befores)) == 1:
        yield from diff_trees(objects, befores[0], after, prefix)
        return
    _check_nesting(prefix)
    new = objects.tree(after) if after else _EMPTY
    if after and not new and prefix:
        yield FileChange(prefix[:-1], None, (MODE_TREE, bytes.fromhex(after)))
    olds = [objects.tree(one) if one else _EMPTY for one in befores]
    for name in altered_names(olds[0], new):
        now, was = new.get(name), [old.get(name) for old in olds]
        if now in was:
            continue
        file = None if _is_tree(now) else now
        files = [None if _is_tree(one) else one for one in was]
        if file not in files:
            yield FileChange(prefix + name, files[0], file)
        if _is_tree(now) or all(_is_tree(one) for one in was):
            yield from diff_from_all(
                objects, [_folder(one) for one in was], _folder(now), prefix + name + b"/"
            )


def _folder(entry: Entry | None) -> Oid | None:
    return _oid(entry) if entry is not None and entry[0] == MODE_TREE else None


def _check_nesting(prefix: bytes) -> None:
    if len(prefix) > MAX_NESTING and prefix.count(b"/") > MAX_NESTING:
        raise RefusedError(
            "path.too-deep", f"folders lie inside each other more than {MAX_NESTING} times"
        )


def entry_at(objects: Objects, tree: Oid, path: bytes) -> Entry | None:
    """What a root tree holds at a path: a file, a folder, or None."""
    here = tree
    *folders, last = path.split(b"/")
    for folder in folders:
        entry = objects.tree(here).get(folder)
        if entry is None or not _is_tree(entry):
            return None
        here = _oid(entry)
    return objects.tree(here).get(last)


class _Merger:
    def __init__(self, objects: Objects, content: ContentMerge, id_of: IdOf) -> None:
        self.objects = objects
        self.content = content
        self.id_of = id_of
        self.conflicts: list[PathConflict] = []
        # Paths where one side deleted what the other edited: perhaps a rename.
        self.orphans: list[tuple[bytes, Entry, Entry, bool]] = []

    def merge(self, base: Oid | None, ours: Oid, theirs: Oid, prefix: bytes) -> Oid | None:
        """The merged folder; None when nothing is left in it."""
        if theirs in (ours, base):
            return ours
        if base == ours:
            return theirs
        _check_nesting(prefix)
        names = self.objects.altered(base, theirs) if base else None
        old = self.objects.tree(base) if base else _EMPTY
        mine, other = self.objects.tree(ours), self.objects.tree(theirs)
        result = dict(mine)
        altered: list[bytes] = []
        for name in names if names is not None else sorted(other):
            was = mine.get(name)
            entry = self.entry(old.get(name), was, other.get(name), prefix + name)
            if entry == was:
                continue
            altered.append(name)
            if entry is None:
                del result[name]
            else:
                result[name] = entry
        if not altered:
            return ours
        return self.objects.put_tree(result, ours, tuple(altered)) if result else None

    def entry(
        self, base: Entry | None, ours: Entry | None, theirs: Entry | None, path: bytes
    ) -> Entry | None:
        if theirs in (ours, base):
            return ours
        if base == ours:
            return theirs
        if ours is not None and theirs is not None and _is_tree(ours) and _is_tree(theirs):
            below = _oid(base) if base is not None and _is_tree(base) else None
            merged = self.merge(below, _oid(ours), _oid(theirs), path + b"/")
            return None if merged is None else (MODE_TREE, bytes.fromhex(merged))
        if ours is None or theirs is None:
            return self.one_deleted(base, ours, theirs, path)
        if _is_tree(ours) or _is_tree(theirs):
            self.conflicts.append(
                PathConflict(path, "one side made a file where the other made a folder")
            )
            return ours
        return self.file(base, ours, theirs, path)

    def one_deleted(
        self, base: Entry | None, ours: Entry | None, theirs: Entry | None, path: bytes
    ) -> Entry | None:
        kept = ours if ours is not None else theirs
        if base is None or kept is None:  # pragma: no cover - both None is equal, handled before
            return kept
        if _is_tree(base) and _is_tree(kept):
            # One side removed the folder; each file in it that the other left alone goes,
            # each that it edited is an orphan.
            below = self.folder_deleted(_oid(base), _oid(kept), path + b"/", by_ours=ours is None)
            return None if below is None else (MODE_TREE, bytes.fromhex(below))
        if _is_tree(base) or _is_tree(kept):
            self.conflicts.append(PathConflict(path, "one side removed what the other replaced"))
            return kept
        self.orphans.append((path, base, kept, ours is None))
        return None

    def folder_deleted(self, base: Oid, kept: Oid, prefix: bytes, *, by_ours: bool) -> Oid | None:
        old, new = self.objects.tree(base), self.objects.tree(kept)
        result: Tree = {}
        for name in self.objects.altered(base, kept):
            was, now = old.get(name), new.get(name)
            path = prefix + name
            ours, theirs = (None, now) if by_ours else (now, None)
            entry = self.entry(was, ours, theirs, path)
            if entry is not None:
                result[name] = entry
        return self.objects.put_tree(result) if result else None

    def file(self, base: Entry | None, ours: Entry, theirs: Entry, path: bytes) -> Entry | None:
        if ours[0] != theirs[0]:
            self.conflicts.append(PathConflict(path, "the two sides gave the file different modes"))
            return ours
        if base is None or _is_tree(base):
            self.conflicts.append(
                PathConflict(path, "both sides added this file with different content")
            )
            return ours
        merged = self.content(
            path,
            self.objects.blob(_oid(base)),
            self.objects.blob(_oid(ours)),
            self.objects.blob(_oid(theirs)),
        )
        if not isinstance(merged, bytes):
            self.conflicts.append(PathConflict(path, merged.why, merged.line, merged.fields))
            return ours
        return ours[0], bytes.fromhex(self.objects.put_blob(merged))

    def settle_orphans(
        self, base: Oid | None, ours: Oid, theirs: Oid, merged: Oid | None
    ) -> Oid | None:
        """Give each edit of a file that the other side moved to the file's new place."""
        moved: dict[bool, dict[str, bytes | None]] = {}
        taken: set[bytes] = set()
        for path, was, kept, by_ours in self.orphans:
            if by_ours not in moved:
                moved[by_ours] = self.arrivals(base, ours if by_ours else theirs)
            identity = self.id_of(_oid(was))
            target = moved[by_ours].get(identity) if identity is not None else None
            if target in taken:
                target = None  # a second edit would replace the first
            there = entry_at(self.objects, ours if by_ours else theirs, target) if target else None
            if target is None or there is None:
                self.conflicts.append(
                    PathConflict(path, "one side removed this file, the other edited it")
                )
                continue
            taken.add(target)
            entry = (
                self.file(was, there, kept, target)
                if by_ours
                else self.file(was, kept, there, target)
            )
            if entry is not None and merged is not None:
                merged = edit_tree(self.objects, merged, {target: entry})
        return merged

    def arrivals(self, base: Oid | None, side: Oid) -> dict[str, bytes | None]:
        """Artifact id -> path, for the files that a side added; None where two carry one id."""
        found: dict[str, bytes | None] = {}
        for change in diff_trees(self.objects, base, side):
            if change.before is None and change.after is not None:
                identity = self.id_of(_oid(change.after))
                if identity is not None:
                    found[identity] = None if identity in found else change.path
        return found

    def moved_apart(self, base: Oid | None, ours: Oid, theirs: Oid) -> None:
        """Refuse one artifact that both sides took from its place, unless they agree where to."""
        # Lists, because two files may carry one id: that is a mistake, and must not hide a move.
        left: dict[str, list[bytes]] = {}
        arrived: dict[str, bytes | None] = {}
        for change in diff_trees(self.objects, base, theirs):
            if change.before is not None and change.after is not None:
                continue
            identity = self.id_of(_oid(change.before or change.after or (b"", b"")))
            if identity is None:
                continue
            if change.after is None:
                left.setdefault(identity, []).append(change.path)
            else:
                arrived[identity] = None if identity in arrived else change.path
        gone = {
            one: [path for path in paths if not _is_file(entry_at(self.objects, ours, path))]
            for one, paths in left.items()
        }
        both = [one for one, paths in gone.items() if paths]
        # Our own side is only looked through when both took the same one away: it may be long.
        mine = self.arrivals(base, ours) if both else {}
        for identity in sorted(both):
            here, there = mine.get(identity), arrived.get(identity)
            if identity in mine and identity in arrived and here == there is not None:
                continue
            if identity in mine and identity in arrived:
                why = f"both sides moved the artifact {identity}, to different places"
            elif identity in mine or identity in arrived:
                why = f"one side removed the artifact {identity}, the other moved it"
            else:
                continue
            # The same path whichever side is which.
            places = [path for path in (here, there) if path is not None]
            self.conflicts.append(PathConflict(min(places, default=gone[identity][0]), why))


def merge_trees(
    objects: Objects,
    base: Oid | None,
    ours: Oid,
    theirs: Oid,
    *,
    content: ContentMerge,
    id_of: IdOf,
) -> TreeMerge:
    """Merge two root trees over a base (None = nothing in common).

    Returns a tree or the conflicts, ordered by path. Deterministic and symmetric in the sides.
    """
    if base in (ours, theirs) or ours == theirs:
        return TreeMerge(theirs if base == ours else ours)
    merger = _Merger(objects, content, id_of)
    merged = merger.merge(base, ours, theirs, b"")
    if merger.orphans:
        merged = merger.settle_orphans(base, ours, theirs, merged)
    merger.moved_apart(base, ours, theirs)
    if merger.conflicts:
        order = sorted(
            set(merger.conflicts), key=lambda item: (item.path, item.why, item.line or 0)
        )
        return TreeMerge(None, tuple(order))
    return TreeMerge(merged if merged is not None else objects.put_tree({}))
