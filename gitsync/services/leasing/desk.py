"""The locks ref of the home: reading it, and putting an act on it by compare-and-swap.

An act counts when it is read back from the home and not before: of two that push in one moment one
loses, "up to date" is a loss, and an answer that got lost is found out by reading.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, RefusedError
from gitsync.domain.names import LOCKS_REF, MIRROR
from gitsync.services.locksref import LocksChain, locks_at, next_act
from gitsync.services.pulling import verify_view
from gitsync.services.refview import note_held
from gitsync.services.sources import fresh_view, known_view
from gitsync.storage.refs import RefsMovedError, RefUpdate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gitsync.domain.leases.acts import Act
    from gitsync.domain.leases.values import Locks
    from gitsync.domain.ledger.state import State
    from gitsync.domain.objects import Oid
    from gitsync.services.workspace import Workspace
    from gitsync.storage.signing import Signer

#: How long a contended act is tried, in seconds, and the longest pause between two attempts.
PATIENCE = 120.0
LONGEST_PAUSE = 2.0
_FIRST_PAUSE = 0.05


@dataclass(slots=True)
class Desk:
    """One clone's way to the locks ref. ``tip`` is the last one that was proven here."""

    ws: Workspace
    state: State
    tip: Oid
    signer: Signer | None = field(default=None)

    @classmethod
    def open(cls, ws: Workspace) -> Desk:
        """Fetch, verify the ledger, and stand at the home's newest locks.

        Raises EnvironmentFault ``remote.unreachable``, VerificationError ``locks.*``.
        """
        view = fresh_view(ws)
        state = verify_view(ws, view).state
        locks_at(ws.facts, view.locks)
        assert view.locks is not None  # noqa: S101 - locks_at has raised
        return cls(ws, state, view.locks)

    @property
    def locks(self) -> Locks:
        """What the locks ref holds."""
        return self.ws.facts.locks(self.tip)

    def put(self, make: Callable[[Locks], Act | None]) -> Locks:
        """Put the act on the home's locks that ``make`` makes of them; None if there is none to do.

        Others may get in first: then ``make`` is asked again, about what they have left. Returns
        the locks with the act in them, read back from the home. Raises what ``make`` raises,
        RefusedError ``lease.contended`` when others were faster for all of ``PATIENCE``.
        """
        ws = self.ws
        end, pause = ws.host.monotonic() + PATIENCE, _FIRST_PAUSE
        while True:
            act = make(self.locks)
            if act is None:
                return self.locks
            self.signer = self.signer or ws.signer()
            commit = next_act(
                ws.facts, self.tip, act, self.state.settings.policy, ws.me(), self.state.ledger,
                ws.host.seconds(),
            )  # fmt: skip
            oid = ws.commit_as_me(commit, self.signer)
            if self._swap(oid):
                self._remember()
                return self.locks
            if ws.host.monotonic() > end:
                raise RefusedError(
                    "lease.contended", "others were faster all the time; nothing was changed",
                    hint="run it again",
                )  # fmt: skip
            # Jitter, so that those who lost together do not come back together.
            ws.host.sleep(pause * (0.25 + ws.host.random(1)[0] / 128))
            pause = min(LONGEST_PAUSE, pause * 2)
            self._follow()

    def _remember(self) -> None:
        """Take the tip as verified here: whoever takes it back is found out by this clone."""
        position = self.ws.position()
        if position is not None and position.locks != self.tip:
            self.ws.positions().save(replace(position, locks=self.tip))

    def _swap(self, oid: Oid) -> bool:
        """Move the home's ref from our tip to ``oid``; True if the home then holds it."""
        ws, update = self.ws, RefUpdate(LOCKS_REF, oid, self.tip)
        if ws.remote is None:
            try:
                ws.repo.refs.transact([update], message="gitsync: locks")
            except RefsMovedError:
                return False
            return self._holds(oid)
        try:
            ws.repo.remote(ws.remote).push([update])
        except RefsMovedError:
            return False
        except EnvironmentFault:
            # It may have arrived all the same, and only its answer was lost.
            with _unread(ws):
                return self._holds(oid)
        with _unread(ws):
            return self._holds(oid)

    def _holds(self, oid: Oid) -> bool:
        """Whether the home's ref holds ``oid``: it, or something on top of it."""
        ws = self.ws
        if ws.remote is None:
            now = ws.repo.refs.get(LOCKS_REF)
        else:
            now = ws.repo.remote(ws.remote).list(LOCKS_REF).get(LOCKS_REF)
        if now != oid:
            self._follow()
            now = oid if self._reaches(self.tip, oid) else None
        else:
            if ws.remote is not None:
                note_held(ws.repo, ws.remote, {LOCKS_REF: oid})
            self.tip = oid
        return now == oid

    def _reaches(self, tip: Oid, oid: Oid) -> bool:
        facts, depth = self.ws.facts, 0
        parents: tuple[Oid, ...] = (tip,)
        while parents and depth < 1000:
            if parents[0] == oid:
                return True
            parents = facts.commit(parents[0]).parents
            depth += 1
        return False

    def _follow(self) -> None:
        """Go to the home's newest locks, and prove what others have put there meanwhile."""
        ws = self.ws
        if ws.remote is None:
            tip = ws.repo.refs.get(LOCKS_REF)
        else:
            mirrored = MIRROR + ws.remote + "/" + LOCKS_REF.removeprefix("refs/")
            ws.repo.remote(ws.remote).fetch([f"+{LOCKS_REF}:{mirrored}"])
            tip = ws.repo.refs.get(mirrored)
        locks_at(ws.facts, tip)
        chain = LocksChain(ws.facts, "locks", tip, self.tip)
        chain.check_acts(self.state.ledger, [ws.settings(), self.state.settings])
        assert tip is not None  # noqa: S101 - locks_at has raised
        self.tip = tip


@contextmanager
def _unread(ws: Workspace) -> Iterator[None]:
    """What was sent and cannot be read back is neither done nor undone: say so."""
    try:
        yield
    except EnvironmentFault as error:
        raise EnvironmentFault(
            "lease.unread",
            f"{ws.remote} cannot be asked whether it took the change of the locks"
            f" ({error.message})",
            hint="run the same command again when it can be reached: it finds out and completes",
        ) from error


def known_locks(ws: Workspace) -> Locks:
    """The locks as last seen from here, without asking anybody; only proven ones count.

    Raises VerificationError ``locks.missing``, FormatError ``locks.malformed``.
    """
    position = ws.verified()
    tip = known_view(ws).locks
    if tip is not None and tip != position.locks:
        chain = LocksChain(ws.facts, "locks", tip, position.locks)
        chain.check_acts(position.anchor, [ws.settings()])
    return locks_at(ws.facts, tip)
