"""``watch --inbox``: import bundles as they arrive in a folder, until one is stopped.

A copy that is still being written looks like one that is cut. So a file that does not check out is
told only when it has stopped growing, and is looked at again whenever the folder changes. The
folder may go away with its stick and come back. Where it stays behind as an empty mount point, what
shows there is another disk's, and is left alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, GitsyncError
from gitsync.domain.frozen import frozen
from gitsync.services.carrying.opening import signed
from gitsync.services.carrying.taking import in_order, take, unlocker
from gitsync.services.carrying.unwrapping import found_in, glance
from gitsync.storage.disks import place_of
from gitsync.storage.watching import FolderWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gitsync.services.carrying.taking import Taken
    from gitsync.services.workspace import Workspace
    from gitsync.storage.disks import Place

LOOK_SECONDS = 2.0
#: How long nothing has to change before a file counts as complete. FAT dates files to two seconds:
#: what is written sooner after another write may leave no trace in the date.
SETTLED_SECONDS = 3.0


@frozen
class Arrived:
    """A bundle was imported, kept, or held nothing new."""

    taken: Taken


@frozen
class Rejected:
    """A file does not check out, and nobody writes to it any more."""

    path: Path
    code: str
    why: str


@frozen
class Present:
    """The folder is there, or is gone: a stick was pulled out."""

    folder: Path
    present: bool


Event = Arrived | Rejected | Present
#: (name, size, date of change in ns) of each file: what tells one state of a folder from another.
State = tuple[tuple[str, int, int], ...]


@dataclass(slots=True)
class Inbox:
    """One folder, and what has become of its files so far. ``opened`` opens the workspace anew."""

    opened: Callable[[], Workspace]
    folder: Path
    _done: set[tuple[str, int, int]] = field(default_factory=set)
    _told: set[tuple[str, int, int]] = field(default_factory=set)
    _last: State = ()
    _since: float = 0.0

    def look(self) -> list[Event]:
        """Import what is new. Raises EnvironmentFault ``bundle.unreadable`` where it is gone."""
        paths = found_in(self.folder)
        state = tuple(sorted(_stamp(one) for one in self.folder.iterdir() if one.is_file()))
        ws = self.opened()
        now = ws.host.monotonic()
        if state != self._last:
            self._last, self._since = state, now
        settled = now - self._since >= SETTLED_SECONDS
        events: list[Event] = []
        waiting = [path for path in paths if _stamp(path) not in self._done]
        for path in in_order(ws, waiting):
            stamp = _stamp(path)
            if stamp in self._told and settled:
                continue
            try:
                if self._is_own(ws, path):
                    self._done.add(stamp)
                    continue
                events += [Arrived(one) for one in take(self.opened(), path)]
                self._done.add(stamp)
            except EnvironmentFault:
                raise
            except GitsyncError as error:
                if settled and stamp not in self._told:
                    self._told.add(stamp)
                    events.append(Rejected(path, error.code, str(error)))
        return events

    @staticmethod
    def _is_own(ws: Workspace, path: Path) -> bool:
        return signed(glance(path, unlocker(ws.host, ws))[0]).manifest.sender == ws.domain


def _stamp(path: Path) -> tuple[str, int, int]:
    status = path.stat()
    return path.name, status.st_size, status.st_mtime_ns


def watch_inbox(
    opened: Callable[[], Workspace], folder: Path, place: Callable[[Path], Place] = place_of
) -> Iterator[Event]:
    """Yield what arrives, for ever. ``place`` tells which disk a folder lies on."""
    inbox = Inbox(opened, folder)
    sleep = opened().host.sleep
    present: bool | None = None
    there: Place | None = None
    while True:
        try:
            here = place(folder)
            if there is not None and here.disk == there.beneath:
                raise FileNotFoundError  # the mount point without its stick
            if there is not None and here.disk != there.disk:
                present = None  # another one, or the first that is put in
            there = here
            with FolderWatch(folder) as changes:
                while place(folder) == here:
                    found = inbox.look()
                    if present is not True:
                        present = True
                        yield Present(folder, present=True)
                    yield from found
                    changes.wait(LOOK_SECONDS)
        except (OSError, EnvironmentFault) as error:
            gone = isinstance(error, OSError) or error.code == "bundle.unreadable"
            if not gone:
                raise
            if present is not False:
                present = False
                yield Present(folder, present=False)
            sleep(LOOK_SECONDS)
