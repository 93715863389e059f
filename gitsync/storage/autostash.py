"""Uncommitted work put aside while the files move, and brought back afterwards (git-stash(1)).

The work is a stash commit on a ref of this work tree's own, on disk before a single file changes
and deleted after the last one is back there. A second ref says where the files were to move.
Whatever cuts a run off in between, the next one finds the first ref, and tells from the files what
git was writing and what somebody has edited since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import BugError, EnvironmentFault, RefusedError
from gitsync.domain.objects import Oid
from gitsync.storage import effects, gitcli
from gitsync.storage.apart import LOOSE, apart
from gitsync.storage.durable import remove_file, sync_folder, sync_written
from gitsync.storage.mergerules import BEGUN, ENDED, NOTES
from gitsync.storage.refs import Refs
from gitsync.storage.remnants import Versions, content
from gitsync.storage.worktree import sync_names

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.storage.repository import Repository

# Refs below refs/worktree/ belong to one work tree alone (gitrepository-layout).
_WORK = "refs/worktree/gitsync/autostash"
_TARGET = "refs/worktree/gitsync/autostash-to"


class Autostash:
    """Puts tracked changes of one work tree aside. Untracked files stay where they are."""

    def __init__(self, repo: Repository) -> None:
        self._repo = repo

    @property
    def _root(self) -> Path:
        if self._repo.work_tree is None:
            raise BugError("stash.bare", "a bare repository has no uncommitted work")
        return self._repo.work_tree

    def held(self) -> Oid | None:
        """The stash commit of a run that has not brought its work back yet."""
        return self._ref(_WORK)

    def put_aside(self) -> bool:
        """Keep all tracked changes and make the files those of HEAD; False if there are none.

        Raises EnvironmentFault ``stash.failed``; nothing has changed then.
        """
        oid = self._stash()
        if oid is None:
            return False
        self._set(_WORK, oid)
        self._repo.git(*gitcli.SYNCED, "reset", "--quiet", "--hard")
        return True

    def expect(self, target: Oid) -> None:
        """Note that the files are about to become those of ``target``, while work is put aside."""
        if self.held() is not None:
            self._set(_TARGET, target)

    def bring_back(self) -> None:
        """Put the work that was set aside on top of the files as they are now.

        Raises RefusedError ``stash.conflict`` where it does not fit: then it is in git's list of
        stashes, and the files show the conflict; EnvironmentFault ``stash.blocked`` where git does
        not begin: then it is in the list too; and ``stash.killed`` where the merge of a file was
        cut off: then it stays aside, and the files are as before.
        """
        oid = self.held()
        if oid is None:
            return
        done = self._apply(oid)
        self._sync_back()
        if done.code != 0:
            conflicts = self._repo.git("ls-files", "--unmerged").out
            self._list(oid, "gitsync: autostash")
            self._forget(oid)
            raise _conflict() if conflicts else _blocked(done)
        self._forget(oid)

    def _apply(self, oid: Oid) -> gitcli.Result:
        """Have git merge the work into the files. Raises EnvironmentFault ``stash.killed``."""
        with effects.scratch() as folder:
            notes = folder / "notes"

            def apply(*how: str) -> gitcli.Result:
                args = [*gitcli.SYNCED, "stash", "apply", "--quiet", *how, oid]
                done = gitcli.run(args, cwd=self._root, env={NOTES: str(notes)}, check=False)
                if _cut_off(notes):
                    # Git takes a driver that was killed for one that found a conflict.
                    self._repo.git(*gitcli.SYNCED, "reset", "--quiet", "--hard")
                    raise _killed(done)
                return done

            done = apply("--index")
            if done.code != 0 and not self._repo.git("ls-files", "--unmerged").out:
                done = apply()  # what was staged may not fit where the files do
        return done

    def recover(self, *, keep: bool) -> tuple[str, ...]:
        """Bring back what a run that was cut off had put aside.

        Files that it or the cut left in any state between the versions are made whole. Those that
        somebody has edited since are a refusal, ``stash.pending``, before anything is touched.
        With ``keep`` their edits go to git's list of stashes, and the files are returned.
        """
        oid = self.held()
        if oid is None:
            return ()
        files = self._written(oid)
        versions = Versions(self._repo, files)
        versions.add(oid)
        if versions.now(self._root) and self._staged(oid):
            # It was cut off before it took anything away, or after the return.
            self._sync_back()
            self._forget(oid)
            return ()
        versions.add("HEAD")
        target = self._ref(_TARGET)
        if target is not None:
            versions.add(target)
        if versions.unlike(self._root):
            versions.add_applied(oid)
        unlike = versions.unlike(self._root)
        # What is not tracked is in nobody's way here, or git will say so.
        edited = tuple(sorted(unlike & self._differing("HEAD")))
        if edited:
            self._keep_edits(oid, edited, keep=keep)
        for name in files - (unlike - set(edited)):
            # Git trusts a size and a time, and both may be right where the content never came.
            here = content(self._root / name)
            if here is not None and here.kind != "folder":
                remove_file(self._root / name)
        self._repo.git(*gitcli.SYNCED, "reset", "--quiet", "--hard")
        self.bring_back()
        return edited

    def _written(self, oid: Oid) -> set[str]:
        """All files that a run with this stash may have written, and those that are unlike HEAD."""
        began, target = f"{oid}^1", self._ref(_TARGET)
        files = self._differing("HEAD") | self._differing(began, oid)
        files |= self._differing(began, "HEAD") | self._differing(began, f"{oid}^2")
        return files if target is None else files | self._differing("HEAD", target)

    def _keep_edits(self, oid: Oid, edited: tuple[str, ...], *, keep: bool) -> None:
        if not keep:
            raise RefusedError(
                "stash.pending",
                "an earlier run put uncommitted changes aside and was cut off, and these files"
                f" were edited since: {', '.join(edited[:5])}",
                hint="bring them back; these edits go to git stash list: gitsync pull --autostash\n"
                f"see what was put aside: git stash show -p {oid[:12]}",
            )
        now = self._stash()
        if now is not None:
            self._list(now, "gitsync: edited after a run that was cut off")

    # -- git ------------------------------------------------------------------------------------

    def _stash(self) -> Oid | None:
        """A stash commit of the files as they are, on disk with all that is new in it."""
        with apart(self._repo) as place:
            args = [*LOOSE, "stash", "create", "gitsync: autostash"]
            made = gitcli.run(args, cwd=self._root, env=place.env, check=False)
            oid = made.out.decode().strip()
            if made.code != 0:
                raise EnvironmentFault(
                    "stash.failed",
                    f"git could not put your changes aside: {made.err.strip()[-300:]}",
                )
            if not oid:
                return None
            # What was staged just now may lie there loose, and git has not synced that either.
            args = ["rev-list", "--objects", "--no-object-names", oid, "--not", "HEAD"]
            listed = gitcli.run(args, cwd=self._root, env=place.env).out.decode()
            place.take_all([Oid(line) for line in listed.split()])
        return Oid(oid)

    def _list(self, oid: Oid, message: str) -> None:
        """Put a stash into git's list, which is the reflog of one ref, and both on disk."""
        self._repo.git(*gitcli.SYNCED, "stash", "store", "-m", message, oid)
        self._repo.refs.sync_folders(["refs/stash"])
        logs = self._repo.common_dir / "logs"
        sync_written(logs / "refs/stash")
        for folder in (logs, self._repo.common_dir):
            sync_folder(folder)

    def _sync_back(self) -> None:
        """Make the files, and what is staged, survive a power cut.

        Applying makes blobs and trees that the index names. Git has synced those, and no folder.
        """
        objects = self._repo.common_dir / "objects"
        for folder in (*sorted(objects.glob("[0-9a-f][0-9a-f]")), objects):
            sync_folder(folder)
        sync_names(self._root, sorted(self._differing("HEAD")))
        sync_folder(self._repo.git_dir)

    def _differing(self, commit: str, other: str | None = None) -> set[str]:
        """Names of files unlike in two commits, or in one and here."""
        args = ["diff", "--name-only", "--no-renames", "-z", "--no-ext-diff", commit]
        out = self._repo.git(*args, *([other] if other else []), "--").out
        return {name for name in out.decode("utf-8", "surrogateescape").split("\0") if name}

    def _staged(self, oid: Oid) -> bool:
        """Whether the index is as it was put aside."""
        args = ["diff", "--cached", "--quiet", "--no-ext-diff", f"{oid}^2", "--"]
        return self._repo.git(*args, check=False).code == 0

    def _ref(self, ref: str) -> Oid | None:
        done = self._repo.git("rev-parse", "--verify", "--quiet", ref, check=False)
        return Oid(done.out.decode().strip()) if done.code == 0 else None

    def _set(self, ref: str, oid: Oid) -> None:
        self._repo.git(*gitcli.SYNCED, "update-ref", ref, oid)
        self._sync_refs()

    def _forget(self, oid: Oid) -> None:
        if self._ref(_TARGET) is not None:
            self._repo.git("update-ref", "-d", _TARGET)
        self._repo.git("update-ref", "-d", _WORK, oid)
        self._sync_refs()

    def _sync_refs(self) -> None:
        Refs(self._repo.git_dir).sync_folders([_WORK])


def _cut_off(notes: Path) -> bool:
    """Whether a call of the merge driver began and did not come to its end."""
    try:
        said = notes.read_text("ascii").split()
    except FileNotFoundError:
        return False
    return said.count(BEGUN) > said.count(ENDED)


def _conflict() -> RefusedError:
    return RefusedError(
        "stash.conflict",
        "your uncommitted changes do not fit on top of what was pulled",
        hint="settle the conflicts in the files: git status lists them\n"
        "the changes as they were are kept: git stash list",
    )


def _blocked(done: gitcli.Result) -> EnvironmentFault:
    return EnvironmentFault(
        "stash.blocked",
        f"git could not bring your uncommitted changes back: {done.err.strip()[-300:]}",
        hint="once nothing is in the way: git stash pop --index\n"
        "until then they are kept: git stash list",
    )


def _killed(done: gitcli.Result) -> EnvironmentFault:
    said = done.err.strip()
    return EnvironmentFault(
        "stash.killed",
        "the merge of a file was cut off while your uncommitted changes were brought back; they are"
        " still put aside, and the files are as pulled" + (f": {said[-300:]}" if said else ""),
        hint="bring them back: gitsync pull --autostash",
    )
