"""A glance at the leases, for commands that are about something else: cheap, and as last seen."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError
from gitsync.domain.names import LOCKS_REF, MIRROR
from gitsync.domain.query.records import fold
from gitsync.storage.durable import make_folder, remove_file, write_atomic
from gitsync.storage.refs import Refs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from gitsync.domain.leases.values import Lease, Locks, Request
    from gitsync.domain.objects import Oid
    from gitsync.services.workspace import Workspace
    from gitsync.storage.facts import StoreFacts

#: An empty file: others hold files by their paths. Without it a plain file is committed without a
#: look at leases.
HELD_PATHS = "held-paths"
#: The last locks commit that had no lease in it: most of the time there is none, and then nothing
#: that reads one need be loaded.
NO_LEASES = "no-leases"


def glance(facts: StoreFacts, common_dir: Path, remote: str | None) -> Locks | None:
    """The locks as last fetched; None where there are none, or no lease in them.

    Raises FormatError ``locks.malformed``, VerificationError.
    """
    return _held_at(facts, _tip(common_dir, remote), common_dir / "gitsync")


def _tip(common_dir: Path, remote: str | None) -> Oid | None:
    ref = f"{MIRROR}{remote}/heads/gitsync/locks" if remote else LOCKS_REF
    return Refs(common_dir).get(ref)


def nothing_held(ws: Workspace) -> bool:
    """Whether nobody holds anything, as far as that can be told without reading an object."""
    try:
        tip = _tip(ws.repo.common_dir, ws.remote)
        return tip is None or (ws.repo.state_dir / NO_LEASES).read_text("ascii").strip() == tip
    except (GitsyncError, OSError, ValueError):
        return False


def _held_at(facts: StoreFacts, tip: Oid | None, state_dir: Path) -> Locks | None:
    if tip is None:
        return None
    if b"leases" not in facts.tree(root := facts.commit(tip).tree):
        with suppress(GitsyncError):  # the next look reads it once more
            make_folder(state_dir)
            write_atomic(state_dir / NO_LEASES, f"{tip}\n".encode(), sync=False)
        return None
    from gitsync.storage import leasecache
    from gitsync.storage.lockstree import read_locks

    # Kept apart from what is decided on: that may not rest on what a file of ours says.
    locks = facts.glances.get(root)
    if locks is None:
        known = leasecache.load(state_dir)
        before = set(known)
        locks = facts.glances[root] = read_locks(facts, root, known)
        if known.keys() != before:
            leasecache.save(state_dir, known)
    return locks


def note_paths(ws: Workspace, tip: Oid | None) -> None:
    """Leave word for pre-commit's shim on whether others hold files by their paths, at the locks
    commit ``tip``: for all other leases it starts Python only where an artifact is staged."""
    word = ws.repo.state_dir / HELD_PATHS
    locks = _held_at(ws.facts, tip, ws.repo.state_dir)
    held = locks is not None and any(
        subject.kind == "path"
        for lease in locks.live() if lease.holder != ws.me()
        for subject in lease.parsed
    )  # fmt: skip
    if held and not word.exists():
        make_folder(ws.repo.state_dir)
        write_atomic(word, b"", sync=False)
    elif not held and word.exists():
        remove_file(word)


def locks_here(ws: Workspace) -> Locks | None:
    """The same in somebody's clone; None also where it cannot be read: that is for ``lock`` and
    ``doctor`` to say."""
    if nothing_held(ws):
        return None
    try:
        return glance(ws.facts, ws.repo.common_dir, ws.remote)
    except GitsyncError:
        return None


def holders_of(locks: Locks | None, found: Iterable[tuple[str | None, str]]) -> dict[str, Lease]:
    """For artifacts, as (id, path), the live lease that covers each, by path.

    By the members that a lease names and by its path patterns: what came below a tree since is
    found by ``lock who``.
    """
    held: dict[str, Lease] = {}
    live = locks.live() if locks is not None else ()
    if not live:
        return held
    from gitsync.domain.leases.subjects import glob_covers

    for ident, path in found:
        keys = {fold(ident)} if ident else set()
        keys.add(fold("/" + path))
        for lease in live:
            if not lease.keys.isdisjoint(keys) or any(
                one.kind == "path" and glob_covers(one, path) for one in lease.parsed
            ):
                held[path] = lease
                break
    return held


def lease_on(ws: Workspace, ident: str | None, path: str) -> tuple[Locks, Lease] | None:
    """The live lease that covers one artifact, with the locks that it is part of."""
    locks = locks_here(ws)
    lease = holders_of(locks, [(ident, path)]).get(path)
    return (locks, lease) if locks is not None and lease is not None else None


def own_leases(ws: Workspace) -> tuple[tuple[Lease, ...], tuple[Request, ...]]:
    """This clone's leases that are not released, and the requests that wait for its answer."""
    locks = locks_here(ws)
    if locks is None:
        return (), ()
    mine = tuple(
        one for _, one in sorted(locks.leases.items()) if one.holder == ws.me() and not one.released
    )
    tokens = {one.token for one in mine}
    asked = tuple(one for one in locks.queue() if one.token in tokens and one.answer is None)
    return mine, asked
