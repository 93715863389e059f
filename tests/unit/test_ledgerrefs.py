"""Which refs a home guards, and which are none of its business."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.domain.errors import RefusedError
from gitsync.domain.ledgerrefs import RefKind, classify


@pytest.mark.parametrize(
    ("ref", "kind", "domain"),
    [
        ("refs/heads/common", RefKind.SPACE, "common"),
        ("refs/tags/common@7", RefKind.POSITION, "common"),
        ("refs/heads/gitsync/receipts/common", RefKind.RECEIPTS, "common"),
        ("refs/heads/gitsync/locks", RefKind.LOCKS, "common"),
        ("refs/heads/people/alice.desk", RefKind.PERSON, "alice.desk"),
        ("refs/tags/alice.desk@12", RefKind.NUMBERED, "alice.desk"),
        ("refs/heads/proposals/alice/fix", RefKind.PROPOSAL, "alice"),
        ("refs/heads/approvals/carol/alice+fix", RefKind.APPROVAL, "carol"),
        ("refs/heads/gitsync/requests/dora", RefKind.REQUEST, "dora"),
        ("refs/gitsync/nodes/alice.desk", RefKind.NODE, "alice.desk"),
    ],
)
def test_the_ledger_s_own(ref, kind, domain):
    found = classify(ref, "common")
    assert (found.kind, found.domain) == (kind, domain)


@pytest.mark.parametrize(
    "ref",
    ["refs/heads/main", "refs/heads/commons", "refs/tags/v1.0", "refs/notes/commits",
     "refs/heads/feature/people", "refs/tags/mail@example"],
)  # fmt: skip
def test_what_else_lies_in_a_repository_is_left_alone(ref):
    assert classify(ref, "common") is None


@pytest.mark.parametrize(
    ("ref", "code"),
    [
        ("refs/heads/Common", "ref.look-alike"),
        ("refs/heads/PEOPLE/alice", "ref.look-alike"),
        ("refs/heads/people/Alice", "ref.look-alike"),
        ("refs/tags/Common@7", "ref.look-alike"),
        ("refs/heads/proposals/alice/FIX", "ref.look-alike"),
        ("refs/heads/common/x", "ref.misnamed"),
        ("refs/heads/people", "ref.misnamed"),
        ("refs/heads/proposals", "ref.misnamed"),
        ("refs/heads/proposals/alice", "ref.misnamed"),
        ("refs/heads/proposals/alice/a/b", "ref.misnamed"),
        ("refs/heads/approvals/alice", "ref.misnamed"),
        ("refs/heads/gitsync", "ref.misnamed"),
        ("refs/heads/gitsync/locks/x", "ref.misnamed"),
        ("refs/heads/gitsync/receipts", "ref.misnamed"),
        ("refs/heads/gitsync/receipts/other", "ref.misnamed"),
        ("refs/heads/gitsync/requests", "ref.misnamed"),
        ("refs/tags/common@07", "ref.misnamed"),
        ("refs/tags/common@", "ref.misnamed"),
        ("refs/heads/spaces/design", "ref.reserved"),
        ("refs/gitsync/nodes/Alice", "ref.reserved"),
        ("refs/gitsync/other", "ref.reserved"),
        ("refs/replace/" + "1" * 40, "ref.reserved"),
    ],
)
def test_what_only_looks_like_it_is_refused(ref, code):
    with pytest.raises(RefusedError) as error:
        classify(ref, "common")
    assert error.value.code == code


@given(st.text(max_size=40).map(lambda text: "refs/heads/" + text))
def test_any_name_has_an_answer(ref):
    try:
        found = classify(ref, "common")
    except RefusedError:
        return
    assert found is None or found.ref == ref
