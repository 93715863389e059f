"""What the shell offers for an argument: ids, proposals, types, commands. It never fails."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import click

    from gitsync.cli.app import App

    Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _offer(find: Callable[[App], Iterable[str]]) -> Complete:
    def complete(context: click.Context, _param: click.Parameter, start: str) -> list[str]:
        # A shell that waits for a completion must get no error in the middle of the line.
        with suppress(Exception):
            app: App = context.find_root().obj
            return [one for one in find(app) if one.startswith(start)]
        return []

    return complete


def _artifacts(app: App) -> list[str]:
    from gitsync.services.artifacts import listing

    return [one.head.id for one in listing(app.ledger()) if one.head.id]


def _types(app: App) -> list[str]:
    return sorted(app.ledger().settings().schema.types)


def _proposals(app: App) -> list[str]:
    from gitsync.services.sources import known_view
    from gitsync.services.status import proposals

    ws = app.ledger()
    return [str(one.name) for one in proposals(ws, known_view(ws), mine_only=False)]


def _own_proposals(app: App) -> list[str]:
    from gitsync.services.sources import known_view
    from gitsync.services.status import proposals

    ws = app.ledger()
    return [one.name.slug for one in proposals(ws, known_view(ws), mine_only=True)]


def _members(app: App) -> list[str]:
    roster = app.ledger().state().settings.roster
    return [name for entry in roster.entries for name in entry.names]


def _asking(app: App) -> list[str]:
    from gitsync.services.status import status

    return list(status(app.host).requests)


def _commands(_app: App) -> list[str]:
    from gitsync.cli.table import COMMANDS

    return list(COMMANDS)


def _states(app: App) -> list[str]:
    kinds = app.ledger().settings().schema.types.values()
    return list(dict.fromkeys(state for kind in kinds for state in kind.states))


def _presets(_app: App) -> list[str]:
    from gitsync.codec.presets import list_presets

    return list(list_presets())


artifacts = _offer(_artifacts)
presets = _offer(_presets)
states = _offer(_states)
types = _offer(_types)
proposals = _offer(_proposals)
own_proposals = _offer(_own_proposals)
members = _offer(_members)
asking = _offer(_asking)
commands = _offer(_commands)
