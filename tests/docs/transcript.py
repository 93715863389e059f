"""Run the ``console`` blocks of a Markdown page, and compare what they print.

    python -m tests.docs.transcript README.md            # check
    python -m tests.docs.transcript --update README.md   # write what is printed into the page

A block is a transcript: ``$ COMMAND``, with ``> `` for further lines of it, then its output. All
blocks of a page run one after the other in one empty home folder.

- ``...`` on a line of its own stands for any number of lines.
- Ids, fingerprints and dates differ from run to run. The first time that one is seen it stands
  for what was printed there; from then on the same text means the same thing, in commands too.
- ``# exit 1`` at the end of a command says that it ends with that code; without it, with 0.
- An HTML comment that begins with the line ``<!-- run`` holds commands for what the reader has
  done before, or what others do meanwhile. They must end with 0; their output is not looked at,
  and the next command runs where the one before them ended.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HOME = "/home/you"
SECONDS = 60

_BLOCK = re.compile(
    r"^```console\n(?P<shown>.*?)^```$|^<!-- run\n(?P<hidden>.*?)^-->$", re.DOTALL | re.MULTILINE
)
_EXIT = re.compile(r"# exit (\d+)\s*$")
_ID = r"(?:plan|story|runbook)-[23456789bcdfghjkmnpqrstvwxyz]{6}"
_OID = r"(?<![\w@-])(?=[0-9a-f]*\d)[0-9a-f]{7,40}(?![\w-])"
_KEY = r"SHA256:[A-Za-z0-9+/]{43}"
_DATE = r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?(?:Z| UTC| \+0000)?)?"
_AGE = r"(?:just now|\d+ (?:seconds?|minutes?|s|min) ago)"
_FOURS = r"(?:[0-9a-f]{4} ){9}[0-9a-f]{4}"
_VARIES = re.compile(
    f"(?P<fours>{_FOURS})|(?P<id>{_ID})|(?P<key>{_KEY})|(?P<date>{_DATE})|(?P<age>{_AGE})"
    f"|(?P<oid>{_OID})"
)
_PATTERN = {
    "fours": _FOURS, "id": _ID, "oid": r"[0-9a-f]+", "key": _KEY, "date": _DATE, "age": _AGE,
}  # fmt: skip
# These may differ each time that they are seen.
_LOOSE = ("date", "age")


class TranscriptError(AssertionError):
    """A page says something else than what happens."""


@dataclass(frozen=True)
class Step:
    """One command and the lines that it should print, None for whatever it prints. ``start`` and
    ``end`` are its lines' places in the page: where its output stands."""

    command: str
    output: tuple[str, ...] | None
    code: int
    start: int
    end: int


def steps(text: str) -> list[Step]:
    """Every command of a page, in order."""
    found: list[Step] = []
    for block in _BLOCK.finditer(text):
        if block["hidden"] is not None:
            found.append(Step("set -e\n" + block["hidden"], None, 0, block.end(), block.end()))
            continue
        at = block.start("shown")
        lines = block["shown"].splitlines(keepends=True)
        here = 0
        while here < len(lines):
            if not lines[here].startswith("$ "):
                msg = f"a console block must begin with a command: {lines[here]!r}"
                raise TranscriptError(msg)
            command = lines[here][2:]
            at += len(lines[here])
            here += 1
            while here < len(lines) and lines[here].startswith("> "):
                command += lines[here][2:]
                at += len(lines[here])
                here += 1
            start = at
            output: list[str] = []
            while here < len(lines) and not lines[here].startswith("$ "):
                output.append(lines[here].rstrip())
                at += len(lines[here])
                here += 1
            code = _EXIT.search(command)
            found.append(
                Step(command.rstrip(), tuple(output), int(code[1]) if code else 0, start, at)
            )
    return found


def in_fours(oid: str) -> str:
    """A commit id as ``join`` shows it, to be read aloud."""
    return " ".join(oid[at : at + 4] for at in range(0, len(oid), 4))


