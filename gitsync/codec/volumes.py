"""The list of the volumes that one file was cut into, as a small text file beside them.

It says how to put them together again and how to tell that they are whole. Who made the bundle is
said inside it, under a signature: a list that lies only leads to a bundle that does not check out.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from gitsync.domain.errors import FormatError
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex

FIRST_LINE: Final = "gitsync-volumes 1"
SUFFIX: Final = ".volumes"
MAX_BYTES: Final = 1 << 20
MAX_VOLUMES: Final = 999

_SHA256 = re.compile(r"[0-9a-f]{64}")
_NAME = late_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\.[0-9]{3}")
_SIZE = late_regex(r"[1-9][0-9]{0,18}")


@frozen
class Volume:
    """One part: its file name, its size in bytes, its SHA-256 in hexadecimal digits."""

    name: str
    size: int
    sha256: str


def encode(volumes: tuple[Volume, ...]) -> bytes:
    """The text of a list, one volume a line, in their order."""
    lines = [f"{one.sha256} {one.size} {one.name}" for one in volumes]
    return "\n".join([FIRST_LINE, *lines, ""]).encode()


def parse(data: bytes) -> tuple[Volume, ...]:
    """The inverse of :func:`encode`. Raises FormatError ``volumes.malformed``."""
    try:
        first, *lines, last = data.decode("ascii").split("\n")
    except (UnicodeDecodeError, ValueError):
        _malformed()
    if first != FIRST_LINE or last or not 1 <= len(lines) <= MAX_VOLUMES:
        _malformed()
    found = tuple(_volume(line) for line in lines)
    stem = found[0].name.removesuffix(".001")
    if [one.name for one in found] != [f"{stem}.{at + 1:03d}" for at in range(len(found))]:
        _malformed()
    return found


def _volume(line: str) -> Volume:
    words = line.split(" ")
    if len(words) != 3:
        _malformed()
    sha256, size, name = words
    if not (_SHA256.fullmatch(sha256) and _SIZE.fullmatch(size) and _NAME.fullmatch(name)):
        _malformed()
    return Volume(name, int(size), sha256)


def _malformed() -> NoReturn:
    raise FormatError("volumes.malformed", "the list of volumes cannot be read")
