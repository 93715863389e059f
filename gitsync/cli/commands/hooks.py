"""``gitsync hooks``."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.cli.group import Group
from gitsync.cli.options import argument, define, option
from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.objects import Oid

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.clonehooks import CloneHooks
    from gitsync.services.homehooks import HomeHooks

_WORDS = {
    "missing": "not installed",
    "outdated": "of another gitsync or Python",
    "unreached": "git looks for it elsewhere",
}


@frozen
class Options:
    """``action`` is install, uninstall or status; ``bare`` a home, with its ledger's ``anchor``."""

    action: str
    bare: str | None = None
    anchor: str | None = None


@frozen
class RunOptions:
    """A hook's name and the arguments that git gave it."""

    name: str
    args: tuple[str, ...] = ()


def run(app: App, options: Options) -> int:
    """Do it and show what is in place; status is 1 unless everything is."""
    if options.bare is not None:
        return _home(app, options, Path(options.bare))
    if options.anchor is not None:
        raise UsageError("hooks.anchor", "--anchor goes with --bare")
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


def _home(app: App, options: Options, path: Path) -> int:
    """The same for a bare repository that is a ledger's home."""
    from gitsync.services import homehooks

    if options.action == "install":
        found = homehooks.install(app.host, path, _anchor(options.anchor))
    elif options.action == "uninstall":
        found = homehooks.uninstall(app.host, path)
    else:
        found = homehooks.status(app.host, path)
    if app.json:
        app.out.json(_home_document(app, found))
    else:
        _home_words(app, found, options)
    return int(options.action == "status" and not found.complete)


def _anchor(text: str | None) -> Oid | None:
    if text is not None and not re.fullmatch("[0-9a-f]{40}", text):
        raise UsageError("anchor.malformed", "--anchor takes the full 40 digits of a commit id")
    return Oid(text) if text is not None else None


def _home_document(app: App, found: HomeHooks) -> dict[str, object]:
    return app.document(
        "home-hooks", path=str(found.path), complete=found.complete, ledger=found.anchor,
        proven=f"{found.space}@{found.number}" if found.number is not None else None,
        hooks=[
            {"name": name, "state": state, "chained": name in found.chained}
            for name, state in found.hooks.items()
        ],
        settings=[
            {"name": name, "value": value, "wanted": wanted}
            for name, (value, wanted) in found.settings.items()
        ],
    )  # fmt: skip


def _home_words(app: App, found: HomeHooks, options: Options) -> None:
    out = app.out
    if options.action == "uninstall":
        out.line("gitsync's hooks are gone; others are where they were")
        return
    if found.complete:
        out.line(f"{options.bare} is guarded: what is pushed here is held against its ledger")
    else:
        out.line(f"{options.bare} is not guarded")
    proven = f"{found.space}@{found.number}" if found.number is not None else None
    rows = [
        ("ledger", found.anchor or "none yet; the first one that is founded here"),
        *([("proven", proven)] if proven else []),
        *((name, _WORDS.get(state, state)) for name, state in found.hooks.items()
          if state != "installed"),
        *((name, f"{value or 'not set'}, wanted {wanted}")
          for name, (value, wanted) in found.settings.items()),
    ]  # fmt: skip
    if found.complete:
        rows.append(("hooks", ", ".join(found.hooks)))
    rows += [("", f"{name} runs one that was here before") for name in found.chained]
    out.fields(rows)
    if not found.complete:
        out.steps("Next:", [(f"gitsync hooks install --bare {options.bare}", "puts it in place")])


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


_BARE = option(
    "--bare", metavar="PATH", file=True, help="Of the bare repository that is a ledger's home."
)
command = Group(
    "hooks",
    help="""Git's hooks. In a clone they say early what the witness would refuse; in a bare
    repository that is the home they let only valid refs in.""",
    example="gitsync hooks install\ngitsync hooks status\ngitsync hooks install --bare team.git",
)
command.add_command(
    define(
        "install",
        run,
        partial(Options, "install"),
        help="""Check commits and pushes of plain git here, before they are made.

        Hooks that are there keep running, before these. Beside code only the ledger's
        own folder has them. GITSYNC_HOOKS=0 leaves them out, as --no-verify does.

        With --bare: hold what is pushed to a home against its ledger, which is verified first.
        Whoever pushes, only what continues it is taken.""",
        example="gitsync hooks install\ngitsync hooks install --bare team.git",
        params=(
            _BARE,
            option(
                "--anchor",
                metavar="COMMIT",
                help="With --bare: the ledger's first commit, from the invitation.",
            ),
        ),
    )
)
command.add_command(
    define(
        "uninstall",
        run,
        partial(Options, "uninstall"),
        help="Take the hooks away, and put back what was there before.",
        example="gitsync hooks uninstall\ngitsync hooks uninstall --bare team.git",
        params=(_BARE,),
    )
)
command.add_command(
    define(
        "status",
        run,
        partial(Options, "status"),
        help="Say whether the hooks are in place; exit code 1 if not all of them are.",
        example="gitsync hooks status --json\ngitsync hooks status --bare team.git",
        params=(_BARE,),
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
