"""A part of ``make kill``, with every scenario: it holds, and without healing it would be seen."""

from __future__ import annotations

import pytest

from tests.faults.kill import play
from tests.faults.scenarios import SCENARIOS

# Scenarios with many effects are looked at less closely here than by ``make kill``.
MANY = 60


@pytest.mark.parametrize("name", [one.name for one in SCENARIOS])
def test_killed_at_an_effect_and_run_again_it_is_done_once(name):
    long = name.startswith(("init", "join"))
    tally = play(name, every=24 if long else 7, offset=3)
    assert tally.effects > 3
    assert tally.kills >= tally.effects * 2 // 24
    assert tally.violations == []


def test_without_healing_the_kills_leave_traces():
    tally = play("witness", heal=False, every=6)
    assert tally.violations


def test_effects_are_counted_and_not_only_those_of_git():
    tally = play("witness at home", every=1000)
    assert tally.effects > 20
