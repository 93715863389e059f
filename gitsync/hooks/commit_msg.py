"""``commit-msg FILE``: trailers that gitsync would read (githooks(5))."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.hooks.words import tell, with_ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitsync.services.hookledger import Finding


def entry(args: Sequence[str]) -> int:
    """The hook as a process; returns its exit code."""
    from gitsync.services.messages import check_message

    def check() -> list[Finding]:
        text = Path(args[0]).read_bytes()
        return with_ledger(lambda ledger: check_message(ledger, text))

    return tell("this message", check, (f"Nothing was committed. The message is in {args[0]}",))
