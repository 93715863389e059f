"""``gitsync fmt``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import completing
from gitsync.cli.commands.lint import as_json, show
from gitsync.cli.options import argument, define, flag, option
from gitsync.cli.text import plural
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App


@frozen
class Options:
    """``subjects`` are paths, ids, or ``ids:``, ``tree:`` and ``path:`` texts."""

    subjects: tuple[str, ...] = ()
    check: bool = False
    preset: str | None = None


def run(app: App, options: Options) -> int:
    """Format; 1 if a file was refused or, with ``check``, is not in form."""
    from gitsync.services.formatting import fmt

    found = fmt(app.host, options.subjects, options.preset, check=options.check)
    code = 1 if found.refused or (options.check and found.changed) else 0
    if app.json:
        app.out.json(
            app.document(
                "fmt", check=options.check, artifacts=found.artifacts,
                changed=list(found.changed), refused=[as_json(one) for one in found.refused],
            )
        )  # fmt: skip
        return code
    for one in found.refused:
        show(app, one)
    for name in found.changed:
        app.out.line(name)
    verb = "not in canonical form" if options.check else "written"
    app.out.line(f"{plural(found.artifacts, 'artifact')}, {len(found.changed)} {verb}")
    return code


command = define(
    "fmt",
    run,
    Options,
    help="""Write front matter in canonical form: order of fields, spacing, quotes.

    SUBJECT is a file, a folder, an id, ids:A,B, tree:ID (with all below it) or path:GLOB. Values,
    comments and bodies stay as they are; twice changes nothing. A file that cannot be read is
    named and left alone.""",
    example="gitsync fmt .\ngitsync fmt tree:plan-k7x2mq --check",
    params=(
        argument("subjects", "SUBJECT...", many=True, file=True),
        flag("--check", help="Write nothing; end with 1 if a file is not in form."),
        option(
            "--preset", metavar="NAME", complete=completing.presets,
            help="Go by this preset's schema.",
        ),
    ),
)  # fmt: skip
