"""``import``: Markdown from elsewhere becomes artifacts, all of a run or none of it."""

from __future__ import annotations

import hashlib
from dataclasses import field, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from gitsync.codec import adopting, frontmatter, lintfile
from gitsync.codec.frontmatter_head import head_of
from gitsync.domain import numbering
from gitsync.domain.artifact import new_id, new_path
from gitsync.domain.errors import FormatError, RefusedError, UsageError, Where
from gitsync.domain.frozen import frozen
from gitsync.domain.lint import Entry, Finding, lint
from gitsync.domain.paths import segment_problem
from gitsync.services import folders
from gitsync.services.identity import default_name
from gitsync.services.importsource import STDIN, open_source, type_of
from gitsync.storage.batchfiles import put_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitsync.codec.frontmatter import Document
    from gitsync.codec.frontmatter_edit import FieldValue
    from gitsync.domain.artifact import ArtifactHead
    from gitsync.domain.artifacttype import ArtifactType
    from gitsync.services.host import Host

_MOST_NAMED = 8


@frozen
class ImportOptions:
    """What ``import`` was asked for. ``source`` is a folder, a file, or ``-`` with ``text``.

    ``kind`` is the type of all files, ``to`` the folder that takes them, ``names`` what fields
    of theirs are called here.
    """

    source: str
    preset: str | None = None
    kind: str | None = None
    to: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    dry_run: bool = False
    text: bytes = b""


@frozen
class Adopted:
    """One file of the import: where it came from, where it goes, its type, its id and whether
    that is new, its bytes, and what stands at its place now."""

    source: str
    path: str
    kind: str
    id: str
    given: bool
    raw: bytes
    before: bytes | None


@frozen
class Imported:
    """What was (or with ``dry_run`` would be) imported, what was left out because nothing tells
    its type, what lint says of the imported files, and fields of theirs that no file has."""

    files: tuple[Adopted, ...]
    left_out: tuple[str, ...]
    findings: tuple[Finding, ...]
    unknown: tuple[str, ...] = ()


def import_markdown(host: Host, options: ImportOptions) -> Imported:
    """Bring Markdown into the ledger, or the folder, that the host stands in.

    Ids that are there stay; others are given, the same ones in every run. Only front matter is
    written. A source that lies here already is completed in place. Raises RefusedError
    ``import.refused``, which lists the reasons, and then nothing has been written; UsageError
    ``import.type`` where nothing tells the files' type; and what reading and writing raise.
    """
    here = folders.open_folder(host.cwd, (), options.preset)
    if options.kind is not None and options.kind not in here.schema.types:
        raise UsageError(
            "artifact.type", f"there is no artifact type {options.kind!r} here",
            hint="types: " + ", ".join(sorted(here.schema.types)),
        )  # fmt: skip
    run = _Import(host, here, options)
    left_out = run.collect()
    findings = run.check()
    if not options.dry_run:
        put_files({here.root / one.path: (one.before, one.raw)
                   for one in run.adopted if one.before != one.raw})  # fmt: skip
    return Imported(tuple(run.adopted), tuple(left_out), findings, tuple(run.unknown))


class _Read(NamedTuple):
    """A file of the source: its bytes, its front matter, what that says, and its type here."""

    raw: bytes
    document: Document | None
    head: ArtifactHead | None
    kind: ArtifactType | None = None


