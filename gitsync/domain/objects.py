"""Git's objects as values.

Object ids are 40 lower-case hex digits everywhere except inside a ``Tree``, where they stay the
20 raw bytes that git stores: trees are the hot path of every merge.
"""

from __future__ import annotations

from typing import NewType

from gitsync.domain.frozen import frozen

Oid = NewType("Oid", str)

# Modes that a ledger may hold. Executables, symlinks and submodules are refused on arrival.
MODE_FILE = b"100644"
MODE_TREE = b"40000"

# name -> (mode as git writes it, raw 20-byte id); in git's own order.
Entry = tuple[bytes, bytes]
Tree = dict[bytes, Entry]


@frozen
class Signature:
    """An author, committer or tagger line: ``name <email> seconds offset``.

    ``name`` and ``email`` are raw bytes as git stores them; ``seconds`` since the epoch;
    ``offset`` is the literal zone, for example ``b"+0100"``.
    """

    name: bytes
    email: bytes
    seconds: int
    offset: bytes = b"+0000"


@frozen
class Commit:
    """A commit object without loss: encoding it again gives the same bytes.

    ``extra`` holds the headers that git itself may add (``encoding``, ``mergetag``), in order.
    ``signature`` is the armoured SSHSIG without a trailing newline, or None.
    """

    tree: Oid
    parents: tuple[Oid, ...]
    author: Signature
    committer: Signature
    message: bytes
    signature: bytes | None = None
    extra: tuple[tuple[bytes, bytes], ...] = ()


@frozen
class Tag:
    """An annotated tag. ``signature`` is the armoured SSHSIG that git appends to the message."""

    target: Oid
    target_kind: str
    name: bytes
    tagger: Signature
    message: bytes
    signature: bytes | None = None


def altered_names(before: Tree, after: Tree) -> tuple[bytes, ...]:
    """The names whose entries differ between two listings, ordered by their bytes."""
    names = [name for name, entry in after.items() if before.get(name) != entry]
    if len(before) + sum(name not in before for name in names) != len(after):
        names += [name for name in before if name not in after]
    return tuple(sorted(names))
