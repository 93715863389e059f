"""``pre-push REMOTE URL``: what goes to a ledger's refs (githooks(5)).

Standard input has a line for each ref. The pre-commit framework reads those lines itself and says
in variables what they held.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from gitsync.hooks.words import tell
from gitsync.storage.refs import ZERO

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gitsync.services.hookledger import Finding

_LAST = ("Nothing was sent. To push all the same: git push --no-verify",)


def entry(args: Sequence[str]) -> int:
    """The hook as a process; returns its exit code."""
    lines = list(_of_framework(os.environ) or sys.stdin)
    return tell("this push", lambda: _check(lines, args[0] if args else "REMOTE"), _LAST)


def _check(lines: Iterable[str], remote: str) -> list[Finding]:
    import time

    from gitsync.services.host import Host
    from gitsync.services.outgoing import check_outgoing, read_updates
    from gitsync.services.workspace import Workspace
    from gitsync.storage.stock import hook_start, this_place

    cwd, env, home = this_place()
    host = Host(
        cwd=hook_start(cwd, env), env=env, home=home, now=time.time, random=os.urandom,
        sleep=time.sleep, monotonic=time.monotonic,
    )  # fmt: skip
    ws = Workspace.open(host)
    if ws.domain is None or ws.anchor is None:
        return []
    return check_outgoing(ws, read_updates(lines), remote)


def _of_framework(env: Mapping[str, str]) -> list[str]:
    """One line as git would have given it, where the framework has taken it."""
    ref = env.get("PRE_COMMIT_REMOTE_BRANCH")
    if not ref:
        return []
    local = env.get("PRE_COMMIT_LOCAL_BRANCH", "HEAD")
    new, old = env.get("PRE_COMMIT_TO_REF", ZERO), env.get("PRE_COMMIT_FROM_REF", ZERO)
    return [f"{local} {new} {ref} {old}\n"]
