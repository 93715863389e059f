"""Three versions of a file, and what people made of them, out of any repository's history."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitsync.domain.merge.diff import Match, diff, hunks
from gitsync.domain.merge.lines import split_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MARKDOWN = (".md", ".markdown")
MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Triple:
    """A file of the base and two sides, and the content that people committed (None: no file)."""

    where: str
    path: str
    base: bytes
    ours: bytes
    theirs: bytes
    people: bytes | None


class History:
    """A repository read through one ``git cat-file --batch``."""

    def __init__(self, source: str, folder: Path, env: Mapping[str, str]) -> None:
        self.repo = folder / "source.git"
        self.env = dict(env)
        # A clone of one's own: bundles are read, and the source's settings play no part.
        subprocess.run(
            ["git", "clone", "-q", "--mirror", source, str(self.repo)], env=self.env, check=True,
            capture_output=True,
        )  # fmt: skip
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
        done = subprocess.run(
            ["git", *args], cwd=self.repo, env=self.env, capture_output=True, check=True
        )
        return done.stdout.decode("utf-8", "surrogateescape").splitlines()

    def blob(self, name: str) -> bytes | None:
        """A file's content by ``commit:path`` or id; None where there is no file."""
        if "\n" in name or self._cat.stdin is None or self._cat.stdout is None:
            return None
        self._cat.stdin.write(name.encode("utf-8", "surrogateescape") + b"\n")
        self._cat.stdin.flush()
        head = self._cat.stdout.readline().split()
        if head[-1:] in ([b"missing"], [b"ambiguous"]):
            return None
        data = self._cat.stdout.read(int(head[2]) + 1)[:-1]
        return data if head[1] == b"blob" and len(data) <= MAX_BYTES else None

    def merges(self, limit: int | None = None) -> Iterator[Triple]:
        """Each Markdown file that both sides of a historical merge of two had changed."""
        for line in self.git("rev-list", "--all", "--merges", "--parents")[:limit]:
            commit, *parents = line.split()
            if len(parents) != 2:
                continue
            try:
                bases = self.git("merge-base", "--all", *parents)
            except subprocess.CalledProcessError:
                continue  # nothing in common
            if len(bases) != 1:
                continue
            names = [self._changed(bases[0], parent) for parent in parents]
            for path in sorted(names[0] & names[1]):
                sides = [self.blob(f"{one}:{path}") for one in (bases[0], *parents)]
                base, ours, theirs = sides
                if base is None or ours is None or theirs is None or ours == theirs:
                    continue
                people = self.blob(f"{commit}:{path}")
                yield Triple(commit[:12], path, base, ours, theirs, people)

    def _changed(self, before: str, after: str) -> set[str]:
        out = self.git(
            "-c", "core.quotePath=false", "diff-tree", "-r", "--no-renames", "--diff-filter=M",
            "--name-only", before, after,
        )  # fmt: skip
        return {name for name in out if name.lower().endswith(MARKDOWN)}

    def pairs(self, limit: int | None = None) -> Iterator[Triple]:
        """Neighbouring edits of a file as if they had been made side by side.

        Edit k+1 is put on the version before edit k, which works where it touches none of edit k's
        lines; neighbouring lines are no hindrance. What people made of the two is then what the
        file was after both.
        """
        lines = self.git(
            "-c", "core.quotePath=false", "log", self._longest(), "--first-parent", "--reverse",
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
        return max(lengths, key=lambda name: (lengths[name], name))

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
