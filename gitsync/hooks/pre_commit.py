"""``pre-commit``: what is staged, before it is a commit (githooks(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.hooks.words import tell, with_ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

_LAST = ("Nothing was committed. To commit all the same: git commit --no-verify",)


def entry(_args: Sequence[str]) -> int:
    """The hook as a process; returns its exit code."""
    from gitsync.services.staged import check_staged

    return tell("this commit", lambda: with_ledger(check_staged), _LAST)
