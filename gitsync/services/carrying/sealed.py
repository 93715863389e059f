"""Encrypted bundles for others: carried unread, within bounds.

Nobody can check what only its recipient can read. So a relay takes what is named as ours are and
addressed to somebody on the roster, keeps so much of it for so long, and never puts one file in
another's place. The name follows from the manifest's id: who has read the bundle can name it.

What comes in volumes is kept as the one file that they are, and goes on as one, or in volumes again
where a disk needs that.
"""

from __future__ import annotations

import os
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from gitsync.codec import ageheader, volumes
from gitsync.domain.errors import FormatError, GitsyncError, RefusedError
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex
from gitsync.services.carrying.unwrapping import (
    checked,
    first_bytes,
    found_in,
    is_list,
    parts_of,
)
from gitsync.storage.bundlefile import copy_file, copy_in_parts, put_pieces
from gitsync.storage.disks import room, split_for
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

_NAME = late_regex(r"([0-9a-f]{16}\.age)(?:\.volumes)?")
_KEPT = late_regex(r"([0-9]{12})-([0-9a-f]{16}\.age)")


@frozen
class Sealed:
    """An encrypted bundle, and those on the roster that it is encrypted to. ``path`` is its file,
    or the list of its volumes; ``size`` in bytes is of all its files."""

    path: Path
    name: str
    recipients: tuple[str, ...]
    size: int


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
    """The encrypted bundles in a folder that are for somebody on the roster. Of those in volumes,
    the ones that are all there: what is wrong with others was told when they were to be read."""
    found = [(one, _NAME.fullmatch(one.name)) for one in found_in(folder)]
    return _addressed(ws, ((one, match[1]) for one, match in found if match is not None))


def lies_at(folder: Path, name: str) -> bool:
    """Whether an encrypted bundle is in a folder, in one file or in volumes that are all there."""
    index = folder / (name + volumes.SUFFIX)
    try:
        return (folder / name).is_file() or (index.is_file() and bool(parts_of(index)))
    except FormatError:
        return False


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
        try:
            parts = [one for one, _ in parts_of(path)] if is_list(path) else [path]
        except FormatError:
            continue
        tags = ageheader.tags(first_bytes(parts, ageheader.MAX_BYTES))
        to = sorted({one for tag in tags for one in names.get(tag, ())})
        if to:
            size = sum(one.stat().st_size for one in {path, *parts})
            found.append(Sealed(path, name, tuple(to), size))
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


def keep(
    ws: Workspace, shelf: Shelf, folder: Path
) -> tuple[tuple[Sealed, ...], tuple[tuple[Path, GitsyncError], ...]]:
    """Copy from a stick what is for others, as long as there is room for it here. Returns what was
    kept, and the lists whose volumes are not what they say."""
    here, mine = kept(ws, shelf), own(ws, shelf)
    names = {one.name for one in here}
    left = MOST_BYTES - sum(one.size for one in here)
    done, refused = [], []
    for one in on_stick(ws, folder):
        if one.name in names or one.name in mine or ws.me() in one.recipients:
            continue
        target = shelf.sealed_folder / f"{ws.host.seconds():012d}-{one.name}"
        if (
            one.size > min(left, split_for(shelf.root / target.name) or left)
            or len(names) >= MOST_FILES
            or room(shelf.root) < one.size + _SPARED
        ):
            continue
        make_folder(shelf.sealed_folder)
        try:
            _take_over(one, target)
        except FormatError as error:
            refused.append((one.path, error))
            continue
        names.add(one.name)
        left -= one.size
        done.append(one)
    return tuple(done), tuple(refused)


def _take_over(one: Sealed, target: Path) -> None:
    """Copy a bundle into one file; volumes are checked on the way, and have to be its own."""
    if is_list(one.path):
        put_pieces(checked(_parts(one)), target)
    else:
        copy_file(one.path, target)


def _parts(one: Sealed) -> list[tuple[Path, volumes.Volume]]:
    """The volumes of a bundle, none where it is one file. Raises FormatError where they are those
    of another one."""
    if not is_list(one.path):
        return []
    parts = parts_of(one.path)
    if parts[0][1].name != f"{one.name}.001":
        raise FormatError(
            "bundle.volume", f"{one.path.name} names the volumes of another bundle",
            hint="copy all volumes into one folder, with their names as they were",
        )  # fmt: skip
    return parts


def pass_on(ws: Workspace, shelf: Shelf, folder: Path) -> list[Path]:
    """Copy to a stick what is kept for others and is not there, as far as it has room; returns
    where. A small stick keeps nobody from syncing."""
    done = []
    for one in kept(ws, shelf):
        target = folder / one.name
        if any(os.path.lexists(path) for path in (target, f"{target}{volumes.SUFFIX}")):
            continue
        if room(folder) > one.size + _MARGIN:
            try:
                done.append(copy_in_parts(one.path, target, split_for(target)))
            except RefusedError as error:
                if error.code != "file.exists":  # a volume of that name, without its list
                    raise
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
            with suppress(FormatError):
                # The list first: without it the rest is nothing.
                for path in (one.path, *(part for part, _ in _parts(one))):
                    remove_file(path)
                gone.append(one.path)
    return gone


def is_for(ws: Workspace, path: Path) -> bool:
    """Whether a file that could not be decrypted is encrypted to this clone's own key: then it was
    altered."""
    try:
        return any(ws.me() in one.recipients for one in _addressed(ws, [(path, path.name)]))
    except GitsyncError:
        return False
