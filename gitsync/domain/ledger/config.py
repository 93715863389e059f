"""Changes below ``.gitsync/``: the old rules and the new ones must both agree.

As in TUF's root rotation: the threshold of the old policy counted by the old roster and that of
the new policy counted by the new roster, a version that rises by exactly one, and nothing merged
in between: the folder lands exactly as it was approved.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import RefusedError
from gitsync.domain.ledger.approvals import Backing, collect, counted, missing_words
from gitsync.domain.ledger.content import config_tree
from gitsync.domain.merge.files import VERSIONS
from gitsync.domain.policy import Requirement

if TYPE_CHECKING:
    from gitsync.domain.ledger.state import Candidate, State
    from gitsync.domain.objects import Oid
    from gitsync.domain.ports import Facts, Settings
    from gitsync.domain.records import Endorsement

_ROOT = Requirement("a change below .gitsync/", "root", proposer_counts=True, paths=())


def check_settings(settings: Settings, space: str) -> None:
    """Refuse settings that name another space or people that the roster does not know.

    Raises RefusedError ``policy.space``, ``policy.unknown-person`` or ``merge.unknown-version``.
    """
    policy, roster = settings.policy, settings.roster
    if policy.space != space:
        raise RefusedError(
            "policy.space", f"the policy is of the space {policy.space}, not {space}"
        )
    if policy.merge not in VERSIONS:
        raise RefusedError("merge.unknown-version", f"merge version {policy.merge} is not known")
    if not any(
        key.is_ed25519 for name in policy.roles["witness"].people for key in roster.keys_of(name)
    ):
        raise RefusedError(
            "policy.witness-key",
            "no witness has an Ed25519 key on the roster, so nobody could number a snapshot",
            hint="gitsync id new makes one",
        )
    unknown = sorted(settings.schema.roles - policy.roles.keys())
    if unknown:
        raise RefusedError(
            "schema.unknown-role",
            f"the schema asks for the role {', '.join(unknown)}, which the policy does not have",
            hint="add the role to .gitsync/policy.yaml in the same change",
        )
    for name, role in sorted(policy.roles.items()):
        known = set(roster.names() if name == "witness" else roster.people())
        strangers = sorted(role.people - known)
        if strangers:
            raise RefusedError(
                "policy.unknown-person",
                f"the role {name} lists {', '.join(strangers)}, who is not on the roster",
                hint="add the key first: gitsync roster add NAME KEYFILE",
            )


def check_version(before: int, after: int) -> None:
    """The policy's version rises by one. Raises RefusedError ``policy.version``."""
    if after != before + 1:
        raise RefusedError(
            "policy.version",
            f"the policy's version must rise from {before} to {before + 1}, not to"
            f" {after}: every change below .gitsync/ counts",
            hint=f"set 'version: {before + 1}' in .gitsync/policy.yaml",
        )


def check_config_change(
    facts: Facts, state: State, candidate: Candidate, merged: Oid, backing: Backing
) -> tuple[str | None, list[Endorsement]]:
    """Judge a proposal that touches ``.gitsync/``.

    Returns (what is still missing or None, the approvals that counted). Raises RefusedError
    ``policy.*`` or ``approval.stale``.
    """
    theirs = facts.commit(candidate.tip).tree
    if config_tree(facts.tree(merged)) != config_tree(facts.tree(theirs)):
        raise RefusedError(
            "approval.stale",
            f".gitsync/ has changed in {state.space} since the proposal was made",
            hint="gitsync pull, make the change again, and propose it",
        )
    if config_tree(facts.tree(merged)) is None:
        raise RefusedError("policy.empty", "the proposal removes .gitsync/, and with it every rule")
    new = facts.settings(merged)
    check_settings(new, state.space)
    check_version(state.settings.policy.version, new.policy.version)
    used, missing = counted(state.settings.policy, _ROOT, backing)
    if missing:
        return missing_words(state.settings.policy, _ROOT, backing, missing), used
    after = collect(facts, new.roster, state.ledger, candidate.tip, candidate.approvals)
    more, missing = counted(new.policy, _ROOT, after)
    if missing:
        words = missing_words(new.policy, _ROOT, after, missing)
        return f"under the new policy, {words}", used
    return None, used + more
