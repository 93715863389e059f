"""``gitsync show``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import completing
from gitsync.cli.options import argument, define, option
from gitsync.cli.output import Styled
from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.artifacts import Artifact


@frozen
class Options:
    """``text`` is an id, a unique prefix of one, or a path; ``at`` a position; ``field`` a name."""

    text: str
    at: str | None = None
    field: str | None = None


def run(app: App, options: Options) -> None:
    """Show the artifact, or one of its fields."""
    from gitsync.services.artifacts import fields_of, look_up

    found = app.reading(lambda catalogue: look_up(catalogue, options.text), at=options.at)
    fields = {} if found.problem else dict(fields_of(found))
    if options.field is not None:
        value = _field(found, fields, options.field)
        if app.json:
            fields = {options.field: value}
        else:
            app.out.block(_words(value))
            return
    if app.json:
        app.out.json(_document(app, found, fields, options.at))
        return
    app.out.line(found.path + (f" at {options.at}" if options.at else ""))
    if found.problem:
        app.out.note(Styled("unreadable: ", "red"), found.problem)
    app.out.block(found.raw.decode("utf-8", "surrogateescape").removeprefix("\ufeff"))


def _field(found: Artifact, fields: dict[str, object], name: str) -> object:
    if name not in fields:
        raise UsageError(
            "artifact.no-field", f"{found.head.id or found.path} has no field {name!r}",
            hint="it has: " + ", ".join(fields),
        )  # fmt: skip
    return fields[name]


def _words(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return "\n".join(str(one) for one in value)
    return "" if value is None else str(value)


def _document(
    app: App, found: Artifact, fields: dict[str, object], at: str | None
) -> dict[str, object]:
    from gitsync.codec import frontmatter

    head = found.head
    document = None if found.problem else frontmatter.parse(found.raw, found.path)
    body = document.body if document is not None else found.raw
    return app.document(
        "show",
        id=head.id,
        type=head.type,
        status=head.status,
        title=head.title,
        path=found.path,
        at=at,
        problem=found.problem,
        fields=fields,
        body=body.decode("utf-8", "replace"),
    )


command = define(
    "show",
    run,
    Options,
    help="""Show one artifact: by its id, any unique prefix of it, or its path.

    Without --at it is the file as it lies here, with what you have not proposed yet.""",
    example="gitsync show plan-k7\ngitsync show plan-k7x2mq --at common@5 --field status",
    params=(
        argument("text", "ID", complete=completing.artifacts),
        option("--at", metavar="POSITION", help="As it was in a snapshot, say common@5."),
        option("--field", metavar="NAME", help="Only this field's value."),
    ),
    fresh=True,
)
