"""``gitsync list``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitsync.cli.options import define, option
from gitsync.cli.output import Piece, Styled

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.artifacts import Artifact


@dataclass(frozen=True, slots=True)
class Options:
    """``at`` is a position; None: the files as they lie here."""

    at: str | None = None


def run(app: App, options: Options) -> None:
    """Print all artifacts, ordered by path."""
    from gitsync.services.artifacts import listing

    found = listing(app.ledger(), options.at)
    if app.json:
        artifacts = [
            {"id": one.head.id, "type": one.head.type, "status": one.head.status,
             "owner": _owner(one), "title": one.head.title, "path": one.path,
             "problem": one.problem}
            for one in found
        ]  # fmt: skip
        app.out.json(app.document("list", at=options.at, artifacts=artifacts))
        return
    if not found:
        app.out.line('no artifacts yet; make one: gitsync new plan "Title"')
        return
    rows = [_row(one) for one in found]
    app.out.table(("ID", "TYPE", "STATUS", "OWNER", "TITLE"), rows)
    for one in found:
        if one.problem:
            app.out.wrapped(one.problem, "    ", "unreadable: ")


def _owner(one: Artifact) -> str | None:
    from gitsync.services.artifacts import fields_of

    if one.problem:
        return None
    owner = fields_of(one).get("owner")
    return None if owner is None else str(owner)


def _row(one: Artifact) -> tuple[Piece, ...]:
    if one.problem:
        return ("?", "?", Styled("unreadable", "red"), "?", one.path)
    head = one.head
    return (
        head.id or "?", head.type or "-", head.status or "-", _owner(one) or "-", head.title or "-"
    )  # fmt: skip


command = define(
    "list",
    run,
    Options,
    help="List every artifact: id, type, status, owner and title.",
    example="gitsync list\ngitsync list --at common@5 --json",
    params=(option("--at", metavar="POSITION", help="As of a snapshot, say common@5."),),
)
