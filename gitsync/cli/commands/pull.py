"""``gitsync pull``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gitsync.cli.options import define, flag, option
from gitsync.cli.output import Styled
from gitsync.cli.text import plural

if TYPE_CHECKING:
    import click

    from gitsync.cli.app import App
    from gitsync.services.pulling import Pulled


@dataclass(frozen=True, slots=True)
class Options:
    """``to`` is a position to stop at; ``autostash`` puts changes aside that are in the way."""

    to: str | None = None
    autostash: bool = False


def run(app: App, options: Options) -> None:
    """Fetch, verify, follow."""
    from gitsync.services.pulling import pull

    found = pull(app.ledger(), options.to, autostash=options.autostash)
    if app.json:
        app.out.json(app.document("pull", **fields(found)))
    else:
        lines(app, found)


def fields(found: Pulled) -> dict[str, Any]:
    """The pull inside a document."""
    space = found.space
    return {
        "position": f"{space}@{found.after}",
        "before": f"{space}@{found.before}" if found.before else None,
        "files-at": f"{space}@{found.target}" if found.target else None,
        "moved": found.moved,
        "landed": list(found.landed),
        "pending": [f"{space}@{number}" for number in found.pending],
        "offline": found.offline,
        "stashed": found.stashed,
    }


_MOVED = {
    "forward": "your branch is at {at}",
    "merge": "merged {at} into your branch",
    "pinned": "your files stay at {at}, where they are pinned",
    "elsewhere": "another branch is checked out; people/... was left alone",
    "none": "your branch holds {at}",
}


def lines(app: App, found: Pulled) -> None:
    """The pull in words."""
    out, space = app.out, found.space
    if found.offline:
        out.note(
            Styled("offline: ", "yellow"), "nothing was fetched; this is as of the last contact"
        )
    if found.after > found.before:
        out.line(
            f"{space}@{found.after}: {plural(found.after - found.before, 'new snapshot')}, verified"
        )
    else:
        known = "verified before" if found.moved in ("forward", "merge") else "nothing new"
        out.line(f"{space}@{found.after}: {known}")
    out.line(_MOVED[found.moved].format(at=f"{space}@{found.target}"))
    if found.stashed:
        out.line("your uncommitted changes were put aside, and are back")
    for name in found.landed:
        out.line(f"landed: {name}")
    for number in found.pending:
        out.line(f"{space}@{number} has no tag yet, so it is not final and was not taken")


def autostash_flag() -> click.Option:
    """``--autostash``, as in ``git pull``."""
    return flag("--autostash", help="Put changes aside that are in the way, and bring them back.")


command = define(
    "pull",
    run,
    Options,
    help="""Fetch, verify everything new, and bring your branch up to common.

    What does not verify never becomes common here, and uncommitted work is never touched.""",
    example="gitsync pull\ngitsync pull --to common@7\ngitsync pull --autostash",
    params=(
        option("--to", metavar="POSITION", help="Bring the files no further than this."),
        autostash_flag(),
    ),
)
