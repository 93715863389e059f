"""What happened in a world, in the order in which the home saw it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.domain.objects import Oid
    from gitsync.services.refview import RefView


@dataclass(frozen=True)
class Seen:
    """What a node saw of the home, when by the true time, and a number of its own."""

    view: RefView | None
    at: float
    number: int


NOTHING_SEEN = Seen(None, 0.0, 0)


@dataclass(frozen=True)
class Looked:
    """A node has read the home, or a copy of it that is behind."""

    at: float
    who: str
    seen: Seen

    def __str__(self) -> str:
        return f"looked {self.who}"


@dataclass(frozen=True)
class Moved:
    """A push that the home took: ``moved`` maps refs to (old, new). It was made of what the pusher
    had ``seen``; ``torn``: the home was killed in the middle, and only a part of it moved."""

    at: float
    who: str
    moved: Mapping[str, tuple[Oid | None, Oid | None]]
    seen: Seen
    torn: bool = False

    def __str__(self) -> str:
        refs = " ".join(f"{ref}={new or '-'}" for ref, (_, new) in sorted(self.moved.items()))
        return f"moved {self.who} {refs}"


@dataclass(frozen=True)
class Claimed:
    """Somebody was told that a lease is theirs, or was theirs already."""

    at: float
    who: str
    token: int
    nonce: str

    def __str__(self) -> str:
        return f"claimed {self.who} {self.token} {self.nonce}"


@dataclass(frozen=True)
class Stored:
    """A node stored a verified position."""

    at: float
    who: str
    number: int
    commit: Oid

    def __str__(self) -> str:
        return f"stored {self.who} {self.number} {self.commit}"


@dataclass(frozen=True)
class Said:
    """How an operation ended, in a word: ``ok``, or an error's code."""

    at: float
    who: str
    verb: str
    word: str

    def __str__(self) -> str:
        return f"said {self.who} {self.verb} {self.word}"


@dataclass(frozen=True)
class Calm:
    """From here on nothing goes wrong any more."""

    at: float

    def __str__(self) -> str:
        return "calm"


Event = Looked | Moved | Claimed | Stored | Said | Calm


@dataclass
class History:
    """The events of one run, and the refs of the home as they were in the end."""

    events: list[Event] = field(default_factory=list)
    refs: dict[str, Oid] = field(default_factory=dict)

    def hash(self) -> str:
        """One number for all that happened: equal for equal runs, wherever they ran."""
        digest = hashlib.sha256()
        for event in self.events:
            digest.update(f"{event.at:.0f} {event}\n".encode())
        for ref, oid in sorted(self.refs.items()):
            digest.update(f"{ref} {oid}\n".encode())
        return digest.hexdigest()