@dataclass
class Bindings:
    """What the ids in a page stand for in this run."""

    known: dict[str, str] = field(default_factory=dict)

    def command(self, text: str) -> str:
        """A command with the page's ids replaced by this run's."""
        return _VARIES.sub(lambda match: self._actual(match[0]) or match[0], text)

    def _actual(self, text: str) -> str | None:
        if text in self.known:
            return self.known[text]
        if " " in text:
            whole = self.known.get(text.replace(" ", ""))
            return whole and in_fours(whole)
        for written, actual in self.known.items():
            if len(text) >= 7 and written.startswith(text):
                return actual[: len(text)]
        return None

    def written(self, actual: str) -> str:
        """A line that was printed, in the page's own ids."""
        for name, value in self.known.items():
            actual = actual.replace(value, name)
            if len(value) == 40:
                actual = actual.replace(in_fours(value), in_fours(name))
        return actual

    def line(self, expected: str, actual: str) -> bool:
        """Whether a line is as expected; binds what is new in it."""
        pattern, names = "", []
        at = 0
        for match in _VARIES.finditer(expected):
            pattern += re.escape(expected[at : match.start()])
            at = match.end()
            known = self._actual(match[0])
            kind = str(match.lastgroup)
            if known is not None and kind not in _LOOSE:
                pattern += re.escape(known)
            else:
                pattern += f"({_PATTERN[kind]})"
                names.append((kind, match[0]))
        found = re.fullmatch(pattern + re.escape(expected[at:]), actual)
        if found is None:
            return False
        new = {
            written: value
            for (kind, written), value in zip(names, found.groups(), strict=True)
            if kind not in _LOOSE
        }
        if any(self._called_otherwise(*pair) for pair in new.items()):
            return False
        self.known |= new
        return True

    def _called_otherwise(self, written: str, actual: str) -> bool:
        """Whether the page has shown the same thing under another name."""
        for name, value in self.known.items():
            size = min(len(value), len(actual))
            if size >= 7 and value[:size] == actual[:size] and name[:size] != written[:size]:
                return True
        return False

    def lines(self, expected: tuple[str, ...], actual: list[str]) -> bool:
        """Whether all lines are as expected, ``...`` standing for any number of lines."""
        if not expected:
            return not actual
        if expected[0].strip() == "...":
            return any(self.lines(expected[1:], actual[at:]) for at in range(len(actual) + 1))
        if not actual:
            return False
        saved = dict(self.known)
        if self.line(expected[0], actual[0]) and self.lines(expected[1:], actual[1:]):
            return True
        self.known = saved
        return False


@dataclass
class Shell:
    """A home folder in which commands run one after the other, each where the last one ended."""

    home: Path
    cwd: Path
    env: dict[str, str]

    @classmethod
    def open(cls, folder: Path) -> Shell:
        home = folder.resolve() / "home"
        home.mkdir(parents=True)
        (home / ".gitconfig").write_text("[init]\n\tdefaultBranch = main\n")
        env = {
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "XDG_STATE_HOME": str(home / ".local" / "state"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PAGER": "cat",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "TERM": "dumb",
            "USER": "you",
        }
        return cls(home, home, env)

    def run(self, command: str) -> tuple[int, list[str]]:
        """The exit code and the lines of both outputs; the home folder shown as ``/home/you``."""
        state = self.home.parent / "cwd"
        script = f"trap 'pwd > \"{state}\"' EXIT\n{command}\n"
        done = subprocess.run(
            ["bash", "--norc", "--noprofile", "-c", script],
            cwd=self.cwd, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=SECONDS, check=False,
        )  # fmt: skip
        self.cwd = Path(state.read_text().rstrip("\n"))
        text = done.stdout.decode("utf-8", "replace").replace(str(self.home), HOME)
        return done.returncode, [line.rstrip() for line in text.splitlines()]


def play(page: Path, folder: Path, *, update: bool = False) -> int:
    """Run a page in ``folder``; returns how many commands ran. Raises TranscriptError."""
    text = page.read_text("utf-8")
    shell, bound = Shell.open(folder), Bindings()
    found = steps(text)
    changes: list[tuple[int, int, str]] = []
    for step in found:
        here = shell.cwd
        code, lines = shell.run(bound.command(step.command))
        if step.output is None:
            shell.cwd = here
        same = step.output is None or bound.lines(step.output, lines)
        if code != step.code or not (same or update):
            want, got = "\n".join(step.output or ()), "\n".join(lines)
            msg = (
                f"{page.name}: $ {step.command}\n--- the page says (exit {step.code})\n{want}\n"
                f"--- it printed (exit {code})\n{got}"
            )
            raise TranscriptError(msg)
        if not same:
            new = "".join(f"{bound.written(line)}\n" for line in lines)
            changes.append((step.start, step.end, new))
            for line in lines:  # what is printed now is what the page will say
                for match in _VARIES.finditer(line):
                    if match.lastgroup not in _LOOSE and match[0] not in bound.known.values():
                        bound.known.setdefault(match[0], match[0])
    for start, end, new in reversed(changes):
        text = text[:start] + new + text[end:]
    if changes:
        page.write_text(text, "utf-8")
    return len(found)


def main(argv: list[str]) -> int:
    """Check or update the pages that are named."""
    update = "--update" in argv
    for name in argv:
        if name != "--update":
            with tempfile.TemporaryDirectory() as folder:
                count = play(ROOT / name, Path(folder), update=update)
            print(f"{name}: {count} commands")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
