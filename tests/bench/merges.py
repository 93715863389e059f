"""Re-merge what people merged: our file merge beside ``git merge-file`` on any repository.

``python -m tests.bench.merges REPO [--pairs] [--preset NAME | --schema FILE] [--limit N]``

REPO is a clone, bare or not, a bundle or a URL. Every merge commit of its history is looked at:
each Markdown file that two sides had changed is merged by merge version 2 and by git, and both are
held against what people committed. Several best bases are made one by our own merge first; what is
left out is counted. ``--pairs`` makes such files out of a linear history: two
edits of a file that followed each other, as if they had been made side by side. Without a preset
or schema no field has a strategy. Every file that we settle, git does not, and people settled
otherwise is named for review, and so is every file in which both are clean and differ.
"""

from __future__ import annotations

import argparse
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fixtures.make_ledger import isolate
from gitsync.codec import frontmatter, presets, schemafile
from gitsync.codec.frontmatter_parts import read_head
from gitsync.domain.errors import GitsyncError
from gitsync.domain.merge.front import merge_heads
from gitsync.domain.merge.rules import Rules
from gitsync.domain.merge.values import MergeContext
from gitsync.domain.merge.version1 import split_front_matter
from gitsync.domain.merge.version2 import merge_v2
from tests.bench.common import Figure, at_least, at_most, report, say, workspace
from tests.bench.triples import History, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.bench.triples import Triple


@dataclass
class Tally:
    """What was counted, of what history, and the files to look at by hand as (kind, place)."""

    seen: Counter[str] = field(default_factory=Counter)
    history: Counter[str] = field(default_factory=Counter)
    heads: Counter[str] = field(default_factory=Counter)
    review: list[tuple[str, str]] = field(default_factory=list)

    def figures(self) -> list[Figure]:
        """The table of a report."""
        seen, heads = self.seen, self.heads
        names = (
            "clean in both, equal to people's", "clean in both, people's differs",
            "git conflicts, we resolve, equal to people's",
            "git conflicts, we resolve, people's differs",
            "we conflict, git does not", "both conflict",
        )  # fmt: skip
        found = [
            Figure(name, count, "files" if name.startswith("files") else "merges")
            for name, count in sorted(self.history.items(), key=lambda one: "merges" not in one[0])
            if count
        ]
        found.append(Figure("files that both sides changed", seen.total(), "files"))
        found += [Figure(name, seen[name], "files") for name in names]
        found.append(at_most("clean in both and different", seen["different"], "files", 0))
        conflicts = heads["conflicts"]
        note = f"{heads['equal']} equal to people's, {heads['other']} not"
        found.append(Figure("front matter that conflicts in git", conflicts, "files"))
        if conflicts:
            share = (heads["equal"] + heads["other"]) / conflicts
            found.append(at_least("of that, resolved", share, "share", 0.5, note))
        return found


def context(path: str, rules: Rules) -> MergeContext:
    """What merging a file of a foreign repository depends on."""

    def problem(raw: bytes) -> str | None:
        try:
            document = frontmatter.parse(raw)
            if document is not None:
                document.check()
        except GitsyncError as error:
            return str(error)
        return None

    return MergeContext(path, rules, problem, read_head)


def by_git(
    folder: Path, env: Mapping[str, str], base: bytes, ours: bytes, theirs: bytes
) -> bytes | None:
    """What ``git merge-file`` makes of it, None for a conflict."""
    for name, data in (("base", base), ("ours", ours), ("theirs", theirs)):
        (folder / name).write_bytes(data)
    done = subprocess.run(
        ["git", "merge-file", "-p", "-q", "ours", "base", "theirs"], cwd=folder, env=dict(env),
        capture_output=True, check=False,
    )  # fmt: skip
    return done.stdout if done.returncode == 0 else None


