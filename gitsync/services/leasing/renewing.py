"""Keeping leases: one heartbeat for all that a domain holds, and when to stop trusting them.

What this clone holds is noted in a small file, so that commands of somebody without leases need
not look any further.
"""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, GitsyncError, RefusedError
from gitsync.domain.frozen import frozen
from gitsync.domain.leases.values import RELEASED, Locks
from gitsync.domain.names import NODES
from gitsync.domain.objects import Oid
from gitsync.services.heartbeats import next_beat, read_beat
from gitsync.services.refview import note_held
from gitsync.services.sources import keep
from gitsync.storage.durable import make_folder, remove_file, write_atomic
from gitsync.storage.refs import RefsMovedError, RefUpdate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitsync.services.workspace import Workspace

FILE = "held.json"
#: Parts of the shortest lease's duration: when it is renewed, when its holder is told to stop.
RENEW_AFTER = 1 / 3
STOP_AFTER = 2 / 3
_ATTEMPTS = 4


@frozen
class Held:
    """What this clone holds: tokens with durations in seconds, when it last renewed them and when
    it last tried to, in seconds since the epoch by this machine's clock; the heartbeat's number
    and commit."""

    tokens: Mapping[str, int]
    renewed: int
    tried: int
    sequence: int = 0
    beat: str | None = None

    @property
    def shortest(self) -> int:
        """The duration that counts."""
        return min(self.tokens.values(), default=0)

    def is_due(self, now: int) -> bool:
        """Whether it is time to renew; after a failure not again for a while."""
        if not self.tokens:
            return False
        step = self.shortest * RENEW_AFTER
        late = not 0 <= now - self.renewed < step
        return late and not 0 <= now - self.tried < step / 4

    def is_over(self, now: int) -> bool:
        """Whether the leases have gone without renewal for too long to be trusted."""
        return bool(self.tokens) and not -60 <= now - self.renewed < self.shortest * STOP_AFTER


def held_here(ws: Workspace) -> Held | None:
    """What this clone holds as far as it knows; None for nothing."""
    return read_held(ws.repo.state_dir / FILE)


def read_held(path: Path) -> Held | None:
    """See :func:`held_here`. A file that cannot be read is none: the home knows."""
    try:
        raw = json.loads(path.read_bytes())
        tokens = {str(token): int(seconds) for token, seconds in raw["tokens"].items()}
        return Held(tokens, int(raw["renewed"]), int(raw["tried"]), int(raw["sequence"]),
                    str(raw["beat"]) if raw["beat"] else None)  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(ws: Workspace, held: Held) -> None:
    """Keep what is held. A new text replaces a synced one, so each is synced: else a power cut
    takes both, and the clone forgets which leases it has to renew."""
    make_folder(ws.repo.state_dir)
    write_atomic(ws.repo.state_dir / FILE, json.dumps(asdict(held)).encode() + b"\n", sync=True)


def none_held() -> RefusedError:
    """The error where there is nothing to keep or to give back."""
    return RefusedError(
        "lease.none", "this clone holds no lease",
        hint="gitsync lock list   # who holds what\ngitsync lock acquire SUBJECT",
    )  # fmt: skip


def note_leases(ws: Workspace, locks: Locks) -> tuple[int, ...]:
    """Note which leases are ours; returns the tokens that were ours and are no longer."""
    mine = {
        str(token): lease.seconds
        for token, lease in locks.leases.items()
        if lease.holder == ws.me() and locks.standing(lease) != RELEASED
    }
    before = held_here(ws)
    lost = tuple(sorted(int(one) for one in (before.tokens if before else {}) if one not in mine))
    if not mine:
        # The heartbeat's number is found again on the home.
        if before is not None:
            remove_file(ws.repo.state_dir / FILE)
        return lost
    now = ws.host.seconds()
    fresh = Held(mine, now, 0)
    held = replace(before, tokens=mine) if before is not None else fresh
    if held != before:
        _write(ws, held)
    return lost


@frozen
class Renewed:
    """A heartbeat that the home has: its number, and the leases it keeps."""

    sequence: int
    tokens: tuple[int, ...]


