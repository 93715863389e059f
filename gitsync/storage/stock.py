"""A repository as git shows it to a hook: asked of stock git alone, in the environment it set.

Git tells a hook by variables which index it commits from and which repository it is in; here, and
only here, they are passed on.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Self

from gitsync.domain.errors import EnvironmentFault
from gitsync.domain.objects import Oid
from gitsync.storage import effects, gitcli
from gitsync.storage.catfile import CatFile
from gitsync.storage.facts import StoreFacts

if TYPE_CHECKING:
    from collections.abc import Mapping

# How git points a hook to a repository, an index, objects, and settings given with "git -c".
_GIVEN = (
    "GIT_DIR", "GIT_COMMON_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_QUARANTINE_PATH", "GIT_CONFIG_PARAMETERS",
)  # fmt: skip


class StockRepository:
    """The repository that a hook runs in. A context manager: it ends the git that reads objects.

    ``head`` is the commit that HEAD stands at, None before the first one. ``common_dir`` is
    shared by all work trees, ``git_dir`` belongs to this one.
    """

    def __init__(self, cwd: Path, env: Mapping[str, str]) -> None:
        """Raises EnvironmentFault ``repo.missing``."""
        self._cwd = cwd
        self._env = {name: env[name] for name in _GIVEN if name in env}
        # By itself git prints what it was asked for up to the first thing that is not there.
        done = self._git(
            "rev-parse", "--absolute-git-dir", "--git-common-dir", "--verify", "--quiet", "HEAD",
            check=False,
        )  # fmt: skip
        said = done.out.decode("utf-8", "surrogateescape").splitlines()
        if len(said) < 2:
            raise EnvironmentFault("repo.missing", f"{cwd} is not in a git repository")
        self.git_dir = Path(said[0])
        self.common_dir = (cwd / said[1]).resolve()
        self.head = Oid(said[2]) if len(said) > 2 else None
        self._store = CatFile(cwd, self._env)
        self.facts = StoreFacts(self._store)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._store.close()

    @property
    def state_dir(self) -> Path:
        """Our own folder inside the repository, shared by its work trees."""
        return self.common_dir / "gitsync"

    def config(self) -> dict[str, str]:
        """Every setting that holds here, by its name with section and key in lower case."""
        found: dict[str, str] = {}
        for item in self._git("config", "--list", "-z").out.decode("utf-8", "replace").split("\0"):
            name, _, value = item.partition("\n")
            found[name] = value
        return found

    def staged_tree(self) -> Oid | None:
        """The tree that the commit at hand would have; None where the index cannot make one.

        Works on a copy: other programs may hold the lock of the index itself.
        """
        index = self._cwd / (self._env.get("GIT_INDEX_FILE") or self.git_dir / "index")
        with effects.scratch() as folder:
            copy = folder / "index"
            try:
                copy.write_bytes(index.read_bytes())
            except FileNotFoundError:
                return None
            done = self._git("write-tree", check=False, GIT_INDEX_FILE=str(copy))
        return Oid(done.out.decode().strip()) if done.code == 0 else None

    def merging(self) -> tuple[Oid, ...]:
        """The other sides of a merge that is being committed."""
        try:
            return tuple(Oid(side) for side in (self.git_dir / "MERGE_HEAD").read_text().split())
        except FileNotFoundError:
            return ()

    def commit(self, name: str) -> Oid | None:
        """The commit that ``name`` stands for, None if there is none."""
        done = self._git("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}", check=False)
        return Oid(done.out.decode().strip()) if done.code == 0 else None

    def merge_bases(self, one: Oid, *others: Oid) -> tuple[Oid, ...]:
        """The best common ancestors of ``one`` and a merge of ``others``; none when unrelated."""
        done = self._git("merge-base", "--all", one, *others, check=False)
        return tuple(Oid(line) for line in done.out.decode().split())

    def _git(self, *args: str, check: bool = True, **env: str) -> gitcli.Result:
        return gitcli.run(args, cwd=self._cwd, env={**self._env, **env}, check=check)


def hook_start(cwd: Path, env: Mapping[str, str]) -> Path:
    """The folder to open a hook's repository from: what git has named, or where it runs."""
    return cwd / env["GIT_DIR"] if env.get("GIT_DIR") else cwd


def this_place() -> tuple[Path, Mapping[str, str], Path]:
    """Folder, environment and home folder of this process."""
    return Path.cwd(), os.environ, Path(os.path.expanduser("~"))  # noqa: PTH111 - raises nothing
