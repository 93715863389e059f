"""What the released merge versions give is frozen: old snapshots are replayed with it."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from gitsync.codec import policyfile, presets
from gitsync.domain.merge.files import VERSIONS
from tests.unit.mergekit import LEADS, LINES, VALUES, context, text_of

ROOT = Path(__file__).parents[2]
CASES = 1500
#: A change of one of these means that snapshots which were made before do not replay any more.
FROZEN = {
    1: "91bbf5e9f5ae751816d5c3f8352cf36d6b5ab8d22b0b882ba40fa81d41df7e62",
    2: "9f8281693467c33d9ff57d5dbaf5d8d302d17d3a4463169e46199aac2b7877c6",
}


class Dice:
    """Choices by the one method whose numbers Python promises for ever."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random  # noqa: S311 - test data

    def below(self, count: int) -> int:
        return int(self._random() * count)

    def one(self, choices):
        return choices[self.below(len(choices))]


def corpus(count: int):
    """Triples of artifacts that follow from a seed alone."""
    dice, names = Dice(20261125), sorted(VALUES)
    for _ in range(count):
        chosen = dict.fromkeys(dice.one(names) for _ in range(dice.below(8)))
        parts = [(name, dice.one(LEADS), dice.one(VALUES[name])) for name in chosen]
        lines = [dice.one(LINES) for _ in range(dice.below(15))]
        how = (dice.below(10) == 0, dice.below(5) == 0, True, True)
        sides = [text_of(parts, lines, how)]
        for _ in "ab":
            fields, text = list(parts), list(lines)
            for _ in range(dice.below(4)):
                edit_field(dice, fields, dice.one(names))
                at = dice.below(len(text) + 1)
                text[at : at + dice.below(2)] = [dice.one(LINES)] * dice.below(2)
            sides.append(text_of(fields, text, how))
        yield tuple(sides)


def edit_field(dice, fields, name) -> None:
    """Give a field another value, another place, or take it away."""
    at = next((at for at, one in enumerate(fields) if one[0] == name), None)
    kind = dice.below(8)
    if at is not None and kind < 5:
        fields[at] = (name, fields[at][1], dice.one(VALUES[name]))
    elif at is not None and kind < 6:
        del fields[at]
    elif at is not None:
        fields.insert(dice.below(len(fields)), fields.pop(at))
    elif kind < 4:
        fields.insert(dice.below(len(fields) + 1), (name, "", dice.one(VALUES[name])))


def digest(version: int, count: int = CASES) -> str:
    """One hash over all results; a conflict counts as one, whatever it says."""
    found = hashlib.sha256()
    for three in corpus(count):
        merged = VERSIONS[version](*three, context())
        found.update(merged if isinstance(merged, bytes) else b"\0conflict")
        found.update(b"\0")
    return found.hexdigest()


@pytest.mark.parametrize("version", sorted(VERSIONS))
def test_results_are_frozen(version):
    assert digest(version) == FROZEN[version]


def test_results_do_not_depend_on_the_process():
    """Sets and dicts come in another order under another hash seed."""
    code = "from tests.unit.test_merge_frozen import digest; print(digest(2, 300))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
        ).stdout
        for seed in ("1", "2", "77")
    }  # fmt: skip
    assert len(found) == 1
    assert found == {digest(2, 300) + "\n"}


def test_the_corpus_holds_conflicts_and_merges():
    kinds = [isinstance(VERSIONS[2](*three, context()), bytes) for three in corpus(300)]
    assert 40 < sum(kinds) < 280


@pytest.mark.parametrize("preset", presets.list_presets())
def test_every_preset_founds_on_the_newest_version(preset):
    text = presets.policy_text(
        space="common", home=".", founder="alice", witness="alice", preset=preset
    )
    assert policyfile.parse(text).merge == max(VERSIONS)
