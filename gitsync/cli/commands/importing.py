"""``gitsync import``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import completing
from gitsync.cli.commands.lint import as_json, show
from gitsync.cli.options import argument, define, flag, option
from gitsync.cli.text import plural
from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.importing import Imported

_SHOWN = 12


@frozen
class Options:
    """``names`` are THEIRS=OURS texts; ``source`` ``-`` reads one text from standard input."""

    source: str
    kind: str | None = None
    to: str | None = None
    names: tuple[str, ...] = ()
    preset: str | None = None
    dry_run: bool = False


def run(app: App, options: Options) -> None:
    """Import, and say which ids were given and what to look at."""
    from gitsync.services.importing import ImportOptions, import_markdown

    found = import_markdown(
        app.host,
        ImportOptions(
            source=options.source, preset=options.preset, kind=options.kind, to=options.to,
            names=dict(_pair(text) for text in options.names), dry_run=options.dry_run,
            text=_stdin(app) if options.source == "-" else b"",
        ),
    )  # fmt: skip
    if app.json:
        files = [
            {"source": one.source, "path": one.path, "type": one.kind, "id": one.id,
             "given": one.given, "written": one.raw != one.before}
            for one in found.files
        ]  # fmt: skip
        findings = [as_json(one) for one in found.findings]
        document = app.document(
            "import", dry_run=options.dry_run, files=files, left_out=list(found.left_out),
            findings=findings, unknown=list(found.unknown),
        )  # fmt: skip
        app.out.json(document)
        return
    _lines(app, found, dry_run=options.dry_run)


def _lines(app: App, found: Imported, *, dry_run: bool) -> None:
    out = app.out
    written = sum(one.raw != one.before for one in found.files)
    given = [one for one in found.files if one.given]
    verb = "would be written" if dry_run else "written"
    out.line(f"{plural(len(found.files), 'artifact')}, {written} {verb},"
             f" {len(given)} with a new id")  # fmt: skip
    out.table(("", ""), [(one.id, one.path) for one in given[:_SHOWN]])
    if len(given) > _SHOWN:
        out.line(f"and {len(given) - _SHOWN} more")
    if found.left_out:
        more = ", ..." if len(found.left_out) > _SHOWN else ""
        names = ", ".join(found.left_out[:_SHOWN]) + more
        out.wrapped(f"left out, for nothing tells their type: {names}", "  ")
    if found.unknown:
        which = ", ".join(found.unknown)
        out.wrapped(f"--map: no file has a field of that name: {which}", "  ")
    for one in found.findings[:_SHOWN]:
        show(app, one)
    if len(found.findings) > _SHOWN:
        out.line(f"and {len(found.findings) - _SHOWN} more; all of them: gitsync lint")


def _pair(text: str) -> tuple[str, str]:
    theirs, equals, ours = text.partition("=")
    if not (theirs and equals and ours):
        raise UsageError(
            "import.map", f"--map takes THEIRS=OURS, not {text!r}", hint="--map state=status"
        )
    return theirs, ours


def _stdin(app: App) -> bytes:
    stream = app.out.streams.stdin
    buffer = getattr(stream, "buffer", None)
    found: bytes = buffer.read() if buffer is not None else stream.read().encode()
    return found


command = define(
    "import",
    run,
    Options,
    help="""Make artifacts of the Markdown in SOURCE: a folder, a file, or - for standard input.

    Ids that are there stay, files without one get one; fields, bodies and file names stay as they
    are. All of a run happens or none of it, and no other file is overwritten. Files that lie in
    this ledger already are completed in place. What lint finds in them is said; nothing is
    proposed.""",
    example="gitsync import ../app/backlog --dry-run\n"
    "gitsync import notes --type plan --map state=status",
    params=(
        argument("source", "SOURCE", file=True),
        option("--type", "kind", metavar="TYPE", complete=completing.types,
               help="The type of all the files."),
        option("--to", metavar="DIR", help="The folder that takes them."),
        option("--map", "names", metavar="THEIRS=OURS", many=True,
               help="What a field of theirs is called here."),
        option(
            "--preset", metavar="NAME", complete=completing.presets,
            help="Go by this preset's schema.",
        ),
        flag("--dry-run", help="Only say what would happen."),
    ),
)  # fmt: skip
