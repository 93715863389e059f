"""``watch``: tell what changes here and elsewhere as it happens, until one is stopped.

Nothing has to run for the ledger to work, and nothing is moved: no file, no branch. Files are
linted when they are saved, the home is asked now and then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen
from gitsync.services.leasing.renewing import renew_if_due
from gitsync.services.linting import lint_paths
from gitsync.services.news import Follower, News, Trouble
from gitsync.storage.watching import FileWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from gitsync.domain.lint import Finding
    from gitsync.services.workspace import Workspace


INTERVAL_SECONDS = 30.0


@frozen
class WatchOptions:
    """``interval`` seconds lie between two looks at the home; ``fetch`` False never looks.
    ``polling`` as in :class:`FileWatch`."""

    interval: float = INTERVAL_SECONDS
    fetch: bool = True
    polling: bool = False


@frozen
class Linted:
    """A file that was saved, and what is wrong with it: nothing, if it was before. Then ``gone``
    says that it was deleted."""

    path: str
    findings: tuple[Finding, ...]
    gone: bool = False


@frozen
class Fine:
    """Files that were saved together, of which none is wrong or was."""

    paths: tuple[str, ...]


@frozen
class Watching:
    """From here on nothing below ``root`` changes unseen."""

    root: Path


Told = News | Trouble | Linted | Fine
Event = Told | Watching


def watch(opened: Callable[[], Workspace], options: WatchOptions) -> Iterator[Event]:
    """Yield what happens, for ever. ``opened`` opens the workspace anew for each look."""
    ws = opened()
    host, root = ws.host, ws.work_tree().root
    follower = Follower(ws)
    saved = _Saved(ws)
    heard = True
    due = host.monotonic()
    with FileWatch(root, polling=options.polling) as files:
        yield Watching(root)
        while True:
            if options.fetch and host.monotonic() >= due:
                troubled = False
                for event in follower.look(opened()):
                    troubled |= isinstance(event, Trouble)
                    # Said when it begins, and not again each time.
                    if heard or not isinstance(event, Trouble):
                        yield event
                renew_if_due(ws)
                heard = not troubled
                due = host.monotonic() + options.interval
            left = due - host.monotonic() if options.fetch else options.interval
            yield from saved.look(files.wait(left))


class _Saved:
    """What was told of the files here: which are wrong, and how each lay on the disk then."""

    def __init__(self, ws: Workspace) -> None:
        self._root = ws.work_tree().root
        self._host = replace(ws.host, cwd=self._root)
        self._wrong: set[str] = set()
        self._seen: dict[str, tuple[int, int, int]] = {}

    def look(self, paths: Iterable[str]) -> Iterator[Linted | Fine]:
        """Lint what was saved. The system also tells of a file whose owner or mode changed."""
        fine = []
        for path in sorted(paths):
            if not path.endswith((".md", ".markdown")):
                continue
            here = self._on_disk(path)
            if here is not None and here == self._seen.get(path):
                continue
            found = lint_paths(self._host, [path]).findings if here is not None else ()
            if found or path in self._wrong:
                yield Linted(path, found, gone=here is None)
            elif here is not None:
                fine.append(path)
            self._note(path, here, wrong=bool(found))
        if fine:
            yield Fine(tuple(fine))

    def _note(self, path: str, here: tuple[int, int, int] | None, *, wrong: bool) -> None:
        self._wrong.discard(path)
        self._seen.pop(path, None)
        if wrong:
            self._wrong.add(path)
        if here is not None:
            self._seen[path] = here

    def _on_disk(self, path: str) -> tuple[int, int, int] | None:
        try:
            found = (self._root / path).stat()
        except OSError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns
