"""Taking leases and giving them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, RefusedError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.leases.acts import (
    MIN_SECONDS,
    Acquire,
    Break,
    Release,
    held,
    not_yours,
    overlapping,
    span,
)
from gitsync.domain.leases.values import LIVE, Lease, Locks
from gitsync.domain.names import person_of
from gitsync.domain.query.records import fold
from gitsync.services.catalogue import reading
from gitsync.services.leasing.claims import Claim, forget_claim, keep_claim, kept_claims
from gitsync.services.leasing.desk import Desk
from gitsync.services.leasing.members import Members, check_spelling, members_of
from gitsync.services.leasing.reach import Reach
from gitsync.services.leasing.renewing import none_held, note_leases

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitsync.domain.roster import Roster
    from gitsync.services.workspace import Workspace

DEFAULT_SECONDS = 2 * 3600


@frozen
class TakeOptions:
    """What ``lock acquire`` was asked for. ``query`` takes the first free artifact that it finds
    instead of ``subjects``; ``seconds`` is the duration. None stands for what was not said."""

    subjects: tuple[str, ...] = ()
    query: str | None = None
    seconds: int | None = None
    note: str = ""
    on_request: str | None = None
    escalate: tuple[str, ...] = ()

    @property
    def duration(self) -> int:
        """The duration in seconds."""
        return DEFAULT_SECONDS if self.seconds is None else self.seconds

    @property
    def ahead(self) -> str:
        """What others get who propose into it."""
        return "ask" if self.on_request is None else self.on_request


@frozen
class Taken:
    """The lease that this domain holds now; ``again``: it held it before."""

    lease: Lease
    locks: Locks
    again: bool = False


def acquire(ws: Workspace, options: TakeOptions) -> Taken:
    """Take all the subjects under one lease, or none of them.

    The same domain again gets the same lease. Raises RefusedError ``lease.held`` with who has it
    and until when, ``lease.none-free``, ``lease.differs`` where what it holds is on other terms;
    UsageError for what no lease can be; where the home cannot be reached EnvironmentFault
    ``lease.prepared``: the claim is kept, and sent by the next ``push`` or ``sync``.
    """
    check_spelling(options.subjects)
    if options.duration < MIN_SECONDS:
        raise UsageError(
            "lease.seconds", f"a lease lasts {MIN_SECONDS} s or more", hint="--for 10m"
        )
    nonce = ws.host.random(16).hex()
    try:
        desk = Desk.open(ws)
    except EnvironmentFault as error:
        if error.code != "remote.unreachable" or options.query is not None or not ws.position():
            raise
        keep_claim(ws, Claim(nonce, options.subjects, options.duration, options.note,
                             options.ahead, options.escalate))  # fmt: skip
        raise EnvironmentFault(
            "lease.prepared",
            f"{ws.remote} cannot be reached: the claim is prepared, and nothing is held yet",
            hint="send it when there is a connection: gitsync push",
        ) from error
    return _acquire(desk, options, nonce)


def _acquire(desk: Desk, options: TakeOptions, nonce: str) -> Taken:
    ws, state = desk.ws, desk.state
    at = f"{ws.space}@{state.number}"
    _check_people(options.escalate, state.settings.roster)
    if options.query is not None:
        wanted = _candidates(ws, options.query, at)
    else:
        wanted = [members_of(ws, options.subjects, at)]
    chosen: Lease | None = None
    again = False
    reach = Reach(ws, at)

    def make(locks: Locks) -> Acquire | None:
        nonlocal chosen, again
        found = next((one for one in locks.leases.values() if one.nonce == nonce), None)
        chosen, again = (
            (found, False) if found else _choose(desk, locks, wanted, options, nonce, reach)
        )
        there = chosen.token in locks.leases
        return None if there else Acquire(chosen)

    locks = desk.put(make)
    assert chosen is not None  # noqa: S101 - make has set it or raised
    note_leases(ws, locks)
    # No heartbeat yet: the first stamp that sees a lease begins to count from zero anyway.
    return Taken(chosen, locks, again)


def _choose(
    desk: Desk,
    locks: Locks,
    wanted: list[Members],
    options: TakeOptions,
    nonce: str,
    reach: Reach,
) -> tuple[Lease, bool]:
    """(the lease to take, whether it is held by us already). Raises RefusedError."""
    me = desk.ws.me()
    blocked: Lease | None = None
    strangers = [one for one in locks.live() if one.holder != me]
    reach.load(strangers)
    for one in wanted:
        lease = _lease(desk, locks, one, options, nonce)
        others = [other for other in overlapping(locks, lease) if locks.standing(other) == LIVE]
        if options.query is None:
            mine = next((o for o in others if o.holder == me and _same(o, lease)), None)
            if mine is not None:
                _check_terms(mine, options)
                return mine, True
        foreign = [o for o in others if options.query is not None or o.holder != me]
        # The older one counts at the witness's, whether or not it lists what came to it since.
        foreign = foreign or [o for o in strangers if reach.covers(o, one.members)]
        if not foreign:
            return lease, False
        blocked = blocked or foreign[0]
    if options.query is not None:
        raise RefusedError(
            "lease.none-free", f"nothing that is {options.query or 'there'} is free",
            hint="gitsync lock list   # who holds what",
        )  # fmt: skip
    assert blocked is not None  # noqa: S101 - there is one subject, and it was not free
    raise held(locks, blocked)


def _same(mine: Lease, lease: Lease) -> bool:
    """Whether what we hold is all that is asked for."""
    return set(lease.subjects) <= set(mine.subjects) and lease.keys <= mine.keys


def _check_terms(mine: Lease, options: TakeOptions) -> None:
    """Nobody is told that they have what they asked for, when they have something else."""
    if (
        (options.duration <= mine.seconds or options.seconds is None)
        and options.on_request in {None, mine.on_request}
        and set(options.escalate) <= set(mine.escalate)
    ):
        return
    others = ", ".join(mine.escalate) or "nobody"
    raise RefusedError(
        "lease.differs",
        f"lease {mine.token} is yours already, on other terms: for {span(mine.seconds)}, others"
        f" get '{mine.on_request}', and {others} may answer in your place",
        hint="keep it as it is, without these options; or take it anew:\n"
        f"gitsync lock release {mine.token}, then gitsync lock acquire",
    )


def _check_people(names: tuple[str, ...], roster: Roster) -> None:
    """Whoever is to answer in the holder's place can."""
    for name in names:
        if person_of(name) not in roster.people():
            raise UsageError(
                "lease.escalate", f"{name[:80]} is no member, and could not answer",
                hint="gitsync roster list",
            )  # fmt: skip


