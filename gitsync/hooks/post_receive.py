"""``post-receive`` of a home: keeps what ``pre-receive`` has proven, once the refs have moved.

The shim starts it only where a push has moved the ledger's own refs. Being killed before it ran
costs nothing but time: the next push is proven from the position before.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError
from gitsync.domain.names import LOCKS_REF, receipts_ref, space_branch
from gitsync.hooks.pre_receive import read_updates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def run(lines: Iterable[str], git_dir: Path, env: Mapping[str, str], now: int) -> None:
    """Store the position that the updates in ``lines`` have brought the home to."""
    from gitsync.services.barehome import BareHome

    home = BareHome.open(git_dir, env)
    moved = {one.ref: one.new for one in read_updates(lines) if one.new is not None}
    with home.store:
        home.record(
            moved, branch=space_branch(home.space), receipts=receipts_ref(home.space),
            locks=LOCKS_REF, now=now,
        )  # fmt: skip


def entry(_args: Sequence[str]) -> int:
    """The hook as a process. Git ignores its exit code; the pusher sees what it says."""
    try:
        run(sys.stdin, Path.cwd(), os.environ, int(time.time()))
    except GitsyncError as error:
        sys.stderr.write(f"gitsync: the home's position was not stored: {error} ({error.code})\n")
        return 1
    return 0
