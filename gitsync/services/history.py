"""What happened to artifacts: between two positions, and to one of them through all snapshots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import frontmatter
from gitsync.codec.artifactentry import entry_of
from gitsync.domain.errors import UsageError
from gitsync.domain.fieldchanges import FieldChange, field_changes, unified
from gitsync.domain.frozen import frozen
from gitsync.domain.names import parse_position
from gitsync.domain.query.vocabulary import vocabulary_of
from gitsync.services.artifacts import commit_at, show
from gitsync.services.status import LogEntry, log
from gitsync.storage.artifactindex import is_artifact_path, read_file
from gitsync.storage.trees import EMPTY_TREE, TreeReader
from gitsync.storage.workscan import WorkScan

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gitsync.codec.artifactentry import Entry
    from gitsync.domain.objects import Oid
    from gitsync.domain.query.vocabulary import Vocabulary
    from gitsync.services.workspace import Workspace

ALL_SNAPSHOTS = 1 << 40


@frozen
class Version:
    """An artifact in one tree: where it lies, what it says, its bytes."""

    path: str
    entry: Entry
    raw: bytes


@frozen
class ArtifactDiff:
    """One artifact before and after; None where it was not there, or could not be read."""

    id: str
    before: Version | None
    after: Version | None

    @property
    def fields(self) -> tuple[FieldChange, ...]:
        """The fields that differ."""
        before = self.before.entry.fields if self.before else {}
        return field_changes(before, self.after.entry.fields if self.after else {})

    def body(self) -> list[str]:
        """The lines of the body that differ, with some around them."""
        return unified(_body(self.before), _body(self.after))

    @property
    def path(self) -> str:
        """Where it lies, or lay last."""
        found = self.after or self.before
        return found.path if found is not None else ""

    @property
    def title(self) -> str | None:
        """The newest title."""
        found = self.after or self.before
        return found.entry.title if found is not None else None


@frozen
class Diff:
    """What differs between two trees: artifacts by id, and the paths of other files."""

    artifacts: tuple[ArtifactDiff, ...]
    files: tuple[str, ...]


@frozen
class Touch:
    """A snapshot that changed an artifact, and how."""

    snapshot: LogEntry
    change: ArtifactDiff


# path, content before, content after
_Pair = tuple[bytes, bytes | None, bytes | None]


def _body(version: Version | None) -> bytes:
    if version is None:
        return b""
    document = frontmatter.parse(version.raw)
    return document.body if document is not None else version.raw


def versions(pairs: Iterable[_Pair], words: Vocabulary) -> tuple[list[ArtifactDiff], list[str]]:
    """Changed files as changed artifacts, matched by id, and the paths of what is none."""
    sides: tuple[dict[str, Version], dict[str, Version]] = ({}, {})
    other: dict[str, None] = {}
    for path, *raws in pairs:
        name = path.decode("utf-8", "surrogateescape")
        known = False
        for side, raw in zip(sides, raws, strict=True):
            entry = entry_of(raw, words) if raw is not None and is_artifact_path(path) else None
            if raw is not None and entry is not None and entry.id is not None:
                side.setdefault(entry.id, Version(name, entry, raw))
                known = True
        if not known:
            other[name] = None
    ids = sorted({*sides[0], *sides[1]}, key=lambda one: _place(sides, one))
    return [ArtifactDiff(one, sides[0].get(one), sides[1].get(one)) for one in ids], list(other)


def _place(sides: tuple[dict[str, Version], dict[str, Version]], ident: str) -> str:
    found = sides[1].get(ident) or sides[0].get(ident)
    return found.path if found is not None else ""


def diff(ws: Workspace, span: str | None) -> Diff:
    """What differs between ``common@3..common@7``; between ``common@3`` and the files here; None:
    between the newest verified snapshot and the files here.

    Raises UsageError ``position.*``.
    """
    left, dots, right = (span or ws.space).partition("..")
    before = _tree(ws, left or ws.space)
    trees = TreeReader(ws.repo.work_tree or ws.repo.git_dir)
    if dots:
        pairs = _between(trees, before, _tree(ws, right or ws.space))
    else:
        pairs = _to_files(ws, trees, before)
    artifacts, files = versions(pairs, vocabulary_of(ws.settings().schema))
    return Diff(tuple(one for one in artifacts if one.before != one.after), tuple(files))


def compare(ws: Workspace, before: Oid, after: Oid) -> Diff:
    """What differs between two trees."""
    pairs = _between(TreeReader(ws.repo.work_tree or ws.repo.git_dir), before, after)
    artifacts, files = versions(pairs, vocabulary_of(ws.settings().schema))
    return Diff(tuple(one for one in artifacts if one.before != one.after), tuple(files))


def _tree(ws: Workspace, at: str) -> Oid:
    return ws.facts.commit(commit_at(ws, at)).tree


def _between(trees: TreeReader, before: Oid, after: Oid) -> Iterator[_Pair]:
    for _, changes in trees.histories([(before, after)]):
        contents = _contents(trees, (oid for one in changes for oid in one[1:]))
        for path, old, new in changes:
            yield path, contents.get(old) if old else None, contents.get(new) if new else None


def _contents(trees: TreeReader, oids: Iterable[Oid | None]) -> dict[Oid, bytes]:
    return dict(trees.contents(list(dict.fromkeys(oid for oid in oids if oid is not None))))


def _to_files(ws: Workspace, trees: TreeReader, before: Oid) -> Iterator[_Pair]:
    files = ws.work_tree()
    scanned = WorkScan(files.repo.git_dir, files.root).result()
    head = trees.named(f"{scanned.commit}^{{tree}}")[0] if scanned.commit else EMPTY_TREE
    for pair in _between(trees, before, head):
        if pair[0] not in scanned.paths:
            yield pair
    over = sorted(scanned.paths)
    then = {entry.path: entry.oid for entry in trees.some(before, over)}
    contents = _contents(trees, then.values())
    for path in over:
        old = contents[then[path]] if path in then else None
        new = read_file(files.root, path)
        if old != new:
            yield path, old, new


def touches(ws: Workspace, text: str, *, start: str | None = None, limit: int) -> list[Touch]:
    """The newest ``limit`` snapshots up to ``start`` that changed the artifact that ``text``
    names: by its id, or any beginning that no other artifact of all history shares.

    Raises UsageError ``artifact.unknown`` or ``artifact.ambiguous``.
    """
    from gitsync.domain.artifact import resolve

    chain = log(ws, limit=ALL_SNAPSHOTS, start=start)
    found = list(_touched(ws, chain, text))
    ids = {touch.change.id for touch in found}
    if not ids:
        resolve(text, ())
    ident = resolve(text, ids)
    return [touch for touch in found if touch.change.id == ident][:limit]


def _touched(ws: Workspace, chain: list[LogEntry], text: str) -> Iterator[Touch]:
    words = vocabulary_of(ws.settings().schema)
    trees = TreeReader(ws.repo.work_tree or ws.repo.git_dir)
    roots = [ws.facts.commit(one.commit).tree for one in chain] + [EMPTY_TREE]
    told = list(trees.histories([(roots[at + 1], roots[at]) for at in range(len(chain))]))
    oids = {oid: None for _, changes in told for path, *both in changes
            if is_artifact_path(path) for oid in both if oid is not None}  # fmt: skip
    likely = _likely(trees, list(oids), text.encode("utf-8", "replace"))
    for at, changes in told:
        pairs = (
            (path, likely.get(old) if old else None, likely.get(new) if new else None)
            for path, old, new in changes
            if old in likely or new in likely
        )
        for change in versions(pairs, words)[0]:
            if change.id.startswith(text) and change.before != change.after:
                yield Touch(chain[at], change)


def _likely(trees: TreeReader, oids: list[Oid], wanted: bytes) -> dict[Oid, bytes]:
    """The contents that hold the text, or may spell it with escapes: others cannot have it in
    their id."""
    return {
        oid: raw
        for oid, raw in trees.contents(oids)
        if wanted in raw or b"\\" in raw[: frontmatter.MAX_HEADER_BYTES]
    }


def is_position(text: str) -> bool:
    """Whether a text is a position or a range of them, rather than an artifact."""
    parts = text.split("..")
    return all(
        not part or parse_position(part if not part.startswith("@") else f"x{part}") is not None
        for part in parts
    )


def only(ws: Workspace, found: Diff, text: str) -> ArtifactDiff | None:
    """The one changed artifact that ``text`` names, None if nothing of it changed.

    Raises UsageError ``artifact.*`` for what names no artifact, here either.
    """
    from gitsync.domain.artifact import resolve

    ids = [one.id for one in found.artifacts]
    by_path = [one.id for one in found.artifacts for side in (one.before, one.after)
               if side is not None and side.path == text]  # fmt: skip
    try:
        ident = by_path[0] if by_path else resolve(text, ids)
    except UsageError as error:
        if error.code != "artifact.unknown":
            raise
        show(ws, text)
        return None
    return next(one for one in found.artifacts if one.id == ident)
