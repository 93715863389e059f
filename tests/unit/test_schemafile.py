"""schema.yaml: what is read, what is refused and where, and that nothing is lost in writing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec.schemafile import compose, parse
from gitsync.domain.errors import FormatError
from gitsync.domain.links import MEANINGS, SHAPES, Link
from gitsync.domain.schema import MERGE_STRATEGIES, ArtifactType, Guard, Move, Schema

TEXT = """\
version: 1
id: id
type: type
status: status
title: title
types:
  plan:
    prefix: plan
    folder: plans
    paths: ["plans/**/*.md"]
    states: [draft, committed, approved]
    initial: draft
    transitions:
      - draft -> committed
      - committed -> draft
      - {change: committed -> approved, role: approver, proposer-counts: true}
      - {change: approved -> draft, role: approver}
    required: [title, owner]
    links: [parent, depends]
"""

EIPS = """\
version: 1
id: eip
types:
  eip:
    prefix: eip
    folder: EIPS
    paths: ["EIPS/eip-*.md"]
    states: [Draft, Review, Last Call, Final, Stagnant, Withdrawn]
    transitions:
      - Draft -> Review
      - Review -> Last Call
      - {change: Last Call -> Final, role: editor}
      - "* -> Stagnant"
      - {change: "* -> Withdrawn", role: author}
      - {change: Final -> Withdrawn, role: editor}
