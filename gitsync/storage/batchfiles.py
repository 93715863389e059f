"""Many files put in place together: all of them are on disk before the first one takes its name."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from gitsync.domain.errors import BugError, RefusedError
from gitsync.storage.durable import TEMPORARY, fsync_dir, reporting, sync_file, write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def put_files(files: Mapping[Path, tuple[bytes | None, bytes]]) -> None:
    """Put files in place: path -> (what stands there now or None, what shall stand there).

    Nothing has changed when an error is raised before the first file moves: RefusedError
    ``file.changed`` where something else stands there by now, EnvironmentFault where the disk
    fails. A run that is killed while files move leaves whole files, some old and some new, and is
    completed by running it again. All is read back and survives a power cut once this returns.
    """
    waiting: dict[Path, Path] = {}
    for folder in {path.parent for path in files}:
        sweep(folder)
    try:
        for path, (_, new) in files.items():
            with reporting(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary = path.with_name(f"{TEMPORARY}{os.getpid()}_{os.urandom(6).hex()}")
                write_whole(temporary, new, 0o644, sync=False)
            waiting[path] = temporary
        for path, temporary in waiting.items():
            with reporting(path):
                sync_file(temporary)
        for path, (old, _) in files.items():
            _check_unchanged(path, old)
        for path in files:
            with reporting(path):
                waiting.pop(path).replace(path)
    finally:
        for temporary in waiting.values():
            with suppress(OSError):
                temporary.unlink()
    for folder in {path.parent for path in files}:
        fsync_dir(folder)
    for path, (_, new) in files.items():
        if path.read_bytes() != new:
            raise BugError("file.not-written", f"{path} does not read back as written")


def _check_unchanged(path: Path, old: bytes | None) -> None:
    try:
        now: bytes | None = path.read_bytes()
    except FileNotFoundError:
        now = None
    if now != old:
        raise RefusedError(
            "file.changed", f"{path} was changed meanwhile; nothing has been written",
            hint="run it again",
        )  # fmt: skip


def sweep(folder: Path) -> None:
    """Remove what a run that was killed has left unfinished in ``folder``: git would add it to a
    proposal, and people would wonder."""
    for path in folder.glob(f"{TEMPORARY}*_*"):
        pid = path.name.removeprefix(TEMPORARY).partition("_")[0]
        if pid.isdigit() and not _is_alive(int(pid)):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
