"""``gitsync lint``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitsync.cli import completing
from gitsync.cli.options import argument, define, option
from gitsync.cli.text import plural
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.domain.lint import Finding


@frozen
class Options:
    """``preset`` None: the schema of the ledger that the paths lie in."""

    paths: tuple[str, ...] = ()
    preset: str | None = None


def run(app: App, options: Options) -> int:
    """Print every finding; 1 if there is any."""
    from gitsync.services.linting import lint_paths

    found = lint_paths(app.host, options.paths, options.preset)
    if app.json:
        app.out.json(
            app.document(
                "lint", files=found.files, artifacts=found.artifacts,
                findings=[as_json(one) for one in found.findings],
            )
        )  # fmt: skip
        return 1 if found.findings else 0
    for one in found.findings:
        show(app, one)
    said = f"{plural(found.files, 'file')}, {plural(found.artifacts, 'artifact')}: "
    app.out.line(said + (plural(len(found.findings), "problem") if found.findings else "all well"))
    return 1 if found.findings else 0


def show(app: App, one: Finding) -> None:
    """``file:line:column: message (code)``, as editors read it; with the hint on a terminal."""
    where = one.where
    place = ":".join(str(part) for part in (where.file, where.line, where.column) if part)
    line = f"{place}: {one.message} ({one.code})"
    if not app.out.tty:
        app.out.line(line)
        return
    app.out.wrapped(line, "    ")
    if one.hint:
        app.out.wrapped(one.hint, "    ", "    ")


def as_json(one: Finding) -> dict[str, Any]:
    """A finding inside a document."""
    where = one.where
    return {
        "code": one.code, "message": one.message, "file": where.file, "line": where.line,
        "column": where.column, "field": where.field, "hint": one.hint,
    }  # fmt: skip


command = define(
    "lint",
    run,
    Options,
    help="""Say what is wrong with the artifacts below PATHS, by default those here.

    Unknown states, ids that two files have, links that lead nowhere, parents in a circle, missing
    fields, front matter that cannot be read, conflict markers: each with file, line and column.
    Works on any folder; where no ledger says what its files are, name a preset. Ends with 1 if
    anything was found.""",
    example="gitsync lint\ngitsync lint backlog --preset tasks --json",
    params=(
        argument("paths", "[PATHS]...", many=True, file=True),
        option(
            "--preset", metavar="NAME", complete=completing.presets,
            help="Go by this preset's schema.",
        ),
    ),
)  # fmt: skip
