"""``gitsync sync``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitsync.cli.commands import pull as pulling
from gitsync.cli.commands import push as pushing
from gitsync.cli.options import define

if TYPE_CHECKING:
    from gitsync.cli.app import App


@dataclass(frozen=True, slots=True)
class Options:
    """``autostash`` as in pull."""

    autostash: bool = False


def run(app: App, options: Options) -> int:
    """Pull, then push; 1 if the remote would not take something."""
    from gitsync.services.pulling import pull
    from gitsync.services.sending import Pushed, push

    pulled = pull(app.ledger(), autostash=options.autostash)
    # Offline there is nobody to push to; the refs stay queued.
    pushed = Pushed(None, ()) if pulled.offline else push(app.ledger())
    if app.json:
        parts = {"pull": pulling.fields(pulled), "push": pushing.fields(pushed)}
        app.out.json(app.document("sync", **parts))
    else:
        pulling.lines(app, pulled)
        if not pulled.offline:
            pushing.lines(app, pushed)
    return 1 if pushed.refused else 0


command = define(
    "sync",
    run,
    Options,
    help="Pull, then push: verify and take over what is new, then send what is yours.",
    example="gitsync sync\ngitsync sync --autostash",
    params=(pulling.autostash_flag(),),
)
