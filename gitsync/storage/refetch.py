"""Objects from elsewhere: a remote fetched into a folder of its own, and what is missing copied.

``git fetch`` asks for what its refs lack and never again for what a repository believes to have,
so it does not replace a lost object. A fresh repository believes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.codec.pack import PackBuilder
from gitsync.domain.errors import GitsyncError
from gitsync.domain.objects import Oid
from gitsync.storage import gitcli
from gitsync.storage.durable import remove_tree, save_pack

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from gitsync.storage.objects import GitObjects
    from gitsync.storage.place import Place

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
        here = _present(self.folder, wanted)
        if not here:
            return []
        reached = gitcli.run(
            ["rev-list", "--objects", "--no-object-names", "--stdin"],
            cwd=self.folder,
            stdin="\n".join(here).encode(),
        ).out.decode()
        # A tag that is asked for is no part of the list of what it reaches.
        names = list(dict.fromkeys([*here, *map(Oid, reached.split())]))
        there = present(self._place, names)
        self._copy([one for one in names if one not in there])
        back = present(self._place, wanted)
        return [one for one in wanted if one in back]

    def _copy(self, oids: Iterable[Oid]) -> None:
        """Copy objects as packs, each checked by its id."""
        store, builder, size = self._open(), PackBuilder(), 0
        for oid in oids:
            kind, data = store.read(oid)
            builder.add(kind, data)
            size += len(data) + 1
            if size > _A_PACK:
                save_pack(builder.finish(), self._place.objects_dir)
                builder, size = PackBuilder(), 0
        if size:
            save_pack(builder.finish(), self._place.objects_dir)

    def _open(self) -> GitObjects:
        if self._store is None:
            from gitsync.storage.objects import GitObjects

            self._store = GitObjects(self.folder / "objects")
        return self._store

    def close(self) -> None:
        """Remove the folder."""
        if self.folder.exists():
            remove_tree(self.folder)


def present(place: Place, oids: Collection[Oid]) -> set[Oid]:
    """Which of these objects the repository has, by stock git."""
    return _present(place.work_tree or place.git_dir, oids)


def _present(folder: Path, oids: Collection[Oid]) -> set[Oid]:
    if not oids:
        return set()
    asked = ["cat-file", "--batch-check=%(objectname) %(objecttype)"]
    out = gitcli.run(asked, cwd=folder, stdin="\n".join(oids).encode(), check=False).out
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
