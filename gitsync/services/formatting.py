"""``fmt``: front matter in canonical form, bodies as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import lintfile
from gitsync.codec.canonical import canonical
from gitsync.domain.artifact import resolve
from gitsync.domain.errors import FormatError, UsageError, Where
from gitsync.domain.frozen import frozen
from gitsync.domain.globs import compile_glob
from gitsync.domain.links import Directory
from gitsync.domain.lint import Entry, Finding
from gitsync.services import folders
from gitsync.storage.batchfiles import put_files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitsync.services.host import Host

_KINDS = ("ids:", "tree:", "path:")


@frozen
class Formatted:
    """How many artifacts were looked at, which files were (or, with ``check``, would be)
    rewritten, and which could not be read."""

    artifacts: int
    changed: tuple[str, ...]
    refused: tuple[Finding, ...]


def fmt(host: Host, subjects: Sequence[str], preset: str | None = None, *,
        check: bool = False) -> Formatted:  # fmt: skip
    """Write the subjects' files in canonical form; with ``check`` only say which would change.

    A subject is a file, a folder, an id or a unique prefix of one, ``ids:A,B``, ``tree:ID`` (an
    artifact and all below it) or ``path:GLOB``. A file that cannot be read, or not without a
    change of meaning, is reported and left alone. Raises UsageError ``fmt.nothing``,
    ``artifact.*`` and what :func:`folders.open_folder` and :func:`put_files` raise.
    """
    if not subjects:
        raise UsageError("fmt.nothing", "name what to put in form", hint="all here: gitsync fmt .")
    # What looks like a path is one, so that a misspelt one is not taken for an id.
    paths = [
        one for one in subjects
        if (host.cwd / one).exists()
        or (one.endswith((".md", ".markdown", "/")) and not one.startswith(_KINDS))
    ]  # fmt: skip
    folder = folders.open_folder(host.cwd, paths, preset)
    files = dict(folders.files(folder))
    read = {name: lintfile.read(raw, name, folder.schema, folder.typed(name))
            for name, raw in files.items()}  # fmt: skip
    entries = {name: one for name, one in read.items() if isinstance(one, Entry)}
    chosen = set(folders.selected(folder, host.cwd, paths))
    names = {name for name in files if chosen and folders.is_selected(name, tuple(chosen))}
    for subject in subjects:
        if subject not in paths:
            names |= _named(entries, subject)
    changed: dict[str, bytes] = {}
    refused: list[Finding] = []
    count = 0
    for name in sorted(names):
        entry = read[name]
        if isinstance(entry, Finding):
            refused.append(entry)
        elif entry is not None and (entry.head.id or entry.head.type in folder.schema.types):
            count += 1
            try:
                new = canonical(files[name], folder.schema.place, name)
            except FormatError as error:
                where = error.where or Where(name)
                refused.append(Finding(error.code, error.message, where, error.hint))
                continue
            if new != files[name]:
                changed[name] = new
    if changed and not check:
        put_files({folder.root / name: (files[name], new) for name, new in changed.items()})
    return Formatted(count, tuple(changed), tuple(refused))


def _named(entries: dict[str, Entry], subject: str) -> set[str]:
    """The files that a subject other than a path names. Raises UsageError ``artifact.*``."""
    kind, colon, rest = subject.partition(":")
    by_id = {one.head.id: name for name, one in entries.items() if one.head.id}
    if kind == "path" and colon:
        glob = compile_glob(rest)
        return {name for name in entries if glob.matches(name)}
    if kind == "ids" and colon:
        return {by_id[resolve(part.strip(), by_id)] for part in rest.split(",")}
    if kind == "tree" and colon:
        return _tree(entries, by_id, resolve(rest, by_id))
    return {by_id[resolve(subject, by_id)]}


def _tree(entries: dict[str, Entry], by_id: dict[str, str], root: str) -> set[str]:
    book = Directory(by_id.items())
    below: dict[str, list[str]] = {}
    for name, one in entries.items():
        for link, texts in one.links:
            for text in texts if link.means == "parent" and one.head.id else ():
                parent = book.find(text, link, name)
                if parent is not None:
                    below.setdefault(parent, []).append(one.head.id or "")
    found: set[str] = set()
    waiting = [root]
    while waiting:
        ident = waiting.pop()
        if by_id[ident] not in found:
            found.add(by_id[ident])
            waiting += below.get(ident, [])
    return found
