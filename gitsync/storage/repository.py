"""One repository as gitsync uses it: opened by libgit2, changed by stock git and our own packs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault
from gitsync.storage import gitcli
from gitsync.storage.durable import sync_written
from gitsync.storage.facts import StoreFacts
from gitsync.storage.objects import GitObjects
from gitsync.storage.refs import Refs
from gitsync.storage.transport import Remote

if TYPE_CHECKING:
    import pygit2

_NO_REPO_HINT = "begin one here: gitsync init\nor get one: gitsync join URL DIR --name YOU"


class Repository:
    """A git repository and its folders.

    ``git_dir`` belongs to this work tree; ``common_dir`` is shared by all work trees and holds
    refs, objects and our own folder ``gitsync/``. ``work_tree`` is None for a bare repository.
    """

    def __init__(self, handle: pygit2.Repository) -> None:
        self.handle = handle
        self.git_dir = Path(handle.path)
        common = self.git_dir / "commondir"
        self.common_dir = (
            (self.git_dir / common.read_text().strip()).resolve()
            if common.is_file()
            else self.git_dir
        )
        self.work_tree = Path(handle.workdir) if handle.workdir else None
        self.refs = Refs(self.common_dir)
        self.store = GitObjects(self.common_dir / "objects")
        self.facts = StoreFacts(self.store)

    @classmethod
    def open(cls, start: Path) -> Repository:
        """The repository that ``start`` lies in.

        Raises EnvironmentFault ``repo.missing``, or ``repo.unsupported`` for object formats and
        ref formats that libgit2 cannot read, before anything is touched.
        """
        import pygit2

        try:
            found = pygit2.discover_repository(str(start))
            if found is None:
                raise EnvironmentFault(
                    "repo.missing", f"{start} is not in a git repository", hint=_NO_REPO_HINT
                )
            handle = pygit2.Repository(found)
        except pygit2.GitError as error:
            raise _refused(start, error) from error
        repo = cls(handle)
        repo.refuse_partial()
        return repo

    def refuse_partial(self) -> None:
        """Refuse shallow and partial clones: verification needs all of the history.

        Raises EnvironmentFault ``repo.shallow`` or ``repo.unsupported``.
        """
        # libgit2 refuses the extension, but git also filters by a setting of the remote.
        if b"promisor" in (self.common_dir / "config").read_bytes().lower() and any(
            entry.name.startswith("remote.") and entry.name.endswith(".promisor")
            for entry in self.handle.config
        ):
            raise _refused(self.common_dir, ValueError("partialclone"))
        if (self.common_dir / "shallow").exists():
            raise EnvironmentFault(
                "repo.shallow",
                "this is a shallow clone; a ledger is verified from its first snapshot on",
                hint="complete it: git fetch --unshallow",
            )

    @property
    def state_dir(self) -> Path:
        """Our own folder inside the repository, shared by its work trees."""
        return self.common_dir / "gitsync"

    @property
    def is_bare(self) -> bool:
        """Whether there is no work tree."""
        return self.work_tree is None

    def config(self, key: str) -> str | None:
        """A git configuration value, from all its levels, or None."""
        try:
            return str(self.handle.config[key])
        except KeyError:
            return None

    def set_config(self, key: str, value: str, *, worktree: bool = False) -> None:
        """Set a value in this clone's configuration, or in this work tree's own."""
        scope = ["--worktree"] if worktree else ["--local"]
        self.git("config", *scope, "--replace-all", key, value)
        self.sync_config(worktree=worktree)

    def unset_config(self, key: str) -> None:
        """Take a value out of this clone's configuration; none there is fine."""
        if self.git("config", "--local", "--unset-all", key, check=False).code == 0:
            self.sync_config()

    def sync_config(self, *, worktree: bool = False) -> None:
        """Git writes its configuration anew and leaves it to chance when it reaches the disk."""
        file = self.git_dir / "config.worktree" if worktree else self.common_dir / "config"
        sync_written(file if file.exists() else self.common_dir / "config")

    def git(self, *args: str, stdin: bytes | None = None, check: bool = True) -> gitcli.Result:
        """Run git in the work tree, or in the git folder of a bare repository."""
        return gitcli.run(args, cwd=self.work_tree or self.git_dir, stdin=stdin, check=check)

    def tidy(self) -> None:
        """Let git pack what has gathered: it knows when that is worth it."""
        self.git("gc", "--auto", "--quiet", check=False)

    def remote(self, name: str) -> Remote:
        """A remote by its name or URL."""
        return Remote(self.work_tree or self.git_dir, name, self.common_dir / "objects")

    def head(self) -> str | None:
        """The ref that HEAD points to, None when it is detached."""
        text = (self.git_dir / "HEAD").read_text().strip()
        return text.removeprefix("ref: ") if text.startswith("ref: ") else None


def _refused(start: Path, error: Exception) -> EnvironmentFault:
    said = str(error)
    formats = {
        "objectformat": "uses SHA-256 object ids",
        "refstorage": "keeps its refs as reftable",
        "partialclone": "is a partial clone",
        "object format": "uses SHA-256 object ids",
    }
    for word, what in formats.items():
        if word in said.lower():
            return EnvironmentFault(
                "repo.unsupported",
                f"the repository at {start} {what}, which gitsync cannot read yet",
                hint="make a plain clone: git clone --no-filter URL   (SHA-1, files as refs)",
            )
    if "owned by" in said or "ownership" in said:
        return EnvironmentFault(
            "repo.foreign-owner",
            f"git does not trust {start}: it belongs to another user",
            hint=f"if you do: git config --global --add safe.directory {start}",
        )
    return EnvironmentFault(
        "repo.unreadable", f"the repository at {start} cannot be opened: {said}"
    )
