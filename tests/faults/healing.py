"""Switching off what mends half-done work, to see that the tests would notice."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from gitsync.services import founding, people, proposing, pulling
from gitsync.services.tagkeeping import TagKeeper
from gitsync.services.witness import Witness
from gitsync.storage.worktree import WorkTree

if TYPE_CHECKING:
    from collections.abc import Iterator

# (owner, what mends, what stands in for it)
HEALERS = (
    (TagKeeper, "mend", lambda *_: {}),
    (Witness, "_missing_receipts", lambda *_: []),
    (pulling, "_lost_tags", lambda *_: {}),
    (founding, "_begun", lambda *_: None),
    (people, "_unfinished", lambda *_: False),
    (proposing, "_unchanged", lambda *_: None),
    (WorkTree, "_are_already", lambda *_: False),
)


@contextmanager
def healing(*, on: bool) -> Iterator[None]:
    """With ``on`` False, none of the healers works during the block."""
    with pytest.MonkeyPatch.context() as patch:
        for owner, name, instead in HEALERS if not on else ():
            patch.setattr(owner, name, instead)
        yield
