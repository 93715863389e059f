"""``gitsync help``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gitsync.cli import completing
from gitsync.cli.group import program, unknown_command
from gitsync.cli.options import argument, define
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App


@frozen
class Options:
    """``words`` name a command: ``("roster", "admit")``."""

    words: tuple[str, ...] = ()


def run(app: App, options: Options) -> None:
    """Print the help of one command, or the list of them."""
    context = _context(program, None, "gitsync", app)
    found: click.Command = program
    for word in options.words:
        known = found.list_commands(context) if isinstance(found, click.Group) else []
        inner = found.get_command(context, word) if isinstance(found, click.Group) else None
        if inner is None:
            raise unknown_command(word, known, context.command_path)
        context = _context(inner, context, word, app)
        found = inner
    app.out.help(found.get_help(context))


def _context(
    found: click.Command, parent: click.Context | None, name: str, app: App
) -> click.Context:
    settings: dict[str, Any] = dict(found.context_settings)
    return click.Context(found, parent=parent, info_name=name, obj=app, **settings)


command = define(
    "help",
    run,
    Options,
    help="Explain a command, or list them all.",
    example="gitsync help propose",
    params=(argument("words", "[COMMAND]...", many=True, complete=completing.commands),),
    json=False,
)
