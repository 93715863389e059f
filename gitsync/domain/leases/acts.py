"""What may happen on the locks ref, and what each act makes of it.

The ref is a replicated state machine: its tree is what these rules make of the parent's tree and
the act that the commit names, so anybody can prove every step (Lamport, "Using Time Instead of
Timeout", 1984). Who signed an act is the caller's question; who may is answered here.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from gitsync.domain.errors import FormatError, RefusedError
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex
from gitsync.domain.leases.subjects import MAX_SUBJECTS, parse_subject
from gitsync.domain.leases.values import (
    ANSWERS,
    LIVE,
    ON_REQUEST,
    Answer,
    Beat,
    Lease,
    Locks,
    Request,
)
from gitsync.domain.names import check_domain, person_of
from gitsync.domain.query.records import fold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.domain.objects import Oid
    from gitsync.domain.policy import LeaseRules, Policy

MAX_NOTE_CHARS = 500
MAX_MEMBERS = 200_000
MIN_SECONDS = 60

_CONTROLS = late_regex("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


@frozen
class Acquire:
    """``lease`` is taken; its token is the next one."""

    lease: Lease


@frozen
class Release:
    """The holder gives leases back."""

    actor: str
    tokens: tuple[int, ...]


@frozen
class Break:
    """Somebody in the role for it ends another's lease, and says why."""

    actor: str
    token: int
    reason: str


@frozen
class Reply:
    """An answer to one request."""

    actor: str
    token: int
    proposal: Oid
    answer: Answer


@frozen
class Stamp:
    """The witness was here: at snapshot ``number``, at ``now`` by its own clock.

    ``beats`` are the newest heartbeats that it saw, by lease; ``opened`` requests that proposals
    made; ``closed`` those that are answered for good or were taken back. ``now`` is None in the
    stamps of ledgers that are older than leases.
    """

    number: int
    now: int | None
    beats: Mapping[int, int]
    opened: tuple[Request, ...] = ()
    closed: tuple[tuple[int, Oid], ...] = ()


Act = Acquire | Release | Break | Reply | Stamp


def apply(locks: Locks, act: Act, policy: Policy) -> Locks:
    """The locks after ``act``.

    Raises RefusedError ``lease.*`` where the rules do not allow it. Whether the signer is the
    actor, and a stamp's signer a witness, the caller has checked.
    """
    if isinstance(act, Acquire):
        return _acquire(locks, act.lease, policy)
    if isinstance(act, Release):
        return _release(locks, act)
    if isinstance(act, Break):
        return _break(locks, act, policy)
    if isinstance(act, Reply):
        return _reply(locks, act, policy.leases)
    return _stamp(locks, act, policy)


# -- taking ------------------------------------------------------------------------------------


def check_lease(lease: Lease, policy: Policy) -> None:
    """Whether a lease is well made. Raises FormatError ``lease.*``, RefusedError ``lease.long``."""
    check_domain(lease.holder)
    if not lease.subjects or len(lease.subjects) > MAX_SUBJECTS:
        raise FormatError("lease.subject", f"a lease has 1 to {MAX_SUBJECTS} subjects")
    if list(lease.subjects) != sorted(set(lease.subjects)):
        raise FormatError(
            "lease.subject", "the subjects of a lease are sorted, none is there twice"
        )
    members = lease.members
    if len(members) > MAX_MEMBERS or any(a >= b for a, b in pairwise(members)):
        raise FormatError("lease.members", "the members of a lease are not sorted, or too many")
    for text in lease.subjects:
        subject = parse_subject(text)
        if not all(fold(one) in lease.keys for one in subject.ids):
            raise FormatError("lease.members", f"what {text[:80]} names is not among the members")
    if len(lease.nonce) != 32 or lease.nonce.strip("0123456789abcdef"):
        raise FormatError("lease.nonce", "a lease's nonce is 32 hexadecimal digits")
    if len(lease.note) > MAX_NOTE_CHARS or not _plain(lease.note):
        raise FormatError(
            "lease.note", f"a note is one line of at most {MAX_NOTE_CHARS} characters"
        )
    if lease.on_request not in ON_REQUEST or len(lease.escalate) > 20:
        raise FormatError("lease.on-request", f"a lease answers with {', '.join(ON_REQUEST)}")
    for name in lease.escalate:
        check_domain(name)
    if lease.released or lease.seen < 1 or not 0 <= lease.taken < 253_402_300_800:
        raise FormatError("lease.malformed", "a new lease is neither released nor of no snapshot")
    if lease.seconds < MIN_SECONDS or lease.grace != policy.leases.grace:
        raise FormatError(
            "lease.seconds", f"a lease lasts {MIN_SECONDS} s or more, with the policy's grace"
        )
    longest = policy.limits.lease_seconds
    if lease.seconds > longest:
        raise RefusedError(
            "lease.long", f"the policy grants leases of at most {span(longest)}",
            hint=f"--for {span(longest).replace(' ', '')}, and renew it as you go:"
            " gitsync lock renew",
        )  # fmt: skip


