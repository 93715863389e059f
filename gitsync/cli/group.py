"""The command tree on click: commands are imported when they are called, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gitsync import __version__
from gitsync.cli.table import COMMANDS, SECTIONS
from gitsync.domain.errors import UsageError
from gitsync.domain.lateregex import late_regex

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitsync.cli.app import App

# What people type who know git or another tracker.
OTHER_WORDS = {
    "add": "gitsync new TYPE TITLE, or gitsync propose",
    "clone": "gitsync join URL --name YOU",
    "commit": "gitsync propose, or gitsync snapshot",
    "create": "gitsync new TYPE TITLE",
    "edit": "your editor; gitsync show ID names the file",
    "fetch": "gitsync pull",
    "ls": "gitsync list",
    "merge": "gitsync witness run, or gitsync pull",
    "reject": "gitsync withdraw, for a proposal of your own",
    "revert": "git revert COMMIT, then: gitsync propose",
    "submit": "gitsync propose",
    "tag": "gitsync snapshot",
    "undo": "gitsync withdraw, for a proposal of your own",
    "update": "gitsync pull",
    "version": "gitsync --version",
    "whoami": "gitsync id show",
}
_NEGATED = late_regex(r"-[^-\s].")
_SHIELD = "\x00"  # which no argument of a process can hold
COMPLETE_VARIABLE = "_GITSYNC_COMPLETE"
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 80}


def _speak_json(context: click.Context, _option: click.Parameter, value: object) -> None:
    if value:
        context.obj.json = True


def json_option(help: str = "Print one JSON document.") -> click.Option:  # noqa: A002 - click's own word
    """``--json``."""
    return click.Option(
        ["--json"], is_flag=True, expose_value=False, is_eager=True, callback=_speak_json,
        help=help,
    )  # fmt: skip


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


def _speak_of_age(context: click.Context, _option: click.Parameter, value: object) -> None:
    if value:
        context.obj.fresh = True


def fresh_option() -> click.Option:
    """``--fresh``."""
    return click.Option(
        ["--fresh"], is_flag=True, expose_value=False, callback=_speak_of_age,
        help="Also say how old this is, for each domain.",
    )  # fmt: skip


class Command(_Base):
    """A command with at least one example; ``query``: its arguments may be terms of a query."""

    def __init__(
        self,
        name: str | None,
        *,
        example: str,
        query: bool = False,
        **attrs: Any,  # noqa: ANN401 - click's own arguments
    ) -> None:
        super().__init__(name, context_settings=dict(_CONTEXT), **attrs)
        self.example = example
        self._query = query

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """See click. A negated term is no option, though it begins with a dash."""
        if self._query:
            args = [_SHIELD + one if _NEGATED.match(one) else one for one in args]
        return super().parse_args(ctx, args)

    def shell_complete(
        self, ctx: click.Context, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """See click, which takes whatever begins with a dash for an option."""
        if self._query and _NEGATED.match(incomplete):
            for param in self.params:
                if isinstance(param, click.Argument):
                    return param.shell_complete(ctx, incomplete)
        return super().shell_complete(ctx, incomplete)


def unshielded(words: Iterable[str]) -> tuple[str, ...]:
    """The arguments of a command with a query, as they were typed."""
    return tuple(one.removeprefix(_SHIELD) for one in words)


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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See click; the first sentence of each command, whole."""
        found = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(limit=400)) for name, one in found if one]
            )

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
    if path == "gitsync" and given in OTHER_WORDS:
        hint = OTHER_WORDS[given]
    return UsageError(
        "usage.command", f"there is no command {given!r}",
        hint=f"did you mean: {hint}" if hint else f"{path} --help",
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


class _Folder(click.ParamType[str]):
    """A folder, completed by the shell. click's own ``Path`` translates its name when it is made,
    which looks for translations on the disk: 1 ms, for every command."""

    name = "directory"

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """See click."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(incomplete, type="dir")]


def _go_to(context: click.Context, _option: click.Parameter, value: str | None) -> None:
    if value is None or context.resilient_parsing:
        return
    from dataclasses import replace

    app: App = context.obj
    folder = app.host.cwd / value
    if not folder.is_dir():
        raise UsageError("usage.folder", f"-C: there is no folder {value}")
    app.host = replace(app.host, cwd=folder)


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
            type=_Folder(), help="Run as if started in DIR.",
        ),
        json_option("The same as --json after the command."),
        click.Option(
            ["--version"], is_flag=True, callback=_show_version, expose_value=False, is_eager=True,
            help="Show the version.",
        ),
    ],
)  # fmt: skip
