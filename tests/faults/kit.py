"""Worlds to break things in, and processes that die at a chosen effect."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gitsync.storage import effects
from tests import conftest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gitsync.storage.effects import Effect

# Where syncing costs nothing; a kill takes nothing back that the kernel has.
QUICK = Path("/dev/shm")


@contextmanager
def isolated(home: Path | None = None) -> Iterator[Path]:
    """A folder for worlds, and a HOME in it that knows no key; gone afterwards."""
    where = QUICK if os.access(QUICK, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="gitsync-faults-", dir=where) as folder:
        root = Path(folder)
        with pytest.MonkeyPatch.context() as patch:
            conftest._isolate(patch, home or root / "home")
            patch.setenv("XDG_STATE_HOME", str(root / "work" / "state"))
            yield root


def copy(source: Path, target: Path) -> None:
    """A fresh copy of a world, in place of what was there."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True)


def fingerprint(root: Path) -> set[str]:
    """Every repository's refs with the trees behind them: what two runs must agree on."""
    found: set[str] = set()
    for repo in repositories(root):
        form = "--format=%(refname) %(objecttype) %(tree) %(*tree)"
        done = subprocess.run(
            ["git", "--git-dir", str(repo), "for-each-ref", form],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found |= {f"{repo.relative_to(root)}: {line}" for line in done.stdout.splitlines()}
    return found


def repositories(root: Path) -> list[Path]:
    """The git folders below a folder."""
    found = (objects.parent for objects in sorted(root.rglob("objects")))
    return [one for one in found if (one / "HEAD").exists() and (one / "refs").is_dir()]


@dataclass
class Watch:
    """An observer that writes down each effect that changes something, and may strike at one.

    ``strike`` is called at effect number ``at`` (from 1), before it or ``after`` it.
    """

    at: int = 0
    after: bool = False
    strike: Callable[[], None] | None = None
    seen: list[Effect] = field(default_factory=list)

    def __call__(self, effect: Effect, act: Callable[[], object]) -> object:
        if effect.kind == "ask":
            return act()
        self.seen.append(effect)
        due = len(self.seen) == self.at and self.strike is not None
        if due and not self.after:
            self.strike()
        done = act()
        if due and self.after:
            self.strike()
        return done


def trace(work: Callable[[], object]) -> list[Effect]:
    """The effects of a run, in order."""
    watch = Watch()
    with effects.observed(watch):
        work()
    return watch.seen


def die() -> None:
    """End this process as ``kill -9`` does."""
    os.kill(os.getpid(), signal.SIGKILL)


def forked(work: Callable[[], object]) -> int:
    """Run ``work`` in a child; how it ended: 0, 1 for an error, or minus the signal."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException as error:  # noqa: BLE001 - nothing of the caller may run on here
            os.write(2, f"{error!r}\n".encode())
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def killed_at(work: Callable[[], object], at: int, *, after: bool) -> bool:
    """Run ``work`` in a child that is killed at an effect. False: it ended before it came there."""

    def dying() -> None:
        with effects.observed(Watch(at, after, die)):
            work()

    ended = forked(dying)
    if ended not in (0, -signal.SIGKILL):
        raise AssertionError(f"the child ended with {ended} before it was killed")
    return ended != 0