class _Import:
    """One run: what stands here, what comes, and why it cannot."""

    def __init__(self, host: Host, here: folders.Folder, options: ImportOptions) -> None:
        self.here, self.options = here, options
        self.schema = here.schema
        self.source = open_source(host.cwd, here, options.source, options.text)
        self.standing = dict(folders.files(here))
        self.entries: dict[str, Entry] = {}
        for name, raw in self.standing.items():
            entry = lintfile.read(raw, name, self.schema, here.typed(name))
            if isinstance(entry, Entry):
                self.entries[name] = entry
        self.me = default_name(host)
        self.adopted: list[Adopted] = []
        self.wrong: list[Finding] = []
        self.unknown = list(options.names)

    def collect(self) -> list[str]:
        """Adopt every file that has a type; returns the names of the others."""
        read: dict[str, _Read] = {}
        left_out = []
        for name, raw in self.source.files.items():
            one = self.read(name, raw)
            if one is None:
                continue
            said = one.head.type if one.head is not None else None
            kind = type_of(self.source, name, said, self.options.kind, self.schema)
            if kind is None:
                left_out.append(name)
            else:
                read[name] = one._replace(kind=kind)
        # What a run before this one has put here is not in the way of the same again.
        places = {self.place(name, one.kind) for name, one in read.items() if one.kind}
        taken = {one.head.id for name, one in self.entries.items() if name not in places}
        taken |= {one.head.id for one in read.values() if one.head is not None}
        known = {ident for ident in taken if ident is not None}
        for name, one in read.items():
            if one.kind is not None:
                self.adopt(name, one.kind, one, known)
        return left_out

    def read(self, name: str, raw: bytes) -> _Read | None:
        """What a file holds, with its fields called as they are here; None if it is unreadable,
        which is noted."""
        unsettled = lintfile.conflict(raw, name)
        if unsettled is not None:
            self.wrong.append(unsettled)
            return None
        try:
            if self.unknown:
                before = frontmatter.parse(raw, name) or ()
                self.unknown = [one for one in self.unknown if one not in before]
            raw = adopting.renamed(raw, self.options.names, name)
            document = frontmatter.parse(raw, name)
            if document is None:
                return _Read(raw, None, None)
            document.skim()
            return _Read(raw, document, head_of(document, self.schema, self.source.path(name)))
        except FormatError as error:
            where = error.where or Where(name)
            self.wrong.append(Finding(error.code, error.message, where, error.hint))
            return None

    def place(self, name: str, kind: ArtifactType) -> str:
        """Where a file goes; one from standard input gets its name when its id is known."""
        path = self.source.path(name)
        if self.source.in_place or name == STDIN:
            return path
        if self.options.to is not None:
            return str(PurePosixPath(self.options.to, name))
        if self.schema.type_at(path) == kind.name:
            return path
        return str(PurePosixPath(kind.folder, name))

    def adopt(self, name: str, kind: ArtifactType, read: _Read, taken: set[str]) -> None:
        """Complete one file, and note it."""
        raw, document, head, _ = read
        body = document.body if document is not None else raw.removeprefix(b"\xef\xbb\xbf")
        stem = PurePosixPath(name).stem
        title = (head.title if head is not None else None) or adopting.title_in(body) or stem
        ident = head.id if head is not None else None
        given = ident is None
        if ident is None:
            ident = self.free_id(name, kind, raw, taken)
            taken.add(ident)
        path = self.place(name, kind)
        if name == STDIN:
            path = new_path(self.options.to or kind.folder, ident, title, kind.file)
        fields: dict[str, FieldValue] = {}
        if given:
            fields[self.schema.id_field] = numbering.as_field(ident)
        if self.schema.type_field is not None and self.schema.type_at(path) != kind.name:
            fields[self.schema.type_field] = kind.name
        fields[self.schema.title_field] = title
        if kind.initial is not None:
            said = adopting.status_in(body, kind.states)
            fields[self.schema.status_field] = said or kind.initial
        if self.me is not None and self.schema.owner_field in kind.required:
            fields[self.schema.owner_field] = self.me
        sparse = head is not None and head.status is not None and head.status in kind.sparse
        lacking = {
            key: value for key, value in fields.items()
            if _lacks(document, key)
            and not (sparse and key != self.schema.id_field)
        }  # fmt: skip
        new = adopting.completed(raw, document, lacking) if lacking else raw
        before = self.standing.get(path)
        self.adopted.append(Adopted(name, path, kind.name, ident, given, new, before))

    def free_id(self, name: str, kind: ArtifactType, raw: bytes, taken: set[str]) -> str:
        """An id that follows from the file, so that a run that was cut off gives it again."""
        if kind.numbered:
            number = numbering.number_in(PurePosixPath(name).name, kind.numbered)
            if number is not None and number not in taken:
                return number
            return numbering.next_number(taken, kind.numbered)
        seed = name.encode("utf-8", "surrogateescape") + b"\0" + raw
        for attempt in range(1000):
            digest = hashlib.sha256(seed + attempt.to_bytes(2, "big")).digest()
            ident = new_id(kind.prefix, digest[:8])
            if ident not in taken:
                return ident
        raise RefusedError("import.ids", f"no free id was found for {name}")

    def check(self) -> tuple[Finding, ...]:
        """What lint says of the files once they are here. Raises RefusedError
        ``import.refused`` for what must not happen: then nothing is written."""
        entries = dict(self.entries)
        seen: dict[str, str] = {}
        for one in self.adopted:
            entry = lintfile.read(one.raw, one.path, self.schema, one.kind)
            if isinstance(entry, Entry):
                entries[one.path] = entry
            elif entry is not None:
                where = replace(entry.where, file=one.source)
                self.wrong.append(replace(entry, where=where))
            self.wrong += self.problems(one, seen)
            seen[one.path] = one.source
        findings = [one for one in lint(list(entries.values()), self.schema)
                    if one.where.file in seen]  # fmt: skip
        findings += self.strangers(entries)
        # Named by the source: what is refused does not lie here.
        self.wrong += [replace(one, where=replace(one.where, file=seen[one.where.file or ""]))
                       for one in findings if one.code == "lint.duplicate-id"]  # fmt: skip
        if self.wrong:
            raise self.refusal()
        return tuple(findings)

    def strangers(self, entries: Mapping[str, Entry]) -> Iterator[Finding]:
        """Files that name a type of their own, and so are not of the one that they came as."""
        for one in self.adopted:
            entry = entries.get(one.path)
            if entry is not None and entry.head.type != one.kind:
                yield Finding(
                    "import.other-type", f"it says that it is a {entry.head.type!r}, no {one.kind}",
                    entry.at(self.schema.type_field),
                    f"call that field otherwise: --map {self.schema.type_field}=category",
                )  # fmt: skip

    def problems(self, one: Adopted, seen: Mapping[str, str]) -> Iterator[Finding]:
        """Why a file cannot stand at its place."""
        if one.path in seen:
            yield _blamed(one, "import.same-place", f"it would lie where {seen[one.path]} does")
        if one.before not in {None, one.raw} and not self.source.in_place:
            yield _blamed(one, "import.in-the-way", f"another file stands at {one.path}")
        for part in one.path.encode("utf-8", "surrogateescape").split(b"/"):
            problem = segment_problem(part)
            if problem is not None:
                yield _blamed(one, "path.name", f"{part.decode('utf-8', 'replace')!r} {problem}")

    def refusal(self) -> RefusedError:
        shown = [f"{one.where}: {one.message}" for one in self.wrong[:_MOST_NAMED]]
        more = len(self.wrong) - len(shown)
        shown += [f"and {more} more"] if more > 0 else []
        return RefusedError(
            "import.refused", "nothing was imported:\n" + "\n".join(shown),
            hint="mend the source, or import a part of it", where=None,
        )  # fmt: skip


def _blamed(one: Adopted, code: str, message: str) -> Finding:
    return Finding(code, message, Where(one.source))


def _lacks(document: Document | None, name: str) -> bool:
    value = document.value(name) if document is not None else None
    return value is None or value == ""
