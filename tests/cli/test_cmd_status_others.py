"""``gitsync status`` on what others do: their branches, their proposals, the age of remotes."""

from __future__ import annotations

import subprocess

import pytest

from gitsync.services import otherswork
from gitsync.services.otherswork import work_of_others
from gitsync.services.sources import branches_of_others, known_view


def plan(ident: str = "plan-bbbbbb", title: str = "Move the office", status: str = "draft") -> str:
    head = f"id: {ident}\ntype: plan\ntitle: {title}\nstatus: {status}\nowner: alice\n"
    return f"---\n{head}---\n\nBody\n"


@pytest.fixture
def shared(ledger):
    """alice, james and carol stand on common@2, which holds a plan."""
    ledger.propose("alice", "plans/p.md", plan(), "p")
    ledger.witness()
    ledger.pull("james", "alice", "carol")
    return ledger


def snapshot(ledger, name, *files, push=True):
    ledger.clock.tick()
    for path, text in files:
        ledger.write(name, path, text)
    assert ledger.cli(name, "snapshot", "-m", "On it").code == 0
    if push:
        assert ledger.cli(name, "push").code == 0


def told(ledger, document, name="james"):
    return document(ledger.cli(name, "status", "--json").out, "status")


def test_who_works_on_what(shared, document, golden):
    ledger = shared
    mover = plan("plan-cccccc", "Find a mover")
    snapshot(
        ledger, "alice", ("plans/p.md", plan(status="committed")), ("plans/q.md", mover),
        ("notes/x.md", "x\n"),
    )  # fmt: skip
    rooms = ((f"plans/{n}.md", plan(f"plan-dddd{n}{n}", f"Room {n}")) for n in "2345")
    snapshot(ledger, "carol", *rooms)
    ledger.propose("carol", "notes/c.md", "c\n", "rooms", "Say what rooms there are")
    ledger.clock.tick(3600)
    ledger.cli("james", "proposals", "--fetch")
    ledger.clock.tick(60)
    golden("status-others", ledger.cli("james", "status").out)
    found = told(ledger, document)
    carol, alice = found["work"]
    assert (carol["domain"], alice["position"], alice["commits"]) == ("carol", "alice@1", 1)
    assert [(one["id"], one["change"], one["before"], one["status"], one["owner"])
            for one in alice["artifacts"]] == [
        ("plan-bbbbbb", "changed", "draft", "committed", "alice"),
        ("plan-cccccc", "new", None, "draft", "alice"),
    ]  # fmt: skip
    assert (alice["files"], found["more-work"]) == (1, 0)
    assert [one["proposal"] for one in found["others"]] == ["carol/rooms"]
    assert found["remotes"] == [{"name": "origin", "home": True, "reached": "2026-01-01T01:02:00Z"}]


def test_what_has_landed_and_what_is_behind_is_no_news(shared, document):
    ledger = shared
    snapshot(ledger, "alice", ("plans/p.md", plan(status="committed")))
    ledger.cli("james", "proposals", "--fetch")
    assert [one["domain"] for one in told(ledger, document)["work"]] == ["alice"]
    assert ledger.cli("alice", "propose", "--slug", "more", "-m", "More").code == 0
    ledger.witness()
    ledger.pull("james")
    found = told(ledger, document)
    assert (found["work"], found["others"]) == ([], [])


def test_only_what_a_branch_adds_is_told_however_old_it_is(shared, document):
    """What common has got since is no change of hers."""
    ledger = shared
    snapshot(ledger, "carol", ("plans/q.md", plan("plan-cccccc", "Hers")))
    ledger.propose("alice", "plans/p.md", plan(status="committed"), "later")
    ledger.witness()
    ledger.pull("james")
    (work,) = told(ledger, document)["work"]
    assert [one["id"] for one in work["artifacts"]] == ["plan-cccccc"]


def test_a_refused_proposal_of_another_waits_for_nobody_else(shared, document):
    ledger = shared
    ledger.clash()
    ledger.cli("carol", "proposals", "--fetch")
    assert told(ledger, document, "carol")["others"] == []


