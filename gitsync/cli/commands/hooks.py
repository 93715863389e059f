"""``gitsync hooks``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from gitsync.cli.group import Group
from gitsync.cli.options import argument, define
from gitsync.domain.errors import UsageError

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.clonehooks import CloneHooks

_WORDS = {
    "missing": "not installed",
    "outdated": "of another gitsync or Python",
    "unreached": "git looks for it elsewhere",
}


@dataclass(frozen=True, slots=True)
class Options:
    """``action`` is install, uninstall or status."""

    action: str


@dataclass(frozen=True, slots=True)
class RunOptions:
    """A hook's name and the arguments that git gave it."""

    name: str
    args: tuple[str, ...] = ()


def run(app: App, options: Options) -> int:
    """Do it and show what is in place; status is 1 unless everything is."""
    from gitsync.services import clonehooks

    repo = app.ledger().repo
    actions = {
        "install": clonehooks.install,
        "uninstall": clonehooks.uninstall,
        "status": clonehooks.status,
    }
    found = actions[options.action](repo)
    if app.json:
        app.out.json(
            app.document(
                "hooks", folder=str(found.folder), python=found.python, complete=found.complete,
                hooks=[
                    {
                        "name": one.name, "state": one.state, "by": one.by,
                        "before": str(one.before) if one.before else None,
                    }
                    for one in found.hooks
                ],
            )
        )  # fmt: skip
    else:
        _words(app, found, options.action)
    return int(options.action == "status" and not found.complete)


def _words(app: App, found: CloneHooks, action: str) -> None:
    if action == "uninstall":
        app.out.line("gitsync's hooks are gone; others are where they were")
        return
    app.out.fields([("folder", str(found.folder)), ("python", found.python)])
    for one in found.hooks:
        said = _WORDS.get(one.state, one.state)
        if one.by:
            said += f", run by {one.by}"
        app.out.line(f"{one.name:<13}  {said}")
        if one.before is not None:
            app.out.line(f"               after {one.before}")
    if not found.complete:
        app.out.steps("Next:", [("gitsync hooks install", "puts them in place")])


def run_one(_app: App, options: RunOptions) -> int:
    """Run a hook in this process."""
    from gitsync.hooks.__main__ import HOOKS, main

    if options.name not in HOOKS:
        raise UsageError(
            "hooks.unknown",
            f"there is no hook {options.name!r}",
            hint=f"one of: {', '.join(HOOKS)}",
        )
    return main([options.name, *options.args])


command = Group(
    "hooks",
    help="Git's hooks in this clone: they say early what the witness would refuse.",
    example="gitsync hooks install\ngitsync hooks status",
)
command.add_command(
    define(
        "install",
        run,
        partial(Options, "install"),
        help="""Check commits and pushes of plain git here, before they are made.

        Hooks that are there keep running, before these. Beside code only the ledger's
        own folder has them. GITSYNC_HOOKS=0 leaves them out, as --no-verify does.""",
        example="gitsync hooks install",
    )
)
command.add_command(
    define(
        "uninstall",
        run,
        partial(Options, "uninstall"),
        help="Take the hooks away, and put back what was there before.",
        example="gitsync hooks uninstall",
    )
)
command.add_command(
    define(
        "status",
        run,
        partial(Options, "status"),
        help="Say whether the hooks are in place; exit code 1 if not all of them are.",
        example="gitsync hooks status --json",
    )
)
_run = define(
    "run",
    run_one,
    RunOptions,
    help="Run one hook by hand, as git would: NAME with git's own arguments.",
    example="gitsync hooks run pre-commit",
    params=(argument("name", "NAME"), argument("args", "[ARGS]...", many=True)),
    json=False,
)
# Git's arguments are its own: a remote may have any name.
_run.context_settings = {**_run.context_settings, "ignore_unknown_options": True}
command.add_command(_run)
