"""Remotes beside the home: copies of the ledger that anybody may bring further, and read from.

A copy proves nothing by itself: what it shows is verified like the home's, and being behind is no
rollback, because nobody promised that a copy is up to date. One that cannot be reached holds up
nobody.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, GitsyncError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import LOCKS_REF, position_tag, receipts_ref, space_branch
from gitsync.services.chain import ready_index
from gitsync.services.home import TAGS_A_PUSH
from gitsync.services.pulling import verify_view
from gitsync.services.sending import Pushed, push
from gitsync.services.sources import fresh_view, note_heard
from gitsync.storage.refs import RefUpdate

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitsync.domain.objects import Oid
    from gitsync.services.refview import RefView
    from gitsync.services.workspace import Workspace
    from gitsync.storage.positions import VerifiedPosition
    from gitsync.storage.transport import Remote


@frozen
class Copy:
    """One remote beside the home. ``state`` is ``equal``, ``ahead`` (it brought us further),
    ``behind``, ``none`` (it holds no ledger), ``unreachable`` or ``refused``; ``number`` is the
    newest snapshot that it showed, ``why`` what went wrong."""

    name: str
    state: str
    number: int | None = None
    why: str | None = None


def names(ws: Workspace) -> list[str]:
    """The remotes of this repository that are not its home, sorted."""
    found = ws.repo.git("remote").out.decode("utf-8", "replace").split()
    return sorted(name for name in found if name != ws.remote)


def fetch(ws: Workspace) -> list[Copy]:
    """Ask every copy, verify what it shows, and take over what is new. Raises nothing of theirs."""
    return [_each(ws, name, _fetch) for name in names(ws)]


def send(ws: Workspace) -> list[tuple[Copy, Pushed | None]]:
    """Bring the ledger on every copy up to this clone's, and send one's own refs there.

    A remote without any ref becomes a copy; one that holds other things and no ledger is left
    alone.
    """
    done: list[tuple[Copy, Pushed | None]] = []
    for name in names(ws):
        pushed: list[Pushed] = []

        def both(there: Workspace, pushed: list[Pushed] = pushed) -> Copy:
            copy = _begin(there) or _fetch(there)
            if copy.state in ("equal", "behind"):
                _carry(there)
                pushed.append(push(there))
                copy = replace(copy, state="equal", number=there.verified().number)
            return copy

        copy = _each(ws, name, both)
        done.append((copy, pushed[0] if pushed else None))
    return done


def _each(ws: Workspace, name: str, what: Callable[[Workspace], Copy]) -> Copy:
    there = replace(ws, remote=name)
    try:
        found = what(there)
    except EnvironmentFault as error:
        state = "unreachable" if error.code == "remote.unreachable" else "refused"
        return Copy(name, state, why=error.message)
    except GitsyncError as error:
        if error.code != "common.missing":
            return Copy(name, "refused", why=f"{error.message} ({error.code})")
        found = Copy(name, "none")
    note_heard(there, name)
    return found


def _begin(there: Workspace) -> Copy | None:
    """An empty remote, as a copy that lacks everything; None for any other."""
    name = there.remote or ""
    return None if there.repo.remote(name).list() else Copy(name, "behind", 0)


def _fetch(there: Workspace) -> Copy:
    name = there.remote or ""
    view = fresh_view(there)
    held = there.verified()
    number = _number_held(there, held, view)
    if number is not None:
        state = "equal" if number == held.number else "behind"
        return Copy(name, state, number)
    verified = verify_view(there, view)
    return Copy(name, "ahead", verified.state.number)


def _number_held(ws: Workspace, held: VerifiedPosition, view: RefView) -> int | None:
    """The number of a copy's tip if it is a snapshot that this clone has verified itself."""
    if view.common is None or not ws.facts.store.has(view.common):
        return None
    index = ws.index()
    try:
        ready_index(ws.facts, index, held.anchor, held.number, held.commit)
        place = index.get(view.common)
        known = place is not None and index.snapshot(place[0]) == view.common
    finally:
        index.close()
    return place[0] if known and place is not None else None


def _carry(there: Workspace) -> None:
    """Push this clone's verified ledger to a copy, as one, and only ever forward."""
    held, space = there.verified(), there.space
    remote = there.repo.remote(there.remote or "")
    wanted: dict[str, Oid | None] = {
        space_branch(space): held.commit,
        receipts_ref(space): held.receipts,
        LOCKS_REF: held.locks,
    }
    shown = remote.list(*wanted, f"refs/tags/{space}@*")
    updates = [
        RefUpdate(ref, oid, shown.get(ref))
        for ref, oid in wanted.items()
        if oid is not None and shown.get(ref) != oid and _is_forward(there, shown.get(ref), oid)
    ]
    remote.push(updates)
    _carry_tags(there, remote, shown)
    _read_back(there, remote, updates)


def _carry_tags(there: Workspace, remote: Remote, shown: dict[str, Oid]) -> None:
    held = there.verified()
    here = there.repo.refs.list(f"refs/tags/{there.space}@*")
    tags = [
        RefUpdate(ref, oid, None)
        for number in range(1, held.number + 1)
        if (oid := here.get(ref := position_tag(there.space, number))) and ref not in shown
    ]
    for start in range(0, len(tags), TAGS_A_PUSH):
        remote.push(tags[start : start + TAGS_A_PUSH])


def _is_forward(ws: Workspace, old: Oid | None, new: Oid) -> bool:
    if old is None:
        return True
    if not ws.facts.store.has(old):
        return False
    done = ws.repo.git("merge-base", "--is-ancestor", old, new, check=False)
    return done.code == 0


def _read_back(there: Workspace, remote: Remote, updates: list[RefUpdate]) -> None:
    shown = remote.list(*(one.ref for one in updates)) if updates else {}
    lost = [one.ref for one in updates if shown.get(one.ref) != one.new]
    if lost:
        raise EnvironmentFault(
            "home.not-written", f"{there.remote} does not show {lost[0]} as sent"
        )
