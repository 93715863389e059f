"""Who stands behind which key: the roster of a ledger (a set of names for every key).

A key stands for exactly one person. Thresholds count people, so two keys of one person count once,
and a key made for an agent or a further clone (``alice.agent1``) does not approve for its human.
"""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, NoReturn

from gitsync.domain.errors import FormatError, UsageError, Where
from gitsync.domain.frozen import frozen
from gitsync.domain.names import check_domain, person_of

if TYPE_CHECKING:
    from collections.abc import Iterable

ED25519 = "ssh-ed25519"


@frozen
class PublicKey:
    """An SSH public key. ``blob`` is its wire form, as signatures carry it; it alone is identity.

    ``kind`` is the key type inside the blob, ``comment`` free text that proves nothing.
    """

    kind: str
    blob: bytes
    comment: str = field(default="", compare=False)

    @property
    def fingerprint(self) -> str:
        """``SHA256:`` and unpadded base64, as ``ssh-keygen -l`` prints it."""
        return "SHA256:" + b64encode(sha256(self.blob).digest()).rstrip(b"=").decode("ascii")

    @property
    def is_ed25519(self) -> bool:
        """Whether this is a plain Ed25519 key, the only kind that gitsync handles in process."""
        return self.kind == ED25519


@frozen
class RosterEntry:
    """One line of a roster: the names that ``key`` may write as. ``where`` is for messages only."""

    names: tuple[str, ...]
    key: PublicKey
    where: Where | None = field(default=None, compare=False)

    @property
    def person(self) -> str:
        """The one person behind all names of this entry."""
        return person_of(self.names[0])


@dataclass(frozen=True, slots=True, init=False)
class Roster:
    """All entries in file order, with look-up by key blob in constant time.

    Construction raises FormatError: ``roster.empty``, ``roster.no-names``, ``roster.name``,
    ``roster.duplicate-name``, ``roster.key-of-two-people``, ``roster.duplicate-key``.
    """

    entries: tuple[RosterEntry, ...]
    _by_blob: dict[bytes, RosterEntry] = field(repr=False, compare=False)
    _by_name: dict[str, tuple[PublicKey, ...]] = field(repr=False, compare=False)

    def __init__(self, entries: Iterable[RosterEntry]) -> None:
        kept = tuple(entries)
        if not kept:
            raise FormatError(
                "roster.empty",
                "the roster names nobody, so no signature could count",
                hint="restore .gitsync/allowed_signers from a snapshot that has it",
            )
        by_blob: dict[bytes, RosterEntry] = {}
        by_name: dict[str, tuple[PublicKey, ...]] = {}
        for entry in kept:
            _check_names(entry)
            earlier = by_blob.setdefault(entry.key.blob, entry)
            if earlier is not entry:
                _refuse_second_line(earlier, entry)
            for name in entry.names:
                by_name[name] = (*by_name.get(name, ()), entry.key)
        object.__setattr__(self, "entries", kept)
        object.__setattr__(self, "_by_blob", by_blob)
        object.__setattr__(self, "_by_name", by_name)

    def key(self, blob: bytes) -> RosterEntry | None:
        """The entry of the key with this wire blob, or None for a stranger's."""
        return self._by_blob.get(blob)

    def person(self, blob: bytes) -> str | None:
        """The person who stands behind this key, or None."""
        entry = self._by_blob.get(blob)
        return entry.person if entry else None

    def counts_for(self, blob: bytes) -> str | None:
        """The person whose place in a threshold this key may fill, or None.

        Only a key whose entry lists the person's bare name does: an agent's or a further clone's
        own key does not approve for its human.
        """
        entry = self._by_blob.get(blob)
        return entry.person if entry and entry.person in entry.names else None

    def names(self) -> tuple[str, ...]:
        """All domain names, sorted."""
        return tuple(sorted(self._by_name))

    def people(self) -> tuple[str, ...]:
        """All people behind the names, sorted; whether one of their keys counts or not."""
        return tuple(sorted({entry.person for entry in self.entries}))

    def keys_of(self, name: str) -> tuple[PublicKey, ...]:
        """The keys that may write as exactly this name, in file order; none for an unknown name."""
        return self._by_name.get(name, ())


def _check_names(entry: RosterEntry) -> None:
    if not entry.names:
        raise FormatError("roster.no-names", "a key on the roster has no name", where=entry.where)
    for name in entry.names:
        try:
            check_domain(name)
        except UsageError as error:
            raise FormatError(
                "roster.name", error.message, hint=error.hint, where=entry.where
            ) from None
    if len(set(entry.names)) != len(entry.names):
        raise FormatError(
            "roster.duplicate-name", "one line lists the same name twice", where=entry.where
        )
    if len(entry.names) > 1:
        people = sorted({person_of(name) for name in entry.names})
        if len(people) > 1:
            _refuse_two_people(people, entry)


def _refuse_second_line(earlier: RosterEntry, entry: RosterEntry) -> NoReturn:
    if earlier.person != entry.person:
        _refuse_two_people([earlier.person, entry.person], entry)
    raise FormatError(
        "roster.duplicate-key",
        f"the key {entry.key.fingerprint} of {entry.person} is listed twice",
        hint="put all its names on one line: NAME,NAME",
        where=entry.where,
    )


def _refuse_two_people(people: list[str], entry: RosterEntry) -> NoReturn:
    raise FormatError(
        "roster.key-of-two-people",
        f"the key {entry.key.fingerprint} is given to {' and '.join(people)}: a key stands for one",
        hint="give each person a key of their own",
        where=entry.where,
    )
