"""The work tree and its index, moved by stock git so that hooks, filters and locks are its own."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, RefusedError
from gitsync.domain.objects import Oid
from gitsync.storage import gitcli
from gitsync.storage.apart import LOOSE, apart
from gitsync.storage.durable import (
    remove_file,
    sync_everything,
    sync_file,
    sync_folder,
    sync_written,
)
from gitsync.storage.refs import ZERO, RefsMovedError, RefUpdate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from gitsync.storage.repository import Repository

# Beyond so many, one sync of everything is quicker.
_SYNCED_FILES = 100

# What git leaves in its folder while it waits for the user, and what a commit clears away.
UNFINISHED = (
    "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply", "BISECT_LOG",
)  # fmt: skip
_SETTLED = (
    "MERGE_HEAD", "MERGE_MSG", "MERGE_MODE", "MERGE_RR", "SQUASH_MSG", "CHERRY_PICK_HEAD",
    "REVERT_HEAD",
)  # fmt: skip


class WorkTree:
    """The work tree of a repository. Raises EnvironmentFault ``repo.bare`` where there is none."""

    def __init__(self, repo: Repository) -> None:
        if repo.work_tree is None:
            raise EnvironmentFault(
                "repo.bare", "this is a bare repository; it has no files to work on",
                hint="work in a clone of it: gitsync join URL DIR --name YOU",
            )  # fmt: skip
        self.repo = repo
        self.root: Path = repo.work_tree

    def changes(self) -> list[tuple[str, str]]:
        """(status, path) of every file unlike HEAD: git's two letters, ``??`` for untracked."""
        out = self.repo.git(
            "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames"
        ).out.decode("utf-8", "surrogateescape")
        return [(item[:2], item[3:]) for item in out.split("\0") if item]

    def conflicted(self) -> list[str]:
        """Paths with unsettled merge conflicts."""
        return [path for status, path in self.changes() if "U" in status or status in ("AA", "DD")]

    def tip(self) -> Oid:
        """The commit that HEAD stands at. Raises RefusedError ``branch.empty``."""
        done = self.repo.git("rev-parse", "--verify", "--quiet", "HEAD^{commit}", check=False)
        if done.code != 0:
            raise RefusedError("branch.empty", "this branch has no commit yet", hint="gitsync pull")
        return Oid(done.out.decode().strip())

    def merging(self) -> tuple[Oid, ...]:
        """The other sides of a merge that plain git began and that is not committed yet.

        Raises RefusedError ``merge.unsettled`` where only git can finish it.
        """
        try:
            sides = (self.repo.git_dir / "MERGE_HEAD").read_text().split()
        except FileNotFoundError:
            return ()
        if (self.repo.git_dir / "MERGE_AUTOSTASH").exists():
            raise RefusedError(
                "merge.unsettled",
                "git put uncommitted work aside for this merge and brings it back with it",
                hint="finish the merge first: git commit",
            )
        return tuple(Oid(side) for side in sides)

    def refuse_unfinished(self) -> None:
        """Raises RefusedError ``merge.unsettled`` in the middle of a merge, rebase or the like."""
        found = [name for name in UNFINISHED if (self.repo.git_dir / name).exists()]
        if found:
            raise RefusedError(
                "merge.unsettled",
                f"git is in the middle of something here ({found[0]})",
                hint="finish it or call it off first: git status says how",
            )

    def tree_of_files(self, base: Oid | None, paths: Sequence[str] | None = None) -> Oid:
        """The tree that the files make: the index plus all changes, or only those of ``paths``
        on top of the commit ``base``. The user's own index is not touched.

        Where there is no index yet, ``base`` stands for it.

        Raises RefusedError ``merge.unsettled`` while conflicts are open.
        """
        if self.conflicted():
            raise RefusedError(
                "merge.unsettled",
                "some files still hold conflicts of a merge",
                hint="gitsync resolve   # lists them and settles them; or edit, then: git add FILE",
            )
        import shutil

        # What git makes of the files goes to a place of its own and from there into the pack
        # of the commit that names it. So no object is left lying loose, where git would not
        # have synced it, and none at all where the commit is refused.
        with apart(self.repo) as place:
            copy = place.folder / "index"
            env = place.env | {"GIT_INDEX_FILE": str(copy)}
            # The user's index knows what HEAD does not: files added by force, or left out of a
            # sparse work tree, whose absence is no deletion.
            with suppress(FileNotFoundError):
                # With its time: git looks again at files that are as young as its index.
                shutil.copy2(self.repo.git_dir / "index", copy)
            if paths or not copy.exists():
                start = ["--reset", base] if base is not None else ["--empty"]
                gitcli.run(["read-tree", *start], cwd=self.root, env=env)
            what = ["-A", "--", *(f":(literal){path}" for path in paths)] if paths else ["-A"]
            done = gitcli.run(
                [*LOOSE, "add", "--sparse", *what], cwd=self.root, env=env, check=False
            )
            if done.code != 0:
                raise RefusedError(
                    "path.unknown", f"git cannot take these paths: {done.err.strip()}",
                    hint="name files or folders below this ledger",
                )  # fmt: skip
            tree = gitcli.run(["write-tree"], cwd=self.root, env=env).out.decode().strip()
            place.take()
        return Oid(tree)

    def move_to(self, ref: str, new: Oid, old: Oid | None, message: str) -> None:
        """Set the current branch ``ref``, or a detached ``HEAD``, to a commit whose files are the
        work tree's already. Raises RefsMovedError ``ref.moved``."""
        if ref == "HEAD":
            # Each work tree has a HEAD of its own, and only git run inside it means that one.
            args = ["update-ref", "--no-deref", "-m", message, "HEAD", new, old or ZERO]
            done = self.repo.git(*gitcli.SYNCED, *args, check=False)
            if done.code != 0:
                raise RefsMovedError("ref.moved", "HEAD moved meanwhile", hint="run it again")
        else:
            self.repo.refs.transact([RefUpdate(ref, new, old)], message=message)
        self.settle(new)

    def settle(self, new: Oid) -> None:
        """Let the index say what HEAD's new commit holds; an open merge is part of it now."""
        self.repo.git(*gitcli.SYNCED, "read-tree", "--reset", new)
        for name in _SETTLED:
            if (self.repo.git_dir / name).exists():
                remove_file(self.repo.git_dir / name)
        self.repo.git(*gitcli.SYNCED, "update-index", "-q", "--refresh", check=False)
        sync_folder(self.repo.git_dir)

    def forward(self, new: Oid) -> None:
        """Move the current branch and its files to a descendant, keeping uncommitted work.

        Raises RefusedError ``worktree.in-the-way`` when that would overwrite something.
        """
        # Without being asked, git would overwrite files that are ignored.
        merge = ["merge", "--ff-only", "--no-autostash", "--no-overwrite-ignore", "--quiet", new]
        merge = [*gitcli.SYNCED, *merge]
        before = self._head_tree()
        done = self.repo.git(*merge, check=False)
        files = _named(done)
        if done.code != 0 and files and self._are_already(files, new):
            done = self.repo.git(*merge, check=False)
        if done.code != 0:
            raise _in_the_way(done)
        self._sync_files(before, new)

    def back(self, branch: str, target: Oid) -> None:
        """Put ``branch``, which is checked out, and its files at any commit, keeping uncommitted
        work. Raises RefusedError ``worktree.in-the-way``."""
        name = branch.removeprefix("refs/heads/")
        how = ["--quiet", "--no-track", "--no-overwrite-ignore"]
        before = self._head_tree()
        done = self.repo.git(
            *gitcli.SYNCED, "checkout", *how, "-B", name, target, "--", check=False
        )
        if done.code != 0:
            raise _in_the_way(done)
        self._sync_files(before, target)

    def _head_tree(self) -> Oid | None:
        done = self.repo.git("rev-parse", "--verify", "--quiet", "HEAD^{tree}", check=False)
        return Oid(done.out.decode().strip()) if done.code == 0 else None

    def _sync_files(self, before: Oid | None, new: Oid) -> None:
        """Make the files, the index and the branch that git has just written survive a power cut.

        It syncs no file and no folder, and a file that a cut empties afterwards would look like
        the user's own doing.
        """
        sync_written(self.repo.git_dir / "HEAD")
        self.repo.refs.sync_folders([self.repo.head() or "HEAD"])
        from gitsync.domain.merge.trees import diff_trees

        changes = diff_trees(self.repo.facts, before, self.repo.facts.commit(new).tree)
        sync_names(self.root, (os.fsdecode(change.path) for change in changes))

    def _are_already(self, files: Sequence[str], new: Oid) -> bool:
        """Whether files in the way are those of ``new`` itself, as a pull that was killed leaves
        them; if so, the index is told."""
        for file in files:
            there = self.repo.git("--literal-pathspecs", "ls-tree", new, "--", file).out
            here = self.repo.git("hash-object", "--", file, check=False).out.strip()
            if not here or there.partition(b"\t")[0].split() != [b"100644", b"blob", here]:
                return False
        said = self.repo.git("update-index", "--add", "--", *files, check=False)
        return said.code == 0