def renew(ws: Workspace) -> Renewed:
    """Send a heartbeat for all leases of this domain: one push, however many there are.

    Raises RefusedError ``lease.none``, EnvironmentFault ``remote.unreachable``.
    """
    held = held_here(ws)
    if held is None or not held.tokens:
        raise none_held()
    now = ws.host.seconds()
    held = replace(held, tried=now)
    _write(ws, held)
    try:
        sent, sequence = _send(ws, held)
    except EnvironmentFault:
        if ws.remote is not None:
            _keep_here(ws, held)
        raise
    _write(ws, replace(held, renewed=now, sequence=sequence, beat=sent))
    return Renewed(sequence, tuple(sorted(map(int, held.tokens))))


def _send(ws: Workspace, held: Held) -> tuple[Oid, int]:
    """(the new heartbeat that the home has, its number)."""
    ref, old, sequence = NODES + ws.me(), held.beat, held.sequence
    if old is None:
        old, sequence = _last(ws, ref)
    for _ in range(_ATTEMPTS):
        oid = _beat(ws, ref, old, sequence + 1)
        if oid is not None:
            return oid, sequence + 1
        # Another process of this clone was faster, or what we remember is not what is there.
        old, sequence = _last(ws, ref, at_least=sequence)
    raise RefusedError(
        "lease.contended", "somebody else writes this clone's heartbeat",
        hint="each clone needs a name of its own: gitsync id show",
    )  # fmt: skip


def _keep_here(ws: Workspace, held: Held) -> None:
    """Where there is no way to the home, a heartbeat stays here, for a stick to carry it."""
    ref = NODES + ws.me()
    here = ws.repo.refs.get(ref)
    sequence = max(held.sequence, _number(ws, here)) + 1
    commit = next_beat(ws.facts, ws.me(), ws.ledger(), sequence, ws.host.seconds())
    keep(ws, {ref: ws.commit_as_me(commit)}, "gitsync: heartbeat")


def _beat(ws: Workspace, ref: str, old: str | None, sequence: int) -> Oid | None:
    """Make and send one heartbeat; None if the home holds another one than ``old``."""
    commit = next_beat(ws.facts, ws.me(), ws.ledger(), sequence, ws.host.seconds())
    oid = ws.commit_as_me(commit)
    update = RefUpdate(ref, oid, Oid(old) if old else None)
    try:
        if ws.remote is None:
            ws.repo.refs.transact([update], message="gitsync: heartbeat")
        else:
            # The push says itself whether the ref moved, and the next one whether it stayed.
            ws.repo.remote(ws.remote).push([update])
            note_held(ws.repo, ws.remote, {ref: oid})
    except RefsMovedError:
        return None
    return oid


def _last(ws: Workspace, ref: str, at_least: int = 0) -> tuple[str | None, int]:
    """(the heartbeat that the home holds, its number)."""
    if ws.remote is None:
        found = ws.repo.refs.get(ref)
    else:
        remote = ws.repo.remote(ws.remote)
        found = remote.list(ref).get(ref)
        if found is not None:
            remote.fetch([f"+{ref}:refs/gitsync/remotes/{ws.remote}/{ref.removeprefix('refs/')}"])
    return found, max(at_least, _number(ws, found))


def _number(ws: Workspace, beat: Oid | None) -> int:
    """The number of a heartbeat of ours; 0 for what is none."""
    if beat is None:
        return 0
    try:
        return read_beat(ws.facts, ws.me(), ws.ledger(), ws.settings().roster, beat)
    except GitsyncError:
        return 0


def renew_if_due(ws: Workspace) -> Renewed | None:
    """Renew on the way, if there is something to renew and it is time; else None.

    A home that cannot be reached costs nobody the command that they asked for.
    """
    held = held_here(ws)
    if held is None or not held.is_due(ws.host.seconds()):
        return None
    try:
        return renew(ws)
    except (EnvironmentFault, RefusedError):
        return None  # ``is_over`` says so when it matters
