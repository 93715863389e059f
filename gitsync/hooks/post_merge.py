"""``post-merge SQUASH``: what a merge has brought (githooks(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.hooks.words import tell, with_ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitsync.services.hookledger import Finding, HookLedger


def entry(_args: Sequence[str]) -> int:
    """The hook as a process; git ignores its exit code."""
    tell("what was merged", lambda: with_ledger(_since_before))
    return 0


def _since_before(ledger: HookLedger) -> list[Finding]:
    from gitsync.services.notices import notices

    before, head = ledger.repo.commit("ORIG_HEAD"), ledger.repo.head
    return notices(ledger, before, head) if before is not None and head is not None else []
