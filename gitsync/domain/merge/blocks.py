"""Markdown cut into blocks: headings, list items, task boxes, tables, fences, paragraphs.

A block is what two people may change side by side without touching the same thing. The cut needs
no Markdown library, whose next version would cut differently and change what old merges gave: the
rules below are all of it (docs/reference/merge.md). Joined, the blocks are the text.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from gitsync.domain.lateregex import late_regex
from gitsync.domain.merge.lines import split_lines

# Possessive throughout: a line of a million spaces must not be tried a million times.
_BLANK = late_regex(rb"[ \t\r\n]*+")
_FENCE = late_regex(rb"[ \t]*+(`{3,}+(?=[^`]*+\Z)|~{3,}+)")
_HEADING = late_regex(rb" {0,3}+#{1,6}+(?:[ \t\r\n]|\Z)")
_RULE = late_regex(rb" {0,3}+(?:(?:\*[ \t]*+){3,}+|(?:-[ \t]*+){3,}+|(?:_[ \t]*+){3,}+)[\r\n]*+")
_ITEM = late_regex(rb"[ \t]*+(?:[-*+]|[0-9]{1,9}+[.)])(?:[ \t\r\n]|\Z)")
_UNDERLINE = late_regex(rb" {0,3}+(?:=++|-++)[ \t\r\n]*+")
_DELIMITER = late_regex(
    rb"[ \t]*+\|?+[ \t]*+:?+-++:?+[ \t]*+(?:\|[ \t]*+:?+-++:?+[ \t]*+)*+\|?+[ \t\r\n]*+"
)
_COMMENT: Final = b"<!--"


class Block(NamedTuple):
    """Some whole lines and what they are: ``blank``, ``fence``, ``comment``, ``heading``,
    ``rule``, ``table``, ``item`` or ``text``."""

    kind: str
    data: bytes


def split_blocks(text: bytes) -> list[Block]:
    """The blocks of a Markdown body, in order. Never raises."""
    lines = split_lines(text)
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        kind, end = _block(lines, at)
        blocks.append(Block(kind, b"".join(lines[at:end])))
        at = end
    return blocks


def _block(lines: list[bytes], at: int) -> tuple[str, int]:
    """The kind of the block that begins at a line, and the line behind it."""
    line = lines[at]
    fence = _FENCE.match(line)
    if _BLANK.fullmatch(line):
        return "blank", _while(lines, at, _BLANK)
    if fence is not None:
        return "fence", _fence_end(lines, at, fence[1])
    if line.lstrip(b" \t").startswith(_COMMENT):
        return "comment", _comment_end(lines, at)
    if _HEADING.match(line):
        return "heading", at + 1
    if _RULE.fullmatch(line):
        return "rule", at + 1
    if _is_table(lines, at):
        return "table", _table_end(lines, at)
    kind = "item" if _ITEM.match(line) else "text"
    end = at + 1
    while end < len(lines) and not _begins(lines, end):
        end += 1
    return kind, end


def _while(lines: list[bytes], at: int, pattern: re.Pattern[bytes]) -> int:
    while at < len(lines) and pattern.fullmatch(lines[at]):
        at += 1
    return at


def _begins(lines: list[bytes], at: int) -> bool:
    """Whether a line begins a block of its own below text."""
    line = lines[at]
    if _UNDERLINE.fullmatch(line):
        return False  # it makes the text above a heading
    return bool(
        _BLANK.fullmatch(line)
        or _FENCE.match(line)
        or line.lstrip(b" \t").startswith(_COMMENT)
        or _HEADING.match(line)
        or _RULE.fullmatch(line)
        or _ITEM.match(line)
        or _is_table(lines, at)
    )


def _fence_end(lines: list[bytes], at: int, mark: bytes) -> int:
    """Behind the closing fence: at least as long, of the same character; or the end."""
    closing = re.compile(rb"[ \t]*" + re.escape(mark[:1]) + rb"{%d,}[ \t\r\n]*" % len(mark))
    for end in range(at + 1, len(lines)):
        if closing.fullmatch(lines[end]):
            return end + 1
    return len(lines)


def _comment_end(lines: list[bytes], at: int) -> int:
    """Behind the line that closes the comment, or the end."""
    for end in range(at, len(lines)):
        if b"-->" in lines[end]:
            return end + 1
    return len(lines)


def _is_table(lines: list[bytes], at: int) -> bool:
    line = lines[at].lstrip(b" \t")
    if line.startswith(b"|"):
        return True
    return b"|" in line and at + 1 < len(lines) and b"|" in lines[at + 1] and bool(
        _DELIMITER.fullmatch(lines[at + 1])
    )  # fmt: skip


def _table_end(lines: list[bytes], at: int) -> int:
    end = at + 1
    while end < len(lines) and b"|" in lines[end]:
        end += 1
    return end
