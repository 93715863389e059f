"""policy.yaml: what is read, what is refused and where, and that nothing is lost in writing."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec.policyfile import compose, parse, parse_arrow
from gitsync.domain.errors import FormatError
from gitsync.domain.policy import Limits, Policy, Role, Rule

TEXT = """\
version: 3
space: common
home: https://example.org/ledger.git
merge: 1
roles:
  root: {people: [alice], threshold: 1}
  witness: {people: [alice]}
  approver: {people: [alice, james], threshold: 2}
rules:
  - name: runbooks
    paths: ["runbooks/**"]
    role: approver
  - name: plan-approval
    types: [plan]
    transition: committed -> approved
    role: approver
    proposer-counts: true
deny: ["infra/**"]
limits: {file-bytes: 1 KiB, proposal-bytes: 2 MiB, proposal-files: 5, lease: 12h, skew: 90}
"""


def refused(text: str | bytes | None) -> FormatError:
    with pytest.raises(FormatError) as caught:
        parse(text.encode() if isinstance(text, str) else text, "policy.yaml")
    assert caught.value.where.file == "policy.yaml"
    return caught.value


def changed(old: str, new: str) -> str:
    assert TEXT.count(old) == 1
    return TEXT.replace(old, new)


def test_a_whole_policy():
    assert parse(TEXT.encode()) == Policy(
        version=3,
        space="common",
        home="https://example.org/ledger.git",
        merge=1,
        roles={
            "root": Role("root", frozenset({"alice"}), 1),
            "witness": Role("witness", frozenset({"alice"}), 1),
            "approver": Role("approver", frozenset({"alice", "james"}), 2),
        },
        rules=(
            Rule("runbooks", "approver", paths=("runbooks/**",)),
            Rule("plan-approval", "approver", types=("plan",),
                 transition=("committed", "approved"), proposer_counts=True),
        ),
        deny=("infra/**",),
        limits=Limits(1024, 2 * 2**20, 5, 1000, 12 * 3600, 90, 90 * 86400),
    )  # fmt: skip


def test_what_may_be_left_out():
    text = TEXT[: TEXT.index("rules:")]
    policy = parse(text.encode())
    assert (policy.rules, policy.deny, policy.limits) == ((), (), Limits())


@pytest.mark.parametrize("data", [None, b"", b"\n", b"# nothing\n", b"{}", b"null", b"---\n"])
def test_an_empty_or_missing_file_is_refused(data):
    assert refused(data).code == "policy.empty"


@pytest.mark.parametrize(
    ("old", "new", "code", "line", "field"),
    [
        ("deny:", "denied:", "policy.unknown-field", 18, "denied"),
        ("threshold: 1}", "treshold: 1}", "policy.unknown-field", 6, "roles.root.treshold"),
        ("role: approver\n    proposer", "rule: x\n    proposer", "policy.unknown-field", 16,
         "rules[1].rule"),
        ("proposer-counts", "proposer_counts", "policy.unknown-field", 17,
         "rules[1].proposer_counts"),
        ("skew", "skews", "policy.unknown-field", 19, "limits.skews"),
        ("threshold: 1}", "threshold: 0}", "policy.threshold", 6, "roles.root.threshold"),
        ("threshold: 1}", "threshold: -1}", "policy.threshold", 6, "roles.root.threshold"),
        ("threshold: 2}", "threshold: 3}", "policy.threshold", 8, "roles.approver.threshold"),
        ("threshold: 1}", "threshold: '1'}", "policy.malformed", 6, "roles.root.threshold"),
        ("threshold: 1}", "threshold: true}", "policy.malformed", 6, "roles.root.threshold"),
        ("threshold: 1}", "threshold: 1.0}", "policy.malformed", 6, "roles.root.threshold"),
        ("[alice, james]", "[alice, alice]", "policy.people", 8, "roles.approver.people"),
        ("[alice, james]", "[]", "policy.people", 8, "roles.approver.people"),
        ("[alice, james]", "[1]", "policy.malformed", 8, "roles.approver.people[0]"),
        ("[alice, james]", "alice", "policy.malformed", 8, "roles.approver.people"),
        ("[alice, james]", "[alice.desk, bob]", "policy.person", 8, "roles.approver.people"),
        ("{people: [alice, james], threshold: 2}", "[alice]", "policy.malformed", 8,
         "roles.approver"),
        ("  witness:", "  watcher:", "policy.role-missing", 5, "roles"),
        ("  root:", "  admin:", "policy.role-missing", 5, "roles"),
        ("version: 3", "version: 0", "policy.version", 1, "version"),
        ("version: 3", "version: yes", "policy.malformed", 1, "version"),
        ("version: 3\n", "", "policy.malformed", 1, None),
        ("space: common", "space: Common", "policy.space", 2, "space"),
        ("merge: 1", "merge: 0", "policy.merge", 4, "merge"),
        ("home: https", "home: '' #", "policy.malformed", 3, "home"),
        ('["runbooks/**"]', "[]", "policy.empty-rule", 11, "rules[0].paths"),
        ("[plan]", "[]", "policy.empty-rule", 14, "rules[1].types"),
        ('    paths: ["runbooks/**"]\n', "", "policy.empty-rule", 10, "rules[0]"),
        ('["runbooks/**"]', '["/runbooks"]', "glob.malformed", 10, "rules[0]"),
        ('["infra/**"]', '["x", "infra/"]', "glob.malformed", 18, "deny[1]"),
        ("role: approver\n  - ", "role: boss\n  - ", "policy.unknown-role", 12, "rules[0].role"),
        ("plan-approval", "runbooks", "policy.duplicate-rule", 13, "rules[1].name"),
        ("committed -> approved", "approved", "transition.malformed", 15, "rules[1].transition"),
        ("committed -> approved", "a -> b -> c", "transition.malformed", 15,
         "rules[1].transition"),
        ("1 KiB", "1 KB", "policy.limit", 19, "limits.file-bytes"),
        ("1 KiB", "0", "policy.limit", 19, "limits"),
        ("12h", "12 parsecs", "policy.limit", 19, "limits.lease"),
        ("12h", "-3", "policy.limit", 19, "limits"),
        ("12h", "999999999999w", "policy.limit", 19, "limits"),
        ("proposal-files: 5", "proposal-files: 5 KiB", "policy.malformed", 19,
         "limits.proposal-files"),
        ("space: common", "space: &a common", "yaml.anchor", 2, None),
        ("space: common", "space: common\nspace: other", "yaml.duplicate-key", 3, None),
    ],
)  # fmt: skip
def test_refused_with_its_place(old, new, code, line, field):
    error = refused(changed(old, new))
    assert error.code == code
    assert error.where.line == line
    assert error.where.field == field


def test_unknown_fields_come_with_the_known_ones():
    assert refused(changed("deny:", "denied:")).hint == (
        "known here: version, space, home, merge, roles, rules, deny, limits, leases"
    )
    assert "proposer-counts" in refused(changed("proposer-counts", "proposer")).hint


@pytest.mark.parametrize("text", ["- a", "a", "1", "[version]"])
def test_other_shapes(text):
    assert refused(text).code == "policy.malformed"


def test_either_side_of_a_transition_may_be_open():
    policy = parse(changed("committed -> approved", "'* ->  approved'").encode())
    assert policy.rules[1].transition == (None, "approved")
    policy = parse(changed("committed -> approved", "Last Call -> *").encode())
    assert policy.rules[1].transition == ("Last Call", None)


def test_arrows():
    assert parse_arrow(" a b  ->\tc ") == ("a b", "c")


people = st.from_regex(r"[a-z]{3,6}[0-9]", fullmatch=True)
roles = st.frozensets(people, min_size=1, max_size=4).flatmap(
    lambda who: st.tuples(st.just(who), st.integers(1, len(who)))
)
names = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
patterns = st.lists(st.sampled_from(["a/**", "*.md", "**/x?", "caf\u00e9", "a b", "#x", "1"])).map(
    tuple
)
states = st.none() | st.sampled_from(["draft", "Last Call", "yes", "1", "a: b", "#"])


@st.composite
def policies(draw) -> Policy:
    found = {"root": draw(roles), "witness": draw(roles), **draw(st.dictionaries(names, roles))}
    made = []
    for name in draw(st.lists(names.filter(lambda n: n[-1] != "-"), unique=True, max_size=4)):
        criteria = (draw(patterns), draw(st.lists(names, max_size=2).map(tuple)),
                    draw(st.none() | st.tuples(states, states)))  # fmt: skip
        if any(criteria):
            made.append(Rule(name, draw(st.sampled_from(sorted(found))), *criteria,
                             proposer_counts=draw(st.booleans())))  # fmt: skip
    return Policy(
        version=draw(st.integers(1, 10**6)),
        space=draw(st.sampled_from(["common", "team.infra"])),
        home=draw(st.sampled_from([".", "git@example.org:x.git", "/mnt/a b", "C:\\x", "# yes"])),
        merge=1,
        roles={name: Role(name, who, count) for name, (who, count) in found.items()},
        rules=tuple(made),
        deny=draw(patterns),
        limits=Limits(*draw(st.tuples(*[st.integers(1, 2**53 - 1)] * 7))),
    )


@given(policies())
def test_nothing_is_lost_in_writing(policy):
    assert parse(compose(policy)) == policy


@given(st.data())
def test_a_damaged_policy_raises_our_error_or_is_another_policy(data):
    lines = TEXT.split("\n")
    at = data.draw(st.integers(0, len(lines) - 1))
    piece = st.sampled_from(
        ["", "x", "- x", "a: b", "  a: [1]", "version: {}", "roles: 1", "]", "~"]
    )
    lines[at] = data.draw(st.just(lines[at][data.draw(st.integers(0, 30)) :]) | piece)
    with suppress(FormatError):
        assert isinstance(parse("\n".join(lines).encode()), Policy)
