"""The command tree on click: commands are imported when they are called, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gitsync import __version__
from gitsync.cli.table import COMMANDS, SECTIONS
from gitsync.domain.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitsync.cli.app import App

COMPLETE_VARIABLE = "_GITSYNC_COMPLETE"
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 80}


def _show_help(context: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's own signature
    if value and not context.resilient_parsing:
        app: App = context.obj
        app.out.help(context.get_help())
        context.exit()


class _Base(click.Command):
    """Help through our own output, with examples at its end."""

    example: str = ""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """See click."""
        names = self.get_help_option_names(ctx)
        if not names:
            return None
        return click.Option(
            names, is_flag=True, is_eager=True, expose_value=False, callback=_show_help,
            help="Show this message.",
        )  # fmt: skip

    def format_epilog(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See click."""
        if not self.example:
            return
        with formatter.section("Examples" if "\n" in self.example else "Example"):
            for line in self.example.splitlines():
                formatter.write(f"  {line}\n")


class Command(_Base):
    """A command with at least one example."""

    def __init__(self, name: str | None, *, example: str, **attrs: Any) -> None:  # noqa: ANN401 - click's own arguments
        super().__init__(name, context_settings=dict(_CONTEXT), **attrs)
        self.example = example


@click.pass_context
def _explain(context: click.Context) -> int:
    if context.invoked_subcommand is None:
        context.obj.out.help(context.get_help())
    return 0


class Group(_Base, click.Group):
    """A command with commands of its own; called alone it explains itself."""

    def __init__(self, name: str | None = None, *, example: str = "", **attrs: Any) -> None:  # noqa: ANN401
        super().__init__(
            name,
            context_settings=dict(_CONTEXT),
            invoke_without_command=True,
            subcommand_metavar="COMMAND ...",
            callback=_explain,
            **attrs,
        )
        self.example = example

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """See click. Raises UsageError ``usage.command`` with the nearest names."""
        command = self.get_command(ctx, args[0])
        if command is None:
            raise unknown_command(args[0], self.list_commands(ctx), ctx.command_path)
        return args[0], command, args[1:]


def unknown_command(given: str, known: Iterable[str], path: str = "gitsync") -> UsageError:
    """The error for a command that does not exist."""
    import difflib

    near = difflib.get_close_matches(given, list(known), n=2, cutoff=0.55)
    hint = " or ".join(f"{path} {name}" for name in near)
    return UsageError(
        "usage.command", f"there is no command {given!r}",
        hint=f"did you mean: {hint}" if near else f"{path} --help",
    )  # fmt: skip


class Program(Group):
    """``gitsync`` itself."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """See click."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """See click; imports the module of this one command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        from importlib import import_module

        command: click.Command = import_module(f"gitsync.cli.commands.{entry[0]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """See click; from the table alone."""
        for title, part in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(name, short) for name, (_, short) in part.items()], 13)


def _go_to(context: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value is None or context.resilient_parsing:
        return
    from dataclasses import replace

    app: App = context.obj
    app.host = replace(app.host, cwd=app.host.cwd / value)


def _show_version(context: click.Context, _option: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's own signature
    if value and not context.resilient_parsing:
        context.obj.out.line(f"gitsync {__version__}")
        context.exit()


program = Program(
    "gitsync",
    help="A notarised ledger of Markdown plans, tasks and decisions, through git alone.",
    example="gitsync status\ngitsync help propose",
    params=[
        click.Option(
            ["-C", "folder"], metavar="DIR", callback=_go_to, expose_value=False, is_eager=True,
            help="Run as if started in DIR.",
        ),
        click.Option(
            ["--version"], is_flag=True, callback=_show_version, expose_value=False, is_eager=True,
            help="Show the version.",
        ),
    ],
)  # fmt: skip
