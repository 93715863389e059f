"""A folder that travels: take what is for this clone, write what others lack, clear what is done.

Nobody has to be told which stick was lost. What a bundle brought is known when its recipient says
so; until then the next one holds it again.
"""

from __future__ import annotations

import shlex
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.domain.carrying import ANYBODY, holding_of
from gitsync.domain.errors import EnvironmentFault, GitsyncError, RefusedError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.services.carrying import sealed
from gitsync.services.carrying.creating import Created, CreateOptions, create
from gitsync.services.carrying.holding import CHAIN, held, kind_of
from gitsync.services.carrying.opening import check_sender, open_signed, signed
from gitsync.services.carrying.shelf import Shelf
from gitsync.services.carrying.stickrepo import RepoSynced, repositories, sync_repository
from gitsync.services.carrying.taking import Haul, reopened, take_all, unlocker
from gitsync.services.carrying.unwrapping import files_of, found_in, glance
from gitsync.storage.bundlefile import copy_in_parts
from gitsync.storage.disks import split_for
from gitsync.storage.durable import remove_file
from gitsync.storage.refs import RefUpdate

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from gitsync.domain.carrying import Manifest
    from gitsync.domain.objects import Oid
    from gitsync.services.carrying.opening import Opened
    from gitsync.services.carrying.sealed import Sealed
    from gitsync.services.workspace import Workspace


@frozen
class StickOptions:
    """``encrypt`` writes bundles for known domains only, each encrypted; ``readback`` as in
    ``CreateOptions``."""

    encrypt: bool = False
    readback: bool = True
    key: str | None = None


@frozen
class Synced:
    """What was imported, written, passed on and cleared away, the repositories met there, and the
    encrypted bundles that were kept for others."""

    haul: Haul
    written: tuple[Created, ...]
    passed_on: tuple[Path, ...]
    cleared: tuple[Path, ...]
    repositories: tuple[RepoSynced, ...] = ()
    sealed: tuple[Sealed, ...] = ()


@frozen
class Parcel:
    """A bundle on the stick that could be read."""

    path: Path
    opened: Opened

    @property
    def manifest(self) -> Manifest:
        """What it says."""
        return self.opened.manifest

    @property
    def ident(self) -> Oid:
        """The id of its manifest."""
        return self.opened.ident


def sync(ws: Workspace, folder: Path, options: StickOptions) -> Synced:
    """Import, write and clear. Raises EnvironmentFault where the folder or the disk fails."""
    haul, repos = receive(ws, folder)
    return send(reopened(ws), folder, options, haul, repos)


def receive(ws: Workspace, folder: Path) -> tuple[Haul, tuple[RepoSynced, ...]]:
    """Take over all on a stick that is new here, or is to be passed on.

    Raises UsageError ``bundle.file``, ``bundle.in-clone``, EnvironmentFault ``bundle.unreadable``.
    """
    if folder.is_file():
        raise UsageError(
            "bundle.file", f"{folder.name} is a file, and a stick is a folder",
            hint=f"gitsync bundle import {shlex.quote(str(folder))}",
        )  # fmt: skip
    if not folder.is_dir():
        raise EnvironmentFault(
            "bundle.unreadable", f"there is no folder {folder}",
            hint="check that the stick is in, and mounted",
        )  # fmt: skip
    here = folder.resolve()
    for own in (ws.repo.work_tree, ws.repo.git_dir, ws.repo.common_dir):
        # The next snapshot would hold the bundles, and bundles would hold that snapshot.
        if own is not None and (own.resolve() == here or own.resolve() in here.parents):
            raise UsageError(
                "bundle.in-clone", f"{folder} is part of this clone, and no stick",
                hint="name the stick's folder: gitsync bundle sync /media/stick",
            )  # fmt: skip
    shelf = Shelf.of(ws)
    parcels, unread = _parcels(ws, folder)
    known = {one.path for one in parcels if _is_known(ws, shelf, one)}
    wanted = [one.path for one in parcels if one.path not in known] + unread
    haul = take_all(ws, wanted)
    ws = reopened(ws)
    repos = []
    for path in repositories(folder):
        repos.append(sync_repository(ws, path))
        ws = reopened(ws)
    return haul, tuple(repos)


def _parcels(ws: Workspace, folder: Path) -> tuple[list[Parcel], list[Path]]:
    """(the bundles that can be read, the files that look like bundles and cannot)."""
    found, unread = [], []
    for path in found_in(folder):
        try:
            opened = signed(glance(path, unlocker(ws.host, ws))[0])
        except RefusedError as error:
            if error.code != "bundle.sealed" or sealed.is_for(ws, path):
                unread.append(path)
            continue
        except EnvironmentFault:
            unread.append(path)
            continue
        found.append(Parcel(path, opened))
    return found, unread


def _is_known(ws: Workspace, shelf: Shelf, parcel: Parcel) -> bool:
    """Whether a bundle is this clone's own, was imported, or lies here to be passed on."""
    manifest = parcel.manifest
    if manifest.sender == ws.domain:
        return True
    if not manifest.is_for(ws.me()):
        return any(one.name.endswith(f"{parcel.ident[:8]}.bundle") for one in shelf.relayed())
    received = shelf.peer(manifest.sender).received
    return received is not None and received.sequence >= manifest.sequence


