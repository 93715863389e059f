"""Version 1 of the file merge: front matter and body apart, each by lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.merge.lines import merge_lines
from gitsync.domain.merge.values import FileConflict

if TYPE_CHECKING:
    from gitsync.domain.merge.values import HeadProblem


def split_front_matter(raw: bytes) -> tuple[bytes, bytes] | None:
    """A Markdown file as (front matter with both fences, body); None when it has no front matter.

    The split is by bytes alone, so that it is the same for ever: an opening line ``---`` (after an
    optional byte order mark) up to the next line that is ``---`` or ``...``.
    """
    start = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    end = raw.find(b"\n", start)
    if end < 0 or raw[start:end].rstrip(b"\r \t") != b"---":
        return None
    at = end + 1
    while at < len(raw):
        end = raw.find(b"\n", at)
        stop = len(raw) if end < 0 else end + 1
        if raw[at:stop].rstrip(b"\r\n \t") in (b"---", b"..."):
            return raw[:stop], raw[stop:]
        at = stop
    return None


def _by_lines(base: bytes, ours: bytes, theirs: bytes) -> bytes | FileConflict:
    if theirs in (ours, base):
        return ours
    if ours == base:
        return theirs
    merged = merge_lines(base, ours, theirs)
    if isinstance(merged, bytes):
        return merged
    first = merged[0]
    return FileConflict("both sides changed the same lines", first.base_start)


def merge_v1(
    base: bytes, ours: bytes, theirs: bytes, head_problem: HeadProblem
) -> bytes | FileConflict:
    """Version 1: front matter by lines if it parses afterwards, and the body by lines.

    Front matter that was readable on both sides and is not after the merge is a conflict: two
    clean line edits can make one broken mapping (a key set twice).
    """
    if b"\0" in base or b"\0" in ours or b"\0" in theirs:
        return FileConflict("both sides changed a binary file")
    parts = [split_front_matter(raw) for raw in (base, ours, theirs)]
    if parts[0] is None or parts[1] is None or parts[2] is None:
        return _by_lines(base, ours, theirs)
    head = _by_lines(parts[0][0], parts[1][0], parts[2][0])
    if isinstance(head, FileConflict):
        return FileConflict("both sides changed the same or neighbouring fields", head.line)
    body = _by_lines(parts[0][1], parts[1][1], parts[2][1])
    if isinstance(body, FileConflict):
        offset = parts[0][0].count(b"\n")
        return FileConflict(body.why, None if body.line is None else body.line + offset)
    merged = head + body
    if head not in (parts[1][0], parts[2][0]):
        problem = head_problem(merged)
        if problem is not None:
            return FileConflict(f"the fields of both sides together do not parse: {problem}")
    return merged
