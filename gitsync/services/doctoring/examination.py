"""One run of the doctor: the place looked at, and what the checks share."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, GitsyncError
from gitsync.domain.frozen import frozen
from gitsync.services.workspace import Workspace
from gitsync.storage.durable import make_folder
from gitsync.storage.place import Place, find_place
from gitsync.storage.refetch import Source, where_is

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from gitsync.domain.objects import Oid
    from gitsync.services.host import Host

LOCK_SECONDS = 60.0
# Without a look at the other processes, a lock has to be this old to count as left behind.
BLIND_LOCK_SECONDS = 3600.0


@frozen
class DoctorOptions:
    """``remote`` is a name or address to look at and to heal from; ``full`` reads everything;
    ``probe`` tries pushes that cannot take effect; ``lock_seconds`` is the age from which on a
    lock that nobody holds is stale."""

    remote: str | None = None
    fix: bool = False
    full: bool = False
    probe: bool = False
    lock_seconds: float = LOCK_SECONDS


@dataclass(slots=True)
class Examination:
    """What checks need. ``settings`` are the repository's own, by lower-case key."""

    host: Host
    options: DoctorOptions
    place: Place
    settings: dict[str, str]
    _sources: dict[str, Source | str] = field(default_factory=dict)

    @classmethod
    def begin(cls, host: Host, options: DoctorOptions) -> Examination:
        """Find the repository, and in a code repository the ledger's own folder.

        Raises EnvironmentFault ``repo.missing``.
        """
        place = find_place(host.cwd)
        if place is None:
            raise EnvironmentFault(
                "repo.missing", f"{host.cwd} is not in a git repository",
                hint="gitsync -C FOLDER doctor",
            )  # fmt: skip
        settings = place.settings()
        linked = settings.get("gitsync.path")
        if linked is not None:
            there = find_place(place.common_dir.parent / linked)
            if there is not None and there.common_dir == place.common_dir:
                place = there
        return cls(host, options, place, place.settings())

    def workspace(self) -> Workspace:
        """The clone, opened anew, so that what was mended meanwhile is seen."""
        return Workspace.open(replace(self.host, cwd=self.place.work_tree or self.place.git_dir))

    def ledger(self) -> Workspace | None:
        """The clone if it is set up, else None."""
        ws = self.workspace()
        return ws if ws.domain is not None and ws.anchor is not None else None

    @property
    def branch(self) -> str | None:
        """The ref that this clone's person works on."""
        name = self.settings.get("gitsync.domain")
        return f"refs/heads/people/{name}" if name else None

    @property
    def day(self) -> str:
        """Today in UTC."""
        return time.strftime("%Y-%m-%d", time.gmtime(self.host.seconds()))

    def put_away(self, path: Path) -> str:
        """Move a torn file out of the way; returns where it is now, for people."""
        return self.place.short(self.place.put_away(path, self.day))

    def keep_copy(self, path: Path) -> None:
        """Keep a copy of a file that is about to lose lines, where torn files are kept."""
        if path.is_file():
            self.place.put_away(path, self.day, copy=True)

    # -- remotes ----------------------------------------------------------------------------

    def remotes(self) -> list[str]:
        """Where to heal from: the one asked for, else the ledger's first, then the others."""
        if self.options.remote is not None:
            return [self.options.remote]
        names = [
            key.removeprefix("remote.").removesuffix(".url")
            for key in self.settings
            if key.startswith("remote.") and key.endswith(".url")
        ]
        home = self.settings.get("gitsync.remote")
        return sorted(names, key=lambda name: (name != home, name))

    def home(self) -> str | None:
        """The remote that is looked at; None where this repository is the home."""
        return self.options.remote or self.settings.get("gitsync.remote")

    def address(self, remote: str) -> str:
        """A remote's address, usable from any folder."""
        return where_is(self.place, self.settings.get(f"remote.{remote}.url", remote))

    def sources(self) -> Iterator[tuple[str, Source]]:
        """The remotes that can be read, fetched once a run."""
        for name in self.remotes():
            if name not in self._sources:
                folder = (
                    self.place.common_dir
                    / "gitsync"
                    / f"scratch-{os.getpid()}-{name.replace('/', '+')}"
                )
                try:
                    make_folder(folder.parent)
                    self._sources[name] = Source(self.place, self.address(name), folder)
                except GitsyncError as error:
                    self._sources[name] = error.message
            found = self._sources[name]
            if isinstance(found, Source):
                yield name, found

    def refetch(self, wanted: Sequence[Oid]) -> str:
        """Bring objects back from whoever has them; says from where, and what is left."""
        left, parts = list(wanted), []
        for name, source in self.sources():
            back = source.give(left)
            if back:
                parts.append(f"{len(back)} fetched from {name} and read back")
            left = [one for one in left if one not in back]
            if not left:
                break
        unread = self.unread()
        if left and unread:
            parts.append(f"{', '.join(unread)} could not be read")
        if left:
            parts.append(f"no remote has {', '.join(one[:12] for one in left[:5])}")
        return "; ".join(parts)

    def unread(self) -> list[str]:
        """The remotes that could not be read for healing."""
        return [name for name, found in self._sources.items() if isinstance(found, str)]

    def close(self) -> None:
        """Let go of what was fetched for healing."""
        for found in self._sources.values():
            if isinstance(found, Source):
                found.close()
        self._sources.clear()
