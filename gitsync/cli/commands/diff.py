"""``gitsync diff``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import completing
from gitsync.cli.changes import body_lines, change_json, field_lines, kind_of
from gitsync.cli.options import argument, define
from gitsync.cli.text import cut
from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.history import Diff


@frozen
class Options:
    """``span`` is ``common@3..common@7``, ``common@3`` or an artifact's id; ``text`` an id."""

    span: str | None = None
    text: str | None = None


def run(app: App, options: Options) -> None:
    """Show what differs, artifact by artifact."""
    from gitsync.services.history import Diff, diff, is_position, only

    span, text = options.span, options.text
    if span and text and ".." not in span + text and is_position(span) and is_position(text):
        span, text = f"{span}..{text}", None  # as git's own diff takes them
    if text is None and span is not None and not is_position(span) and span != app.ledger().space:
        if ".." in span:
            raise UsageError("position.malformed", f"{span!r} is no range of positions",
                             hint="write: common@3..common@7")  # fmt: skip
        span, text = None, span
    found = diff(app.ledger(), span)
    if text is not None:
        one = only(app.ledger(), found, text)
        found = Diff((one,) if one is not None else (), ())
    if app.json:
        app.out.json(_document(app, found, span))
        return
    if not (found.artifacts or found.files):
        app.out.line("no difference")
        return
    with app.out.paged():
        _show(app, found)


def _show(app: App, found: Diff) -> None:
    out = app.out
    for at, change in enumerate(found.artifacts):
        if at:
            out.line()
        out.line(cut(f"{change.id}  {kind_of(change)}  {change.title or '-'}", out.width))
        field_lines(app, change)
        body_lines(app, change)
    if found.files:
        if found.artifacts:
            out.line()
        out.line("other files that differ:")
        for path in found.files:
            out.line("  ", path)


def _document(app: App, found: Diff, span: str | None) -> dict[str, object]:
    return app.document(
        "diff",
        span=span or app.ledger().space,
        artifacts=[change_json(one, body=True) for one in found.artifacts],
        files=list(found.files),
    )


command = define(
    "diff",
    run,
    Options,
    help="""Show what changed, artifact by artifact: fields first, then lines of the body.

    RANGE is common@3..common@7, or common@3 for what the files here have unlike it; without one,
    what they have unlike the newest verified snapshot. With ID only that artifact.""",
    example="gitsync diff\ngitsync diff common@3..common@7\ngitsync diff common@3 plan-k7 --json",
    params=(
        argument("span", "[RANGE]", optional=True, complete=completing.ranges),
        argument("text", "[ID]", optional=True, complete=completing.artifacts),
    ),
    fresh=True,
)
