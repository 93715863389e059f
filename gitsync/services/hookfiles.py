"""Files of hooks: ours and those of others, so that one of them stands there at every moment."""

from __future__ import annotations

import os
from pathlib import Path

from gitsync.domain.errors import EnvironmentFault, RefusedError
from gitsync.storage.durable import add_name, move_file, remove_file, write_atomic

BEFORE = ".before-gitsync"
#: Where the pre-commit framework puts a hook that it found, and runs it first.
LEGACY = ".legacy"
SHIMS = Path(__file__).parents[1] / "hooks" / "shims"


def write_hook(path: Path, text: bytes) -> None:
    """Put a hook of ours at ``path``, unless it is there already."""
    if not (is_ours(path) and path.read_bytes() == text and os.access(path, os.X_OK)):
        write_atomic(path, text, mode=0o755)


def keep(hook: Path) -> None:
    """Give another one's hook its second name, under which ours will run it.

    Raises EnvironmentFault ``hooks.two-before`` where that name is taken by yet another one.
    """
    before = hook.with_name(hook.name + BEFORE)
    if exists(before):
        if is_ours(hook) or _same(hook, before):
            return  # a run that was cut off, or one beside this, came this far
        raise EnvironmentFault(
            "hooks.two-before",
            f"{hook} was replaced after gitsync had put its own there, and {before.name} still"
            " holds an older one",
            hint=f"keep one of them: rm {before}   (or: mv {before} {hook})\ngitsync hooks install",
        )
    try:
        add_name(hook, before)
    except RefusedError:
        keep(hook)  # another run was faster


def restore(hook: Path) -> None:
    """Take our hook away, and put the one back that was there before it."""
    before = hook.with_name(hook.name + BEFORE)
    ours = legacy(hook) if is_ours(legacy(hook)) else hook
    if exists(before):
        if is_ours(ours) or not exists(ours):
            move_file(before, ours)
        elif _same(ours, before):
            remove_file(before)
    elif is_ours(ours):
        remove_file(ours)


def quoted(text: str) -> str:
    """A text as one word of a shell."""
    return "'" + text.replace("'", "'\\''") + "'"


def legacy(hook: Path) -> Path:
    """Where the pre-commit framework keeps a hook that it found."""
    return hook.with_name(hook.name + LEGACY)


def exists(path: Path) -> bool:
    """Whether anything has this name, also a link to nowhere."""
    return path.exists() or path.is_symlink()


def _same(one: Path, other: Path) -> bool:
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return one.samefile(other) or one.read_bytes() == other.read_bytes()


def is_ours(path: Path) -> bool:
    """Whether the hook at ``path`` is one that we put there."""
    try:
        with path.open("rb") as file:
            return b"\n# gitsync: " in file.read(200)
    except OSError:
        return False
