"""One type of artifact: where its files lie, its states, the moves between them, its links."""

from __future__ import annotations

from dataclasses import field
from typing import TYPE_CHECKING

from gitsync.domain.artifact import check_prefix
from gitsync.domain.errors import FormatError, UsageError, Where
from gitsync.domain.frozen import frozen
from gitsync.domain.globs import compile_glob
from gitsync.domain.lateregex import late_regex

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.domain.links import Link

MAX_DIGITS = 9

_NAME = late_regex(r"[a-z][a-z0-9-]{0,39}")
_FIELD = late_regex(r"[A-Za-z0-9_](?:[A-Za-z0-9_ .-]{0,126}[A-Za-z0-9_.-])?")
_STATE = late_regex(r"[^\W_](?:[\w ./()-]{0,62}[\w)])?")
_FOLDER_PART = late_regex(r"[\w][\w .-]{0,99}")
_FILE = late_regex(r"(?:[\w .-]|\{id\}|\{slug\}){1,100}\.(?:md|markdown)")


def refuse(code: str, message: str, place: str, hint: str | None = None) -> FormatError:
    """An error at a place of the schema."""
    return FormatError(code, message, hint=hint, where=Where(field=place))


def check_field(name: str, place: str) -> None:
    """Raises FormatError ``schema.field`` where ``name`` cannot name a field."""
    if not _FIELD.fullmatch(name):
        raise refuse("schema.field", f"{name[:60]!r} cannot name a field", place)


@frozen
class Guard:
    """A role that must agree, and whether the proposer counts towards it."""

    role: str
    proposer_counts: bool = False


@frozen
class Move:
    """A declared transition; with equal ends, any edit of an artifact that stays in the state."""

    before: str
    after: str
    role: str | None = None
    proposer_counts: bool = False

    def __str__(self) -> str:
        return f"{self.before} -> {self.after}"


@frozen
class ArtifactType:
    """One type of artifact. Raises FormatError ``schema.*`` where its parts do not fit.

    ``prefix`` begins new ids, ``folder`` takes new files, ``paths`` tell the type of a file that
    does not name it. No ``states``: any status will do. ``numbered``: ids are numbers of at least
    so many digits, 0 for random ones. ``file`` is the form of a new file's name. ``done`` are the
    states in which nothing is left to do, ``started`` is the one of work in progress. ``sparse``
    are states that ask for no required field. ``adopt`` guards artifacts that appear in a state
    to which no single transition leads, ``enter`` all that appear. ``defaults`` are fields of a
    new artifact, in which ``{today}`` and ``{me}`` are the date and the domain.
    """

    name: str
    prefix: str
    folder: str = ""
    paths: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    initial: str | None = None
    transitions: tuple[Move, ...] = ()
    required: tuple[str, ...] = ()
    links: Mapping[str, Link] = field(default_factory=dict)
    numbered: int = 0
    file: str | None = None
    done: tuple[str, ...] = ()
    started: str | None = None
    sparse: tuple[str, ...] = ()
    adopt: Guard | None = None
    enter: Guard | None = None
    defaults: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        place = f"types.{self.name[:40]}"
        if not _NAME.fullmatch(self.name):
            raise refuse("schema.type", f"{self.name[:40]!r} cannot name a type", "types")
        try:
            check_prefix(self.prefix)
        except UsageError as error:
            raise refuse("schema.prefix", error.message, f"{place}.prefix", error.hint) from None
        if self.folder and not all(map(_FOLDER_PART.fullmatch, self.folder.split("/"))):
            raise refuse("schema.folder", f"{self.folder[:80]!r} is not a folder of this space",
                         f"{place}.folder", "write it like: plans or docs/plans")  # fmt: skip
        if not 0 <= self.numbered <= MAX_DIGITS:
            raise refuse("schema.numbered", f"numbers have 1 to {MAX_DIGITS} digits",
                         f"{place}.numbered")  # fmt: skip
        if self.file is not None and not ("{id}" in self.file and _FILE.fullmatch(self.file)):
            raise refuse("schema.file", f"{self.file[:80]!r} is not the form of a file's name",
                         f"{place}.file", 'write it like: "{id}-{slug}.md"')  # fmt: skip
        for pattern in self.paths:
            compile_glob(pattern)
        for name in (*self.required, *self.links, *self.defaults):
            check_field(name, place)
        self._check_states(place)
        self._check_transitions(place)

    def _check_states(self, place: str) -> None:
        for state in self.states:
            if not _STATE.fullmatch(state):
                raise refuse("schema.state", f"{state[:60]!r} cannot name a state",
                             f"{place}.states")  # fmt: skip
        if len(set(self.states)) != len(self.states):
            raise refuse("schema.state", "a state is listed twice", f"{place}.states")
        if self.initial not in (self.states or (None,)):
            raise refuse("schema.initial", "the initial state must be one of the states",
                         f"{place}.initial", self.known)  # fmt: skip
        started = () if self.started is None else (self.started,)
        for key, states in (("done", self.done), ("sparse", self.sparse), ("started", started)):
            for state in states:
                self._check_state(state, f"{place}.{key}")

    def _check_transitions(self, place: str) -> None:
        seen: set[tuple[str, str]] = set()
        for move in self.transitions:
            for state in (move.before, move.after):
                self._check_state(state, f"{place}.transitions")
            if (move.before, move.after) in seen:
                raise refuse("schema.duplicate-transition", f"{move} is declared twice",
                             f"{place}.transitions")  # fmt: skip
            seen.add((move.before, move.after))

    def _check_state(self, state: str, place: str) -> None:
        if state not in self.states:
            raise refuse("schema.unknown-state", f"{state[:60]!r} is not a state", place,
                         self.known)  # fmt: skip

    @property
    def known(self) -> str:
        """The states in the words of a hint."""
        return f"states: {', '.join(self.states) or 'none'}"

    @property
    def one(self) -> str:
        """The type with its article: ``a plan``, ``an eip``."""
        return f"{'an' if self.name[0] in 'aeiou' else 'a'} {self.name}"

    def move(self, before: str, after: str) -> Move | None:
        """The declared transition between two states, None if there is none."""
        for move in self.transitions:
            if move.before == before and move.after == after:
                return move
        return None

    def ways(self, state: str) -> tuple[Move, ...]:
        """The transitions that lead out of a state."""
        return tuple(m for m in self.transitions if m.before == state and m.after != state)

    def lacking(self, missing: tuple[str, ...], status: str | None) -> tuple[str, ...]:
        """Of the fields that are ``missing``, those that an artifact in this state must have."""
        if status is not None and status in self.sparse:
            return ()
        return tuple(name for name in self.required if name in missing)
