"""Rules out of a cache are the rules, or nothing."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from gitsync.codec import policyfile, schemafile
from gitsync.codec.rulesjson import Rules, read_rules, write_rules
from gitsync.domain.objects import Oid

KEY = Oid("1" * 40)
POLICY = b"""version: 3
space: common
home: .
merge: 1
roles:
  root: {people: [alice, bob], threshold: 2}
  witness: {people: [alice]}
  editor: {people: [carol]}
rules:
  - {name: one, role: editor, paths: ["plans/**"], transition: "draft -> *"}
  - {name: two, role: editor, types: [plan], proposer-counts: true}
deny: ["secret/**"]
limits: {file-bytes: 2 MiB, proposal-files: 7}
"""


@pytest.fixture(params=["plans", "tasks", "adr", "eips"])
def rules(request):
    schema = files("gitsync").joinpath(f"presets/{request.param}/schema.yaml").read_bytes()
    return Rules(policyfile.parse(POLICY), schemafile.parse(schema))


def test_what_was_written_is_read(rules):
    assert read_rules(write_rules(KEY, rules), KEY) == rules


def test_the_rules_of_another_folder_are_none(rules):
    assert read_rules(write_rules(KEY, rules), Oid("2" * 40)) is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: raw | {"format": 0},
        lambda raw: raw | {"policy": None},
        lambda raw: raw | {"policy": raw["policy"] | {"roles": {}}},
        lambda raw: raw | {"policy": raw["policy"] | {"limits": {"file_bytes": "x"}}},
        lambda raw: raw | {"schema": raw["schema"] | {"types": {}}},
        lambda raw: raw | {"schema": raw["schema"] | {"colour": "red"}},
        list,
    ],
)
def test_what_does_not_fit_is_nothing(rules, spoil):
    raw = json.loads(write_rules(KEY, rules))
    assert read_rules(json.dumps(spoil(raw)).encode(), KEY) is None


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_no_bytes_make_it_raise(data):
    assert read_rules(data, KEY) is None
