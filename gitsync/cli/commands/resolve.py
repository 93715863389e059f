"""``gitsync resolve``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitsync.cli.options import argument, define, flag, option
from gitsync.cli.output import Styled
from gitsync.cli.text import clean, plural
from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.resolving import Conflicted


@frozen
class Options:
    """``target`` is an id, a unique prefix of one, or a path; without ``take`` it only lists."""

    target: str | None = None
    field: str | None = None
    body: bool = False
    take: str | None = None


def run(app: App, options: Options) -> None:
    """List what conflicts, or settle some of it."""
    from gitsync.services import resolving

    ws = app.ledger()
    done = None
    if options.take is not None:
        if options.target is None:
            raise UsageError(
                "resolve.target", "say which file", hint="gitsync resolve ID --take ours"
            )
        wanted = resolving.ResolveOptions(options.target, options.take, options.field, options.body)
        done = resolving.resolve(ws, wanted)
    elif options.field is not None or options.body:
        raise UsageError(
            "resolve.take", "say what to take: --take ours, --take theirs, or a field's value",
            hint=f"gitsync resolve {options.target or 'ID'} "
            + (f"--field {options.field} --take theirs" if options.field else "--body --take ours"),
        )  # fmt: skip
    if done is None and options.target is not None:
        left = resolving.named_conflict(ws, options.target)
    else:
        left = resolving.conflicts(ws)
    if app.json:
        app.out.json(
            app.document(
                "resolve",
                conflicts=[conflict_json(one) for one in left],
                settled=list(done.settled) if done else [],
                path=done.path if done else None,
                staged=done.staged if done else False,
            )
        )
        return
    if done is not None:
        what = ", ".join(clean(one) for one in done.settled)
        app.out.wrapped(f"{clean(done.path)}: settled {what}", "  ", "")
        if done.staged:
            app.out.line("  nothing is left open in it, and it is staged")
    if not left:
        app.out.line("nothing is in conflict here" if done is None else "no conflict is left")
        command = resolving.finishing(ws) if done is not None else None
        if command is not None:
            what = "finish the merge" if command == "git commit" else "when you have looked at it"
            app.out.steps("Next:", [(command, what)])
        return
    if done is None:
        app.out.line(f"In conflict ({plural(len(left), 'file')}):")
    else:
        app.out.line(f"Still in conflict ({plural(len(left), 'file')}):")
    conflict_lines(app, left)


def conflict_lines(app: App, found: tuple[Conflicted, ...], most: int = 20) -> None:
    """Conflicts in words: each field with both values and whose they are."""
    out = app.out
    for one in found[:most]:
        name = f"{clean(one.id)}  {clean(one.path)}" if one.id else clean(one.path)
        out.line("  ", Styled(name, "red"))
        mine, theirs = f"ours ({clean(one.ours)})", f"theirs ({clean(one.theirs)})"
        if one.removed is not None:
            gone, kept = (mine, theirs) if one.removed == "ours" else (theirs, mine)
            out.line(f"    {gone} removed the file, {kept} changed it")
        for field in one.fields:
            out.line(f"    {clean(field.name)}, was {_value(field.base)}")
            out.wrapped(f"{mine}: {_value(field.ours)}", "        ", "      ")
            out.wrapped(f"{theirs}: {_value(field.theirs)}", "        ", "      ")
        if one.lines:
            at = ", ".join(str(line) for line in one.lines)
            out.line(f"    the text, from line {at}: {mine}, {theirs}")
        if not (one.fields or one.lines or one.removed):
            out.line("    settled in the file, not staged yet: git add")
    if len(found) > most:
        out.line(f"  and {plural(len(found) - most, 'more file')}")


def _value(value: str | None) -> str:
    if value is None:
        return "absent"
    return clean(value) or "empty"


def conflict_json(one: Conflicted) -> dict[str, Any]:
    """One file in conflict inside a document."""
    return {
        "path": one.path,
        "id": one.id,
        "ours": one.ours,
        "theirs": one.theirs,
        "removed": one.removed,
        "fields": [
            {"field": f.name, "base": f.base, "ours": f.ours, "theirs": f.theirs}
            for f in one.fields
        ],
        "lines": list(one.lines),
    }


command = define(
    "resolve",
    run,
    Options,
    help="""List what a git merge left in conflict, and settle it field by field.

    Without --take it only lists. A file in which nothing is left open is staged;
    what you edited in it stays.""",
    example="gitsync resolve\n"
    "gitsync resolve plan-k7 --field status --take theirs\n"
    'gitsync resolve plan-k7 --field title --take "Move the office"\n'
    "gitsync resolve plans/plan-k7x2mq-move.md --body --take ours",
    params=(
        argument("target", "ID|PATH", optional=True),
        option("--field", metavar="NAME", help="Settle this field alone."),
        flag("--body", help="Settle what conflicts in the text, and no field."),
        option("--take", metavar="ours|theirs|VALUE", help="What to take; a VALUE needs --field."),
    ),
)
