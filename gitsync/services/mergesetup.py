"""Setting git up to merge artifacts as the witness does, and telling its driver by which rules."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.codec.mergerules import MergeRules
from gitsync.domain.merge.rules import Rules
from gitsync.services.clonesetup import is_linked
from gitsync.storage.durable import make_folder, write_atomic
from gitsync.storage.mergerules import BEGUN, NOTES, write_rules

if TYPE_CHECKING:
    from gitsync.domain.ports import Settings
    from gitsync.services.workspace import Workspace
    from gitsync.storage.repository import Repository

_ATTRIBUTES = (
    "*.[mM][dD] merge=gitsync\n"
    "*.[mM][aA][rR][kK][dD][oO][wW][nN] merge=gitsync\n"
)  # fmt: skip
_ARGUMENTS = "%O %A %B %P %L %S %X %Y"


def driver_command() -> str:
    """The shell command for ``merge.gitsync.driver``.

    It names this installation by its full path, so that PATH does not matter, and merges by git's
    own text merge where the installation is gone: git would take the file as it is otherwise. So it
    would, without a marker, where the driver is killed: then the text merge is a conflict.

    Each call is noted in the file that NOTES names, if there is one.
    """
    script = Path(sys.executable).with_name("gitsync")
    python = shlex.quote(sys.executable)
    # -P keeps a file of the ledger from being imported in the place of a module.
    call = shlex.quote(str(script)) if script.exists() else f"{python} -P -m gitsync"
    there = shlex.quote(str(script if script.exists() else sys.executable))
    # Git reads % as the beginning of a placeholder.
    call, there = call.replace("%", "%%"), there.replace("%", "%%")
    text = "git merge-file -q --marker-size=%L %A %O %B"
    return (
        f'if test -x {there}; then test -z "${NOTES}" || echo {BEGUN} >>"${NOTES}";'
        f" {call} merge-driver {_ARGUMENTS}; code=$?; test $code -le 1 && exit $code;"
        " echo gitsync: %P: the merge driver ended with $code, this is a merge of text >&2;"
        f" {text}; exit 1; else {text}; fi"
    )


def register(repo: Repository) -> None:
    """Make git merge Markdown files by ``gitsync merge-driver`` in this clone.

    Beside code it is said for the ledger's own work tree alone.
    """
    if repo.work_tree is None:
        return
    linked = is_linked(repo)
    settings = {
        "merge.gitsync.name": "gitsync: Markdown by fields and blocks",
        "merge.gitsync.driver": driver_command(),
    }
    if linked:
        # git shares info/attributes among all work trees, the code's too.
        path = repo.state_dir / "attributes"
        settings["core.attributesFile"] = str(path.resolve())
    else:
        path = repo.common_dir / "info" / "attributes"
    for key, value in settings.items():
        if repo.config(key) != value:
            repo.set_config(key, value, worktree=linked)
    make_folder(path.parent)
    text = path.read_text("utf-8", "surrogateescape") if path.exists() else ""
    missing = [line for line in _ATTRIBUTES.splitlines() if line not in text.splitlines()]
    if missing:
        start = text if not text or text.endswith("\n") else f"{text}\n"
        lines = "".join(f"{line}\n" for line in missing)
        write_atomic(path, (start + lines).encode("utf-8", "surrogateescape"))


def renew(repo: Repository) -> None:
    """Register the driver anew where it is registered with another installation's path."""
    found = repo.config("merge.gitsync.driver")
    if found is not None and found != driver_command():
        register(repo)


def remember_rules(ws: Workspace, commit: str, settings: Settings) -> MergeRules:
    """Keep for the driver what policy and schema say at a verified snapshot."""
    found = MergeRules(ws.space, commit, settings.policy.merge, Rules.of(settings.schema))
    write_rules(ws.repo.state_dir, found)
    return found


def current_rules(ws: Workspace) -> MergeRules:
    """The rules at the verified position, kept anew. Raises as ``ws.settings`` does."""
    return remember_rules(ws, ws.verified().commit, ws.settings())
