"""``pull`` and ``pin``: verify first, then move; uncommitted work is never touched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.codec.records import write_commit_record
from gitsync.domain.errors import EnvironmentFault, GitsyncError, RefusedError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.history import incoming, merge_bases
from gitsync.domain.ledger.merging import Merging
from gitsync.domain.names import APPROVALS, PROPOSALS, REQUESTS
from gitsync.domain.objects import Commit, Oid
from gitsync.domain.records import CommitRecord
from gitsync.services.artifacts import commit_at
from gitsync.services.clonesetup import give_way
from gitsync.services.leasing.glance import note_paths
from gitsync.services.mergesetup import renew
from gitsync.services.refview import local_view
from gitsync.services.sources import fresh_view, known_view
from gitsync.services.states import load_state
from gitsync.storage.refs import RefUpdate

if TYPE_CHECKING:
    from gitsync.domain.ledger.state import State
    from gitsync.services.refview import RefView
    from gitsync.services.verifying import Verified, Verifier
    from gitsync.services.workspace import Workspace
    from gitsync.storage.autostash import Autostash
    from gitsync.storage.index import PositionIndex

_UNBOUNDED = 1 << 40


@frozen
class Pulled:
    """What a pull did: the position before and after, how the branch moved (``none``,
    ``forward``, ``merge``, ``pinned``, ``elsewhere``), and proposals that have landed. ``kept``
    are files edited after a run that was cut off: those edits are in git's list of stashes."""

    space: str
    before: int
    after: int
    moved: str
    target: int
    landed: tuple[str, ...]
    pending: tuple[int, ...]
    offline: bool = False
    stashed: bool = False
    kept: tuple[str, ...] = ()


def verify_view(
    ws: Workspace,
    view: RefView,
    *,
    full: bool = False,
    fresh: bool = False,
    known: bool = False,
) -> Verified:
    """Check a view and make its position this clone's own; ``known`` as in ``ws.verifier``.

    The position index is saved with it, so the next check costs only what is new.
    """
    verifier = ws.verifier(fresh=fresh, full=full, known=known)
    try:
        verified = verifier.check(view, full=full)
        position = verified.position
        if position is not None:
            tags = {n: view.tags[n] for n in view.tags if verified.start <= n <= position.number}
            tags |= _lost_tags(ws, verifier, view, verified)
            ws.accept(position, verified.state, tags, verifier.index)
            verifier.index.save(position.anchor, position.number, position.commit)
            note_paths(ws, position.locks)
    finally:
        verifier.index.close()
    return verified


def _lost_tags(
    ws: Workspace, verifier: Verifier, view: RefView, verified: Verified
) -> dict[int, Oid]:
    """Earlier tags that this clone lacks: a run that stored a position died before it had them."""
    here = local_view(ws.repo, ws.space).tags
    lost = sorted(number for number in view.tags.keys() - here.keys() if number < verified.start)
    if not lost:
        return {}
    from gitsync.services.replay import check_tag

    found: dict[int, Oid] = {}
    for number in lost:
        ledger, positions = verified.state.ledger, verifier.index
        state = load_state(ws.facts, ledger, ws.space, positions.snapshot(number))
        before = load_state(ws.facts, ledger, ws.space, positions.snapshot(max(1, number - 1)))
        check_tag(ws.facts, before, state, view.tags[number])
        found[number] = view.tags[number]
    return found


def pull(ws: Workspace, to: str | None = None, *, autostash: bool = False) -> Pulled:
    """Fetch, verify, and bring this clone's branch up to ``common``, or to ``to``.

    ``autostash`` puts uncommitted changes aside while the files move, and brings them back. What a
    run that was cut off has put aside is brought back first.

    Raises VerificationError and leaves everything where it was when something does not check
    out; RefusedError ``merge.conflict``, ``worktree.in-the-way`` or ``stash.conflict`` when the
    files cannot follow, ``stash.pending`` when what was put aside is in the way of later edits.
    """
    kept = _recover(ws, keep=autostash)
    try:
        return replace(_pull(ws, to, autostash=autostash), kept=kept)
    except GitsyncError as error:
        if kept:
            said = f"edits of {', '.join(kept[:5])} are kept: git stash list"
            error.hint = f"{error.hint}\n{said}" if error.hint else said
        raise