def forged(ledger, name, *config, ref, message="Mine"):
    """A commit on somebody's branch of the hub, made by plain git."""
    folder = ledger.folder("james")
    run = ["git", *(word for one in config for word in ("-c", one))]
    subprocess.run([*run, "commit", "--allow-empty", "-qm", message], cwd=folder, check=True)
    subprocess.run(["git", "push", "-q", "--no-verify", "--force", str(ledger.hub), f"HEAD:{ref}"],
                   cwd=folder, check=True)  # fmt: skip
    subprocess.run(["git", "reset", "-q", "--hard", "HEAD~1"], cwd=folder, check=True)
    ledger.cli(name, "proposals", "--fetch")


@pytest.mark.parametrize(
    ("config", "why"),
    [
        (["commit.gpgsign=false"], "is not signed"),
        ([], "signed by james"),
    ],
)
def test_a_branch_that_its_own_person_did_not_sign_is_not_believed(shared, document, config, why):
    forged(shared, "carol", *config, ref="refs/heads/people/alice",
           message="Mine\n\nDomain: alice\nNumber: 9")  # fmt: skip
    (work,) = told(shared, document, "carol")["work"]
    assert why in work["problem"]
    assert (work["position"], work["artifacts"], work["commits"]) == (None, [], 0)
    out = shared.cli("carol", "status").out
    assert "not to be believed" in out
    assert "alice@9" not in out


def test_a_proposal_of_another_that_is_no_commit_stops_nothing(shared, document):
    ledger = shared
    blob = subprocess.run(
        ["git", "hash-object", "-w", "--stdin"], cwd=ledger.hub, input=b"x", check=True,
        capture_output=True,
    ).stdout.decode().strip()  # fmt: skip
    ref = ledger.hub / "refs/heads/proposals/carol/blob"
    ref.parent.mkdir(parents=True, exist_ok=True)
    ref.write_text(blob + "\n")
    ledger.cli("james", "proposals", "--fetch")
    assert told(ledger, document)["others"] == []


def test_many_branches_are_counted_and_the_newest_told(shared, document, monkeypatch):
    ledger = shared
    snapshot(ledger, "alice", ("plans/q.md", plan("plan-cccccc")))
    snapshot(
        ledger, "carol", ("plans/r.md", plan("plan-dddddd")), ("plans/s.md", plan("plan-ffffff"))
    )
    ledger.cli("james", "proposals", "--fetch")
    monkeypatch.setattr(otherswork, "MAX_DOMAINS", 1)
    monkeypatch.setattr(otherswork, "MAX_FILES", 1)
    found = told(ledger, document)
    assert [(one["domain"], len(one["artifacts"]), one["files"]) for one in found["work"]] == [
        ("carol", 1, 1)
    ]
    assert found["more-work"] == 1
    assert "  and 1 domain more\n" in ledger.cli("james", "status").out


def test_a_branch_of_too_many_commits_is_not_walked(shared, monkeypatch):
    for word in ("a", "b", "c"):
        snapshot(shared, "alice", (f"notes/{word}.md", word), push=word == "c")
    shared.cli("james", "proposals", "--fetch")
    monkeypatch.setattr(otherswork, "MAX_COMMITS", 2)
    ws = shared.ws("james")
    ((work,), more) = work_of_others(ws, branches_of_others(ws, known_view(ws)))
    assert ("more than 2 commits" in work.problem, more) == (True, 0)


def test_each_remote_has_an_age_and_one_that_was_never_asked_says_so(shared, document):
    ledger = shared
    copy = ledger.root / "stick.git"
    subprocess.run(["git", "init", "-q", "--bare", str(copy)], check=True)
    subprocess.run(["git", "remote", "add", "a.stick", str(copy)], cwd=ledger.folder("james"),
                   check=True)  # fmt: skip
    out = ledger.cli("james", "status").out
    assert "remotes   origin reached just now, a.stick never reached\n" in out
    assert [(one["name"], one["home"], one["reached"] is None)
            for one in told(ledger, document)["remotes"]] == [
        ("origin", True, False), ("a.stick", False, True)
    ]  # fmt: skip
    ledger.clock.tick(7200)
    assert ledger.cli("james", "sync", "--all").code == 0
    ledger.clock.tick(120)
    assert "a.stick reached 2 minutes ago" in ledger.cli("james", "status").out
