"""Commits that their own signers took back: withdrawn by a tombstone, or replaced by an update.

A tombstone or an update may name any commit. It binds those of the person who signed it and no
others: otherwise anybody could withdraw for anybody, or spoil a withdrawal by making one first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import person_of
from gitsync.domain.records import PROPOSAL, SUPERSEDED, WITHDRAWAL, WITHDRAWN

if TYPE_CHECKING:
    from gitsync.domain.names import ProposalName
    from gitsync.domain.objects import Oid
    from gitsync.domain.ports import Positions
    from gitsync.domain.records import CommitRecord
    from gitsync.domain.roster import Roster
    from gitsync.services.refview import RefView
    from gitsync.storage.facts import StoreFacts

# Earlier states of one proposal that are looked through; each was its successor's own claim.
MAX_STATES = 50


@frozen
class TakenBack:
    """``person`` does not stand behind ``commit`` any more; ``ref`` is where that was said."""

    person: str
    commit: Oid
    ref: str
    rule: str
    why: str


@dataclass(slots=True)
class TakeBacks:
    """All that the refs of one view take back, and the valid tombstones by their refs."""

    found: dict[tuple[str, Oid], TakenBack] = field(default_factory=dict)
    tombstones: dict[str, Oid] = field(default_factory=dict)

    def add(self, taken: TakenBack) -> None:
        """Note one; the first reason stays."""
        self.found.setdefault((taken.person, taken.commit), taken)


def person_behind(facts: StoreFacts, roster: Roster, oid: Oid) -> str | None:
    """The person whose signature a commit carries; None if it is unreadable or a stranger's."""
    try:
        return roster.person(facts.signer(oid).blob)
    except GitsyncError:
        return None


def take_backs(facts: StoreFacts, roster: Roster, positions: Positions, view: RefView) -> TakeBacks:
    """Read every tombstone and every claim to replace an earlier state.

    What is part of the ledger already stays there, whatever is said of it later.
    """
    found = TakeBacks()
    proposals = [(name, tip, name.ref) for name, tip in view.proposals.items()]
    approvals = [(who, tip, f"refs/heads/approvals/{who}") for who, tip in view.approvals.items()]
    for name, tip, ref in (*proposals, *approvals):
        record = _record(facts, tip)
        if record is None or not (record.withdraws or record.predecessor or record.kind):
            continue
        if record.kind == WITHDRAWAL:
            if positions.get(tip) is None and _is_of(facts, roster, name, tip):
                found.tombstones[ref] = tip
                for oid in (*record.withdraws, tip):
                    if positions.get(oid) is None:
                        found.add(_withdrawn(name, oid, ref))
        elif record.kind in (None, PROPOSAL) and _is_of(facts, roster, name, tip):
            _replaced(facts, roster, positions, found, name, tip)
    return found


def _record(facts: StoreFacts, oid: Oid) -> CommitRecord | None:
    try:
        return facts.record(oid)
    except GitsyncError:
        return None


def _is_of(facts: StoreFacts, roster: Roster, name: ProposalName, oid: Oid) -> bool:
    return person_behind(facts, roster, oid) == person_of(name.domain)


def _withdrawn(name: ProposalName, oid: Oid, ref: str) -> TakenBack:
    person = person_of(name.domain)
    return TakenBack(person, oid, ref, WITHDRAWN, f"withdrawn by {person}")


def _replaced(
    facts: StoreFacts,
    roster: Roster,
    positions: Positions,
    found: TakeBacks,
    name: ProposalName,
    tip: Oid,
) -> None:
    """An older state of a proposal, pushed back by somebody, must not land instead or after."""
    person, newer = person_of(name.domain), tip
    for _ in range(MAX_STATES):
        record = _record(facts, newer)
        older = record.predecessor if record is not None else None
        if older is None or positions.get(older) is not None or (person, older) in found.found:
            return
        found.add(TakenBack(person, older, name.ref, SUPERSEDED, f"replaced by {newer[:12]}"))
        if not facts.store.has(older) or not _is_of(facts, roster, name, older):
            return
        newer = older
