"""Ids of a few small objects, for commands that hash nothing else.

OpenSSL, which ``hashlib`` loads, takes 3 ms to be there, and is six times as fast from then on as
the SHA-1 that Python brings along: it pays from some 600 KiB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.objects import Oid

if TYPE_CHECKING:
    from hashlib import sha1
else:
    try:
        from _sha1 import sha1
    except ImportError:  # a Python that was built without it
        from hashlib import sha1

_SMALL = 128 << 10


def light_id(kind: str, data: bytes) -> Oid:
    """As ``gitobjects.object_id``."""
    if len(data) > _SMALL:
        from gitsync.codec.gitobjects import object_id

        return object_id(kind, data)
    digest = sha1(b"%s %d\0" % (kind.encode(), len(data)), usedforsecurity=False)
    digest.update(data)
    return Oid(digest.hexdigest())
