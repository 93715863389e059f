"""``gitsync propose``."""

from __future__ import annotations

import threading


def test_tells_name_commit_paths_and_what_is_needed(ledger):
    ledger.write("james", "notes/a.md", "a\n")
    ran = ledger.cli("james", "propose", "-m", "Notes on a")
    commit = ledger.ws("james").repo.refs.get("refs/heads/proposals/james/notes-on-a")
    assert ran.out.splitlines() == [
        f"proposed james/notes-on-a  {commit[:12]}",
        "  changes notes/a.md",
        "  sent to origin",
        "  ready: it breaks no rule and needs no further approval",
        "  its answer: gitsync receipt notes-on-a",
    ]
    ledger.write("james", "notes/a.md", "b\n")
    again = ledger.cli("james", "propose", "-m", "Notes on a")
    assert again.out.startswith("updated james/notes-on-a")


def test_a_change_that_needs_approval_says_whose(ledger, document):
    plan = document(ledger.cli("james", "new", "plan", "T", "--json").out, "new")
    path = ledger.folder("james") / plan["path"]
    for state in ("committed", "approved"):
        if state == "approved":
            ledger.cli("james", "propose", "--slug", "one")
            ledger.witness()
            ledger.pull("james")
        text = path.read_text()
        path.write_text(text.replace("status: draft", f"status: {state}").replace(
            "status: committed", f"status: {state}"))  # fmt: skip
    found = document(ledger.cli("james", "propose", "--json", "--slug", "two").out, "propose")
    assert found["decision"]["would"] == "waiting"
    assert "approver" in found["decision"]["why"]


def test_only_some_paths_and_an_expectation(ledger, document):
    ledger.write("james", "a.md", "a\n")
    ledger.write("james", "b.md", "b\n")
    ran = ledger.cli("james", "propose", "a.md", "--slug", "only-a", "--json")
    assert document(ran.out, "propose")["paths"] == ["a.md"]
    ran = ledger.cli("james", "propose", "--expect", "plan-x")
    assert (ran.code, "--expect takes ID@N" in ran.err) == (2, True)


def test_nothing_to_propose_and_what_the_witness_would_refuse(ledger, document):
    ran = ledger.cli("james", "propose")
    assert (ran.code, "nothing to propose" in ran.err, "hint:  gitsync new" in ran.err) == (
        1,
        True,
        True,
    )
    ledger.write("james", "plans/plan-bcdfgh-t.md", "---\nid: plan-bcdfgh\ntype: plan\n---\n")
    ran = ledger.cli("james", "propose", "--json")
    assert ran.code == 1
    assert ran.out == ""
    assert document(ran.err, "error")["kind"] == "refused"


def test_a_refusal_names_its_file_once(ledger):
    ledger.write("james", "big.md", "x" * (1 << 20) + "y")
    ran = ledger.cli("james", "propose")
    assert ran.code == 1
    assert ran.err.startswith("error: big.md is 1048577 bytes; the policy allows 1048576\n")


def test_offline_it_is_queued(ledger, document):
    ledger.hub.rename(ledger.root / "away.git")
    ledger.write("james", "a.md", "a\n")
    ran = ledger.cli("james", "propose", "--slug", "a")
    assert ran.code == 0
    assert "  queued: origin cannot be reached; send it later: gitsync push\n" in ran.out
    (ledger.root / "away.git").rename(ledger.hub)
    assert "sent proposals/james/a to origin\n" in ledger.cli("james", "push").out


def test_wait_returns_the_receipt_and_exits_by_it(ledger, document):
    ledger.write("james", "a.md", "a\n")
    late = ledger.cli("james", "propose", "--slug", "a", "--wait", "3s")
    assert late.code == 1
    assert "no answer within 3 seconds" in late.out
    assert sum(ledger.clock.slept) == 3
    ledger.witness()
    ran = ledger.cli("james", "propose", "--slug", "a", "--wait", "1m", "--json")
    assert ran.code == 0
    assert document(ran.out, "propose")["receipt"]["outcome"] == "accepted"


def test_wait_for_a_refusal_exits_one(ledger):
    ledger.clash()
    ran = ledger.cli("james", "propose", "--slug", "clash", "--wait", "5")
    assert ran.code == 1
    assert "james/clash: refused\n" in ran.out
    assert "To mend it:\n" in ran.out


def test_a_duration_that_is_none(ledger):
    ran = ledger.cli("james", "propose", "--wait", "soon")
    assert ran.code == 2
    assert "'soon' is no duration: write 90s, 10m, 2h or 7d" in ran.err


def test_two_proposers_at_once_both_get_through(ledger):
    codes = {}

    def one(name):
        ledger.write(name, f"{name}.md", "x\n")
        codes[name] = ledger.cli(name, "propose", "--slug", "mine").code

    threads = [threading.Thread(target=one, args=(name,)) for name in ("james", "carol")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == {"james": 0, "carol": 0}
    assert ledger.witness().after == 3


def test_what_common_holds_already_is_no_proposal(ledger):
    """The same change was proposed twice, and one of the two has landed."""
    ledger.write("james", "a.md", "a\n")
    assert ledger.cli("james", "snapshot").code == 0
    ledger.write("carol", "a.md", "a\n")
    assert ledger.cli("carol", "propose", "--slug", "first").code == 0
    ledger.clock.tick()
    ledger.witness()
    ledger.pull("james")
    status = ledger.cli("james", "status").out
    assert "Not proposed yet" not in status
    assert "gitsync propose" not in status
    ran = ledger.cli("james", "propose")
    assert (ran.code, "there is nothing to propose" in ran.err) == (1, True)
    ledger.write("james", "b.md", "b\n")
    assert ledger.cli("james", "propose", "--slug", "more").code == 0


def test_a_proposal_can_be_updated_to_hold_nothing(ledger):
    ledger.write("james", "a.md", "a\n")
    assert ledger.cli("james", "propose", "--slug", "same").code == 0
    (ledger.folder("james") / "a.md").unlink()
    ran = ledger.cli("james", "propose", "--slug", "same")
    assert (ran.code, "changes no files" in ran.out) == (0, True), ran
