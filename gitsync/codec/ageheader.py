"""To whom a file in the format age-encryption.org/v1 is encrypted, as far as its header tells.

A stanza for an SSH key begins with the first four bytes of the SHA-256 of that key. So whoever has
the public key sees that it is meant, and nobody else can tell.
"""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from typing import Final

from gitsync.domain.lateregex import late_regex

#: How a file in this format begins.
MAGIC: Final = b"age-encryption.org/v1\n"
#: As much of a file as is looked at; a stanza takes some 120 bytes, for RSA 700.
MAX_BYTES: Final = 1 << 16
_PIECE: Final = 1 << 16
_TAG: Final = 16
_STANZA = late_regex(rb"-> ssh-(?:ed25519|rsa) ([A-Za-z0-9+/]{6})(?: [!-~]+)*")


def tag_of(key: bytes) -> str:
    """What a stanza says of an SSH public key, given in its wire format."""
    return b64encode(sha256(key).digest()[:4]).decode("ascii").rstrip("=")


def plain_size(size: int, beginning: bytes) -> int:
    """How many bytes come out of a file of ``size``; 0 where its header has no end.

    Behind the header are 16 bytes, then pieces of 64 KiB with a tag of 16 bytes each.
    """
    end = beginning.find(b"\n", beginning.find(b"\n--- ") + 1)
    if b"\n--- " not in beginning or end < 0:
        return 0
    payload = max(0, size - (end + 1) - _TAG)
    return payload - _TAG * -(-payload // (_PIECE + _TAG))


def tags(beginning: bytes) -> frozenset[str]:
    """The tags of all SSH keys that a file is encrypted to; none where its header has no end."""
    if not beginning.startswith(MAGIC):
        return frozenset()
    found: set[str] = set()
    for line in beginning[:MAX_BYTES].split(b"\n"):
        if line.startswith(b"--- "):
            return frozenset(found)
        stanza = _STANZA.fullmatch(line)
        if stanza is not None:
            found.add(stanza[1].decode("ascii"))
    return frozenset()
