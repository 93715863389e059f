"""A decoded policy as JSON: reading YAML takes longer than all the rest of a hook.

The cache names the blob that it was made of. It is local, like the hook that reads it: whoever can
change the one can change the other. Decoding builds the same values as the YAML reader does, so
they are checked again.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from gitsync.domain.errors import FormatError
from gitsync.domain.policy import Limits, Policy, Role, Rule

if TYPE_CHECKING:
    from gitsync.domain.objects import Oid

LAYOUT = 1


def encode(blob: Oid, policy: Policy) -> bytes:
    """``policy``, which was read from ``blob``, as one JSON document."""
    fields: dict[str, Any] = {
        "layout": LAYOUT,
        "blob": blob,
        "version": policy.version,
        "space": policy.space,
        "home": policy.home,
        "merge": policy.merge,
        "roles": {one.name: [sorted(one.people), one.threshold] for one in policy.roles.values()},
        "rules": [asdict(one) for one in policy.rules],
        "deny": policy.deny,
        "limits": asdict(policy.limits),
    }
    return json.dumps(fields, ensure_ascii=True, sort_keys=False).encode()


def decode(data: bytes, blob: Oid) -> Policy | None:
    """The policy that was read from ``blob``; None if ``data`` is not a cache of that one."""
    try:
        raw = json.loads(data)
        if raw["layout"] != LAYOUT or raw["blob"] != blob:
            return None
        return Policy(
            version=raw["version"],
            space=raw["space"],
            home=raw["home"],
            merge=raw["merge"],
            roles={
                name: Role(name, frozenset(people), threshold)
                for name, (people, threshold) in raw["roles"].items()
            },
            rules=tuple(_rule(one) for one in raw["rules"]),
            deny=tuple(raw["deny"]),
            limits=Limits(**raw["limits"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, FormatError):
        return None


def _rule(raw: dict[str, Any]) -> Rule:
    move = raw.pop("transition")
    return Rule(
        name=raw["name"],
        role=raw["role"],
        paths=tuple(raw["paths"]),
        types=tuple(raw["types"]),
        transition=(move[0], move[1]) if move is not None else None,
        proposer_counts=raw["proposer_counts"],
    )
