"""``lint``: everything that is wrong with the artifacts of a folder, with its place."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.codec import lintfile, schemafile
from gitsync.domain.errors import FormatError, Where
from gitsync.domain.frozen import frozen
from gitsync.domain.lint import Entry, Finding, lint
from gitsync.services import folders

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitsync.services.host import Host


@frozen
class Linted:
    """How many files were read, how many artifacts were among them, and what is wrong."""

    files: int
    artifacts: int
    findings: tuple[Finding, ...]


def lint_paths(host: Host, paths: Sequence[str] = (), preset: str | None = None) -> Linted:
    """Lint files and folders, by default the current folder.

    All files of a ledger are read, for a link may lead anywhere in it; findings are those of
    ``paths``. A schema that cannot be read is the only finding. Raises what
    :func:`folders.open_folder` does.
    """
    try:
        folder = folders.open_folder(host.cwd, paths, preset)
    except FormatError as error:
        where = error.where or Where(schemafile.FILE)
        return Linted(0, 0, (Finding(error.code, error.message, where, error.hint),))
    chosen = tuple(folders.selected(folder, host.cwd, paths))
    entries: list[Entry] = []
    wrong: list[Finding] = []
    count = 0
    for name, raw in folders.files(folder):
        if not folder.ledger and not folders.is_selected(name, chosen):
            continue
        found = lintfile.read(raw, name, folder.schema, folder.typed(name))
        count += folders.is_selected(name, chosen)
        if isinstance(found, Finding):
            wrong.append(found)
        elif found is not None:
            entries.append(found)
    wrong += lint(entries, folder.schema)
    here = [one for one in wrong if folders.is_selected(one.where.file or "", chosen)]
    artifacts = sum(one.head.id is not None for one in entries
                    if folders.is_selected(one.path, chosen))  # fmt: skip
    shown = sorted((_shown(host, folder, one) for one in here), key=_order)
    return Linted(count, artifacts, tuple(shown))


def _shown(host: Host, folder: folders.Folder, one: Finding) -> Finding:
    """The finding with its file as it is reached from the current folder."""
    place = folder.root / (one.where.file or "")
    if not place.is_relative_to(host.cwd):
        return one if folder.ledger else replace(one, where=replace(one.where, file=str(place)))
    name = place.relative_to(host.cwd).as_posix()
    return replace(one, where=replace(one.where, file=name))


def _order(one: Finding) -> tuple[str, int, int, str]:
    where = one.where
    return (where.file or "", where.line or 0, where.column or 0, one.code)
