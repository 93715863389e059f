"""``gitsync pull``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gitsync.cli.options import define, flag, option
from gitsync.cli.output import Styled
from gitsync.cli.text import plural
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    import click

    from gitsync.cli.app import App
    from gitsync.services.copies import Copy
    from gitsync.services.pulling import Pulled


@frozen
class Options:
    """``to`` is a position to stop at; ``autostash`` puts changes aside that are in the way;
    ``all`` asks the other remotes too."""

    to: str | None = None
    autostash: bool = False
    all: bool = False


def run(app: App, options: Options) -> None:
    """Fetch, verify, follow."""
    from gitsync.services.pulling import pull

    copies = fetch_copies(app) if options.all else []
    found = pull(app.ledger(), options.to, autostash=options.autostash)
    if app.json:
        asked = {"copies": [copy_fields(app, one) for one in copies]} if options.all else {}
        app.out.json(app.document("pull", **fields(found), **asked))
    else:
        lines(app, found)
        copy_lines(app, copies)


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
        "kept": list(found.kept),
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
        stick = app.ledger().stick
        why = "the home is a stick" if stick else "nothing was fetched"
        out.note(Styled("offline: ", "yellow"), f"{why}; this is as of the last contact")
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
    if found.kept:
        names = ", ".join(found.kept[:5])
        out.line(f"edited after a run that was cut off: {names}; those edits: git stash list")
    for name in found.landed:
        out.line(f"landed: {name}")
    for number in found.pending:
        out.line(f"{space}@{number} has no tag yet, so it is not final and was not taken")


def fetch_copies(app: App) -> list[Copy]:
    """Ask the remotes beside the home, before the home itself."""
    from gitsync.services.copies import fetch

    return fetch(app.ledger())


def copy_fields(app: App, copy: Copy) -> dict[str, Any]:
    """A copy inside a document."""
    space = app.ledger().space
    position = f"{space}@{copy.number}" if copy.number is not None else None
    return {"remote": copy.name, "state": copy.state, "position": position, "why": copy.why}


_COPY = {
    "equal": "has {at} too",
    "ahead": "brought {at}, verified",
    "behind": "is behind, at {at}",
    "none": "holds no ledger",
    "unreachable": "cannot be reached",
    "refused": "was not taken",
}


def copy_lines(app: App, copies: list[Copy]) -> None:
    """What the remotes beside the home had, a line each."""
    space = app.ledger().space
    for copy in copies:
        said = _COPY[copy.state].format(at=f"{space}@{copy.number}")
        odd = copy.state in ("unreachable", "refused")
        app.out.line(f"{copy.name}: ", Styled(said, "yellow") if odd else said)
        if copy.why:
            app.out.wrapped(copy.why, "    ")


def all_flag() -> click.Option:
    """``--all``, as in ``git fetch``."""
    return flag("--all", help="The other remotes too, as copies of the ledger.")


def autostash_flag() -> click.Option:
    """``--autostash``, as in ``git pull``."""
    return flag("--autostash", help="Put changes aside that are in the way, and bring them back.")


command = define(
    "pull",
    run,
    Options,
    help="""Fetch, verify everything new, and bring your branch up to common.

    What does not verify never becomes common here, and uncommitted work is never touched. With
    --all the other remotes are asked too; one that cannot be reached stops nothing.""",
    example="gitsync pull\ngitsync pull --to common@7\ngitsync pull --autostash",
    params=(
        option("--to", metavar="POSITION", help="Bring the files no further than this."),
        autostash_flag(),
        all_flag(),
    ),
)
