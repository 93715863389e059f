"""Artifacts: their ids, the file names made of them, and what rules need to know of a file."""

from __future__ import annotations

import heapq
import re
import unicodedata
from typing import TYPE_CHECKING

from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex

if TYPE_CHECKING:
    from collections.abc import Iterable

# No vowels, so that no id spells a word; no 0, 1 and l, which are read as others.
ALPHABET = "23456789bcdfghjkmnpqrstvwxyz"
ID_CHARS = 6
ID_RANDOM_BYTES = 8
MAX_SLUG_CHARS = 50

_PREFIX = r"[a-z][a-z0-9]{0,15}(?:-[a-z0-9]{1,16}){0,2}"
_ID = late_regex(rf"{_PREFIX}-[{ALPHABET}]{{{ID_CHARS}}}")
_PREFIX_ONLY = late_regex(_PREFIX)
_SHOWN = 5


@frozen
class ArtifactHead:
    """What rules need to know of an artifact; None for a field that it lacks.

    ``missing`` names the fields that its type requires and that are absent or empty; where the
    file does not name its type, those that any type required.
    """

    id: str | None
    type: str | None
    status: str | None
    title: str | None
    missing: tuple[str, ...] = ()


@frozen
class ArtifactChange:
    """One changed file: its head before and after, None where there is no artifact.

    ``old_path`` is set when the file moved; rules hold for either path.
    """

    path: str
    before: ArtifactHead | None
    after: ArtifactHead | None
    old_path: str | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """The file's path, and its former one if it moved."""
        return (self.path,) if self.old_path is None else (self.path, self.old_path)


def check_prefix(prefix: str) -> str:
    """Return ``prefix`` if ids may begin with it. Raises UsageError ``artifact.prefix``."""
    if not _PREFIX_ONLY.fullmatch(prefix):
        raise UsageError(
            "artifact.prefix",
            f"{prefix[:40]!r} cannot begin an id",
            hint="use lower-case letters and digits, beginning with a letter: plan",
        )
    return prefix


def new_id(prefix: str, random: bytes) -> str:
    """An id such as ``plan-k7x2mq`` from at least 4, better ``ID_RANDOM_BYTES``, random bytes.

    28 signs at 6 places are 4.8e8 ids: two of a thousand artifacts collide with a chance of one
    in a thousand, so a caller that knows other ids draws again. Raises UsageError
    ``artifact.prefix`` or ``artifact.random``.
    """
    check_prefix(prefix)
    if len(random) < 4:
        raise UsageError("artifact.random", f"an id needs 4 random bytes, not {len(random)}")
    number = int.from_bytes(random[:32], "big")
    chars = ""
    for _ in range(ID_CHARS):
        number, digit = divmod(number, len(ALPHABET))
        chars += ALPHABET[digit]
    return f"{prefix}-{chars}"


def is_id(text: str) -> bool:
    """Whether ``text`` has the shape of an id that ``new_id`` makes."""
    return _ID.fullmatch(text) is not None


def resolve(prefix_text: str, ids: Iterable[str]) -> str:
    """The one id that equals ``prefix_text`` or alone begins with it.

    Raises UsageError ``artifact.unknown`` or ``artifact.ambiguous``, naming up to five ids.
    """
    known = set(ids)
    if prefix_text in known:
        return prefix_text
    found = [one for one in known if prefix_text and one.startswith(prefix_text)]
    if len(found) == 1:
        return found[0]
    name = repr(prefix_text[:80])
    if not found:
        raise UsageError(
            "artifact.unknown",
            f"no artifact's id begins with {name}",
            hint=_listed("known ids", known) if known else None,
        )
    raise UsageError(
        "artifact.ambiguous",
        f"{len(found)} artifacts' ids begin with {name}",
        hint=_listed("type more of one of", found),
    )


def _listed(label: str, ids: Iterable[str]) -> str:
    shown = heapq.nsmallest(_SHOWN + 1, ids)
    more = ", ..." if len(shown) > _SHOWN else ""
    return f"{label}: {', '.join(shown[:_SHOWN])}{more}"


def slugify(title: str) -> str:
    """A title as part of a file name: ``a-z 0-9 -``, at most 50 characters, perhaps empty."""
    plain = unicodedata.normalize("NFKD", title[:1000]).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", re.sub(r"['`]", "", plain)).strip("-")
    if len(slug) <= MAX_SLUG_CHARS:
        return slug
    cut = slug[: MAX_SLUG_CHARS + 1]
    whole, dash, _ = cut.rpartition("-")
    # A cut in the middle of the only word beats a slug of nothing.
    return whole if dash else slug[:MAX_SLUG_CHARS]


def new_path(folder: str, artifact_id: str, title: str, form: str | None = None) -> str:
    """The path of a new artifact: ``<folder>/<id>-<slug>.md``, or ``<id>.md`` without a slug.

    ``form`` is another file name, in which ``{id}`` and ``{slug}`` are filled in.
    """
    slug = slugify(title)
    form = form or "{id}-{slug}.md"
    if not slug:
        form = re.sub(r"^\{slug\}[-_ .]*|[-_ .]*\{slug\}", "", form)
    name = form.replace("{id}", artifact_id).replace("{slug}", slug)
    return f"{folder}/{name}" if folder else name
