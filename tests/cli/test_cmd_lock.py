"""``gitsync lock``: taking, keeping and giving back, against a real home."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

TASK = (
    "---\nid: {id}\ntype: story\ntitle: {title}\nstatus: draft\nowner: alice\n{more}---\n\nText\n"
)
LOCKS = "refs/heads/gitsync/locks"


@pytest.fixture
def tasks(ledger):
    for place, (ident, more) in enumerate(
        [("story-bbbbbb", ""), ("story-cccccc", "parent: story-bbbbbb\n"), ("story-dddddd", "")]
    ):
        text = TASK.format(id=ident, title=f"T{place}", more=more)
        ledger.propose("alice", f"stories/{place}.md", text, f"s{place}")
    ledger.witness()
    ledger.pull("james", "carol", "alice")
    ledger.clock.tick()
    return ledger


def git(folder, *args):
    done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def rev(ledger, ref):
    return git(ledger.hub, "rev-parse", ref)


def lock(ledger, who, *args):
    return ledger.cli(who, "lock", *args)


def test_a_lease_is_taken_shown_and_given_back(tasks, document, golden):
    ran = lock(tasks, "james", "acquire", "tree:story-b", "--for", "4h", "--note", "splitting it")
    assert (ran.code, ran.err) == (0, "")
    assert "tree:story-bbbbbb is yours: lease 1" in ran.out
    text = lock(tasks, "carol", "list").out
    golden("lock_list", text + "\n" + lock(tasks, "carol", "show", "1").out)
    found = document(lock(tasks, "carol", "list", "--json").out, "locks")
    [lease] = found["leases"]
    assert (lease["holder"], lease["members"]) == ("james", ["story-bbbbbb", "story-cccccc"])
    assert lease["seconds"] == 4 * 3600
    assert lock(tasks, "carol", "who", "story-c").code == 1
    assert lock(tasks, "james", "who", "story-c").code == 0
    assert lock(tasks, "carol", "who", "stories/2.md").out == "stories/2.md is free\n"
    ran = lock(tasks, "james", "release")
    assert (ran.code, ran.out) == (0, "lease 1 is given back: tree:story-bbbbbb\n")
    assert lock(tasks, "carol", "list").out == "nothing is leased\n"
    assert lock(tasks, "carol", "acquire", "story-c").code == 0


def test_what_another_holds_is_refused_with_who_and_what_to_do(tasks):
    lock(tasks, "james", "acquire", "tree:story-b", "--note", "splitting it")
    ran = lock(tasks, "carol", "acquire", "story-d", "story-c")
    assert ran.code == 1
    assert "held by james under lease 1 (splitting it)" in ran.err
    assert "gitsync lock show 1" in ran.err
    assert "propose anyway" in ran.err
    # All or none: the free one was not taken either.
    assert lock(tasks, "james", "acquire", "story-d").code == 0


def test_the_same_clone_again_gets_the_same_lease(tasks, document):
    lock(tasks, "james", "acquire", "tree:story-b")
    before = rev(tasks, LOCKS)
    ran = lock(tasks, "james", "acquire", "tree:story-b", "--json")
    found = document(ran.out, "lock")
    assert (ran.code, found["again"], found["lease"]["token"]) == (0, True, 1)
    assert rev(tasks, LOCKS) == before


@pytest.mark.parametrize(
    ("subject", "more"),
    [
        ("path:stories/New.md", ""),
        ("tree:story-b", "parent: story-bbbbbb\n"),
        ("query:title:new", ""),
    ],
)
def test_what_came_into_a_lease_since_is_not_promised_to_another(tasks, subject, more):
    """The older lease counts at the witness's, so nobody is told that such a thing is theirs."""
    lock(tasks, "james", "acquire", subject)
    text = TASK.format(id="story-eeeeee", title="New", more=more)
    tasks.write("james", "stories/New.md", text)
    assert tasks.cli("james", "propose", "--slug", "new").code == 0
    tasks.witness()
    tasks.pull("carol")
    for wanted in ("story-e", "path:stories/New.md", "query:id:story-eeeeee"):
        ran = lock(tasks, "carol", "acquire", wanted)
        assert (ran.code, "held by james under lease 1" in ran.err) == (1, True), ran
    ran = lock(tasks, "carol", "acquire", "--next", "id:story-eeeeee")
    assert (ran.code, "is free" in ran.err) == (1, True)
    assert lock(tasks, "carol", "acquire", "story-d").code == 0
    assert lock(tasks, "james", "acquire", "story-e").code == 0


