"""Leases that were read before, by their blobs, for a look that has no time to read them all.

What is decided or verified is read from the ledger itself. A file that is missing, torn or of
another make is none, and is written anew.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from gitsync.domain.errors import GitsyncError
from gitsync.domain.leases.values import Lease
from gitsync.domain.objects import Oid
from gitsync.storage.durable import make_folder, write_atomic

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FILE = "leases.json"
_NAMES = [field.name for field in fields(Lease)]
_HEAD = ["gitsync leases", 1, *_NAMES]
_TEXTS = {"subjects", "members", "escalate"}
_SHAPES = tuple(
    (tuple if field.name in _TEXTS else bool if field.name == "released" else
     int if field.name in {"token", "seen", "seconds", "grace", "taken"} else str)
    for field in fields(Lease)
)  # fmt: skip


def load(state_dir: Path) -> dict[Oid, Lease]:
    """The leases by their blobs; none where nothing was kept."""
    try:
        head, *rows = json.loads((state_dir / FILE).read_bytes())
        if head != _HEAD:
            return {}
        return {Oid(str(oid)): _lease(row) for oid, *row in rows}
    except (OSError, ValueError, TypeError, RecursionError):
        return {}


def _lease(row: list[Any]) -> Lease:
    values: list[Any] = [tuple(one) if isinstance(one, list) else one for one in row]
    kinds = tuple(type(one) for one in values)
    texts = [text for one in values if isinstance(one, tuple) for text in one]
    if kinds != _SHAPES or not all(isinstance(text, str) for text in texts):
        raise TypeError("a lease in another form than its own")
    return Lease(*values)


def save(state_dir: Path, leases: Mapping[Oid, Lease]) -> None:
    """Keep them in place of what was kept; where that cannot be, nothing is."""
    rows = [[oid, *map(lease.__getattribute__, _NAMES)] for oid, lease in leases.items()]
    data = json.dumps([_HEAD, *rows], separators=(",", ":")).encode()
    with suppress(GitsyncError):  # the next look reads them once more
        make_folder(state_dir)
        write_atomic(state_dir / FILE, data, sync=False)
