"""The cache of a decoded policy: the same value, or none."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec import policycache
from gitsync.domain.objects import Oid
from gitsync.domain.policy import Limits, Policy, Role, Rule

BLOB = Oid("1" * 40)
NAMES = st.sampled_from(["alice", "james", "carol", "dora"])
STATES = st.none() | st.sampled_from(["draft", "Last Call", "in/review"])
RULES = st.builds(
    Rule,
    name=st.uuids().map(str),
    role=st.sampled_from(["root", "witness"]),
    paths=st.lists(st.sampled_from(["plans/**", "*.md"]), min_size=1).map(tuple),
    types=st.lists(st.sampled_from(["plan", "story"])).map(tuple),
    transition=st.none() | st.tuples(STATES, STATES),
    proposer_counts=st.booleans(),
)
POLICIES = st.builds(
    Policy,
    version=st.integers(1, 99),
    space=st.just("common"),
    home=st.sampled_from([".", "ssh://host/päth"]),
    merge=st.integers(1, 9),
    roles=st.fixed_dictionaries(
        {
            name: st.frozensets(NAMES, min_size=1).map(lambda p, n=name: Role(n, p, len(p)))
            for name in ("root", "witness")
        }
    ),
    rules=st.lists(RULES, unique_by=lambda rule: rule.name).map(tuple),
    deny=st.lists(st.sampled_from(["secret/**"])).map(tuple),
    limits=st.builds(Limits, file_bytes=st.integers(1, 2**40)),
)


@given(POLICIES)
def test_a_policy_comes_back_as_it_was(policy):
    assert policycache.decode(policycache.encode(BLOB, policy), BLOB) == policy


@given(POLICIES)
def test_a_cache_of_another_policy_is_none(policy):
    assert policycache.decode(policycache.encode(Oid("2" * 40), policy), BLOB) is None


POLICY = Policy(
    1, "common", ".", 1, {n: Role(n, frozenset({"alice"})) for n in ("root", "witness")}
)


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw.pop("roles"),
        lambda raw: raw.update(layout=0),
        lambda raw: raw.update(rules=[{"name": 1}]),
        lambda raw: raw.update(roles={"root": [["alice"], 0]}),
        lambda raw: raw.update(roles={}),
        lambda raw: raw["limits"].update(unknown=1),
    ],
)
def test_a_damaged_cache_is_none(damage):
    raw = json.loads(policycache.encode(BLOB, replace(POLICY)))
    damage(raw)
    assert policycache.decode(json.dumps(raw).encode(), BLOB) is None


@given(st.binary(max_size=60))
def test_any_bytes_are_none(data):
    assert policycache.decode(data, BLOB) is None
