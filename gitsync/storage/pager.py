"""The user's pager as a child process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.storage import effects

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def page(command: Sequence[str], text: str, env: Mapping[str, str]) -> bool:
    """Show ``text`` in a pager and wait for it; False if there is no such program.

    ``less`` gets git's own defaults: quit if it fits one screen, keep colours, leave the screen.
    """
    try:
        process = effects.start(list(command), {"LESS": "FRX", "LV": "-c", **env})
    except OSError:
        return False
    try:
        process.communicate(text.encode("utf-8", "replace"))
    except KeyboardInterrupt:
        process.wait()
    return True
