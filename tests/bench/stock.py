"""The same work with stock git alone, one process a step, its defaults for everything."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fixtures.make_ledger import Ledger
    from gitsync.domain.names import ProposalName
    from gitsync.domain.objects import Oid


class Stock:
    """Git in a ledger's repository."""

    def __init__(self, ledger: Ledger) -> None:
        self._cwd = ledger.path
        self._env = ledger.env

    def __call__(self, *args: str) -> str:
        """Run git; returns its output. Raises CalledProcessError."""
        done = subprocess.run(
            ["git", *args], cwd=self._cwd, env=self._env, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()


def take(ledger: Ledger, proposals: Sequence[tuple[ProposalName, Oid]]) -> float:
    """Take proposals as a script around stock git would; returns seconds.

    A step a proposal: verify it, merge its tree, sign the merge commit, tag it, move the branch.
    """
    git = Stock(ledger)
    tip = git("rev-parse", "refs/heads/common")
    begin = time.perf_counter()
    for number, (name, oid) in enumerate(proposals, start=1_000_001):
        git("verify-commit", oid)
        tree = git("merge-tree", "--write-tree", tip, oid)
        text = f"common@{number}: {name}"
        commit = git("commit-tree", "-S", "-p", tip, "-p", oid, "-m", text, tree)
        git("tag", "-s", "-m", text, f"common@{number}", commit)
        git("update-ref", "refs/heads/common", commit, tip)
        tip = commit
    return time.perf_counter() - begin


def check(ledger: Ledger, snapshots: Sequence[tuple[int, Oid, Oid]]) -> float:
    """Check (number, snapshot, proposal) with stock git; returns seconds.

    Signatures only: stock git knows no numbering, policy or replay.
    """
    git = Stock(ledger)
    begin = time.perf_counter()
    for number, snapshot, proposal in snapshots:
        git("verify-commit", snapshot)
        git("verify-commit", proposal)
        git("verify-tag", f"common@{number}")
    return time.perf_counter() - begin