def sync_names(root: Path, names: Iterable[str]) -> None:
    """Make files that git has just written or removed below ``root`` survive a power cut."""
    folders = set()
    for count, name in enumerate(names):
        if count == _SYNCED_FILES:
            sync_everything()
            return
        path = root / name
        folders |= {one for one in path.parents if root in (one, *one.parents)}
        if path.is_file() and not path.is_symlink():
            sync_file(path)
    for folder in folders:
        sync_folder(folder)


def _named(done: gitcli.Result) -> list[str]:
    return [line[1:] for line in done.err.splitlines() if line.startswith("\t")]


def _in_the_way(done: gitcli.Result) -> RefusedError:
    if "index.lock" in done.err:
        return RefsMovedError(
            "ref.locked",
            f"another git is at work on these files: {done.err.strip().splitlines()[0]}",
            hint="run it again; a lock that stays after a crash goes by: gitsync doctor --fix",
        )
    files = _named(done)
    hint = "keep it first: gitsync snapshot   (or: git stash), then run this again"
    if "untracked" in done.err:
        hint = "move these files away, or add them: gitsync snapshot; then run this again"
    return RefusedError(
        "worktree.in-the-way",
        "uncommitted work is in the way of the new version"
        + (f": {', '.join(files[:8])}" if files else f": {done.err.strip()[-200:]}"),
        hint=hint,
    )
