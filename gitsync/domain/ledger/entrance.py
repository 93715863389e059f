"""What holds of a proposal before anybody decides on it: whose it is, and that it is one.

A home may ask this when a proposal is pushed, the witness asks when it decides. What depends on
how far the ledger has come (conflicts, states, approvals) is the witness's answer alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import RefusedError
from gitsync.domain.names import person_of
from gitsync.domain.records import PROPOSAL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitsync.domain.ledger.state import Candidate, State
    from gitsync.domain.objects import Oid
    from gitsync.domain.ports import Facts


def person_signed(facts: Facts, state: State, oid: Oid) -> str:
    """The person on the roster who signed a commit.

    Raises RefusedError ``signature.unknown-key``, and what :meth:`Facts.signer` raises.
    """
    key = facts.signer(oid)
    person = state.settings.roster.person(key.blob)
    if person is None:
        raise RefusedError(
            "signature.unknown-key",
            f"commit {oid[:12]} is signed by {key.fingerprint}, which is not on the roster"
            f" of {state.space}@{state.number}",
            hint="ask for admission: gitsync join, then gitsync roster admit NAME\n"
            "or have someone on the roster sponsor it: gitsync propose --sponsor REF",
        )
    return person


def check_signatures(
    facts: Facts, state: State, candidate: Candidate, commits: Iterable[Oid]
) -> None:
    """Every commit is signed by someone on the roster, the tip by the person who proposes.

    Raises RefusedError ``signature.unknown-key`` or ``proposal.not-yours``.
    """
    for oid in commits:
        person = person_signed(facts, state, oid)
        if oid == candidate.tip and person != person_of(candidate.name.domain):
            raise RefusedError(
                "proposal.not-yours",
                f"the tip is signed by {person}, the ref belongs to {candidate.name.domain}",
                hint=f"push it to refs/heads/proposals/{person}/{candidate.name.slug}",
            )


def check_claims(facts: Facts, state: State, candidate: Candidate) -> None:
    """What the tip says of itself agrees with where it was found.

    Raises RefusedError ``proposal.kind``, ``proposal.other-ledger`` or ``proposal.other-ref``.
    """
    record = facts.record(candidate.tip)
    if record.kind not in (None, PROPOSAL) or record.approves is not None:
        raise RefusedError(
            "proposal.kind",
            f"the commit is made for something else: {record.kind or 'approval'}",
            hint="gitsync propose",
        )
    if record.ledger not in (None, state.ledger):
        raise RefusedError(
            "proposal.other-ledger",
            f"the proposal was made for the ledger {str(record.ledger)[:12]}",
            hint="make it again in a clone of this ledger",
        )
    if record.ref not in (None, candidate.name.ref):
        raise RefusedError(
            "proposal.other-ref",
            f"the proposal was made for {record.ref}, not for {candidate.name.ref}",
            hint=f"propose it here under its own name:\ngitsync propose --slug"
            f" {candidate.name.slug}",
        )
