"""The schema of a space: artifact types, their states, and the moves between states."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from gitsync.domain.artifact import ArtifactChange, ArtifactHead, check_prefix
from gitsync.domain.errors import FormatError, UsageError, Where
from gitsync.domain.globs import compile_glob
from gitsync.domain.policy import Requirement

if TYPE_CHECKING:
    from collections.abc import Mapping

MERGE_STRATEGIES = frozenset({"scalar", "set", "list", "counter", "max", "min", "state", "text"})

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_FIELD = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_ .-]{0,126}[A-Za-z0-9_.-])?")
_STATE = re.compile(r"[^\W_](?:[\w ./()-]{0,62}[\w)])?")
_FOLDER_PART = re.compile(r"[\w][\w .-]{0,99}")


def _refuse(code: str, message: str, place: str, hint: str | None = None) -> FormatError:
    return FormatError(code, message, hint=hint, where=Where(field=place))


@dataclass(frozen=True, slots=True)
class Violation:
    """Why a change may not land. ``code`` is stable; ``hint`` says what would be allowed."""

    code: str
    message: str
    path: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Move:
    """A declared transition; with equal ends, any edit of an artifact that stays in the state."""

    before: str
    after: str
    role: str | None = None
    proposer_counts: bool = False

    def __str__(self) -> str:
        return f"{self.before} -> {self.after}"


@dataclass(frozen=True, slots=True)
class ArtifactType:
    """One type of artifact. Raises FormatError ``schema.*`` where its parts do not fit.

    ``prefix`` begins new ids, ``folder`` takes new files, ``paths`` tell the type of a file that
    does not name it. No ``states``: any status will do.
    """

    name: str
    prefix: str
    folder: str = ""
    paths: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    initial: str | None = None
    transitions: tuple[Move, ...] = ()
    required: tuple[str, ...] = ()
    links: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        place = f"types.{self.name[:40]}"
        if not _NAME.fullmatch(self.name):
            raise _refuse("schema.type", f"{self.name[:40]!r} cannot name a type", "types")
        try:
            check_prefix(self.prefix)
        except UsageError as error:
            raise _refuse("schema.prefix", error.message, f"{place}.prefix", error.hint) from None
        if self.folder and not all(map(_FOLDER_PART.fullmatch, self.folder.split("/"))):
            raise _refuse("schema.folder", f"{self.folder[:80]!r} is not a folder of this space",
                          f"{place}.folder", "write it like: plans or docs/plans")  # fmt: skip
        for pattern in self.paths:
            compile_glob(pattern)
        for name in (*self.required, *self.links):
            _check_field(name, place)
        self._check_states(place)

    def _check_states(self, place: str) -> None:
        for state in self.states:
            if not _STATE.fullmatch(state):
                raise _refuse("schema.state", f"{state[:60]!r} cannot name a state",
                              f"{place}.states")  # fmt: skip
        if len(set(self.states)) != len(self.states):
            raise _refuse("schema.state", "a state is listed twice", f"{place}.states")
        if self.initial not in (self.states or (None,)):
            raise _refuse("schema.initial", "the initial state must be one of the states",
                          f"{place}.initial", self._known())  # fmt: skip
        seen: set[tuple[str, str]] = set()
        for move in self.transitions:
            for state in (move.before, move.after):
                if state not in self.states:
                    raise _refuse("schema.unknown-state", f"{state[:60]!r} is not a state",
                                  f"{place}.transitions", self._known())  # fmt: skip
            if (move.before, move.after) in seen:
                raise _refuse("schema.duplicate-transition", f"{move} is declared twice",
                              f"{place}.transitions")  # fmt: skip
            seen.add((move.before, move.after))

    def _known(self) -> str:
        return f"states: {', '.join(self.states) or 'none'}"

    def move(self, before: str, after: str) -> Move | None:
        """The declared transition between two states, None if there is none."""
        for move in self.transitions:
            if move.before == before and move.after == after:
                return move
        return None

    def reachable(self, state: str) -> tuple[str, ...]:
        """The states that one transition leads to."""
        return tuple(m.after for m in self.transitions if m.before == state and m.after != state)


def _check_field(name: str, place: str) -> None:
    if not _FIELD.fullmatch(name):
        raise _refuse("schema.field", f"{name[:60]!r} cannot name a field", place)


@dataclass(frozen=True, slots=True)
class Schema:
    """All types of a space and the names of the fields that carry meaning.

    ``type_field`` None: types are told by path alone. ``merge`` maps a field to its merge
    strategy, ``order`` is the canonical order of fields. Raises FormatError ``schema.*``.
    """

    version: int
    id_field: str
    type_field: str | None
    status_field: str
    title_field: str
    types: Mapping[str, ArtifactType]
    merge: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.version < 1:
            raise _refuse("schema.version", "a schema's version is 1 or more", "version")
        for place in ("id", "type", "status", "title"):
            name = getattr(self, f"{place}_field")
            if name is not None:
                _check_field(name, place)
        for name in (*self.merge, *self.order):
            _check_field(name, "merge" if name in self.merge else "order")
        for name, strategy in self.merge.items():
            if strategy not in MERGE_STRATEGIES:
                raise _refuse(
                    "schema.merge",
                    f"{strategy[:40]!r} is not a merge strategy",
                    f"merge.{name}",
                    f"known: {', '.join(sorted(MERGE_STRATEGIES))}",
                )
        if not self.types:
            raise _refuse("schema.no-types", "a schema needs at least one type", "types")
        for name, kind in self.types.items():
            if name != kind.name:
                raise _refuse("schema.type", f"the type {kind.name} goes by {name!r}", "types")
            if self.type_field is None and not kind.paths:
                raise _refuse("schema.paths", "without a type field, each type needs paths",
                              f"types.{name}")  # fmt: skip

    @property
    def roles(self) -> frozenset[str]:
        """The roles that transitions ask for; the policy must have them."""
        moves = (move for kind in self.types.values() for move in kind.transitions)
        return frozenset(move.role for move in moves if move.role is not None)

    def type_at(self, path: str) -> str | None:
        """The first type one of whose path patterns matches, None if there is none."""
        for kind in self.types.values():
            if any(compile_glob(pattern).matches(path) for pattern in kind.paths):
                return kind.name
        return None

    def required_fields(self, type_name: str | None) -> tuple[str, ...]:
        """The fields that a type requires; for None those of all types that paths can tell."""
        if type_name is not None:
            kind = self.types.get(type_name)
            return kind.required if kind is not None else ()
        kinds = [kind for kind in self.types.values() if kind.paths]
        return tuple(dict.fromkeys(name for kind in kinds for name in kind.required))

    def typed(self, change: ArtifactChange) -> ArtifactChange:
        """The change with the types that only its paths tell filled in, for policy rules."""
        before = self._with_type(change.before, change.old_path or change.path)
        return replace(change, before=before, after=self._with_type(change.after, change.path))

    def _with_type(self, head: ArtifactHead | None, path: str) -> ArtifactHead | None:
        if head is None or head.type is not None:
            return head
        return replace(head, type=self.type_at(path))

    def check(self, change: ArtifactChange) -> tuple[Violation | Requirement, ...]:
        """What the schema says to one changed file: refusals, and roles that must agree.

        Nothing for types that it does not know. Appearing in another state than the initial one
        is a transition from that; vanishing is one back to it or, where none is declared, needs
        the roles that guard the ways into the state.
        """
        change = self.typed(change)
        before, after = change.before, change.after
        old = self._type(before)
        new = self._type(after)
        if before is not None and old is not None:
            if after is None:
                return _vanish(change, old, before)
            changed = _identity(change, old, new, before, after)
            if changed:
                return changed
            if new is not None:
                return _moved(change, new, before, after)
        if after is not None and new is not None:
            return _appear(change, new, after, self.id_field)
        return ()

    def _type(self, head: ArtifactHead | None) -> ArtifactType | None:
        return self.types.get(head.type) if head is not None and head.type is not None else None


Findings = tuple[Violation | Requirement, ...]


def _identity(change: ArtifactChange, old: ArtifactType, new: ArtifactType | None,
              before: ArtifactHead, after: ArtifactHead) -> Findings:  # fmt: skip
    found: list[Violation] = []
    if before.id is not None and before.id != after.id:
        found.append(
            Violation(
                "schema.id-changed",
                f"the id {before.id!r} must stay; it became {after.id!r}",
                change.path,
                "make a new artifact instead of renaming an old one",
            )
        )
    if new is not old:
        what = after.type if after.type is not None else "none"
        found.append(
            Violation(
                "schema.type-changed",
                f"the type {old.name} must stay; it became {what!r}",
                change.path,
                "make a new artifact of the other type",
            )
        )
    return tuple(found)


def _illegal_state(change: ArtifactChange, kind: ArtifactType, status: str | None) -> Findings:
    if not kind.states or status in kind.states:
        return ()
    words = "no status" if status is None else f"the status {status!r}"
    hint = f"states of {kind.name}: {', '.join(kind.states)}"
    return (Violation("schema.state", f"a {kind.name} cannot have {words}", change.path, hint),)


def _appear(
    change: ArtifactChange, kind: ArtifactType, after: ArtifactHead, id_field: str
) -> Findings:
    missing = [name for name in kind.required if name in after.missing]
    if not after.id:
        missing.insert(0, id_field)
    found: list[Violation | Requirement] = [
        Violation(
            "schema.missing-field",
            f"a new {kind.name} needs the field {name!r}",
            change.path,
            f"add {name}: ... to its front matter",
        )
        for name in dict.fromkeys(missing)
    ]
    found += _enter(change, kind, after.status)
    return tuple(found)


def _enter(change: ArtifactChange, kind: ArtifactType, status: str | None) -> Findings:
    """An artifact that comes from no state of its type."""
    wrong = _illegal_state(change, kind, status)
    if wrong or not kind.states or status is None or kind.initial in {None, status}:
        return wrong
    return _step(change, kind, kind.initial or "", status)


def _moved(
    change: ArtifactChange, kind: ArtifactType, before: ArtifactHead, after: ArtifactHead
) -> Findings:
    if not kind.states:
        return ()
    if before.status == after.status:
        move = kind.move(after.status, after.status) if after.status is not None else None
        return _needs(change, kind, move)
    if before.status is None or before.status not in kind.states:
        return _enter(change, kind, after.status)
    wrong = _illegal_state(change, kind, after.status)
    if wrong or after.status is None:
        return wrong
    return _step(change, kind, before.status, after.status)


def _step(change: ArtifactChange, kind: ArtifactType, before: str, after: str) -> Findings:
    move = kind.move(before, after)
    if move is not None:
        return _needs(change, kind, move)
    ways = kind.reachable(before)
    hint = f"from {before} a {kind.name} can go to: {', '.join(ways) or 'nothing'}"
    message = f"a {kind.name} cannot go {before} -> {after}"
    return (Violation("schema.transition", message, change.path, hint),)


def _vanish(change: ArtifactChange, kind: ArtifactType, before: ArtifactHead) -> Findings:
    status = before.status
    if status is None or status == kind.initial or status not in kind.states:
        return ()
    back = kind.move(status, kind.initial or "")
    if back is not None:
        return _needs(change, kind, back)
    guards = {
        (move.role, move.proposer_counts): move
        for move in kind.transitions
        if move.after == status and move.role is not None
    }
    return tuple(need for move in guards.values() for need in _needs(change, kind, move))


def _needs(
    change: ArtifactChange, kind: ArtifactType, move: Move | None
) -> tuple[Requirement, ...]:
    if move is None or move.role is None:
        return ()
    rule = f"transition {kind.name} {move}"
    return (Requirement(rule, move.role, move.proposer_counts, (change.path,)),)
