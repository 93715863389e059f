"""Looking closely: a range of the ledger proven again, a fork's evidence, a proposal's diff."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.codec.records import read_snapshot
from gitsync.domain.errors import EnvironmentFault, UsageError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import parse_position
from gitsync.services import evidence
from gitsync.services.chain import first_parents
from gitsync.services.pulling import verify_view
from gitsync.services.sidechains import SideChain
from gitsync.services.sources import fresh_view, known_view
from gitsync.storage.positions import VerifiedPosition

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.objects import Oid
    from gitsync.services.host import Host
    from gitsync.services.refview import RefView
    from gitsync.services.workspace import Workspace


@frozen
class VerifyOptions:
    """What ``verify`` was asked for. ``span`` is ``common@3..common@7`` or ``common@7``;
    ``max_age`` in seconds."""

    span: str | None = None
    full: bool = False
    no_cache: bool = False
    fetch: bool = False
    max_age: float | None = None


@frozen
class VerifyReport:
    """A ledger that checks out. ``first`` to ``number`` were replayed now (none if ``replayed`` is
    0); ``sealed`` is the notary's clock on the tag of ``number``, in seconds since the epoch;
    ``pending`` are numbers without a tag, which are not final. ``remembered``: the position is
    stored, and later checks begin after it."""

    space: str
    source: str
    anchor: Oid
    number: int
    commit: Oid
    first: int
    replayed: int
    sealed: int | None
    pending: tuple[int, ...]
    remembered: bool


def verify(ws: Workspace, options: VerifyOptions) -> VerifyReport:
    """Check this clone's own view of the ledger, or a range of it.

    Raises VerificationError for whatever does not hold, ``freeze.stale`` when the newest tag is
    older than ``max_age``, UsageError ``position.*`` for a range that is none.
    """
    view = fresh_view(ws) if options.fetch else known_view(ws)
    if view.common is None and ws.remote is not None and not options.fetch:
        raise VerificationError(
            "common.missing", f"nothing was fetched of {ws.remote} yet",
            hint="gitsync verify --fetch",
        )  # fmt: skip
    if options.span is not None:
        report = _span(ws, view, options.span)
    else:
        checked = verify_view(
            ws,
            view,
            full=options.full or options.no_cache,
            fresh=options.no_cache,
            known=not options.fetch,
        )
        state = checked.state
        report = VerifyReport(
            ws.space, view.source, state.ledger, state.number, state.commit, checked.start,
            checked.replayed, _sealed(ws, view, state.number), checked.pending, remembered=True,
        )  # fmt: skip
    _check_age(ws, report, options.max_age)
    return report


def _sealed(ws: Workspace, view: RefView, number: int) -> int | None:
    tag = view.tags.get(number)
    return ws.facts.tag(tag).tagger.seconds if tag is not None else None


def _check_age(ws: Workspace, report: VerifyReport, max_age: float | None) -> None:
    """A remote that stands still looks exactly like a ledger where nothing happens: say so."""
    if max_age is None:
        return
    if report.sealed is None or ws.host.seconds() - report.sealed > max_age:
        from gitsync.codec.receipts import moment

        since = moment(report.sealed) if report.sealed is not None else "its beginning"
        raise VerificationError(
            "freeze.stale",
            f"{report.source} is stale since {since}: nothing newer than"
            f" {report.space}@{report.number}",
            hint="gitsync pull, and if it stays, ask the witness or another clone",
        )


def _span(ws: Workspace, view: RefView, text: str) -> VerifyReport:
    """Prove every snapshot of a range again, whatever was verified before; nothing is stored.

    What comes before the range is taken as given, except that the chain begins with the anchor.
    """
    if view.common is None:
        raise VerificationError("common.missing", f"{view.source} has no branch {ws.space}")
    first, last = _bounds(ws.space, text)
    chain = first_parents(ws.facts, view.common, None)
    if last > len(chain):
        raise UsageError(
            "position.unknown",
            f"{ws.space}@{last} is not here; the newest is {ws.space}@{len(chain)}",
            hint="gitsync verify --fetch " + text,
        )  # fmt: skip
    anchor = ws.anchor or chain[0]
    if chain[0] != anchor:
        raise VerificationError("anchor.other", f"{view.source} serves another ledger")
    verifier = ws.verifier(fresh=True, full=True, known=True)
    verifier.stored = None
    if first > 1:
        verifier.stored = _base(ws, view, anchor, first - 1, chain[first - 2])
    part = _upto(ws, view, last, chain[last - 1])
    try:
        checked = verifier.check(part)
    finally:
        verifier.index.close()
    state = checked.state
    return VerifyReport(
        ws.space, view.source, anchor, state.number, state.commit, first, checked.replayed,
        _sealed(ws, view, state.number), checked.pending, remembered=False,
    )  # fmt: skip


def _bounds(space: str, text: str) -> tuple[int, int]:
    left, dots, right = text.partition("..")
    found = []
    for one in (left, right if dots else left):
        position = parse_position(space + one if one.startswith("@") else one)
        if position is None or position[0] != space:
            raise UsageError(
                "position.malformed", f"{text!r} is no range of positions",
                hint=f"write: {space}@3..{space}@7, or {space}@7",
            )  # fmt: skip
        found.append(position[1])
    if found[0] > found[1]:
        raise UsageError("position.malformed", f"{text!r} runs backwards")
    return found[0], found[1]


def _base(ws: Workspace, view: RefView, anchor: Oid, number: int, commit: Oid) -> VerifiedPosition:
    """The snapshot before a range as a position to go on from."""
    record = read_snapshot(ws.facts.commit(commit).message)
    return VerifiedPosition(
        anchor, ws.space, number, commit, view.tags.get(number), record.receipts, record.locks,
        ws.host.seconds(),
    )  # fmt: skip


def _upto(ws: Workspace, view: RefView, last: int, commit: Oid) -> RefView:
    """The view as it was when ``last`` was the newest, its tips checked against today's."""
    if commit == view.common:
        return view
    record = read_snapshot(ws.facts.commit(commit).message)
    SideChain(ws.facts, "receipts", view.receipts, None).check_recorded(record.receipts)
    SideChain(ws.facts, "locks", view.locks, None).check_recorded(record.locks)
    tags = {number: tag for number, tag in view.tags.items() if number <= last}
    return replace(view, common=commit, receipts=record.receipts, locks=record.locks, tags=tags)