def test_next_gives_each_clone_another_artifact_and_none_when_there_is_no_more(tasks, document):
    got = []
    for who in ("james", "carol", "james"):
        ran = lock(tasks, who, "acquire", "--next", "type:story", "--json")
        got += document(ran.out, "lock")["lease"]["members"]
    assert sorted(got) == ["story-bbbbbb", "story-cccccc", "story-dddddd"]
    ran = lock(tasks, "carol", "acquire", "--next", "type:story")
    assert (ran.code, "free" in ran.err) == (1, True)
    assert lock(tasks, "carol", "acquire", "--next", "type:plan").code == 1


def test_the_holder_proposes_and_the_token_comes_along(tasks):
    lock(tasks, "james", "acquire", "story-c")
    tasks.write("james", "stories/1.md", TASK.format(id="story-cccccc", title="New", more=""))
    assert tasks.cli("james", "propose", "--slug", "x").code == 0
    tasks.witness()
    assert "accepted" in tasks.cli("james", "receipt", "x").out


def test_another_s_proposal_asks_and_the_answer_lets_it_in(tasks, document, golden):
    lock(tasks, "james", "acquire", "story-c")
    tasks.write("carol", "stories/1.md", TASK.format(id="story-cccccc", title="New", more=""))
    assert lock(tasks, "carol", "list").code == 0
    ran = tasks.cli("carol", "propose", "--slug", "x")
    assert ran.code == 0
    assert "held by james" in ran.out + ran.err
    tasks.witness()
    tasks.clock.tick(60)
    ran = lock(tasks, "james", "requests")
    golden("lock_requests", ran.out)
    found = document(lock(tasks, "james", "requests", "--mine", "--json").out, "lock-requests")
    assert [one["name"] for one in found["requests"]] == ["carol/x"]
    assert document(lock(tasks, "carol", "requests", "--mine", "--json").out,
                    "lock-requests")["requests"] == []  # fmt: skip
    ran = lock(tasks, "carol", "answer", "carol/x", "allow")
    assert (ran.code, "james's" in ran.err) == (1, True)
    ran = lock(tasks, "james", "answer", "carol/x", "allow", "-m", "go ahead")
    assert (ran.code, ran.out) == (0, "carol/x: allow; the witness may merge it\n")
    tasks.witness()
    assert "accepted" in tasks.cli("carol", "receipt", "x").out


def test_a_lease_is_broken_by_the_role_for_it_only(tasks, document):
    lock(tasks, "james", "acquire", "story-c")
    ran = lock(tasks, "carol", "break", "1", "--reason", "I want it")
    assert (ran.code, "alice" in ran.err) == (1, True)
    ran = lock(tasks, "alice", "break", "story-c", "--reason", "james is away", "--json")
    assert ran.code == 0, ran.err
    assert document(ran.out, "locks")["leases"][0]["token"] == 1
    log = git(tasks.hub, "log", "-1", "--format=%B", "gitsync/locks")
    assert "alice breaks 1" in log
    assert "james is away" in log
    ran = lock(tasks, "james", "renew")
    assert (ran.code, "lease 1 is lost" in ran.err) == (1, True)
    ran = lock(tasks, "james", "renew")
    assert (ran.code, "holds no lease" in ran.err) == (1, True)


def test_one_heartbeat_keeps_all_leases_and_replaces_the_last_one(tasks, document):
    lock(tasks, "james", "acquire", "story-c")
    lock(tasks, "james", "acquire", "story-d", "--for", "8h")
    lock(tasks, "james", "renew")
    first = rev(tasks, "refs/gitsync/nodes/james")
    ran = lock(tasks, "james", "renew", "--json")
    found = document(ran.out, "lock-renew")
    assert (found["tokens"], found["lost"]) == ([1, 2], [])
    assert rev(tasks, "refs/gitsync/nodes/james") != first
    assert git(tasks.hub, "rev-list", "--count", "refs/gitsync/nodes/james") == "1"


def test_any_command_renews_when_it_is_due_and_warns_when_it_is_too_late(tasks):
    lock(tasks, "james", "acquire", "story-c", "--for", "3h")
    lock(tasks, "james", "renew")
    before = rev(tasks, "refs/gitsync/nodes/james")
    tasks.clock.tick(1800)
    tasks.cli("james", "status")
    assert rev(tasks, "refs/gitsync/nodes/james") == before
    tasks.clock.tick(1900)
    tasks.cli("james", "status")
    after = rev(tasks, "refs/gitsync/nodes/james")
    assert after != before
    hub = tasks.hub
    shutil.move(hub, hub.with_suffix(".away"))
    tasks.clock.tick(2 * 3600 + 1)
    ran = tasks.cli("james", "list")
    assert ran.code == 0
    assert "stop working under lease 1" in ran.err
    shutil.move(hub.with_suffix(".away"), hub)
    tasks.clock.tick(1800)
    ran = tasks.cli("james", "list")
    assert "stop" not in ran.err
    assert rev(tasks, "refs/gitsync/nodes/james") != after


