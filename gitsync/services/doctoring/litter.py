"""What dead processes leave: lock files, unfinished files, merges that wait for their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import RefusedError
from gitsync.services.doctoring.examination import BLIND_LOCK_SECONDS
from gitsync.services.doctoring.finding import Finding, Kind, Remedy
from gitsync.storage.durable import remove_tree
from gitsync.storage.leftovers import age, lock_files, unfinished, users
from gitsync.storage.worktree import UNFINISHED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitsync.services.doctoring.examination import Examination
    from gitsync.storage.leftovers import Users

AREA = "after a crash"
_DRAFTS = "refs/gitsync/founding/"


def locks(exam: Examination) -> Iterator[Finding]:
    """A ``.lock`` that nobody holds keeps every git out until it is gone."""
    found = lock_files(exam.place)
    who = users(exam.place, found) if found else None
    for path in found:
        assert who is not None  # noqa: S101 - found is not empty
        name = exam.place.short(path)
        busy = _in_use(exam, path, who)
        if busy is not None:
            yield Finding(AREA, "lock.in-use", Kind.NOTE, f"{name}: {busy}", name)
            continue
        yield Finding(
            AREA, "lock.stale", Kind.STALE, f"{name}: no process holds it, and it keeps git out",
            name, f"rm {path}",
            Remedy("move it away", lambda p=path: _drop_lock(exam, p)),  # type: ignore[misc]
        )  # fmt: skip


def _in_use(exam: Examination, path: Path, who: Users) -> str | None:
    """Why a file may still be needed, or None."""
    holder = who.holders.get(path.resolve())
    if holder is not None:
        return f"process {holder} has it open"
    if who.gits:
        # Git closes some of its locks while it waits for an editor or a hook.
        return f"git is at work here (process {who.gits[0]})"
    bound = exam.options.lock_seconds
    if who.blind:
        bound = max(bound, BLIND_LOCK_SECONDS)
    old = age(path, exam.host.now())
    return f"it is only {max(0, int(old))} s old; look again later" if old < bound else None


def _drop_lock(exam: Examination, path: Path) -> str:
    who = users(exam.place, [path])
    busy = _in_use(exam, path, who)  # somebody may have come meanwhile
    if busy is not None:
        raise RefusedError("lock.in-use", f"left alone: {busy}")
    return f"moved to {exam.put_away(path)}"


def temporary(exam: Examination) -> Iterator[Finding]:
    """Unfinished files take room and nothing else; git sweeps most of them after two weeks."""
    found = unfinished(exam.place)
    who = users(exam.place, found) if found else None
    left = [one for one in found if who is not None and _in_use(exam, one, who) is None]
    if left:
        count = len(left)
        yield Finding(
            AREA, "files.unfinished", Kind.HALF_DONE,
            f"{count} unfinished file{'s' if count > 1 else ''} of processes that died, such as"
            f" {exam.place.short(left[0])}",
            mend="git gc", remedy=Remedy("move them away", lambda: _sweep(exam, left)),
        )  # fmt: skip


def _sweep(exam: Examination, left: list[Path]) -> str:
    for one in left:
        if one.name.startswith("scratch-"):
            remove_tree(one)  # a copy of what a remote has
        elif one.exists():
            exam.put_away(one)
    return f"moved {len(left)} below {exam.place.short(exam.place.damaged_dir)}"


def merges(exam: Examination) -> Iterator[Finding]:
    """A merge or rebase that git waits for the end of, and a founding that was cut off."""
    waiting = [name for name in UNFINISHED if (exam.place.git_dir / name).exists()]
    if waiting:
        yield Finding(
            AREA, "merge.unfinished", Kind.HALF_DONE,
            f"git is in the middle of something here ({waiting[0]})", mend="git status says how"
            " to finish it or to call it off",
        )  # fmt: skip
    from gitsync.storage.refhealth import all_refs

    if any(ref.startswith(_DRAFTS) for ref in all_refs(exam.place.common_dir)):
        yield Finding(
            AREA, "founding.unfinished", Kind.HALF_DONE,
            "the ledger was signed here, and its founding did not come to its end",
            mend="run the same gitsync init again",
        )  # fmt: skip