def confirm(host: Host, path: Path) -> evidence.ForkEvidence:
    """Check a file of evidence, with the names of this clone's roster where there is one.

    Raises EnvironmentFault ``file.missing``, FormatError or VerificationError ``evidence.*``.
    """
    from gitsync.services.workspace import Workspace

    try:
        data = path.read_bytes()
    except OSError as error:
        raise EnvironmentFault(
            "file.missing", f"cannot read {path}: {error.strerror}", hint="name the evidence file"
        ) from error
    settings = None
    with suppress(EnvironmentFault):  # evidence speaks for itself: no repository is needed
        ws = Workspace.open(host)
        settings = ws.settings() if ws.position() is not None else None
    return evidence.confirm(data, settings)


def diff(ws: Workspace, base: Oid | None, tip: Oid) -> str:
    """What ``tip`` changes against ``base`` (None: everything) as git words it.

    Neither attributes nor settings can hide a change: no drivers, no filters, binary as text.
    """
    empty = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
    done = ws.repo.git(
        "-c", "core.quotePath=true",
        "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--text", "--no-relative",
        "--no-renames", "--ignore-submodules=none", "--src-prefix=a/", "--dst-prefix=b/",
        "--unified=3", "--diff-algorithm=histogram", base or empty, tip, "--",
    )  # fmt: skip
    return done.out.decode("utf-8", "backslashreplace")
