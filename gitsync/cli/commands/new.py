"""``gitsync new``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import completing
from gitsync.cli.options import argument, define, option
from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App


@frozen
class Options:
    """``title`` is one text or the words of it, ``sets`` are field=value texts."""

    kind: str
    title: tuple[str, ...]
    sets: tuple[str, ...] = ()


def run(app: App, options: Options) -> None:
    """Write the artifact, and print its id and path."""
    from gitsync.services.authoring import create

    values: dict[str, str] = {}
    for text in options.sets:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError(
                "artifact.field", f"--set takes FIELD=VALUE, not {text!r}",
                hint="--set owner=james",
            )  # fmt: skip
        values[name] = value
    ws = app.ledger()
    found = create(ws, options.kind, " ".join(options.title), values)
    if app.json:
        app.out.json(app.document("new", id=found.id, type=options.kind, path=found.path))
        return
    app.out.line(f"{found.id}  {found.path}")


command = define(
    "new",
    run,
    Options,
    help="""Write a new artifact of a TYPE (plan, task, adr, eip ...) from its template.

    Prints its id and path. Nothing is sent: edit the file, then propose it. Lists, such as tags,
    are given with commas.""",
    example='gitsync new plan "Move the backups" --set owner=james --set tags=ops,disks',
    params=(
        argument("kind", "TYPE", complete=completing.types),
        argument("title", "TITLE", many=True),
        option("--set", "sets", metavar="FIELD=VALUE", many=True, help="Set a field."),
    ),
)
