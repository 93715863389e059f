"""The files that ``import`` is given: what they are called, where they belong, of which type."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from gitsync.domain.errors import RefusedError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.services import folders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.domain.artifacttype import ArtifactType
    from gitsync.domain.schema import Schema

STDIN = "-"
_MOST_LEAD = 3


@frozen
class Source:
    """Files by name below the source's folder. ``lead`` is what stands before a name where it
    goes; ``in_place`` says that the files lie where they shall stay."""

    files: Mapping[str, bytes]
    lead: PurePosixPath
    in_place: bool

    def path(self, name: str) -> str:
        """Where a file lies, or would lie if nothing else is said."""
        return str(self.lead / name)


def open_source(cwd: Path, here: folders.Folder, source: str, text: bytes) -> Source:
    """The files of a folder, one file, or ``-``: one text from standard input.

    Raises RefusedError ``import.nothing``, EnvironmentFault ``folder.missing``.
    """
    if source == STDIN:
        return Source({STDIN: text}, PurePosixPath(), in_place=False)
    place = folders.existing(cwd, source)
    root = place if place.is_dir() else place.parent
    found = folders.files(folders.Folder(root, here.schema, ledger=False))
    files = {name: raw for name, raw in found if place.is_dir() or root / name == place}
    if not files:
        raise RefusedError(
            "import.nothing", f"there is no Markdown in {source}",
            hint="name a folder, a file that ends with .md, or - for standard input",
        )  # fmt: skip
    if root.is_relative_to(here.root):
        lead = PurePosixPath(root.relative_to(here.root).as_posix())
        return Source(files, lead, in_place=True)
    return Source(files, _lead(root, list(files), here.schema), in_place=False)


def _lead(root: Path, names: list[str], schema: Schema) -> PurePosixPath:
    """As much of the source's own path as lets the most files tell their type: ``backlog``.

    Of several that tell as much the longest: ``docs/adr`` rather than ``adr``.
    """
    best, most = PurePosixPath(), 0
    for count in range(min(_MOST_LEAD, len(root.parts))):
        lead = PurePosixPath(*root.parts[len(root.parts) - count :]) if count else PurePosixPath()
        told = sum(schema.type_at(str(lead / name)) is not None for name in names)
        if told and told >= most:
            best, most = lead, told
    return best


def type_of(
    source: Source, name: str, said: str | None, asked: str | None, schema: Schema
) -> ArtifactType | None:
    """The type of a file: the one that was asked for, that it ``said`` itself, or that its path
    tells. None where only other files tell theirs.

    Where no file tells, it is the only type of the schema. Raises UsageError ``import.type``
    where there are several.
    """
    types = schema.types
    for named in (asked, said, schema.type_at(source.path(name))):
        if named is not None and named in types:
            return types[named]
    if any(schema.type_at(source.path(other)) is not None for other in source.files):
        return None
    if len(types) > 1:
        raise UsageError(
            "import.type", f"nothing tells which type {name} is of",
            hint=f"say it: --type {'|'.join(types)}",
        )  # fmt: skip
    return next(iter(types.values()))
