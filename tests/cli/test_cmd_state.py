"""``gitsync state``."""

from __future__ import annotations

import pytest


@pytest.fixture
def plan(ledger, document):
    """A new plan of james's: its id and path."""
    return document(ledger.cli("james", "new", "plan", "Move the backups", "--json").out, "new")


def test_only_the_value_changes(ledger, plan, document):
    path = ledger.folder("james") / plan["path"]
    odd = path.read_bytes().replace(b"status: draft\n", b"status:   'draft'   # for now\r\n")
    path.write_bytes(b"\xef\xbb\xbf" + odd)
    ran = ledger.cli("james", "state", plan["id"], "committed", "--json")
    found = document(ran.out, "state")
    assert (found["before"], found["after"], found["changed"]) == ("draft", "committed", True)
    assert (found["needs"], found["proposal"]) == ([], None)
    assert path.read_bytes() == b"\xef\xbb\xbf" + odd.replace(b"'draft'", b"'committed'")
    again = document(ledger.cli("james", "state", "plan-", "committed", "--json").out, "state")
    assert again["changed"] is False


def test_it_says_what_it_did_and_what_comes_next(ledger, plan):
    out = ledger.cli("james", "state", plan["id"], "committed").out
    assert out.splitlines() == [
        f"{plan['id']}: draft -> committed",
        f"  {plan['path']}",
        f"  then: gitsync propose {plan['path']}",
    ]
    out = ledger.cli("james", "state", plan["id"], "committed").out
    assert out.splitlines()[0] == f"{plan['id']} is committed already"


def test_the_way_is_checked_from_common_before_anything_is_written(ledger, plan):
    ledger.cli("james", "state", plan["id"], "committed")
    path = ledger.folder("james") / plan["path"]
    before = path.read_bytes()
    ran = ledger.cli("james", "state", plan["id"], "approved")
    # Not in common yet: there it would appear as approved, whatever the file says here.
    assert (ran.code, ran.out) == (1, "")
    assert f"{plan['path']}: a plan cannot go draft -> approved" in ran.err
    assert "from draft a plan can go to: committed" in ran.err
    assert path.read_bytes() == before
    assert ledger.cli("james", "propose").code == 0
    ledger.clock.tick()
    ledger.witness()
    ledger.pull("james")
    ran = ledger.cli("james", "state", plan["id"], "approved")
    assert ran.code == 0
    assert "approve (committed -> approved): needs consent by approver (alice)" in ran.out
    assert b"status: approved\n" in path.read_bytes()


def test_an_unknown_state_names_those_that_it_can_go_to(ledger, plan):
    ran = ledger.cli("james", "state", plan["id"], "done")
    assert ran.code == 1
    assert "a plan cannot have the status 'done'" in ran.err
    assert "from draft a plan can go to: committed" in ran.err


def test_the_state_before_the_id_is_turned_round(ledger, plan):
    ran = ledger.cli("james", "state", "committed", plan["id"])
    assert ran.code == 2
    assert f"hint:  the id comes first: gitsync state {plan['id']} committed\n" in ran.err


def test_what_has_no_states_is_refused(ledger):
    ledger.write("james", "note.md", "---\nid: x1\nstatus: odd\n---\n")
    ran = ledger.cli("james", "state", "x1", "draft")
    assert (ran.code, "is of no type that has states" in ran.err) == (1, True)
    ran = ledger.cli("james", "state", "nothing", "draft")
    assert (ran.code, "no artifact's id begins with" in ran.err) == (2, True)


def test_proposed_at_once_without_what_else_is_there(ledger, plan, document):
    ledger.write("james", "other.md", "not part of it\n")
    ran = ledger.cli("james", "state", plan["id"], "committed", "--propose", "--json")
    name = document(ran.out, "state")["proposal"]
    assert name == f"james/{plan['id']}-draft-committed"
    ledger.clock.tick()
    ledger.witness()
    ledger.pull("carol")
    assert "status: committed" in (ledger.folder("carol") / plan["path"]).read_text()
    assert not (ledger.folder("carol") / "other.md").exists()


def test_the_proposal_is_shown(ledger, plan):
    out = ledger.cli("james", "state", plan["id"], "committed", "--propose").out
    assert out.startswith(f"{plan['id']}: draft -> committed\nproposed james/")
