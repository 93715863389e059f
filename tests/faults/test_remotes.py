"""Remotes that lie, answers that are lost, witnesses that race, and git tidying meanwhile.

The liar is a real git on the other end of ``ssh``: a script in place of ssh starts upload-pack and
receive-pack, of the hub or of another repository than it says.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import time

import pytest

from gitsync.domain.errors import EnvironmentFault, GitsyncError, VerificationError
from gitsync.services.witnessing import WitnessOptions, run_once
from tests.faults import kit
from tests.integration import invariants
from tests.integration.ledgerkit import Hand, check, git, policy_edit

SSH = """#!/bin/sh
# Called as: ssh HOST "git-upload-pack '/path'". READ and WRITE say which repository it really is.
for last; do :; done
case "$last" in
  git-upload-pack*) exec git upload-pack "${READ:-$HUB}";;
  git-receive-pack*) exec git receive-pack "${WRITE:-$HUB}";;
  *) exit 1;;
esac
"""


@pytest.fixture
def far(ledger, monkeypatch, tmp_path):
    """Everybody's origin is reached by ssh; returns what makes it lie."""
    script = tmp_path / "ssh"
    script.write_text(SSH)
    script.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(script))
    monkeypatch.setenv("HUB", str(ledger.hub))
    for name in ("alice", "james", "carol"):
        git(ledger.folder(name), "config", "remote.origin.url", f"ssh://far/{ledger.hub}")

    def lie(**where):
        for role in ("READ", "WRITE"):
            monkeypatch.delenv(role, raising=False)
        for role, repo in where.items():
            monkeypatch.setenv(role.upper(), str(repo))

    return lie


def stale(ledger, tmp_path, name="stale.git"):
    return shutil.copytree(ledger.hub, tmp_path / name)


def test_a_remote_that_drops_what_it_took_is_caught_by_reading_back(ledger, far, tmp_path):
    hole = stale(ledger, tmp_path)
    far(write=hole)
    with pytest.raises(EnvironmentFault) as caught:
        ledger.propose("james", "notes/a.md", "A\n", "a")
    assert caught.value.code == "home.not-written"
    far()
    ledger.propose("james", "notes/a.md", "A\n", "a")
    shutil.rmtree(hole)
    hole = stale(ledger, tmp_path)
    far(write=hole)
    with pytest.raises(EnvironmentFault) as caught:
        ledger.witness()
    assert caught.value.code == "home.not-written"
    far()
    ledger.witness()
    assert Hand(ledger).rule("james/a") == "ledger.accepted"
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 2
    check(ledger)


def test_a_remote_that_undoes_an_update_in_a_hook_is_caught(ledger):
    ledger.propose("james", "notes/a.md", "A\n", "a")
    hook = ledger.hub / "hooks/post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ngit update-ref refs/heads/common common@1^{commit}\n")
    hook.chmod(0o755)
    with pytest.raises(EnvironmentFault) as caught:
        ledger.witness()
    assert caught.value.code == "home.not-written"
    hook.unlink()
    with contextlib.suppress(GitsyncError):
        ledger.witness()
    assert invariants.chain(ledger.hub)


def test_a_remote_that_serves_an_old_state_moves_nobody_back(ledger, far, tmp_path):
    old = stale(ledger, tmp_path)
    ledger.propose("alice", "notes/a.md", "A\n", "a")
    ledger.witness()
    ledger.pull("james")
    before = kit.fingerprint(ledger.folder("james"))
    far(read=old)
    with pytest.raises(VerificationError) as caught:
        ledger.pull("james")
    assert "rolled-back" in caught.value.code or "rollback" in caught.value.code
    after = kit.fingerprint(ledger.folder("james"))
    assert {line for line in before ^ after if "remotes/" not in line} == set()
    far()
    ledger.pull("james")
    invariants.clone_is_sound(ledger.folder("james"), 2)


def test_a_witness_that_is_served_an_old_state_signs_nothing_on_it(ledger, far, tmp_path):
    ledger.propose("james", "notes/a.md", "A\n", "a")
    old = stale(ledger, tmp_path)
    ledger.witness()
    refs = Hand(ledger).refs()
    far(read=old)
    with pytest.raises(VerificationError):
        ledger.witness()
    assert Hand(ledger).refs() == refs
    far()
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 2


def test_a_remote_that_serves_another_ledger_is_refused(ledger, far, tmp_path):
    from tests.conftest import _found

    other = tmp_path / "other"
    other.mkdir()
    _found(other)
    hand = Hand(ledger, where=other / "hub.git")
    root = hand.commit("alice", hand.facts.commit(hand.common).tree, hand.common, message="other")
    hand.put("refs/heads/common", root)
    before = ledger.ws("james").verified().commit
    far(read=other / "hub.git")
    with pytest.raises(GitsyncError):
        ledger.pull("james")
    assert ledger.ws("james").verified().commit == before
    assert ledger.ws("james").repo.refs.get("refs/heads/common") == before


ANSWER_LOST = "#!/bin/sh\nkill -9 $PPID\n"  # receive-pack dies before it reports


@pytest.mark.parametrize("hooked", ["post-receive", "post-update"])
def test_a_push_that_arrived_but_whose_answer_was_lost(ledger, hooked):
    hook = ledger.hub / "hooks" / hooked
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(ANSWER_LOST)
    hook.chmod(0o755)
    with contextlib.suppress(GitsyncError):
        ledger.propose("james", "notes/a.md", "A\n", "a")
    assert "refs/heads/proposals/james/a" in Hand(ledger).refs()  # it did arrive
    with pytest.raises(GitsyncError):
        ledger.witness()
    assert Hand(ledger).number() == 2
    hook.unlink()
    report = ledger.witness()
    assert report.healed_tags == (2,)
    assert Hand(ledger).rule("james/a") == "ledger.accepted"
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 2
    ledger.propose("james", "notes/b.md", "B\n", "b")
    ledger.witness()
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 3


