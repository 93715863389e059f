"""Reading the tree of the locks ref out of a store, and writing the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import leasefiles
from gitsync.domain.errors import FormatError
from gitsync.domain.objects import MODE_FILE, MODE_TREE, Entry, Oid, Tree
from gitsync.domain.treeedit import edit_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.domain.leases.values import Lease, Locks, Request
    from gitsync.domain.ports import Objects

_FILES = (b"token", b"stamp", b"beats")
_FOLDERS = (b"leases", b"requests")


def read_locks(objects: Objects, root: Oid, known: dict[Oid, Lease]) -> Locks:
    """The locks in a tree. ``known`` keeps leases that were read before, by their blobs.

    Raises FormatError ``locks.malformed``.
    """
    tree = objects.tree(root)
    for name, (mode, _) in tree.items():
        if mode != (MODE_TREE if name in _FOLDERS else MODE_FILE) or name not in _FILES + _FOLDERS:
            raise FormatError("locks.malformed", f"the locks ref holds {name[:40]!r}")
    token, stamp, beats = (_content(objects, tree, name) for name in _FILES)
    leases: list[tuple[str, Lease]] = []
    fresh: dict[Oid, Lease] = {}
    for file, oid in _files(objects, tree.get(b"leases")):
        lease = known.get(oid)
        if lease is None:
            _check_size(objects, oid, leasefiles.MAX_BYTES)
            lease = leasefiles.decode_lease(objects.blob(oid))
        fresh[oid] = lease
        leases.append((file, lease))
    known.clear()
    known.update(fresh)
    return leasefiles.decode(token, stamp, beats, leases, _requests(objects, tree.get(b"requests")))


def _content(objects: Objects, tree: Tree, name: bytes) -> bytes:
    """A counter's file; what is empty is left out, so that each state has one tree."""
    data = objects.blob(_oid(tree[name])) if name in tree else None
    if data == b"":
        raise FormatError("locks.malformed", f"the locks ref holds an empty {name.decode()}")
    return data or b""


def _requests(objects: Objects, entry: Entry | None) -> Iterator[tuple[str, str, Request]]:
    listing = objects.tree(_oid(entry)) if entry is not None else Tree()
    if entry is not None and not listing:
        raise FormatError("locks.malformed", "the locks ref holds an empty folder")
    for folder, inner in listing.items():
        if inner[0] != MODE_TREE:
            raise FormatError("locks.malformed", "the locks ref holds a request of no lease")
        for name, oid in _files(objects, inner):
            _check_size(objects, oid, leasefiles.MAX_REQUEST_BYTES)
            request = leasefiles.decode_request(objects.blob(oid))
            yield folder.decode("ascii", "replace"), name, request


def _files(objects: Objects, entry: Entry | None) -> Iterator[tuple[str, Oid]]:
    listing = objects.tree(_oid(entry)) if entry is not None else Tree()
    if entry is not None and not listing:
        raise FormatError("locks.malformed", "the locks ref holds an empty folder")
    for name, (mode, raw) in listing.items():
        if mode != MODE_FILE:
            raise FormatError("locks.malformed", "the locks ref holds something that is no file")
        yield name.decode("ascii", "replace"), Oid(raw.hex())


def _check_size(objects: Objects, oid: Oid, limit: int) -> None:
    if objects.blob_size(oid) > limit:
        raise FormatError(
            "locks.malformed", f"the locks ref holds a file of more than {limit} bytes"
        )


def _oid(entry: Entry) -> Oid:
    return Oid(entry[1].hex())


def write_locks(objects: Objects, root: Oid | None, before: Locks | None, after: Locks) -> Oid:
    """The tree of ``after``, made of ``root``, which holds ``before``."""
    edits: dict[bytes, Entry | None] = {}
    for path, data in leasefiles.changes(before, after):
        edits[path] = None if data is None else (MODE_FILE, bytes.fromhex(objects.put_blob(data)))
    return edit_tree(objects, root, edits)
