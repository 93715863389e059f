"""What a policy asks for, and which policies there cannot be."""

import pytest

from gitsync.domain.artifact import ArtifactChange, ArtifactHead
from gitsync.domain.errors import FormatError
from gitsync.domain.policy import CI_PATHS, Limits, Policy, Requirement, Role, Rule

ROLES = (
    Role("root", frozenset({"alice"})),
    Role("witness", frozenset({"alice", "bob"})),
    Role("approver", frozenset({"alice", "bob"}), 2),
)


def policy(*rules: Rule, roles: tuple[Role, ...] = ROLES, **fields) -> Policy:
    fields = {"version": 1, "space": "common", "home": ".", "merge": 1, **fields}
    return Policy(roles={role.name: role for role in roles}, rules=rules, **fields)


def head(status: str | None = None, type: str | None = "plan") -> ArtifactHead:  # noqa: A002
    return ArtifactHead("plan-222222", type, status, "T")


def change(before, after, path="plans/a.md", old_path=None) -> ArtifactChange:
    return ArtifactChange(path, before, after, old_path)


def refused(build) -> FormatError:
    with pytest.raises(FormatError) as caught:
        build()
    return caught.value


def test_witnesses_are_the_people_of_that_role():
    assert policy().witnesses == {"alice", "bob"}


@pytest.mark.parametrize("threshold", [0, -1, 3])
def test_a_threshold_fits_its_people(threshold):
    error = refused(lambda: Role("root", frozenset({"alice", "bob"}), threshold))
    assert error.code == "policy.threshold"
    assert error.where.field == "roles.root.threshold"


def test_a_role_has_people_and_a_name():
    assert refused(lambda: Role("root", frozenset())).code == "policy.people"
    for name in ("", "Root", "a b", "1", "\x1b"):
        assert refused(lambda name=name: Role(name, frozenset({"alice"}))).code == "policy.role"


@pytest.mark.parametrize("person", ["alice.desk", "Alice", "", "con", "a b", "\x1b[0m", "a\n"])
def test_roles_list_people_not_their_clones(person):
    error = refused(lambda: Role("root", frozenset({"alice", person}), 1))
    assert error.code == "policy.person"
    assert error.message.isprintable()


@pytest.mark.parametrize("missing", ["root", "witness"])
def test_root_and_witness_must_exist(missing):
    roles = tuple(role for role in ROLES if role.name != missing)
    assert refused(lambda: policy(roles=roles)).code == "policy.role-missing"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"version": 0}, "policy.version"),
        ({"version": -1}, "policy.version"),
        ({"merge": 0}, "policy.merge"),
        ({"space": "Common"}, "policy.space"),
        ({"space": ""}, "policy.space"),
        ({"home": ""}, "policy.home"),
        ({"home": "x\x1b[2J"}, "policy.home"),
        ({"home": "x\u202ey"}, "policy.home"),
        ({"deny": ("/x",)}, "glob.malformed"),
    ],
)
def test_fields_out_of_range(fields, code):
    assert refused(lambda: policy(**fields)).code == code


def test_rules_name_known_roles_and_have_names_of_their_own():
    assert refused(lambda: policy(Rule("r", "nobody", ("a",)))).code == "policy.unknown-role"
    twice = (Rule("r", "root", ("a",)), Rule("r", "root", ("b",)))
    assert refused(lambda: policy(*twice)).code == "policy.duplicate-rule"
    assert refused(lambda: Rule("r", "root")).code == "policy.empty-rule"
    assert refused(lambda: Rule("r", "root", ("/a",))).code == "glob.malformed"
    assert refused(lambda: Rule("a b", "root", ("a",))).code == "policy.rule"


@pytest.mark.parametrize("name", Limits.__dataclass_fields__)
@pytest.mark.parametrize("value", [0, -1, 2**53])
def test_limits_are_positive(name, value):
    assert refused(lambda: Limits(**{name: value})).code == "policy.limit"


def test_default_limits():
    assert Limits() == Limits(2**20, 2**23, 500, 1000, 604800, 600, 7776000)


def test_all_given_criteria_must_match():
    rule = Rule("r", "approver", ("plans/**",), ("plan",), ("draft", "approved"))
    good = change(head("draft"), head("approved"))
    assert rule.matches(good)
    assert not rule.matches(change(head("draft"), head("approved"), "docs/a.md"))
    assert not rule.matches(change(head("draft", "note"), head("approved", "note")))
    assert not rule.matches(change(head("draft"), head("committed")))


