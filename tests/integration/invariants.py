"""What holds of every ledger at every moment, whatever happened to those who write it.

Each function takes the folder of a repository that holds the ledger's refs as its own (a hub, or
the witness's repository where that is the home), or of a person's clone, and fails with the
invariant's own words. The numbers are those of the list that every test of faults calls.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from gitsync.codec.records import read_snapshot
from gitsync.domain.names import LOCKS_REF
from gitsync.services.receiptbook import ReceiptBook
from gitsync.services.refview import local_view
from gitsync.services.verifying import Verifier
from gitsync.storage.index import PositionIndex
from gitsync.storage.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gitsync.domain.objects import Oid


def _git(path: Path, *args: str) -> str:
    done = subprocess.run(["git", *args], cwd=path, capture_output=True, env=os.environ, check=True)
    return done.stdout.decode().strip()


def chain(path: Path) -> list[str]:
    """The first-parent chain of ``common`` by stock git, oldest first."""
    return _git(path, "rev-list", "--first-parent", "--reverse", "refs/heads/common").split()


def one_snapshot_per_number(path: Path) -> int:
    """1: numbers 1..N without gap or repeat, each with its tag, all of it proven by replay."""
    repo = Repository.open(path)
    found = [read_snapshot(repo.facts.commit(oid).message).number for oid in map(_oid, chain(path))]
    assert found == list(range(1, len(found) + 1)), f"numbers of the chain: {found}"
    for number, oid in enumerate(chain(path), start=1):
        tagged = _git(path, "rev-parse", f"refs/tags/common@{number}^{{commit}}")
        assert tagged == oid, f"common@{number} is tagged on {tagged}, the chain holds {oid}"
    tags = _git(path, "for-each-ref", "--format=%(refname)", "refs/tags/common@*").split()
    assert len(tags) == len(found), f"{len(tags)} tags for {len(found)} snapshots"
    verifier = Verifier(
        store=repo.store, index=PositionIndex(None), space="common", anchor=_oid(chain(path)[0]),
        stored=None, evidence_dir=path / "evidence", now=1,
    )  # fmt: skip
    checked = verifier.check(local_view(repo, "common"), full=True)
    assert checked.state.number == len(found)
    assert checked.pending == ()
    return len(found)


def _oid(text: str) -> Oid:
    from gitsync.domain.objects import Oid

    return Oid(text)


def nothing_lost_or_doubled(path: Path) -> None:
    """2: what has an ``accepted`` receipt is in the ledger, once, and the other way round."""
    repo = Repository.open(path)
    book = ReceiptBook(repo.facts, repo.refs.get("refs/heads/gitsync/receipts/common"))
    landed: dict[str, int] = {}
    for oid in chain(path):
        record = read_snapshot(repo.facts.commit(_oid(oid)).message)
        if record.proposal is None:
            continue
        assert record.proposal not in landed, f"{record.proposal} landed twice"
        landed[record.proposal] = record.number
        answer = book.of_commit(record.proposal)
        assert answer is not None, f"common@{record.number} has no receipt"
        assert answer.yes, f"common@{record.number} has the receipt {answer.outcome}"
        assert answer.number == record.number
    if book.tip is None:
        return
    listed = _git(path, "ls-tree", "-r", "--name-only", book.tip).split()
    for name in listed:
        receipt = json.loads(_git(path, "show", f"{book.tip}:{name}"))
        if receipt["outcome"] == "accepted":
            assert receipt["proposal"] in landed, f"{name} says accepted, and it is not there"


def tokens_only_rise(path: Path) -> None:
    """3: the counter of fencing tokens in the locks ref never goes back."""
    last = 0
    for oid in _git(path, "rev-list", "--first-parent", "--reverse", LOCKS_REF).split():
        token = int(_git(path, "show", f"{oid}:token"))
        assert token >= last, f"the token went from {last} back to {token} in {oid}"
        last = token


def clone_is_sound(path: Path, number: int) -> None:
    """4, 5: a clone stands at ``number`` and holds all that this means, readable by stock git."""
    repo = Repository.open(path)
    stored = json.loads((repo.state_dir / "position-common.json").read_bytes())
    assert stored["number"] == number, f"the stored position is {stored['number']}"
    assert repo.refs.get("refs/heads/common") == stored["commit"], "common is not at the position"
    for one in range(1, number + 1):
        tagged = _git(path, "rev-parse", f"refs/tags/common@{one}^{{commit}}")
        record = read_snapshot(repo.facts.commit(_oid(tagged)).message)
        assert record.number == one, f"common@{one} is tagged on snapshot {record.number}"
    assert (repo.state_dir / "allowed_signers").stat().st_size > 0
    _git(path, "fsck", "--connectivity-only", "--no-dangling")
    _git(path, "status", "--porcelain")


def position_only_rises(before: int, after: int) -> None:
    """4: a clone's stored position never goes back."""
    assert after >= before, f"the stored position went from {before} back to {after}"


def again_changes_nothing(path: Path, run: Callable[[], object]) -> None:
    """6: a run after a complete run leaves every ref as it was."""
    before = _git(path, "for-each-ref")
    run()
    assert _git(path, "for-each-ref") == before, "a second run changed refs"


def all_of_them(path: Path, run: Callable[[], object] | None = None) -> int:
    """Every invariant that a single repository can show; returns the newest number."""
    number = one_snapshot_per_number(path)
    nothing_lost_or_doubled(path)
    tokens_only_rise(path)
    assert "error" not in _git(path, "fsck", "--strict", "--no-dangling").lower()
    if run is not None:
        again_changes_nothing(path, run)
    return number
