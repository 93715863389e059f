"""Bundles between clones without a network: what arrives, what is said back, what stays out."""

from __future__ import annotations

import os
import shutil

import pytest

from gitsync.domain.carrying import Fate
from gitsync.domain.errors import EnvironmentFault, UsageError, VerificationError
from gitsync.services import proving
from gitsync.services.carrying import arrival, taking
from gitsync.services.carrying.rounds import witness_at
from gitsync.services.leasing.desk import known_locks
from gitsync.services.leasing.renewing import note_leases, renew
from gitsync.services.people import snapshot
from gitsync.services.pulling import pull
from gitsync.services.witnessing import WitnessOptions
from tests.integration import invariants
from tests.integration.carrykit import everything, stock
from tests.integration.ledgerkit import Hand

EMPTY = "0" * 40


def test_a_bundle_is_one_for_stock_git(meeting, tmp_path):
    meeting.land("notes/a.md", "A\n")
    path = meeting.bundle("alice")
    assert stock(meeting.folder("alice"), "bundle", "verify", str(path)).returncode == 0
    stock(tmp_path, "clone", "--quiet", str(path), "plain")
    assert (tmp_path / "plain/notes/a.md").read_text() == "A\n"
    assert stock(tmp_path / "plain", "fsck", "--strict").returncode == 0
    heads = stock(tmp_path, "bundle", "list-heads", str(path)).stdout.decode()
    assert "refs/gitsync/manifest" in heads
    assert "refs/tags/common@2" in heads
    # And an increment is fetched by whoever has what it builds on.
    meeting.meet()
    number = meeting.land("notes/b.md", "B\n")
    path = meeting.bundle("alice", "james")
    james = meeting.folder("james")
    stock(james, "fetch", "--quiet", str(path), "refs/heads/common:refs/heads/seen")
    assert stock(james, "show", "seen:notes/b.md").stdout == b"B\n"
    assert meeting.number("james") == number - 1


def test_several_processes_prove_a_long_bundle(meeting, tmp_path, monkeypatch):
    for number in range(5):
        meeting.land(f"notes/{number}.md", f"Note {number}\n")
    path = meeting.bundle("alice")
    monkeypatch.setattr(proving, "WORTH_A_PROCESS", 2)
    for module in (arrival, taking):
        monkeypatch.setattr(module, "processors", lambda: 3)
    given = []
    plain = proving.prove_stretch

    def count(pool, call, *args):
        given.append(call)
        return submit(pool, call, *args)

    from concurrent.futures import ProcessPoolExecutor

    submit = ProcessPoolExecutor.submit
    monkeypatch.setattr(ProcessPoolExecutor, "submit", count)
    (found,) = meeting.take("carol", path)
    assert (found.outcome, found.before, found.after) == ("imported", 1, 6)
    assert given.count(plain) == 1  # of five new snapshots two stretches, one of them here
    assert given.index(plain) == 1  # and its process was begun before there was anything to prove
    verifier = meeting.ws("carol").verifier(fresh=False)
    assert [verifier.index.get(verifier.index.snapshot(n)) for n in (1, 4, 6)] == [
        (1, 1), (4, 4), (6, 6),
    ]  # fmt: skip
    # Each other process that was begun is gone with its quarantine.
    assert not (meeting.ws("carol").repo.state_dir / "carrying/quarantine").exists()


def test_an_increment_holds_what_was_not_acknowledged(meeting):
    meeting.meet()
    meeting.land("notes/a.md", "A\n")
    made = meeting.write_for("alice", "james")
    assert made.manifest.basis > 0
    assert {one.ref for one in made.manifest.changes} >= {"refs/heads/common", "refs/tags/common@2"}
    assert "refs/tags/common@1" not in {one.ref for one in made.manifest.changes}
    # Written is not received: the next one holds it again, on the same basis.
    meeting.land("notes/b.md", "B\n")
    again = meeting.write_for("alice", "james")
    assert again.manifest.basis == made.manifest.basis
    assert {"refs/tags/common@2", "refs/tags/common@3"} <= {o.ref for o in again.manifest.changes}
    # The first stick is lost. Nobody says so.
    (found,) = meeting.take("james", again.written.path)
    assert (found.outcome, found.before, found.after) == ("imported", 1, 3)
    (told,) = meeting.take("alice", meeting.bundle("james", "alice"))
    assert told.acknowledged == again.manifest.sequence
    nothing = meeting.write_for("alice", "james")
    assert nothing.written is None
    assert nothing.manifest.changes == ()