def test_offline_a_claim_is_prepared_and_sent_by_the_next_push(tasks):
    hub = tasks.hub
    shutil.move(hub, hub.with_suffix(".away"))
    ran = lock(tasks, "james", "acquire", "story-c")
    assert ran.code == 3
    assert "nothing is held yet" in ran.err
    assert "offline" in lock(tasks, "james", "list").err
    shutil.move(hub.with_suffix(".away"), hub)
    ran = tasks.cli("james", "push")
    assert ran.code == 0
    assert "lease 1" in ran.out
    assert lock(tasks, "carol", "acquire", "story-c").code == 1


def test_a_claim_that_lost_meanwhile_is_told_and_dropped(tasks):
    hub = tasks.hub
    shutil.move(hub, hub.with_suffix(".away"))
    lock(tasks, "james", "acquire", "story-c")
    shutil.move(hub.with_suffix(".away"), hub)
    lock(tasks, "carol", "acquire", "story-c")
    ran = tasks.cli("james", "push")
    assert ran.code == 1
    assert "held by carol" in ran.out
    assert tasks.cli("james", "push").code == 0


def test_mistakes(tasks):
    for args, words in [
        (("acquire",), "say either what to take"),
        (("acquire", "story-c", "--next", "x"), "say either what to take"),
        (("acquire", "nothing-like-it"), "no artifact's id begins with"),
        (("acquire", "path:[a"), "is no subject"),
        (("acquire", "tre:story-c"), "no kind 'tre'"),
        (("acquire", "stories/1.md"), "'stories/1.md' is no subject"),
        (("acquire", "tree:"), "'tree:' is no subject"),
        (("acquire", ""), "'' is no subject"),
        (("acquire", "story-c", "--for", "0"), "lasts 60 s or more"),
        (("acquire", "story-c", "--for", "1s"), "lasts 60 s or more"),
        (("acquire", "story-c", "--escalate-to", "nobody"), "nobody is no member"),
        (("who", "nobody"), "common has no nobody"),
        (("show", ""), "'' names no lease"),
        (("break", "", "--reason", "x"), "'' names no lease"),
        (("answer", "x", "allow", "--until", "2026-12-01"), "only 'wait' has an end"),
        (("acquire", "query:sort:title"), "not what changed nor an order"),
        (("acquire", "story-c", "--for", "soon"), "no duration"),
        (("acquire", "story-c", "--offline-until", "2020-01-01"), "lies in the past"),
        (("answer", "carol/x", "perhaps"), "perhaps"),
        (("show", "9"), "names no lease"),
    ]:
        ran = lock(tasks, "james", *args)
        assert ran.code == 2, (args, ran)
        assert words in ran.err.replace("\n", " "), (args, ran.err)
        assert "\nhint:  " in ran.err or "perhaps" in args, (args, ran.err)
        assert "Traceback" not in ran.err
    assert lock(tasks, "james", "list").out == "nothing is leased\n"


def test_an_empty_name_is_no_lease_s(tasks):
    """A variable that is not set gives nothing back and breaks nothing."""
    lock(tasks, "james", "acquire", "story-c")
    assert lock(tasks, "james", "release", "").code == 2
    assert lock(tasks, "alice", "break", "", "--reason", "x").code == 2
    assert lock(tasks, "james", "who", "story-c").code == 0


def test_who_holds_nothing_gets_one_answer_whatever_is_to_be_done_with_it(tasks, document):
    lock(tasks, "carol", "acquire", "story-d")
    for args in (("renew",), ("release",), ("release", "9"), ("release", "story-c")):
        ran = lock(tasks, "james", *args)
        assert (ran.code, ran.err.splitlines()[0]) == (1, "error: this clone holds no lease")
        assert document(lock(tasks, "james", *args, "--json").err, "error")["code"] == "lease.none"
    lock(tasks, "james", "acquire", "story-c")
    ran = lock(tasks, "james", "release", "9")  # a name that none has is a slip of the hand
    assert (ran.code, "9 names no lease of yours" in ran.err) == (2, True)


def test_a_note_is_given_when_a_lease_is_taken(tasks, document):
    """Whoever writes another one is told that others go on seeing the first."""
    lock(tasks, "james", "acquire", "story-c", "--note", "splitting it")
    ran = lock(tasks, "james", "acquire", "story-c", "--note", "on holiday")
    assert "is yours already: lease 1\nits note stays as it was: splitting it\n" in ran.out
    ran = lock(tasks, "james", "acquire", "story-c", "--note", "splitting it")
    assert "note" not in ran.out
    found = document(lock(tasks, "james", "acquire", "story-c", "--json").out, "lock")
    assert found["lease"]["note"] == "splitting it"


