"""An artifact cannot vanish while its file stays."""

from __future__ import annotations

import pytest

from gitsync.domain.errors import RefusedError

PLAN = """---
id: plan-k7x2mq
type: plan
title: Ship
status: draft
owner: alice
---

# Ship
"""


@pytest.fixture
def planned(ledger):
    ledger.propose("alice", "plans/ship.md", PLAN, "ship")
    ledger.witness()
    ledger.pull("alice", "james")
    return ledger


def test_losing_the_front_matter_is_refused_by_name(planned):
    with pytest.raises(RefusedError) as caught:
        planned.propose("james", "plans/ship.md", "# Ship\n", "lose")
    assert caught.value.code == "schema.front-matter-lost"
    assert "plan-k7x2mq" in caught.value.message


def test_deleting_the_file_is_a_deletion_and_may_be_proposed(planned):
    (planned.folder("james") / "plans/ship.md").unlink()
    found = planned.propose("james", "notes/why.md", "It is done.\n", "drop")
    assert sorted(found.paths) == ["notes/why.md", "plans/ship.md"]
    assert [one.outcome for one in planned.witness().receipts] == ["accepted"]
