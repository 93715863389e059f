"""The first bundle of a new clone: nothing of the ledger is here yet."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault
from gitsync.services.carrying.taking import reopened, take_all
from gitsync.services.carrying.unwrapping import found_in

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.services.workspace import Workspace


def first_import(ws: Workspace, path: Path) -> Workspace:
    """Import what a stick holds into an empty clone, from a complete bundle on.

    Returns the clone as it is then. Raises the error of the bundle that could not be taken, or
    EnvironmentFault ``bundle.none``.
    """
    paths = found_in(path) if path.is_dir() else [path]
    haul = take_all(ws, paths)
    ws = reopened(ws)
    position = ws.position()
    if position is not None:
        return replace(ws, anchor=ws.anchor or position.anchor)
    if haul.refused:
        raise haul.refused[0][1]
    raise EnvironmentFault(
        "bundle.none", f"there is no complete bundle in {path}",
        hint="have one written: gitsync bundle create DIR",
    )  # fmt: skip
