"""Who counts towards a threshold: people, once each, and never for themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.domain.artifact import ArtifactChange, ArtifactHead
from gitsync.domain.ledger.approvals import SPARE, Backing, counted, missing_words
from gitsync.domain.objects import Oid
from gitsync.domain.policy import Policy, Requirement, Role, Rule

PEOPLE = [f"p{n:02d}" for n in range(40)]


def policy(threshold: int, people: list[str]) -> Policy:
    roles = {
        "root": Role("root", frozenset({"p00"})),
        "witness": Role("witness", frozenset({"p00"})),
        "approver": Role("approver", frozenset(people), threshold),
    }
    return Policy(1, "common", ".", 1, roles)


def backing(proposer: str | None, *people: str, author: str | None = None) -> Backing:
    approvals = {person: Oid(f"{n:040x}") for n, person in enumerate(people)}
    return Backing(proposer, approvals, author or proposer)


RULE = Requirement("rule", "approver", proposer_counts=False, paths=())
OWN = Requirement("rule", "approver", proposer_counts=True, paths=())


@pytest.mark.parametrize(
    ("requirement", "given_by", "missing"),
    [
        (RULE, backing("p01", "p02", "p03"), 0),
        (RULE, backing("p01", "p01", "p02"), 1),
        (RULE, backing("p01", "p02", "stranger"), 1),
        (RULE, backing(None, "p01", "p02", author="p01"), 1),
        (RULE, backing(None, "p02", "p03", author="p01"), 0),
        (OWN, backing("p01", "p02"), 0),
        (OWN, backing("p01", "p01"), 1),
        (OWN, backing("stranger", "p02"), 1),
        (OWN, backing(None, "p01", "p02", author="p01"), 0),
        (Requirement("rule", "nobody", proposer_counts=True, paths=()), backing("p01", "p02"), 1),
    ],
)
def test_counting(requirement, given_by, missing):
    assert counted(policy(2, PEOPLE[:5]), requirement, given_by)[1] == missing


@given(
    st.integers(1, 30), st.sets(st.sampled_from(PEOPLE), min_size=30), st.sampled_from(PEOPLE),
    st.booleans(),
)  # fmt: skip
def test_counting_what_counted_gives_the_same(threshold, approving, proposer, own):
    """Replay sees only the approvals that the snapshot kept, and has to keep the same ones."""
    rules = policy(threshold, PEOPLE)
    requirement = OWN if own else RULE
    given_by = backing(proposer, *sorted(approving))
    used, missing = counted(rules, requirement, given_by)
    kept = Backing(proposer, {one.person: one.commit for one in used}, proposer)
    assert counted(rules, requirement, kept) == (used, missing)
    assert len(used) <= max(threshold, SPARE)
    assert proposer not in {one.person for one in used}


def test_the_words_name_who_could_approve():
    words = missing_words(policy(2, PEOPLE[:4]), RULE, backing(None, "p02", author="p01"), 1)
    assert "(p00, p03 could approve)" in words
    assert "nobody" in missing_words(policy(1, ["p01"]), RULE, backing("p01"), 1)


def test_the_words_name_rule_and_transition():
    rules = Policy(
        1, "common", ".", 1,
        {name: Role(name, frozenset({"p01"})) for name in ("root", "witness", "approver")},
        rules=(Rule("approve", "approver", transition=(None, "approved")),),
    )  # fmt: skip
    before, after = (ArtifactHead("x", "plan", s, "T") for s in ("committed", "approved"))
    (found,) = rules.requirements([ArtifactChange("a.md", before, after)])
    words = missing_words(rules, found, backing("p02"), 1)
    assert words == (
        "approve (committed -> approved) needs 1 more of 1 from approver (p01 could approve)"
    )
    (found,) = rules.requirements([ArtifactChange("a.md", None, after)])
    assert str(found) == "approve (nothing -> approved)"
