"""Policy and schema as JSON, for a cache: reading YAML costs a hook more than all the rest.

Nothing but a cache is read from it, and what does not fit is read anew from the ledger.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gitsync.domain.errors import FormatError
from gitsync.domain.frozen import frozen
from gitsync.domain.links import Link
from gitsync.domain.policy import LeaseRules, Limits, Policy, Role, Rule
from gitsync.domain.schema import ArtifactType, Guard, Move, Schema

if TYPE_CHECKING:
    from gitsync.domain.objects import Oid

#: Raised with every change of the classes that are kept.
_FORMAT = 3


@frozen
class Rules:
    """What files are held against."""

    policy: Policy
    schema: Schema


def write_rules(key: Oid, rules: Rules) -> bytes:
    """The rules that the folder ``key`` (the tree of ``.gitsync``) holds, as one document."""
    fields = {"format": _FORMAT, "key": key, **asdict(rules)}
    return json.dumps(fields, default=sorted).encode()


def read_rules(data: bytes, key: Oid) -> Rules | None:
    """The inverse; None for anything that is not the rules of ``key`` in this format."""
    try:
        raw = json.loads(data)
        if raw["format"] != _FORMAT or raw["key"] != key:
            return None
        return Rules(_policy(raw["policy"]), _schema(raw["schema"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, FormatError):
        return None


def _policy(raw: dict[str, Any]) -> Policy:
    roles = {
        name: Role(**{**role, "people": frozenset(role["people"])})
        for name, role in raw["roles"].items()
    }
    rules = tuple(Rule(**_fixed(rule)) for rule in raw["rules"])
    parts = {
        "roles": roles,
        "rules": rules,
        "limits": Limits(**raw["limits"]),
        "leases": LeaseRules(**_fixed(raw["leases"])),
    }
    return Policy(**_fixed(raw) | parts)


def _schema(raw: dict[str, Any]) -> Schema:
    types = {name: _type(kind) for name, kind in raw["types"].items()}
    return Schema(**_fixed(raw) | {"types": types})


def _type(raw: dict[str, Any]) -> ArtifactType:
    guards = {name: Guard(**raw[name]) if raw[name] else None for name in ("adopt", "enter")}
    parts = {
        "transitions": tuple(Move(**one) for one in raw["transitions"]),
        "links": {name: Link(**one) for name, one in raw["links"].items()},
        "defaults": _fixed(raw["defaults"]),
    }
    return ArtifactType(**_fixed(raw) | parts | guards)


def _fixed(raw: dict[str, Any]) -> dict[str, Any]:
    """JSON knows lists only; all sequences of the rules are tuples."""
    return {key: tuple(one) if isinstance(one, list) else one for key, one in raw.items()}