def _lease(desk: Desk, locks: Locks, wanted: Members, options: TakeOptions, nonce: str) -> Lease:
    policy = desk.state.settings.policy
    return Lease(
        token=locks.token + 1,
        holder=desk.ws.me(),
        nonce=nonce,
        subjects=wanted.subjects,
        members=wanted.members,
        seen=desk.state.number,
        seconds=options.duration,
        grace=policy.leases.grace,
        note=options.note,
        on_request=options.ahead,
        escalate=options.escalate,
        taken=desk.ws.host.seconds(),
    )


def _candidates(ws: Workspace, query: str, at: str) -> list[Members]:
    """One artifact each, in the order of the query."""
    rows = reading(ws, lambda catalogue: catalogue.find(query), at=at)
    found = [Members((f"ids:{row.id}",), (row.id,)) for row in rows if row.id]
    if not found:
        raise RefusedError(
            "lease.none-free", f"no artifact of {at} is {query or 'there'}",
            hint="gitsync list   # what there is; gitsync pull   # what is new",
        )  # fmt: skip
    return found


def send_claims(ws: Workspace) -> tuple[list[Taken], list[tuple[str, str]]]:
    """Send the claims that were prepared offline: what was granted, and subjects with the reason
    for those that were not. Either way a claim is answered then, and forgotten.

    Raises EnvironmentFault ``remote.unreachable``; what was not answered is kept.
    """
    taken: list[Taken] = []
    refused: list[tuple[str, str]] = []
    desk = Desk.open(ws)
    for claim in kept_claims(ws):
        options = TakeOptions(
            claim.subjects, None, claim.seconds, claim.note, claim.on_request, claim.escalate
        )
        try:
            taken.append(_acquire(desk, options, claim.nonce))
        except (RefusedError, UsageError) as error:
            refused.append((f"lease on {', '.join(claim.subjects)}", error.message))
        forget_claim(ws, claim)
    return taken, refused


