"""Encrypted bundles for others: carried unread, within bounds.

Nobody can check what only its recipient can read. So a relay takes what is named as ours are and
addressed to somebody on the roster, keeps so much of it for so long, and never puts one file in
another's place. The name follows from the manifest's id: who has read the bundle can name it.
"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from gitsync.codec import ageheader
from gitsync.domain.errors import EnvironmentFault
from gitsync.domain.frozen import frozen
from gitsync.services.carrying.unwrapping import beginning, found_in
from gitsync.storage.bundlefile import copy_file
from gitsync.storage.disks import FAT_LIMIT, room
from gitsync.storage.durable import make_folder, remove_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from gitsync.domain.carrying import Manifest
    from gitsync.domain.objects import Oid
    from gitsync.services.carrying.shelf import Shelf
    from gitsync.services.workspace import Workspace

#: What one clone keeps for others, in files and in bytes together.
MOST_FILES: Final = 100
MOST_BYTES: Final = 4 << 30
#: How long it keeps them, in seconds. An answer that covers one ends it earlier.
KEPT_SECONDS: Final = 60 * 24 * 3600
#: What is left free on the disk of this clone, in bytes.
_SPARED: Final = 256 << 20
#: What is left free on a stick, in bytes.
_MARGIN: Final = 1 << 20

_NAME = re.compile(r"[0-9a-f]{16}\.age")
_KEPT = re.compile(r"([0-9]{12})-([0-9a-f]{16}\.age)")


@frozen
class Sealed:
    """An encrypted bundle, and those on the roster that it is encrypted to."""

    path: Path
    name: str
    recipients: tuple[str, ...]


@frozen
class Mine:
    """One of this clone's own: for whom, its number, and whether that was acknowledged."""

    recipient: str
    sequence: int
    acked: bool


def sealed_name(manifest: Oid) -> str:
    """The file name of an encrypted bundle. It says nothing to those who have not read it."""
    return f"{sha256(b'gitsync sealed bundle ' + manifest.encode()).hexdigest()[:16]}.age"


def on_stick(ws: Workspace, folder: Path) -> list[Sealed]:
    """The encrypted bundles in a folder that are for somebody on the roster."""
    paths = [one for one in found_in(folder) if _NAME.fullmatch(one.name)]
    return _addressed(ws, ((one, one.name) for one in paths))


def kept(ws: Workspace, shelf: Shelf) -> list[Sealed]:
    """Those that this clone keeps for others, the oldest first."""
    found = [(one, _KEPT.fullmatch(one.name)) for one in shelf.sealed()]
    return _addressed(ws, ((one, match[2]) for one, match in found if match is not None))


def _addressed(ws: Workspace, files: Iterable[tuple[Path, str]]) -> list[Sealed]:
    if ws.position() is None:
        return []
    names: dict[str, set[str]] = {}
    for entry in ws.settings().roster.entries:
        names.setdefault(ageheader.tag_of(entry.key.blob), set()).update(entry.names)
    found = []
    for path, name in files:
        tags = ageheader.tags(beginning(path, ageheader.MAX_BYTES))
        to = sorted({one for tag in tags for one in names.get(tag, ())})
        if to:
            found.append(Sealed(path, name, tuple(to)))
    return found


def own(ws: Workspace, shelf: Shelf) -> dict[str, Mine]:
    """This clone's own encrypted bundles by file name, as far as it remembers them."""
    found: dict[str, Mine] = {}
    for peer in shelf.peers():
        if peer.domain == ws.domain:
            continue
        last = peer.acked.sequence if peer.acked is not None else 0
        for one in (*peer.sent, *([peer.acked] if peer.acked is not None else ())):
            mine = Mine(peer.domain, one.sequence, one.sequence <= last)
            found[sealed_name(one.manifest)] = mine
    return found


def keep(ws: Workspace, shelf: Shelf, folder: Path) -> tuple[Sealed, ...]:
    """Copy from a stick what is for others, as long as there is room for it here."""
    here, mine = kept(ws, shelf), own(ws, shelf)
    names = {one.name for one in here}
    left = MOST_BYTES - sum(one.path.stat().st_size for one in here)
    done = []
    for one in on_stick(ws, folder):
        size = one.path.stat().st_size
        if one.name in names or one.name in mine or ws.me() in one.recipients:
            continue
        if (
            size > min(left, FAT_LIMIT)
            or len(names) >= MOST_FILES
            or room(shelf.root) < size + _SPARED
        ):
            continue
        make_folder(shelf.sealed_folder)
        copy_file(one.path, shelf.sealed_folder / f"{ws.host.seconds():012d}-{one.name}")
        names.add(one.name)
        left -= size
        done.append(one)
    return tuple(done)


def pass_on(ws: Workspace, shelf: Shelf, folder: Path) -> list[Path]:
    """Copy to a stick what is kept for others and is not there, as far as it has room; returns
    where. A small stick keeps nobody from syncing."""
    done = []
    for one in kept(ws, shelf):
        target = folder / one.name
        if target.exists() or target.is_symlink():
            continue
        if room(folder) > one.path.stat().st_size + _MARGIN:
            copy_file(one.path, target)
            done.append(target)
    return done


def answered(manifests: Iterable[Manifest]) -> dict[str, set[str]]:
    """File name -> the domains that have acknowledged what would have it."""
    found: dict[str, set[str]] = {}
    for manifest in manifests:
        for ack in manifest.acks:
            found.setdefault(sealed_name(ack.manifest), set()).add(manifest.sender)
    return found


def forget(ws: Workspace, shelf: Shelf, answers: Mapping[str, set[str]]) -> None:
    """Let go of what its recipient has acknowledged, what is for nobody on the roster any more,
    and what is too old."""
    oldest = ws.host.seconds() - KEPT_SECONDS
    wanted = {
        one.path
        for one in kept(ws, shelf)
        if not answers.get(one.name, set()).intersection(one.recipients)
    }
    for path in shelf.sealed():
        match = _KEPT.fullmatch(path.name)
        if path not in wanted or match is None or int(match[1]) < oldest:
            remove_file(path)


def clear(ws: Workspace, shelf: Shelf, folder: Path, answers: Mapping[str, set[str]]) -> list[Path]:
    """Remove from a stick what its recipient has acknowledged, and this clone's own where a later
    one lies beside it; returns what was there."""
    there, mine = on_stick(ws, folder), own(ws, shelf)
    ours = [mine[one.name] for one in there if one.name in mine]
    gone = []
    for one in there:
        known = mine.get(one.name)
        done = bool(answers.get(one.name, set()).intersection(one.recipients))
        if known is not None:
            done = done or known.acked
            done = done or any(
                other.recipient == known.recipient and other.sequence > known.sequence
                for other in ours
            )
        if done:
            remove_file(one.path)
            gone.append(one.path)
    return gone


def is_for(ws: Workspace, path: Path) -> bool:
    """Whether a file that could not be decrypted is encrypted to this clone's own key: then it was
    altered."""
    try:
        return any(ws.me() in one.recipients for one in _addressed(ws, [(path, path.name)]))
    except EnvironmentFault:
        return False