def _recover(ws: Workspace, *, keep: bool) -> tuple[str, ...]:
    if ws.repo.work_tree is None:
        return ()
    from gitsync.storage.autostash import Autostash

    return Autostash(ws.repo).recover(keep=keep)


def _pull(ws: Workspace, to: str | None, *, autostash: bool) -> Pulled:
    renew(ws.repo)
    before = ws.position()
    offline = False
    try:
        view = fresh_view(ws)
    except EnvironmentFault as error:
        if error.code != "remote.unreachable" or before is None:
            raise
        view, offline = known_view(ws), True
        if view.common is None:
            raise
    state, pending = _verify(ws, view, offline=offline)
    pin = ws.repo.config("gitsync.pin")
    target = commit_at(ws, to or pin or ws.space)
    pinned = pin is not None and to is None
    moved, stashed = _follow(ws, state, target, pinned=pinned, autostash=autostash)
    landed = forget_landed(ws, state)
    if not offline:
        ws.repo.tidy()
    return Pulled(
        ws.space,
        before.number if before else 0,
        state.number,
        moved,
        _number(ws, state, target),
        landed,
        pending,
        offline,
        stashed,
    )


def _verify(ws: Workspace, view: RefView, *, offline: bool) -> tuple[State, tuple[int, ...]]:
    """(the verified state, numbers that are not final yet). What a home showed last may be behind
    what a copy has brought since: as long as the home itself is not heard, that is no rollback."""
    try:
        verified = verify_view(ws, view, known=offline)
    except VerificationError as error:
        if not offline or error.code != "position.rollback":
            raise
        return ws.state(), ()
    return verified.state, verified.pending


def _follow(
    ws: Workspace, state: State, target: Oid, *, pinned: bool, autostash: bool
) -> tuple[str, bool]:
    """(how the branch moved, whether uncommitted changes were put aside for it)."""
    if not autostash or ws.repo.work_tree is None:
        return follow(ws, state, target, pinned=pinned), False
    from gitsync.storage.autostash import Autostash

    try:
        # Only what is in the way has to give way.
        return follow(ws, state, target, pinned=pinned), False
    except RefusedError as error:
        if error.code != "worktree.in-the-way":
            raise
    stash = Autostash(ws.repo)
    stashed = stash.put_aside()
    try:
        return follow(ws, state, target, pinned=pinned, aside=stash), stashed
    finally:
        stash.bring_back()


def _positions(ws: Workspace, state: State) -> PositionIndex:
    from gitsync.services.chain import ready_index

    index = ws.index()
    ready_index(ws.facts, index, state.ledger, state.number, state.commit)
    return index


def _number(ws: Workspace, state: State, commit: Oid) -> int:
    index = _positions(ws, state)
    place = index.get(commit)
    index.close()
    return place[0] if place else 0


def follow(
    ws: Workspace,
    state: State,
    target: Oid,
    *,
    pinned: bool = False,
    aside: Autostash | None = None,
) -> str:
    """Bring this person's branch to hold the snapshot ``target``; says how it moved.

    ``aside`` has put work aside, and is told where the files go before they do.
    """
    if ws.repo.work_tree is None or ws.domain is None:
        return "none"
    branch = ws.branch()
    if ws.repo.head() != branch:
        return "elsewhere"
    tip = ws.repo.refs.get(branch)
    give_way(ws.repo, target)
    if tip is None:
        _forward(ws, target, aside)
        return "forward"
    index = _positions(ws, state)
    try:
        new = incoming(ws.facts, index, [tip], limit=_UNBOUNDED)
        reached = max((place[1] for one in new.frontier if (place := index.get(one))), default=0)
        wanted = index.get(target)
        if wanted is not None and reached >= wanted[0]:
            return "pinned" if pinned else "none"
        if not new.commits and wanted is not None and index.get(tip) is not None:
            place = index.get(tip)
            if place is not None and place[0] <= wanted[0]:
                _forward(ws, target, aside)
                return "forward"
        merged = _merge(ws, state, index, tip, target, new.frontier)
    finally:
        index.close()
    _forward(ws, merged, aside)
    return "merge"


def _forward(ws: Workspace, new: Oid, aside: Autostash | None) -> None:
    if aside is not None:
        aside.expect(new)
    ws.work_tree().forward(new)


