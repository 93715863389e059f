"""What a pack's commits and tags say, read while git still looks at the pack.

Git goes through a pack on one processor, and what is to be done with its commits afterwards is
mostly the checking of signatures. An object's id is made here from the bytes that were read, so
what is known of an id holds for whatever store has an object of that id. Nothing rests on how much
is known: whoever asks for more reads it.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from gitsync.codec.gitobjects import (
    commit_payload,
    object_id,
    parse_commit,
    parse_tag,
    tag_payload,
)
from gitsync.codec.packfront import read_front
from gitsync.domain.errors import FormatError, GitsyncError
from gitsync.storage.signing import verify_in_process

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.domain.objects import Commit, Oid, Tag
    from gitsync.domain.roster import PublicKey
    from gitsync.storage.bundlefile import BundleFile

#: About 300 bytes each are remembered; what comes later is read when it is asked for.
MAX_OBJECTS: Final = 200_000


@dataclass(slots=True)
class Known:
    """The parents of commits, and whose valid signature a commit or tag has, by their ids. That
    a store has the object is not known: the file may have changed since it was read."""

    parents: dict[Oid, tuple[Oid, ...]] = field(default_factory=dict)
    signers: dict[Oid, PublicKey] = field(default_factory=dict)


@contextmanager
def reading_ahead(bundle: BundleFile) -> Iterator[Known]:
    """Read the front of a bundle's pack beside the body; what is known is complete behind it.

    The body's end stops the reading, however far it has come.
    """
    known = Known()
    reader = _Reader(bundle, known)
    reader.start()
    try:
        yield known
    finally:
        reader.stop()
    if reader.failed is not None:
        raise reader.failed


class _Reader(threading.Thread):
    def __init__(self, bundle: BundleFile, known: Known) -> None:
        super().__init__(name="gitsync-ahead", daemon=True)
        self.failed: Exception | None = None
        self._bundle = bundle
        self._known = known
        self._ended = threading.Event()
        self._keys: dict[bytes, PublicKey] = {}
        self._same: dict[Oid, Oid] = {}

    def stop(self) -> None:
        """Have it end after the object at hand, and wait for that."""
        self._ended.set()
        self.join()

    def run(self) -> None:
        # What comes next reads objects by it, and just now nobody waits for the import.
        import pygit2  # noqa: F401

        try:
            with self._bundle.path.open("rb") as file:
                file.seek(self._bundle.pack_at)
                for kind, data in read_front(file.read, len(self._bundle.head)):
                    if self._ended.is_set() or len(self._known.parents) > MAX_OBJECTS:
                        return
                    self._note(kind, data)
        except OSError:
            return  # git reads the same file, and says so
        except Exception as error:  # noqa: BLE001 - a flaw of ours, raised where it is seen
            self.failed = error

    def _note(self, kind: str, data: bytes) -> None:
        try:
            if kind == "commit":
                commit = parse_commit(data)
                oid = self._one(object_id(kind, data))
                self._known.parents[oid] = tuple(self._one(one) for one in commit.parents)
                self._sign(oid, commit, commit_payload(commit))
            else:
                tag = parse_tag(data)
                self._sign(object_id(kind, data), tag, tag_payload(tag))
        except FormatError:
            return  # whoever needs it is told what is wrong with it

    def _one(self, oid: Oid) -> Oid:
        """The same id as one string: each occurs as a child and as a parent."""
        return self._same.setdefault(oid, oid)

    def _sign(self, oid: Oid, what: Commit | Tag, payload: bytes) -> None:
        if what.signature is None:
            return
        try:
            key = verify_in_process(what.signature, payload)
        except GitsyncError:
            return  # asked for again, and refused then, by whoever has to know
        if key is not None:
            self._known.signers[oid] = self._keys.setdefault(key.blob, key)
