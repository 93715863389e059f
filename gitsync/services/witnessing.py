"""Opening a witness: which home, one run at a time, and following a home that changes."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import space_branch
from gitsync.domain.objects import Oid
from gitsync.services import clonesetup
from gitsync.services.home import Home, LocalHome, RemoteHome
from gitsync.services.witness import BATCH, Witness, WitnessReport
from gitsync.services.workspace import Workspace
from gitsync.storage import gitcli
from gitsync.storage.durable import make_folder
from gitsync.storage.effects import scratch
from gitsync.storage.locking import FileLock
from gitsync.storage.repository import Repository
from gitsync.storage.watching import FolderWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gitsync.domain.ledger.state import State
    from gitsync.services.host import Host
    from gitsync.storage.positions import VerifiedPosition

LOCK_SECONDS = 60.0
POLL_SECONDS = 5.0
# Even a watched folder is looked at now and then: network shares notify unreliably.
WATCH_SECONDS = 60.0


@frozen
class WitnessOptions:
    """``remote`` overrides where the home is; ``batch`` bounds the snapshots of
    one emission, ``limit`` those of the whole run: the rest is receipted as received."""

    remote: str | None = None
    key: str | None = None
    dry_run: bool = False
    batch: int = BATCH
    limit: int | None = None


def home_of(ws: Workspace, remote: str | None) -> Home:
    """The home: the given remote, this clone's remote, or this repository itself."""
    name = remote or ws.remote
    if name is None:
        return LocalHome(ws.repo, ws.space)
    return RemoteHome(ws.repo, ws.repo.remote(name), ws.space)


def run_once(ws: Workspace, options: WitnessOptions) -> WitnessReport:
    """One drain. Only one run at a time works in this repository; another waits its turn.

    Raises what :class:`Witness` raises, and EnvironmentFault ``lock.busy``.
    """
    host = ws.host
    home = home_of(ws, options.remote)
    make_folder(ws.repo.state_dir)
    lock = FileLock(
        ws.repo.state_dir / "witness.lock",
        timeout=LOCK_SECONDS,
        clock=host.monotonic,
        sleep=host.sleep,
    )
    with lock:
        witness = Witness(
            repo=ws.repo,
            home=home,
            signer=ws.signer(options.key),
            make_verifier=ws.verifier,
            now=host.seconds,
            on_position=partial(_accept, ws),
            size=options.batch,
            limit=options.limit,
            progress=lambda done, total: host.progress("deciding proposals", done, total),
            dry_run=options.dry_run,
        )
        report = witness.run()
    if not options.dry_run:
        # Each run leaves a pack or two.
        ws.repo.tidy()
    return report


def run_without_clone(host: Host, home: str, anchor: str, options: WitnessOptions) -> WitnessReport:
    """One drain of the ledger at the address ``home`` by a machine that keeps no clone of it.

    All of it is fetched into a repository that is thrown away, and verified from ``anchor``, the id
    of ``common@1``, on. What this user is known to have verified of it, if anything, is the least
    that it has to show; nothing else of an earlier run is believed. Raises what :func:`run_once`
    raises, UsageError ``anchor.malformed`` and VerificationError ``anchor.other``.
    """
    if not re.fullmatch("[0-9a-f]{40}", anchor):
        raise UsageError("anchor.malformed", "--anchor takes the full 40 digits of a commit id")
    with scratch() as path:
        gitcli.run(["init", "--quiet", "--bare", "--template=", str(path)])
        repo = Repository.open(path)
        repo.set_config("gc.auto", "0")  # it would tidy what is about to be deleted
        clonesetup.add_remote(repo, clonesetup.absolute(host.cwd, home))
        ws = Workspace.open(replace(host, cwd=path))
        return run_once(replace(ws, anchor=Oid(anchor), remote="origin"), options)


def _accept(ws: Workspace, position: VerifiedPosition, state: State, tags: dict[int, Oid]) -> None:
    """Take the witness's own work as verified here, and let a checked-out ``common`` follow."""
    before = ws.repo.refs.get(space_branch(ws.space))
    ws.accept(position, state, tags)
    if (
        ws.repo.head() == space_branch(ws.space)
        and before is not None
        and before != position.commit
    ):
        ws.repo.git("read-tree", "-m", "-u", before, position.commit)


def watch(
    ws: Workspace, options: WitnessOptions, opened: Callable[[], Workspace]
) -> Iterator[WitnessReport]:
    """Drain again whenever the home changes, until the caller stops asking.

    A bare repository on this file system is watched; anything else is asked every few seconds.
    ``opened`` opens the workspace anew, so that each round sees the newest packs and settings.
    """
    folder = _local_folder(ws, options)
    if folder is None:
        while True:
            yield run_once(opened(), options)
            ws.host.sleep(POLL_SECONDS)
    # Watching begins before the first drain: what arrives meanwhile is seen by the next one.
    with FolderWatch(folder) as changes:
        while True:
            changes.wait(0)
            yield run_once(opened(), options)
            changes.wait(WATCH_SECONDS)


def _local_folder(ws: Workspace, options: WitnessOptions) -> Path | None:
    name = options.remote or ws.remote
    if name is None:
        return ws.repo.common_dir / "refs"
    url = ws.repo.config(f"remote.{name}.url") or name
    path = Path(url.removeprefix("file://"))
    for candidate in (path / "refs", path / ".git" / "refs"):
        if candidate.is_dir():
            return candidate
    return None
