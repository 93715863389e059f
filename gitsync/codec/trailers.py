"""The trailer block at the end of a commit or tag message (git-interpret-trailers), strictly.

Only the last paragraph counts, and only if every line of it is ``Key: value``. Ours carry the
prefix ``Gitsync-``; ``Approves``, ``After`` and ``Canonical`` stand without it so that people can
type them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from gitsync.domain.errors import FormatError
from gitsync.domain.lateregex import late_regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: A paragraph longer than this is text, whatever it looks like: it is read again and again.
MAX_BLOCK_BYTES = 128 * 1024

_LINE = late_regex(r"([A-Za-z0-9][A-Za-z0-9-]*): ([^\n]*)")
_LINES = late_regex(r"^([A-Za-z0-9][A-Za-z0-9-]*): ([^\n]*)$", re.MULTILINE)


class Trailers:
    """An ordered list of (key, value) pairs with case-insensitive look-up, as git treats them."""

    __slots__ = ("_pairs", "_values")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = tuple(pairs)
        self._values: dict[str, list[str]] = {}
        for key, value in self._pairs:
            self._values.setdefault(key.lower(), []).append(value)

    def all(self, key: str) -> list[str]:
        """Every value of ``key``, in order."""
        return list(self._values.get(key.lower(), ()))

    def one(self, key: str) -> str | None:
        """The value of ``key``, None if absent. Raises FormatError ``trailer.repeated``."""
        found = self._values.get(key.lower())
        if found is None:
            return None
        if len(found) > 1:
            raise FormatError("trailer.repeated", f"the trailer {key} appears {len(found)} times")
        return found[0]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._pairs)

    def __bool__(self) -> bool:
        return bool(self._pairs)


_NONE = Trailers()


def parse(message: bytes) -> Trailers:
    """The trailers of a message; none when its last paragraph is not wholly trailers."""
    text = message.rstrip(b"\n")
    _, blank, last = text.rpartition(b"\n\n")
    # A one-paragraph message is a subject, never trailers: git's own rule.
    if not blank or len(last) > MAX_BLOCK_BYTES or b": " not in last:
        return _NONE
    try:
        block = last.decode("utf-8")
    except UnicodeDecodeError:
        return _NONE
    pairs = _LINES.findall(block)
    if len(pairs) != block.count("\n") + 1:
        return _NONE  # a line that is none
    return Trailers((key, value.strip()) for key, value in pairs)


def subject(message: bytes) -> str:
    """The first line of a message as text, undecodable bytes replaced."""
    return message.partition(b"\n")[0].decode("utf-8", "replace").strip()


def body(message: bytes) -> str:
    """A message without its trailer block, as text."""
    text = message.decode("utf-8", "replace").rstrip("\n")
    if parse(message):
        text = text.rpartition("\n\n")[0]
    return text


def compose(text: str, pairs: Iterable[tuple[str, str]]) -> bytes:
    """A message of ``text`` followed by the trailers, ending in one newline.

    Raises FormatError ``trailer.malformed`` for a value with a line break.
    """
    lines = []
    for key, value in pairs:
        line = f"{key}: {value}"
        if _LINE.fullmatch(line) is None:
            raise FormatError("trailer.malformed", f"the trailer {key} cannot hold {value!r}")
        lines.append(line)
    block = "\n\n" + "\n".join(lines) if lines else ""
    return (text.strip("\n") + block + "\n").encode()
