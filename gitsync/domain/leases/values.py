"""What the locks ref holds, as values: leases, the requests to write into them, and the stamps.

Time is the notary's. A lease states a duration; a witness's stamps say for how long they have seen
no new heartbeat of its holder. No date that a holder or a rival claims decides anything
(docs/reference/leases.md).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen
from gitsync.domain.query.records import fold

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.domain.leases.subjects import Subject
    from gitsync.domain.objects import Oid

ANSWERS = ("allow", "deny", "wait")
ON_REQUEST = ("ask", *ANSWERS)

LIVE = "live"
LAPSED = "lapsed"
RELEASED = "released"


@dataclass(frozen=True)
class Lease:
    """One lease.

    ``token`` is the fencing token: higher ones were given later (Kleppmann, "How to do distributed
    locking", 2016). ``holder`` is a domain. ``members`` are the artifacts that the subjects had at
    snapshot ``seen``: ids, or ``/`` and a path for a file without one. ``seconds`` is the duration
    and ``grace`` what is added to it, both in seconds of the witness's clock. ``on_request`` says
    how the holder answers ahead of time, ``escalate`` who may answer in the holder's place.
    ``taken`` is when the holder says it took it, in seconds since the epoch: for people only.
    """

    token: int
    holder: str
    nonce: str
    subjects: tuple[str, ...]
    members: tuple[str, ...]
    seen: int
    seconds: int
    grace: int
    note: str = ""
    on_request: str = "ask"
    escalate: tuple[str, ...] = ()
    released: bool = False
    taken: int = 0

    @cached_property
    def keys(self) -> frozenset[str]:
        """The members as they are compared."""
        # All at once where that is the same: there may be thousands of leases to look at.
        text = "\0".join(self.members)
        if self.members and text.isascii() and text.count("\0") == len(self.members) - 1:
            return frozenset(text.lower().split("\0"))
        return frozenset(map(fold, self.members))

    @cached_property
    def parsed(self) -> tuple[Subject, ...]:
        """The subjects, read."""
        # Not needed where a lease is only counted; the language of queries is long to load.
        from gitsync.domain.leases.subjects import parse_subject

        return tuple(map(parse_subject, self.subjects))


@frozen
class Beat:
    """What the stamps have seen of a lease: the holder's newest heartbeat, and for how many
    credited seconds no newer one."""

    sequence: int = 0
    idle: int = 0


@frozen
class Answer:
    """What the holder said to a request. ``until`` ends a ``wait``, in the notary's seconds."""

    verdict: str
    by: str
    until: int | None = None
    message: str = ""


@frozen
class Request:
    """Somebody's proposal that would write into somebody else's lease.

    ``place`` orders the queue. ``waited`` are credited seconds since the request was made.
    """

    token: int
    proposal: Oid
    ref: str
    asker: str
    place: int
    waited: int = 0
    answer: Answer | None = None


@frozen
class Locks:
    """The locks ref at one commit.

    ``token`` is the last one that was given. ``number`` is the snapshot that the last stamp was
    made at, ``stamped`` when, in seconds since the epoch by the witness's clock; None before the
    first. ``requests`` go by (token, proposal).
    """

    token: int = 0
    number: int = 1
    stamped: int | None = None
    leases: Mapping[int, Lease] = field(default_factory=lambda: MappingProxyType({}))
    beats: Mapping[int, Beat] = field(default_factory=lambda: MappingProxyType({}))
    requests: Mapping[tuple[int, Oid], Request] = field(
        default_factory=lambda: MappingProxyType({})
    )

    def beat(self, token: int) -> Beat:
        """What the stamps have seen of a lease; nothing for one that is new."""
        return self.beats.get(token, Beat())

    def standing(self, lease: Lease) -> str:
        """``live``, ``released``, or ``lapsed``: two of the last three may be taken over."""
        if lease.released:
            return RELEASED
        lapsed = self.beat(lease.token).idle >= lease.seconds + lease.grace
        return LAPSED if lapsed else LIVE

    def live(self) -> tuple[Lease, ...]:
        """The leases that keep others out, the oldest first."""
        return tuple(
            lease for _, lease in sorted(self.leases.items()) if self.standing(lease) == LIVE
        )

    def left(self, lease: Lease) -> int:
        """After how many more credited seconds without a heartbeat a lease lapses; 0 if it has."""
        return max(0, lease.seconds + lease.grace - self.beat(lease.token).idle)

    def queue(self) -> list[Request]:
        """All requests in the order in which they were made."""
        return sorted(self.requests.values(), key=lambda one: (one.place, one.token))
