"""Names of people, proposals and positions: what may be a ref and a file everywhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.domain import names
from gitsync.domain.errors import UsageError


@pytest.mark.parametrize("name", ["alice", "a", "alice.desk", "alice.agent1.b", "x-y", "0"])
def test_these_name_domains(name):
    assert names.check_domain(name) == name
    assert names.person_of(name) == name.split(".")[0]


@pytest.mark.parametrize(
    "name",
    ["", "Alice", "a b", "a/b", "-a", "a-", ".a", "a.", "a..b", "a.b.c.d", "con", "alice.nul",
     "a@1", "x" * 40, "a\n", "git", "a.lock", "\u00e4", "alice\0", "head", "com1"],
)  # fmt: skip
def test_these_name_none(name):
    with pytest.raises(UsageError):
        names.check_domain(name)


@pytest.mark.parametrize("slug", ["x", "fix-budget", "a.b", "a+b", "a_b", "0", "x" * 100])
def test_these_name_proposals(slug):
    assert names.check_slug(slug) == slug


@pytest.mark.parametrize(
    "slug", ["", "X", "a/b", "a..b", ".a", "a.", "a.lock", "con", "nul.md", "a b", "x" * 101, "a\n",
             "~", "a^b", "a:b"],
)  # fmt: skip
def test_these_slugs_are_refused(slug):
    with pytest.raises(UsageError):
        names.check_slug(slug)


@given(st.text(max_size=60))
def test_a_ref_names_a_proposal_only_if_it_is_that_proposal_s_ref(text):
    found = names.parse_proposal_ref(names.PROPOSALS + text)
    if found is not None:
        assert found.ref == names.PROPOSALS + text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("common@7", ("common", 7)), ("alice.desk@12", ("alice.desk", 12)),
        ("common@0", None), ("common@07", None), ("common", None), ("@7", None),
        ("common@-1", None),
        ("common@7x", None), ("common@\u0667", None), ("common@" + "9" * 13, None), ("a@b@7", None),
    ],
)  # fmt: skip
def test_positions(text, found):
    assert names.parse_position(text) == found


def test_the_refs_of_a_space():
    assert names.space_branch("common") == "refs/heads/common"
    assert names.space_branch("eng") == "refs/heads/spaces/eng"
    assert names.receipts_ref("common") == "refs/heads/gitsync/receipts/common"
    assert names.position_tag("common", 7) == "refs/tags/common@7"
    name = names.ProposalName("alice", "x")
    assert name.approval_ref("bob") == "refs/heads/approvals/bob/alice+x"
    assert names.parse_approval_ref(name.approval_ref("bob")).domain == "bob"
