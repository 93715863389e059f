"""Markdown files in any folder, and the schema that they go by: for lint, fmt and import."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from gitsync.codec import presets, schemafile
from gitsync.domain.errors import EnvironmentFault, UsageError
from gitsync.domain.frozen import frozen
from gitsync.storage.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gitsync.domain.schema import Schema

MAX_FILE_BYTES = 16 << 20
_ENDINGS = (".md", ".markdown")
_MOST_FOLDERS = 8


@frozen
class Folder:
    """Where files are read and by which schema. ``ledger``: paths are those of the space."""

    root: Path
    schema: Schema
    ledger: bool

    def typed(self, name: str) -> str | None:
        """The type of a file that names none.

        Outside a ledger nobody knows where a path of the schema begins: any end of the file's
        own path may match, and the only type of a schema is that of every file.
        """
        if self.ledger:
            return self.schema.type_at(name)
        parts = PurePosixPath(self.root, name).parts[-_MOST_FOLDERS:]
        for start in range(len(parts)):
            found = self.schema.type_at("/".join(parts[start:]))
            if found is not None:
                return found
        return next(iter(self.schema.types)) if len(self.schema.types) == 1 else None


def open_folder(cwd: Path, paths: Sequence[str], preset: str | None) -> Folder:
    """The folder that holds all of ``paths`` (none: the current one), with its schema.

    The schema is that of ``preset``, or the nearest ``.gitsync/schema.yaml`` above. Raises
    UsageError ``folder.no-schema``, ``preset.unknown``, EnvironmentFault ``folder.missing`` and
    what the schema's decoder raises.
    """
    places = [existing(cwd, path) for path in paths or (".",)]
    common = Path(os.path.commonpath(places))
    start = common if common.is_dir() else common.parent
    root = next((one for one in (start, *start.parents) if (one / schemafile.FILE).is_file()), None)
    if preset is not None:
        schema = schemafile.parse(presets.load(preset).schema, f"preset {preset}")
        return Folder(root or start, schema, root is not None)
    if root is None:
        raise UsageError(
            "folder.no-schema", f"{start} lies in no ledger, so nothing says what its files are",
            hint=f"name a preset: --preset {'|'.join(presets.list_presets())}",
        )  # fmt: skip
    file = root / schemafile.FILE
    return Folder(root, schemafile.parse(file.read_bytes(), schemafile.FILE), ledger=True)


def existing(cwd: Path, path: str) -> Path:
    place = (cwd / path).resolve()
    if not place.exists():
        raise EnvironmentFault(
            "folder.missing", f"there is no file or folder {path}",
            hint="name it as it is reached from here; . stands for all that is here",
        )  # fmt: skip
    return place


def files(folder: Folder) -> Iterator[tuple[str, bytes]]:
    """(path below the root, content) of every Markdown file, ordered by path.

    In a work tree of git these are the files that git knows or would add. Nothing below a folder
    whose name begins with a dot, no symbolic link, nothing above ``MAX_FILE_BYTES``.
    """
    for name in sorted(_names(folder.root)):
        place = folder.root / name
        if place.is_symlink() or not place.is_file() or place.stat().st_size > MAX_FILE_BYTES:
            continue
        yield name, place.read_bytes()


def _names(root: Path) -> set[str]:
    try:
        repo = Repository.open(root)
    except EnvironmentFault:
        repo = None
    if repo is None or repo.work_tree is None or not (root / ".git").exists():
        return set(_walk(root, ""))
    out = repo.git("ls-files", "-z", "--cached", "--others", "--exclude-standard").out
    found = out.decode("utf-8", "surrogateescape").split("\0")
    return {name for name in found if name.endswith(_ENDINGS) and not name.startswith(".")}


def _walk(root: Path, prefix: str) -> Iterator[str]:
    with os.scandir(root / prefix) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(root, f"{prefix}{entry.name}/")
            elif entry.name.endswith(_ENDINGS):
                yield prefix + entry.name


def selected(folder: Folder, cwd: Path, paths: Sequence[str]) -> Iterator[str]:
    """``paths`` as names below the folder's root; a folder's name ends with ``/``."""
    for path in paths:
        place = (cwd / path).resolve()
        name = place.relative_to(folder.root).as_posix()
        yield "" if name == "." else f"{name}/" if place.is_dir() else name


def is_selected(name: str, chosen: Sequence[str]) -> bool:
    """Whether a file is one of the chosen ones; all are where none was chosen."""
    return not chosen or any(
        one in {name, ""} or (one.endswith("/") and name.startswith(one)) for one in chosen
    )
