"""Three versions of a file, and what people made of them, out of any repository's history."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitsync.domain.merge.diff import Match, diff, hunks
from gitsync.domain.merge.lines import split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MARKDOWN = (".md", ".markdown")
MAX_BYTES = 1 << 20
_PLAIN = ("100644", "100755")

#: Merge three contents; None for a conflict. Makes one base of several.
Fold = Callable[[bytes, bytes, bytes], "bytes | None"]


@dataclass(frozen=True)
class Triple:
    """A file of the base and two sides, and the content that people committed (None: no file)."""

    where: str
    path: str
    base: bytes
    ours: bytes
    theirs: bytes
    people: bytes | None


@dataclass(frozen=True)
class Side:
    """A file of a base in another commit: its path there, and its content's id (None: removed)."""

    path: str
    oid: str | None


class UnreadableError(Exception):
    """The repository cannot be had: git's own words."""


class History:
    """A repository read through one ``git cat-file --batch``.

    ``counts`` says how many merges of which kind there are, and what was left out.
    """

    def __init__(self, source: str, folder: Path, env: Mapping[str, str]) -> None:
        """Raises UnreadableError."""
        self.repo = folder / "source.git"
        self.env = dict(env)
        self.counts: Counter[str] = Counter()
        # A clone of one's own: bundles are read, and the source's settings play no part.
        done = subprocess.run(
            ["git", "clone", "-q", "--mirror", source, str(self.repo)], env=self.env, check=False,
            capture_output=True,
        )  # fmt: skip
        if done.returncode:
            raise UnreadableError(done.stderr.decode("utf-8", "replace").strip())
        self._olds: dict[tuple[str, str], str] = {}  # (commit, path) -> content's id
        self.shallow = (self.repo / "shallow").exists()
        self._cat = subprocess.Popen(
            ["git", "cat-file", "--batch"], cwd=self.repo, env=self.env,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def close(self) -> None:
        """End the reading process."""
        if self._cat.stdin is not None:
            self._cat.stdin.close()
        self._cat.wait()

    def git(self, *args: str) -> list[str]:
        """The lines that a git command prints."""
        return self._out(*args).splitlines()

    def _out(self, *args: str) -> str:
        done = subprocess.run(
            ["git", *args], cwd=self.repo, env=self.env, capture_output=True, check=True
        )
        return done.stdout.decode("utf-8", "surrogateescape")

    def blob(self, name: str) -> bytes | None:
        """A file's content by its id; None where it is missing, or too large to be an artifact."""
        if self._cat.stdin is None or self._cat.stdout is None:
            return None
        self._cat.stdin.write(name.encode("utf-8", "surrogateescape") + b"\n")
        self._cat.stdin.flush()
        head = self._cat.stdout.readline().split()
        if head[-1:] in ([b"missing"], [b"ambiguous"]):
            return None
        left = int(head[2])
        if left > MAX_BYTES:
            self.counts["files too large"] += 1
            while left:
                left -= len(self._cat.stdout.read(min(left, MAX_BYTES)))
            self._cat.stdout.read(1)
            return None
        data = self._cat.stdout.read(left + 1)[:-1]
        return data if head[1] == b"blob" else None

    def merges(self, limit: int | None = None, fold: Fold = lambda *_: None) -> Iterator[Triple]:
        """Each Markdown file that two sides of a historical merge had changed, also where one of
        them renamed it. Of several best bases ``fold`` makes one; where it conflicts, and of more
        than two sides of one file, nothing is known."""
        for line in self.git("rev-list", "--all", "--merges", "--parents")[:limit]:
            commit, *parents = line.split()
            self.counts["merges"] += 1
            if len(parents) > 2:
                self.counts["octopus merges"] += 1
            bases = self._bases(parents)
            if not bases:
                self.counts["merges without a common base"] += 1
            elif len(bases) == 1:
                yield from self._merge(commit, parents, bases[0])
            else:
                self.counts["merges with several bases"] += 1
                yield from self._criss_cross(commit, parents, bases, fold)

    def _bases(self, parents: list[str]) -> list[str]:
        how = ["--all"] if len(parents) == 2 else ["--octopus"]
        try:
            return self.git("merge-base", *how, *parents)
        except subprocess.CalledProcessError:
            return []  # nothing in common

    def _merge(self, commit: str, parents: list[str], base: str) -> Iterator[Triple]:
        sides = [self.changed(base, parent) for parent in parents]
        touched = Counter(path for side in sides for path in side)
        made: dict[str, Side] | None = None
        for path in sorted(path for path, count in touched.items() if count > 1):
            found = [side[path] for side in sides if path in side]
            if len(found) > 2:
                self.counts["files of three and more sides"] += 1
                continue
            ours, theirs = found
            if ours.oid is None or theirs.oid is None:
                self.counts["files that one side removed"] += ours.oid != theirs.oid
                continue
            before = self._olds[base, path]
            contents = [self.blob(one) for one in (before, ours.oid, theirs.oid)]
            if contents[1] == contents[2]:
                continue  # both made the same of it
            made = made if made is not None else self.changed(base, commit)
            end = made[path].oid if path in made else before
            triple = self._triple(commit, path, contents, end)
            if triple is not None:
                self.counts["files that a side renamed"] += {ours.path, theirs.path} != {path}
                yield triple

    def _triple(
        self, commit: str, path: str, contents: list[bytes | None], end: str | None
    ) -> Triple | None:
        base, ours, theirs = contents
        if base is None or ours is None or theirs is None or base in (ours, theirs):
            return None
        people = self.blob(end) if end is not None else None
        return Triple(commit[:12], path, base, ours, theirs, people)

    def _criss_cross(
        self, commit: str, parents: list[str], bases: list[str], fold: Fold
    ) -> Iterator[Triple]:
        """By a virtual base of two, for what all of them have at one path."""
        root = self._bases(bases) if len(bases) == len(parents) == 2 else []
        if len(root) != 1:
            self.counts["merges whose bases are too many"] += 1
            return
        first, second = sorted(bases)
        sides = [self.changed(first, parent) for parent in parents]
        across = {path: side.oid for path, side in self.changed(first, second).items()
                  if side.path == path}  # fmt: skip
        old = {path: self._olds[first, path] for path in {*sides[0], *sides[1]}}
        begun = {path: self._olds[root[0], path] for path in self.changed(root[0], first)}
        made = self.changed(first, commit)
        for path in sorted(sides[0].keys() & sides[1].keys()):
            ours, theirs = (side[path] for side in sides)
            other = across.get(path, old[path])
            ids = [old[path], other, ours.oid, theirs.oid]
            if None in ids or {ours.path, theirs.path} != {path}:
                self.counts["files moved across several bases"] += 1
                continue
            one, two, *ends = (self.blob(oid) for oid in ids if oid is not None)
            base = one
            if one != two and one is not None and two is not None:
                # Unchanged since the common root on the first line means that it had this then.
                start = self.blob(begun.get(path, old[path]))
                base = fold(start, one, two) if start is not None else None
                if base is None:
                    self.counts["files whose bases conflict"] += 1
                    continue
            triple = self._triple(commit, path, [base, *ends],
                                  made[path].oid if path in made else old[path])  # fmt: skip
            if triple is not None and triple.ours != triple.theirs:
                yield triple

    def changed(self, before: str, after: str) -> dict[str, Side]:
        """Path in ``before`` -> what became of it, for Markdown files that are files in both."""
        out = self._out(
            "diff-tree", "-r", "-z", "--raw", "--no-abbrev", "-M", "-l1000", "--diff-filter=MRD",
            before, after,
        )  # fmt: skip
        parts = iter(out.split("\0"))
        found: dict[str, Side] = {}
        for head in parts:
            if not head:
                continue
            old_mode, new_mode, old, new, kind = head.lstrip(":").split(" ")
            path = next(parts)
            to = next(parts) if kind[0] == "R" else path
            if old_mode not in _PLAIN or not path.lower().endswith(MARKDOWN):
                continue
            if kind[0] == "D":
                found[path] = Side(path, None)
            elif new_mode in _PLAIN:
                found[path] = Side(to, new)
            else:
                continue
            self._olds[before, path] = old
        return found

    def pairs(self, limit: int | None = None) -> Iterator[Triple]:
        """Neighbouring edits of a file as if they had been made side by side.

        Edit k+1 is put on the version before edit k, which works where it touches none of edit k's
        lines; neighbouring lines are no hindrance. What people made of the two is then what the
        file was after both.
        """
        newest = self._longest()
        lines = [] if not newest else self.git(
            "-c", "core.quotePath=false", "log", newest, "--first-parent", "--reverse",
            "--no-renames",
            "--diff-filter=AMD", "--raw", "--no-abbrev", "--format=@%H",
        )  # fmt: skip
        versions: dict[str, list[str]] = {}
        commit, found = "", 0
        for line in lines:
            if line.startswith("@"):
                commit = line[1:13]
            if not line.startswith(":"):
                continue
            meta, path = line.split("\t", 1)
            blob, kind = meta.split()[3:5]
            if not path.lower().endswith(MARKDOWN):
                continue
            known = [] if kind in ("A", "D") else versions.get(path, [])
            versions[path] = [*known, blob][-3:] if kind != "D" else []
            if len(versions[path]) == 3:
                triple = self._pair(commit, path, versions[path])
                if triple is not None:
                    yield triple
                    found += 1
                    if limit is not None and found >= limit:
                        return

    def _longest(self) -> str:
        """The branch with the longest first-parent history: a bundle need not have a HEAD."""
        names = self.git("for-each-ref", "--format=%(refname)", "refs/heads")
        lengths = {
            name: int(self.git("rev-list", "--count", "--first-parent", name)[0]) for name in names
        }
        return max(lengths, key=lambda name: (lengths[name], name), default="")

    def _pair(self, commit: str, path: str, ids: list[str]) -> Triple | None:
        before, middle, after = (self.blob(one) for one in ids)
        if before is None or middle is None or after is None:
            return None
        moved = transplant(before, middle, after)
        if moved is None or moved in (before, middle):
            return None
        return Triple(commit, path, before, middle, moved, after)


def transplant(before: bytes, middle: bytes, after: bytes) -> bytes | None:
    """The change from ``middle`` to ``after`` made on ``before``; None where it touches lines that
    are not in ``before``."""
    old, now, new = split_lines(before), split_lines(middle), split_lines(after)
    place: dict[int, int] = {}
    for part in diff(old, now):
        if isinstance(part, Match):
            place |= {part.b + at: part.a + at for at in range(part.length)}
    out: list[bytes] = []
    at = 0
    for hunk in hunks(now, new):
        if hunk.a_start == hunk.a_end:
            if hunk.a_start - 1 in place:
                start = place[hunk.a_start - 1] + 1
            elif hunk.a_start in place:
                start = place[hunk.a_start]
            else:
                return None
            end = start
        else:
            lines = [place.get(line, -1) for line in range(hunk.a_start, hunk.a_end)]
            start, end = lines[0], lines[-1] + 1
            if -1 in lines or end - start != len(lines):
                return None
        if start < at:
            return None
        out += old[at:start]
        out += new[hunk.b_start : hunk.b_end]
        at = end
    return b"".join([*out, *old[at:]])