RUN = """
import os, sys, time
from pathlib import Path
from gitsync.services.host import Host
from gitsync.services.workspace import Workspace
from gitsync.services.witnessing import WitnessOptions, run_once
folder, seconds, start = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
host = Host(cwd=folder, env=os.environ, home=Path(os.environ["HOME"]), now=lambda: seconds,
            random=os.urandom, sleep=time.sleep, monotonic=time.monotonic)
ws = Workspace.open(host)
print("ready", flush=True)
while not os.path.exists(start):
    time.sleep(0.001)
run_once(ws, WitnessOptions(batch=2))
"""


def race(ledger, names, tmp_path, turn):
    """One witness process a name, started in the same moment; what they said."""
    start = tmp_path / f"start{turn}"
    both = [
        subprocess.Popen(
            [sys.executable, "-c", RUN, str(ledger.folder(name)), str(int(ledger.clock.seconds)),
             str(start)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path / f"state-{name}")},
        )
        for name in names
    ]  # fmt: skip
    for process in both:
        assert process.stdout.readline() == "ready\n"
    start.touch()
    said = [process.communicate(timeout=120)[1] for process in both]
    return [(process.returncode, text) for process, text in zip(both, said, strict=True)]


def pending(hand, turn):
    base = hand.common
    names = []
    for place in range(4):
        oid = hand.change("james", {f"t{turn}f{place}.md": b"x\n"}, base, seconds=hand.now + place)
        hand.propose(f"james/t{turn}p{place}", oid)
        names.append(f"james/t{turn}p{place}")
    return names


def test_two_witnesses_with_one_key_make_one_history(ledger, tmp_path):
    shutil.copytree(ledger.folder("alice"), ledger.folder("desk"))
    for turn in range(2):
        names = pending(Hand(ledger), turn)
        for code, said in race(ledger, ("alice", "desk"), tmp_path, turn):
            assert code == 0 or "oved" in said, said
        ledger.witness()
        assert all(Hand(ledger).rule(name) == "ledger.accepted" for name in names)
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 9
    check(ledger)


def test_one_key_and_the_same_refs_are_the_same_commit(ledger, tmp_path, monkeypatch):
    """Two instances that cannot see each other: from the same refs, the same id."""
    pending(Hand(ledger), 0)
    twin = stale(ledger, tmp_path, "twin.git")
    shutil.copytree(ledger.folder("alice"), ledger.folder("desk"))
    git(ledger.folder("desk"), "config", "remote.origin.url", str(twin))
    ledger.witness()
    ledger.clock.tick(7200)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    run_once(ledger.ws("desk"), WitnessOptions())
    assert git(ledger.hub, "rev-parse", "common") == git(twin, "rev-parse", "common")
    assert git(ledger.hub, "rev-parse", "common@2") != git(twin, "rev-parse", "common@2")


def test_two_witnesses_with_two_keys_never_give_two_numbers(ledger, tmp_path):
    hand = Hand(ledger)
    line = "witness:                # signs the numbered snapshots\n    people: [alice{}]"
    data = policy_edit(hand, people=(line.format(""), line.format(", carol")))
    hand.propose("alice/both", hand.change("alice", {".gitsync/policy.yaml": data}))
    ledger.witness()
    assert hand.rule("alice/both") == "ledger.accepted"
    for turn in range(2):
        names = pending(Hand(ledger), turn)
        for code, said in race(ledger, ("alice", "carol"), tmp_path, turn):
            assert code == 0 or "oved" in said, said
        ledger.witness()
        assert all(Hand(ledger).rule(name) == "ledger.accepted" for name in names)
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 10
    check(ledger, "james")


TIDY = """
import subprocess, sys, time
folders, stop = sys.argv[2:], sys.argv[1]
import os
rounds = 0
while not os.path.exists(stop):
    for folder in folders:
        subprocess.run(["git", "pack-refs", "--all", "--prune"], cwd=folder, capture_output=True)
        subprocess.run(["git", "gc", "-q"], cwd=folder, capture_output=True)
        rounds += 1
print(rounds)
"""


def test_gc_and_pack_refs_in_parallel(ledger, tmp_path):
    stop = tmp_path / "stop"
    folders = [str(ledger.hub), *(str(ledger.folder(name)) for name in ("alice", "james"))]
    tidying = subprocess.Popen(
        [sys.executable, "-c", TIDY, str(stop), *folders], stdout=subprocess.PIPE, text=True
    )
    try:
        for turn in range(6):
            ledger.clock.tick()
            again(lambda turn=turn: ledger.propose("james", f"n/{turn}.md", "x\n", f"n{turn}"))
            again(ledger.witness)
            again(lambda: ledger.pull("james"))
    finally:
        stop.touch()
        rounds = int(tidying.communicate(timeout=60)[0])
    assert rounds > 3
    ledger.witness()
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 7
    invariants.clone_is_sound(ledger.folder("james"), 7)
    check(ledger)


def again(work, tries=8):
    """Run what says that another git holds a lock again, as it tells its user to."""
    for _ in range(tries - 1):
        try:
            return work()
        except GitsyncError as error:
            if "lock" not in str(error) and error.code != "ref.moved":
                raise
            time.sleep(0.2)
    return work()
