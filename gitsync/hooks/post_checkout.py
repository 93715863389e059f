"""``post-checkout OLD NEW BRANCH``: what another version has brought (githooks(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.objects import Oid
from gitsync.hooks.words import tell, with_ledger

if TYPE_CHECKING:
    from collections.abc import Sequence


def entry(args: Sequence[str]) -> int:
    """The hook as a process. Git would take its exit code for the checkout's: always 0."""
    from gitsync.services.notices import notices

    if len(args) >= 2:
        old, new = Oid(args[0]), Oid(args[1])
        tell("what was checked out", lambda: with_ledger(lambda one: notices(one, old, new)))
    return 0
