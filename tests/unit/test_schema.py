"""What a schema says to a changed artifact."""

import pytest

from gitsync.domain.artifact import ArtifactChange, ArtifactHead
from gitsync.domain.errors import FormatError
from gitsync.domain.links import Link, plain_link
from gitsync.domain.policy import Requirement
from gitsync.domain.schema import ArtifactType, Move, Schema, Violation

STATES = ("draft", "committed", "approved")
PLAN = ArtifactType(
    "plan",
    "plan",
    "plans",
    states=STATES,
    initial="draft",
    transitions=(
        Move("draft", "committed"),
        Move("committed", "draft"),
        Move("committed", "approved", "approver"),
        Move("approved", "approved", "editor", proposer_counts=True),
        Move("approved", "draft", "approver"),
    ),
    required=("title", "owner"),
)
EIP = ArtifactType(
    "eip",
    "eip",
    paths=("EIPS/*.md",),
    states=("Draft", "Last Call", "Final"),
    initial="Draft",
    transitions=(Move("Draft", "Last Call"), Move("Last Call", "Final", "editor")),
)
NOTE = ArtifactType("note", "note")
SCHEMA = Schema(1, "id", "type", "status", "title", {"plan": PLAN, "eip": EIP, "note": NOTE})


def head(status=None, type="plan", id="plan-222222", **fields) -> ArtifactHead:  # noqa: A002
    return ArtifactHead(id, type, status, "T", **fields)


def check(before, after, path="plans/a.md", old_path=None):
    return SCHEMA.check(ArtifactChange(path, before, after, old_path))


def codes(*args, **kwargs) -> list[str]:
    return [
        item.code if isinstance(item, Violation) else f"{item.rule}: {item.role}"
        for item in check(*args, **kwargs)
    ]


def test_declared_transitions():
    assert codes(head("draft"), head("committed")) == []
    assert check(head("committed"), head("approved")) == (
        Requirement(
            "transition plan committed -> approved",
            "approver",
            proposer_counts=False,
            paths=("plans/a.md",),
        ),
    )


def test_an_illegal_transition_lists_the_legal_ones():
    (found,) = check(head("draft"), head("approved"))
    assert found == Violation(
        "schema.transition",
        "a plan cannot go draft -> approved",
        "plans/a.md",
        "from draft a plan can go to",
        (Move("draft", "committed"),),
    )
    (found,) = check(head("approved"), head("committed"))
    assert found.ways == (Move("approved", "draft", "approver"),)


def test_an_illegal_state_lists_the_legal_ones():
    for status, words in (("done", "the status 'done'"), (None, "no status")):
        (found,) = check(head("draft"), head(status))
        assert found.code == "schema.state"
        assert words in found.message
        assert found.hint == "states of plan: draft, committed, approved"
    assert codes(None, head("done")) == ["schema.state"]


def test_edits_that_stay_in_a_state():
    assert codes(head("draft"), head("draft")) == []
    assert codes(head("approved"), head("approved")) == [
        "transition plan approved -> approved: editor"
    ]


def test_old_sins_are_not_held_against_an_edit_but_must_not_be_a_short_cut():
    assert codes(head("odd"), head("odd")) == []
    assert codes(head(None), head(None)) == []
    assert codes(head("odd"), head("draft")) == []
    assert codes(head("odd"), head("committed")) == []
    assert codes(head("odd"), head("approved")) == ["schema.transition"]
    assert codes(head(None), head("approved")) == ["schema.transition"]


def test_appearing_counts_from_the_initial_state():
    assert codes(None, head("draft")) == []
    assert codes(None, head("committed")) == []
    assert codes(None, head("approved")) == ["schema.transition"]
    assert codes(None, head(None)) == ["schema.state"]
    eip = head("Last Call", "eip", "7")
    assert codes(None, eip) == []


def test_only_a_new_artifact_must_have_the_required_fields():
    lacking = head("draft", missing=("owner", "title", "elsewhere"))
    found = check(None, lacking)
    assert [item.code for item in found] == ["schema.missing-field"] * 2
    assert "'title'" in found[0].message
    assert "'owner'" in found[1].message
    assert check(head("draft"), lacking) == ()
    assert codes(None, head("draft", id=None)) == ["schema.missing-field"]
    assert "'id'" in check(None, head("draft", id=None))[0].message


def test_id_and_type_stay():
    assert codes(head("draft"), head("draft", id="plan-333333")) == ["schema.id-changed"]
    assert codes(head("draft"), head("draft", id=None)) == ["schema.id-changed"]
    assert codes(head("draft", id=None), head("draft")) == []
    for other in ("note", "unknown", None):
        assert codes(head("draft"), head("draft", other)) == ["schema.type-changed"]


def test_vanishing_counts_as_going_back():
    assert codes(head("draft"), None) == []
    assert codes(head("committed"), None) == []
    assert codes(head("approved"), None) == ["transition plan approved -> draft: approver"]
    assert codes(head("odd"), None) == []
    # No way back is declared: who guards the way in guards the way out.
    assert codes(head("Final", "eip"), None) == ["transition eip Last Call -> Final: editor"]
    assert codes(head("Last Call", "eip"), None) == []


