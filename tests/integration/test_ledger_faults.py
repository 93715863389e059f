"""Races, kills and homes that refuse: one number each, nothing lost, nothing left half done."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from gitsync.domain.errors import EnvironmentFault, RefusedError
from gitsync.services.witness import Witness
from gitsync.storage import effects
from tests.faults.kit import die, forked, killed_at
from tests.integration import invariants
from tests.integration.ledgerkit import Hand, check, git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUNNER = """
import os, sys, time
from pathlib import Path
from gitsync.services.host import Host
from gitsync.services.workspace import Workspace
from gitsync.services.witnessing import WitnessOptions, run_once
folder, seconds, start, batch = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
host = Host(cwd=folder, env=os.environ, home=Path(os.environ["HOME"]), now=lambda: seconds,
            random=os.urandom, sleep=time.sleep, monotonic=time.monotonic)
ws = Workspace.open(host)
print("ready", flush=True)
while start != "-" and not os.path.exists(start):
    time.sleep(0.001)
print(run_once(ws, WitnessOptions(batch=batch)).after, flush=True)
"""


@pytest.fixture
def hand(ledger) -> Hand:
    return Hand(ledger)


def several(hand: Hand, count: int, more: str = "") -> list[str]:
    """Some proposals on an old base: fine ones, one that is refused, one that waits."""
    base = hand.common
    names = []
    for place in range(count):
        oid = hand.change("james", {f"f{more}{place}.md": b"x\n"}, base, seconds=hand.now + place)
        hand.propose(f"james/p{more}{place}", oid)
        names.append(f"james/p{more}{place}")
    hand.propose(f"carol/no{more}", hand.change("carol", {"Jenkinsfile": b"x\n"}, base))
    waits = f"x\n\nAfter: {'1' * 40}"
    hand.propose(f"carol/wait{more}", hand.change("carol", {"w.md": b"x\n"}, base, message=waits))
    return names


def runner(ledger, folder: Path, start: Path | str = "-", batch: int = 500) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(folder), str(int(ledger.clock.seconds)), str(start),
         str(batch)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_two_witnesses_race_and_every_number_is_given_once(ledger, hand, tmp_path):
    shutil.copytree(ledger.folder("alice"), ledger.folder("desk"))
    for turn in range(3):
        hand.reopen()
        names = several(hand, 6, f"r{turn}")
        start = tmp_path / f"start{turn}"
        both = [runner(ledger, ledger.folder(who), start, batch=2) for who in ("alice", "desk")]
        for process in both:
            assert process.stdout.readline() == "ready\n"
        start.touch()
        ended = [process.communicate(timeout=60) for process in both]
        for process, (_out, err) in zip(both, ended, strict=True):
            assert process.returncode == 0 or "Moved" in err or "moved" in err, err
        ledger.witness()
        assert all(hand.rule(name) == "ledger.accepted" for name in names)
        assert invariants.all_of_them(ledger.hub, ledger.witness) == 1 + 6 * (turn + 1)
    check(ledger)


def test_killed_at_any_moment_the_next_run_completes_it(ledger, hand):
    """kill -9 of a real process, wherever it happens to be."""
    dice = random.Random(7)  # noqa: S311 - the same moments in every run
    number = 1
    for turn in range(5):
        hand.reopen()
        names = several(hand, 4, f"k{turn}")
        process = runner(ledger, ledger.folder("alice"), batch=2)
        process.stdout.readline()
        time.sleep(dice.uniform(0, 0.35))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        git_has_ended(ledger)
        ledger.witness()
        number += len(names)
        assert all(hand.rule(name) == "ledger.accepted" for name in names)
        assert invariants.all_of_them(ledger.hub, ledger.witness) == number


def git_has_ended(ledger) -> None:
    """A git that the killed process had started may still be at work; it holds locks meanwhile."""
    for _ in range(500):
        if not list(ledger.hub.rglob("*.lock")):
            return
        time.sleep(0.01)


def dying_after(ledger, moved: int) -> Callable[[], None]:
    """A witness run that dies while its emission is under way: ``moved`` refs have moved."""

    def observe(effect, act):
        if effect.kind != "git" or "push" not in effect.args:
            return act()
        specs = effect.args[effect.args.index("--end-of-options") + 2 :]
        for spec in specs[:moved]:
            git(ledger.folder("alice"), "push", "-q", "-f", str(ledger.hub), spec)
        return die()

    def work() -> None:
        with effects.observed(observe):
            ledger.witness()

    return work


@pytest.mark.parametrize("moved", range(1, 8))
def test_killed_while_the_refs_of_one_emission_move_one_by_one(ledger, hand, moved):
    """No ref store moves several refs as one through a crash: some have moved, some have not."""
    names = several(hand, 3)

    assert forked(dying_after(ledger, moved)) == -signal.SIGKILL
    ledger.witness()
    assert all(hand.rule(name) == "ledger.accepted" for name in names)
    assert hand.rule("carol/no") == "policy.denied-path"
    assert hand.rule("carol/wait") == "proposal.after"
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 4
    assert [ref for ref in hand.refs() if "proposals" in ref] == [
        "refs/heads/proposals/carol/no",
        "refs/heads/proposals/carol/wait",
    ]


def test_a_receipt_is_mended_although_the_proposal_s_ref_is_gone(ledger, hand):
    """The branch had moved when the run died, and the proposer tidied up before the next one."""
    names = several(hand, 3)

    assert forked(dying_after(ledger, 1)) == -signal.SIGKILL
    for name in names:
        hand.put(f"refs/heads/proposals/{name}", None)
    assert ledger.witness().healed_receipts == 3
    assert all(hand.rule(name) == "ledger.accepted" for name in names)
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 4


def test_recovery_killed_as_well_comes_to_the_same(ledger, hand):
    names = several(hand, 3)
    assert forked(dying_after(ledger, 1)) == -signal.SIGKILL
    count = 1
    while killed_at(ledger.witness, count, after=True):
        count += 1
    assert count > 6
    assert all(hand.rule(name) == "ledger.accepted" for name in names)
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 4


def test_an_answer_of_the_home_that_is_lost_is_found_again(ledger, hand):
    from gitsync.services import home as homes

    several(hand, 3)
    real = homes.RemoteHome.emit

    def emit(self, updates):
        real(self, updates)
        raise EnvironmentFault("remote.unreachable", "the line broke after the push")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(homes.RemoteHome, "emit", emit)
        with pytest.raises(EnvironmentFault):
            ledger.witness()
    report = ledger.witness()
    assert report.healed_tags == (2, 3, 4)
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 4


def test_a_run_changes_nothing_when_there_is_nothing_new(ledger, hand):
    several(hand, 3)
    ledger.witness()
    ledger.clock.tick(3600)
    invariants.again_changes_nothing(ledger.hub, ledger.witness)


def test_a_dry_run_changes_nothing(ledger, hand):
    from gitsync.services.witnessing import WitnessOptions, run_once

    several(hand, 3)
    report: list[object] = []
    invariants.again_changes_nothing(
        ledger.hub,
        lambda: report.append(run_once(ledger.ws("alice"), WitnessOptions(dry_run=True))),
    )
    assert report[0].after == 4
    assert ledger.witness().after == 4


# -- homes that refuse ------------------------------------------------------------------------

SCANNER = """#!/bin/sh
while read old new ref; do
  case $new in 0000*) continue;; esac
  for tree in $(git rev-list $new --not --all); do
    if git ls-tree -r --name-only $tree | grep -q secret; then
      echo "found a secret" >&2; exit 1
    fi
  done
