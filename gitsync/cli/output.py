"""The only thing that writes to the terminal.

Every piece of text passes :func:`gitsync.cli.text.clean`, so nothing raw from an artifact, a ref, a
message or a path reaches it. Results go to standard output, everything said about them to
standard error.
"""

from __future__ import annotations

import io
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from gitsync.cli import text
from gitsync.cli.progress import Progress
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any

WIDTH = 80
MAX_COLUMN = 56  # the fingerprint of a key is 50, a proposal's name seldom longer than 56
MAX_LINE = 1000  # cells of a line that goes to no terminal
LEAST = 12  # cells that the last column of a table needs at least
_CODES = {"red": "31", "green": "32", "yellow": "33", "bold": "1"}


@frozen
class Styled:
    """Text in a colour where the terminal shows colours; only what is exceptional gets one."""

    text: str
    style: str


Piece = str | Styled


@frozen
class Streams:
    """Standard input, output and error of a command."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO


class Output:
    """Writes lines, tables and JSON; ``width`` is that of the terminal, 80 elsewhere."""

    __slots__ = ("env", "progress", "streams", "width")

    def __init__(
        self, streams: Streams, env: Mapping[str, str], clock: Callable[[], float]
    ) -> None:
        self.streams = streams
        self.env = env
        self.width = max(40, _columns(env)) if self.tty else WIDTH
        self.progress = Progress(streams.stderr, clock)

    @property
    def tty(self) -> bool:
        """Whether results go to a terminal."""
        return self.streams.stdout.isatty()

    def line(self, *pieces: Piece) -> None:
        """One line of the result."""
        self._write(self.streams.stdout, pieces)

    def cut_line(self, *pieces: Piece) -> None:
        """One line of the result, cut to the width of the terminal it goes to."""
        left = self.width if self.tty else MAX_LINE
        kept: list[Piece] = []
        for piece in pieces:
            shown = text.cut(_plain(piece), left)
            kept.append(_like(piece, shown))
            left -= text.width(shown)
            if left <= 0:
                break
        self.line(*kept)

    def note(self, *pieces: Piece) -> None:
        """One line about the result, to standard error."""
        self._write(self.streams.stderr, pieces)

    def told(self, first: Piece, value: str, indent: str, *, hint: bool = False) -> None:
        """Prose to standard error after ``first``: broken to the width of a terminal, and one line
        elsewhere, for programs that look for words in it. The commands of a ``hint`` stay whole."""
        lines = [text.clean(value)]
        if self.streams.stderr.isatty():
            room = (self.width if self.tty else max(40, _columns(self.env))) - text.width(indent)
            lines = list((text.wrap_hint if hint else text.wrap)(lines[0], room))
        for at, line in enumerate(lines):
            self.note(indent if at else first, line)

    def block(self, value: str, indent: str = "") -> None:
        """A text of several lines, each made safe."""
        for one in text.clean_lines(value):
            self.line((indent + one).rstrip() if not one.strip() else indent + one)

    def wrapped(self, value: str, indent: str = "", first: str | None = None) -> None:
        """Prose, broken to the width; continued lines begin with ``indent``."""
        lead = indent if first is None else first
        for one in text.wrap(text.clean(value), self.width - text.width(indent)):
            self.line(lead + one)
            lead = indent

    def fields(self, pairs: Iterable[tuple[str, Piece]]) -> None:
        """``label  value`` lines, the values in one column, broken to the width."""
        rows = list(pairs)
        wide = max((text.width(label) for label, _ in rows), default=0) + 2
        for label, value in rows:
            if isinstance(value, Styled):
                self.line(text.pad(label, wide), value)
            else:
                self.wrapped(value, " " * wide, text.pad(label, wide))

    def table(
        self, heads: Sequence[str], rows: Sequence[Sequence[Piece]], *, whole: bool = False
    ) -> None:
        """Columns in the width of the terminal.

        The last one is cut on a terminal, and in a pipe only if there are no heads; it goes on in
        the next line if ``whole``, and stands on a line of its own where a terminal has no room.
        """
        last = len(heads) - 1
        cells = [[text.cut(_plain(piece), MAX_COLUMN) for piece in row[:last]] for row in rows]
        wide = [max(text.width(row[at]) for row in (heads, *cells)) for at in range(last)]
        lead = sum(wide) + 2 * last
        fits = self.tty or not any(heads)  # what programs read is neither cut nor broken
        below = lead + LEAST > self.width and not whole and fits
        if any(heads):
            shown = [*map(text.pad, heads, wide), *([] if below else heads[last:])]
            self.line("  ".join(shown).rstrip())
        cut = not whole and fits
        lead = 4 if below else lead
        for row, plain in zip(rows, cells, strict=True):
            pieces = [
                _like(given, text.pad(value, size + 2))
                for given, value, size in zip(row, plain, wide, strict=False)
            ]
            if below:
                self.line(*pieces[:-1], _like(row[last - 1], plain[-1]))
                pieces = [" " * lead]
            value, room = _plain(row[last]), max(LEAST, self.width - lead)
            first, *more = text.wrap(value, room) if whole else [value]
            first = text.cut(first, room) if cut else first
            self.line(*pieces, _like(row[last], first))
            for part in more:
                self.line(" " * lead + part)

    def steps(self, title: str, commands: Sequence[tuple[str, str]]) -> None:
        """At most three next steps: (command, what for); a long command goes on after a ``\\``."""
        self.line()
        self.line(title)
        wide = max(text.width(command) for command, _ in commands) + 2
        narrow = all(2 + wide + text.width(reason) <= self.width for _, reason in commands)
        for command, reason in commands[:3]:
            if narrow:
                self.line(f"  {text.pad(command, wide)}{reason}".rstrip())
                continue
            head, option, rest = command.rpartition(" --")
            if option and 2 + text.width(command) > self.width:
                self.line(f"  {head} \\")
                self.line(f"    --{rest}")
            else:
                self.line(f"  {command}")
            if reason:
                self.line(f"      {reason}")

    def json(self, document: Mapping[str, Any]) -> None:
        """A JSON document: indented, escaped to ASCII, so safe on any terminal."""
        self._raw(self.streams.stdout, json_text(document, indent=2))

    def json_event(self, document: Mapping[str, Any]) -> None:
        """One of a stream of JSON documents, on a line of its own."""
        self._raw(self.streams.stdout, json_text(document, indent=None))

    def json_error(self, document: Mapping[str, Any]) -> None:
        """An error as one line of JSON on standard error."""
        self._raw(self.streams.stderr, json_text(document, indent=None))

    def record(self, cells: Iterable[str]) -> None:
        """One line for a program: cells with tabs between them, each made safe."""
        self._raw(self.streams.stdout, "\t".join(text.clean(cell) for cell in cells))

    def help(self, value: str) -> None:
        """Help text as click laid it out."""
        for one in text.clean_lines(value):
            self.line(one)

    def script(self, value: str) -> None:
        """A shell script of our own, byte for byte."""
        self._raw(self.streams.stdout, value.rstrip("\n"))

    @contextmanager
    def paged(self) -> Iterator[None]:
        """Show what is written meanwhile in the user's pager, when it goes to a terminal."""
        command = pager_command(self.env) if self.tty else []
        if not command:
            yield
            return
        plain, kept = self.streams, _Buffer()
        self.streams = Streams(plain.stdin, kept, plain.stderr)
        try:
            yield
        finally:
            self.streams = plain
        from gitsync.storage.pager import page

        if not page(command, kept.getvalue(), self.env):
            plain.stdout.write(kept.getvalue())

    def _write(self, stream: TextIO, pieces: Sequence[Piece]) -> None:
        self._raw(stream, "".join(self._piece(stream, piece) for piece in pieces))

    def _raw(self, stream: TextIO, line: str) -> None:
        self.progress.clear()
        stream.write(line + "\n")

    def _piece(self, stream: TextIO, piece: Piece) -> str:
        if isinstance(piece, str):
            return text.clean(piece)
        shown = text.clean(piece.text)
        return f"\x1b[{_CODES[piece.style]}m{shown}\x1b[0m" if self.colour(stream) else shown

    def colour(self, stream: TextIO) -> bool:
        """Whether ``stream`` gets colours (no-color.org, force-color.org)."""
        if self.env.get("NO_COLOR"):
            return False
        if self.env.get("FORCE_COLOR"):
            return True
        return stream.isatty() and self.env.get("TERM") != "dumb"


