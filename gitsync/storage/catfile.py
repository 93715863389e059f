"""Git's object store read through ``git cat-file``: for hooks, where git itself says what is there.

A hook on a home runs while new objects lie in quarantine, named by environment variables that the
child inherits, so it sees exactly what git would take. It also starts in a tenth of the time that
importing libgit2 takes, and a torn object is an error here where libgit2 would hang.
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Self

from gitsync.codec.gitobjects import object_id
from gitsync.domain.errors import BugError, EnvironmentFault, FormatError, VerificationError
from gitsync.domain.lateregex import late_regex
from gitsync.storage import effects
from gitsync.storage.gitenv import environment
from gitsync.storage.objects import missing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from subprocess import Popen

    from gitsync.domain.objects import Oid

# Where git keeps what a push brought until its hooks have agreed (git-receive-pack(1)).
QUARANTINE = (
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
)
_FOUND = late_regex(rb"[0-9a-f]{40} (?:commit|tree|blob|tag) [0-9]{1,18}\n")
_EACH = {"contents": "--batch", "info": "--batch-check"}
#: No object that rules have to read whole is larger: a small pack may inflate to any size.
MAX_OBJECT_BYTES = 64 << 20


def quarantine(env: Mapping[str, str]) -> dict[str, str]:
    """The variables that lead to the new objects of a push, as far as they are set."""
    return {name: env[name] for name in QUARANTINE if name in env}


class CatFile:
    """The port ``ObjectStore``, read only, over a child process that starts when needed.

    A git before 2.36 answers one kind of question a process, so there it is two. ``extra`` is
    added to the children's environment. Close it, or use it as a context.
    """

    def __init__(self, git_dir: Path, extra: dict[str, str] | None = None) -> None:
        self._dir = git_dir
        self._extra = extra or {}
        self._children: dict[str, Popen[bytes]] = {}
        self._both = True  # whether one child takes both kinds, until it is seen not to

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the children."""
        for child in self._children.values():
            child.kill()
            child.communicate()
        self._children.clear()

    def read(self, oid: Oid) -> tuple[str, bytes]:
        """See ``ObjectStore``. Raises FormatError ``object.too-large`` above 64 MiB."""
        kind, size, out = self._ask("contents", oid)
        if size > MAX_OBJECT_BYTES:
            self.close()  # rather than read on to the next answer
            raise FormatError(
                "object.too-large", f"the {kind} {oid[:12]} has {size} bytes, {MAX_OBJECT_BYTES} at"
                " most can be read",
            )  # fmt: skip
        data = out.read(size + 1)
        if len(data) != size + 1 or object_id(kind, data[:-1]) != oid:
            self.close()  # it may have ended over this one; the next starts anew
            raise _damaged(oid)
        return kind, data[:-1]

    def header(self, oid: Oid) -> tuple[str, int]:
        """See ``ObjectStore``."""
        kind, size, _ = self._ask("info", oid)
        return kind, size

    def has(self, oid: Oid) -> bool:
        """See ``ObjectStore``."""
        try:
            self.header(oid)
        except VerificationError:
            return False
        return True

    def write(self, kind: str, data: bytes, like: Oid | None = None) -> Oid:  # noqa: ARG002
        """Raises BugError: a hook looks, and leaves no object behind."""
        raise BugError("store.read-only", "a hook tried to write an object")

    def flush(self) -> None:
        """Nothing to make durable."""

    def _ask(self, what: str, oid: Oid) -> tuple[str, int, IO[bytes]]:
        """Kind, size and what follows, of an object: its ``info``, or its ``contents``."""
        first = not self._children
        child = self._child(what)
        assert child.stdout is not None  # noqa: S101 - a pipe, see _start
        line = _put(child, f"{what} {oid}" if self._both else oid)
        if not line and first and self._both:
            self.close()
            self._both = False  # a git that does not know the option has ended at once
            return self._ask(what, oid)
        words = line.split()
        if len(words) == 2 and words[1] == b"missing":
            raise missing(oid)
        # Cut off, of another object, or of no kind and size: then it says nothing.
        if _FOUND.fullmatch(line) is None or words[0] != oid.encode():
            self.close()
            raise _damaged(oid)
        return words[1].decode(), int(words[2]), child.stdout

    def _child(self, what: str) -> Popen[bytes]:
        how = "--batch-command" if self._both else _EACH[what]
        child = self._children.get(how)
        if child is None:
            child = self._children[how] = self._start(how)
        return child

    def _start(self, how: str) -> Popen[bytes]:
        try:
            return effects.converse(["git", "cat-file", how], self._dir, environment(self._extra))
        except FileNotFoundError as error:
            raise EnvironmentFault("git.missing", "git is not installed or not on PATH") from error


def _put(child: Popen[bytes], question: str) -> bytes:
    """The first line of an answer; nothing if the child has ended."""
    assert child.stdin is not None  # noqa: S101 - both are pipes
    assert child.stdout is not None  # noqa: S101
    try:
        child.stdin.write(question.encode() + b"\n")
        child.stdin.flush()
    except BrokenPipeError:
        return b""
    return child.stdout.readline()


def _damaged(oid: str) -> VerificationError:
    return VerificationError(
        "object.damaged", f"the object {oid[:12]} cannot be read", hint="run 'git fsck'"
    )
