"""A short look at every reader, the same one each time; ``make fuzz`` looks for longer."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.damage import damaged
from tests.fuzz.readers import READERS, Reader, read
from tests.fuzz.watch import no_longer_than

#: No input takes a reader longer: hundreds of times what the slowest needs.
SECONDS = 60


@pytest.mark.parametrize("reader", READERS, ids=lambda one: one.name.replace(" ", "-"))
def test_foreign_bytes_end_in_a_value_or_in_an_error_of_ours(reader: Reader):
    taken = []

    @settings(
        derandomize=True, database=None, deadline=None, max_examples=150,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(damaged(reader.seeds, reader.words))
    def look(data: bytes) -> None:
        with no_longer_than(SECONDS):
            taken.append(read(reader, data))

    look()
    assert any(taken), "nothing was taken: the seeds are no valid files"


@pytest.mark.parametrize("reader", READERS, ids=lambda one: one.name.replace(" ", "-"))
def test_what_damage_begins_with_is_valid(reader: Reader):
    assert all(read(reader, seed) for seed in reader.seeds)
