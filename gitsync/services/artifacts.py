"""Artifacts as people handle them: find one by a prefix of its id, list them, read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import frontmatter
from gitsync.codec.artifactentry import entry_of
from gitsync.domain.artifact import ArtifactHead, resolve
from gitsync.domain.errors import EnvironmentFault, GitsyncError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import parse_position
from gitsync.domain.objects import MODE_FILE, MODE_TREE, Oid
from gitsync.domain.query.records import PATH_MARK

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitsync.domain.schema import Schema
    from gitsync.services.catalogue import Catalogue
    from gitsync.services.workspace import Workspace
    from gitsync.storage.facts import StoreFacts

MAX_ARTIFACT_BYTES = 16 << 20
NO_HEAD = ArtifactHead(None, None, None, None)


@frozen
class Artifact:
    """One artifact: where it lies and what its front matter says. ``problem`` is set, and the
    head empty, when the front matter cannot be read."""

    path: str
    head: ArtifactHead
    raw: bytes
    problem: str | None = None


def _is_markdown(name: str) -> bool:
    return name.endswith((".md", ".markdown"))


def working_files(ws: Workspace) -> Iterator[tuple[str, bytes]]:
    """(path, content) of every Markdown file in the work tree that git knows or would add."""
    tree = ws.work_tree()
    out = ws.repo.git("ls-files", "-z", "--cached", "--others", "--exclude-standard").out
    for name in sorted(set(out.decode("utf-8", "surrogateescape").split("\0"))):
        path = tree.root / name
        if not _is_markdown(name) or name.startswith(".gitsync/") or path.is_symlink():
            continue
        try:
            if path.stat().st_size <= MAX_ARTIFACT_BYTES:
                yield name, path.read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            continue  # deleted or replaced, and git has not been told yet


def tree_files(facts: StoreFacts, tree: Oid, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """(path, content) of every Markdown file of a tree."""
    for name, (mode, raw) in facts.tree(tree).items():
        path = prefix + name.decode("utf-8", "replace")
        oid = Oid(raw.hex())
        if mode == MODE_TREE and path != ".gitsync":
            yield from tree_files(facts, oid, path + "/")
        elif mode == MODE_FILE and _is_markdown(path):
            yield path, facts.blob(oid)


def _artifact(path: str, raw: bytes, schema: Schema) -> Artifact | None:
    from gitsync.codec.frontmatter_head import head as read_head

    try:
        head = read_head(raw, schema, path)
    except GitsyncError as error:
        return Artifact(path, NO_HEAD, raw, str(error))
    return Artifact(path, head, raw) if head is not None and head.id else None


def listing(ws: Workspace, at: str | None = None) -> list[Artifact]:
    """Every artifact in the work tree, or in a snapshot (``common@N``), ordered by path."""
    schema = ws.settings().schema
    found = [_artifact(path, raw, schema) for path, raw in _files(ws, at)]
    return [one for one in found if one is not None]


def _files(ws: Workspace, at: str | None) -> Iterator[tuple[str, bytes]]:
    return working_files(ws) if at is None else tree_files(ws.facts, tree_at(ws, at))


def tree_at(ws: Workspace, at: str) -> Oid:
    """The root tree of a verified position. Raises UsageError ``position.unknown``."""
    return ws.facts.commit(commit_at(ws, at)).tree


def commit_at(ws: Workspace, at: str) -> Oid:
    """The commit of a verified position written as ``common@7``, ``@7`` or ``common``."""
    from gitsync.services.chain import ready_index

    verified = ws.verified()
    if at == ws.space:
        return verified.commit
    position = parse_position(at if not at.startswith("@") else ws.space + at)
    if position is None or position[0] != ws.space:
        raise UsageError(
            "position.malformed", f"{at!r} is not a position", hint=f"write: {ws.space}@7"
        )
    if position[1] > verified.number:
        raise UsageError(
            "position.unknown",
            f"{at} is not verified here; the newest is {ws.space}@{verified.number}",
            hint="gitsync pull",
        )  # fmt: skip
    index = ws.index()
    try:
        ready_index(ws.facts, index, verified.anchor, verified.number, verified.commit)
        return index.snapshot(position[1])
    finally:
        index.close()


def pick(found: list[Artifact], text: str) -> Artifact:
    """The one artifact that an id, a unique prefix of it, or a path names."""
    for one in found:
        if one.path == text:
            return one
    by_id = {one.head.id: one for one in found if one.head.id}
    return by_id[resolve(text, by_id)]


def find(ws: Workspace, tree: Oid, schema: Schema, text: str) -> Artifact:
    """An artifact of a tree, by an id or a unique prefix. Raises UsageError ``artifact.*``."""
    found = [_artifact(path, raw, schema) for path, raw in tree_files(ws.facts, tree)]
    return pick([one for one in found if one is not None], text)


def look_up(catalogue: Catalogue, text: str) -> Artifact:
    """The artifact that an id, a unique beginning of one, or a path names.

    The index only says where to look: what comes back is what the file says. Raises UsageError
    ``artifact.*``, EnvironmentFault ``index.busy`` where the file says something else.
    """
    rows = catalogue.named(text)
    if not (rows and rows[0].path == text):
        ids = {row.id for row in rows if row.id and row.id.startswith(text)}
        wanted = resolve(text, ids or catalogue.ids())
        rows = [row for row in rows if row.id == wanted]
    row = rows[-1]
    raw = catalogue.content(row)
    entry = entry_of(raw, catalogue.vocabulary)
    if entry is None or (entry.id, bool(entry.problem)) != (row.id, bool(row.problem)):
        raise EnvironmentFault("index.busy", f"{row.path} is not what the index says")
    head = ArtifactHead(entry.id, entry.type or row.type, entry.status, entry.title)
    problem = entry.problem.replace(PATH_MARK, row.path) if entry.problem else None
    return Artifact(row.path, head if not problem else NO_HEAD, raw, problem)


def show(ws: Workspace, text: str, at: str | None = None) -> Artifact:
    """One artifact of the work tree, or of a snapshot. Raises UsageError ``artifact.*``."""
    from gitsync.services.catalogue import reading

    return reading(ws, lambda catalogue: look_up(catalogue, text), at=at)


def fields_of(artifact: Artifact) -> Mapping[str, object]:
    """The front matter of an artifact as plain values, in its own order."""
    document = frontmatter.parse(artifact.raw, artifact.path)
    return {name: document.value(name) for name in document.names} if document else {}
