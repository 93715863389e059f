"""Ids that are numbers: ``7``, ``0012``. Collisions are told by lint and refused by the witness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.lateregex import late_regex

if TYPE_CHECKING:
    from collections.abc import Iterable

_NUMBER = late_regex(r"[0-9]{1,9}")
_LEADING = late_regex(r"(?:[A-Za-z]{1,16}[-_ ]?)?([0-9]{1,9})(?![0-9])")


def number_of(ident: str) -> int | None:
    """The number that an id is; None for any other id."""
    return int(ident) if _NUMBER.fullmatch(ident) else None


def next_number(ids: Iterable[str], digits: int) -> str:
    """One more than the highest number among ``ids``, with at least ``digits`` digits."""
    taken = (number for one in ids if (number := number_of(one)) is not None)
    return f"{max(taken, default=0) + 1:0{digits}}"


def number_in(file_name: str, digits: int) -> str | None:
    """The id that a numbered file's name begins with: ``0003`` of ``3-use-git.md``, or None."""
    found = _LEADING.match(file_name)
    return f"{int(found[1]):0{digits}}" if found else None


def as_field(ident: str) -> str | int:
    """An id as front matter holds it: a plain number stands bare, ``0012`` needs quotes."""
    number = number_of(ident)
    return number if number is not None and str(number) == ident else ident
