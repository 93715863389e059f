"""What one bundle carries, and what follows from it: rules without files, clocks or git.

A bundle goes from one domain to another, or to anybody. It holds what has changed since what the
recipient has acknowledged, and nothing else moves that point: a stick that was written may be lost.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING

from gitsync.domain.frozen import frozen
from gitsync.domain.names import parse_position, position_tag, space_branch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitsync.domain.objects import Oid

#: The recipient of a bundle that is for whoever finds it.
ANYBODY = "*"
#: The ref inside a bundle that names its manifest commit.
MANIFEST_REF = "refs/gitsync/manifest"
#: How many unacknowledged bundles a sender remembers for each recipient.
REMEMBERED = 100


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One ref as the sender has it. ``old`` is what the recipient is known to hold, None for
    nothing; ``new`` None says that the ref is gone."""

    ref: str
    new: Oid | None
    old: Oid | None


@frozen
class Ack:
    """The signer of a manifest has imported the bundle ``sequence`` of ``domain``, which its
    manifest's id tells from any other of that number, and holds all of it but the refs ``lacks``.
    """

    domain: str
    sequence: int
    manifest: Oid
    lacks: tuple[str, ...] = ()


@frozen
class Manifest:
    """Everything that the signed manifest of a bundle states (docs/reference/bundles.md).

    ``basis`` is the sequence number that the recipient had acknowledged, 0 for none.
    ``number`` and ``common`` are the sender's verified position, ``at`` its clock in seconds.
    ``needs`` are the commits that the recipient must have, ``vector`` the highest number that the
    sender has seen of each domain.
    """

    ledger: Oid
    space: str
    sender: str
    recipient: str
    sequence: int
    basis: int
    number: int
    common: Oid
    at: int
    needs: tuple[Oid, ...] = ()
    vector: tuple[tuple[str, int], ...] = ()
    acks: tuple[Ack, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether it can be read by somebody who has nothing yet."""
        return not self.needs

    def refs(self) -> dict[str, Oid]:
        """The refs that the bundle's own header has to list, but for the manifest's."""
        listed = {"HEAD": self.common, space_branch(self.space): self.common}
        return listed | {one.ref: one.new for one in self.changes if one.new is not None}

    def is_for(self, domain: str) -> bool:
        """Whether ``domain`` may take it for its own."""
        return self.recipient in (domain, ANYBODY)


@frozen
class Holding:
    """What somebody holds of a ledger: refs by name, and the space's tags up to ``number``, which
    are not listed one by one."""

    number: int = 0
    refs: Mapping[str, Oid] = field(default_factory=lambda: MappingProxyType({}))

    def without(self, refs: Iterable[str]) -> Holding:
        """The same without some refs."""
        gone = set(refs)
        return Holding(self.number, {k: v for k, v in self.refs.items() if k not in gone})


@frozen
class Sent:
    """A bundle that was written: its number, its manifest, and what the recipient will hold."""

    sequence: int
    manifest: Oid
    holding: Holding


@frozen
class Peer:
    """What is known of one other domain.

    ``sequence`` is the last number of a bundle of ours for it; ``acked`` what it has acknowledged;
    ``sent`` what it has not, oldest first. ``received`` is its newest bundle that was imported
    here, ``told`` what of that it was told in a bundle.
    """

    domain: str
    sequence: int = 0
    acked: Sent | None = None
    sent: tuple[Sent, ...] = ()
    received: Ack | None = None
    told: Ack | None = None

    def with_sent(self, sent: Sent) -> Peer:
        """The same after a bundle was written: what it holds is not acknowledged yet."""
        kept = (*self.sent, sent)[-REMEMBERED:]
        sequence = max(self.sequence, sent.sequence)
        return replace(self, sequence=sequence, sent=kept, told=self.received)

    def with_ack(self, ack: Ack, others: Iterable[Sent] = ()) -> Peer:
        """The same after the peer's signed word about the bundle ``ack.sequence``.

        ``others`` are bundles for anybody, of which the peer may have taken one. An older word
        changes nothing. One about a bundle that is not remembered here, because this clone was set
        up again, only keeps its number from being given out a second time.
        """
        kept = replace(self, sequence=max(self.sequence, ack.sequence))
        if self.acked is not None and self.acked.sequence >= ack.sequence:
            return kept
        for one in (*self.sent, *others):
            if (one.sequence, one.manifest) == (ack.sequence, ack.manifest):
                acked = replace(one, holding=one.holding.without(ack.lacks))
                later = tuple(sent for sent in self.sent if sent.sequence > ack.sequence)
                return replace(kept, acked=acked, sent=later)
        return kept

    def with_stated(self, manifest: Manifest, ident: Oid) -> Peer:
        """The same after the peer's signed word about what it holds itself: its own bundle."""
        known = self.acked or Sent(0, ident, Holding())
        refs = {**known.holding.refs}
        for change in manifest.changes:
            if change.new is None:
                refs.pop(change.ref, None)
            elif not change.ref.startswith(f"refs/tags/{manifest.space}@"):
                refs[change.ref] = change.new
        number = max(known.holding.number, manifest.number)
        return replace(self, acked=replace(known, holding=Holding(number, refs)))

    def with_received(self, received: Ack) -> Peer:
        """The same after one of the peer's bundles was imported; an older one changes nothing."""
        if self.received is not None and self.received.sequence > received.sequence:
            return self
        return replace(self, received=received)


def difference(
    held: Mapping[str, Oid], number: int, basis: Holding | None, space: str
) -> tuple[Change, ...]:
    """What has changed between ``basis`` (None: nothing is known to be there) and ``held``, sorted.

    ``held`` holds every ref with the space's tags up to ``number``.
    """
    before = basis or Holding()
    found = []
    tags = position_tag(space, 0)[:-1]
    for ref, oid in held.items():
        if ref.startswith(tags):
            position = parse_position(ref.removeprefix("refs/tags/"))
            if position is not None and before.number < position[1] <= number:
                found.append(Change(ref, oid, None))
        elif before.refs.get(ref) != oid:
            found.append(Change(ref, oid, before.refs.get(ref)))
    found += [Change(ref, None, oid) for ref, oid in before.refs.items() if ref not in held]
    return tuple(sorted(found, key=lambda one: one.ref))


def holding_of(held: Mapping[str, Oid], number: int, space: str) -> Holding:
    """What is held, in the short form: the space's tags by the highest number."""
    tags = f"refs/tags/{space}@"
    return Holding(number, {ref: oid for ref, oid in held.items() if not ref.startswith(tags)})


def vector_of(refs: Iterable[str], space: str, number: int) -> tuple[tuple[str, int], ...]:
    """The highest number seen of each domain, sorted by domain."""
    seen = {space: number} if number else {}
    tags = position_tag(space, 0)[:-1]
    for ref in refs:
        if ref.startswith(tags) or not ref.startswith("refs/tags/"):
            continue
        position = parse_position(ref.removeprefix("refs/tags/"))
        if position is not None and ref == position_tag(*position) and position[0] != space:
            seen[position[0]] = max(position[1], seen.get(position[0], 0))
    return tuple(sorted(seen.items()))


class Order(Enum):
    """What to do with a bundle that has arrived."""

    TAKE = "take"  # everything that it needs is here
    HOLD = "hold"  # an earlier one has to come first
    RELAY = "relay"  # it is for somebody else


def order(manifest: Manifest, me: str, missing: Iterable[Oid]) -> Order:
    """What a bundle's place in its sender's sequence means here.

    ``missing`` are the commits that it needs and that are not here. Numbers decide nothing by
    themselves: whoever has what an increment builds on may take it, whichever way that came.
    """
    if not manifest.is_for(me):
        return Order.RELAY
    return Order.HOLD if list(missing) else Order.TAKE


def awaited(manifest: Manifest, received: Ack | None) -> int | None:
    """The number of the earliest bundle that would let a held one be taken; None if no number can
    tell, and only a complete bundle helps."""
    last = received.sequence if received is not None else 0
    return manifest.basis if manifest.basis > last else None


class Fate(Enum):
    """What becomes of one ref of a bundle."""

    NEW = "new"
    SAME = "same"
    OLDER = "older"
    ANSWERED = "answered"
    REFUSED = "refused"
    GONE = "gone"


@frozen
class Verdict:
    """One ref of a bundle, what becomes of it, and the rule and reason where it is refused."""

    change: Change
    fate: Fate
    code: str = ""
    why: str = ""
