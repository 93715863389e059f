"""What changed between two versions of an artifact: field by field, and the body by lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen
from gitsync.domain.merge.diff import Hunk, diff

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CONTEXT_LINES = 3


@frozen
class FieldChange:
    """A field before and after, as plain values; None where it was not there."""

    name: str
    before: object
    after: object


def field_changes(
    before: Mapping[str, object], after: Mapping[str, object]
) -> tuple[FieldChange, ...]:
    """The fields that differ, in the order of the new version, then of the old one."""
    names = dict.fromkeys((*after, *before))
    return tuple(
        FieldChange(name, before.get(name), after.get(name))
        for name in names
        if before.get(name) != after.get(name)
    )


def unified(before: bytes, after: bytes, context: int = CONTEXT_LINES) -> list[str]:
    """The changed lines of a text with some around them, each group headed ``@@ -a,n +b,m @@``."""
    old, new = before.splitlines(), after.splitlines()
    hunks = [one for one in diff(old, new) if isinstance(one, Hunk)]
    lines: list[str] = []
    for group in _groups(hunks, 2 * context):
        first, last = group[0], group[-1]
        a, b = max(0, first.a_start - context), max(0, first.b_start - context)
        a_end = min(len(old), last.a_end + context)
        b_end = min(len(new), last.b_end + context)
        lines.append(f"@@ -{_span(a, a_end)} +{_span(b, b_end)} @@")
        for hunk in group:
            lines += [f" {_text(line)}" for line in old[a : hunk.a_start]]
            lines += [f"-{_text(line)}" for line in old[hunk.a_start : hunk.a_end]]
            lines += [f"+{_text(line)}" for line in new[hunk.b_start : hunk.b_end]]
            a = hunk.a_end
        lines += [f" {_text(line)}" for line in old[a:a_end]]
    return lines


def _groups(hunks: list[Hunk], gap: int) -> Iterator[list[Hunk]]:
    group: list[Hunk] = []
    for hunk in hunks:
        if group and hunk.a_start - group[-1].a_end > gap:
            yield group
            group = []
        group.append(hunk)
    if group:
        yield group


def _span(start: int, end: int) -> str:
    """Lines counted from 1; an empty range is named by the line before it, as diff does."""
    return f"{start + (end > start)},{end - start}"


def _text(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace")
