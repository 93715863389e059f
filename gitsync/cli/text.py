"""Text for a terminal: what is safe to show, how wide it is, where it breaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

TAB_CELLS = 4
# What a command in a hint begins with, and the words that one may follow.
_PROGRAMS = frozenset(
    ("gitsync", "git", "ssh", "ssh-add", "ssh-keygen", "cd", "chmod", "mv", "rm", "pip", "export")
)
_JOINTS = frozenset(("or", "then", "run"))
# Joiners shape letters in several scripts and in emoji, and cannot move the cursor.
_HARMLESS = frozenset("\u200c\u200d\u00a0\u3000")


def clean(text: str) -> str:
    """``text`` on one line, with everything that a terminal could act on made visible.

    Control, escape, bidi and other format characters, line breaks, unassigned and private code
    points and lone surrogates become ``\\x1b`` or ``\\u202e``.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in _HARMLESS else _escape(ord(char)) for char in text
    )


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # a byte that was not UTF-8
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def clean_lines(text: str) -> list[str]:
    """The lines of a longer text, each made safe; tabs become spaces, CRLF a plain line end."""
    lines = text.replace("\r\n", "\n").split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return [clean(line.expandtabs(TAB_CELLS)) for line in lines]


def width(text: str) -> int:
    """How many cells ``text`` takes on a terminal."""
    if text.isascii():
        return len(text)
    import unicodedata

    cells = 0
    for char in text:
        if unicodedata.category(char) in ("Mn", "Me", "Cf"):
            continue
        cells += 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
    return cells


def cut(text: str, cells: int) -> str:
    """``text`` in at most ``cells`` cells; what is cut off is marked by ``...``."""
    if width(text) <= cells:
        return text
    dots = "..." if cells > 6 else ""
    kept, used = "", 0
    for char in text:
        used += width(char)
        if used > cells - len(dots):
            break
        kept += char
    return kept.rstrip() + dots


def pad(text: str, cells: int) -> str:
    """``text`` filled up with spaces to ``cells`` cells."""
    return text + " " * (cells - width(text))


def wrap(text: str, cells: int) -> Iterator[str]:
    """Lines of at most ``cells`` cells, broken at spaces; a longer word stays whole on its line.

    Ids, paths and commands are to be copied, so no word is ever broken.
    """
    yield from _filled(text.split(" "), cells)


def wrap_hint(text: str, cells: int) -> Iterator[str]:
    """As :func:`wrap`, but a command in ``text`` stays whole too, to be copied: from the name of a
    program, or an option, where a part of the sentence begins, to where that part ends."""
    yield from _filled(_parts(text), cells)


def _filled(words: Iterable[str], cells: int) -> Iterator[str]:
    line = ""
    for word in words:
        if line and width(line) + 1 + width(word) > cells:
            yield line.rstrip()
            line = word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _parts(text: str) -> Iterator[str]:
    """The words of a hint, each command as one of them."""
    command: list[str] = []
    begins = True
    for word in text.split(" "):
        if command and not word:  # a comment follows
            yield " ".join(command)
            command = []
        if command or (begins and (word in _PROGRAMS or word.startswith("--"))):
            command.append(word)
            if word.endswith((",", ";")) and not sum(one.count("'") for one in command) % 2:
                yield " ".join(command)
                command = []
        else:
            yield word
        begins = word.endswith((":", ",", ";")) or word in _JOINTS
    if command:
        yield " ".join(command)


def shell_word(text: str) -> str:
    """An argument as one would type it in a shell."""
    import shlex

    return shlex.quote(text)


def plural(count: int, one: str, many: str | None = None) -> str:
    """``1 file``, ``2 files``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def day(seconds: int) -> str:
    """A moment in UTC to the minute: ``2026-01-31 09:05 UTC``. Never raises."""
    import time

    try:
        found = time.gmtime(seconds)
    except (OverflowError, ValueError, OSError):
        return f"{seconds} s after 1970"
    return time.strftime("%Y-%m-%d %H:%M UTC", found)


def ago(then: int, now: float) -> str:
    """How long ago ``then`` was, in the largest unit that gives at least one."""
    passed = int(now - then)
    if passed < 0:
        return "in the future"
    for unit, seconds in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if passed >= seconds:
            return plural(passed // seconds, unit) + " ago"
    return "just now"
