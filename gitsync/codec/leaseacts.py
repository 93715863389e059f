"""Acts on the locks ref as commit messages: what they state, so that they can be proven again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec import trailers
from gitsync.codec.receipts import moment
from gitsync.codec.records import DOMAIN, KIND, LEASE, LEDGER, PREDECESSOR, printable
from gitsync.domain.errors import FormatError
from gitsync.domain.lateregex import late_regex
from gitsync.domain.leases.acts import Acquire, Act, Break, Release, Reply, Stamp
from gitsync.domain.objects import Oid
from gitsync.domain.records import (
    LEASE_ANSWER,
    LEASE_BREAK,
    LEASE_RELEASE,
    LEASE_TAKEN,
    STAMP,
)

if TYPE_CHECKING:
    from gitsync.domain.leases.values import Locks

ANSWERS = "Gitsync-Answers"
KINDS = frozenset({LEASE_TAKEN, LEASE_RELEASE, LEASE_BREAK, LEASE_ANSWER})
MAX_REASON_CHARS = 500

_TOKEN = late_regex(r"[1-9][0-9]{0,14}")
_OID = late_regex(r"[0-9a-f]{40}")


def actor_of(act: Act) -> str | None:
    """The domain whose act it is; None for a stamp, which is the witness's."""
    if isinstance(act, Acquire):
        return act.lease.holder
    return None if isinstance(act, Stamp) else act.actor


def write_act(act: Act, ledger: Oid, predecessor: Oid) -> bytes:
    """The message of an act's commit. ``git log`` of the locks ref reads as an audit trail."""
    pairs: list[tuple[str, str]] = []
    if isinstance(act, Acquire):
        lease = act.lease
        kind = LEASE_TAKEN
        text = f"locks: {lease.holder} takes {', '.join(lease.subjects)}"
        text = printable(text) + (f"\n\n{printable(lease.note, 600)}" if lease.note else "")
        pairs.append((LEASE, str(lease.token)))
    elif isinstance(act, Release):
        kind = LEASE_RELEASE
        text = f"locks: {act.actor} gives back {', '.join(map(str, act.tokens))}"
        pairs += [(LEASE, str(token)) for token in act.tokens]
    elif isinstance(act, Break):
        kind = LEASE_BREAK
        text = f"locks: {act.actor} breaks {act.token}\n\n{printable(act.reason, MAX_REASON_CHARS)}"
        pairs.append((LEASE, str(act.token)))
    elif isinstance(act, Reply):
        kind = LEASE_ANSWER
        text = f"locks: {act.actor} answers {act.proposal[:12]}: {act.answer.verdict}"
        pairs += [(LEASE, str(act.token)), (ANSWERS, act.proposal)]
    else:
        kind = STAMP
        text = f"locks: stamp at snapshot {act.number}, {moment(act.now or 0)}"
    actor = actor_of(act)
    more = [(DOMAIN, actor)] if actor is not None else []
    head = [(KIND, kind), (LEDGER, ledger), (PREDECESSOR, predecessor)]
    return trailers.compose(text, [*head, *more, *pairs])


def read_act(message: bytes, ledger: Oid, predecessor: Oid, before: Locks, after: Locks) -> Act:
    """The act that a commit on the locks ref states, from its message and the two states.

    ``after`` is what its tree holds: whether the act makes that of ``before`` is for the caller to
    see. Raises FormatError ``locks.malformed``.
    """
    found = trailers.parse(message)
    if (found.one(LEDGER), found.one(PREDECESSOR)) != (ledger, predecessor):
        raise FormatError(
            "locks.malformed", "an act on the locks ref is for another ledger or another place"
        )
    kind, actor = found.one(KIND), found.one(DOMAIN) or ""
    if kind == STAMP:
        return _stamp(before, after)
    tokens = tuple(_token(value) for value in found.all(LEASE))
    if kind == LEASE_RELEASE:
        return Release(actor, tokens)
    if len(tokens) != 1 or kind not in KINDS:
        raise FormatError("locks.malformed", "a commit on the locks ref is no act")
    token = tokens[0]
    if kind == LEASE_TAKEN:
        lease = after.leases.get(token)
        if lease is None or lease.holder != actor:
            raise FormatError("locks.malformed", f"lease {token} was taken and is not there")
        return Acquire(lease)
    if kind == LEASE_BREAK:
        return Break(actor, token, _reason(message))
    proposal = found.one(ANSWERS) or ""
    request = after.requests.get((token, Oid(proposal)))
    if not _OID.fullmatch(proposal) or request is None or request.answer is None:
        raise FormatError("locks.malformed", "an answer was given and is not there")
    return Reply(actor, token, Oid(proposal), request.answer)


def _stamp(before: Locks, after: Locks) -> Stamp:
    keys = sorted(
        after.requests.keys() - before.requests.keys(), key=lambda one: after.requests[one].place
    )
    opened = tuple(after.requests[key] for key in keys)
    closed = tuple(sorted(before.requests.keys() - after.requests.keys()))
    beats = {token: beat.sequence for token, beat in after.beats.items()}
    return Stamp(after.number, after.stamped, beats, opened, closed)


def _token(value: str) -> int:
    if not _TOKEN.fullmatch(value):
        raise FormatError("locks.malformed", "a lease's token is a positive whole number")
    return int(value)


def _reason(message: bytes) -> str:
    return trailers.body(message).partition("\n\n")[2].strip()
