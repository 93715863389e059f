"""A bundle as one plain file, whatever it came as: in volumes, encrypted, or as it is."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitsync.services.workspace import Workspace


@contextmanager
def plain(_ws: Workspace, path: Path) -> Iterator[Path]:
    """The bundle at ``path`` as a file that begins with a bundle's header."""
    yield path
