"""``gitsync completion``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitsync.cli.group import COMPLETE_VARIABLE, program
from gitsync.cli.options import define
from gitsync.domain.frozen import frozen

SHELLS = ("bash", "zsh", "fish")

# Bash ends words at : and @, which stand in queries and positions, and replaces only what is behind
# the last of them. So the line is passed on as it is, and what bash keeps is cut off the answers.
BASH = rf"""_gitsync_completion() {{
    local line="${{COMP_LINE:0:COMP_POINT}}" words response type value
    local current="${{line##* }}"
    local head="${{current%"${{current##*[:@=]}}"}}"
    IFS=' ' read -ra words <<< "${{line}}x"
    local at=$((${{#words[@]}} - 1)) mode={COMPLETE_VARIABLE}=bash_complete
    response=$(env COMP_WORDS="$line" COMP_CWORD=$at $mode "$1")
    COMPREPLY=()
    while IFS=',' read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${{value#"$head"}}") ;;
        esac
    done <<< "$response"
    [[ ${{COMPREPLY[0]-}} == *: ]] && compopt -o nospace
    return 0
}}
complete -o nosort -F _gitsync_completion gitsync
"""

if TYPE_CHECKING:
    from gitsync.cli.app import App


@frozen
class Options:
    """``shell`` is one of ``SHELLS``."""

    shell: str


def run(app: App, options: Options) -> None:
    """Print the script; nothing is installed."""
    from click.shell_completion import get_completion_class

    if options.shell == "bash":
        app.out.script(BASH)
        return
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
