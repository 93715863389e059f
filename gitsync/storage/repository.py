"""One repository as gitsync uses it: opened by libgit2, changed by stock git and our own packs."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, RefusedError
from gitsync.domain.lateregex import late_regex
from gitsync.storage import gitcli
from gitsync.storage.durable import sync_written, write_new
from gitsync.storage.refs import Refs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import ExitStack

    from gitsync.storage.facts import StoreFacts
    from gitsync.storage.objects import GitObjects
    from gitsync.storage.transport import Remote

_HEAD = late_regex(rb"ref:\s*refs/|[0-9a-f]{40}")
_NO_REPO_HINT = "begin one here: gitsync init\nor get one: gitsync join URL DIR --name YOU"


class Repository:
    """A git repository and its folders.

    ``git_dir`` belongs to this work tree; ``common_dir`` is shared by all work trees and holds
    refs, objects and our own folder ``gitsync/``. ``work_tree`` is None for a bare repository.
    libgit2 is loaded when the first object is read: what needs none starts in half the time.
    """

    def __init__(self, git_dir: Path, common_dir: Path, work_tree: Path | None) -> None:
        self.git_dir = git_dir
        self.common_dir = common_dir
        self.work_tree = work_tree
        self.refs = Refs(common_dir)
        self._config: dict[str, str] | None = None
        self._closing: ExitStack | None = None

    @classmethod
    def open(cls, start: Path) -> Repository:
        """The repository that ``start`` lies in.

        Raises EnvironmentFault ``repo.missing``, or ``repo.unsupported`` for object formats and
        ref formats that libgit2 cannot read, before anything is touched.
        """
        repo = cls._plain(start) or cls(*_discover(start))
        repo.refuse_unsupported(start)
        return repo

    @classmethod
    def _plain(cls, start: Path) -> Repository | None:
        """The repository around ``start`` if it is an everyday one: a ``.git`` folder in the work
        tree. Git is asked for the configuration in any case, and that it read this repository's
        own shows that it found it too, and trusts it. None: ask git where the folders are."""
        root = _work_tree_around(start)
        if root is None:
            return None
        repo = cls(root / ".git", root / ".git", root)
        try:
            values = repo._values()
        except gitcli.GitError:
            return None
        itself = "core.repositoryformatversion" in values
        elsewhere = "core.worktree" in values or values.get("core.bare") == "true"
        return repo if itself and not elsewhere else None

    @cached_property
    def store(self) -> GitObjects:
        """The objects, whose packs libgit2 reads."""
        from gitsync.storage.objects import GitObjects

        found = GitObjects(self.common_dir / "objects")
        if self._closing is not None:
            self._closing.enter_context(self._few_from(found))
        return found

    def spare_libgit2(self, closing: ExitStack) -> None:
        """Until ``closing`` is closed, objects are read as in :meth:`few_objects`. To be called
        before any is read."""
        self._closing = closing

    @contextmanager
    def few_objects(self) -> Iterator[None]:
        """A block that reads a handful of objects: by a git process as long as it is a handful,
        which answers before libgit2 would be loaded."""
        with self._few_from(self.store):
            yield

    @contextmanager
    def _few_from(self, store: GitObjects) -> Iterator[None]:
        from gitsync.storage.catfile import CatFile

        with CatFile(self.common_dir) as git, store.asking(git):
            yield

    @cached_property
    def facts(self) -> StoreFacts:
        """What the objects mean."""
        from gitsync.storage.facts import StoreFacts

        return StoreFacts(self.store)

    def refuse_unsupported(self, start: Path) -> None:
        """Refuse what libgit2 cannot read, and shallow and partial clones: verification needs all
        of the history.

        Raises EnvironmentFault ``repo.shallow`` or ``repo.unsupported``.
        """
        formats = {"extensions.objectformat": "sha1", "extensions.refstorage": "files"}
        for key, readable in formats.items():
            if (self.config(key) or readable).lower() != readable:
                raise _refused(start, key)
        # libgit2 refuses the extension, but git also filters by a setting of the remote.
        if any(
            key == "extensions.partialclone"
            or (key.startswith("remote.") and key.endswith(".promisor"))
            for key in self._values()
        ):
            raise _refused(self.common_dir, "partialclone")
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
        section, _, rest = key.partition(".")
        middle, dot, name = rest.rpartition(".")
        return self._values().get(f"{section.lower()}.{middle}{dot}{name.lower()}")

    def _values(self) -> dict[str, str]:
        if self._config is None:
            out = self.git("config", "--list", "--includes", "-z").out
            pairs = (one.partition("\n") for one in out.decode("utf-8", "replace").split("\0"))
            self._config = {key: value if cut else "true" for key, cut, value in pairs if key}
        return self._config

    def remotes(self) -> list[str]:
        """The names of the remotes that the configuration knows."""
        parts = (key.split(".", 1)[1].rpartition(".") for key in self._values()
                 if key.startswith("remote."))  # fmt: skip
        return sorted(name for name, _, what in parts if what == "url" and name)

    def set_config(self, key: str, value: str, *, worktree: bool = False) -> None:
        """Set a value in this clone's configuration, or in this work tree's own."""
        if worktree:
            self._begin_own_config()
        self.git("config", _scope(worktree), "--replace-all", key, value)
        self.sync_config(worktree=worktree)

    def _begin_own_config(self) -> None:
        """Have the file before git writes it: what takes the place of a file comes whole to most
        disks, what is new may come torn, and then no git runs here."""
        own = self.git_dir / "config.worktree"
        if not own.exists() and self.config("extensions.worktreeConfig") == "true":
            with suppress(RefusedError):  # somebody was faster
                write_new(own, b"")

    def unset_config(self, key: str, *, worktree: bool = False) -> None:
        """Take a value out of this clone's or this work tree's configuration; none is fine."""
        if self.git("config", _scope(worktree), "--unset-all", key, check=False).code == 0:
            self.sync_config(worktree=worktree)

    def sync_config(self, *, worktree: bool = False) -> None:
        """Git writes its configuration anew and leaves it to chance when it reaches the disk."""
        file = self.git_dir / "config.worktree" if worktree else self.common_dir / "config"
        sync_written(file if file.exists() else self.common_dir / "config")

    def git(self, *args: str, stdin: bytes | None = None, check: bool = True) -> gitcli.Result:
        """Run git in the work tree, or in the git folder of a bare repository."""
        done = gitcli.run(args, cwd=self.work_tree or self.git_dir, stdin=stdin, check=check)
        if args[0] == "config" and "--list" not in args:
            self._config = None
        return done

    def tidy(self) -> None:
        """Let git pack what has gathered: it knows when that is worth it."""
        self.git("gc", "--auto", "--quiet", check=False)

    def remote(self, name: str) -> Remote:
        """A remote by its name or URL."""
        from gitsync.storage.transport import Remote

        return Remote(self.work_tree or self.git_dir, name, self.common_dir / "objects")

    def head(self) -> str | None:
        """The ref that HEAD points to, None when it is detached."""
        text = (self.git_dir / "HEAD").read_text().strip()
        return text.removeprefix("ref: ") if text.startswith("ref: ") else None


def _scope(worktree: bool) -> str:  # noqa: FBT001 - one of git's own two flags
    return "--worktree" if worktree else "--local"


def _work_tree_around(start: Path) -> Path | None:
    """The nearest folder, from ``start`` up, with a whole ``.git`` folder in it; None if a folder
    on the way is, or may be, a repository of another kind."""
    here = start.resolve()
    for folder in (here, *here.parents):
        if (folder / "HEAD").exists() and (folder / "objects").exists():
            return None  # inside a git folder, or a bare repository
        inner = folder / ".git"
        if inner.is_dir():
            whole = _is_head(inner / "HEAD") and all(
                (inner / name).exists() for name in ("objects", "refs")
            )
            return folder if whole and not (inner / "commondir").exists() else None
        if inner.exists():
            return None  # a linked work tree, or a submodule
    return None


def _is_head(path: Path) -> bool:
    """Whether git takes it for a HEAD: where it does not, it goes on to the folders above, and
    every command would be about the repository there."""
    try:
        with path.open("rb") as file:
            return _HEAD.match(file.read(256)) is not None
    except OSError:
        return False


def _discover(start: Path) -> tuple[Path, Path, Path | None]:
    """(git folder, common folder, work tree) as stock git finds them from ``start``."""
    ask = ["--absolute-git-dir", "--git-common-dir", "--is-inside-git-dir", "--is-bare-repository"]
    done = gitcli.run(["rev-parse", *ask, "--show-toplevel"], cwd=start, check=False)
    lines = done.out.decode("utf-8", "surrogateescape").splitlines()
    if len(lines) < len(ask):
        if "not a git repository" in done.err or "not in a git directory" in done.err:
            raise EnvironmentFault(
                "repo.missing", f"{start} is not in a git repository", hint=_NO_REPO_HINT
            )
        raise _refused(start, done.err.strip())
    git_dir, common, inside, bare, *top = lines
    common_dir = (start / common).resolve()
    # Both as git words them where they are one: a work tree's own folder is told by the difference.
    folders = Path(git_dir), Path(git_dir) if common_dir == Path(git_dir).resolve() else common_dir
    if top:
        return *folders, Path(top[0])
    if bare == "true" or inside != "true":
        return *folders, None
    linked = Path(git_dir, "gitdir")
    above = Path(linked.read_text().strip()).parent if linked.is_file() else Path(git_dir).parent
    return *folders, above


def _refused(start: Path, said: str) -> EnvironmentFault:
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
