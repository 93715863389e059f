"""Helpers of the people's side: stock git beside the tool, and processes that die on the way."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from gitsync.storage import gitcli

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

KILLED = 99
# Before these nothing has changed since the step before.
_READING = frozenset(
    {"for-each-ref", "ls-remote", "rev-parse", "status", "ls-files", "hash-object", "write-tree"}
)


def git(folder: Path, *args: str, check: bool = True) -> str:
    """Stock git in a folder, as its user would run it; returns what it prints."""
    done = subprocess.run(
        ["git", *args], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0 or not check, f"git {args}: {done.stderr}"
    return done.stdout.rstrip("\n")


def dies_at(step: int, work: Callable[[], object]) -> bool:
    """Run ``work`` in a child that is gone at once when it comes to its git process or sync number
    ``step`` (counted from 1). Returns whether it came that far; False: it had finished before."""
    child = os.fork()
    if child == 0:
        with pytest.MonkeyPatch.context() as patch:
            _arm(patch, step)
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - nothing of the test may run on here
                os.write(2, f"{error!r}\n".encode())
                os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, KILLED), f"step {step}: the child ended with {code}"
    return code == KILLED


def _arm(patch: pytest.MonkeyPatch, step: int) -> None:
    count = 0
    run, sync = gitcli.run, os.fsync

    def next_step() -> None:
        nonlocal count
        count += 1
        if count == step:
            os._exit(KILLED)

    def armed_run(args: Sequence[str], **more: object) -> object:
        if not _READING.intersection(args):
            next_step()
        return run(args, **more)

    def armed_sync(fd: int) -> None:
        next_step()
        sync(fd)

    patch.setattr(gitcli, "run", armed_run)
    patch.setattr(os, "fsync", armed_sync)