# -- which lease is meant ----------------------------------------------------------------------


def find(locks: Locks, texts: Sequence[str], me: str, *, mine: bool) -> list[Lease]:
    """The leases that ``texts`` name: tokens, subjects, ids that a lease covers; with ``mine``
    none names all of this domain's own.

    Raises UsageError ``lease.unknown`` for a name that none has, RefusedError ``lease.not-yours``
    and, where nothing of one's own could be meant, ``lease.none``.
    """
    every = [one for one in locks.leases.values() if not one.released]
    own = [one for one in every if not mine or person_of(one.holder) == person_of(me)]
    if not texts:
        found = [one for one in own if one.holder == me] if mine else []
        if not found:
            raise none_held()
        return found
    chosen: dict[int, Lease] = {}
    for text in texts:
        named = [one for one in own if _named(one, text)] or [
            one for one in own if _begins(one, text)
        ]
        if not named:
            foreign = next((one for one in every if _named(one, text)), None)
            if foreign is not None:
                raise not_yours(foreign, me)
            if mine and not own:
                raise none_held()
            raise UsageError(
                "lease.unknown",
                f"{text[:80] or repr(text)} names no lease" + (" of yours" if mine else ""),
                hint="gitsync lock list",
            )  # fmt: skip
        chosen |= {one.token: one for one in named}
    return list(chosen.values())


def _named(lease: Lease, text: str) -> bool:
    return text == str(lease.token) or text in lease.subjects or _bare(text) in lease.keys


def _begins(lease: Lease, text: str) -> bool:
    """Whether an id in a lease begins so: people cut ids short."""
    bare = _bare(text)
    return bool(bare) and not bare.isdigit() and any(key.startswith(bare) for key in lease.keys)


def _bare(text: str) -> str:
    return fold(text.removeprefix("ids:").removeprefix("tree:"))


# -- giving back -------------------------------------------------------------------------------


def release(ws: Workspace, texts: tuple[str, ...]) -> tuple[Lease, ...]:
    """Give back leases of one's own; without ``texts`` all of this domain's.

    Raises UsageError ``lease.unknown``, RefusedError ``lease.none``, ``lease.not-yours``.
    """
    desk = Desk.open(ws)
    wanted = find(desk.locks, texts, ws.me(), mine=True)
    tokens = tuple(sorted(one.token for one in wanted))

    def make(locks: Locks) -> Release | None:
        left = tuple(
            token for token in tokens
            if token in locks.leases and not locks.leases[token].released
        )  # fmt: skip
        return Release(ws.me(), left) if left else None

    note_leases(ws, desk.put(make))
    return tuple(wanted)


def break_lease(ws: Workspace, text: str, reason: str) -> Lease:
    """End somebody else's lease at once; whoever held it can no longer write under it.

    Raises UsageError ``lease.unknown``, RefusedError ``lease.no-breaker``.
    """
    desk = Desk.open(ws)
    wanted = find(desk.locks, (text,), ws.me(), mine=False)
    if len(wanted) > 1:
        tokens = ", ".join(str(one.token) for one in wanted)
        raise UsageError(
            "lease.unknown", f"{text[:80]} could be one of the leases {tokens}",
            hint=f"name it by its token: gitsync lock show {wanted[0].token}",
        )  # fmt: skip
    lease = wanted[0]

    def make(locks: Locks) -> Break | None:
        return Break(ws.me(), lease.token, reason) if lease.token in locks.leases else None

    note_leases(ws, desk.put(make))
    return lease
