"""Run the checks in order, mend where asked to, and look again at what was mended.

A stage that leaves something open that would mislead or hang the next ones ends the run: libgit2
does not return from a torn object, and a ledger cannot be judged by refs that are gone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError
from gitsync.domain.frozen import frozen
from gitsync.services.doctoring import (
    disk,
    guard,
    home,
    litter,
    position,
    refs,
    setup,
    store,
    worktree,
)  # fmt: skip
from gitsync.services.doctoring.examination import DoctorOptions, Examination
from gitsync.services.doctoring.finding import Finding, Kind, State

if TYPE_CHECKING:
    from gitsync.services.host import Host

Check = Callable[[Examination], Iterable[Finding]]
ROUNDS = 4

STAGES: tuple[tuple[str, tuple[Check, ...]], ...] = (
    ("git and the disk", (disk.tools, disk.disk, disk.head)),
    ("the repository's format", (disk.readable,)),
    ("packed refs", (litter.locks, refs.packed)),
    ("objects", (worktree.index, store.loose, store.packs)),
    ("refs", (refs.torn, refs.gone)),
    ("what refs reach", (store.complete, refs.hollow)),
    ("leftovers", (litter.temporary, litter.merges)),
    ("the stored position", (setup.ledger, position.stored)),
    ("the set-up", (setup.key, setup.pin, position.follows, position.index)),
    ("what the home had", (home.rolled_back,)),
    ("the home", (home.own_tags, home.agrees)),
    ("protection", (guard.protection,)),
    ("everything again", (home.everything,)),
)  # fmt: skip


@frozen
class Report:
    """What was found, in the order of the checks. ``skipped`` names what was not looked at."""

    findings: tuple[Finding, ...]
    skipped: tuple[str, ...]

    @property
    def faults(self) -> int:
        """How many findings are wrong and still so."""
        return sum(one.is_fault for one in self.findings)


def examine(host: Host, options: DoctorOptions) -> Report:
    """Look at the clone that the host's folder lies in, and at its home.

    Raises EnvironmentFault ``repo.missing`` or ``git.missing``; all else is a finding.
    """
    exam = Examination.begin(host, options)
    findings: list[Finding] = []
    try:
        for at, (_, checks) in enumerate(STAGES):
            for check in checks:
                findings += _run(exam, check)
            if any(one.blocks and one.is_fault for one in findings):
                return Report(tuple(findings), tuple(name for name, _ in STAGES[at + 1 :]))
    finally:
        exam.close()
    return Report(tuple(findings), ())


def _run(exam: Examination, check: Check) -> list[Finding]:
    found = _look(exam, check)
    if not exam.options.fix:
        return found
    tried: dict[tuple[str, str], Finding] = {}
    for _ in range(ROUNDS):
        fixable = [one for one in found if one.remedy is not None and one.key not in tried]
        if not fixable:
            break
        for one in fixable:
            tried[one.key] = _mend(one)
        found = _look(exam, check)
    left = {one.key for one in found}
    settled = [
        replace(one, state=State.MENDED)
        if one.state is State.OPEN and key not in left
        else replace(one, state=State.FAILED)
        for key, one in tried.items()
    ]
    return settled + [one for one in found if one.key not in tried]


def _mend(one: Finding) -> Finding:
    """Apply a remedy. What stopped counts as failed, whatever a second look shows."""
    assert one.remedy is not None  # noqa: S101 - only such findings get here
    try:
        return replace(one, done=one.remedy.apply())
    except GitsyncError as error:
        return replace(one, state=State.FAILED, done=f"failed: {error.message}")
    except OSError as error:
        return replace(one, state=State.FAILED, done=f"failed: {error.strerror or error}")


def _look(exam: Examination, check: Check) -> list[Finding]:
    """A check's findings; what stops a check is itself one."""
    found: list[Finding] = []
    try:
        found.extend(check(exam))
    except GitsyncError as error:
        found.append(
            Finding("other", error.code, Kind.WRONG, error.message, mend=error.hint, blocks=True)
        )
    except OSError as error:
        what = f"{error.filename or 'a file'}: {error.strerror or error}"
        found.append(Finding("other", "file.unreadable", Kind.WRONG, what, what, blocks=True))
    return found
