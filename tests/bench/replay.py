"""Replays real edits as a ledger: every edit a signed proposal by its author's own key.

``python -m tests.bench.replay SOURCE [--since DATE] [--limit N] [--batch 50]`` where SOURCE is a
bundle or a clone of the public repository ethereum/EIPs, or its URL. The witness runs after each
batch. Proposals of a batch stand on the snapshot that was the newest when the batch began, so most
of them are merged for real; an edit of a file that waits in the same batch stands on that
proposal, and says so in ``After:``. In the end everything is verified, by us and by stock git, and
the files must be those of the source, byte for byte.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from fixtures.make_ledger import Founding, Layout, Ledger, Person, found, set_refs, sign
from gitsync.codec.records import printable, write_commit_record
from gitsync.domain.merge.trees import entry_at
from gitsync.domain.names import ProposalName
from gitsync.domain.objects import MODE_FILE, Commit, Entry, Oid, Signature
from gitsync.domain.records import PROPOSAL, CommitRecord, Receipt
from gitsync.domain.treeedit import edit_tree
from gitsync.storage.repository import Repository
from tests.bench import eips
from tests.bench.common import Figure, report, run_worker, say, workspace
from tests.bench.stock import Stock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gitsync.storage.facts import StoreFacts


@dataclass
class Tally:
    """What a replay comes to."""

    edits: int = 0
    idle: int = 0
    authors: int = 0
    merges: int = 0
    proposing: float = 0.0
    witnessing: float = 0.0
    verifying: float = 0.0
    memory: float = 0.0
    refused: list[Receipt] = field(default_factory=list)
    equal: bool = False
    checked: int = 0
    megabytes: float = 0.0


class Batch:
    """Proposals that are pending at the same time, and which of them touched which file."""

    def __init__(self, facts: StoreFacts, source: Repository, ledger: Ledger) -> None:
        self.facts = facts
        self.source = source
        self.ledger = ledger
        self.base = ledger.tip()
        self.tree = facts.commit(self.base).tree
        self.last: dict[bytes, Oid] = {}
        self.changes: dict[Oid, dict[bytes, tuple[int, Oid | None]]] = {}
        self.refs: dict[str, Oid] = {}

    def propose(self, number: int, edit: eips.Edit, person: Person) -> None:
        """Sign one edit and give it a ref."""
        before = list(dict.fromkeys(self.last[p] for p in edit.files if p in self.last))
        merged: dict[bytes, tuple[int, Oid | None]] = {}
        for oid in before:
            for path, change in self.changes[oid].items():
                if path not in merged or merged[path][0] < change[0]:
                    merged[path] = change
        merged |= {path: (number, blob) for path, blob in edit.files.items()}
        edits: dict[bytes, Entry | None] = {
            path: self._entry(blob) for path, (_, blob) in merged.items()
        }
        stem = next(iter(edit.files)).decode().rpartition("/")[2].removesuffix(".md").lower()
        name = ProposalName(person.name, f"{stem}-{number}")
        record = CommitRecord(
            kind=PROPOSAL, ledger=self.ledger.anchor, ref=name.ref, after=tuple(before)
        )
        author = edit.author
        commit = Commit(
            tree=edit_tree(self.facts, self.tree, edits),
            parents=tuple(before) or (self.base,),
            author=author,
            committer=Signature(author.name, author.email, edit.seconds, b"+0000"),
            message=write_commit_record(printable(edit.subject) or "Edit", record),
        )
        oid = sign(self.facts, person, commit)
        self.changes[oid] = merged
        self.last |= dict.fromkeys(edit.files, oid)
        self.refs[name.ref] = oid

    def _entry(self, blob: Oid | None) -> Entry | None:
        if blob is None:
            return None
        data = self.source.facts.blob(blob)
        return (MODE_FILE, bytes.fromhex(self.facts.put_blob(data)))


def replay(source: str, root: Path, *, since: str | None = None, limit: int | None = None,
           batch: int = 50, sample: int = 100,
           counted: Callable[[int, list[Person]], None] = lambda *_: None,
           after: Callable[[Ledger], None] = lambda _: None) -> Tally:  # fmt: skip
    """Replay, verify, compare; see the module. ``sample`` snapshots are checked by stock git.

    ``counted`` hears how many edits there are and who proposes, ``after`` is called with the ledger
    after each batch.
    """
    environment = {**os.environ, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(root)}
    history = eips.read(source, root, environment, since=since, limit=limit)
    names = eips.names(history.edits)
    people = {who: Person(name) for who, name in names.items()}
    origin = Repository.open(history.repo)
    founding = Founding(
        eips.POLICY,
        eips.SCHEMA,
        list(people.values()),
        ((path, origin.facts.blob(blob)) for path, blob in sorted(history.founding.items())),
    )
    ledger = found(root / "ledger", founding, layout=Layout(0), seconds=history.seconds)
    counted(len(history.edits), list(people.values()))
    tally = Tally(edits=len(history.edits), idle=history.idle, authors=len(people))
    for start in range(0, len(history.edits), batch):
        part = history.edits[start : start + batch]
        begin = time.perf_counter()
        _propose(ledger, origin, part, people, start)
        tally.proposing += time.perf_counter() - begin
        begin = time.perf_counter()
        outcome = ledger.run_witness()
        tally.witnessing += time.perf_counter() - begin
        tally.refused += [one for one in outcome.receipts if one.outcome != "accepted"]
        after(ledger)
    tally.equal = final_files(ledger) == history.final(environment)
    _verify(ledger, tally, sample)
    return tally


def _propose(
    ledger: Ledger,
    origin: Repository,
    part: Sequence[eips.Edit],
    people: dict[tuple[bytes, bytes], Person],
    start: int,
) -> None:
    repo = Repository.open(ledger.path)
    pending = Batch(repo.facts, origin, ledger)
    for number, edit in enumerate(part, start=start + 1):
        pending.propose(number, edit, people[edit.who])
    repo.store.flush()
    set_refs(ledger, pending.refs)


def final_files(ledger: Ledger) -> dict[bytes, Oid]:
    """The files below ``EIPS`` at the tip, by path."""
    facts = Repository.open(ledger.path).facts
    folder = entry_at(facts, facts.commit(ledger.tip()).tree, b"EIPS")
    if folder is None:
        return {}
    listing = facts.tree(Oid(folder[1].hex()))
    return {b"EIPS/" + name: Oid(raw.hex()) for name, (_, raw) in listing.items()}


def _verify(ledger: Ledger, tally: Tally, sample: int) -> None:
    tally.verifying, told = run_worker("verify-full", ledger)
    tally.memory = told["memory"]
    facts = Repository.open(ledger.path).facts
    chain: list[tuple[Oid, Oid]] = []
    oid = ledger.tip()
    while len(parents := facts.commit(oid).parents) > 1:
        chain.append((oid, parents[1]))
        theirs = facts.commit(parents[1]).tree
        tally.merges += facts.commit(oid).tree != theirs
        oid = parents[0]
    git = Stock(ledger)
    top = len(chain) + 1
    for place in random.Random(1).sample(range(len(chain)), min(sample, len(chain))):  # noqa: S311
        git("verify-commit", chain[place][0])
        git("verify-commit", chain[place][1])
        git("verify-tag", f"common@{top - place}")
        tally.checked += 1
    git("fsck", "--strict", "--no-dangling")
    folder = ledger.path / "objects"
    tally.megabytes = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6


def run(source: str, *, since: str | None = None, limit: int | None = None, batch: int = 50,
        keep: str | None = None) -> list[Figure]:  # fmt: skip
    """Replay a source and report; what was not accepted is listed with its rule."""
    where = str(Path(source).resolve()) if Path(source).exists() else source
    with workspace(keep) as root:
        say("replay: real edits")
        tally = replay(where, root, since=since, limit=limit, batch=batch)
    for rule, count in collections.Counter(one.rule for one in tally.refused).most_common():
        print(f"not accepted: {count} by {rule}")
    for one in tally.refused[:20]:
        print(json.dumps({"ref": one.ref, "outcome": one.outcome, "rule": one.rule,
                          "why": one.why}))  # fmt: skip
    total = tally.proposing + tally.witnessing
    taken = tally.edits - len(tally.refused)
    idle = f"; {tally.idle} commits changed no file" if tally.idle else ""
    found = [
        Figure("edits", tally.edits, "", note=f"by {tally.authors} authors{idle}"),
        Figure("not accepted", len(tally.refused), "", "0", not tally.refused),
        Figure("merged with others' work", tally.merges, "snapshots"),
        Figure("witness", taken / tally.witnessing, "proposals/s",
               note=f"{tally.witnessing:.1f} s in batches of {batch}, in one process"),
        Figure("propose and witness", total, "s"),
        Figure("verify --full", tally.verifying, "s",
               note=f"{taken / tally.verifying:.0f} snapshots/s, {tally.memory:.0f} MB"),
        Figure("checked by stock git", tally.checked, "snapshots", note="and git fsck --strict"),
        Figure("size of all objects", tally.megabytes, "MB", note="not repacked"),
        Figure("files equal to the source's", tally.equal, "", "1", tally.equal),
    ]  # fmt: skip
    report("replay", found)
    print(
        f"{tally.edits} edits by {tally.authors} authors, {len(tally.refused)} not accepted,"
        f" {total:.1f} s, {taken / tally.witnessing:.0f} proposals/s,"
        f" verify --full {tally.verifying:.1f} s, {tally.megabytes:.0f} MB,"
        f" files {'equal' if tally.equal else 'DIFFER'}"
    )
    return found


def main() -> int:
    """Run from the command line; exit code 1 when anything was refused or differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source")
    parser.add_argument("--since", help="found the ledger with the files before this date")
    parser.add_argument("--limit", type=int, help="only that many edits")
    parser.add_argument("--batch", type=int, default=50, help="proposals pending at a time")
    parser.add_argument("--keep", help="keep the ledger in this folder")
    asked = parser.parse_args()
    figures = run(
        asked.source, since=asked.since, limit=asked.limit, batch=asked.batch, keep=asked.keep
    )
    return 1 if any(one.ok is False for one in figures) else 0


if __name__ == "__main__":
    raise SystemExit(main())