def test_a_bundle_that_comes_back_a_month_later_changes_nothing(meeting):
    meeting.meet()
    meeting.land("notes/a.md", "A\n")
    old = meeting.bundle("alice", "james")
    meeting.land("notes/b.md", "B\n")
    meeting.take("james", meeting.bundle("alice", "james"))
    before = everything(meeting.folder("james"))
    meeting.clock.tick(30 * 86_400)
    (found,) = meeting.take("james", old)
    assert found.outcome == "nothing-new"
    assert everything(meeting.folder("james")) == before


def test_twice_is_once(meeting):
    meeting.land("notes/a.md", "A\n")
    path = meeting.bundle("alice")
    assert meeting.take("james", path)[0].outcome == "imported"
    before = everything(meeting.folder("james"))
    assert meeting.take("james", path)[0].outcome == "nothing-new"
    assert everything(meeting.folder("james")) == before
    invariants.clone_is_sound(meeting.folder("james"), 2)


def test_proposals_go_in_and_answers_come_out(meeting):
    meeting.meet()
    meeting.propose("james", "notes/j.md", "J\n", "j")
    snapshot(meeting.ws("james"), "Mine")
    meeting.clock.tick()
    hand = Hand(meeting, meeting.folder("carol"))
    hand.propose("carol/no", hand.change("carol", {"a.txt": b"x\n", "A.txt": b"y\n"}))
    for name in ("james", "carol"):
        meeting.bundle(name, "alice")
    found = witness_at(meeting.ws("alice"), meeting.stick, WitnessOptions())
    outcomes = {one.ref.rpartition("/")[2]: one.outcome for one in found.report.receipts}
    assert outcomes == {"j": "accepted", "no": "refused"}
    assert invariants.all_of_them(meeting.folder("alice")) == 2
    assert "refs/tags/james@1" in meeting.refs("alice")
    names = {one.manifest.recipient for one in found.synced.written}
    assert names == {"james", "carol", "*"}
    for name in ("james", "carol"):
        meeting.sync(name)
        invariants.clone_is_sound(meeting.folder(name), 2)
    said = meeting.cli("james", "receipt", "j")
    assert (said.code, said.out.splitlines()[0]) == (0, "james/j: accepted as common@2")
    assert meeting.cli("carol", "receipt", "no").code == 1
    # What landed is no proposal any more, and the files follow when asked.
    assert not [ref for ref in meeting.refs("james") if "/proposals/james" in ref]
    assert pull(meeting.ws("carol")).after == 2
    assert (meeting.folder("carol") / "notes/j.md").read_text() == "J\n"


def test_an_approval_travels(meeting):
    meeting.meet()
    meeting.propose("james", "notes/j.md", "J\n", "j")
    meeting.take("carol", meeting.bundle("james", "carol", full=True))
    assert meeting.cli("carol", "approve", "james/j", "--yes").code == 0
    meeting.take("alice", meeting.bundle("carol", "alice"))
    refs = meeting.refs("alice")
    assert "refs/heads/proposals/james/j" in refs
    assert "refs/heads/approvals/carol/james+j" in refs


def test_a_withdrawn_proposal_does_not_come_back(meeting):
    meeting.meet()
    meeting.propose("james", "notes/j.md", "J\n", "j")
    old = meeting.bundle("james", "alice")
    meeting.clock.tick()
    assert meeting.cli("james", "withdraw", "j").code == 0
    meeting.take("alice", meeting.bundle("james", "alice"))
    tombstone = meeting.refs("alice")["refs/heads/proposals/james/j"]
    (found,) = meeting.take("alice", old)
    assert [one.fate for one in found.verdicts if "proposals" in one.change.ref] == [Fate.OLDER]
    assert meeting.refs("alice")["refs/heads/proposals/james/j"] == tombstone
    meeting.witness()
    (found,) = meeting.take("alice", old)
    assert "refs/heads/proposals/james/j" not in meeting.refs("alice")
    assert invariants.all_of_them(meeting.folder("alice")) == 1


def test_one_for_somebody_else_is_passed_on(meeting):
    meeting.meet()
    number = meeting.land("notes/a.md", "A\n")
    (found,) = meeting.take("james", meeting.bundle("alice", "carol"))
    assert found.outcome == "relayed"
    assert meeting.number("james") == 1
    other = meeting.root / "other"
    other.mkdir()
    done = meeting.sync("james", other)
    assert [path.parent for path in done.passed_on] == [other]
    meeting.sync("carol", other)
    assert meeting.number("carol") == number


def test_what_was_acknowledged_is_cleared_away(meeting):
    meeting.meet()
    meeting.land("notes/a.md", "A\n")
    meeting.sync("alice")
    assert meeting.sync("james").haul.taken
    before = sorted(path.name for path in meeting.stick.iterdir())
    assert not [name for name in before if name.startswith("alice-james")]
    done = meeting.sync("alice")
    assert [one.acknowledged for one in done.haul.taken] != [None]
    # Whatever is left says something that somebody has not heard yet.
    again = meeting.sync("alice")
    assert (again.haul.taken, again.written, again.cleared) == ((), (), ())


