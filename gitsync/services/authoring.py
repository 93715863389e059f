"""``new`` and ``state``: artifacts as people begin them and move them on, in the work tree."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.codec import frontmatter
from gitsync.codec.frontmatter_head import head as read_head
from gitsync.domain import numbering
from gitsync.domain.artifact import ID_RANDOM_BYTES, ArtifactChange, ArtifactHead, new_id, new_path
from gitsync.domain.errors import BugError, GitsyncError, RefusedError, UsageError, Where
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.changes import violated
from gitsync.domain.ledger.content import shell_word
from gitsync.domain.merge.trees import entry_at
from gitsync.domain.objects import Oid
from gitsync.domain.schema import Violation
from gitsync.services.artifacts import Artifact, listing, show, tree_files
from gitsync.storage.batchfiles import sweep
from gitsync.storage.durable import make_folder, write_atomic, write_new

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.codec.frontmatter_edit import FieldValue
    from gitsync.domain.policy import Policy, Requirement
    from gitsync.domain.schema import ArtifactType, Schema
    from gitsync.services.workspace import Workspace

TODAY = "{today}"


@frozen
class Created:
    """A new artifact on disk, in nothing else yet."""

    id: str
    path: str


def create(ws: Workspace, kind: str, title: str, values: Mapping[str, str]) -> Created:
    """Write a new artifact from its type's template.

    Raises UsageError ``artifact.type`` for an unknown type, ``artifact.field`` for a field that
    the tool sets itself. The file appears whole or not at all, and never replaces one.
    """
    settings = ws.settings()
    schema = settings.schema
    known = schema.types.get(kind)
    if known is None:
        raise UsageError(
            "artifact.type", f"there is no artifact type {kind!r} here",
            hint=f"the type comes first: gitsync new {title} {shell_word(kind)}"
            if title in schema.types else "types: " + ", ".join(sorted(schema.types)),
        )  # fmt: skip
    if not title.strip():
        raise UsageError(
            "artifact.title", "an artifact needs a title", hint=f'gitsync new {kind} "Title"'
        )
    fields = _fields(ws, schema, known, title, values)
    ident = _free_id(ws, known)
    whole = {schema.id_field: numbering.as_field(ident), **fields}
    ordered = {name: whole[name] for name in sorted(whole, key=schema.place)}
    dated = [name for name, value in known.defaults.items() if value == TODAY]
    raw = frontmatter.compose(ordered, _template(ws, kind, title), dated)
    path = new_path(known.folder, ident, title, known.file)
    target = ws.work_tree().root / path
    make_folder(target.parent)
    sweep(target.parent)
    write_new(target, raw)
    return Created(ident, path)


def _free_id(ws: Workspace, kind: ArtifactType) -> str:
    """An id that neither the files here nor ``common`` have.

    A number may be taken elsewhere meanwhile: the later proposal is refused then, where a random
    id would not have met another one.
    """
    here = {one.head.id for one in listing(ws) if one.head.id}
    if kind.numbered:
        there = {one.head.id for one in listing(ws, ws.space) if one.head.id}
        return numbering.next_number(here | there, kind.numbered)
    while True:
        ident = new_id(kind.prefix, ws.host.random(ID_RANDOM_BYTES))
        if ident not in here:
            return ident


def _fields(
    ws: Workspace, schema: Schema, kind: ArtifactType, title: str, values: Mapping[str, str]
) -> dict[str, FieldValue]:
    fields: dict[str, FieldValue] = {}
    if schema.type_field is not None:
        fields[schema.type_field] = kind.name
    fields[schema.title_field] = " ".join(title.split())
    if kind.initial is not None:
        fields[schema.status_field] = kind.initial
    fields[schema.owner_field] = ws.me()
    fields |= {name: _filled(ws, value) for name, value in kind.defaults.items()}
    for name, value in values.items():
        if name == schema.id_field:
            raise UsageError("artifact.field", f"{name} is given by the tool: ids must not collide")
        fields[name] = schema.field_value(kind, name, value)
    status = fields.get(schema.status_field)
    if kind.states and status is not None and status not in kind.states:
        raise UsageError(
            "artifact.field", f"{kind.one} cannot have the status {str(status)[:60]!r}",
            hint="states: " + ", ".join(kind.states),
        )  # fmt: skip
    missing = [name for name in kind.required if not fields.get(name)]
    if missing:
        raise UsageError(
            "artifact.field", f"{kind.one} needs {', '.join(missing)}",
            hint=" ".join(f"--set {name}=..." for name in missing),
        )  # fmt: skip
    return fields


def _filled(ws: Workspace, value: str | tuple[str, ...]) -> FieldValue:
    if not isinstance(value, str):
        return value
    today = time.strftime("%Y-%m-%d", time.gmtime(ws.host.now()))
    return value.replace(TODAY, today).replace("{me}", ws.me())


def _template(ws: Workspace, kind: str, title: str) -> bytes:
    path = f".gitsync/templates/{kind}.md"
    entry = entry_at(ws.facts, ws.state().tree, path.encode())
    text = ws.facts.blob(Oid(entry[1].hex())) if entry is not None else b"\n"
    return text.replace(b"{title}", " ".join(title.split()).encode())


@frozen
class StateChange:
    """What ``state`` did: the artifact as it is now, and whose consent landing it will take.

    ``before`` is the status that the file had; ``changed`` is False when it had this one already.
    """

    artifact: Artifact
    before: str | None
    changed: bool
    needs: tuple[Requirement, ...]


def set_state(ws: Workspace, text: str, status: str) -> StateChange:
    """Put an artifact of the work tree into another state; no other byte of its file changes.

    Asked first is what the witness will be asked: the way from the state in ``common``. Raises
    RefusedError ``schema.state`` or ``schema.transition``, which name what is possible, or
    ``artifact.no-states``; nothing was written then.
    """
    found = _meant(ws, text, status)
    needs = may_become(ws, found, status)
    artifact = rewrite(ws, found, {ws.settings().schema.status_field: status})
    return StateChange(artifact, found.head.status, artifact.raw != found.raw, needs)


def _meant(ws: Workspace, text: str, status: str) -> Artifact:
    try:
        return show(ws, text)
    except UsageError as error:
        turned = any(text in kind.states for kind in ws.settings().schema.types.values())
        if error.code != "artifact.unknown" or not turned:
            raise
        raise UsageError(
            error.code, error.message,
            hint=f"the id comes first: gitsync state {shell_word(status)} {shell_word(text)}",
        ) from None  # fmt: skip


def may_become(ws: Workspace, found: Artifact, status: str) -> tuple[Requirement, ...]:
    """Whose consent another state takes. Raises as :func:`set_state` does."""
    settings = ws.settings()
    schema, policy = settings.schema, settings.policy
    kind = schema.types.get(found.head.type or "")
    if kind is None or not kind.states or found.problem:
        raise RefusedError(
            "artifact.no-states",
            found.problem or f"{found.path} is of no type that has states",
            hint=f"types: {', '.join(schema.types)}", where=Where(found.path),
        )  # fmt: skip
    if status not in kind.states:
        raise RefusedError(
            "schema.state", f"{kind.one} cannot have the status {status!r}",
            hint=_ways(policy, kind, found.head.status),
        )  # fmt: skip
    before = _in_common(ws, schema, found)
    change = ArtifactChange(found.path, before, replace(found.head, status=status))
    needs: list[Requirement] = list(policy.requirements([schema.typed(change)]))
    for item in schema.check(change):
        if isinstance(item, Violation):
            raise violated(item, policy)
        needs.append(item)
    return tuple(needs)


def rewrite(ws: Workspace, found: Artifact, edits: Mapping[str, FieldValue]) -> Artifact:
    """Set fields of an artifact's file; no other byte of it changes, and it is read back.

    Raises RefusedError ``artifact.plain`` for a file without front matter.
    """
    schema = ws.settings().schema
    raw = found.raw
    for name, value in edits.items():
        document = frontmatter.parse(raw, found.path)
        if document is None:
            raise RefusedError(
                "artifact.plain", f"{found.path} has no front matter", where=Where(found.path)
            )
        raw = document.with_field(name, value)
    if raw != found.raw:
        target = ws.work_tree().root / found.path
        sweep(target.parent)
        write_atomic(target, raw)
        if target.read_bytes() != raw:
            raise BugError("state.not-written", f"{found.path} does not read back as written")
    return Artifact(found.path, read_head(raw, schema, found.path) or found.head, raw)


def _ways(policy: Policy, kind: ArtifactType, status: str | None) -> str:
    """Where an artifact can go from its state, or every state where it has none."""
    ways = kind.ways(status or "")
    if not ways:
        return kind.known
    said = "; ".join(policy.who(way.role, way.after) for way in ways)
    return f"from {status} {kind.one} can go to: {said}"


def _in_common(ws: Workspace, schema: Schema, found: Artifact) -> ArtifactHead | None:
    """The artifact's head in ``common``, None when it is new."""
    tree = ws.state().tree
    entry = entry_at(ws.facts, tree, found.path.encode("utf-8", "surrogateescape"))
    if entry is not None:
        head = _read(ws.facts.blob(Oid(entry[1].hex())), schema, found.path)
        if head is not None and head.id == found.head.id:
            return head
    wanted = (found.head.id or "").encode()
    for path, raw in tree_files(ws.facts, tree):
        if wanted in raw:
            head = _read(raw, schema, path)
            if head is not None and head.id == found.head.id:
                return head
    return None


def _read(raw: bytes, schema: Schema, path: str) -> ArtifactHead | None:
    try:
        return read_head(raw, schema, path)
    except GitsyncError:
        return None
