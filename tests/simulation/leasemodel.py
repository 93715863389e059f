"""The rules of leases a second time, for the checker: written from the design alone.

Everything is about the handful of files that simulated worlds have. Each act on the locks ref is
done here too, and what comes out must be what the product wrote.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.simulation.genesis import (
    ANSWER,
    BREAKER,
    COVERS,
    CREDIT,
    DEPUTY,
    ESCALATED,
    GRACE,
    NOTARY,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from gitsync.domain.leases import values
    from gitsync.domain.objects import Oid


class Violation(Exception):  # noqa: N818 - what the checker looks for
    """Something that must never happen: ``rule`` names it, the same for the same fault."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule


@dataclass
class Held:
    """One lease. ``since`` is the true time at which a stamp began to see no new heartbeat."""

    token: int
    holder: str
    nonce: str
    subjects: tuple[str, ...]
    seconds: int
    on_request: str
    released: bool = False
    sequence: int | None = None
    idle: int = 0
    since: float = 0.0

    @property
    def files(self) -> frozenset[str]:
        """What it covers."""
        return frozenset().union(*(COVERS[one] for one in self.subjects))

    @property
    def live(self) -> bool:
        """Whether it keeps others out."""
        return not self.released and self.idle < self.seconds + GRACE


@dataclass
class Asked:
    """One request to write into a lease."""

    token: int
    proposal: Oid
    asker: str
    place: int
    waited: int = 0
    answer: tuple[str, str, int | None] | None = None


