"""``known_hosts`` of OpenSSH: the lines that hold one host's keys (sshd(8), SSH_KNOWN_HOSTS)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

STANDARD_PORT = 22


def host_lines(data: bytes, host: str, port: int = STANDARD_PORT) -> tuple[str, ...]:
    """The keys of a host as lines that name it in the clear: ``HOST TYPE KEY``.

    Hashed names are recognised. Lines with a marker (``@revoked``, ``@cert-authority``), with
    patterns, or that are not text say nothing about which key this host has, and are passed over.
    """
    name = host if port == STANDARD_PORT else f"[{host}]:{port}"
    found: list[str] = []
    for line in data.splitlines():
        try:
            words = line.decode("ascii").split()
        except UnicodeDecodeError:
            continue
        if len(words) < 3 or not any(_names(one, name) for one in words[0].split(",")):
            continue
        entry = " ".join((name, *words[1:3]))
        if entry not in found:
            found.append(entry)
    return tuple(found)


def _names(entry: str, name: str) -> bool:
    if not entry.startswith("|1|"):
        return entry.lower() == name.lower()
    salt, _, digest = entry[3:].partition("|")
    try:
        key, wanted = base64.b64decode(salt, validate=True), base64.b64decode(digest, validate=True)
    except binascii.Error:
        return False
    # SHA-1 is what the format asks for; it hides names here and vouches for nothing.
    return hmac.compare_digest(hmac.new(key, name.encode(), hashlib.sha1).digest(), wanted)
