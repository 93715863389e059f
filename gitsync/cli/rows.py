"""Artifacts as lines: the table, JSON, and what ``--format`` makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli.options import option
from gitsync.cli.output import Piece, Styled
from gitsync.cli.text import clean
from gitsync.domain.errors import UsageError
from gitsync.domain.lateregex import late_regex

if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

    from gitsync.cli.app import App
    from gitsync.services.catalogue import Catalogue
    from gitsync.services.workspace import Workspace
    from gitsync.storage.artifactview import Row

COLUMNS = ("id", "type", "status", "owner", "title", "path")
TSV = "tsv"
_SLOT = late_regex(r"\{([^{}]*)\}")


def format_option() -> click.Option:
    """``--format``, as the keyword ``form``."""
    return option(
        "--format", "form", metavar="FORM",
        help="tsv, or a line with fields in braces: '{id} {status}'.",
    )  # fmt: skip


def row_json(row: Row) -> dict[str, object]:
    """One artifact of a JSON document."""
    return {
        "id": row.id, "type": row.type, "status": row.status, "owner": row.owner,
        "title": row.title, "path": row.path, "problem": row.problem,
    }  # fmt: skip


def check_form(form: str | None, catalogue: Catalogue) -> None:
    """Raises UsageError ``format.field`` for a field that no artifact can have."""
    if form is None or form == TSV:
        return
    names = _SLOT.findall(form)
    known = {*COLUMNS, *catalogue.vocabulary.fields}
    if not names or "{" in _SLOT.sub("", form) or "}" in _SLOT.sub("", form):
        raise UsageError("format.malformed", f"{form!r} names no field", hint="--format '{id}'")
    unknown = [name for name in names if name not in known]
    if unknown and set(unknown) - set(catalogue.field_names()):
        raise UsageError(
            "format.field", f"there is no field {unknown[0][:60]!r}",
            hint="fields: " + ", ".join(sorted(known)),
        )  # fmt: skip


def show_rows(app: App, rows: Sequence[Row], form: str | None) -> None:
    """The table, or a line for each artifact in the form that was asked for."""
    if form == TSV:
        for row in rows:
            app.out.record(_cell(row, name) for name in COLUMNS)
    elif form is not None:
        for row in rows:
            line = _SLOT.sub(lambda found, row=row: clean(_cell(row, found[1])), form)  # type: ignore[misc]
            app.out.record(line.replace("\\t", "\t").split("\t"))
    else:
        table(app, rows)


def table(app: App, rows: Sequence[Row]) -> None:
    """Id, type, status, owner and title in columns; what cannot be read says why, below."""
    held = _held(app, rows)
    pieces = [_pieces(row, brief=app.out.tty) for row in rows]
    if held:
        heads = ("ID", "TYPE", "STATUS", "OWNER", "HELD BY", "TITLE")
        cells = [
            (*one[:4], held.get(row.path, "-"), one[4])
            for row, one in zip(rows, pieces, strict=True)
        ]
        app.out.table(heads, cells)
    else:
        app.out.table(("ID", "TYPE", "STATUS", "OWNER", "TITLE"), pieces)
    for row in rows:
        if row.problem:
            app.out.wrapped(row.problem, "    ", "unreadable: ")


def look_ahead(ws: Workspace) -> None:
    """Read what a table will say of leases: it is remembered as long as the clone is open."""
    from gitsync.services.leasing.glance import locks_here, nothing_held

    if nothing_held(ws):
        return
    locks_here(ws)


def _held(app: App, rows: Sequence[Row]) -> dict[str, str]:
    """Who holds a lease on which of the artifacts, by path."""
    from gitsync.services.leasing.glance import holders_of, locks_here, nothing_held

    ws = app.read or app.ledger()
    if nothing_held(ws):
        return {}
    held = holders_of(locks_here(ws), ((row.id, row.path) for row in rows))
    return {
        path: "you" if lease.holder == ws.me() else lease.holder for path, lease in held.items()
    }


def _pieces(row: Row, *, brief: bool) -> tuple[Piece, ...]:
    if row.problem:
        return ("?", "?", Styled("unreadable", "red"), "?", row.path)
    owner = row.owner or "-"
    first, *more = [name.strip() for name in owner.split(",") if name.strip()] or ["-"]
    if brief and more:
        owner = f"{first} +{len(more)}"  # all of them would leave no room for titles
    return (row.id or "?", row.type or "-", row.status or "-", owner, row.title or "-")


def _cell(row: Row, name: str) -> str:
    from gitsync.services.catalogue import fields_of

    value = getattr(row, name) if name in COLUMNS else fields_of(row).get(name)
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
