"""The ledger's state at a snapshot that has been verified before: read, not proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec.records import read_snapshot
from gitsync.domain.ledger.state import State

if TYPE_CHECKING:
    from gitsync.domain.objects import Oid
    from gitsync.domain.ports import Facts


def load_state(facts: Facts, anchor: Oid, space: str, commit: Oid) -> State:
    """The state at a snapshot that has been verified before."""
    value = facts.commit(commit)
    record = read_snapshot(value.message)
    return State(
        space, anchor, record.number, commit, value.tree, value.committer.seconds,
        facts.settings(value.tree),
    )  # fmt: skip
