"""``.gitsync/schema.yaml``: the artifact types of a space as bytes, and back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gitsync.codec.policyfile import parse_arrow
from gitsync.codec.yamltext_typed import Reader, load_present
from gitsync.domain.artifacttype import ArtifactType, Guard, Move
from gitsync.domain.links import Link, plain_link
from gitsync.domain.schema import Schema

if TYPE_CHECKING:
    from gitsync.codec.yamltext import Path
    from gitsync.codec.yamltext_shapes import TypeShape


FILE = ".gitsync/schema.yaml"


def parse(data: bytes | None, file: str = FILE) -> Schema:
    """The schema in ``data``; None stands for a missing file.

    A transition may have ``*`` on either side: every other state, where no line names the pair.
    Raises FormatError ``schema.*`` (``empty``, ``unknown-field``, ``malformed``,
    ``unknown-state`` and others), ``glob.malformed`` or ``yaml.*``, with file, line and field.
    """
    from gitsync.codec import yamltext_shapes as shapes

    reader = load_present(data, file, "schema")
    raw = reader.typed(reader.loaded.value, shapes.SchemaShape, ())
    types = {name: _type(reader, name, value) for name, value in raw.types.items()}
    return reader.make(
        lambda: Schema(
            version=raw.version,
            id_field=raw.id,
            type_field=raw.type,
            status_field=raw.status,
            title_field=raw.title,
            types=types,
            merge=raw.merge,
            order=tuple(raw.order),
            owner_field=raw.owner,
            unique_ids=raw.unique_ids,
        ),
        (),
    )


def _type(reader: Reader, name: str, value: object) -> ArtifactType:
    from gitsync.codec import yamltext_shapes as shapes

    path = ("types", name)
    raw = reader.typed(value, shapes.TypeShape, path)
    initial = raw.initial or (raw.states[0] if raw.states else None)
    moves = _moves(reader, raw, (*path, "transitions"))
    links = _links(reader, raw, (*path, "links"))
    adopt = _guard(reader, raw.adopt, (*path, "adopt"))
    enter = _guard(reader, raw.enter, (*path, "enter"))
    return reader.make(
        lambda: ArtifactType(
            name=name,
            prefix=raw.prefix,
            folder=raw.folder,
            paths=tuple(raw.paths),
            states=tuple(raw.states),
            initial=initial,
            transitions=moves,
            required=tuple(raw.required),
            links=links,
            numbered=raw.numbered,
            file=raw.file,
            done=tuple(raw.done),
            started=raw.started,
            sparse=tuple(raw.sparse),
            adopt=adopt,
            enter=enter,
            defaults={
                key: value if isinstance(value, str) else tuple(value)
                for key, value in raw.defaults.items()
            },
        ),
        path,
    )


def _links(reader: Reader, raw: TypeShape, path: Path) -> dict[str, Link]:
    """Link fields: names alone, or each with its shape (a text) or shape and meaning."""
    from gitsync.codec import yamltext_shapes as shapes

    if isinstance(raw.links, list):
        return {name: plain_link(name) for name in raw.links}
    found: dict[str, Link] = {}
    for name, value in raw.links.items():
        place = (*path, name)
        if isinstance(value, str):
            given = shapes.LinkShape(value, plain_link(name).means)
        else:
            given = reader.typed(value, shapes.LinkShape, place)
        found[name] = reader.make(partial(Link, name, given.shape, given.means), place)
    return found


def _guard(reader: Reader, value: object, path: Path) -> Guard | None:
    from gitsync.codec import yamltext_shapes as shapes

    if value is None:
        return None
    if isinstance(value, str):
        return Guard(value)
    raw = reader.typed(value, shapes.GuardShape, path)
    return Guard(raw.role, raw.proposer_counts)


def _moves(reader: Reader, raw: TypeShape, path: Path) -> tuple[Move, ...]:
    exact: list[Move] = []
    wild: dict[tuple[str, str], Move] = {}
    for index, value in enumerate(raw.transitions):
        move = _move(reader, value, (*path, index))
        if "*" not in {move.before, move.after}:
            exact.append(move)
            continue
        for state in (move.before, move.after):
            if state not in {"*", *raw.states}:
                problem = f"{state[:60]!r} is not a state"
                raise reader.error("schema.unknown-state", problem, (*path, index),
                                   f"states: {', '.join(raw.states) or 'none'}")  # fmt: skip
        for before in raw.states if move.before == "*" else [move.before]:
            for after in raw.states if move.after == "*" else [move.after]:
                if before != after:
                    each = Move(before, after, move.role, move.proposer_counts)
                    wild.setdefault((before, after), each)
    named = {(move.before, move.after) for move in exact}
    return (*exact, *(move for pair, move in wild.items() if pair not in named))


def _move(reader: Reader, value: object, path: Path) -> Move:
    from gitsync.codec import yamltext_shapes as shapes

    raw = (
        shapes.MoveShape(value)
        if isinstance(value, str)
        else reader.typed(value, shapes.MoveShape, path)
    )
    before, after = reader.make(lambda: parse_arrow(raw.change), path)
    return Move(before, after, raw.role, raw.proposer_counts)


def compose(schema: Schema) -> bytes:
    """A schema file without comments: ``parse(compose(schema)) == schema``."""
    fields: dict[str, object] = {"version": schema.version, "id": schema.id_field}
    if schema.type_field is not None:
        fields["type"] = schema.type_field
    fields |= {"status": schema.status_field, "title": schema.title_field}
    fields |= {"owner": schema.owner_field, "unique-ids": schema.unique_ids}
    fields["types"] = {kind.name: _type_fields(kind) for kind in schema.types.values()}
    fields |= {"merge": dict(schema.merge), "order": list(schema.order)}
    from gitsync.codec.yamltext import dump

    return dump(fields)


def _type_fields(kind: ArtifactType) -> dict[str, object]:
    fields: dict[str, object] = {
        "prefix": kind.prefix,
        "folder": kind.folder,
        "paths": list(kind.paths),
        "states": list(kind.states),
        "transitions": [_move_fields(move) for move in kind.transitions],
        "required": list(kind.required),
        "links": {
            name: {"shape": link.shape, "means": link.means} for name, link in kind.links.items()
        },
        "numbered": kind.numbered,
        "done": list(kind.done),
        "sparse": list(kind.sparse),
        "defaults": {
            key: value if isinstance(value, str) else list(value)
            for key, value in kind.defaults.items()
        },
    }
    optional = {"initial": kind.initial, "file": kind.file, "started": kind.started}
    fields |= {name: value for name, value in optional.items() if value is not None}
    for name, guard in (("adopt", kind.adopt), ("enter", kind.enter)):
        if guard is not None:
            fields[name] = {"role": guard.role, "proposer-counts": guard.proposer_counts}
    return fields


def _move_fields(move: Move) -> dict[str, object]:
    fields: dict[str, object] = {"change": str(move), "proposer-counts": move.proposer_counts}
    if move.role is not None:
        fields["role"] = move.role
    return fields