@dataclass
class LeaseModel:
    """What the locks ref should hold."""

    unanswered: str
    token: int = 0
    number: int = 1
    stamped: int | None = None
    last_stamp: float = 0.0
    leases: dict[int, Held] = field(default_factory=dict)
    requests: dict[tuple[int, Oid], Asked] = field(default_factory=dict)

    # -- acts -------------------------------------------------------------------------------

    def taken(self, new: values.Lease, by: str | None, *, sound: bool) -> None:
        """Somebody takes a lease. With ``sound`` clocks it must not come too early either."""
        held = Held(new.token, new.holder, new.nonce, new.subjects, new.seconds, new.on_request)
        if held.token != self.token + 1:
            raise Violation("token", f"{held.token} was given after {self.token}")
        if by != held.holder:
            raise Violation("signer", f"{by} took a lease for {held.holder}")
        over = [one for one in self.leases.values() if one.files & held.files and not one.live]
        for one in self.leases.values():
            if one.files & held.files and one.live and one.holder != held.holder:
                raise Violation("two-holders", f"{held} while there is {one}")
        for one in over:
            quiet = self.last_stamp - one.since
            if sound and not one.released and quiet < one.seconds + GRACE:
                raise Violation("too-early", f"{one} was taken over after {quiet} s")
            del self.leases[one.token]
        self.token = held.token
        self.leases[held.token] = held
        before = {one.token: one.holder for one in over}
        for key in [key for key in self.requests if key[0] in before]:
            asked = self.requests.pop(key)
            if asked.asker != held.holder:
                waited = asked.waited if before[key[0]] == held.holder else 0
                moved = Asked(held.token, asked.proposal, asked.asker, asked.place, waited)
                self.requests.setdefault((held.token, asked.proposal), moved)

    def released(self, tokens: Collection[int], by: str | None) -> None:
        """A holder gives leases back."""
        for token in tokens:
            lease = self.leases.get(token)
            if lease is None or lease.released or lease.holder != by:
                raise Violation("release", f"{by} gave back {lease or token}")
            lease.released, lease.idle = True, 0
            lease.sequence = lease.sequence or 0

    def broken(self, token: int, by: str | None) -> None:
        """A lease is ended by whoever may."""
        if by != BREAKER or token not in self.leases:
            raise Violation("break", f"{by} broke {token}")
        del self.leases[token]
        self.requests = {key: one for key, one in self.requests.items() if key[0] != token}

    def answered(self, request: values.Request, by: str | None) -> None:
        """A request gets its answer."""
        asked = self.requests.get((request.token, request.proposal))
        if asked is None or request.answer is None:
            raise Violation("answer", f"{by} answered {request}")
        able = {self.leases[asked.token].holder}
        if self.unanswered == "escalate" and asked.waited >= ANSWER:
            able.add(ESCALATED)
        if by not in able or request.answer.by != by:
            raise Violation("answer", f"{by} answered for {able}")
        asked.answer = (request.answer.verdict, by, request.answer.until)

    def stamp(
        self, after: values.Locks, by: str | None, beats: Mapping[str, int], seen_at: float
    ) -> None:
        """The witness was here. ``beats`` are the newest heartbeats that it had seen."""
        if by not in {NOTARY, DEPUTY} or after.stamped is None:
            raise Violation("stamp", f"a stamp by {by}")
        step = 0
        if self.stamped is not None:
            step = max(0, min(after.stamped - self.stamped, CREDIT))
        for lease in self.leases.values():
            beat = beats.get(lease.holder, 0)
            if lease.sequence is None or (beat > lease.sequence and not lease.released):
                lease.sequence, lease.idle, lease.since = beat, 0, seen_at
            else:
                lease.idle += step
        place = max((one.place for one in self.requests.values()), default=0)
        for asked in self.requests.values():
            asked.waited += step
        for key in [key for key in self.requests if key not in after.requests]:
            del self.requests[key]
        new = [one for key, one in after.requests.items() if key not in self.requests]
        for request in sorted(new, key=lambda one: one.place):
            place += 1
            self.requests[request.token, request.proposal] = Asked(
                request.token, request.proposal, request.asker, place
            )
        self.stamped, self.number, self.last_stamp = after.stamped, after.number, seen_at

    def compare(self, after: values.Locks) -> None:
        """Demand that the product has written the same."""
        self._same("token", self.token, after.token)
        self._same("stamp", (self.number, self.stamped), (after.number, after.stamped))
        self._same(
            "leases",
            {token: (one.holder, one.nonce, one.subjects, one.released)
             for token, one in self.leases.items()},
            {token: (one.holder, one.nonce, one.subjects, one.released)
             for token, one in after.leases.items()},
        )  # fmt: skip
        self._same(
            "beats",
            {token: (one.sequence or 0, one.idle) for token, one in self.leases.items()},
            {token: (after.beat(token).sequence, after.beat(token).idle) for token in after.leases},
        )
        self._same(
            "requests",
            {key: (one.asker, one.place, one.waited, one.answer and one.answer[0])
             for key, one in self.requests.items()},
            {key: (one.asker, one.place, one.waited, one.answer and one.answer.verdict)
             for key, one in after.requests.items()},
        )  # fmt: skip

    def _same(self, what: str, ours: object, theirs: object) -> None:
        if ours != theirs:
            raise Violation(f"locks-{what}", f"expected {ours}, found {theirs}")

    # -- questions --------------------------------------------------------------------------

    def over(self, files: Collection[str]) -> list[Held]:
        """The live leases that decide on some files: for each file its oldest."""
        found = {
            min((one.token for one in self.leases.values() if one.live and file in one.files),
                default=0)
            for file in files
        }  # fmt: skip
        return [self.leases[token] for token in sorted(found - {0})]

    def verdict(self, lease: Held, proposal: Oid) -> str:
        """``allow``, ``deny`` or ``wait``, as it stands."""
        asked = self.requests.get((lease.token, proposal))
        if asked is not None and asked.answer is not None:
            said, _, until = asked.answer
            if until is None or (self.stamped or 0) < until:
                return said
        elif lease.on_request != "ask":
            return lease.on_request
        if asked is None or asked.waited < ANSWER or self.unanswered == "escalate":
            return "wait"
        return self.unanswered

    def fault(self, tokens: Collection[int], domain: str) -> str | None:
        """What is wrong with the tokens that a proposal carries."""
        for token in tokens:
            if token not in self.leases:
                return "lease.stale"
            if self.leases[token].holder != domain:
                return "lease.not-yours"
        return None

    def unsaid(self, files: Collection[str], tokens: Collection[int], domain: str) -> bool:
        """Whether a proposer keeps silent about a lease of their own."""
        return any(
            one.live and one.holder == domain and one.token not in tokens and one.files & set(files)
            for one in self.leases.values()
        )
