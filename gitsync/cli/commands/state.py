"""``gitsync state``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitsync.cli import completing, words
from gitsync.cli.options import argument, define, flag
from gitsync.cli.text import shell_word
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.domain.policy import Requirement
    from gitsync.services.authoring import StateChange
    from gitsync.services.proposing import Proposed
    from gitsync.services.workspace import Workspace


@frozen
class Options:
    """``text`` is an id, a unique prefix of one, or a path."""

    text: str
    state: str
    propose: bool = False


def run(app: App, options: Options) -> None:
    """Change the state, say whose consent it takes, and propose it if asked to."""
    from gitsync.services.authoring import set_state

    ws = app.ledger()
    found = set_state(ws, options.text, options.state)
    proposed = _propose(ws, found) if options.propose else None
    if app.json:
        app.out.json(_document(app, ws, found, proposed))
        return
    head = found.artifact.head
    if found.changed:
        app.out.line(_step(found))
    else:
        app.out.line(f"{head.id} is {head.status} already")
    if proposed is not None:
        words.proposed_lines(app, proposed, ws.remote)
        return
    app.out.line(f"  {found.artifact.path}")
    for one in found.needs:
        app.out.wrapped(_need_words(ws, one), "    ", "  ")
    app.out.line(f"  then: gitsync propose {shell_word(found.artifact.path)}")


def _step(found: StateChange) -> str:
    head = found.artifact.head
    return f"{head.id}: {found.before or 'no status'} -> {head.status}"


def _propose(ws: Workspace, found: StateChange) -> Proposed:
    from gitsync.services.proposing import ProposeOptions, propose

    path = ws.work_tree().root / found.artifact.path
    return propose(ws, ProposeOptions(message=_step(found), paths=(str(path),)))


def _need_words(ws: Workspace, one: Requirement) -> str:
    return f"{one}: needs " + ws.settings().policy.who(one.role, "consent")


def _document(
    app: App, ws: Workspace, found: StateChange, proposed: Proposed | None
) -> dict[str, object]:
    roles = ws.settings().policy.roles
    needs: list[dict[str, Any]] = [
        {
            "rule": one.rule,
            "role": one.role,
            "threshold": roles[one.role].threshold if one.role in roles else 1,
            "people": sorted(roles[one.role].people) if one.role in roles else [],
            "proposer-counts": one.proposer_counts,
        }
        for one in found.needs
    ]
    head = found.artifact.head
    return app.document(
        "state", id=head.id, path=found.artifact.path, before=found.before, after=head.status,
        changed=found.changed, needs=needs,
        proposal=None if proposed is None else str(proposed.name),
    )  # fmt: skip


command = define(
    "state",
    run,
    Options,
    help="""Put an artifact into another state: only that field of its file changes.

    The way from its state in common is checked first, by the rules that the witness applies; a
    state that it cannot go to is refused, with those that it can.""",
    example='gitsync state plan-k7 committed\ngitsync state 1559 "Last Call" --propose',
    params=(
        argument("text", "ID", complete=completing.artifacts),
        argument("state", "STATE", complete=completing.states),
        flag("--propose", help="Propose the file at once."),
    ),
)
