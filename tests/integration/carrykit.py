"""People who meet rarely: the witness's own repository is the home, and there is no network.

``alice`` founded the ledger and is its witness; ``james`` and ``carol`` are on the roster and have
joined from a stick. Whatever goes from one to another goes by files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.codec import bundleheader
from gitsync.domain.carrying import MANIFEST_REF
from gitsync.services.carrying import creating
from gitsync.services.carrying.creating import CreateOptions, create
from gitsync.services.carrying.holding import held
from gitsync.services.carrying.sticks import StickOptions, sync
from gitsync.services.carrying.taking import take
from gitsync.storage.bundlefile import bundle_pieces
from tests.conftest import PEOPLE, Clock, FakeRandom, Ledger, new_host, write_key

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitsync.domain.carrying import Manifest
    from gitsync.domain.objects import Oid
    from gitsync.services.carrying.creating import Created
    from gitsync.services.carrying.sticks import Synced
    from gitsync.services.carrying.taking import Taken


class Meeting(Ledger):
    """The clones, and a folder ``stick`` that everybody can get at."""

    @property
    def stick(self) -> Path:
        return self.root / "stick"

    def write_for(self, who: str, recipient: str | None = None, **options: object) -> Created:
        """Who writes a bundle onto the stick."""
        return self.write_at(who, self.stick, recipient, **options)

    def write_at(
        self, who: str, folder: Path, recipient: str | None = None, **options: object
    ) -> Created:
        """The same, into another folder."""
        return create(self.ws(who), folder, CreateOptions(recipient=recipient, **options))

    def bundle(self, who: str, recipient: str | None = None, **options: object) -> Path:
        """The same, and there has to be one; returns what to import."""
        made = self.write_for(who, recipient, **options)
        assert made.written is not None, "nothing was written"
        return made.written.path

    def take(self, who: str, path: Path, **options: object) -> list[Taken]:
        return take(self.ws(who), path, **options)

    def meet(self) -> None:
        """Everybody knows everybody: each has taken one of the witness's and has answered."""
        for name in ("james", "carol"):
            self.take(name, self.bundle("alice"))
            self.take("alice", self.bundle(name, "alice"))
        for path in self.stick.iterdir():
            path.unlink()

    def sync(self, who: str, folder: Path | None = None, **options: object) -> Synced:
        return sync(self.ws(who), folder or self.stick, StickOptions(**options))

    def land(self, path: str, text: str = "x\n", slug: str | None = None) -> int:
        """One file of alice's becomes the next snapshot; returns its number."""
        self.clock.tick()
        self.propose("alice", path, text, slug or path.rpartition("/")[2].partition(".")[0])
        found = self.witness()
        assert found.receipts[-1].outcome == "accepted", found.receipts
        return found.after

    def number(self, who: str) -> int:
        return self.ws(who).verified().number

    def refs(self, who: str) -> dict[str, str]:
        return {ref: str(oid) for ref, oid in self.ws(who).repo.refs.list().items()}


def build(root: Path) -> None:
    """The template of a meeting."""
    from gitsync.services.founding import InitOptions, init
    from gitsync.services.joining import JoinOptions, join

    clock, random = Clock(), FakeRandom("meeting")
    keys = {name: write_key(root / "keys", name) for name in PEOPLE}
    (root / "alice").mkdir()
    members = tuple((name, Path(f"{keys[name]}.pub")) for name in PEOPLE[1:])
    init(new_host(root / "alice", clock, random),
         InitOptions(name="alice", key=str(keys["alice"]), members=members))  # fmt: skip
    meeting = Meeting(root, clock, random)
    meeting.stick.mkdir()
    first = meeting.bundle("alice")
    for name in PEOPLE[1:]:
        wanted = JoinOptions(url=str(first), name=name, folder=name, key=str(keys[name]))
        join(new_host(root, clock, random), wanted)
    shutil.rmtree(meeting.stick)
    meeting.stick.mkdir()


def copy(template: Path, root: Path, clock: Clock) -> Meeting:
    """A fresh copy."""
    shutil.copytree(template, root, ignore=shutil.ignore_patterns("home", "state"))
    for name in PEOPLE:
        config = root / name / ".git" / "config"
        config.write_text(config.read_text().replace(str(template), str(root)))
    return Meeting(root, clock, FakeRandom("copied"))


def everything(folder: Path) -> dict[str, bytes]:
    """Every file of a repository that is the truth, to see that nothing has changed: not the
    caches, not the empty files of locks."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        cache = "index.db" in name or path.name in {"lock", "witness.lock"}
        if path.is_file() and not cache:
            found[name] = path.read_bytes()
    return found


def stock(folder: Path, *args: str, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    """Stock git, without any of our tools."""
    done = subprocess.run(
        ["git", *args], cwd=folder, capture_output=True, check=False, env=dict(os.environ)
    )
    assert not check or done.returncode == 0, done.stderr.decode()
    return done


def forge(
    meeting: Meeting,
    who: str,
    path: Path,
    edit: Callable[[Manifest], Manifest] = lambda one: one,
    *,
    recipient: str = "james",
    key: str | None = None,
    refs: Callable[[dict[str, Oid]], dict[str, Oid]] = lambda one: one,
    needs: tuple[Oid, ...] | None = None,
) -> Path:
    """A complete bundle that says what ``edit`` makes of the truth, signed for real by ``who`` or
    by ``key``; ``refs`` and ``needs`` alter what its header lists beside the manifest."""
    ws = meeting.ws(who)
    draft = creating._draft(ws, held(ws), who, recipient, 7, None, ())
    said = edit(draft.manifest)
    head, ident = creating._signed(ws, ws.signer(key), said)
    listed = refs({**said.refs(), MANIFEST_REF: ident})
    header = bundleheader.encode(said.needs if needs is None else needs, listed)
    path.write_bytes(b"".join(bundle_pieces(ws.repo.common_dir, header, head, draft.revs)))
    return path


def resealed(data: bytes, pack_at: int) -> bytes:
    """A bundle whose pack has the right checksum again, after somebody altered it."""
    body = data[pack_at:-20]
    return data[:pack_at] + body + hashlib.sha1(body, usedforsecurity=False).digest()
