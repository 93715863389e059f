"""``gitsync claim``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitsync.cli import completing, words
from gitsync.cli.options import argument, define, flag
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.claiming import Claimed


@frozen
class Options:
    """``text`` is an id, a unique prefix of one, or a path."""

    text: str
    take_over: bool = False


def run(app: App, options: Options) -> None:
    """Claim one artifact."""
    from gitsync.services.claiming import claim

    found = claim(app.ledger(), options.text, take_over=options.take_over)
    if app.json:
        app.out.json(app.document("claim", **fields(app, found)))
    else:
        lines(app, found)


def fields(app: App, found: Claimed) -> dict[str, Any]:
    """The claim inside a document."""
    head = found.artifact.head
    proposed = found.proposed
    return {
        "id": head.id,
        "path": found.artifact.path,
        "owner": app.ledger().me(),
        "owners-before": list(found.owners),
        "status": head.status,
        "status-before": found.before,
        "proposal": str(proposed.name) if proposed is not None else None,
        "commit": proposed.commit if proposed is not None else None,
        "sent": proposed.sent if proposed is not None else None,
    }


def lines(app: App, found: Claimed) -> None:
    """The claim in words."""
    head = found.artifact.head
    moved = f", {found.before} -> {head.status}" if found.before != head.status else ""
    app.out.line(f"{head.id} is yours{moved}")
    if found.proposed is None:
        app.out.line("  common says so already")
    else:
        words.proposed_lines(app, found.proposed, app.ledger().remote)


command = define(
    "claim",
    run,
    Options,
    help="""Say that you work on something: set its owner and state, and propose that.

    A claim is a proposal like any other, so of two the witness takes the first. It keeps nobody
    from editing.""",
    example="gitsync claim task-k7x\ngitsync claim task-k7x --take-over",
    params=(
        argument("text", "ID", complete=completing.artifacts),
        flag("--take-over", help="Also when it is somebody else's work."),
    ),
)
