"""Uncommitted work put aside while the files move, and brought back afterwards (git-stash(1)).

The work is a stash commit on a ref of this work tree's own, set before a single file changes and
deleted after the last one is back. Whatever kills a run in between, the next one finds the ref and
goes on from what the files show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, RefusedError
from gitsync.domain.objects import Oid
from gitsync.storage import effects, gitcli

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.storage.repository import Repository

# Refs below refs/worktree/ belong to one work tree alone (gitrepository-layout).
_REF = "refs/worktree/gitsync/autostash"


class Autostash:
    """Puts tracked changes of one work tree aside. Untracked files stay where they are."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo

    def held(self) -> Oid | None:
        """The stash commit of a run that has not brought its work back yet."""
        done = self._repo.git("rev-parse", "--verify", "--quiet", _REF, check=False)
        return Oid(done.out.decode().strip()) if done.code == 0 else None

    def put_aside(self) -> bool:
        """Keep all tracked changes and make the files those of HEAD; False if there are none.

        Raises EnvironmentFault ``stash.failed``; nothing has changed then.
        """
        made = self._repo.git(*gitcli.SYNCED, "stash", "create", "gitsync: autostash", check=False)
        oid = made.out.decode().strip()
        if made.code != 0:
            raise EnvironmentFault(
                "stash.failed", f"git could not put your changes aside: {made.err.strip()[-300:]}"
            )
        if not oid:
            return False
        self._repo.git(*gitcli.SYNCED, "update-ref", "--create-reflog", _REF, oid)
        self._repo.git("reset", "--quiet", "--hard")
        return True

    def bring_back(self) -> None:
        """Put the work that was set aside on top of the files as they are now.

        Raises RefusedError ``stash.conflict`` where it does not fit: then it is in git's list of
        stashes, and the files show the conflict.
        """
        oid = self.held()
        if oid is None:
            return
        done = self._repo.git("stash", "apply", "--quiet", "--index", oid, check=False)
        if done.code != 0:
            # What was staged may not fit where the files do.
            done = self._repo.git("stash", "apply", "--quiet", oid, check=False)
        if done.code != 0:
            self._repo.git(*gitcli.SYNCED, "stash", "store", "-m", "gitsync: autostash", oid)
            self._forget(oid)
            raise RefusedError(
                "stash.conflict",
                "your uncommitted changes do not fit on top of what was pulled",
                hint="settle the conflicts in the files: git status lists them\n"
                "the changes as they were are kept: git stash list",
            )
        self._forget(oid)

    def recover(self) -> bool:
        """Bring back what a run that was cut off had put aside; False if there is nothing.

        Such a run has changed files only to what HEAD or the stash holds. Raises RefusedError
        ``stash.pending`` where somebody has edited them since: nothing is overwritten.
        """
        oid = self.held()
        if oid is None:
            return False
        unlike_stash = self._differing(oid)
        if not unlike_stash:  # it was cut off before it took anything away, or after the return
            self._forget(oid)
            return True
        edited = unlike_stash & self._differing("HEAD")
        if edited and (edited := self._unlike_applied(oid, edited)):
            raise RefusedError(
                "stash.pending",
                "an earlier run put uncommitted changes aside and was cut off, and these files"
                f" were edited since: {', '.join(sorted(edited)[:5])}",
                hint=f"see what was put aside: git stash show -p {oid[:12]}\n"
                f"put it back:             git stash apply {oid[:12]}\n"
                f"and when it is there:    git update-ref -d {_REF}",
            )
        self._repo.git("reset", "--quiet", "--hard")
        self.bring_back()
        return True

    def _unlike_applied(self, oid: Oid, files: set[str]) -> set[str]:
        """Those of ``files`` that are not what applying the stash to HEAD makes of them."""
        root = self._repo.work_tree
        if root is None:
            return files
        with effects.scratch() as folder:
            there = folder / "files"
            self._repo.git("worktree", "add", "--quiet", "--detach", str(there), "HEAD")
            try:
                gitcli.run(["stash", "apply", "--quiet", oid], cwd=there, check=False)
                return {name for name in files if _content(root / name) != _content(there / name)}
            finally:
                self._repo.git("worktree", "remove", "--force", str(there))

    def _differing(self, commit: str) -> set[str]:
        out = self._repo.git("diff", "--name-only", "-z", "--no-ext-diff", commit, "--").out
        return {name for name in out.decode("utf-8", "surrogateescape").split("\0") if name}

    def _forget(self, oid: Oid) -> None:
        self._repo.git("update-ref", "-d", _REF, oid)


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
