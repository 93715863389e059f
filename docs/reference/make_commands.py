"""Write docs/reference/commands.md from the command tree itself.

    python docs/reference/make_commands.py            # write the page
    python docs/reference/make_commands.py --check    # exit 1 when the page is out of date
"""

from __future__ import annotations

import inspect
import re
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gitsync.cli.group import Program
from gitsync.cli.table import SECTIONS
from generated import write_or_check

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).resolve().parent / "commands.md"

HEAD = """\
# Commands

<!-- Made by docs/reference/make_commands.py from the command tree. Do not edit. -->

`gitsync COMMAND --help` shows the same on the terminal. What a command's exit
code means: [exit-codes.md](exit-codes.md). What `--json` prints:
[json.md](json.md).
"""


def options(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    """(how it is written, what it does) of each option."""
    for param in command.get_params(context):
        if isinstance(param, click.Option) and not param.hidden:
            record = param.get_help_record(context)
            if record is not None and "--help" not in record[0]:
                yield record


def prose(text: str) -> str:
    """A help text as paragraphs of 80 columns; those that begin with ``\\b`` stay as they are."""
    parts = re.split(r"\n\s*\n", inspect.cleandoc(text).strip())
    return "\n\n".join(
        f"```\n{part.lstrip()[1:].strip()}\n```"
        if part.lstrip().startswith("\b")
        else textwrap.fill(" ".join(part.split()), 80, break_on_hyphens=False)
        for part in parts
    )


def section(command: click.Command, path: str, level: int) -> list[str]:
    """The part of the page about one command and those below it."""
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = ["", f"{'#' * level} {path}", "", "```", f"{path} {usage}".rstrip(), "```"]
    if command.help:
        lines += ["", prose(command.help)]
    rows = list(options(command, context))
    if rows:
        lines += ["", "| option | what it does |", "|---|---|"]
        lines += [f"| `{escape(name)}` | {escape(words)} |" for name, words in rows]
    example = getattr(command, "example", "")
    if example:
        lines += ["", "```", inspect.cleandoc(example).strip(), "```"]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None and not below.hidden:
                lines += section(below, f"{path} {name}", level + 1)
    return lines


def escape(text: str) -> str:
    """Words that are safe inside a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def page() -> str:
    """The text of commands.md."""
    program = Program("gitsync")
    context = click.Context(program, info_name="gitsync")
    lines = [HEAD.rstrip()]
    for title, commands in SECTIONS:
        lines += ["", f"## {title}"]
        for name in commands:
            command = program.get_command(context, name)
            if command is not None and not command.hidden:
                lines += section(command, f"gitsync {name}", 3)
    return "\n".join(lines) + "\n"


def main(argv: list[str]) -> int:
    """Write the page, or check it."""
    return write_or_check(PAGE, page(), __file__, argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