def send(
    ws: Workspace, folder: Path, options: StickOptions, haul: Haul,
    repos: tuple[RepoSynced, ...] = (),
) -> Synced:  # fmt: skip
    """Write what others lack, pass on what is for others, and clear away what is done."""
    shelf = Shelf.of(ws)
    parcels, _ = _parcels(ws, folder)
    written = []
    served = any(
        one.manifest.recipient == ANYBODY and one.manifest.number >= ws.verified().number
        for one in parcels
    )
    for recipient in _recipients(ws, shelf, options):
        if recipient is None and served:
            continue  # whoever finds the stick has what to begin with
        if _lies_there(ws, shelf, folder, recipient, parcels):
            continue
        wanted = CreateOptions(
            recipient=recipient, encrypt=options.encrypt, readback=options.readback, key=options.key
        )
        created = create(ws, folder, wanted)
        if created.written is not None:
            written.append(created)
    unread, lying = sealed.keep(ws, shelf, folder)
    haul = replace(haul, refused=(*haul.refused, *lying))
    # Only now: what takes its place has been written and read back.
    cleared = _clear(ws, shelf, folder, {path for path, _ in haul.refused})
    passed = [*_pass_on(shelf, folder, parcels), *sealed.pass_on(ws, shelf, folder)]
    return Synced(haul, tuple(written), tuple(passed), tuple(cleared), repos, unread)


def _recipients(ws: Workspace, shelf: Shelf, options: StickOptions) -> list[str | None]:
    """Who gets a bundle: everybody that bundles were exchanged with, and whoever finds it."""
    named: list[str | None] = [one.domain for one in shelf.peers() if one.domain != ws.domain]
    return named if options.encrypt else [*named, None]


def _lies_there(
    ws: Workspace, shelf: Shelf, folder: Path, recipient: str | None, parcels: Iterable[Parcel]
) -> bool:
    """Whether the newest bundle for somebody is on the stick, and says all there is to say."""
    peer = shelf.peer(recipient or ANYBODY)
    if not peer.sent or peer.received != peer.told:
        return False
    last, here = peer.sent[-1], held(ws)
    number = here.position.number if here.position is not None else 0
    if holding_of(here.refs, number, ws.space) != last.holding:
        return False
    if sealed.lies_at(folder, sealed.sealed_name(last.manifest)):
        return True
    return any(one.ident == last.manifest for one in parcels)


def _pass_on(shelf: Shelf, folder: Path, parcels: Iterable[Parcel]) -> list[Path]:
    there = {one.ident[:8] for one in parcels}
    done = []
    for path in shelf.relayed():
        if path.stem.rpartition(".")[2] not in there:
            target = folder / path.name
            done.append(copy_in_parts(path, target, split_for(target)))
    return done


def _clear(ws: Workspace, shelf: Shelf, folder: Path, refused: set[Path]) -> list[Path]:
    """Remove from the stick, and from here, what nobody needs any more."""
    parcels = [one for one in _parcels(ws, folder)[0] if one.path not in refused]
    vouched = _vouched(ws, parcels)
    acked = {
        (ack.domain, manifest.sender): ack.sequence
        for manifest in sorted(vouched, key=lambda each: each.sequence)
        for ack in manifest.acks
    }
    gone = [one.path for one in parcels if _is_done(ws, shelf, one, parcels, acked)]
    for path in gone:
        for part in files_of(path):
            remove_file(part)
    for path in shelf.relayed():
        manifest = open_signed(path).manifest
        if acked.get((manifest.sender, manifest.recipient), 0) >= manifest.sequence:
            shelf.drop(path)
    answers = sealed.answered(vouched)
    sealed.forget(ws, shelf, answers)
    return [*gone, *sealed.clear(ws, shelf, folder, answers)]


def _vouched(ws: Workspace, parcels: Iterable[Parcel]) -> list[Manifest]:
    """What was signed by the one that it names as its sender. Nobody has asked that yet of what
    was not imported again, and what it claims to answer would be let go."""
    state, refs = ws.state(), held(ws).refs
    found = []
    for one in parcels:
        with suppress(GitsyncError):
            check_sender(one.opened, ws.facts, state, refs)
            found.append(one.manifest)
    return found


def _is_done(
    ws: Workspace, shelf: Shelf, parcel: Parcel, parcels: list[Parcel],
    acked: dict[tuple[str, str], int],
) -> bool:  # fmt: skip
    manifest = parcel.manifest
    if manifest.sender == ws.domain:
        peer = shelf.peer(manifest.recipient)
        done = peer.acked is not None and peer.acked.sequence >= manifest.sequence
        later = any(
            one.manifest.sender == ws.domain
            and one.manifest.recipient == manifest.recipient
            and one.manifest.sequence > manifest.sequence
            for one in parcels
        )
        return done or later
    if manifest.recipient == ws.domain:
        if not manifest.changes:
            return True  # it only acknowledged, and that was noted
        peer = shelf.peer(manifest.sender)
        received = peer.received
        taken = received is not None and received.sequence >= manifest.sequence
        return taken and peer.told == received
    return acked.get((manifest.sender, manifest.recipient), 0) >= manifest.sequence


def deliver(ws: Workspace) -> tuple[str, ...]:
    """Bring people's refs that came by bundle to the home, where that is a remote; what it refuses
    it answers itself. Returns the refs that were sent."""
    if ws.remote is None:
        return ()
    here = held(ws)
    wanted = {
        ref: oid for ref, oid in here.carried.items()
        if (kind := kind_of(ref, ws.space)) is not None and kind.kind not in CHAIN
    }  # fmt: skip
    if not wanted:
        return ()
    remote = ws.repo.remote(ws.remote)
    there = remote.list(*wanted)
    sent = []
    for ref, oid in wanted.items():
        if there.get(ref) == oid:
            continue
        try:
            remote.push([RefUpdate(ref, oid, there.get(ref))])
        except EnvironmentFault:
            raise
        except GitsyncError:
            continue
        sent.append(ref)
    return tuple(sent)
