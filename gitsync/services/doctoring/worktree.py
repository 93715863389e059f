"""Git's own index of a work tree, which git refuses to work without once it is torn."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gitsync.services.doctoring.finding import Finding, Kind, Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitsync.services.doctoring.examination import Examination

AREA = "repository"


def index(exam: Examination) -> Iterator[Finding]:
    """The index can be read. It is made anew from HEAD; files are never touched."""
    path = exam.place.git_dir / "index"
    if exam.place.work_tree is None or not path.exists():
        return
    done = exam.place.run("ls-files", "--stage", "-z")
    if path.stat().st_size == 0 or (done.code != 0 and "index" in done.err):
        yield Finding(
            AREA, "git-index.torn", Kind.TORN,
            f"{exam.place.short(path)} cannot be read, and git needs it", str(path),
            f"rm {path} && git read-tree HEAD",
            Remedy("make it anew from HEAD", partial(_anew, exam, path)), blocks=True,
        )  # fmt: skip


def _anew(exam: Examination, path: Path) -> str:
    kept = exam.put_away(path)
    done = exam.place.run("read-tree", "HEAD")
    if done.code != 0:
        return f"git could not make it: {done.err.strip()[-160:]}"
    exam.place.run("update-index", "-q", "--refresh")
    return f"made anew; git add again what was staged (the torn file is {kept})"