class _Buffer(io.StringIO):
    """Text on its way to a pager, which is on a terminal."""

    def isatty(self) -> bool:
        return True


def pager_command(env: Mapping[str, str]) -> list[str]:
    """The pager as git chooses it; none for ``cat``, nothing, or what cannot be read."""
    import shlex

    found = next((env[name] for name in ("GIT_PAGER", "PAGER") if name in env), "less")
    try:
        words = shlex.split(found)
    except ValueError:
        return []
    return [] if words == ["cat"] else words


def json_text(document: Mapping[str, Any], indent: int | None) -> str:
    """JSON in ASCII without any control character."""
    import json

    return json.dumps(document, indent=indent, ensure_ascii=True, default=_json_value)


def _json_value(value: object) -> object:
    return sorted(value, key=str) if isinstance(value, (set, frozenset)) else str(value)


def _like(piece: Piece, shown: str) -> Piece:
    return Styled(shown, piece.style) if isinstance(piece, Styled) else shown


def _plain(piece: Piece) -> str:
    return text.clean(piece.text if isinstance(piece, Styled) else piece)


def _columns(env: Mapping[str, str]) -> int:
    given = env.get("COLUMNS", "")
    if given.isascii() and given.isdigit():
        return int(given[:4])
    try:
        return os.get_terminal_size().columns or WIDTH
    except OSError:
        return WIDTH