def count(tally: Tally, triple: Triple, rules: Rules, folder: Path, env: Mapping[str, str]) -> None:
    """Merge one file both ways and file the outcome."""
    place = f"{triple.where} {triple.path}"
    sides = (triple.base, triple.ours, triple.theirs)
    merged = merge_v2(*sides, context(triple.path, rules))
    mine = merged if isinstance(merged, bytes) else None
    git = by_git(folder, env, *sides)
    if mine is not None and git is not None:
        if mine != git:
            tally.seen["different"] += 1
            tally.review.append(("clean in both and different", place))
            return
        same = mine == triple.people
        tally.seen["clean in both, " + ("equal to people's" if same else "people's differs")] += 1
    elif mine is not None:
        same = mine == triple.people
        kind = "git conflicts, we resolve, " + ("equal to people's" if same else "people's differs")
        tally.seen[kind] += 1
        if not same:
            tally.review.append((kind, place))
    elif git is not None:
        tally.seen["we conflict, git does not"] += 1
        tally.review.append(("we conflict, git does not", place))
    else:
        tally.seen["both conflict"] += 1
    _count_head(tally, triple, rules, folder, env)


def _count_head(
    tally: Tally, triple: Triple, rules: Rules, folder: Path, env: Mapping[str, str]
) -> None:
    """The front matter alone: whether git's merge of it conflicts, and ours does not."""
    parts = [split_front_matter(raw) for raw in (triple.base, triple.ours, triple.theirs)]
    heads = [part[0] for part in parts if part is not None]
    if len(heads) != 3 or by_git(folder, env, *heads) is not None:
        return
    tally.heads["conflicts"] += 1
    found = merge_heads(*heads, context(triple.path, rules))
    if found.line is not None or found.problem(read_head) is not None:
        return
    people = split_front_matter(triple.people) if triple.people else None
    same = people is not None and people[0] == found.settled()
    tally.heads["equal" if same else "other"] += 1
    if not same:
        tally.review.append(("front matter resolved, people's differs",
                             f"{triple.where} {triple.path}"))  # fmt: skip


def rules_of(preset: str | None, schema: str | None) -> Rules:
    """The rules of a preset or of a schema file; none of either: no strategies."""
    if preset is not None:
        return Rules.of(schemafile.parse(presets.load(preset).schema))
    if schema is not None:
        return Rules.of(schemafile.parse(Path(schema).read_bytes(), schema))
    return Rules()


def measure(
    source: str, folder: Path, *, pairs: bool = False, rules: Rules | None = None,
    limit: int | None = None,
) -> Tally:  # fmt: skip
    """Merge everything that the source's history holds."""
    env = isolate(folder / "user")
    history = History(source, folder, env)
    tally = Tally(history=history.counts)
    rules = rules or Rules()

    def fold(base: bytes, one: bytes, other: bytes) -> bytes | None:
        merged = merge_v2(base, one, other, context("base", rules))
        return merged if isinstance(merged, bytes) else None

    if history.shallow:
        say("this is a shallow clone: merges below its edge are not seen")
    try:
        found = history.pairs(limit) if pairs else history.merges(limit, fold)
        for done, triple in enumerate(found, start=1):
            count(tally, triple, rules, folder, env)
            if done % 500 == 0:
                say(f"{done} files")
    finally:
        history.close()
    return tally


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", metavar="REPO")
    parser.add_argument("--pairs", action="store_true", help="make merges of a linear history")
    parser.add_argument("--preset", help="the schema of a preset")
    parser.add_argument("--schema", help="a schema.yaml")
    parser.add_argument("--limit", type=int, help="at most so many merges, or pairs")
    parser.add_argument("--keep", help="a folder for the clone, instead of a temporary one")
    asked = parser.parse_args()
    source = str(Path(asked.source).resolve()) if Path(asked.source).exists() else asked.source
    with workspace(asked.keep) as folder:
        rules = rules_of(asked.preset, asked.schema)
        try:
            tally = measure(source, folder, pairs=asked.pairs, rules=rules, limit=asked.limit)
        except UnreadableError as error:
            parser.exit(2, f"{asked.source} cannot be read: {error}\n")
    if not asked.pairs and not tally.history["merges"]:
        say("there is no merge in this history; --pairs makes some of neighbouring edits")
    report("merges" + (" of neighbouring edits" if asked.pairs else ""), tally.figures())
    for kind, place in tally.review:
        # A path need not be text, and a terminal should not take it for commands.
        print(f"review: {kind}: {ascii(place)[1:-1]}")


if __name__ == "__main__":
    main()
