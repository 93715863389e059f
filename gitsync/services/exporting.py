"""``export``: one verified snapshot as a folder of plain files, the same bytes every time."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gitsync.codec import frontmatter, lintfile
from gitsync.domain.errors import BugError, RefusedError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.links import Directory
from gitsync.domain.lint import Entry
from gitsync.domain.merge.trees import diff_trees
from gitsync.domain.objects import MODE_FILE, Oid
from gitsync.domain.paths import segment_problem
from gitsync.services.artifacts import commit_at, tree_files
from gitsync.storage.batchfiles import sweep
from gitsync.storage.durable import (
    TEMPORARY,
    make_folder,
    move_file,
    remove_tree,
    rename_file,
    reporting,
    sync_file,
    sync_folder,
    write_whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitsync.domain.schema import Schema
    from gitsync.services.workspace import Workspace

FORMATS = ("md", "json", "sqlite")
SUMS = "SHA256SUMS"


@frozen
class Exported:
    """A folder that holds a snapshot. ``written`` is False where it did so already."""

    commit: Oid
    folder: Path
    files: int
    written: bool


def export(ws: Workspace, at: str, to: str, form: str = "md") -> Exported:
    """Write the snapshot ``at`` (``common@7``) into the folder ``to``.

    The folder appears whole or not at all, with a list of checksums that ``sha256sum -c`` reads.
    One that is there may be empty or an earlier export as it was written; with anything else in
    it RefusedError ``export.foreign`` names that, and nothing changes. Raises UsageError
    ``export.format``, ``export.inside``, ``position.*``; EnvironmentFault where the disk fails.
    """
    if form not in FORMATS:
        raise UsageError(
            "export.format", f"there is no format {form!r}", hint="formats: " + ", ".join(FORMATS)
        )
    commit = commit_at(ws, at)
    target = Path(os.path.abspath(ws.host.cwd / to))  # noqa: PTH100 - a link's own place counts
    if target.resolve().is_relative_to(ws.work_tree().root.resolve()):
        raise UsageError(
            "export.inside", f"{to} lies in the ledger's own files: it would be proposed with them",
            hint="name a folder outside of it: --to ../export",
        )  # fmt: skip
    _refuse_foreign(target)
    make_folder(target.parent)
    sweep(target.parent)
    draft = target.with_name(f"{TEMPORARY}{os.getpid()}_{os.urandom(6).hex()}")
    try:
        make_folder(draft)
        _write(ws, commit, draft, form)
        sums = _sums(draft)
        _seal(draft, sums, ws.facts.commit(commit).committer.seconds)
        written = (target / SUMS).read_bytes() != sums if (target / SUMS).is_file() else True
        if written:
            _put(draft, target)
    finally:
        if draft.exists():
            remove_tree(draft)
    if _sums(target) != sums:
        raise BugError("export.not-written", f"{target} does not read back as written")
    return Exported(commit, target, sums.count(b"\n"), written)


def _write(ws: Workspace, commit: Oid, folder: Path, form: str) -> None:
    tree = ws.facts.commit(commit).tree
    if form == "md":
        for name, raw in _files(ws, tree):
            place = folder / name
            make_folder(place.parent)
            write_whole(place, raw)
        return
    schema = ws.facts.settings(tree).schema
    about = {
        "schema": "gitsync/export/1", "ledger": str(ws.ledger()), "space": ws.space,
        "commit": str(commit),
    }  # fmt: skip
    artifacts = list(_artifacts(dict(tree_files(ws.facts, tree)), schema))
    if form == "json":
        text = json.dumps({**about, "artifacts": artifacts}, indent=1, default=str)
        write_whole(folder / "artifacts.json", text.encode() + b"\n")
        return
    _database(folder / "artifacts.sqlite", about, artifacts)


def _files(ws: Workspace, tree: Oid) -> Iterator[tuple[str, bytes]]:
    """Every file of a tree. What a founder may have put there is not trusted to be a path.

    Raises RefusedError ``path.name``.
    """
    for change in diff_trees(ws.facts, None, tree):
        if change.after is None or change.after[0] != MODE_FILE:
            continue
        problem = next((why for one in change.path.split(b"/") if (why := segment_problem(one))),
                       None)  # fmt: skip
        if problem is not None or change.path == SUMS.encode():
            path = change.path.decode("utf-8", "replace")
            raise RefusedError(
                "path.name", f"{path!r} {problem or 'would stand where the checksums do'}",
                hint="the other formats need no paths: --format json",
            )  # fmt: skip
        yield change.path.decode(), ws.facts.blob(Oid(change.after[1].hex()))


def _artifacts(files: Mapping[str, bytes], schema: Schema) -> Iterator[dict[str, Any]]:
    """Every artifact as plain values, ordered by path; links with the ids that they lead to."""
    read = (lintfile.read(raw, name, schema) for name, raw in sorted(files.items()))
    entries = [one for one in read if isinstance(one, Entry) and one.head.id]
    book = Directory((one.head.id or "", one.path) for one in entries)
    for one in entries:
        raw = files[one.path]
        document = frontmatter.parse(raw, one.path)
        if document is None:
            continue
        links = [
            {"field": link.field, "name": name, "id": book.find(name, link, one.path)}
            for link, names in one.links for name in names
        ]  # fmt: skip
        yield {
            "path": one.path, "id": one.head.id, "type": one.head.type,
            "status": one.head.status, "title": one.head.title,
            "sha256": hashlib.sha256(raw).hexdigest(),
            "fields": {name: document.value(name) for name in document.names},
            "links": links, "body": document.body.decode("utf-8", "replace"),
        }  # fmt: skip


def _database(path: Path, about: Mapping[str, str], artifacts: list[dict[str, Any]]) -> None:
    from gitsync.storage.exportdb import Rows, write_database

    rows = Rows(
        about=list(about.items()),
        artifacts=[tuple(one[name] for name in ("path", "id", "type", "status", "title", "sha256",
                                                "body"))
                   for one in artifacts],
        fields=[(one["path"], place, name, json.dumps(value, default=str))
                for one in artifacts for place, (name, value) in enumerate(one["fields"].items())],
        links=[(one["path"], link["field"], place, link["name"], link["id"])
               for one in artifacts for place, link in enumerate(one["links"])],
    )  # fmt: skip
    write_database(path, rows)


def _sums(folder: Path) -> bytes:
    """What ``SHA256SUMS`` says of the folder, ordered by path."""
    lines = []
    for place in sorted(folder.rglob("*"), key=lambda one: one.relative_to(folder).as_posix()):
        name = place.relative_to(folder).as_posix()
        if place.is_file() and name != SUMS:
            lines.append(f"{hashlib.sha256(place.read_bytes()).hexdigest()}  {name}\n")
    return "".join(lines).encode()


def _seal(folder: Path, sums: bytes, seconds: int) -> None:
    """Add the checksums, date everything to the snapshot, and have it all on disk."""
    write_whole(folder / SUMS, sums)
    with reporting(folder):
        for place in sorted(folder.rglob("*"), reverse=True):
            if place.is_file():
                os.utime(place, (seconds, seconds))
                sync_file(place)
            else:
                sync_folder(place)
                os.utime(place, (seconds, seconds))
        sync_folder(folder)


def _refuse_foreign(folder: Path) -> None:
    """Raises RefusedError where the folder holds anything but an unchanged export."""
    if not (folder.exists() or folder.is_symlink()):
        return
    if folder.is_symlink() or not folder.is_dir():
        raise _foreign(folder, "it is no folder")
    inside = {place.relative_to(folder).as_posix(): place for place in folder.rglob("*")}
    if not inside:
        return
    try:
        lines = (folder / SUMS).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise _foreign(folder, f"it holds {min(inside)}, and no export") from None
    known = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    for name, place in sorted(inside.items()):
        if place.is_symlink() or (not place.is_dir() and name != SUMS and (
            name not in known or hashlib.sha256(place.read_bytes()).hexdigest() != known[name]
        )):  # fmt: skip
            raise _foreign(folder, f"{name} is not as an export has left it")


def _foreign(folder: Path, why: str) -> RefusedError:
    return RefusedError(
        "export.foreign", f"{folder} is not overwritten: {why}",
        hint="name another folder, or move that one away",
    )  # fmt: skip


def _put(draft: Path, target: Path) -> None:
    """Give the finished folder its name; an earlier export steps aside first."""
    aside = target.with_name(draft.name + "_old")
    if target.exists():
        rename_file(target, aside)
    move_file(draft, target)
    if aside.exists():
        remove_tree(aside)
