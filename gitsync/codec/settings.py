"""The three files below ``.gitsync/`` that rule a space, decoded together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import allowed_signers, policyfile, schemafile
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.domain.policy import Policy
    from gitsync.domain.roster import Roster
    from gitsync.domain.schema import Schema

POLICY = ".gitsync/policy.yaml"
SCHEMA = ".gitsync/schema.yaml"
ROSTER = ".gitsync/allowed_signers"


@frozen
class LedgerSettings:
    """Policy, schema and roster of one snapshot."""

    policy: Policy
    schema: Schema
    roster: Roster


def decode(policy: bytes | None, schema: bytes | None, roster: bytes | None) -> LedgerSettings:
    """Decode the settings files; None stands for a missing one, which never means "no rules".

    Raises FormatError or RefusedError: ``policy.empty``, ``roster.empty``, and those
    of the decoders.
    """
    return LedgerSettings(
        policy=policyfile.parse(policy or b"", POLICY),
        schema=schemafile.parse(schema or b"", SCHEMA),
        roster=allowed_signers.parse(roster or b"", ROSTER),
    )