def test_the_old_path_of_a_moved_file_counts_too():
    rule = Rule("r", "root", ("runbooks/**",))
    assert rule.matches(change(head(), head(), "docs/a.md", "runbooks/a.md"))
    assert rule.matches(change(head(), head(), "runbooks/a.md", "docs/a.md"))
    assert not rule.matches(change(head(), head(), "docs/a.md"))


def test_either_type_counts():
    rule = Rule("r", "root", types=("plan",))
    assert rule.matches(change(head(type="plan"), head(type="note")))
    assert rule.matches(change(head(type="note"), head(type="plan")))
    assert rule.matches(change(head(), None))
    assert not rule.matches(change(None, None))
    assert not rule.matches(change(head(type=None), None))


@pytest.mark.parametrize(
    ("transition", "before", "after", "matches"),
    [
        (("a", "b"), "a", "b", True),
        (("a", "b"), "b", "a", False),
        (("a", "b"), "c", "b", False),
        (("a", "b"), "b", "b", False),
        ((None, "b"), "a", "b", True),
        ((None, "b"), "b", "b", False),
        (("a", None), "a", "b", True),
        (("a", None), "a", "a", False),
        ((None, None), "a", "b", True),
        ((None, None), "a", "a", False),
        # An edit that leaves the state alone needs a rule that says so.
        (("a", "a"), "a", "a", True),
        (("a", "a"), "b", "b", False),
        (("a", "a"), "b", "a", False),
        # Appearing in a state may not be cheaper than getting there.
        (("a", "b"), None, "b", True),
        ((None, "b"), None, "b", True),
        (("a", "b"), None, "c", False),
        (("a", None), None, "c", False),
        ((None, None), None, "c", True),
        # Vanishing leads to no state.
        (("a", "b"), "a", None, False),
        (("a", None), "a", None, True),
        (("b", None), "a", None, False),
        ((None, None), None, None, False),
    ],
)
def test_transitions(transition, before, after, matches):
    rule = Rule("r", "root", transition=transition)
    assert rule.matches(change(head(before), head(after))) is matches
    if before is None:
        assert rule.matches(change(None, head(after))) is matches
    if after is None:
        assert rule.matches(change(head(before), None)) is matches


def test_requirements_gather_the_paths_of_each_rule():
    plans = Rule("plans", "root", ("plans/**",))
    approve = Rule("ok", "approver", transition=(None, "approved"), proposer_counts=True)
    rules = policy(plans, approve, Rule("never", "root", ("x",)))
    changes = [
        change(head("a"), head("approved"), "plans/1.md"),
        change(None, None, "plans/2.txt"),
        change(head("a"), head("approved"), "docs/3.md"),
    ]
    assert rules.requirements(iter(changes)) == (
        Requirement("plans", "root", proposer_counts=False, paths=("plans/1.md", "plans/2.txt")),
        Requirement("ok", "approver", proposer_counts=True, paths=("plans/1.md", "docs/3.md")),
    )
    assert rules.requirements([]) == ()


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/ci.yml",
        ".GitHub/Workflows/CI.yml",
        ".github/wor\u212aflows/ci.yml",
        ".github/actions/x/action.yml",
        ".gitlab-ci.yml",
        ".forgejo/workflows/x.yml",
        ".gitea/workflows/x.yml",
        ".circleci/config.yml",
        "azure-pipelines.yml",
        "jenkinsfile",
        ".woodpecker/x.yml",
        ".woodpecker.yml",
        ".drone.yml",
        ".travis.yml",
        ".buildkite/pipeline.yml",
        "bitbucket-pipelines.yml",
        ".husky/pre-commit",
        ".pre-commit-config.yaml",
        ".gitattributes",
        "plans/deep/.gitAttributes",
        "plans/.gitmodules",
        "a/b/.lfsconfig",
        "Secret/x",
        "secret/\u00e9",
    ],
)
def test_denied_paths(path):
    assert policy(deny=("secret/**",)).denied(path)


@pytest.mark.parametrize(
    "path", ["plans/a.md", ".github/CODEOWNERS", "docs/.github/workflows/x.yml", "secrets/x"]
)
def test_other_paths_are_not_denied(path):
    assert policy(deny=("secret/**",)).denied(path) is None


def test_denials_compare_composed_and_decomposed_letters_alike():
    assert policy(deny=("caf\u00e9/**",)).denied("cafe\u0301/x") == "caf\u00e9/**"


def test_the_deny_list_of_the_file_cannot_shorten_the_built_in_one():
    assert policy(deny=()).denied(".gitlab-ci.yml") in CI_PATHS
