"""Every change of status in a real history, put to the rules of the ``eips`` preset.

``python -m tests.bench.transitions SOURCE`` where SOURCE is a bundle or a clone of the public
repository ethereum/EIPs, or its URL. The files of its first commit are taken as they are; each
later commit is one change, judged file by file by the preset's schema and policy as a witness
would judge it. Says which transitions are free, which need an editor, and which are refused, by
which rule, with the proposals concerned. Then every field of every file of the last commit is set
to what it is, and its status to another one. Exits with 0: a benchmark tells.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fixtures.make_ledger import isolate
from gitsync.codec import frontmatter, policyfile, presets, schemafile
from gitsync.codec.frontmatter_head import head as read_head
from gitsync.domain.artifact import ArtifactChange
from gitsync.domain.errors import FormatError
from gitsync.domain.schema import Violation
from tests.bench import common, eips
from tests.bench.common import Figure

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitsync.domain.artifact import ArtifactHead
    from gitsync.domain.objects import Oid

_NAMED = 8
NOTHING = "(new)"
GONE = "(removed)"


@dataclass
class Tally:
    """Counts of transitions by what the rules said; ``refused`` by (transition, rule)."""

    edits: int = 0
    files: int = 0
    unreadable: list[str] = field(default_factory=list)
    staying: Counter[str] = field(default_factory=Counter)
    free: Counter[str] = field(default_factory=Counter)
    guarded: Counter[str] = field(default_factory=Counter)
    last: int = 0
    kept: int = 0
    one_line: int = 0
    refused: defaultdict[tuple[str, str], list[str]] = field(
        default_factory=lambda: defaultdict(list)
    )

    @property
    def moves(self) -> int:
        """How many changes of status there were."""
        accepted = self.free.total() + self.guarded.total()
        return accepted + sum(len(ids) for ids in self.refused.values())


def play(source: str, root: Path, limit: int | None = None) -> Tally:
    """Replay the history of ``source``; ``root`` is an empty folder."""
    env = isolate(root / "user")
    (root / "source").mkdir()
    history = eips.read(source, root / "source", env, since=None, limit=limit)
    schema = schemafile.parse(presets.load("eips").schema)
    policy = policyfile.parse(
        presets.policy_text(space="common", home=".", founder="alice", witness="alice",
                            preset="eips")
    )  # fmt: skip
    tally = Tally(edits=len(history.edits))
    blobs = _Blobs(history.repo, env)
    files = dict(history.founding)
    for edit in history.edits:
        changes = list(_changes(edit.files, files, blobs, schema, tally))
        for change in changes:
            tally.files += 1
            said = [*schema.check(change), *policy.requirements([schema.typed(change)])]
            _count(tally, change, said)
        for path, blob in edit.files.items():
            if blob is None:
                files.pop(path, None)
            else:
                files[path] = blob
    for path, blob in files.items():
        _rewrite(tally, blobs.read(blob), path.decode())
    blobs.close()
    return tally


def _rewrite(tally: Tally, raw: bytes, name: str) -> None:
    """Set each field of a file to itself, then its status to another one."""
    document = frontmatter.parse(raw, name)
    assert document is not None, name
    tally.last += 1
    tally.kept += all(
        document.with_field(field, document.text(field) or "") == raw for field in document.names
    )
    status = document.text("status")
    new = document.with_field("status", "Living" if status != "Living" else "Final")
    lines = list(zip(raw.split(b"\n"), new.split(b"\n"), strict=True))
    tally.one_line += sum(old != now for old, now in lines) == 1


def _changes(edit: Mapping[bytes, Oid | None], files: Mapping[bytes, Oid], blobs: _Blobs,
             schema: schemafile.Schema, tally: Tally) -> Iterator[ArtifactChange]:  # fmt: skip
    """What a commit did to each artifact; a file that moved with its id is one change."""
    heads: dict[str, list[ArtifactHead | None]] = {}
    for path, blob in edit.items():
        name = path.decode()
        try:
            heads[name] = [
                None if one is None else read_head(blobs.read(one), schema, name)
                for one in (files.get(path), blob)
            ]
        except FormatError as error:
            tally.unreadable.append(f"{name}: {error.code}")
    gone = {before.id: name for name, (before, after) in heads.items()
            if before is not None and after is None}  # fmt: skip
    moved = set()
    for name, (before, after) in heads.items():
        old = gone.get(after.id) if after is not None and before is None else None
        if old is not None and old != name:
            moved.add(old)
            heads[name][0] = heads[old][0]
    for name, (before, after) in heads.items():
        if name not in moved and (before is not None or after is not None):
            yield ArtifactChange(name, before, after)


def _count(tally: Tally, change: ArtifactChange, said: list[object]) -> None:
    before, after = change.before, change.after
    old = NOTHING if before is None else before.status or "(none)"
    new = GONE if after is None else after.status or "(none)"
    move = f"{old} -> {new}"
    ident = (after or before).id or change.path
    violations = [one for one in said if isinstance(one, Violation)]
    if violations:
        tally.refused[move, violations[0].code].append(ident)
    elif old == new:
        tally.staying["with an editor" if said else "free"] += 1
    elif said:
        tally.guarded[move] += 1
    else:
        tally.free[move] += 1


class _Blobs:
    """The contents of a repository's blobs, by one ``git cat-file``."""

    def __init__(self, repo: Path, env: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            ["git", "cat-file", "--batch"], cwd=repo, env=dict(env),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def read(self, oid: Oid) -> bytes:
        """One blob. Raises RuntimeError where it is missing."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{oid}\n".encode())
        stdin.flush()
        kind = stdout.readline().split()
        if kind[1:2] != [b"blob"]:
            raise RuntimeError(f"{oid} is no blob here")
        data = stdout.read(int(kind[2]))
        stdout.read(1)
        return data

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def figures(tally: Tally) -> list[Figure]:
    """The counts as the other benchmarks print theirs."""
    refused = sum(len(ids) for ids in tally.refused.values())
    return [
        Figure("edits replayed", tally.edits, "commits"),
        Figure("files changed in them", tally.files, "files"),
        Figure("front matter that cannot be read", len(tally.unreadable), "files"),
        Figure("changes of status", tally.moves, "", note="new and removed files are among them"),
        Figure("accepted without anybody", tally.free.total(), ""),
        Figure("accepted with an editor", tally.guarded.total(), ""),
        Figure("refused", refused, ""),
        Figure("edits that stay in their state", tally.staying.total(), "",
               note=f"{tally.staying['with an editor']} of them need an editor"),
        common.at_least("files whose fields, set to themselves, change no byte", tally.kept,
                        "files", tally.last),
        common.at_least("files of which another status changes one line", tally.one_line,
                        "files", tally.last),
    ]  # fmt: skip


def tables(tally: Tally) -> Iterator[str]:
    """The transitions as lines of Markdown tables, the most frequent first."""
    yield "| transition | times | |"
    yield "|---|---|---|"
    for move, count in (tally.free + tally.guarded).most_common():
        yield f"| {move} | {count} | {'an editor' if move in tally.guarded else 'free'} |"
    yield ""
    yield "| refused | times | rule | proposals |"
    yield "|---|---|---|---|"
    for (move, rule), ids in sorted(tally.refused.items(), key=lambda one: (-len(one[1]), one[0])):
        named = ", ".join(ids[:_NAMED]) + (", ..." if len(ids) > _NAMED else "")
        yield f"| {move} | {len(ids)} | `{rule}` | {named} |"


def main() -> int:
    """Replay, and print figures and tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.transitions", description=__doc__)
    parser.add_argument("source", help="a bundle, a clone or a URL of ethereum/EIPs")
    parser.add_argument("--limit", type=int, help="only so many edits")
    asked = parser.parse_args()
    with common.workspace() as root:
        source = asked.source
        tally = play(str(Path(source).resolve()) if Path(source).exists() else source, root,
                     asked.limit)  # fmt: skip
    common.report("status transitions under the preset eips", figures(tally))
    print("\n".join(tables(tally)))
    for one in tally.unreadable:
        print(f"unreadable: {one}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
