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
    from collections.abc import Callable, Iterator
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
    """A file that was saved, and what is wrong with it: nothing, if it was before."""

    path: str
    findings: tuple[Finding, ...]


@frozen
class Watching:
    """From here on nothing below ``root`` changes unseen."""

    root: Path


Told = News | Trouble | Linted
Event = Told | Watching


def watch(opened: Callable[[], Workspace], options: WatchOptions) -> Iterator[Event]:
    """Yield what happens, for ever. ``opened`` opens the workspace anew for each look."""
    ws = opened()
    host, root = ws.host, ws.work_tree().root
    follower = Follower(ws)
    wrong: dict[str, tuple[Finding, ...]] = {}
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
            for path in sorted(files.wait(left)):
                if not path.endswith((".md", ".markdown")):
                    continue
                found = _lint(ws, path)
                if found or path in wrong:
                    yield Linted(path, found)
                wrong.pop(path, None)
                if found:
                    wrong[path] = found


def _lint(ws: Workspace, path: str) -> tuple[Finding, ...]:
    root = ws.work_tree().root
    if not (root / path).exists():
        return ()
    return lint_paths(replace(ws.host, cwd=root), [path]).findings
