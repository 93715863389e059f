"""Noticing that something below a folder changes, by the system's own notification."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from gitsync.domain.lateregex import late_regex

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from watchdog.events import FileSystemEventHandler
    from watchdog.observers.api import BaseObserver


class FolderWatch:
    """Watches a folder from ``with`` on, so that nothing which happens between two waits is missed.

    A change sets a flag; :meth:`wait` takes it down again.
    """

    def __init__(self, folder: Path) -> None:
        from watchdog.observers import Observer

        self._changed = threading.Event()
        self._observer = Observer()
        self._observer.schedule(_handler(self._changed), str(folder), recursive=True)

    def __enter__(self) -> Self:
        self._observer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._observer.stop()
        self._observer.join()

    def wait(self, seconds: float) -> bool:
        """Block until something has changed since the last wait, at most ``seconds``."""
        found = self._changed.wait(seconds)
        self._changed.clear()
        return found


def _handler(changed: threading.Event) -> FileSystemEventHandler:
    from watchdog.events import FileSystemEvent
    from watchdog.events import FileSystemEventHandler as Base

    class Handler(Base):
        def on_any_event(self, event: FileSystemEvent) -> None:
            # Reading is an event too; only what alters a ref counts.
            if event.event_type in {"created", "moved", "modified", "deleted"}:
                changed.set()

    return Handler()


# What editors and we ourselves put beside a file while it is being written.
_TEMPORARY = late_regex(
    r"~$|\.(?:sw[a-z]|tmp|part|crdownload|lock)$|^(?:\.#|#|\.goutputstream-|4913$|tmp_|\.~)"
)
QUIET_SECONDS = 0.3
LONGEST_SECONDS = 2.0


def is_temporary(name: str) -> bool:
    """Whether a file of this name is one that an editor makes for a moment."""
    return _TEMPORARY.search(name) is not None


class FileWatch:
    """Watches the files below a folder, except git's own and those of editors.

    ``polling`` looks at the files every second instead: network file systems notify of nothing.
    It is also what is done where the system has no more watches to give.
    """

    def __init__(self, folder: Path, *, polling: bool = False) -> None:
        self._folder = folder
        self._polling = polling
        self._paths: set[str] = set()
        self._changed = threading.Condition()
        self._observer: BaseObserver | None = None

    def __enter__(self) -> Self:
        self._observer = self._started(polling=self._polling)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()

    def _started(self, *, polling: bool) -> BaseObserver:
        from watchdog.observers import Observer
        from watchdog.observers.polling import PollingObserver

        observer = PollingObserver(timeout=1) if polling else Observer()
        observer.schedule(_path_handler(self._noted), str(self._folder), recursive=True)
        try:
            observer.start()
        except OSError:
            if polling:
                raise
            return self._started(polling=True)
        return observer

    def _noted(self, path: str) -> None:
        name = Path(path).relative_to(self._folder)
        if ".git" in name.parts or is_temporary(name.name) or not name.name:
            return
        with self._changed:
            self._paths.add(name.as_posix())
            self._changed.notify_all()

    def wait(self, seconds: float) -> frozenset[str]:
        """The paths that have changed, relative to the folder; empty when nothing did for so long.

        A burst is told as one: nothing is said before it has been quiet for a moment.
        """
        with self._changed:
            if not self._paths:
                self._changed.wait(max(0.0, seconds))
            end = time.monotonic() + LONGEST_SECONDS
            while self._paths and time.monotonic() < end:
                before = len(self._paths)
                told = self._changed.wait(QUIET_SECONDS)
                if not told and len(self._paths) == before:
                    break
            found = frozenset(self._paths)
            self._paths.clear()
        return found


def _path_handler(note: Callable[[str], None]) -> FileSystemEventHandler:
    from watchdog.events import FileSystemEvent
    from watchdog.events import FileSystemEventHandler as Base

    class Handler(Base):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.is_directory or event.event_type not in {
                "created", "moved", "modified", "deleted",
            }:  # fmt: skip
                return
            for path in (event.src_path, event.dest_path):
                if path:
                    note(os.fsdecode(path))

    return Handler()
