"""The ground: git itself, the repository's format, the disk, HEAD."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError
from gitsync.services.doctoring.finding import Finding, Kind, Remedy
from gitsync.storage import gitcli
from gitsync.storage.place import free_bytes, head_fault, write_fault, write_head
from gitsync.storage.positions import state_home
from gitsync.storage.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitsync.services.doctoring.examination import Examination

AREA = "repository"
OLDEST_GIT = (2, 34)
LEAST_FREE = 64 << 20  # bytes


def tools(_exam: Examination) -> Iterator[Finding]:
    """Git is new enough, and ``ssh-keygen`` is there for keys that only it can use."""
    said = gitcli.text(["version"])
    found = re.search(r"(\d+)\.(\d+)", said)
    if found is not None and (int(found[1]), int(found[2])) < OLDEST_GIT:
        yield Finding(
            AREA, "git.old", Kind.WRONG, f"{said} is too old; gitsync needs 2.34 or newer",
            mend="install a newer git",
        )  # fmt: skip
    if shutil.which("ssh-keygen") is None:
        yield Finding(
            AREA, "ssh.missing", Kind.MISSING,
            "there is no ssh-keygen: stock git can neither sign nor check signatures",
            mend="install OpenSSH 8.9 or newer",
        )  # fmt: skip


def disk(exam: Examination) -> Iterator[Finding]:
    """Something can be written, in the repository and in the user's folder for positions."""
    own = state_home(exam.host.env, exam.host.home)
    for folder in (exam.place.common_dir, own):
        why = write_fault(folder)
        if why is not None:
            yield Finding(
                AREA, "disk.unwritable", Kind.WRONG, f"nothing can be written to {folder}: {why}",
                str(folder), mend=f"check the disk and who owns it: ls -ld {folder}",
            )  # fmt: skip
        elif free_bytes(folder) < LEAST_FREE:
            left = free_bytes(folder) >> 20
            yield Finding(
                AREA, "disk.nearly-full", Kind.WRONG,
                f"only {left} MB are left on the disk of {folder}",
                str(folder), mend="free some space before you go on",
            )  # fmt: skip


def head(exam: Examination) -> Iterator[Finding]:
    """HEAD names a branch. Torn, git says that there is no repository."""
    place = exam.place
    for folder in place.git_dirs():
        why = head_fault(folder)
        if why is None:
            continue
        own = exam.branch if folder == place.git_dir else None
        branch = own or ("refs/heads/common" if place.work_tree is None else None)
        remedy = None
        if branch is not None:
            remedy = Remedy(f"point it to {branch}", lambda f=folder, b=branch: _point(exam, f, b))  # type: ignore[misc]
        yield Finding(
            AREA, "head.torn", Kind.TORN, f"{place.short(folder / 'HEAD')}: {why}",
            str(folder), f"git symbolic-ref HEAD {branch or 'refs/heads/BRANCH'}",
            remedy, blocks=folder == place.git_dir,
        )  # fmt: skip


def _point(exam: Examination, folder: Path, branch: str) -> str:
    if (folder / "HEAD").exists():
        exam.put_away(folder / "HEAD")
    write_head(folder, branch)
    return f"HEAD points to {branch}"


def readable(exam: Examination) -> Iterator[Finding]:
    """The repository has a format that gitsync reads: SHA-1, refs as files, all of its history."""
    config = exam.place.common_dir / "config"
    if not config.is_file() or config.stat().st_size == 0:
        yield Finding(
            AREA, "config.torn", Kind.TORN,
            "the repository's configuration is gone: who you are here, remote, anchor", blocks=True,
            mend="git config --local --list shows what is left\n"
            "make a new clone beside it: gitsync join URL DIR --name YOU",
        )  # fmt: skip
        return
    try:
        Repository.open(exam.place.work_tree or exam.place.git_dir)
    except GitsyncError as error:
        yield Finding(AREA, error.code, Kind.WRONG, error.message, mend=error.hint, blocks=True)
