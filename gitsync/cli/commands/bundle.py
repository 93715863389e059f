"""``gitsync bundle``."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click

from gitsync.cli import bundles
from gitsync.cli.group import Group
from gitsync.cli.options import argument, define, flag, key_option, option
from gitsync.domain.errors import EnvironmentFault, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.workspace import Workspace

_SIZE = late_regex(r"([1-9][0-9]{0,11})([kKmMgG]?)")
_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
LEAST_VOLUME = 1 << 12


@frozen
class CreateFlags:
    """See ``CreateOptions``."""

    target: str
    recipient: str | None
    full: bool
    encrypt: bool
    split: int | None
    readback: bool
    key: str | None


def create(app: App, flags: CreateFlags) -> None:
    """Write a bundle, or say that there is nothing to write."""
    from gitsync.services.carrying.creating import CreateOptions, create

    wanted = CreateOptions(
        recipient=flags.recipient, full=flags.full, encrypt=flags.encrypt, split=flags.split,
        readback=flags.readback, key=flags.key,
    )  # fmt: skip
    begun = app.host.monotonic()
    found = create(_clone(app), app.host.cwd / flags.target, wanted)
    seconds = app.host.monotonic() - begun
    if app.json:
        app.out.json(app.document("bundle-create", **bundles.created_fields(found)))
    else:
        bundles.created_lines(app, found, seconds)


@frozen
class Where:
    """``name`` is a file or a folder; ``anchor`` the ledger that it has to be of."""

    name: str
    anchor: str | None = None


def _clone(app: App) -> Workspace:
    """The clone to work in. A stick is none, and nobody is to begin a ledger on it."""
    from gitsync.services.carrying.unwrapping import found_in

    try:
        return app.ledger()
    except EnvironmentFault as error:
        if error.code == "repo.missing" and found_in(app.host.cwd):
            error.hint = (
                "this is a stick: run it in your clone, and name the stick there:\n"
                f"gitsync -C CLONE bundle sync {shlex.quote(str(app.host.cwd.resolve()))}"
            )
        raise


def inspect(app: App, where: Where) -> int:
    """Show what bundles say; 1 if one of them cannot be read or does not fit."""
    from gitsync.services.carrying.looking import inspect

    found = inspect(app.host, where.name)
    if app.json:
        fields = [bundles.seen_fields(one) for one in found]
        app.out.json(app.document("bundle-inspect", bundles=fields))
    else:
        bundles.seen_lines(app, found)
    return 1 if any(one.problem for one in found) else 0


def verify(app: App, where: Where) -> None:
    """Check everything, and say so."""
    from gitsync.services.carrying.looking import verify

    found = verify(app.host, where.name, where.anchor)
    if app.json:
        fields = [bundles.proof_fields(one) for one in found]
        app.out.json(app.document("bundle-verify", bundles=fields))
        return
    for one in found:
        bundles.proof_lines(app, one)


@frozen
class ImportFlags:
    """``name`` is a file or a folder."""

    name: str
    dry_run: bool = False
    anchor: str | None = None


def take(app: App, flags: ImportFlags) -> int:
    """Import what is there; 1 if something of it was not taken."""
    from gitsync.services.carrying.looking import bundles_at
    from gitsync.services.carrying.taking import take_all

    ws = _clone(app)
    paths = bundles_at(app.host, flags.name)
    one = not (app.host.cwd / flags.name).is_dir()
    found = take_all(ws, paths, dry_run=flags.dry_run, anchor=flags.anchor, strict=one)
    if app.json:
        app.out.json(app.document("bundle-import", **bundles.haul_fields(found)))
    else:
        bundles.haul_lines(app, found)
    return 1 if found.refused else 0


@frozen
class SyncFlags:
    """See ``StickOptions``."""

    folder: str
    encrypt: bool
    readback: bool
    key: str | None


def sync(app: App, flags: SyncFlags) -> int:
    """Import, write, clear; 1 if something of it was not taken."""
    from gitsync.services.carrying.sticks import StickOptions, sync

    options = StickOptions(flags.encrypt, flags.readback, flags.key)
    found = sync(_clone(app), app.host.cwd / flags.folder, options)
    if app.json:
        app.out.json(app.document("bundle-sync", **bundles.synced_fields(found)))
    else:
        bundles.haul_lines(app, found.haul, brief=True)
        bundles.left_lines(app, found)
        if not (
            found.haul.taken
            or found.haul.refused
            or found.written
            or found.passed_on
            or found.sealed
        ):
            app.out.line("nothing new either way")
    return 1 if found.haul.refused else 0


def _size(context: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """``700M``, ``2G`` or plain bytes; as bytes."""
    if value is None:
        return None
    found = _SIZE.fullmatch(value.strip())
    if found is None or int(found[1]) * _UNITS[found[2].lower()] < LEAST_VOLUME:
        raise click.BadParameter(
            f"{value!r} is no size of a volume: write 700M or 2G, at least 4K",
            ctx=context, param=param,
        )  # fmt: skip
    return int(found[1]) * _UNITS[found[2].lower()]


def _check_anchor(context: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch("[0-9a-f]{40}", value):
        raise UsageError("anchor.malformed", "--anchor takes the full 40 digits of a commit id")
    del context, param
    return value


def _anchor_option() -> click.Option:
    return click.Option(
        ["--anchor"], metavar="COMMIT", callback=_check_anchor,
        help="The ledger that it has to be of: the id of common@1.",
    )  # fmt: skip


command = Group(
    "bundle",
    help="Carry a ledger on sticks and by mail: signed files that hold everything.",
    example="gitsync bundle create /media/stick --for james\ngitsync bundle import /media/stick",
)
command.add_command(
    define(
        "create",
        create,
        CreateFlags,
        help="""Write what NAME does not have yet into one file: a signed git bundle.

        DEST is a folder, or the name of a new file. What NAME has is what NAME has acknowledged
        in a bundle of theirs; without --for, the bundle is complete and for anybody. It is
        written under another name first, synced, and read back. Plain git clone and git fetch
        read it too.""",
        example="gitsync bundle create /media/stick --for james\n"
        "gitsync bundle create plans.bundle\n"
        "gitsync bundle create /media/stick --for james --encrypt",
        params=(
            argument("target", "DEST", file=True),
            option("--for", "recipient", metavar="NAME", help="Who is to read it: a domain."),
            flag("--full", help="Build on nothing that NAME is known to have."),
            flag("--encrypt", help="Encrypt it to NAME's keys, in the age format."),
            click.Option(
                ["--split"], metavar="SIZE", callback=_size,
                help="Cut it into volumes of SIZE, say 700M; on FAT by default below 4 GiB.",
            ),
            click.Option(
                ["--no-readback", "readback"], is_flag=True, flag_value=False, default=True,
                help="Do not read back what was written.",
            ),
            key_option(),
        ),
    )
)  # fmt: skip
command.add_command(
    define(
        "inspect",
        inspect,
        Where,
        help="""Show who made a bundle, for whom, what it holds, and what is missing here.

        PATH is a file, or a folder of them. Only the beginning of each file is read.""",
        example="gitsync bundle inspect /media/stick",
        params=(argument("name", "PATH", file=True),),
    )
)
command.add_command(
    define(
        "verify",
        verify,
        Where,
        help="""Check all of a bundle: its pack, every object, manifest, signatures, the ledger.

        In a clone it is held against what is there; elsewhere a complete bundle can be checked
        from its first snapshot on. Nothing is changed.""",
        example="gitsync bundle verify plans.bundle --anchor COMMIT",
        params=(argument("name", "PATH", file=True), _anchor_option()),
    )
)
command.add_command(
    define(
        "import",
        take,
        ImportFlags,
        help="""Take over what a bundle brings, after checking all of it; or change nothing.

        PATH is a file, or a folder of them. What builds on a bundle that has not come yet is kept
        for later, what is for somebody else to be passed on. Files are not touched: gitsync pull
        brings them up to what was imported.""",
        example="gitsync bundle import /media/stick\ngitsync bundle import plans.bundle --dry-run",
        params=(
            argument("name", "PATH", file=True),
            flag("--dry-run", help="Check everything, and change nothing."),
            _anchor_option(),
        ),
    )
)
command.add_command(
    define(
        "sync",
        sync,
        SyncFlags,
        help="""Import all in DIR that is new here, write what others lack, clear what is done.

        One command for a stick that goes round. Whoever bundles were exchanged with gets one; a
        complete one is kept there for anybody else. Bundles for others are passed on. A bare
        repository in DIR is brought up to date, too.""",
        example="gitsync bundle sync /media/stick",
        params=(
            argument("folder", "DIR", file=True),
            flag("--encrypt", help="Encrypt all that is written; then there is none for anybody."),
            click.Option(
                ["--no-readback", "readback"], is_flag=True, flag_value=False, default=True,
                help="Do not read back what was written.",
            ),
            key_option(),
        ),
    )
)  # fmt: skip