done
"""


def hook(ledger, name: str, text: str) -> None:
    path = ledger.hub / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def test_what_a_scanner_of_the_home_refuses_is_blamed_alone(ledger, hand):
    names = several(hand, 5)
    hand.propose("james/evil", hand.change("james", {"secret.md": b"x\n"}, seconds=hand.now + 2))
    hook(ledger, "pre-receive", SCANNER)
    # The proposal itself came before the hook; what the witness pushes is scanned.
    hook(ledger, "pre-receive", SCANNER.replace("--not --all", "--not common@1"))
    ledger.witness()
    assert hand.rule("james/evil") == "remote.rejected"
    assert "found a secret" in hand.receipt("james/evil").why
    assert all(hand.rule(name) == "ledger.accepted" for name in names)
    assert not [ref for ref in hand.refs() if "proposals/james/p" in ref]
    (ledger.hub / "hooks/pre-receive").unlink()
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 6


def test_a_home_that_refuses_everything_costs_nobody_their_proposal(ledger, hand):
    names = several(hand, 3)
    hook(ledger, "pre-receive", "#!/bin/sh\necho closed today >&2\nexit 1\n")
    refs = hand.refs()
    with pytest.raises(RefusedError, match="closed today"):
        ledger.witness()
    assert hand.refs() == refs
    (ledger.hub / "hooks/pre-receive").unlink()
    ledger.witness()
    assert all(hand.rule(name) == "ledger.accepted" for name in names)
    invariants.all_of_them(ledger.hub, ledger.witness)


def test_a_home_that_opens_again_in_the_middle_blames_nobody(ledger, hand, tmp_path):
    names = several(hand, 3)
    counter = tmp_path / "count"
    hook(
        ledger, "pre-receive",
        f"#!/bin/sh\necho x >> {counter}\n[ $(wc -l < {counter}) -gt 3 ] && exit 0\nexit 1\n",
    )  # fmt: skip
    with pytest.raises(RefusedError):
        ledger.witness()
    ledger.witness()
    assert all(hand.rule(name) == "ledger.accepted" for name in names)
    invariants.all_of_them(ledger.hub, ledger.witness)


def test_a_home_that_forbids_deletions_still_gets_its_snapshots(ledger, hand):
    names = several(hand, 3)
    git(ledger.hub, "config", "receive.denyDeletes", "true")
    ledger.witness()
    assert all(hand.rule(name) == "ledger.accepted" for name in names)
    assert hand.rule("carol/no") == "policy.denied-path"
    invariants.all_of_them(ledger.hub, ledger.witness)


def test_a_remote_without_atomic_pushes_is_refused(ledger, hand):
    several(hand, 2)
    git(ledger.hub, "config", "receive.advertiseAtomic", "false")
    refs = hand.refs()
    with pytest.raises(EnvironmentFault) as error:
        ledger.witness()
    assert error.value.code == "remote.no-atomic"
    assert hand.refs() == refs


def test_a_lock_taken_during_the_push_stops_it_and_the_next_look_goes_on(ledger, hand):
    """The locks ref moves along with every emission, so a lease taken meanwhile is seen."""
    from gitsync.services import home as homes

    several(hand, 2)
    real, taken = homes.RemoteHome.emit, []

    def emit(self, updates):
        if not taken:
            hand.lease("carol", "path:other/**")
            taken.append(hand.repo.refs.get("refs/heads/gitsync/locks"))
        real(self, updates)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(homes.RemoteHome, "emit", emit)
        assert ledger.witness().after == 3
    hand.reopen()
    tip = hand.repo.refs.get("refs/heads/gitsync/locks")
    assert git(ledger.hub, "merge-base", "--is-ancestor", taken[0], tip) == ""
    invariants.all_of_them(ledger.hub, ledger.witness)


def test_a_run_by_whoever_is_no_witness_signs_nothing(ledger, hand):
    from gitsync.services.witnessing import WitnessOptions, run_once

    several(hand, 2)
    refs = hand.refs()
    with pytest.raises(RefusedError) as error:
        run_once(ledger.ws("james"), WitnessOptions())
    assert error.value.code == "witness.not-you"
    assert hand.refs() == refs


def test_gc_and_pack_refs_meanwhile_do_no_harm(ledger, hand):
    real = Witness._emit
    several(hand, 4)

    def emit(self, batch, view, notary):
        git(ledger.hub, "pack-refs", "--all", "--prune")
        git(ledger.hub, "gc", "-q", "--prune=now")
        git(ledger.folder("alice"), "gc", "-q")
        return real(self, batch, view, notary)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Witness, "_emit", emit)
        ledger.witness()
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 5


def test_a_thousand_proposals_of_one_run_in_small_batches(ledger, hand):
    from gitsync.services.witnessing import WitnessOptions, run_once

    names = several(hand, 40)
    run_once(ledger.ws("alice"), WitnessOptions(batch=7))
    assert all(hand.rule(name) == "ledger.accepted" for name in names)
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 41
