"""What every command does for the leases of its clone: renew them, or say that it is too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import failures
from gitsync.domain.errors import EnvironmentFault, GitsyncError

if TYPE_CHECKING:
    from gitsync.cli.app import App


def keep_leases(app: App) -> None:
    """Renew what is due. The command has done its work, so this makes it fail in no case."""
    from gitsync.services.leasing.renewing import held_here, renew_if_due
    from gitsync.services.workspace import Workspace

    try:
        ws = Workspace.open(app.host)
        renew_if_due(ws)
        held = held_here(ws)
    except GitsyncError:
        return  # the next command that is about leases says what is wrong with the clone
    if held is None or not held.is_over(app.host.seconds()):
        return
    tokens = ", ".join(sorted(held.tokens, key=int))
    stop = EnvironmentFault(
        "lease.unrenewed",
        f"stop working under lease {tokens}: it could not be renewed for most of its time, and"
        " others may be given it",
        hint="when the home can be reached: gitsync lock renew",
    )
    failures.show(app.out, stop, as_json=app.json)