def test_a_clone_that_was_lost_needs_what_came_before(meeting, tmp_path):
    meeting.meet()
    spare = tmp_path / "spare"
    shutil.copytree(meeting.folder("james"), spare)
    paths = []
    for name in ("a", "b", "c"):
        meeting.land(f"notes/{name}.md")
        paths.append(meeting.bundle("alice", "james"))
        meeting.take("james", paths[-1])
        meeting.take("alice", meeting.bundle("james", "alice"))
    shutil.rmtree(meeting.folder("james"))
    spare.rename(meeting.folder("james"))
    (late,) = meeting.take("james", paths[2])
    assert late.outcome == "held"
    assert late.awaited == late.manifest.basis
    assert meeting.number("james") == 1
    (held,) = meeting.take("james", paths[1])
    assert held.outcome == "held"
    found = meeting.take("james", paths[0])
    assert [one.outcome for one in found] == ["imported"] * 3
    assert meeting.number("james") == 4
    invariants.clone_is_sound(meeting.folder("james"), 4)
    assert not list((meeting.folder("james") / ".git/gitsync/carrying/held").iterdir())


def test_a_sender_that_was_set_up_again_gives_no_number_twice(meeting):
    meeting.meet()
    shutil.rmtree(meeting.folder("alice") / ".git/gitsync/carrying")
    last = max(one.sequence for one in [meeting.write_for("alice", "james").manifest])
    assert last == 1  # it has forgotten all about it
    told = meeting.take("alice", meeting.bundle("james", "alice", full=True))
    assert told[0].acknowledged is None
    meeting.land("notes/a.md")
    made = meeting.write_for("alice", "james")
    assert made.manifest.sequence > 2
    assert made.manifest.basis == 0
    assert meeting.take("james", made.written.path)[0].after == 2


def test_a_fork_leaves_evidence_and_changes_nothing(meeting, tmp_path):
    meeting.meet()
    twin = tmp_path / "twin"
    shutil.copytree(meeting.folder("alice"), twin)
    meeting.land("notes/a.md", "A\n")
    meeting.take("james", meeting.bundle("alice", "james"))
    away = tmp_path / "away"
    meeting.folder("alice").rename(away)
    twin.rename(meeting.folder("alice"))
    # The same witness decides once more from where it was, with the user's memory gone too.
    shutil.rmtree(os.environ["XDG_STATE_HOME"])
    meeting.land("notes/other.md", "B\n")
    meeting.land("notes/more.md", "C\n")
    forked = meeting.bundle("alice", "james", full=True)
    before = meeting.refs("james")
    with pytest.raises(VerificationError) as caught:
        meeting.take("james", forked)
    assert caught.value.code == "common.equivocation"
    assert meeting.refs("james") == before
    (proof,) = (meeting.folder("james") / ".git/gitsync/evidence").iterdir()
    assert meeting.cli("james", "verify", "--evidence", str(proof)).code == 0


def test_a_newcomer_joins_from_a_stick_and_is_admitted_over_it(meeting):
    meeting.sync("alice")
    key = meeting.key("dora")
    ran = meeting.cli("alice", "-C", "..", "join", "stick", "dora", "--name", "dora", "--key",
                      str(key), "--anchor", meeting.anchor)  # fmt: skip
    assert ran.code == 0, ran.err
    assert "Your request to join lies on the stick." in ran.out
    meeting.sync("alice")
    assert meeting.cli("alice", "roster", "admit", "dora", "--yes").code == 0
    witness_at(meeting.ws("alice"), meeting.stick, WitnessOptions())
    meeting.sync("dora")
    assert "dora" in meeting.ws("dora").settings().roster.people()
    meeting.propose("dora", "notes/d.md", "D\n", "d")
    meeting.sync("dora")
    found = witness_at(meeting.ws("alice"), meeting.stick, WitnessOptions())
    assert [one.outcome for one in found.report.receipts] == ["accepted"]


def test_a_stick_of_another_ledger_is_refused(meeting, ledger):
    other = ledger.root / "x"
    other.mkdir()
    from gitsync.services.carrying.creating import CreateOptions, create

    made = create(ledger.ws("alice"), other, CreateOptions())
    before = everything(meeting.folder("james"))
    with pytest.raises(VerificationError) as caught:
        meeting.take("james", made.written.path)
    assert caught.value.code == "bundle.other-ledger"
    assert everything(meeting.folder("james")) == before


