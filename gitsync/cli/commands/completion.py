"""``gitsync completion``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from gitsync.cli.group import COMPLETE_VARIABLE, program
from gitsync.cli.options import define

SHELLS = ("bash", "zsh", "fish")

if TYPE_CHECKING:
    from gitsync.cli.app import App


@dataclass(frozen=True, slots=True)
class Options:
    """``shell`` is one of ``SHELLS``."""

    shell: str


def run(app: App, options: Options) -> None:
    """Print the script; nothing is installed."""
    from click.shell_completion import get_completion_class

    kind = get_completion_class(options.shell)
    if kind is None:  # pragma: no cover - click knows all of SHELLS
        raise click.BadParameter(f"no completion for {options.shell}")
    app.out.script(kind(program, {}, "gitsync", COMPLETE_VARIABLE).source())


command = define(
    "completion",
    run,
    Options,
    help="""Print the script that completes gitsync's commands and options in a SHELL.

    Put it where your shell looks for completions: bash, zsh or fish.""",
    example="gitsync completion bash > ~/.local/share/bash-completion/completions/gitsync\n"
    "gitsync completion fish > ~/.config/fish/completions/gitsync.fish",
    params=(click.Argument(["shell"], type=click.Choice(SHELLS)),),
    json=False,
)
