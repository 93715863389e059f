"""The witness at a stick: proposals in, snapshots, tags and receipts out, without a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen
from gitsync.services.carrying.sticks import StickOptions, Synced, deliver, receive, send
from gitsync.services.carrying.taking import reopened
from gitsync.services.witnessing import run_once

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.services.witness import WitnessReport
    from gitsync.services.witnessing import WitnessOptions
    from gitsync.services.workspace import Workspace


@frozen
class Round:
    """What came from the stick, what was decided, and what was left on the stick."""

    report: WitnessReport
    synced: Synced


def witness_at(ws: Workspace, folder: Path, options: WitnessOptions) -> Round:
    """One round: import, decide, write. Each part may have been done already.

    Where the home is a remote, what came is brought there first. Raises what ``receive``,
    ``run_once`` and ``send`` raise.
    """
    haul, repos = receive(ws, folder)
    ws = reopened(ws)
    deliver(ws)
    report = run_once(ws, options)
    synced = send(reopened(ws), folder, StickOptions(key=options.key), haul, repos)
    return Round(report, synced)