def test_a_relay_with_a_network_brings_proposals_to_the_home(ledger):
    """alice's home is a remote; james is offline and hands his work to her on a stick."""
    from gitsync.services.carrying.creating import CreateOptions, create

    stick = ledger.root / "stick"
    stick.mkdir()
    ledger.hub.rename(ledger.root / "away")
    ledger.propose("james", "notes/j.md", "J\n", "j")
    create(ledger.ws("james"), stick, CreateOptions(recipient="alice"))
    (ledger.root / "away").rename(ledger.hub)
    found = witness_at(ledger.ws("alice"), stick, WitnessOptions())
    assert [one.outcome for one in found.report.receipts] == ["accepted"]
    assert invariants.all_of_them(ledger.hub) == 2
    ledger.hub.rename(ledger.root / "away")
    from gitsync.services.carrying.sticks import StickOptions, sync

    sync(ledger.ws("james"), stick, StickOptions())
    assert ledger.ws("james").verified().number == 2
    # Offline, what came by stick is what is known.
    assert ledger.cli("james", "status").code == 0
    assert ledger.cli("james", "pull").code == 0


def test_a_bare_repository_on_the_stick_serves_too(meeting):
    meeting.meet()
    bare = meeting.stick / "plans.git"
    stock(meeting.root, "init", "--quiet", "--bare", str(bare))
    meeting.land("notes/a.md", "A\n")
    (repo,) = meeting.sync("alice").repositories
    assert repo.problem == ""
    assert "refs/heads/common" in repo.sent
    meeting.propose("james", "notes/j.md", "J\n", "j")
    for path in meeting.stick.glob("*.bundle"):
        path.unlink()
    (repo,) = meeting.sync("james").repositories
    assert (repo.before, repo.after, repo.problem) == (1, 2, "")
    assert "refs/heads/proposals/james/j" in repo.sent
    for path in meeting.stick.glob("*.bundle"):
        path.unlink()
    found = witness_at(meeting.ws("alice"), meeting.stick, WitnessOptions())
    assert [one.outcome for one in found.report.receipts] == ["accepted"]


def test_a_repository_that_lies_is_left_alone(meeting):
    bare = meeting.stick / "plans.git"
    stock(meeting.root, "init", "--quiet", "--bare", str(bare))
    meeting.sync("alice")
    hand = Hand(meeting, bare)
    hand.put("refs/heads/common", hand.change("james", {"x.md": b"x\n"}))
    before = meeting.refs("carol")
    (repo,) = meeting.sync("carol").repositories
    assert repo.code.startswith(("snapshot.", "replay.", "bundle."))
    after = meeting.refs("carol")
    assert after["refs/heads/common"] == before["refs/heads/common"]


def test_nobody_writes_to_themselves(meeting):
    with pytest.raises(UsageError) as caught:
        meeting.write_for("alice", "alice")
    assert caught.value.code == "bundle.to-self"


def test_a_stick_that_is_gone_is_named(meeting):
    with pytest.raises(EnvironmentFault) as caught:
        meeting.sync("alice", meeting.root / "nowhere")
    assert caught.value.code == "bundle.unreadable"


def test_leases_and_heartbeats_travel_and_what_lapsed_on_the_way_is_an_ordinary_proposal(meeting):
    """The holder has no network: the stick brings the lease out and the signs of life back."""
    meeting.land("notes/a.md", "A\n")
    hand = Hand(meeting, meeting.folder("alice"))
    lease = hand.lease("james", "path:notes/**")
    witness_at(meeting.ws("alice"), meeting.stick, WitnessOptions())
    meeting.meet()
    ws = meeting.ws("james")
    assert [one.token for one in known_locks(ws).live()] == [lease.token]
    note_leases(ws, known_locks(ws))
    with pytest.raises(EnvironmentFault):
        renew(ws)
    meeting.clock.tick(3600)
    meeting.bundle("james", "alice")
    witness_at(meeting.ws("alice"), meeting.stick, WitnessOptions())
    assert hand.locks().beat(lease.token).sequence == 1
    # Then nothing is heard for too long, and only after that comes what was written under it.
    meeting.propose("james", "notes/late.md", "L\n", "late")
    assert ws.facts.record(ws.repo.refs.get("refs/heads/proposals/james/late")).leases == (1,)
    for _ in range(4):
        meeting.clock.tick(3600)
        witness_at(meeting.ws("alice"), meeting.stick, WitnessOptions())
    assert hand.locks().live() == ()
    meeting.bundle("james", "alice")
    found = witness_at(meeting.ws("alice"), meeting.stick, WitnessOptions())
    assert [one.outcome for one in found.report.receipts] == ["accepted"]
    invariants.all_of_them(meeting.folder("alice"))
