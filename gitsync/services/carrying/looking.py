"""``bundle inspect`` and ``bundle verify``: what a bundle says, and whether all of it holds."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, GitsyncError, UsageError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.services.carrying.holding import held
from gitsync.services.carrying.opening import check_sender, open_signed, signed
from gitsync.services.carrying.shelf import Shelf
from gitsync.services.carrying.taking import check_anchor, check_ledger, checked, unlocker
from gitsync.services.carrying.unwrapping import found_in, glance, plain
from gitsync.services.workspace import Workspace
from gitsync.storage import effects, gitcli
from gitsync.storage.durable import make_folder
from gitsync.storage.quarantine import Quarantine, quarantine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitsync.domain.carrying import Manifest
    from gitsync.domain.objects import Oid
    from gitsync.services.carrying.arrival import Judged
    from gitsync.services.carrying.opening import Opened
    from gitsync.services.host import Host


@frozen
class Seen:
    """What one bundle says. ``missing`` are commits that it needs and that are not here, None
    outside a clone; ``problem`` says what is wrong with it, ``code`` the rule; without a manifest
    it could not be read at all."""

    path: Path
    size: int = 0
    manifest: Manifest | None = None
    ident: Oid | None = None
    fingerprint: str = ""
    encrypted: bool = False
    missing: tuple[Oid, ...] | None = None
    for_me: bool | None = None
    code: str = ""
    problem: str = ""


def clone_at(host: Host) -> Workspace | None:
    """The clone of a ledger that the host's folder lies in, None outside of any."""
    try:
        ws = Workspace.open(host)
    except EnvironmentFault as error:
        if error.code != "repo.missing":
            raise
        return None
    return ws if ws.anchor is not None else None


def bundles_at(host: Host, name: str) -> list[Path]:
    """The bundles that a path names: one file, or all in a folder. Raises EnvironmentFault."""
    path = host.cwd / name
    if not path.is_dir():
        return [path]
    found = found_in(path)
    if not found:
        raise EnvironmentFault("bundle.none", f"there is no bundle in {path}")
    return found


def inspect(host: Host, name: str) -> list[Seen]:
    """What the bundles at a path say; one that cannot be read is told with its problem."""
    ws = clone_at(host)
    return [_look(host, ws, path) for path in bundles_at(host, name)]


def _look(host: Host, ws: Workspace | None, path: Path) -> Seen:
    seen = Seen(path)
    try:
        file, sealed = glance(path, unlocker(host, ws))
        seen = replace(seen, size=file.size, encrypted=sealed)
        opened = signed(file)
        seen = replace(
            seen, manifest=opened.manifest, ident=opened.ident, fingerprint=opened.key.fingerprint
        )
        if ws is not None:
            apart = Quarantine(ws.repo.common_dir, None)
            missing = tuple(apart.missing(opened.manifest.needs))
            seen = replace(seen, missing=missing, for_me=opened.manifest.is_for(ws.domain or ""))
            check_ledger(ws, opened.manifest)
            if ws.position() is not None and not missing:
                _known_sender(ws, opened)
    except GitsyncError as error:
        seen = replace(seen, code=error.code, problem=str(error))
    return seen


def _known_sender(ws: Workspace, opened: Opened) -> None:
    """Whether the roster knows the key already; a bundle may bring the roster that does."""
    position = ws.verified()
    if opened.manifest.number <= position.number:
        check_sender(opened, ws.facts, ws.state(), held(ws).refs)


@frozen
class Proof:
    """A bundle of which everything was checked: it would bring a clone up to ``number``."""

    path: Path
    manifest: Manifest
    number: int
    objects: int
    left_out: tuple[tuple[str, str], ...]


def verify(host: Host, name: str, anchor: str | None = None) -> list[Proof]:
    """Check all of the bundles at a path: pack, objects, manifest, signatures, and the ledger.

    In a clone increments are checked on top of what is there; elsewhere only a complete bundle can
    be. Raises the error of the first thing that does not hold.
    """
    if anchor is not None and (len(anchor) != 40 or set(anchor) - set("0123456789abcdef")):
        raise UsageError("anchor.malformed", "--anchor takes the full 40 digits of a commit id")
    return [_prove(host, path, anchor) for path in bundles_at(host, name)]


def _prove(host: Host, path: Path, anchor: str | None) -> Proof:
    clone = clone_at(host)
    with plain(path, unlocker(host, clone)) as (file, _):
        opened = open_signed(file)
        check_anchor(opened.manifest, anchor)
        with _place(host, clone) as (ws, apart):
            here = held(ws)
            check_ledger(ws, opened.manifest)
            missing = apart.missing(opened.manifest.needs)
            if missing:
                raise VerificationError(
                    "bundle.incomplete",
                    f"the bundle builds on {missing[0][:12]}, which is not here",
                    hint="verify it in a clone that has it, or have a complete one written:\n"
                    "gitsync bundle create DIR --full",
                )
            with checked(ws, opened, apart, here) as judged:
                number, left_out = judged.state.number, _left_out(judged)
            return Proof(path, opened.manifest, number, opened.file.objects, left_out)


def _left_out(judged: Judged) -> tuple[tuple[str, str], ...]:
    return tuple((one.change.ref, one.why) for one in judged.verdicts if one.code)


@contextmanager
def _place(host: Host, clone: Workspace | None) -> Iterator[tuple[Workspace, Quarantine]]:
    """Where to check: beside the clone, or in a repository that is thrown away."""
    if clone is not None:
        shelf = Shelf.of(clone)
        with shelf.lock(clone), quarantine(shelf.quarantine, _objects(clone)) as apart:
            yield clone, apart
        return
    with effects.scratch() as path:
        gitcli.run(["init", "--quiet", "--bare", "--template=", str(path / "repo")])
        ws = Workspace.open(replace(host, cwd=path / "repo"))
        make_folder(ws.repo.state_dir)
        with quarantine(Shelf.of(ws).quarantine, _objects(ws)) as apart:
            yield ws, apart


def _objects(ws: Workspace) -> Path:
    return ws.repo.common_dir / "objects"
