"""``gitsync sync``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli.commands import pull as pulling
from gitsync.cli.commands import push as pushing
from gitsync.cli.options import define
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App


@frozen
class Options:
    """As in pull and push."""

    autostash: bool = False
    all: bool = False


def run(app: App, options: Options) -> int:
    """Pull, then push; 1 if the remote would not take something."""
    from gitsync.services.pulling import pull
    from gitsync.services.sending import Pushed, push

    if options.all:
        pulling.fetch_copies(app)
    pulled = pull(app.ledger(), autostash=options.autostash)
    # Offline there is nobody to push to; the refs stay queued.
    pushed = Pushed(None, ()) if pulled.offline else push(app.ledger())
    copies = pushing.send_copies(app) if options.all else []
    if app.json:
        parts = {"pull": pulling.fields(pulled), "push": pushing.fields(pushed)}
        asked = {"copies": pushing.copies_fields(app, copies)} if options.all else {}
        app.out.json(app.document("sync", **parts, **asked))
    else:
        pulling.lines(app, pulled)
        if not pulled.offline:
            pushing.lines(app, pushed)
        pushing.copies_lines(app, copies)
    return 1 if pushed.refused or any(sent and sent.refused for _, sent in copies) else 0


command = define(
    "sync",
    run,
    Options,
    help="Pull, then push: verify and take over what is new, then send what is yours.",
    example="gitsync sync\ngitsync sync --autostash\ngitsync sync --all",
    params=(pulling.autostash_flag(), pulling.all_flag()),
)
