"""Waiting until something below a folder changes, by the system's own notification."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def wait_for_change(folder: Path, seconds: float) -> bool:
    """Block until a file below ``folder`` changes, at most ``seconds``; whether one did."""
    import threading

    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    changed = threading.Event()

    class Handler(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            # Lock files come before every change and reads are none.
            if event.event_type in ("created", "moved", "modified", "deleted"):
                changed.set()

    observer = Observer()
    observer.schedule(Handler(), str(folder), recursive=True)
    observer.start()
    try:
        return changed.wait(seconds)
    finally:
        observer.stop()
        observer.join()
