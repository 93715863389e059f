"""Many files put in place together: all of them are on disk before the first one takes its name."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from gitsync.domain.errors import BugError, EnvironmentFault, RefusedError
from gitsync.storage.durable import (
    TEMPORARY,
    make_folder,
    remove_file,
    remove_tree,
    rename_file,
    sync_file,
    sync_folder,
    write_whole,
)

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
            make_folder(path.parent)
            temporary = path.with_name(f"{TEMPORARY}{os.getpid()}_{os.urandom(6).hex()}")
            write_whole(temporary, new)
            waiting[path] = temporary
        for temporary in waiting.values():
            sync_file(temporary)
        for path, (old, _) in files.items():
            _check_unchanged(path, old)
        for path in files:
            rename_file(waiting.pop(path), path)
    finally:
        for temporary in waiting.values():
            with suppress(EnvironmentFault):
                remove_file(temporary)
    for folder in {path.parent for path in files}:
        sync_folder(folder)
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
                remove_tree(path)
            else:
                remove_file(path)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
