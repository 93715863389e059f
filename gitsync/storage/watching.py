"""Noticing that something below a folder changes, by the system's own notification."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from watchdog.events import FileSystemEventHandler


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