def test_what_another_holds_is_given_back_by_nobody_else(tasks):
    lock(tasks, "james", "acquire", "story-c")
    for name in ("1", "story-cccccc"):
        ran = lock(tasks, "carol", "release", name)
        assert (ran.code, "lease 1 is james's, not carol's" in ran.err) == (1, True)
        assert "hint:  ask james" in ran.err


@pytest.mark.parametrize(
    "more",
    [
        ("--for", "9h"),
        ("--on-request", "deny"),
        ("--offline-until", "2099-01-01"),
        ("--escalate-to", "carol"),
    ],
    ids=["longer", "answer", "offline", "others"],
)
def test_a_lease_on_other_terms_is_not_what_was_asked_for(tasks, more):
    """Nobody goes away for the week on a lease of two hours."""
    lock(tasks, "james", "acquire", "story-c", "--for", "3h", "--on-request", "wait")
    same = ("--for", "3h", "--on-request", "wait")
    for fine in ((), same, ("--for", "1h"), ("--note", "other")):
        assert "is yours already: lease 1" in lock(tasks, "james", "acquire", "story-c", *fine).out
    ran = lock(tasks, "james", "acquire", "story-c", *more)
    assert (ran.code, ran.out) == (1, "")
    assert "on other terms: for 3h, others get 'wait', and nobody may answer" in ran.err
    assert "gitsync lock release 1" in ran.err


def test_a_claim_that_can_be_none_is_not_prepared(tasks):
    shutil.move(tasks.hub, tasks.hub.with_suffix(".away"))
    for args in (("tre:story-c",), ("path:[a",), ("story-c", "--for", "1s")):
        assert lock(tasks, "james", "acquire", *args).code == 2
    shutil.move(tasks.hub.with_suffix(".away"), tasks.hub)
    assert "lease" not in tasks.cli("james", "push").out


def test_a_lease_longer_than_the_policy_grants_is_refused(tasks):
    ran = lock(tasks, "james", "acquire", "story-c", "--for", "30d")
    assert (ran.code, "7d" in ran.err) == (1, True)
    assert json.loads(lock(tasks, "james", "list", "--json").out)["leases"] == []


def test_leases_show_where_people_look_anyway(tasks, document, golden):
    lock(tasks, "james", "acquire", "story-c", "--note", "splitting it")
    tasks.pull("carol")
    tasks.write("carol", "stories/1.md", TASK.format(id="story-cccccc", title="New", more=""))
    tasks.cli("carol", "propose", "--slug", "x")
    tasks.witness()
    tasks.pull("james", "carol")
    status = tasks.cli("james", "status")
    listed = tasks.cli("carol", "list", "--at", "common")
    traced = tasks.cli("carol", "trace", "story-c")
    golden("lock_elsewhere", status.out + "\n" + listed.out + "\n" + traced.out)
    found = document(tasks.cli("james", "status", "--json").out, "status")
    assert [one["token"] for one in found["leases"]] == [1]
    assert [one["asker"] for one in found["asked"]] == ["carol"]
    found = document(tasks.cli("carol", "trace", "story-c", "--json").out, "trace")
    assert found["lease"]["holder"] == "james"


def test_the_history_says_what_was_made_under_a_lease_and_who_holds(tasks, document, golden):
    lock(tasks, "james", "acquire", "story-c", "--note", "splitting it")
    tasks.write("james", "stories/1.md", TASK.format(id="story-cccccc", title="New", more=""))
    tasks.cli("james", "propose", "--slug", "x")
    tasks.witness()
    tasks.pull("carol")
    golden("lock_log", tasks.cli("carol", "log", "story-c").out)
    found = document(tasks.cli("carol", "log", "story-c", "--json").out, "log")
    assert found["lease"]["holder"] == "james"
    assert [one["leases"] for one in found["entries"]] == [[1], []]
    found = document(tasks.cli("carol", "log", "--json").out, "log")
    assert found["lease"] is None
    assert [one["leases"] for one in found["entries"]] == [[1], [], [], [], []]


def test_a_locks_ref_that_was_taken_back_is_noticed_and_put_back_by_the_doctor(tasks):
    before = rev(tasks, LOCKS)
    lock(tasks, "james", "acquire", "story-c")
    taken = rev(tasks, LOCKS)
    for there in (before, None):
        git(tasks.hub, "update-ref", *([LOCKS, there] if there else ["-d", LOCKS]))
        ran = lock(tasks, "james", "list")
        assert ran.code == 1
        assert "rolled back or deleted" in ran.err
        assert "gitsync/locks" in tasks.cli("james", "doctor").out
        # Other things are wrong with a home without hooks, and stay so.
        assert "mended" in tasks.cli("james", "doctor", "--fix").out
        assert rev(tasks, LOCKS) == taken
        assert "story-cccccc" in lock(tasks, "james", "list").out
