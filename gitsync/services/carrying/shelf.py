"""This clone's own memory of what it has carried: peers, bundles kept aside, bundles to pass on.

All of it lies below ``.git/gitsync/carrying``. It may be lost: then bundles begin complete again,
and numbers go on from what others acknowledge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import peerstate
from gitsync.domain.carrying import ANYBODY, Peer
from gitsync.domain.errors import EnvironmentFault, FormatError
from gitsync.domain.frozen import frozen
from gitsync.storage.bundlefile import copy_file
from gitsync.storage.durable import make_folder, move_file, remove_file, write_atomic
from gitsync.storage.locking import FileLock

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.carrying import Manifest, Sent
    from gitsync.domain.objects import Oid
    from gitsync.services.workspace import Workspace

LOCK_SECONDS = 60.0
_ANY = "_anybody"


@frozen
class Shelf:
    """The folder of one clone."""

    root: Path

    @classmethod
    def of(cls, ws: Workspace) -> Shelf:
        """The shelf of a clone."""
        return cls(ws.repo.state_dir / "carrying")

    def lock(self, ws: Workspace) -> FileLock:
        """One import or export at a time in this clone."""
        make_folder(self.root)
        return FileLock(
            self.root / "lock", timeout=LOCK_SECONDS, clock=ws.host.monotonic, sleep=ws.host.sleep
        )

    @property
    def quarantine(self) -> Path:
        """Where objects wait that are not checked yet."""
        return self.root / "quarantine"

    # -- peers ------------------------------------------------------------------------------

    def peer(self, domain: str) -> Peer:
        """What is known of a domain. Raises EnvironmentFault ``peer.damaged``."""
        path = self._file(domain)
        try:
            found = peerstate.decode(path.read_bytes())
        except FileNotFoundError:
            return Peer(domain)
        except FormatError as error:
            raise EnvironmentFault(
                "peer.damaged", f"{path} cannot be read",
                hint=f"remove it; the next bundle for {domain} is complete again:\nrm {path}",
            ) from error  # fmt: skip
        return found

    def keep(self, peer: Peer) -> None:
        """Remember a peer, synced."""
        path = self._file(peer.domain)
        make_folder(path.parent)
        data = peerstate.encode(peer)
        if not path.exists() or path.read_bytes() != data:
            write_atomic(path, data)

    def peers(self) -> list[Peer]:
        """Every domain that bundles were exchanged with, by name."""
        folder = self.root / "peers"
        names = sorted(one.stem for one in folder.glob("*.json")) if folder.is_dir() else []
        return [self.peer(name) for name in names if name != _ANY]

    def for_anybody(self) -> tuple[Sent, ...]:
        """The bundles for anybody that were written here: who takes one acknowledges it too."""
        return self.peer(ANYBODY).sent

    def next_sequence(self) -> int:
        """A number that no bundle of this clone had: one count for all recipients."""
        known = [*self.peers(), self.peer(ANYBODY)]
        return 1 + max(one.sequence for one in known)

    def _file(self, domain: str) -> Path:
        return self.root / "peers" / f"{_ANY if domain == ANYBODY else domain}.json"

    # -- bundles ----------------------------------------------------------------------------

    def held(self) -> list[Path]:
        """Bundles for this clone that wait for an earlier one, by sender and number."""
        return _bundles(self.root / "held")

    def relayed(self) -> list[Path]:
        """Bundles for others that are to be passed on."""
        return _bundles(self.root / "relay")

    @property
    def sealed_folder(self) -> Path:
        """Where encrypted bundles for others lie."""
        return self.root / "sealed"

    def sealed(self) -> list[Path]:
        """Encrypted bundles for others, the oldest first."""
        folder = self.sealed_folder
        return sorted(folder.glob("*.age")) if folder.is_dir() else []

    def put_aside(self, manifest: Manifest, ident: Oid, path: Path) -> Path:
        """Keep a copy of a bundle that cannot be taken yet; returns where."""
        return self._store("held", manifest, ident, path)

    def put_out(self, manifest: Manifest, ident: Oid, path: Path) -> Path:
        """Keep a copy of a bundle for somebody else; returns where."""
        return self._store("relay", manifest, ident, path)

    def _store(self, where: str, manifest: Manifest, ident: Oid, path: Path) -> Path:
        target = self.root / where / bundle_name(manifest, ident)
        make_folder(target.parent)
        if not target.exists():
            copy_file(path, target)
        return target

    def drop(self, path: Path) -> None:
        """Remove a stored bundle."""
        remove_file(path)

    def spoil(self, path: Path) -> Path:
        """Put a stored bundle that turned out to be bad out of the way, for somebody to look at."""
        target = self.root / "bad" / path.name
        make_folder(target.parent)
        move_file(path, target)
        return target


def bundle_name(manifest: Manifest, ident: Oid) -> str:
    """The file name of a bundle: letters, digits, dots and dashes, below 255 bytes; the same
    bundle has the same name everywhere."""
    to = "anybody" if manifest.recipient == ANYBODY else manifest.recipient
    return f"{manifest.sender}-{to}-{manifest.sequence:05d}.{ident[:8]}.bundle"


def _bundles(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.bundle")) if folder.is_dir() else []
