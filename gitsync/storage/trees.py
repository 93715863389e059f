"""Trees and contents by short git processes: for readers that do without libgit2.

``git ls-tree``, ``diff-tree`` and ``cat-file --batch`` start in 2 ms and read in C, beside this
process; loading libgit2 alone takes 65.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

from gitsync.domain.errors import VerificationError
from gitsync.domain.objects import Oid
from gitsync.storage import effects, gitcli
from gitsync.storage.gitenv import environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from typing import IO

EMPTY_TREE = Oid("4b825dc642cb6eb9a060e54bf8d69288fbee4904")
_ABSENT = b"000000"
_PLAIN = (b"100644", b"100755")


class FileEntry(NamedTuple):
    """A file in a tree: its whole path, its mode as git writes it, its content's id."""

    path: bytes
    mode: bytes
    oid: Oid


class FileChange(NamedTuple):
    """A file before and after: its content's id, None where there is no plain file."""

    path: bytes
    before: Oid | None
    after: Oid | None


class TreeReader:
    """Reads one repository. Every id must be there: GitError or VerificationError otherwise."""

    def __init__(self, cwd: Path) -> None:
        self._cwd = cwd

    def named(self, *names: str) -> list[Oid]:
        """The ids that revisions such as ``<commit>^{tree}`` name."""
        out = gitcli.run(["rev-parse", "--verify", *names[:1]] if len(names) == 1 else
                         ["rev-parse", *names], cwd=self._cwd).out  # fmt: skip
        return [Oid(line) for line in out.decode().split()]

    def files(self, tree: Oid) -> Iterator[FileEntry]:
        """Every file below a tree, in git's order."""
        return _entries(self._run("ls-tree", "-r", "-z", "--full-tree", tree))

    def some(self, tree: Oid, paths: Sequence[bytes]) -> Iterator[FileEntry]:
        """Those of ``paths`` that are files of the tree."""
        if not paths:
            return iter(())
        names = [path.decode("utf-8", "surrogateescape") for path in paths]
        # One by one on the command line: ls-tree takes no list from standard input.
        found: list[FileEntry] = []
        for at in range(0, len(names), 500):
            part = names[at : at + 500]
            out = self._run(
                "--literal-pathspecs", "ls-tree", "-z", "--full-tree", tree, "--", *part
            )
            found += _entries(out)
        return iter(found)

    def changes(self, before: Oid, after: Oid) -> Iterator[tuple[bytes, FileEntry | None]]:
        """(path, entry afterwards) of every file that differs; only changed folders are read."""
        out = self._run("diff-tree", "-r", "-z", "--raw", "--no-renames", before, after)
        parts = out.split(b"\0")
        for head, path in zip(parts[0::2], parts[1::2], strict=False):
            _, mode, _, oid, _ = head.lstrip(b":").split(b" ")
            yield path, None if mode == _ABSENT else FileEntry(path, mode, Oid(oid.decode()))

    def histories(self, pairs: Sequence[tuple[Oid, Oid]]) -> Iterator[tuple[int, list[FileChange]]]:
        """For each pair of trees its place and the files that differ, by one process; pairs that
        are equal are left out."""
        wanted = [(place, pair) for place, pair in enumerate(pairs) if pair[0] != pair[1]]
        asked = "".join(f"{before} {after}\n" for _, (before, after) in wanted).encode()
        args = ["diff-tree", "--stdin", "-r", "-z", "--raw", "--no-renames"]
        parts = iter(gitcli.run(args, cwd=self._cwd, stdin=asked).out.split(b"\0"))
        left = iter(wanted)
        here: tuple[int, list[FileChange]] | None = None
        for part in parts:
            *_, head = part.split(b"\n")
            if part != head:  # the two ids stand on a line of their own before a pair's first file
                if here is not None:
                    yield here
                here = (next(left)[0], [])
            if head and here is not None:
                modes, path = head.lstrip(b":").split(b" "), next(parts)
                here[1].append(FileChange(path, _file(modes[0], modes[2]),
                                          _file(modes[1], modes[3])))  # fmt: skip
        if here is not None:
            yield here

    def _run(self, *args: str) -> bytes:
        return gitcli.run(args, cwd=self._cwd).out

    def content(self, oid: Oid) -> bytes:
        """One file's content."""
        return next(data for _, data in self.contents([oid]))

    def contents(self, oids: Iterable[Oid]) -> Iterator[tuple[Oid, bytes]]:
        """(id, content) of each, in order, while git reads ahead.

        Raises VerificationError ``object.missing``, or ``object.damaged`` for a content that does
        not have its id.
        """
        command = ["git", "cat-file", "--batch", "--buffer"]
        with effects.converse(command, self._cwd, environment()) as process:
            # git would wait for us, and we for it, if one of us first said all and then listened.
            feeder = threading.Thread(target=_feed, args=(process.stdin, oids), daemon=True)
            feeder.start()
            try:
                if process.stdout is not None:
                    yield from _batch(process.stdout)
            finally:
                process.kill()
                feeder.join()


def _feed(pipe: IO[bytes] | None, oids: Iterable[Oid]) -> None:
    if pipe is None:
        return
    try:
        pipe.write("".join(f"{oid}\n" for oid in oids).encode())
        pipe.close()
    except OSError:
        return  # the reader has stopped, and git with it


def _batch(pipe: IO[bytes]) -> Iterator[tuple[Oid, bytes]]:
    from gitsync.codec.gitobjects import object_id

    while line := pipe.readline():
        oid, kind, *size = line.decode().split()
        if kind == "missing" or not size:
            raise VerificationError(
                "object.missing", f"the object {oid[:12]} is not here",
                hint="run 'git fsck', and fetch again from a remote",
            )  # fmt: skip
        data = pipe.read(int(size[0]))
        pipe.read(1)
        if object_id(kind, data) != oid:
            raise VerificationError("object.damaged", f"{oid[:12]} does not have its content's id")
        yield Oid(oid), data


def _entries(out: bytes) -> Iterator[FileEntry]:
    for line in out.split(b"\0"):
        if line:
            head, _, path = line.partition(b"\t")
            mode, kind, oid = head.split(b" ")
            if kind == b"blob":
                yield FileEntry(path, mode, Oid(oid.decode()))


def _file(mode: bytes, oid: bytes) -> Oid | None:
    return Oid(oid.decode()) if mode in _PLAIN else None
