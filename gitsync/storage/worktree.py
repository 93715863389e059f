"""The work tree and its index, moved by stock git so that hooks, filters and locks are its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, RefusedError
from gitsync.domain.objects import Oid
from gitsync.storage import gitcli

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitsync.storage.repository import Repository


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

    def merging(self) -> Oid | None:
        """The other side of a merge that plain git began and that is not committed yet."""
        try:
            first = (self.repo.git_dir / "MERGE_HEAD").read_text().split("\n")[0].strip()
        except FileNotFoundError:
            return None
        return Oid(first)

    def tree_of_files(self, base: Oid | None, paths: Sequence[str] | None = None) -> Oid:
        """The tree that the files make: HEAD's index plus all changes, or only those of ``paths``
        on top of the commit ``base``. The user's own index is not touched.

        Raises RefusedError ``merge.unsettled`` while conflicts are open.
        """
        if self.conflicted():
            raise RefusedError(
                "merge.unsettled",
                "some files still hold conflicts of a merge",
                hint="settle them, then: git add FILE   (git status lists them)",
            )
        import tempfile

        with tempfile.TemporaryDirectory(prefix="gitsync-index-") as folder:
            env = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            start = ["read-tree", base] if base is not None else ["read-tree", "--empty"]
            gitcli.run(start, cwd=self.root, env=env)
            what = ["-A", "--", *(f":(literal){path}" for path in paths)] if paths else ["-A"]
            # New blobs lie loose after "git add": they are synced before a commit names them.
            done = gitcli.run(
                ["-c", "core.fsync=added", "add", *what], cwd=self.root, env=env, check=False
            )
            if done.code != 0:
                raise RefusedError(
                    "path.unknown", f"git cannot take these paths: {done.err.strip()}",
                    hint="name files or folders below this ledger",
                )  # fmt: skip
            tree = gitcli.run(["write-tree"], cwd=self.root, env=env).out.decode().strip()
        return Oid(tree)

    def move_to(self, ref: str, new: Oid, old: Oid | None, message: str) -> None:
        """Set the current branch ``ref`` to a commit whose files are the work tree's already."""
        from gitsync.storage.refs import RefUpdate

        self.repo.refs.transact([RefUpdate(ref, new, old)], message=message)
        self.repo.git("read-tree", new)
        for name in ("MERGE_HEAD", "MERGE_MSG", "MERGE_MODE"):
            (self.repo.git_dir / name).unlink(missing_ok=True)
        self.repo.git("update-index", "-q", "--refresh", check=False)

    def forward(self, new: Oid) -> None:
        """Move the current branch and its files to a descendant, keeping uncommitted work.

        Raises RefusedError ``worktree.in-the-way`` when that would overwrite something.
        """
        done = self.repo.git("merge", "--ff-only", "--no-autostash", "--quiet", new, check=False)
        if done.code == 0:
            return
        files = [line.strip() for line in done.err.splitlines() if line.startswith("\t")]
        raise RefusedError(
            "worktree.in-the-way",
            "uncommitted work is in the way of the new version"
            + (f": {', '.join(files[:8])}" if files else f": {done.err.strip()[-200:]}"),
            hint="keep it first: gitsync snapshot   (or: git stash), then run this again",
        )
