"""The presets that ship: sound, commented, and in step with the published JSON Schemas."""

import json
from importlib import resources

import pytest
from jsonschema import Draft202012Validator

from gitsync.codec import policyfile, presets, schemafile
from gitsync.codec.yamltext import load
from gitsync.domain.artifact import ArtifactChange, ArtifactHead
from gitsync.domain.errors import FormatError, UsageError
from gitsync.domain.policy import Policy
from gitsync.domain.schema import Violation


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((resources.files("gitsync") / "schemas" / name).read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


POLICY_SCHEMA = validator("policy.schema.json")
ARTIFACT_SCHEMA = validator("artifact-schema.schema.json")


def policy_text(**changes) -> bytes:
    fields = {"space": "common", "home": ".", "founder": "alice", "witness": "bob", **changes}
    return presets.policy_text(**fields)


def policy() -> Policy:
    return policyfile.parse(policy_text())


def head(status: str | None) -> ArtifactHead:
    return ArtifactHead("plan-222222", "plan", status, "T")


def test_presets_are_listed_and_unknown_ones_named():
    assert presets.DEFAULT in presets.list_presets()
    for name in ("nope", "", "..", "../presets/plans", "plans/templates", "\x1b"):
        with pytest.raises(UsageError) as caught:
            presets.load(name)
        assert caught.value.code == "preset.unknown"
        assert "plans" in caught.value.hint


@pytest.mark.parametrize("name", presets.list_presets())
def test_every_preset_is_sound(name):
    preset = presets.load(name)
    schema = schemafile.parse(preset.schema)
    ARTIFACT_SCHEMA.validate(load(preset.schema, name))
    assert schemafile.parse(schemafile.compose(schema)) == schema
    assert set(preset.templates) <= set(schema.types)
    for body in preset.templates.values():
        assert body.startswith(b"\n# {title}\n")
        assert not body.startswith(b"---")
    made = policyfile.parse(policy_text(preset=name))
    assert schema.roles <= made.roles.keys()
    POLICY_SCHEMA.validate(load(policy_text(preset=name), name))


@pytest.mark.parametrize("name", presets.list_presets())
def test_editors_find_the_json_schemas_of_the_settings(name):
    files = presets.editor_files()
    for text, schema in (
        (presets.load(name).schema, "artifact-schema.schema.json"),
        (policy_text(preset=name), "policy.schema.json"),
    ):
        first = text.split(b"\n", 1)[0].decode()
        assert first == f"# yaml-language-server: $schema=schemas/{schema}"
        json.loads(files[schema])


def test_all_presets():
    assert presets.list_presets() == ("adr", "eips", "plans", "tasks")
    for name in presets.list_presets():
        schema = schemafile.parse(presets.load(name).schema)
        assert schema.unique_ids
        assert set(presets.load(name).templates) == set(schema.types)
        for kind in schema.types.values():
            assert kind.done
            at = f"{kind.folder}/{(kind.file or '{id}.md').format(id='0001', slug='x')}"
            assert schema.type_at(at) == kind.name


def test_the_plans_preset():
    preset = presets.load("plans")
    schema = schemafile.parse(preset.schema)
    assert set(schema.types) == set(preset.templates) == {"plan", "story", "runbook"}
    for kind in schema.types.values():
        assert kind.states == ("draft", "committed", "approved")
        assert kind.initial == "draft"
        assert schema.type_at(f"{kind.folder}/x.md") == kind.name


def test_the_generated_policy():
    made = policy()
    assert (made.version, made.space, made.home, made.merge) == (1, "common", ".", 2)
    assert made.roles["root"].people == made.roles["approver"].people == {"alice"}
    assert made.witnesses == {"bob"}
    assert made.limits == type(made.limits)()
    text = policy_text().decode()
    assert text.count("proposer-counts: true\n") == len(made.rules)
    assert "set it to false" in text


@pytest.mark.parametrize(
    ("before", "after", "needs"),
    [
        (None, "draft", False),
        ("draft", "committed", False),
        ("committed", "draft", False),
        ("committed", "committed", False),
        ("committed", "approved", True),
        ("approved", "approved", True),
        ("approved", "draft", True),
        ("approved", None, True),
        (None, "approved", True),
    ],
)
def test_a_lone_founder_can_go_all_the_way_and_approval_is_asked_for(before, after, needs):
    change = ArtifactChange(
        "plans/a.md", head(before) if before else None, head(after) if after else None
    )
    found = policy().requirements([change])
    assert bool(found) is needs
    for requirement in found:
        assert requirement.role == "approver"
        assert requirement.proposer_counts
    said = schemafile.parse(presets.load("plans").schema).check(change)
    assert any(isinstance(one, Violation) for one in said) is (
        before is None and after == "approved"
    )


@pytest.mark.parametrize(
    "home",
    [".", "https://example.org/a.git", "git@example.org:a/b.git", "/mnt/my share", "C:\\ledger",
     "# no", "${founder}", "a: b", "'", '"', "[x]", "yes", "@home@"],
)  # fmt: skip
def test_any_home_survives_the_template(home):
    assert policyfile.parse(policy_text(home=home)).home == home


@pytest.mark.parametrize(
    "changes",
    [{"home": ""}, {"home": "\x1b"}, {"home": "\ud800"}, {"founder": "alice.desk"},
     {"founder": "a], threshold: 0, x: ["}, {"witness": ""}, {"space": "A"}],
)  # fmt: skip
def test_names_that_will_not_do_make_no_policy(changes):
    with pytest.raises(FormatError):
        policy_text(**changes)


POLICY_BREAKS = [
    ("version: 1", "version: 0"),
    ("version: 1", "version: one"),
    ("version: 1", "version: true"),
    ("version: 1", "versoin: 1"),
    ("space: common", "space: Common"),
    ("space: common", "space: []"),
    ("home: .", "home: ''"),
    ("merge: 2 ", "merge: 0 "),
    ("  root:", "  admin:"),
    ("  witness:", "  Witness:"),
    ("people: [bob]", "people: []"),
    ("people: [bob]", "people: [bob.desk]"),
    ("people: [bob]", "people: [bob, bob]"),
    ("people: [bob]", "people: bob"),
    ("people: [bob]", "persons: [bob]"),
    ("threshold: 1\n  witness", "threshold: 0\n  witness"),
    ("- name: approve ", "- name: '' "),
    ("- name: approve ", "- nom: approve "),
    ('transition: "* -> approved"', "transition: approved"),
    ('transition: "* -> approved"', "transition: 1"),
    ('transition: "* -> approved"', "paths: []"),
    ('transition: "* -> approved"', 'paths: ["/x"]'),
    ("deny: []", "deny: ['[x]']"),
    ("deny: []", "deny: x"),
    ("file-bytes: 1 MiB", "file-bytes: 1 MB"),
    ("file-bytes: 1 MiB", "file-bytes: 0"),
    ("proposal-files: 500", "proposal-files: 1 KiB"),
    ("lease: 7d", "lease: 7 years"),
    ("lease: 7d", "least: 7d"),
]
SCHEMA_BREAKS = [
    ("version: 1", "version: 0"),
    ("id: id", "id: ''"),
    ("id: id", "ident: id"),
    ("prefix: plan ", "prefix: Plan "),
    ("prefix: plan ", "prefx: plan "),
    ("folder: plans ", "folder: [plans] "),
    ('["plans/**/*.md"]', '["/plans"]'),
    ("status: state", "status: union"),
    ("tags: set", "tags: [set]"),
    ("initial: draft", "initial: 1"),
    ("- draft -> committed", "- draft to committed"),
    ("- draft -> committed", "- {change: draft -> committed, roles: x}"),
    ("order: [id,", "order: ['a:b',"),
    ("unique-ids: true ", "unique-ids: maybe "),
    ("owner: owner", "owner: [owner]"),
    ("{parent: one,", "{parent: two,"),
    ("{parent: one,", "{parent: {shape: one, mean: parent},"),
    ("{parent: one,", "{parent: {means: below},"),
    ("done: [approved]", "done: approved"),
    ("done: [approved]", "done: [approved]\n    numbered: ten"),
    ("done: [approved]", "done: [approved]\n    numbered: 10"),
    ("done: [approved]", "done: [approved]\n    file: x.md"),
    ("done: [approved]", "done: [approved]\n    adopt: {roles: x}"),
    ("done: [approved]", "done: [approved]\n    enter: [x]"),
    ("done: [approved]", "done: [approved]\n    sparse: draft"),
    ("done: [approved]", "done: [approved]\n    defaults: {a: 1}"),
    ("done: [approved]", "done: [approved]\n    defaults: [a]"),
    ("done: [approved]", "done: [approved]\n    started: [draft]"),
    ("types:\n", "types: []\nx:\n"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), POLICY_BREAKS)
def test_decoder_and_json_schema_refuse_the_same_policies(old, new):
    text = policy_text().decode()
    assert POLICY_SCHEMA.is_valid(load(text.encode(), "f"))
    assert old in text
    broken = text.replace(old, new, 1).encode()
    assert not POLICY_SCHEMA.is_valid(load(broken, "f"))
    with pytest.raises(FormatError):
        policyfile.parse(broken)


@pytest.mark.parametrize(("old", "new"), SCHEMA_BREAKS)
def test_decoder_and_json_schema_refuse_the_same_schemas(old, new):
    text = presets.load("plans").schema.decode()
    assert old in text
    broken = text.replace(old, new, 1).encode()
    assert not ARTIFACT_SCHEMA.is_valid(load(broken, "f"))
    with pytest.raises(FormatError):
        schemafile.parse(broken)


def test_json_schema_accepts_what_is_written_back():
    POLICY_SCHEMA.validate(load(policyfile.compose(policy()), "f"))
    schema = schemafile.parse(presets.load("plans").schema)
    ARTIFACT_SCHEMA.validate(load(schemafile.compose(schema), "f"))