def _merge(
    ws: Workspace,
    state: State,
    index: PositionIndex,
    tip: Oid,
    target: Oid,
    frontier: tuple[Oid, ...],
) -> Oid:
    """A signed merge of ``target`` into this person's branch, by the witness's own merge."""
    policy = state.settings.policy
    bases = merge_bases(ws.facts, index, frontier)
    merging = Merging(ws.facts, index, state.settings.schema, policy.merge)
    ours, theirs = ws.facts.commit(tip).tree, ws.facts.commit(target).tree
    merged = merging.merge(bases, ours, theirs)
    if merged.tree is None:
        said = "; ".join(one.words("yours", ws.space) for one in merged.conflicts[:5])
        raise RefusedError(
            "merge.conflict",
            f"your branch and {ws.space} changed the same: {said}",
            hint=f"git merge {ws.space}\n"
            "gitsync resolve   # lists what conflicts and settles it; then: git commit",
        )
    number = index.get(target)
    who = ws.identity()
    message = write_commit_record(
        f"Merge {ws.space}@{number[0] if number else '?'}",
        CommitRecord(kind="merge", ledger=state.ledger),
    )
    return ws.commit_as_me(Commit(merged.tree, (tip, target), who, who, message))


def forget_landed(ws: Workspace, state: State) -> tuple[str, ...]:
    """Drop local proposal and approval refs of commits that are part of the ledger now, and this
    clone's request to join once it is granted.

    Only where a remote is the home: in the witness's own repository the witness deletes them.
    """
    if ws.remote is None:
        return ()
    index = _positions(ws, state)
    here = ws.repo.refs.list(PROPOSALS, APPROVALS)
    gone = {ref: oid for ref, oid in here.items() if index.get(oid) is not None}
    index.close()
    request = ws.repo.refs.get(REQUESTS + ws.me()) if ws.domain is not None else None
    if request is not None and _admitted(ws, state, request):
        gone[REQUESTS + ws.me()] = request
    ws.repo.refs.transact(
        [RefUpdate(ref, None, oid) for ref, oid in gone.items()],
        message="gitsync: landed",
        sync=False,
    )
    return tuple(sorted(ref.removeprefix(PROPOSALS) for ref in gone if ref.startswith(PROPOSALS)))


def _admitted(ws: Workspace, state: State, request: Oid) -> bool:
    """Whether the roster has the key that a request asked for, under this clone's name."""
    from gitsync.services.joinrequests import key_in_request

    entry = state.settings.roster.key(key_in_request(ws.facts, request).blob)
    return entry is not None and ws.me() in entry.names


@frozen
class Pinned:
    """Where the files stand after ``pin``; ``number`` None means that the pin was taken off."""

    space: str
    number: int | None
    commit: Oid | None
    newest: int


def pin(ws: Workspace, position: str | None) -> Pinned:
    """Hold this clone's files at a verified position until told otherwise; None lets go.

    Going back is refused (``pin.own-work``) when the branch holds work of its own.
    """
    verified = ws.verified()
    if position is None:
        ws.repo.unset_config("gitsync.pin")
        return Pinned(ws.space, None, None, verified.number)
    target = commit_at(ws, position)
    state = ws.state()
    number = _number(ws, state, target)
    if ws.repo.head() == ws.branch() and ws.repo.work_tree is not None:
        _go(ws, state, target, number)
    ws.repo.set_config("gitsync.pin", f"{ws.space}@{number}")
    return Pinned(ws.space, number, target, verified.number)


def _go(ws: Workspace, state: State, target: Oid, number: int) -> None:
    tip = ws.repo.refs.get(ws.branch())
    if tip == target:
        return
    index = _positions(ws, state)
    place = index.get(tip) if tip is not None else None
    index.close()
    if place is None and tip is not None:
        raise RefusedError(
            "pin.own-work",
            f"your branch holds work of its own, so its files cannot stand at {ws.space}@{number}",
            hint="look at that version without moving:\n"
            f"git worktree add ../at-{number} {ws.space}@{number}",
        )
    if place is None or place[0] <= number:
        ws.work_tree().forward(target)
        return
    ws.work_tree().back(ws.branch(), target)
