"""Front matter as the merge sees it: fields as bytes together with what they mean.

The codec reads it (``codec/frontmatter_parts.py``); the merge only takes these values, so that no
parser is part of the domain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gitsync.domain.frozen import frozen

#: What YAML makes of a value, such that equal means the same: ("text", str), ("number", as it is
#: written), ("bool", bool), ("null",), ("list", (meaning, ...)), ("map", ((key, meaning), ...)).
Meaning = tuple[Any, ...]

NULL: Meaning = ("null",)


@frozen
class Item:
    """One item of a list: ``gap`` is what stands between it and the one before it.

    In a list of ``- item`` lines ``token`` is the whole line, with the comments above it.
    """

    gap: bytes
    token: bytes
    meaning: Meaning


@frozen
class Listing:
    """A field as a list: ``opening``, the items with their gaps, ``closing``.

    ``style`` is ``flow`` for ``[a, b]``, ``block`` for ``- a`` lines, ``commas`` for ``a, b``.
    """

    style: str
    opening: bytes
    items: tuple[Item, ...]
    closing: bytes


@frozen
class HeadField:
    """One field: joined, ``lead``, ``key``, ``value`` and ``tail`` are its bytes in the file.

    ``lead`` holds the comment and blank lines above it. A value of several lines has no ``tail``,
    and ``several`` is set. ``line`` counts from 1 in the file. ``listing`` is None for what is no
    list of scalars.
    """

    name: str
    lead: bytes
    key: bytes
    value: bytes
    tail: bytes
    meaning: Meaning
    line: int
    several: bool = False
    listing: Listing | None = None

    @property
    def field(self) -> bytes:
        """The field's own lines."""
        return self.key + self.value + self.tail

    @property
    def raw(self) -> bytes:
        """The field's lines with those above it."""
        return self.lead + self.key + self.value + self.tail


@frozen
class Head:
    """Front matter: the opening fence, the fields in order, and what is left with the fence."""

    opening: bytes
    fields: tuple[HeadField, ...]
    closing: bytes

    @property
    def names(self) -> tuple[str, ...]:
        """The fields' names in the file's order."""
        return tuple(field.name for field in self.fields)


#: Reads front matter that reaches from the file's first byte to the end of the closing fence.
#: Raises FormatError when it cannot be read exactly.
ReadHead = Callable[[bytes], Head]
