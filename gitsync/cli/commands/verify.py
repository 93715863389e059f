"""``gitsync verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.cli.options import argument, define, duration_option, flag, option
from gitsync.cli.output import Piece, Styled
from gitsync.cli.text import day, plural
from gitsync.domain.errors import UsageError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.inspecting import VerifyReport


@frozen
class Options:
    """See ``VerifyOptions``; ``evidence`` is a file to check instead."""

    span: str | None = None
    full: bool = False
    no_cache: bool = False
    fetch: bool = False
    max_age: float | None = None
    evidence: str | None = None


def run(app: App, options: Options) -> None:
    """Verify, or raise what does not hold."""
    from gitsync.services.inspecting import VerifyOptions, verify

    if options.evidence is not None:
        if options.span or options.full or options.no_cache or options.fetch:
            raise UsageError("usage.both", "--evidence checks a file and nothing else")
        _evidence(app, options.evidence)
        return
    if options.span and (options.full or options.no_cache):
        raise UsageError(
            "usage.both", "a range is always replayed: leave out --full and --no-cache"
        )
    found = verify(
        app.workspace(),
        VerifyOptions(options.span, options.full, options.no_cache, options.fetch, options.max_age),
    )
    if app.json:
        app.out.json(_document(app, found))
    else:
        _words(app, found)


def _words(app: App, found: VerifyReport) -> None:
    out, space = app.out, found.space
    out.line(f"{space}@{found.number} is verified, as {found.source} shows it")
    if not found.replayed:
        done = f"nothing new since {space}@{found.number} was verified here"
    else:
        one = found.replayed == 1
        span = (
            f"{space}@{found.number}" if one else f"{space}@{found.first}..{space}@{found.number}"
        )
        done = (
            f"{span}: {plural(found.replayed, 'snapshot')} with signatures, rules, merges, tags,"
            " receipts"
        )
    rows: list[tuple[str, Piece]] = [
        ("  replayed", done),
        ("  ledger", found.anchor),
        ("  commit", found.commit),
    ]
    if found.sealed is not None:
        rows.append(("  numbered", f"{day(found.sealed)} by the notary's clock"))
    if not found.remembered and found.first > 1:
        rows.append(("  given", f"{space}@{found.first - 1}, which was not checked now"))
    out.fields(rows)
    for number in found.pending:
        out.line(Styled("pending: ", "yellow"), f"{space}@{number} has no tag yet and is not final")


def _document(app: App, found: VerifyReport) -> dict[str, object]:
    from gitsync.codec.receipts import moment

    space = found.space
    return app.document(
        "verify",
        position=f"{space}@{found.number}",
        commit=found.commit,
        ledger=found.anchor,
        source=found.source,
        first=f"{space}@{found.first}" if found.replayed else None,
        replayed=found.replayed,
        numbered_at=None if found.sealed is None else moment(found.sealed),
        pending=[f"{space}@{number}" for number in found.pending],
        remembered=found.remembered,
    )


def _evidence(app: App, file: str) -> None:
    from gitsync.services.inspecting import confirm

    found = confirm(app.host, app.host.cwd / Path(file).expanduser())
    if app.json:
        tags = [
            {"commit": commit, "signer": signer}
            for commit, signer in zip(found.commits, found.signers, strict=True)
        ]
        app.out.json(app.document("verify-evidence", position=found.position, tags=tags))
        return
    app.out.line(
        Styled("proven: ", "red"), f"{found.position} was signed twice, for different content"
    )
    for commit, signer in zip(found.commits, found.signers, strict=True):
        app.out.line(f"  {commit}")
        app.out.line(f"    signed by {signer}")


command = define(
    "verify",
    run,
    Options,
    help="""Prove the ledger: signatures, policy, numbers, tags, receipts, and every merge again.

    What was verified is remembered, so the next time only what is new is checked. RANGE proves
    some snapshots again: common@3..common@7, or common@7. Works on what was last fetched.""",
    example="gitsync verify\ngitsync verify --full --no-cache\n"
    "gitsync verify --fetch --max-age 7d\ngitsync verify --evidence fork-common@7.json",
    params=(
        argument("span", "[RANGE]", optional=True),
        flag("--full", help="Replay everything from common@1 on."),
        flag("--no-cache", help="The same, trusting no cache and no stored position."),
        flag("--fetch", help="Ask the remote first."),
        duration_option(
            "--max-age", metavar="7d", help="Fail if the newest tag is older (notary's clock)."
        ),
        option(
            "--evidence", metavar="FILE", file=True,
            help="Check a proof of a fork; needs no network.",
        ),
    ),
)  # fmt: skip
