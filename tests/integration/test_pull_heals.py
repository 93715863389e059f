"""What a pull that was killed left undone, the next one completes."""

from __future__ import annotations

import pytest

from gitsync.domain.errors import VerificationError
from gitsync.storage.refs import RefUpdate


@pytest.fixture
def pulled(ledger):
    """Three snapshots, pulled by james, who then loses a tag and his branch's newest position."""
    for number in range(3):
        ledger.propose("alice", f"notes/{number}.md", f"Note {number}\n", f"note-{number}")
        ledger.witness()
        ledger.pull("alice")
    ledger.pull("james")
    return ledger


def drop(ws, ref):
    ws.repo.refs.transact([RefUpdate(ref, None, ws.repo.refs.get(ref))], message="test")


def test_tags_that_a_dead_run_did_not_get_to_come_with_the_next_pull(pulled):
    ws = pulled.ws("james")
    tags = ws.repo.refs.list("refs/tags/common@*")
    assert len(tags) == 4
    drop(ws, "refs/tags/common@3")
    drop(ws, "refs/heads/common")
    pulled.pull("james")
    assert ws.repo.refs.list("refs/tags/common@*") == tags
    assert ws.repo.refs.get("refs/heads/common") == ws.verified().commit


def test_a_lost_tag_is_checked_before_it_comes_back(pulled):
    ws = pulled.ws("james")
    drop(ws, "refs/tags/common@3")
    other = ws.repo.refs.get("refs/tags/common@2")
    hub = pulled.ws("alice").repo.remote("origin")
    there = hub.list("refs/tags/common@3")["refs/tags/common@3"]
    hub.push([RefUpdate("refs/tags/common@3", other, there)])
    with pytest.raises(VerificationError) as caught:
        pulled.pull("james")
    assert caught.value.code == "tag.transplanted"
    assert ws.repo.refs.get("refs/tags/common@3") is None
