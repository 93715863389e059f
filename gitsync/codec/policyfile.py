"""``.gitsync/policy.yaml``: the policy of a space as bytes, and back.

Unknown keys are refused: a misspelt ``treshold`` that is silently ignored would weaken a ledger.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING

from gitsync.codec.yamltext_typed import Reader, load_present
from gitsync.domain.errors import FormatError
from gitsync.domain.globs import compile_glob
from gitsync.domain.lateregex import late_regex
from gitsync.domain.policy import LeaseRules, Limits, Policy, Role, Rule, Transition

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

FILE = ".gitsync/policy.yaml"

_SIZES = {"": 1, "B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_TIMES = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_QUANTITY = late_regex(r"([0-9]{1,12}) ?([A-Za-z]{0,3})")
_LEASE_TIMES = ("grace", "credit", "answer")
_ARROW = late_regex(r"(\S.*?)\s+->\s+(\S.*)")

_UNITS: Mapping[str, tuple[str, Mapping[str, int]]] = {
    "file_bytes": ("file_bytes", _SIZES),
    "proposal_bytes": ("proposal_bytes", _SIZES),
    "proposal_files": ("proposal_files", {"": 1}),
    "proposal_commits": ("proposal_commits", {"": 1}),
    "lease": ("lease_seconds", _TIMES),
    "skew": ("skew_seconds", _TIMES),
    "retention": ("retention_seconds", _TIMES),
}


def parse(data: bytes | None, file: str = FILE) -> Policy:
    """The policy in ``data``; None stands for a missing file.

    Raises FormatError ``policy.*`` (``empty``, ``unknown-field``, ``malformed``, ``threshold``,
    ``people``, ``unknown-role``, ``role-missing``, ``empty-rule``, ``version`` and others),
    ``glob.malformed`` or ``yaml.*``, with file, line and field.
    """
    from gitsync.codec import yamltext_shapes as shapes

    reader = load_present(data, file, "policy")
    raw = reader.typed(reader.loaded.value, shapes.PolicyShape, ())
    roles = {name: _role(reader, name, value) for name, value in raw.roles.items()}
    rules = tuple(_rule(reader, index, value) for index, value in enumerate(raw.rules))
    limits = _limits(reader, raw.limits)
    leases = _leases(reader, raw.leases)
    for index, pattern in enumerate(raw.deny):
        reader.make(partial(compile_glob, pattern), ("deny", index))
    return reader.make(
        lambda: Policy(
            version=raw.version,
            space=raw.space,
            home=raw.home,
            merge=raw.merge,
            roles=roles,
            rules=rules,
            deny=tuple(raw.deny),
            limits=limits,
            leases=leases,
        ),
        (),
    )


def _role(reader: Reader, name: str, value: object) -> Role:
    from gitsync.codec import yamltext_shapes as shapes

    path = ("roles", name)
    raw = reader.typed(value, shapes.RoleShape, path)
    if len(set(raw.people)) != len(raw.people):
        problem = f"the role {name[:40]} names a person twice"
        raise reader.error("policy.people", problem, (*path, "people"))
    return reader.make(lambda: Role(name, frozenset(raw.people), raw.threshold), path)


def _rule(reader: Reader, index: int, value: object) -> Rule:
    from gitsync.codec import yamltext_shapes as shapes

    path = ("rules", index)
    raw = reader.typed(value, shapes.RuleShape, path)
    for key, patterns in (("paths", raw.paths), ("types", raw.types)):
        if patterns is not None and not patterns:
            problem = f"the empty list of {key} matches nothing"
            raise reader.error("policy.empty-rule", problem, (*path, key), f"leave {key} out")
    transition: Transition | None = None
    if raw.transition is not None:
        arrow = raw.transition
        before, after = reader.make(lambda: parse_arrow(arrow), (*path, "transition"))
        transition = (None if before == "*" else before, None if after == "*" else after)
    return reader.make(
        lambda: Rule(
            name=raw.name,
            role=raw.role,
            paths=tuple(raw.paths or ()),
            types=tuple(raw.types or ()),
            transition=transition,
            proposer_counts=raw.proposer_counts,
        ),
        path,
    )


def parse_arrow(text: str) -> tuple[str, str]:
    """``committed -> approved`` as its two ends. Raises FormatError ``transition.malformed``."""
    match = _ARROW.fullmatch(text.strip())
    if match is None or "->" in match[1] or "->" in match[2]:
        raise FormatError(
            "transition.malformed",
            f"{text[:80]!r} is not a transition",
            hint="write it like: committed -> approved",
        )
    return match[1], match[2]


def _limits(reader: Reader, value: object) -> Limits:
    from gitsync.codec import yamltext_shapes as shapes

    raw = reader.typed(value, shapes.LimitsShape, ("limits",))
    known = {}
    for name, (attribute, units) in _UNITS.items():
        given = getattr(raw, name)
        if given is not None:
            path = ("limits", name.replace("_", "-"))
            known[attribute] = reader.make(partial(_quantity, given, units), path)
    return reader.make(lambda: Limits(**known), ("limits",))


def _leases(reader: Reader, value: object) -> LeaseRules:
    from gitsync.codec import yamltext_shapes as shapes

    raw = reader.typed(value, shapes.LeasesShape, ("leases",))
    known: dict[str, Any] = {}
    for name in _LEASE_TIMES:
        given = getattr(raw, name)
        if given is not None:
            known[name] = reader.make(partial(_quantity, given, _TIMES), ("leases", name))
    for name in ("unanswered", "breakers"):
        if getattr(raw, name) is not None:
            known[name] = getattr(raw, name)
    if raw.escalate_to is not None:
        known["escalate_to"] = tuple(raw.escalate_to)
    return reader.make(lambda: LeaseRules(**known), ("leases",))


def _quantity(given: int | str, units: Mapping[str, int]) -> int:
    if isinstance(given, int):
        return given
    match = _QUANTITY.fullmatch(given.strip())
    if match is None or match[2] not in units:
        examples = "512 KiB, 8 MiB" if units is _SIZES else "10m, 12h, 7d"
        raise FormatError("policy.limit", f"{given[:40]!r} is not a limit",
                          hint=f"write it like: {examples}")  # fmt: skip
    return int(match[1]) * units[match[2]]


def compose(policy: Policy) -> bytes:
    """A policy file without comments: ``parse(compose(policy)) == policy``."""
    from gitsync.codec.yamltext import dump

    fields: dict[str, object] = {
        "version": policy.version,
        "space": policy.space,
        "home": policy.home,
        "merge": policy.merge,
        "roles": {
            role.name: {"people": sorted(role.people), "threshold": role.threshold}
            for role in policy.roles.values()
        },
        "rules": [_rule_fields(rule) for rule in policy.rules],
        "deny": list(policy.deny),
        "limits": {
            name.replace("_", "-"): getattr(policy.limits, attribute)
            for name, (attribute, _) in _UNITS.items()
        },
    }
    if policy.leases != LeaseRules():
        leases = {
            one.name.replace("_", "-"): getattr(policy.leases, one.name)
            for one in dataclasses.fields(LeaseRules)
        }
        fields["leases"] = leases | {"escalate-to": list(policy.leases.escalate_to)}
    return dump(fields)


def _rule_fields(rule: Rule) -> dict[str, object]:
    fields: dict[str, object] = {"name": rule.name}
    if rule.paths:
        fields["paths"] = list(rule.paths)
    if rule.types:
        fields["types"] = list(rule.types)
    if rule.transition is not None:
        before, after = rule.transition
        fields["transition"] = f"{before or '*'} -> {after or '*'}"
    fields["role"] = rule.role
    fields["proposer-counts"] = rule.proposer_counts
    return fields
