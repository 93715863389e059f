"""``gitsync roster``."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.cli import completing
from gitsync.cli.group import Group
from gitsync.cli.options import argument, define, flag, yes_option
from gitsync.cli.output import Styled
from gitsync.domain.errors import RefusedError, UsageError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.domain.roster import PublicKey
    from gitsync.services.proposing import Proposed
    from gitsync.services.workspace import Workspace


@frozen
class Options:
    """``action`` is list, requests, admit, add or remove."""

    action: str
    name: str = ""
    file: str = ""
    yes: bool = False
    no_fetch: bool = False


def run(app: App, options: Options) -> int:
    """Do it."""
    actions = {
        "list": _list,
        "requests": _requests,
        "admit": _admit,
        "add": _add,
        "remove": _remove,
    }
    return actions[options.action](app, options)


def _list(app: App, _options: Options) -> int:
    ws = app.ledger()
    state = ws.state()
    policy, roster = state.settings.policy, state.settings.roster
    rows = []
    for entry in roster.entries:
        for name in entry.names:
            roles = [r.name for r in policy.roles.values() if name in r.people]
            rows.append((name, entry.person, sorted(roles), entry.key))
    if app.json:
        members = [
            {"name": name, "person": person, "roles": roles, "kind": key.kind,
             "fingerprint": key.fingerprint}
            for name, person, roles, key in rows
        ]  # fmt: skip
        position = f"{ws.space}@{state.number}"
        app.out.json(app.document("roster", position=position, members=members))
        return 0
    app.out.table(
        ("NAME", "KEY", "ROLES"),
        [(name, key.fingerprint, ", ".join(roles) or "-") for name, _, roles, key in rows],
        whole=True,
    )
    return 0


def _requests(app: App, options: Options) -> int:
    from gitsync.services.rosters import requests

    ws = app.ledger()
    sound, wrong = requests(ws, app.view(ws, fetch=not options.no_fetch))
    if app.json:
        found = [
            {"name": one.name, "fingerprint": one.key.fingerprint, "kind": one.key.kind,
             "commit": one.commit, "vouched-by": one.vouched_by}
            for one in sound
        ]  # fmt: skip
        bad = [{"name": name, "why": why} for name, why in wrong]
        app.out.json(app.document("roster-requests", requests=found, unsound=bad))
        return 0
    if not sound and not wrong:
        app.out.line("nobody asks to join")
    if sound:
        app.out.table(
            ("NAME", "KEY", "VOUCHED BY"),
            [(one.name, one.key.fingerprint, one.vouched_by or "-") for one in sound],
        )
        app.out.line("compare the fingerprint with the person, then: gitsync roster admit NAME")
    for name, why in wrong:
        app.out.line(Styled("unsound", "red"), f" {name}: {why}")
    return 0


def _admit(app: App, options: Options) -> int:
    from gitsync.services.rosters import add, requests

    ws = app.ledger()
    sound, wrong = requests(ws, app.view(ws))
    request = next((one for one in sound if one.name == options.name), None)
    if request is None:
        why = next((why for name, why in wrong if name == options.name), None)
        if why is not None:
            raise RefusedError("request.unsound", why, hint="ask them to run gitsync join again")
        raise UsageError(
            "request.unknown", f"{options.name} does not ask to join",
            hint="gitsync roster requests",
        )  # fmt: skip
    if not app.json:
        app.out.fields(_who(options.name, request.key, request.vouched_by))
    again = f"gitsync roster admit {options.name} --yes   # after comparing the fingerprint"
    question = "Did they show you this fingerprint? Admit them?"
    if not options.yes and not app.confirm(question, again):
        app.out.note("not admitted")
        return 1
    return _proposed(app, ws, add(ws, options.name, request.key))


def _who(name: str, key: PublicKey, vouched: str | None) -> list[tuple[str, str | Styled]]:
    rows: list[tuple[str, str | Styled]] = [
        ("name", name), ("key", f"{key.fingerprint} ({key.kind})")
    ]  # fmt: skip
    return [*rows, ("vouched by", vouched)] if vouched else rows


def _add(app: App, options: Options) -> int:
    from gitsync.services.rosters import add, key_from_file

    ws = app.ledger()
    key = key_from_file(app.host.cwd / Path(options.file).expanduser())
    if not app.json:
        app.out.fields(_who(options.name, key, None))
    return _proposed(app, ws, add(ws, options.name, key))


def _remove(app: App, options: Options) -> int:
    from gitsync.services.rosters import remove

    ws = app.ledger()
    return _proposed(app, ws, remove(ws, options.name))


def _proposed(app: App, ws: Workspace, found: Proposed) -> int:
    from gitsync.cli import words

    if app.json:
        app.out.json(words.proposed_json(app, found))
    else:
        words.proposed_lines(app, found, ws.remote)
    return 0


command = Group(
    "roster",
    help="Who may sign, and with which keys. Every change is a proposal like any other.",
    example="gitsync roster list\ngitsync roster admit james",
)
command.add_command(
    define(
        "list",
        run,
        partial(Options, "list"),
        help="List names, roles and keys as of the verified position.",
        example="gitsync roster list --json",
    )
)
command.add_command(
    define(
        "requests",
        run,
        partial(Options, "requests"),
        help="List who asks to join; every request is checked first.",
        example="gitsync roster requests",
        params=(flag("--no-fetch", help="Show what was last seen, without asking the remote."),),
    )
)
command.add_command(
    define(
        "admit",
        run,
        partial(Options, "admit"),
        help="Compare the key of somebody who asks to join, and propose to admit them.",
        example="gitsync roster admit james\ngitsync roster admit james --yes --json",
        params=(argument("name", "NAME", complete=completing.asking), yes_option()),
    )
)
command.add_command(
    define(
        "add",
        run,
        partial(Options, "add"),
        help="Propose that NAME may sign with the public key in KEYFILE.",
        example="gitsync roster add carol carol.pub",
        params=(argument("name", "NAME"), argument("file", "KEYFILE", file=True)),
    )
)
command.add_command(
    define(
        "remove",
        run,
        partial(Options, "remove"),
        help="Propose to take NAME off; what NAME signed before stays valid.",
        example="gitsync roster remove james.agent1",
        params=(argument("name", "NAME", complete=completing.members),),
    )
)
