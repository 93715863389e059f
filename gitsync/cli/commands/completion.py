"""``gitsync completion``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gitsync.cli.group import COMPLETE_VARIABLE
from gitsync.cli.options import define
from gitsync.domain.frozen import frozen

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

# As click's own, but for what goes on behind its colon: no blank comes after that.
ZSH = rf"""#compdef gitsync

_gitsync_completion() {{
    local -a answer described open whole
    local type key about
    (( $+commands[gitsync] )) || return 1
    answer=("${{(@f)$(env COMP_WORDS="${{words[*]}}" COMP_CWORD=$((CURRENT - 1)) \
        {COMPLETE_VARIABLE}=zsh_complete gitsync)}}")
    for type key about in $answer; do
        case $type in
            dir) _path_files -/ ;;
            file) _path_files ;;
            plain)
                if [[ $about != _ ]]; then
                    described+=("${{key//:/\\:}}:$about")
                elif [[ $key == *: ]]; then
                    open+=("$key")
                else
                    whole+=("$key")
                fi ;;
        esac
    done
    (( $#described )) && _describe -V gitsync described -U
    (( $#open )) && compadd -S '' -U -V gitsync -a open
    (( $#whole )) && compadd -U -V gitsync -a whole
    return 0
}}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _gitsync_completion "$@"
else
    compdef _gitsync_completion gitsync
fi
"""

# Split at the first comma alone: values of a query may hold some.
FISH = f"""function _gitsync_completion
    set -l answer (env {COMPLETE_VARIABLE}=fish_complete COMP_WORDS=(commandline -cp) \\
        COMP_CWORD=(commandline -t) gitsync)
    for line in $answer
        set -l parts (string split -m 1 , -- $line)
        switch $parts[1]
            case dir
                __fish_complete_directories $parts[2]
            case file
                __fish_complete_path $parts[2]
            case plain
                printf '%s\\n' $parts[2]
        end
    end
end

complete --no-files --command gitsync --arguments '(_gitsync_completion)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}

if TYPE_CHECKING:
    from gitsync.cli.app import App


@frozen
class Options:
    """``shell`` is one of ``SCRIPTS``."""

    shell: str


def run(app: App, options: Options) -> None:
    """Print the script; nothing is installed."""
    app.out.script(SCRIPTS[options.shell])


command = define(
    "completion",
    run,
    Options,
    help="""Print the script that completes gitsync's commands and options in a SHELL.

    Put it where your shell looks for completions: bash, zsh or fish.""",
    example="gitsync completion bash > ~/.local/share/bash-completion/completions/gitsync\n"
    "gitsync completion fish > ~/.config/fish/completions/gitsync.fish",
    params=(click.Argument(["shell"], type=click.Choice(tuple(SCRIPTS))),),
    json=False,
)
