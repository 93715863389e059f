"""Path patterns: ``*`` and ``?`` within one segment, ``**`` for any number of whole segments.

Anchored at both ends and case-sensitive. Matching never backtracks over more than one wildcard a
level, so its time is bounded by (pattern length) x (path length), whatever the two hold.
"""

from __future__ import annotations

import re
from functools import lru_cache

from gitsync.domain.errors import FormatError
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex

MAX_PATTERN_CHARS = 1024
MAX_SEGMENTS = 64

_UNSUPPORTED = late_regex(r"[\[\]{}\\\x00-\x1f\x7f]")
_STARS = late_regex(r"\*+")


@frozen
class Glob:
    """A compiled pattern. A segment is a literal, a regular expression, or None for ``**``."""

    pattern: str
    segments: tuple[str | re.Pattern[str] | None, ...]

    def matches(self, path: str) -> bool:
        """Whether the pattern matches the whole of ``path``, a ``/``-separated relative path."""
        names = path.split("/")
        segments = self.segments
        at = here = 0
        # Where to go on when a later segment fails: behind the last "**", one name further.
        retry_segment = retry_name = -1
        while here < len(names):
            if at < len(segments) and segments[at] is None:
                if at + 1 == len(segments):
                    return True
                retry_segment, retry_name = at + 1, here
                at += 1
            elif at < len(segments) and _fits(segments[at], names[here]):
                at += 1
                here += 1
            elif retry_segment >= 0:
                retry_name += 1
                at, here = retry_segment, retry_name
            else:
                return False
        # A "**" left over at the end matches nothing: "a/**" is what lies below a, not a itself.
        return at == len(segments)


def _fits(segment: str | re.Pattern[str] | None, name: str) -> bool:
    if isinstance(segment, str):
        return segment == name
    return segment is not None and segment.fullmatch(name) is not None


@lru_cache(maxsize=1024)
def compile_glob(pattern: str) -> Glob:
    """Compile once; the same pattern again costs a look-up.

    Raises FormatError ``glob.malformed`` for an empty or absolute pattern, an empty, ``.`` or
    ``..`` segment, ``**`` beside other characters, or signs that other globs give a meaning to.
    """
    problem = _problem(pattern)
    if problem:
        raise FormatError(
            "glob.malformed",
            f"the pattern {pattern[:80]!r} {problem}",
            hint="write for example: plans/**/*.md, docs/*.md, notes/**",
        )
    parts: list[str | re.Pattern[str] | None] = []
    for part in pattern.split("/"):
        # "**/**" means what "**" means.
        if part != "**" or not parts or parts[-1] is not None:
            parts.append(_segment(part))
    return Glob(pattern, tuple(parts))


def _problem(pattern: str) -> str | None:
    parts = pattern.split("/")
    if not pattern:
        return "is empty"
    if len(pattern) > MAX_PATTERN_CHARS or len(parts) > MAX_SEGMENTS:
        return "is too long"
    if pattern.startswith(("/", "!")):
        return "must be a path relative to the repository's root"
    if _UNSUPPORTED.search(pattern):
        return "holds a bracket, brace, backslash or control character, which mean nothing here"
    if any(part in {"", ".", ".."} for part in parts):
        return "has an empty, '.' or '..' segment"
    if any("**" in part and part != "**" for part in parts):
        return "has '**' beside other characters; it must stand alone between slashes"
    return None


def _segment(part: str) -> str | re.Pattern[str] | None:
    if part == "**":
        return None
    if "*" not in part and "?" not in part:
        return part
    pieces = ["".join("." if char == "?" else re.escape(char) for char in piece)
              for piece in _STARS.split(part)]  # fmt: skip
    first, *middle = pieces
    if not middle:
        return re.compile(first, re.DOTALL)
    *middle, last = middle
    # An atomic group takes the leftmost fit of each piece for good: for anchored globs the
    # leftmost is always right, and giving it up again is what makes other globs exponential.
    inner = "".join(f"(?>.*?{piece})" for piece in middle)
    return re.compile(f"{first}{inner}.*{last}", re.DOTALL)
