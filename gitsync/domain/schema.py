"""The schema of a space: artifact types, their states, and the moves between states."""

from __future__ import annotations

from dataclasses import field, replace
from typing import TYPE_CHECKING

from gitsync.domain.artifacttype import ArtifactType, Guard, Move, check_field, refuse
from gitsync.domain.frozen import frozen
from gitsync.domain.globs import compile_glob
from gitsync.domain.policy import Requirement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.domain.artifact import ArtifactChange, ArtifactHead

__all__ = ["MERGE_STRATEGIES", "ArtifactType", "Guard", "Move", "Schema", "Violation"]

MERGE_STRATEGIES = frozenset({"scalar", "set", "list", "counter", "max", "min", "state", "text"})


@frozen
class Violation:
    """Why a change may not land. ``code`` is stable; ``hint`` says what would be allowed, and
    ``ways`` are the moves that it speaks of."""

    code: str
    message: str
    path: str
    hint: str | None = None
    ways: tuple[Move, ...] = ()


@frozen
class Schema:
    """All types of a space and the names of the fields that carry meaning.

    ``type_field`` None: types are told by path alone. ``merge`` maps a field to its merge
    strategy, ``order`` is the canonical order of fields. ``owner_field`` says whose an artifact
    is. ``unique_ids``: no two files may come to have one id. Raises FormatError ``schema.*``.
    """

    version: int
    id_field: str
    type_field: str | None
    status_field: str
    title_field: str
    types: Mapping[str, ArtifactType]
    merge: Mapping[str, str] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    owner_field: str = "owner"
    unique_ids: bool = False

    def __post_init__(self) -> None:
        if self.version < 1:
            raise refuse("schema.version", "a schema's version is 1 or more", "version")
        for place in ("id", "type", "status", "title", "owner"):
            name = getattr(self, f"{place}_field")
            if name is not None:
                check_field(name, place)
        for name in (*self.merge, *self.order):
            check_field(name, "merge" if name in self.merge else "order")
        for name, strategy in self.merge.items():
            if strategy not in MERGE_STRATEGIES:
                raise refuse(
                    "schema.merge",
                    f"{strategy[:40]!r} is not a merge strategy",
                    f"merge.{name}",
                    f"known: {', '.join(sorted(MERGE_STRATEGIES))}",
                )
        if not self.types:
            raise refuse("schema.no-types", "a schema needs at least one type", "types")
        for name, kind in self.types.items():
            if name != kind.name:
                raise refuse("schema.type", f"the type {kind.name} goes by {name!r}", "types")
            if self.type_field is None and not kind.paths:
                raise refuse("schema.paths", "without a type field, each type needs paths",
                              f"types.{name}")  # fmt: skip

    @property
    def roles(self) -> frozenset[str]:
        """The roles that transitions and newcomers ask for; the policy must have them."""
        moves = (move for kind in self.types.values() for move in kind.transitions)
        guards = (guard for kind in self.types.values() for guard in (kind.adopt, kind.enter))
        return frozenset(one.role for one in (*moves, *guards) if one is not None and one.role)

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

    def place(self, name: str) -> int:
        """Where a field stands in the canonical order; those that it does not name come last."""
        try:
            return self.order.index(name)
        except ValueError:
            return len(self.order)

    def field_value(self, kind: ArtifactType, name: str, text: str) -> str | tuple[str, ...]:
        """A value as typed for a field: with commas between items where the field is a list."""
        link = kind.links.get(name)
        listed = self.merge.get(name) in {"set", "list"}
        if link is not None:
            listed = link.shape == "list" or (listed and link.shape == "paths")
        if not listed:
            return text
        # People write [a, b] too, as it stands in the file; a Markdown link only begins so.
        inner = text[1:-1] if text.startswith("[") and text.endswith("]") else text
        return tuple(part.strip() for part in inner.split(",") if part.strip())

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
        is a transition from that, or an adoption; vanishing is one back to it or, where none is
        declared, needs the roles that guard the ways into the state.
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
    return (Violation("schema.state", f"{kind.one} cannot have {words}", change.path, hint),)


def _appear(
    change: ArtifactChange, kind: ArtifactType, after: ArtifactHead, id_field: str
) -> Findings:
    missing = list(kind.lacking(after.missing, after.status))
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
    if kind.enter is not None:
        found += _guarded(change, f"a new {kind.name}", kind.enter)
    found += _enter(change, kind, after.status)
    return tuple(found)


def _enter(change: ArtifactChange, kind: ArtifactType, status: str | None) -> Findings:
    """An artifact that comes from no state of its type."""
    wrong = _illegal_state(change, kind, status)
    if wrong or not kind.states or status is None or kind.initial in {None, status}:
        return wrong
    initial = kind.initial or ""
    if kind.adopt is not None and kind.move(initial, status) is None:
        return _guarded(change, f"adopting {kind.name} at {status}", kind.adopt)
    return _step(change, kind, initial, status)


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
    ways = kind.ways(before)
    hint = f"from {before} {kind.one} can go to" + ("" if ways else ": nothing")
    message = f"{kind.one} cannot go {before} -> {after}"
    return (Violation("schema.transition", message, change.path, hint, ways),)


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
    guard = Guard(move.role, move.proposer_counts)
    return _guarded(change, f"transition {kind.name} {move}", guard)


def _guarded(change: ArtifactChange, rule: str, guard: Guard) -> tuple[Requirement, ...]:
    return (Requirement(rule, guard.role, guard.proposer_counts, (change.path,)),)