def _plain(text: str) -> bool:
    """Whether a text is one line. By a fixed table: whoever replays this must agree."""
    return _CONTROLS.search(text) is None


def overlapping(locks: Locks, lease: Lease) -> list[Lease]:
    """The leases that have a member or a subject in common with ``lease``, the oldest first."""
    subjects = set(lease.subjects)
    return [
        other
        for _, other in sorted(locks.leases.items())
        if not lease.keys.isdisjoint(other.keys) or not subjects.isdisjoint(other.subjects)
    ]


def _acquire(locks: Locks, lease: Lease, policy: Policy) -> Locks:
    check_lease(lease, policy)
    if lease.token != locks.token + 1:
        raise RefusedError("lease.token", f"the next token is {locks.token + 1}, not {lease.token}")
    if any(lease.nonce == other.nonce for other in locks.leases.values()):
        raise RefusedError("lease.replay", "a lease with this nonce is there already")
    ended: list[Lease] = []
    for other in overlapping(locks, lease):
        if locks.standing(other) != LIVE:
            ended.append(other)
        elif other.holder != lease.holder:
            raise held(locks, other)
    leases = {token: one for token, one in locks.leases.items() if one not in ended}
    leases[lease.token] = lease
    gone = {one.token for one in ended}
    requests = {key: one for key, one in locks.requests.items() if key[0] not in gone}
    for key, one in locks.requests.items():
        # Who waited for the one who held it before keeps the place in the queue.
        if key[0] in gone and person_of(one.asker) != person_of(lease.holder):
            # Whoever gives back and takes again is still the one who does not answer.
            anew = person_of(locks.leases[key[0]].holder) != person_of(lease.holder)
            waited = 0 if anew else one.waited
            moved = replace(one, token=lease.token, waited=waited, answer=None)
            requests.setdefault((lease.token, one.proposal), moved)
    beats = {token: beat for token, beat in locks.beats.items() if token not in gone}
    return replace(locks, token=lease.token, leases=leases, beats=beats, requests=requests)


def held(locks: Locks, lease: Lease) -> RefusedError:
    """The refusal for a subject that ``lease`` covers, with until when it may last."""
    left = locks.left(lease)
    note = f" ({lease.note})" if lease.note else ""
    return RefusedError(
        "lease.held",
        f"{', '.join(lease.subjects)[:200]} is held by {lease.holder} under lease"
        f" {lease.token}{note}; it lapses once the witness has seen no sign of {lease.holder} for"
        f" another {span(left)}",
        hint=f"look at it: gitsync lock show {lease.token}\n"
        "propose anyway, which asks the holder: gitsync propose",
    )


def span(seconds: int) -> str:
    """A time span for people: the two largest units of it."""
    if seconds < 60:
        return f"{seconds}s"
    for size, name, below, small in (
        (86400, "d", 3600, "h"),
        (3600, "h", 60, "m"),
        (60, "m", 1, "s"),
    ):
        if seconds >= size:
            rest = seconds % size // below
            return f"{seconds // size}{name}" + (f" {rest}{small}" if rest else "")
    return "0s"


# -- giving back -------------------------------------------------------------------------------


def _of(locks: Locks, token: int) -> Lease:
    lease = locks.leases.get(token)
    if lease is None:
        raise RefusedError(
            "lease.gone", f"there is no lease {token}: it was taken over, broken, or never given",
            hint="gitsync lock list",
        )  # fmt: skip
    return lease


def not_yours(lease: Lease, actor: str) -> RefusedError:
    """The refusal for whoever would give back another's lease."""
    return RefusedError(
        "lease.not-yours", f"lease {lease.token} is {lease.holder}'s, not {actor}'s",
        hint=f"ask {lease.holder}, or, in the role for it:"
        f" gitsync lock break {lease.token} --reason WHY",
    )  # fmt: skip


def _release(locks: Locks, act: Release) -> Locks:
    leases = dict(locks.leases)
    if not act.tokens or len(set(act.tokens)) != len(act.tokens):
        raise FormatError("lease.malformed", "a release names each lease once, and at least one")
    for token in act.tokens:
        lease = _of(locks, token)
        if person_of(lease.holder) != person_of(act.actor):
            raise not_yours(lease, act.actor)
        if lease.released:
            raise RefusedError("lease.released", f"lease {token} has been given back already")
        leases[token] = replace(lease, released=True)
    beats = dict(locks.beats)
    for token in act.tokens:
        # From here on its idle time says how long it has been over.
        beats[token] = Beat(locks.beat(token).sequence)
    return replace(locks, leases=leases, beats=beats)


def _break(locks: Locks, act: Break, policy: Policy) -> Locks:
    lease = _of(locks, act.token)
    role = policy.roles.get(policy.leases.breakers)
    if role is None or person_of(act.actor) not in role.people:
        people = ", ".join(sorted(role.people)) if role is not None else "nobody"
        raise RefusedError(
            "lease.no-breaker", f"{act.actor} may not break leases: {people} may",
            hint=f"ask {lease.holder} to release it: gitsync lock release {lease.token}",
        )  # fmt: skip
    if not act.reason.strip():
        raise FormatError("lease.reason", "breaking a lease takes a reason")
    return _without(locks, {act.token})


