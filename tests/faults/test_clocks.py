"""Clocks that are a day off or run at double rate: numbers and proof do not depend on them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitsync.services.proposing import ProposeOptions, propose
from gitsync.services.witnessing import WitnessOptions, run_once
from gitsync.services.workspace import Workspace
from tests.conftest import Clock
from tests.integration import invariants
from tests.integration.ledgerkit import Hand, check

DAY = 86_400


class Fast(Clock):
    """A clock at double rate."""

    def tick(self, seconds: float = 60) -> None:
        super().tick(2 * seconds)


def at(ledger, name, clock):
    """A person whose machine has a clock of its own."""
    return Workspace.open(replace(ledger.host(name), now=clock.now, monotonic=clock.now))


def offer(ledger, clock, slug):
    ledger.write("james", f"notes/{slug}.md", f"{slug}\n")
    return propose(at(ledger, "james", clock), ProposeOptions(message=slug, slug=slug))


def decide(ledger, clock):
    return run_once(at(ledger, "alice", clock), WitnessOptions())


@pytest.mark.parametrize("off", [-DAY, DAY])
def test_a_witness_whose_clock_is_a_day_off(ledger, off):
    wrong = Clock(ledger.clock.seconds + off)
    for turn in range(3):
        ledger.clock.tick(3600)
        wrong.tick(3600)
        offer(ledger, ledger.clock, f"one-{turn}")
        # With a clock behind it takes for early what was dated by a right one, and lets it wait.
        expected = "ledger.accepted" if off > 0 else "proposal.dated-ahead"
        decide(ledger, wrong)
        rule = Hand(ledger).rule(f"james/one-{turn}")
        assert rule == expected or (off < 0 and rule != "ledger.accepted"), rule
    ledger.clock.tick(3600)
    decide(ledger, ledger.clock)  # the clock is right again
    assert all(Hand(ledger).rule(f"james/one-{turn}") == "ledger.accepted" for turn in range(3))
    assert invariants.all_of_them(ledger.hub, lambda: decide(ledger, ledger.clock)) == 4
    check(ledger)


def test_a_proposer_a_day_behind_lands_in_order_and_proof(ledger):
    slow = Clock(ledger.clock.seconds - DAY)
    ledger.clock.tick()
    ledger.propose("carol", "notes/c.md", "C\n", "c")
    offer(ledger, slow, "late")
    ledger.witness()
    hand = Hand(ledger)
    assert hand.rule("james/late") == hand.rule("carol/c") == "ledger.accepted"
    dates = [hand.facts.commit(hand.snapshot(number)).committer.seconds for number in range(1, 4)]
    assert dates == sorted(dates)
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 3
    check(ledger)


def test_a_proposer_a_day_ahead_waits_and_holds_up_nobody(ledger):
    ahead = Clock(ledger.clock.seconds + DAY)
    ledger.clock.tick()
    offer(ledger, ahead, "early")
    ledger.propose("carol", "notes/c.md", "C\n", "c")
    assert ledger.witness().after == 2
    assert Hand(ledger).rule("james/early") != "ledger.accepted"
    ledger.clock.tick(DAY)
    assert ledger.witness().after == 3
    assert Hand(ledger).rule("james/early") == "ledger.accepted"
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 3


def test_a_witness_at_double_rate(ledger):
    fast = Fast(ledger.clock.seconds)
    for turn in range(4):
        ledger.clock.tick(3000)
        fast.tick(3000)
        offer(ledger, ledger.clock, f"n-{turn}")
        assert decide(ledger, fast).after == turn + 2
    ledger.clock.tick(5 * 3000)
    assert invariants.all_of_them(ledger.hub, lambda: decide(ledger, fast)) == 5
    check(ledger)
