"""Version 2 of the file merge: Markdown by fields and blocks, everything else as in version 1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.merge.body import merge_body
from gitsync.domain.merge.front import MergedHead, merge_heads
from gitsync.domain.merge.lines import Conflict, split_lines
from gitsync.domain.merge.values import FileConflict
from gitsync.domain.merge.version1 import merge_v1, split_front_matter
from gitsync.domain.paths import is_markdown

if TYPE_CHECKING:
    from gitsync.domain.merge.values import MergeContext


def merge_v2(
    base: bytes, ours: bytes, theirs: bytes, context: MergeContext
) -> bytes | FileConflict:
    """Version 2. Everything that one side alone changed survives, or there is a conflict."""
    if theirs in (ours, base):
        return ours
    if ours == base:
        return theirs
    binary = b"\0" in base or b"\0" in ours or b"\0" in theirs
    if binary or not is_markdown(context.path):
        return merge_v1(base, ours, theirs, context.head_problem)
    parts = [split_front_matter(raw) or (b"", raw) for raw in (base, ours, theirs)]
    was, mine, other = (part[0] for part in parts)
    head = merge_heads(was, mine, other, context)
    body = merge_body(parts[0][1], parts[1][1], parts[2][1], was.count(b"\n"))
    if head.line is None:
        problem = _problem(head, body, context)
        if problem is not None:
            sides = (tuple(split_lines(side)) for side in (was, mine, other))
            head = MergedHead([Conflict(1, *sides)], why=problem)
    chunks = (*head.chunks, *body)
    first = next((one.base_start for one in chunks if isinstance(one, Conflict)), None)
    if first is None:
        return b"".join(one for one in chunks if isinstance(one, bytes))
    return FileConflict(_why(head), first, tuple(head.fields), chunks)


def _problem(head: MergedHead, body: list[bytes | Conflict], context: MergeContext) -> str | None:
    """Why the settled front matter may not stand: read again, it must say what was merged."""
    raw = head.settled()
    start = raw + b"".join(one for one in body if isinstance(one, bytes))
    found = split_front_matter(start)
    if (found[0] if found else b"") != raw:
        return "the two sides together have their front matter in another place"
    return head.problem(context.read_head)


def _why(head: MergedHead) -> str:
    if head.why is not None:
        return head.why
    if head.fields:
        names = ", ".join(one.name for one in head.fields)
        return f"both sides changed {names}"
    if head.line is not None:
        return "both sides changed the same lines between the fields"
    return "both sides changed the same lines"