def test_unknown_types_are_none_of_its_business():
    assert codes(None, head("any", "unknown")) == []
    assert codes(head("any", "unknown"), head("other", "unknown", "x")) == []
    assert codes(None, head("any", None), path="docs/a.md") == []
    assert codes(None, None) == []


def test_a_known_type_gained_is_an_artifact_that_appears():
    assert codes(head("x", "unknown"), head("approved")) == ["schema.transition"]


def test_types_without_states_take_any_status():
    assert codes(None, head("any", "note")) == []
    assert codes(head("any", "note"), head(None, "note")) == []


def test_a_type_may_be_told_by_path():
    bare = head("Final", None, "7")
    assert codes(None, bare, path="EIPS/7.md") == ["schema.transition"]
    assert codes(None, bare, path="docs/7.md") == []
    assert codes(bare, bare, path="docs/7.md", old_path="EIPS/7.md") == ["schema.type-changed"]
    moved = SCHEMA.typed(ArtifactChange("EIPS/7.md", bare, bare, "docs/7.md"))
    assert (moved.before.type, moved.after.type) == (None, "eip")
    named = head("draft")
    assert SCHEMA.typed(ArtifactChange("EIPS/7.md", None, named)).after is named


def test_roles_and_required_fields():
    assert SCHEMA.roles == {"approver", "editor"}
    assert SCHEMA.required_fields("plan") == ("title", "owner")
    assert SCHEMA.required_fields("unknown") == ()
    assert SCHEMA.required_fields(None) == ()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "Plan"}, "schema.type"),
        ({"prefix": "Plan"}, "schema.prefix"),
        ({"prefix": ""}, "schema.prefix"),
        ({"folder": "/plans"}, "schema.folder"),
        ({"folder": "plans/"}, "schema.folder"),
        ({"folder": "../plans"}, "schema.folder"),
        ({"folder": ".git"}, "schema.folder"),
        ({"folder": "a\nb"}, "schema.folder"),
        ({"paths": ("/x",)}, "glob.malformed"),
        ({"required": ("a:",)}, "schema.field"),
        ({"links": {"": plain_link("")}}, "schema.field"),
        ({"numbered": 10}, "schema.numbered"),
        ({"numbered": -1}, "schema.numbered"),
        ({"file": "x.md"}, "schema.file"),
        ({"file": "../{id}.md"}, "schema.file"),
        ({"file": "{id}-{slug}"}, "schema.file"),
        ({"done": ("gone",)}, "schema.unknown-state"),
        ({"started": "gone"}, "schema.unknown-state"),
        ({"sparse": ("gone",)}, "schema.unknown-state"),
        ({"states": ("a", "a"), "initial": "a"}, "schema.state"),
        ({"states": ("*",), "initial": "*"}, "schema.state"),
        ({"states": ("a\x1b",), "initial": "a\x1b"}, "schema.state"),
        ({"states": ("a",), "initial": "b"}, "schema.initial"),
        ({"states": ("a",), "initial": None}, "schema.initial"),
        ({"initial": "a"}, "schema.initial"),
        ({"transitions": (Move("a", "b"),)}, "schema.unknown-state"),
        ({"states": ("a", "b"), "initial": "a", "transitions": (Move("a", "b"), Move("a", "b"))},
         "schema.duplicate-transition"),
    ],
)  # fmt: skip
def test_types_there_cannot_be(fields, code):
    with pytest.raises(FormatError) as caught:
        ArtifactType(**{"name": "plan", "prefix": "plan", **fields})
    assert caught.value.code == code
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"version": 0}, "schema.version"),
        ({"id_field": "a:b"}, "schema.field"),
        ({"status_field": ""}, "schema.field"),
        ({"types": {}}, "schema.no-types"),
        ({"types": {"other": NOTE}}, "schema.type"),
        ({"type_field": None}, "schema.paths"),
        ({"merge": {"tags": "union"}}, "schema.merge"),
        ({"order": ("a:b",)}, "schema.field"),
    ],
)
def test_schemas_there_cannot_be(fields, code):
    whole = {
        "version": 1,
        "id_field": "id",
        "type_field": "type",
        "status_field": "status",
        "title_field": "title",
        "types": {"note": NOTE},
    }
    Schema(**whole)
    with pytest.raises(FormatError) as caught:
        Schema(**{**whole, **fields})
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("tags", "a, b,", ("a", "b")),
        ("tags", "[a, b]", ("a", "b")),
        ("tags", "", ()),
        ("supersedes", "[3](0003-x.md)", ("[3](0003-x.md)",)),
        ("requires", "1, 2", "1, 2"),
        ("depends", "x", ("x",)),
        ("owner", "a, b", "a, b"),
    ],
)
def test_values_as_typed(name, text, value):
    links = {"requires": Link("requires", "commas"), "depends": plain_link("depends"),
             "supersedes": Link("supersedes", "paths")}  # fmt: skip
    kind = ArtifactType("plan", "plan", links=links)
    merge = {"tags": "set", "requires": "set", "supersedes": "set"}
    schema = Schema(1, "id", "type", "status", "title", {"plan": kind}, merge)
    assert schema.field_value(kind, name, text) == value
