"""``gitsync claim`` and ``gitsync ready --claim``."""

from __future__ import annotations

import pytest

TASK = "---\nid: {id}\ntype: story\ntitle: T\nstatus: draft\n{more}---\n\nText\n"


@pytest.fixture
def tasks(ledger):
    for number, more in enumerate(("owner: carol\n", "owner: james\n")):
        ident = f"story-{'bc'[number] * 6}"
        text = TASK.format(id=ident, more=more)
        ledger.propose("alice", f"stories/{number}.md", text, f"s{number}")
    ledger.witness()
    ledger.pull("james", "carol")
    ledger.clock.tick()
    return ledger


def test_a_claim_sets_the_owner_and_proposes_that_alone(tasks, document):
    tasks.write("james", "other.md", "not part of it\n")
    ran = tasks.cli("james", "claim", "story-b", "--take-over", "--json")
    assert ran.code == 0, ran.err
    found = document(ran.out, "claim")
    assert (found["owner"], found["owners-before"]) == ("james", ["carol"])
    assert found["proposal"] == "james/claim-story-bbbbbb"
    assert "owner: james\n" in (tasks.folder("james") / "stories/0.md").read_text()
    tasks.witness()
    tasks.pull("carol")
    assert "owner: james\n" in (tasks.folder("carol") / "stories/0.md").read_text()
    assert not (tasks.folder("carol") / "other.md").exists()


def test_somebody_else_s_work_is_not_taken_by_accident(tasks):
    before = (tasks.folder("james") / "stories/0.md").read_bytes()
    ran = tasks.cli("james", "claim", "story-b")
    assert ran.code == 1
    assert "is carol's work" in ran.err
    assert "--take-over" in ran.err
    assert (tasks.folder("james") / "stories/0.md").read_bytes() == before


def test_what_is_one_s_own_already_needs_no_proposal(tasks):
    ran = tasks.cli("james", "claim", "story-c")
    assert (ran.code, ran.err) == (0, "")
    assert "common says so already" in ran.out


def test_of_two_claims_the_first_holds(tasks):
    for who in ("james", "alice"):
        tasks.pull("alice")
        tasks.clock.tick()
        assert tasks.cli(who, "claim", "story-b", "--take-over").code == 0
    report = tasks.witness()
    assert [one.outcome for one in report.receipts] == ["accepted", "refused"]
    assert report.receipts[1].rule == "merge.conflict"
    assert "owner" in report.receipts[1].why


def test_ready_claims_the_first_that_is_free(tasks, document):
    ran = tasks.cli("james", "ready", "--claim", "--json")
    assert document(ran.out, "claim")["id"] == "story-cccccc"
    ran = tasks.cli("alice", "ready", "--claim")
    assert ran.code == 1
    assert "nothing is ready" in ran.err


def test_the_preset_for_tasks_moves_the_state_along(make_host, make_key, clock, tmp_path, cli):
    (tmp_path / "t").mkdir()
    ran = cli(tmp_path / "t", "init", "--name", "alice", "--preset", "tasks", "--key",
              str(make_key("alice")))  # fmt: skip
    assert ran.code == 0, ran.err
    clock.tick()
    made = cli(tmp_path / "t", "new", "task", "Do it")
    ident = made.out.split()[0]
    clock.tick()
    ran = cli(tmp_path / "t", "claim", ident)
    assert ran.code == 0, ran.err
    assert "To Do -> In Progress" in ran.out