def _without(locks: Locks, tokens: set[int]) -> Locks:
    return replace(
        locks,
        leases={token: one for token, one in locks.leases.items() if token not in tokens},
        beats={token: one for token, one in locks.beats.items() if token not in tokens},
        requests={key: one for key, one in locks.requests.items() if key[0] not in tokens},
    )


# -- asking ------------------------------------------------------------------------------------


def answerers(lease: Lease, request: Request, rules: LeaseRules) -> frozenset[str]:
    """The people who may answer a request: the holder, and once it waited too long, whoever the
    lease or the policy names."""
    people = {person_of(lease.holder)}
    if rules.unanswered == "escalate" and request.waited >= rules.answer:
        people |= set(map(person_of, lease.escalate or rules.escalate_to))
    return frozenset(people)


def _reply(locks: Locks, act: Reply, rules: LeaseRules) -> Locks:
    lease = _of(locks, act.token)
    request = locks.requests.get((act.token, act.proposal))
    if request is None:
        raise RefusedError(
            "lease.no-request", f"nobody asks for lease {act.token} with {act.proposal[:12]}",
            hint="gitsync lock requests",
        )  # fmt: skip
    answer = act.answer
    if answer.verdict not in ANSWERS or answer.by != act.actor:
        raise FormatError("lease.answer", f"an answer is one of {', '.join(ANSWERS)}, by who signs")
    if answer.until is not None and (answer.verdict != "wait" or not 0 < answer.until < 2**53):
        raise FormatError("lease.answer", "only 'wait' has an end, and it is a moment in time")
    if len(answer.message) > MAX_NOTE_CHARS or not _plain(answer.message):
        raise FormatError("lease.note", "a message is one line of text")
    if person_of(act.actor) not in answerers(lease, request, rules):
        raise RefusedError(
            "lease.not-yours", f"lease {act.token} is {lease.holder}'s, who answers for it",
            hint=f"ask {lease.holder}",
        )  # fmt: skip
    return replace(
        locks,
        requests={**locks.requests, (act.token, act.proposal): replace(request, answer=answer)},
    )


# -- time --------------------------------------------------------------------------------------


def credited(locks: Locks, now: int | None, rules: LeaseRules) -> int:
    """How many seconds a stamp at ``now`` adds to what has been seen: bounded, never negative."""
    if locks.stamped is None or now is None:
        return 0
    return max(0, min(now - locks.stamped, rules.credit))


def _stamp(locks: Locks, act: Stamp, policy: Policy) -> Locks:
    if act.number < locks.number:
        raise RefusedError("lease.stamp", f"the stamp goes back from snapshot {locks.number}")
    if act.now is None and (locks.leases or locks.stamped is not None or act.opened):
        raise RefusedError("lease.stamp", "a stamp does not say when it was made")
    step = credited(locks, act.now, policy.leases)
    forget = policy.limits.retention_seconds
    beats: dict[int, Beat] = {}
    over: set[int] = set()
    for token, lease in locks.leases.items():
        beat = locks.beats.get(token)
        sequence = act.beats.get(token, 0)
        if beat is None:
            # The first stamp that sees a lease only begins to observe it.
            beats[token] = Beat(sequence, 0)
        elif sequence > beat.sequence and not lease.released:
            beats[token] = Beat(sequence, 0)
        else:
            # Nothing is counted on for what has ended for long enough.
            beats[token] = Beat(beat.sequence, beat.idle + step)
        ended = 0 if lease.released else lease.seconds + lease.grace
        if beats[token].idle > ended + forget:
            over.add(token)
    requests = {
        key: replace(one, waited=one.waited + step)
        for key, one in locks.requests.items()
        if key not in act.closed
    }
    place = max((one.place for one in locks.requests.values()), default=0)
    for one in act.opened:
        lease_of = locks.leases.get(one.token)
        if lease_of is None or (one.token, one.proposal) in requests or one.answer or one.waited:
            raise RefusedError("lease.request", "a stamp opens a request that cannot be one")
        place += 1
        requests[one.token, one.proposal] = replace(one, place=place)
    stamped = replace(locks, number=act.number, stamped=act.now, beats=beats, requests=requests)
    return _without(stamped, over) if over else stamped


def is_due(locks: Locks, beats: Mapping[int, int], now: int, every: int) -> bool:
    """Whether a run with nothing else to do should stamp: a lease or a request is being observed,
    or the holder of one that lapsed is back. ``beats`` are the newest heartbeats by lease."""
    observed = any(
        token not in locks.beats
        or locks.standing(lease) == LIVE
        or beats.get(token, 0) > locks.beat(token).sequence
        for token, lease in locks.leases.items()
        if not lease.released
    ) or any(one.answer is None for one in locks.requests.values())
    # A clock that was put back makes the last stamp lie ahead: then it is as good as none.
    return observed and (locks.stamped is None or not 0 <= now - locks.stamped < every)
