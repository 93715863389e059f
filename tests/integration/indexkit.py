"""Trees without git for the artifact index, and a schema whose every part queries can reach."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from gitsync.codec import schemafile
from gitsync.codec.artifactentry import entry_of
from gitsync.codec.gitobjects import object_id
from gitsync.domain.objects import Oid
from gitsync.domain.query.records import Record, fold, words_of
from gitsync.domain.query.vocabulary import vocabulary_of
from gitsync.storage.artifactindex import ArtifactIndex, is_artifact_path
from gitsync.storage.trees import FileEntry

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.query.vocabulary import Vocabulary

SCHEMA = b"""
version: 1
id: id
type: type
status: status
title: title
types:
  plan:
    prefix: plan
    states: [draft, committed, approved]
    transitions: [draft -> committed, committed -> approved]
    links: [parent, depends]
  note:
    prefix: note
    paths: ["notes/**/*.md"]
    links: [parent]
order: [id, type, title, status, owner, parent, depends, tags, priority, due]
"""
VOCABULARY = vocabulary_of(schemafile.parse(SCHEMA))


class Trees:
    """The port of ``TreeReader`` in memory; counts the contents that were read."""

    def __init__(self) -> None:
        self.blobs: dict[Oid, bytes] = {}
        self.trees: dict[Oid, dict[bytes, Oid]] = {}
        self.read: Counter[Oid] = Counter()

    def add(self, files: dict[str, bytes]) -> Oid:
        tree = {}
        for path, raw in sorted(files.items()):
            oid = object_id("blob", raw)
            self.blobs[oid] = raw
            tree[path.encode()] = oid
        name = object_id("tree", repr(tree).encode())
        self.trees[name] = tree
        return name

    def files(self, tree):
        return (FileEntry(path, b"100644", oid) for path, oid in self.trees[tree].items())

    def changes(self, before, after):
        old, new = self.trees[before], self.trees[after]
        for path in sorted({*old, *new}):
            if old.get(path) != new.get(path):
                oid = new.get(path)
                yield path, None if oid is None else FileEntry(path, b"100644", oid)

    def contents(self, oids):
        for oid in oids:
            self.read[oid] += 1
            yield oid, self.blobs[oid]


def open_index(path: Path | None = None, schema: str = "1", words: Vocabulary = VOCABULARY):
    """An index of the schema above."""
    return ArtifactIndex(path, Oid(schema * 40), lambda: schema, lambda: words)


def records(files: dict[str, bytes], words: Vocabulary = VOCABULARY) -> list[Record]:
    """What the oracle sees of files: the same bytes, without any index."""
    found = []
    for path, raw in sorted(files.items(), key=lambda one: one[0].encode()):
        entry = entry_of(raw, words) if is_artifact_path(path.encode()) else None
        if entry is not None:
            kind = "" if entry.problem else entry.type or words.type_at(path) or ""
            words_in = words_of(entry.title or ""), words_of(entry.body)
            broken = entry.problem is not None
            found.append(Record(path, fold(kind), entry.status, broken, entry.values, *words_in))
    return found
