"""Seeds of leases, proposals and witnesses under faults, judged by a checker that can fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation.sabotage import SABOTAGE
from tests.simulation.schedule import draw, load
from tests.simulation.shrink import shrink
from tests.simulation.simulation import play, play_seed

#: Schedules that once broke a rule, made small: of the product, or of the checker itself.
FOUND = (Path(__file__).parent / "found.jsonl").read_text("utf-8").splitlines()
SEEDS = 2000
A_TEST = 50
#: Seeds that are played in real repositories too: readers are shown copies that are behind.
REAL = (0, 2, 8, 19, 24, 36)
#: So many seeds may pass before a missing defence is found.
PATIENCE = 150


@pytest.mark.parametrize("first", range(0, SEEDS, A_TEST))
def test_no_seed_breaks_a_rule(first):
    for seed in range(first, first + A_TEST):
        run = play_seed(seed)
        assert run.violation is None, f"{run.violation}\n{run.schedule}"


@pytest.mark.parametrize("line", FOUND, ids=lambda line: f"seed {load(line).seed}")
def test_what_was_found_once_stays_mended(line):
    assert play(load(line)).violation is None


def test_a_seed_is_the_same_each_time():
    assert play_seed(7).hash == play_seed(7).hash
    assert play_seed(7).hash != play_seed(8).hash
    assert load(draw(7).dump()) == draw(7)


@pytest.mark.parametrize("seed", REAL)
def test_real_repositories_end_as_memory_does(seed, tmp_path):
    disk = play_seed(seed, tmp_path)
    assert disk.violation is None
    assert disk.hash == play_seed(seed).hash


@pytest.mark.parametrize("sabotage", SABOTAGE, ids=str)
def test_a_missing_defence_is_found(sabotage):
    """Each defence taken out: some seed soon violates a rule that is about it."""
    found = None
    with sabotage.committed():
        for seed in (*sabotage.seeds, *range(PATIENCE)):
            found = play_seed(seed).rule
            if found in sabotage.caught:
                break
    assert found in sabotage.caught


def test_a_failing_seed_shrinks_to_one_that_fails_the_same_way():
    sabotage = next(one for one in SABOTAGE if one.name == "anybody's token will do")
    with sabotage.committed():
        runs = (play_seed(seed) for seed in (*sabotage.seeds, *range(PATIENCE)))
        run = next(one for one in runs if one.rule in sabotage.caught)
        small = shrink(run.schedule, run.rule)
        assert len(small.steps) < len(run.schedule.steps)
        assert play(small).rule == run.rule
        assert play(small).hash == play(load(small.dump())).hash
    assert play(small).violation is None
