"""Links between artifacts: what a link field names, and which artifact that is."""

from __future__ import annotations

import posixpath
import re
from typing import TYPE_CHECKING

from gitsync.domain.errors import FormatError, Where
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: How a link field is written: one id, ids in a list, ids in one text with commas (``1, 2``), or
#: files, as paths or as Markdown links (``[x](0003-foo.md)``).
SHAPES = ("one", "list", "commas", "paths")
#: What a link says of its two ends: this one lies below that one, comes after it, or replaces it.
MEANINGS = ("parent", "after", "supersedes", "related")

# A schema that only lists its link fields tells their meaning by these names.
_BY_NAME = {
    "parent": "parent", "depends": "after", "depends-on": "after", "dependencies": "after",
    "requires": "after", "blocked-by": "after", "supersedes": "supersedes",
}  # fmt: skip
_MARKDOWN = late_regex(r"\[[^\[\]]*\]\(\s*(<[^<>]*>|[^()\s]*)[^()]*\)")
_ELSEWHERE = late_regex(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_MAX_TEXT = 64 * 1024


@frozen
class Link:
    """A link field. Raises FormatError ``schema.link`` for an unknown shape or meaning."""

    field: str
    shape: str = "list"
    means: str = "related"

    def __post_init__(self) -> None:
        for what, value, known in (
            ("shape", self.shape, SHAPES), ("meaning", self.means, MEANINGS),
        ):  # fmt: skip
            if value not in known:
                raise FormatError(
                    "schema.link",
                    f"{value[:40]!r} is not a {what} of a link",
                    hint=f"known: {', '.join(known)}",
                    where=Where(field=f"links.{self.field[:60]}"),
                )


def plain_link(field: str) -> Link:
    """The link of a field that a schema only names: ``parent`` is one id, others are lists."""
    means = _BY_NAME.get(field, "related")
    return Link(field, "one" if means == "parent" else "list", means)


def link_values(value: object) -> tuple[str, ...]:
    """What a link field names, in its order, whatever its shape: ids or paths, none twice.

    ``value`` is the field as text, a number, a list of these, or None. Text is split at commas;
    of Markdown links the targets count. What cannot name anything is left out.
    """
    return tuple(dict.fromkeys(_values(value)))


def _values(value: object) -> Iterator[str]:
    if isinstance(value, str):
        targets = _MARKDOWN.findall(value[:_MAX_TEXT])
        yield from filter(None, (part.strip(" \t<>") for part in targets or value.split(",")))
    elif isinstance(value, (list, tuple)):
        for item in value:
            if not isinstance(item, (list, tuple)):
                yield from _values(item)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)


class Directory:
    """The artifacts that links can lead to: (id, path) of each. Paths have ``/`` in them."""

    def __init__(self, entries: Iterable[tuple[str, str]]) -> None:
        self._ids: dict[str, str] = {}
        self._loose: dict[str, str | None] = {}
        self._paths: dict[str, str] = {}
        for ident, path in entries:
            self._ids.setdefault(ident, ident)
            self._paths[path] = ident
            # Two ids that differ only so are named only exactly.
            here = self._loose.setdefault(_loose(ident), ident)
            self._loose[_loose(ident)] = ident if here == ident else None

    def find(self, text: str, link: Link, source: str) -> str | None:
        """The id that ``text`` in the file ``source`` names, None if it leads nowhere.

        An id counts as it is written; if there is none, upper and lower case and zeros before a
        number are one. With the shape ``paths`` also a path relative to the file's folder or to
        the root, without its anchor.
        """
        found = self._ids.get(text) or self._loose.get(_loose(text))
        if found is not None or link.shape != "paths":
            return found
        path = text.partition("#")[0].partition("?")[0]
        folder = posixpath.dirname(source)
        for one in (posixpath.join(folder, path), path):
            found = self._paths.get(posixpath.normpath(one).lstrip("/"))
            if found is not None:
                return found
        return None


def _loose(ident: str) -> str:
    return ident.lstrip("0") or "0" if ident.isascii() and ident.isdigit() else ident.casefold()


def leads_elsewhere(text: str) -> bool:
    """Whether a link's text is a URL, which no directory of artifacts knows."""
    return _ELSEWHERE.match(text) is not None and "/" in text


def cycles(parents: dict[str, str]) -> list[tuple[str, ...]]:
    """The circles in child -> parent, each once, beginning with its smallest id; sorted."""
    found: set[tuple[str, ...]] = set()
    done: set[str] = set()
    for start in parents:
        trail: dict[str, int] = {}
        here: str | None = start
        while here is not None and here not in done and here not in trail:
            trail[here] = len(trail)
            here = parents.get(here)
        if here is not None and here in trail:
            ring = list(trail)[trail[here] :]
            first = ring.index(min(ring))
            found.add((*ring[first:], *ring[:first]))
        done.update(trail)
    return sorted(found)
