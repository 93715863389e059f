"""How a command is declared: its flags, the options made of them, and the function they go to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from gitsync.cli.group import Command, fresh_option, json_option, unshielded
from gitsync.domain.lateregex import late_regex

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitsync.cli.app import App
    from gitsync.cli.completing import Complete

Chosen = TypeVar("Chosen")

_DURATION = late_regex(r"([0-9]{1,9})(s|m|h|d)?")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def define(
    name: str,
    run: Callable[[App, Chosen], int | None],
    options: Callable[..., Chosen],
    *,
    help: str,  # noqa: A002 - click's own word
    example: str,
    params: tuple[click.Parameter, ...] = (),
    json: bool = True,
    fresh: bool = False,
    query: bool = False,
) -> Command:
    """A command that makes ``options`` of its flags and calls ``run(app, options)``.

    Each parameter's name is a keyword of ``options``; ``example`` holds one command a line.
    ``json`` adds ``--json``, ``fresh`` adds ``--fresh``; ``query`` lets arguments be terms of a
    query, which may begin with a dash.
    """

    def call(**flags: Any) -> int | None:  # noqa: ANN401 - values as click parsed them
        app: App = click.get_current_context().obj
        return run(app, options(**flags))

    flags = [*params, *([fresh_option()] if fresh else []), *([json_option()] if json else [])]
    return Command(name, callback=call, params=flags, help=help, example=example, query=query)


def argument(
    name: str,
    metavar: str,
    *,
    optional: bool = False,
    many: bool = False,
    file: bool = False,
    complete: Complete | None = None,
) -> click.Argument:
    """A positional argument; ``many`` takes any number of them.

    The shell completes it with files if ``file``, or with what ``complete`` offers.
    """
    return click.Argument(
        [name], metavar=metavar, required=not (optional or many), nargs=-1 if many else 1,
        type=click.Path() if file else str, shell_complete=complete,
    )  # fmt: skip


def flag(*names: str, help: str) -> click.Option:  # noqa: A002 - click's own word
    """An option without a value; the last name without dashes, if any, is the keyword."""
    return click.Option(list(names), is_flag=True, help=help)


def option(
    *names: str,
    metavar: str,
    help: str,  # noqa: A002 - click's own word
    many: bool = False,
    file: bool = False,
    complete: Complete | None = None,
) -> click.Option:
    """An option with a text as its value; ``file`` and ``complete`` as for ``argument``."""
    return click.Option(
        list(names), metavar=metavar, help=help, multiple=many,
        type=click.Path() if file else str, shell_complete=complete,
    )  # fmt: skip


def query_argument() -> click.Argument:
    """``[QUERY]``: any number of terms; the text of the query is the keyword's value."""
    from gitsync.cli import completing

    return click.Argument(
        ["query"], metavar="[QUERY]", nargs=-1, required=False, shell_complete=completing.terms,
        callback=lambda _context, _param, words: " ".join(unshielded(words)),
    )  # fmt: skip


def at_option(help: str = "As of a snapshot, say common@5.") -> click.Option:  # noqa: A002
    """``--at``."""
    from gitsync.cli import completing

    return option("--at", metavar="POSITION", help=help, complete=completing.positions)


def no_cache_option() -> click.Option:
    """``--no-cache``, as the keyword ``cache``."""
    return click.Option(
        ["--no-cache", "cache"], is_flag=True, flag_value=False, default=True,
        help="Read every file anew, whatever the index says.",
    )  # fmt: skip


def yes_option() -> click.Option:
    """``--yes``: no question."""
    return flag("--yes", "-y", help="Do not ask.")


def key_option() -> click.Option:
    """``--key``."""
    return option(
        "--key", metavar="KEY", file=True,
        help="Sign with this key: a file, or a public key of your agent.",
    )  # fmt: skip


def duration_option(*names: str, metavar: str = "TIME", help: str) -> click.Option:  # noqa: A002
    """An option like ``--wait 10m``, in seconds; the last name without dashes is the keyword."""
    return click.Option(list(names), metavar=metavar, callback=_duration, help=help)


def moment_option(name: str, metavar: str, help: str) -> click.Option:  # noqa: A002
    """An option like ``--until 2026-12-01`` or ``2026-12-01T18:00``, in UTC, as seconds since the
    epoch."""
    return click.Option([name], metavar=metavar, callback=_moment, help=help)


def _moment(context: click.Context, param: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(value.strip())
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is no moment: write 2026-12-01 or 2026-12-01T18:00",
            ctx=context,
            param=param,
        ) from None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def _duration(context: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """``90s``, ``10m``, ``2h``, ``7d``, or plain seconds; as seconds."""
    if value is None:
        return None
    found = _DURATION.fullmatch(value.strip())
    if found is None:
        raise click.BadParameter(
            f"{value!r} is no duration: write 90s, 10m, 2h or 7d", ctx=context, param=param
        )
    return float(int(found[1]) * _SECONDS[found[2] or "s"])
