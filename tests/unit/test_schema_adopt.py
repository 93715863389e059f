"""What a schema may ask beyond plain transitions: adoption, sparse states, ways out."""

from gitsync.domain.artifact import ArtifactChange, ArtifactHead
from gitsync.domain.artifacttype import ArtifactType, Guard, Move
from gitsync.domain.ledger.changes import violated
from gitsync.domain.policy import Policy, Requirement, Role
from gitsync.domain.schema import Schema, Violation

STATES = ("Draft", "Review", "Final", "Moved")
MOVES = (
    Move("Draft", "Review"),
    Move("Review", "Final", "editor"),
    Move("Draft", "Moved", "editor", proposer_counts=True),
)


def schema(**more) -> Schema:
    kind = ArtifactType(
        "eip", "eip", paths=("EIPS/*.md",), states=STATES, initial="Draft", transitions=MOVES,
        required=("title",), sparse=("Moved",), **more,
    )  # fmt: skip
    return Schema(1, "eip", None, "status", "title", {"eip": kind})


def appear(status: str, missing=(), **more):
    head = ArtifactHead("7", "eip", status, "T", missing)
    return schema(**more).check(ArtifactChange("EIPS/eip-7.md", None, head))


def test_what_appears_in_the_middle_of_its_life_is_refused_unless_somebody_may_adopt_it():
    (found,) = appear("Final")
    assert isinstance(found, Violation)
    assert found.code == "schema.transition"
    guard = Guard("editor", proposer_counts=True)
    assert appear("Final", adopt=guard) == (
        Requirement("adopting eip at Final", "editor", True, ("EIPS/eip-7.md",)),
    )
    assert appear("Review", adopt=guard) == ()
    assert appear("Draft", adopt=guard) == ()
    assert schema(adopt=Guard("keeper")).roles == {"editor", "keeper"}


def test_adoption_is_no_way_around_a_declared_transition():
    assert [one.rule for one in appear("Moved", adopt=Guard("anyone"))] == [
        "transition eip Draft -> Moved"
    ]


def test_a_guard_at_the_door_sees_everything_that_is_new_and_nothing_else():
    guard = Guard("editor")
    said = appear("Review", enter=guard)
    assert said == (Requirement("a new eip", "editor", False, ("EIPS/eip-7.md",)),)
    assert [one.rule for one in appear("Final", enter=guard, adopt=guard)] == [
        "a new eip", "adopting eip at Final",
    ]  # fmt: skip
    draft, review = (ArtifactHead("7", "eip", state, "T") for state in ("Draft", "Review"))
    change = ArtifactChange("EIPS/eip-7.md", draft, review)
    assert schema(enter=guard).check(change) == ()
    assert schema(enter=Guard("doorman")).roles == {"editor", "doorman"}


def test_a_stub_needs_no_fields():
    assert [one.code for one in appear("Draft", ("title",))] == ["schema.missing-field"]
    assert [type(one) for one in appear("Moved", ("title",))] == [Requirement]


def test_the_refusal_says_who_could_do_what():
    before = ArtifactHead("7", "eip", "Review", "T")
    after = ArtifactHead("7", "eip", "Moved", "T")
    (found,) = schema().check(ArtifactChange("EIPS/eip-7.md", before, after))
    roles = [Role("root", frozenset({"alice"})), Role("witness", frozenset({"alice"})),
             Role("editor", frozenset({"carol", "bo"}))]  # fmt: skip
    policy = Policy(1, "common", ".", 1, {role.name: role for role in roles})
    error = violated(found, policy)
    assert error.code == "schema.transition"
    assert error.message == "EIPS/eip-7.md: an eip cannot go Review -> Moved"
    assert error.hint == "from Review an eip can go to: Final by editor (bo, carol)"
    assert policy.who("gone", "x") == "x by gone (nobody)"
