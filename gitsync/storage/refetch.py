"""Objects from elsewhere: a remote fetched into a folder of its own, and what is missing copied.

``git fetch`` asks for what its refs lack and never again for what a repository believes to have,
so it does not replace a lost object. A fresh repository believes nothing.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.codec.gitobjects import parse_commit, parse_tag, parse_tree
from gitsync.codec.pack import PackBuilder
from gitsync.domain.errors import GitsyncError, VerificationError
from gitsync.domain.objects import Oid
from gitsync.storage import gitcli
from gitsync.storage.durable import save_pack

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from gitsync.storage.objects import GitObjects
    from gitsync.storage.place import Place

_MODE_SUBMODULE = b"160000"
_A_PACK = 64 << 20  # bytes of content gathered before a pack is written


class Source:
    """Everything that one remote's refs reach, fetched into ``folder`` until :meth:`close`."""

    def __init__(self, place: Place, url: str, folder: Path) -> None:
        """Fetch. Raises EnvironmentFault when the remote cannot be read; nothing stays then."""
        self.folder = folder
        self._place = place
        gitcli.run(["init", "--quiet", "--bare", str(folder)])
        self._store: GitObjects | None = None
        specs = ["+refs/*:refs/*"]
        fetch = ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc"]
        try:
            gitcli.run([*fetch, "--end-of-options", url, *specs], cwd=folder)
        except GitsyncError:
            self.close()
            raise

    def give(self, wanted: Iterable[Oid]) -> list[Oid]:
        """Copy the ``wanted`` objects, and all that they reach and the repository lacks.

        Returns those of them that are there now, read back by stock git.
        """
        wanted = list(dict.fromkeys(wanted))
        store, builder, size = self._open(), PackBuilder(), 0
        todo, seen = list(wanted), set(wanted)
        have = present(self._place, wanted)
        while todo:
            oid = todo.pop()
            if oid in have:
                continue
            try:
                kind, data = store.read(oid)
            except VerificationError:
                continue  # this remote does not have it
            builder.add(kind, data)
            size += len(data)
            if size > _A_PACK:
                save_pack(builder.finish(), self._place.objects_dir)
                builder, size = PackBuilder(), 0
            below = [one for one in _reached(kind, data) if one not in seen]
            have = have | present(self._place, below)
            seen.update(below)
            todo += below
        if size:
            save_pack(builder.finish(), self._place.objects_dir)
        back = present(self._place, wanted)
        return [one for one in wanted if one in back]

    def _open(self) -> GitObjects:
        if self._store is None:
            import pygit2

            from gitsync.storage.objects import GitObjects

            handle = pygit2.Repository(str(self.folder))
            self._store = GitObjects(handle, self.folder / "objects")
        return self._store

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _reached(kind: str, data: bytes) -> list[Oid]:
    """The objects that one names, not counting what lies in other repositories."""
    if kind == "commit":
        commit = parse_commit(data)
        return [commit.tree, *commit.parents]
    if kind == "tag":
        return [parse_tag(data).target]
    if kind == "tree":
        return [
            Oid(raw.hex()) for mode, raw in parse_tree(data).values() if mode != _MODE_SUBMODULE
        ]
    return []


def present(place: Place, oids: Collection[Oid]) -> set[Oid]:
    """Which of these objects the repository has, by stock git."""
    if not oids:
        return set()
    out = place.run(
        "cat-file", "--batch-check=%(objectname) %(objecttype)", stdin="\n".join(oids).encode()
    ).out
    rows = [line.split() for line in out.decode().splitlines()]
    return {Oid(row[0]) for row in rows if len(row) == 2 and row[1] != "missing"}


def where_is(place: Place, url: str) -> str:
    """A remote's address as git would reach it from any folder."""
    if "://" in url or (":" in url and not url.startswith((".", "/"))):
        return url
    path = (place.work_tree or place.git_dir) / url
    return str(path.resolve()) if path.exists() else url


def rebuilt_from_files(place: Place, oids: Collection[Oid]) -> list[Oid]:
    """Write those of the missing ``oids`` again that are files of the work tree, as git's index
    names them. Returns the ones that are there now."""
    if place.work_tree is None or not oids:
        return []
    out = place.run("ls-files", "--stage", "-z").out.decode("utf-8", "surrogateescape")
    for item in out.split("\0"):
        about, _, path = item.partition("\t")
        if path and about.split()[1] in oids and (place.work_tree / path).is_file():
            place.run("-c", "core.fsync=added", "hash-object", "-w", "--", path)
    back = present(place, oids)
    return [one for one in oids if one in back]


def local_folder(place: Place, url: str) -> Path | None:
    """The git folder of a remote that is a repository on this machine, or None."""
    path = Path(where_is(place, url).removeprefix("file://"))
    for candidate in (path, path / ".git"):
        if (candidate / "objects").is_dir() and (candidate / "refs").is_dir():
            return candidate
    return None
