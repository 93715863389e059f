"""The ledger's state at a snapshot that has been verified before: read, not proven."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec.records import read_snapshot
from gitsync.domain.ledger.state import State

if TYPE_CHECKING:
    from gitsync.domain.objects import Oid
    from gitsync.domain.ports import Facts, Settings


def load_state(facts: Facts, anchor: Oid, space: str, commit: Oid) -> State:
    """The state at a snapshot that has been verified before."""
    return read_state(facts, anchor, space, commit, facts.settings(facts.commit(commit).tree))


def read_state(facts: Facts, anchor: Oid, space: str, commit: Oid, settings: Settings) -> State:
    """The same, where the caller has the settings that lie in the snapshot's tree."""
    value = facts.commit(commit)
    number = read_snapshot(value.message).number
    return State(space, anchor, number, commit, value.tree, value.committer.seconds, settings)
