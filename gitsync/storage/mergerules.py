"""The merge driver's view of a repository: found and read without libgit2, whose import alone
would take longer than most merges."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from gitsync.codec import mergerules
from gitsync.domain.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitsync.codec.mergerules import MergeRules

_FILE = "merge-rules.json"

#: The environment variable that names a file for notes: the driver that git calls writes a line as
#: it begins and one as it ends, so that one which was killed can be told from one with a conflict.
NOTES = "GITSYNC_MERGES"
BEGUN, ENDED = "begun", "ended"


def state_dir(cwd: Path, env: Mapping[str, str]) -> Path | None:
    """Our folder in the repository that git runs a driver in, None outside of one."""
    given = env.get("GIT_DIR")
    folders = [cwd / given] if given else [one / ".git" for one in (cwd, *cwd.parents)]
    for folder in folders:
        git_dir = folder
        if git_dir.is_file():
            link = git_dir.read_text("utf-8", "surrogateescape").removeprefix("gitdir:").strip()
            git_dir = folder.parent / link
        if (git_dir / "HEAD").is_file():
            common = git_dir / "commondir"
            if common.is_file():
                git_dir = git_dir / common.read_text("utf-8", "surrogateescape").strip()
            return git_dir / "gitsync"
    return None


def read_rules(folder: Path) -> MergeRules | None:
    """The stored rules if they are those of the verified position; None if not, or unreadable."""
    try:
        found = mergerules.load((folder / _FILE).read_bytes())
        position = json.loads((folder / f"position-{found.space}.json").read_bytes())
        current = position["commit"] == found.commit
    except (OSError, ValueError, KeyError, TypeError, FormatError):
        return None
    return found if current else None


def write_rules(folder: Path, found: MergeRules) -> None:
    """Store the rules, unless they are there already. A cache: not synced."""
    from gitsync.storage.durable import write_atomic

    data = mergerules.dump(found)
    path = folder / _FILE
    try:
        if path.read_bytes() == data:
            return
    except OSError:
        pass
    write_atomic(path, data, sync=False)
