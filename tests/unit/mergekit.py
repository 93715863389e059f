"""Messy Markdown artifacts and edits of them, and what the tests of the merge share."""

from __future__ import annotations

from hypothesis import strategies as st

from gitsync.codec import frontmatter
from gitsync.codec.frontmatter_parts import read_head
from gitsync.domain.errors import GitsyncError
from gitsync.domain.merge.lines import Conflict
from gitsync.domain.merge.rules import Rules
from gitsync.domain.merge.values import FileConflict, MergeContext
from gitsync.domain.merge.version2 import merge_v2

MOVES = frozenset({("draft", "committed"), ("committed", "approved"), ("approved", "draft"),
                   ("committed", "draft"), ("draft", "dropped")})  # fmt: skip
RULES = Rules(
    strategies={
        "status": "state", "tags": "set", "order": "list", "votes": "counter", "due": "max",
        "since": "min", "notes": "text", "owner": "scalar", "requires": "set",
    },
    type_field="type",
    moves={"plan": MOVES},
    paths=(("plan", ("plans/**/*.md",)),),
)  # fmt: skip


def head_problem(raw: bytes) -> str | None:
    try:
        document = frontmatter.parse(raw)
        if document is not None:
            document.check()
    except GitsyncError as error:
        return str(error)
    return None


def context(path: str = "plans/a.md", rules: Rules = RULES) -> MergeContext:
    return MergeContext(path, rules, head_problem, read_head)


def merge(base: bytes, ours: bytes, theirs: bytes, rules: Rules = RULES, path: str = "plans/a.md"):
    return merge_v2(base, ours, theirs, context(path, rules))


def swapped(found: bytes | FileConflict) -> bytes | FileConflict:
    """The same result with ours and theirs exchanged."""
    if isinstance(found, bytes):
        return found
    chunks = tuple(
        Conflict(one.base_start, one.base_lines, one.theirs_lines, one.ours_lines)
        if isinstance(one, Conflict)
        else one
        for one in found.chunks
    )
    fields = tuple(type(one)(one.name, one.base, one.theirs, one.ours) for one in found.fields)
    return FileConflict(found.why, found.line, fields, chunks)


VALUES = {
    "title": [" A plan", ' "A plan"', " 'A ''plan'''", " A plan # why", " ---", "   A plan  ", ""],
    "type": [" plan"],
    "status": [" draft", " committed", " approved", ' "draft"', " dropped", " odd"],
    "tags": [" [a, b]", " [a,b , c]", "\n  - a\n  - b", "\n  - a\n  # note\n  - 'c' # z", " []",
             "", " [b]", " a", "\n  - a\n  - b\n  - d", " [a, \"b\"]", " [x, a, b]"],
    "order": [" [a, b]", "\n- a\n- b\n- a", "\n- b\n- a", " [a, b, c]", "\n- a\n- x\n- b\n- a"],
    "votes": [" 3", " 4", " 10", " +5", " many", ' "3"'],
    "due": [" 2026-01-02", " 2026-03-01", " 2026-02-30", " 7", " 7.50", " soon"],
    "since": [" 1", " 1.0", " -2", " 03"],
    "notes": [" |\n  one\n  two\n  three\n\n  four", " |\n  one!\n  two\n  three\n\n  four",
              " |\n  one\n  two\n  three\n\n  four\n  five", " >-\n  folded\n  text", " short",
              " |+\n  keep\n\n", " |\n  ---\n  x: y\n  ```\n"],
    "meta": ["\n  a: 1\n  b: [x]\n  c: 3", "\n  a: 2\n  b: [x]\n  c: 3",
             "\n  a: 1\n  b: [x]\n  c: 4",
             "\n  a: 1\n  a: 2", " {a: 1}", "\n  b: [x]"],
    "owner": [" alice", " james", ' "alice"', " *alias", " &anchor x", " alice # on leave"],
    "requires": [" 1, 2", " 1,2, 3", " 2", " 1", " 1, 2, 4 # c", ""],
    "x y": [" 1", " &a", " | odd"],
    '"quoted key"': [" v", " w"],
}  # fmt: skip
LEADS = ["", "", "", "# a comment\n", "\n", "# another\n\n"]
LINES = ["# Heading\n", "## Two\n", "text here\n", "more text\n", "\n", "\n", "- one\n", "- two\n",
         "- [ ] task\n", "- [x] task\n", "  - nested\n", "```\n", "```sh\n", "x = 1\n", "~~~\n",
         "| a | b |\n", "|---|---|\n", "| 1 | 2 |\n", "---\n", "<!-- note\n", "-->\n", "1. first\n",
         "2. second\n", "> quote\n", "crlf\r\n", "***\n", "====\n", "last"]  # fmt: skip


@st.composite
def fields(draw):
    names = draw(st.lists(st.sampled_from(list(VALUES)), unique=True, max_size=7))
    return [(name, draw(st.sampled_from(LEADS)), draw(st.sampled_from(VALUES[name])))
            for name in names]  # fmt: skip


@st.composite
def changed(draw, parts):
    """The fields after a few edits: other values, comments, places, fields more or less."""
    parts = list(parts)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(parts)))
        match draw(st.sampled_from("vvvvladm")):
            case "v" if at < len(parts):
                name, lead, _ = parts[at]
                parts[at] = (name, lead, draw(st.sampled_from(VALUES[name])))
            case "l" if at < len(parts):
                name, _, value = parts[at]
                parts[at] = (name, draw(st.sampled_from(LEADS)), value)
            case "a":
                name = draw(st.sampled_from(list(VALUES)))
                if all(name != one[0] for one in parts):
                    parts.insert(at, (name, "", draw(st.sampled_from(VALUES[name]))))
            case "d":
                del parts[at : at + 1]
            case "m" if at < len(parts):
                part = parts.pop(at)
                parts.insert(draw(st.integers(0, len(parts))), part)
    return parts


@st.composite
def reworked(draw, lines):
    lines = list(lines)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines)))
        match draw(st.sampled_from("iirrd")):
            case "i":
                lines[at:at] = draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=2))
            case "r":
                lines[at : at + 1] = [draw(st.sampled_from(LINES))]
            case "d":
                del lines[at : at + draw(st.integers(1, 2))]
    return lines


def text_of(parts, lines, how) -> bytes:
    bom, crlf, fence, final = how
    head = "".join(f"{lead}{name}:{value}\n" for name, lead, value in parts)
    head = f"---\n{head}---\n" if fence else ""
    body = "".join(line if line.endswith("\n") else line + "\n" for line in lines)
    text = head + body
    if crlf:
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    if not final:
        text = text.removesuffix("\n")
    return (b"\xef\xbb\xbf" if bom else b"") + text.encode()


@st.composite
def triples(draw):
    """(base, ours, theirs) of one artifact; now and then a side rewrites all of it."""
    parts, lines = draw(fields()), draw(st.lists(st.sampled_from(LINES), max_size=14))
    usual = (draw(st.booleans()), draw(st.sampled_from([0, 0, 0, 1])), True, True)
    sides = [text_of(parts, lines, usual)]
    for _ in range(2):
        how = draw(st.sampled_from([usual, usual, usual, usual, (False, False, True, True),
                                    (False, True, True, False), (False, False, False, True),
                                    (usual[0], usual[1], True, False)]))  # fmt: skip
        sides.append(text_of(draw(changed(parts)), draw(reworked(lines)), how))
    return tuple(sides)