"""


def refused(text: str | None) -> FormatError:
    with pytest.raises(FormatError) as caught:
        parse(None if text is None else text.encode(), "schema.yaml")
    assert caught.value.where.file == "schema.yaml"
    return caught.value


def test_a_whole_schema():
    assert parse(TEXT.encode()) == Schema(
        version=1,
        id_field="id",
        type_field="type",
        status_field="status",
        title_field="title",
        types={
            "plan": ArtifactType(
                name="plan",
                prefix="plan",
                folder="plans",
                paths=("plans/**/*.md",),
                states=("draft", "committed", "approved"),
                initial="draft",
                transitions=(
                    Move("draft", "committed"),
                    Move("committed", "draft"),
                    Move("committed", "approved", "approver", proposer_counts=True),
                    Move("approved", "draft", "approver"),
                ),
                required=("title", "owner"),
                links={
                    "parent": Link("parent", "one", "parent"),
                    "depends": Link("depends", "list", "after"),
                },
            )
        },
    )


def test_types_by_path_and_open_transitions():
    schema = parse(EIPS.encode())
    assert (schema.id_field, schema.type_field, schema.status_field) == ("eip", None, "status")
    assert schema.type_at("EIPS/eip-1.md") == "eip"
    eip = schema.types["eip"]
    assert eip.initial == "Draft"
    assert eip.move("Draft", "Stagnant") == Move("Draft", "Stagnant")
    assert eip.move("Draft", "Withdrawn").role == "author"
    # A line that names the pair wins over one that leaves a side open.
    assert eip.move("Final", "Withdrawn").role == "editor"
    assert eip.move("Stagnant", "Stagnant") is None
    assert eip.move("Stagnant", "Draft") is None


@pytest.mark.parametrize("text", [None, "", "# nothing\n", "{}"])
def test_an_empty_or_missing_file_is_refused(text):
    assert refused(text).code == "schema.empty"


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "field"),
    [
        ("    transitions:", "    transitons:", "schema.unknown-field", 13,
         "types.plan.transitons"),
        ("title: title", "titel: title", "schema.unknown-field", 5, "titel"),
        ("role: approver, proposer-counts", "role: approver, counts", "schema.unknown-field", 16,
         "types.plan.transitions[2].counts"),
        ("version: 1", "version: 0", "schema.version", 1, "version"),
        ("version: 1", "version: a", "schema.malformed", 1, "version"),
        ("initial: draft", "initial: drift", "schema.initial", 12, "types.plan.initial"),
        ("- draft -> committed", "- draft -> comitted", "schema.unknown-state", 13,
         "types.plan.transitions"),
        ("- draft -> committed", "- '* -> comitted'", "schema.unknown-state", 14,
         "types.plan.transitions[0]"),
        ("- draft -> committed", "- draft to committed", "transition.malformed", 14,
         "types.plan.transitions[0]"),
        ("- draft -> committed", "- [draft, committed]", "schema.malformed", 14,
         "types.plan.transitions[0]"),
        ("- draft -> committed", "- committed -> draft", "schema.duplicate-transition", 13,
         "types.plan.transitions"),
        ("prefix: plan", "prefix: Plan", "schema.prefix", 8, "types.plan.prefix"),
        ("    prefix: plan\n", "", "schema.malformed", 7, "types.plan"),
        ("folder: plans", "folder: ../plans", "schema.folder", 9, "types.plan.folder"),
        ("[title, owner]", "[title, 1]", "schema.malformed", 18, "types.plan.required[1]"),
        ("type: type\n", "", None, None, None),
        ("    paths: [\"plans/**/*.md\"]\n", "", None, None, None),
        ("version: 1\n", "version: 1\nmerge: {tags: union}\n", "schema.merge", 2, "merge.tags"),
    ],
)  # fmt: skip
def test_refused_with_its_place(old, new, code, line, field):
    assert TEXT.count(old) == 1
    text = TEXT.replace(old, new)
    if code is None:
        parse(text.encode())
        return
    error = refused(text)
    assert error.code == code
    assert error.where.line == line
    assert error.where.field == field


def test_without_a_type_field_types_need_paths():
    text = TEXT.replace("type: type\n", "").replace('    paths: ["plans/**/*.md"]\n', "")
    error = refused(text)
    assert (error.code, error.where.field) == ("schema.paths", "types.plan")


def test_the_number_of_states_is_bounded():
    many = ", ".join(f"s{number}" for number in range(65))
    text = TEXT.replace("[draft, committed, approved]", f"[{many}]")
    assert refused(text).code == "schema.malformed"


states = st.sampled_from(["draft", "Last Call", "yes", "1", "\u00e9", "a.b"])
fields = st.sampled_from(["id", "title", "a b", "x-y", "Owner", "1st"])
names = st.from_regex(r"[a-z][a-z0-9]{0,6}", fullmatch=True)


links = st.builds(Link, fields, st.sampled_from(SHAPES), st.sampled_from(MEANINGS))


@st.composite
def types(draw) -> ArtifactType:
    known = draw(st.lists(states, unique=True, max_size=4))
    pairs = st.tuples(*[st.sampled_from(known)] * 2) if known else st.nothing()
    moves = st.builds(
        lambda pair, role, counts: Move(*pair, role, counts),
        pairs,
        st.none() | names,
        st.booleans(),
    )
    return ArtifactType(
        name=draw(names),
        prefix=draw(names),
        folder=draw(st.sampled_from(["", "plans", "a b/c"])),
        paths=draw(st.sampled_from([("a/**",), ("*.md", "#x")])),
        states=tuple(known),
        initial=draw(st.sampled_from(known)) if known else None,
        transitions=tuple(draw(st.lists(moves, max_size=5, unique_by=str))) if known else (),
        required=tuple(draw(st.lists(fields, max_size=3))),
        links={one.field: one for one in draw(st.lists(links, max_size=3))},
        numbered=draw(st.integers(0, 9)),
        file=draw(st.none() | st.sampled_from(["{id}.md", "x-{id}-{slug}.markdown"])),
        done=tuple(known[:2]),
        started=draw(st.none() | st.sampled_from(known)) if known else None,
        sparse=tuple(known[1:]),
        adopt=draw(st.none() | st.builds(Guard, names, st.booleans())),
        enter=draw(st.none() | st.builds(Guard, names, st.booleans())),
        defaults=draw(st.dictionaries(fields, names | st.lists(names).map(tuple), max_size=2)),
    )


schemas = st.builds(
    Schema,
    version=st.integers(1, 10**6),
    id_field=fields,
    type_field=st.none() | fields,
    status_field=fields,
    title_field=fields,
    types=st.lists(types(), min_size=1, max_size=3, unique_by=lambda one: one.name).map(
        lambda found: {one.name: one for one in found}
    ),
    merge=st.dictionaries(fields, st.sampled_from(sorted(MERGE_STRATEGIES)), max_size=3),
    order=st.lists(fields, max_size=3).map(tuple),
)


@given(schemas)
def test_nothing_is_lost_in_writing(schema):
    assert parse(compose(schema)) == schema
