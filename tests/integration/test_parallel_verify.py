"""A chain proven in several processes gives the verdict of one, good or bad."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gitsync.domain.errors import VerificationError
from gitsync.services import proving
from gitsync.services.sources import known_view


@pytest.fixture
def ten(ledger, monkeypatch):
    """A ledger of a dozen snapshots, and stretches worth a process from four on."""
    for number in range(10):
        ledger.propose("james", f"notes/{number}.md", f"Note {number}\n", f"note-{number}")
        ledger.witness()
        ledger.pull("james")
    monkeypatch.setattr(proving, "WORTH_A_PROCESS", 4)
    return ledger


def check(ledger, jobs):
    ws = ledger.ws("james")
    verifier = ws.verifier(fresh=True)
    verifier.jobs = jobs
    verified = verifier.check(known_view(ws), full=True)
    places = {
        n: verifier.index.get(verifier.index.snapshot(n))
        for n in range(1, verified.state.number + 1)
    }
    return verified.state.number, verified.state.commit, verified.replayed, places


def test_several_processes_reach_the_same_state_and_positions(ten):
    assert check(ten, jobs=3) == check(ten, jobs=1)


def test_an_evil_snapshot_in_a_later_stretch_is_named(ten):
    ws = ten.ws("james")
    view = known_view(ws)
    # The tag of another snapshot at a number that a second process proves.
    view = type(view)(**{**{k: getattr(view, k) for k in view.__slots__},
                         "tags": {**view.tags, 10: view.tags[9]}})  # fmt: skip
    for jobs in (1, 3):
        verifier = ws.verifier(fresh=True)
        verifier.jobs = jobs
        with pytest.raises(VerificationError) as caught:
            verifier.check(view, full=True)
        assert caught.value.code == "tag.transplanted"
        assert "common@10" in caught.value.message


@pytest.mark.parametrize("total", [0, 1, 3, 8, 23, 10_000])
@pytest.mark.parametrize("jobs", [1, 2, 3, 8])
def test_stretches_cover_the_chain_and_later_ones_are_shorter(monkeypatch, total, jobs):
    monkeypatch.setattr(proving, "WORTH_A_PROCESS", 4)
    count = proving.parts(total, jobs)
    assert count == max(1, min(jobs, total // 4))
    ends = proving.cut([1.0] * total, count, proving.PLACING)
    lengths = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    assert ends[-1] == total
    assert len(ends) == count
    assert all(length >= 1 for length in lengths) or total == 0
    # By two at most, where there are few to be shared out.
    assert all(later <= one + 2 for one, later in pairwise(lengths))
    times = [end - start + proving.PLACING * start for start, end in zip([0, *ends], ends,
                                                                         strict=False)]  # fmt: skip
    assert max(times) - min(times) <= count + 1


def test_a_stretch_whose_signatures_were_checked_ahead_is_longer():
    costs = [1.0] * 500 + [0.5] * 500
    (first, end) = proving.cut(costs, 2, 0.0)
    assert (first, end) == (375, 1000)
