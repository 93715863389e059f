"""What the shell offers for an argument: ids, proposals, types, commands. It never fails."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gitsync.services.naming import term_names, term_values

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
    return app.reading(lambda catalogue: catalogue.ids())


def _positions(app: App) -> list[str]:
    ws = app.ledger()
    newest = ws.verified().number
    return [ws.space, *(f"{ws.space}@{number}" for number in range(newest, 0, -1))]


def _ranges(app: App) -> list[str]:
    found = _positions(app)
    return [*found, *(f"{one}..{found[0]}" for one in found[1:])]


def _terms(context: click.Context, _param: click.Parameter, start: str) -> list[str]:
    """Terms of a query: names first, then the values that a name can have."""
    with suppress(Exception):
        app: App = context.find_root().obj
        sign = "-" if start.startswith("-") else ""
        name, colon, value = start.removeprefix(sign).partition(":")
        if not colon:
            names = app.reading(term_names)
            return [f"{sign}{one}:" for one in names if one.startswith(name)]
        done, comma, last = value.rpartition(",")
        found = app.reading(lambda catalogue: term_values(catalogue, name))
        return [f"{sign}{name}:{done}{comma}{one}" for one in found if one.startswith(last)]
    return []


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


def _formats(_app: App) -> list[str]:
    from gitsync.services.exporting import FORMATS

    return list(FORMATS)


artifacts = _offer(_artifacts)
formats = _offer(_formats)
presets = _offer(_presets)
states = _offer(_states)
positions = _offer(_positions)
ranges = _offer(_ranges)
terms = _terms
types = _offer(_types)
proposals = _offer(_proposals)
own_proposals = _offer(_own_proposals)
members = _offer(_members)
asking = _offer(_asking)
commands = _offer(_commands)
