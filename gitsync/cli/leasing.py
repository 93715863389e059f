"""What the commands of ``gitsync lock`` do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import leasewords
from gitsync.cli.output import Styled
from gitsync.domain.errors import EnvironmentFault, UsageError
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gitsync.cli.app import App
    from gitsync.domain.leases.values import Lease, Locks
    from gitsync.services.workspace import Workspace

# -- acquire -----------------------------------------------------------------------------------


@frozen
class Acquire:
    """``seconds`` is the duration; ``next_query`` picks one free artifact instead of subjects."""

    subjects: tuple[str, ...] = ()
    next_query: str | None = None
    seconds: float | None = None
    note: str | None = None
    on_request: str | None = None
    escalate_to: tuple[str, ...] = ()
    offline_until: int | None = None


def run_acquire(app: App, options: Acquire) -> None:
    """Take a lease."""
    from gitsync.codec.records import printable
    from gitsync.domain.leases.acts import span
    from gitsync.services.leasing.taking import DEFAULT_SECONDS, TakeOptions, acquire

    if bool(options.subjects) == (options.next_query is not None):
        raise UsageError(
            "lease.subject", "say either what to take, or --next QUERY",
            hint="gitsync lock acquire tree:plan-k7x\ngitsync lock acquire --next 'is:open'",
        )  # fmt: skip
    seconds = None if options.seconds is None else int(options.seconds)
    note = printable(options.note or "", 400)
    if options.offline_until is not None:
        away = options.offline_until - app.host.seconds()
        if away <= 0:
            raise UsageError(
                "lease.seconds", "--offline-until lies in the past",
                hint="say when you are back, for example --offline-until 2026-12-01T18:00",
            )  # fmt: skip
        seconds = max(DEFAULT_SECONDS if seconds is None else seconds, away)
        note = f"{note}; offline" if note else "offline"
    ws = app.ledger()
    taken = acquire(
        ws,
        TakeOptions(
            options.subjects, options.next_query, seconds, note, options.on_request,
            options.escalate_to,
        ),
    )  # fmt: skip
    lease, locks = taken.lease, taken.locks
    if app.json:
        found = leasewords.lease_json(locks, lease)
        app.out.json(app.document("lock", lease=found, again=taken.again))
        return
    word = "is yours already" if taken.again else "is yours"
    app.out.wrapped(f"{', '.join(lease.subjects)} {word}: lease {lease.token}", "  ", "")
    if taken.again and options.note and note != lease.note:
        app.out.wrapped(f"its note stays as it was: {lease.note or 'none'}", "  ", "")
    app.out.line(f"commands of this clone keep it; without any it lapses in {span(lease.seconds)}")
    app.out.steps(
        "Next:",
        [("gitsync propose", "carries the token by itself"),
         (f"gitsync lock release {lease.token}", "when you are done")],
    )  # fmt: skip


# -- renew, release, break ---------------------------------------------------------------------


@frozen
class Nothing:
    """No options."""


def run_renew(app: App, _options: Nothing) -> int:
    """Send a heartbeat; 1 if something that was held is lost."""
    from gitsync.services.leasing.desk import known_locks
    from gitsync.services.leasing.looking import ask_home
    from gitsync.services.leasing.renewing import held_here, renew

    ws = app.ledger()
    lost = ask_home(ws)
    # Whoever has lost all has nothing left to renew; whoever held nothing is told so.
    renewed = renew(ws) if held_here(ws) is not None or not lost else None
    tokens = renewed.tokens if renewed is not None else ()
    if app.json:
        sequence = renewed.sequence if renewed is not None else None
        found = {"sequence": sequence, "tokens": list(tokens), "lost": list(lost)}
        app.out.json(app.document("lock-renew", **found))
        return 1 if lost else 0
    leases = known_locks(ws).leases
    for token in tokens:
        what = ", ".join(leases[token].subjects) if token in leases else ""
        app.out.wrapped(f"lease {token} is kept: {what}", "  ", "")
    _lost(app, lost)
    return 1 if lost else 0


def _lost(app: App, tokens: Sequence[int]) -> None:
    """Say which leases are no longer held here."""
    for token in tokens:
        app.out.note(Styled(f"lease {token} is lost", "red"), ": stop working under it")


@frozen
class Release:
    """``texts`` are tokens, subjects or ids; none means all of this clone's."""

    texts: tuple[str, ...] = ()


def run_release(app: App, options: Release) -> None:
    """Give leases back."""
    from gitsync.services.leasing.desk import known_locks
    from gitsync.services.leasing.taking import release

    ws = app.ledger()
    found = release(ws, options.texts)
    if app.json:
        _list_json(app, known_locks(ws), found)
        return
    for lease in found:
        subjects = ", ".join(lease.subjects)
        app.out.wrapped(f"lease {lease.token} is given back: {subjects}", "  ", "")


@frozen
class Break:
    """``text`` names one lease."""

    text: str
    reason: str


def run_break(app: App, options: Break) -> None:
    """End somebody's lease."""
    from gitsync.services.leasing.desk import known_locks
    from gitsync.services.leasing.taking import break_lease

    ws = app.ledger()
    lease = break_lease(ws, options.text, options.reason)
    if app.json:
        _list_json(app, known_locks(ws), (lease,))
        return
    app.out.line(f"lease {lease.token} of {lease.holder} is broken")
    app.out.line(f"what {lease.holder} proposes under it from now on is refused")


# -- looking -----------------------------------------------------------------------------------


@frozen
class Look:
    """``text`` names an artifact, a path, a lease or a subject."""

    text: str = ""
    mine: bool = False
    stale: bool = False
    on: str | None = None
    no_fetch: bool = False


def _ask(app: App, options: Look) -> Workspace:
    """The clone, once the home was asked; offline it says so, and what was seen last is shown."""
    from gitsync.services.leasing.looking import ask_home

    ws = app.ledger()
    if options.no_fetch:
        return ws
    try:
        lost = ask_home(ws)
        if not app.json:
            _lost(app, lost)
    except EnvironmentFault as error:
        if error.code != "remote.unreachable":
            raise
        if not app.json:
            app.offline(error.message)
    return ws


def _list_json(app: App, locks: Locks, leases: Sequence[Lease]) -> None:
    found = [leasewords.lease_json(locks, one) for one in leases]
    app.out.json(app.document("locks", token=locks.token, leases=found))


def run_list(app: App, options: Look) -> None:
    """Who holds what."""
    from gitsync.services.leasing.looking import all_leases, covering

    ws = _ask(app, options)
    seen = all_leases(ws)
    leases = list(seen.leases)
    if options.mine:
        leases = [one for one in leases if one.holder == ws.me()]
    if options.stale:
        leases = [one for one in leases if seen.locks.standing(one) != "live"]
    if options.on is not None:
        leases = covering(ws, leases, [options.on])
    if app.json:
        _list_json(app, seen.locks, leases)
    elif leases:
        leasewords.table(app, seen.locks, leases)
    else:
        app.out.line("nothing is leased" if not (options.mine or options.stale or options.on)
                     else "no such lease")  # fmt: skip


def run_show(app: App, options: Look) -> None:
    """All of one lease."""
    from gitsync.services.leasing.looking import one_lease

    ws = _ask(app, options)
    seen = one_lease(ws, options.text)
    if app.json:
        _list_json(app, seen.locks, seen.leases)
        return
    for place, lease in enumerate(seen.leases):
        if place:
            app.out.line()
        leasewords.lease_lines(app, seen.locks, lease)


def run_who(app: App, options: Look) -> int:
    """Who holds an artifact; exit code 1 if it is held by somebody else."""
    from gitsync.services.leasing.looking import holders

    ws = _ask(app, options)
    seen = holders(ws, options.text)
    live = [one for one in seen.leases if seen.locks.standing(one) == "live"]
    foreign = bool(live) and live[0].holder != ws.me()
    if app.json:
        _list_json(app, seen.locks, live)
        return 1 if foreign else 0
    if not live:
        app.out.line(f"{options.text} is free")
        return 0
    lease = live[0]
    who = "you" if lease.holder == ws.me() else lease.holder
    note = f": {lease.note}" if lease.note else ""
    app.out.wrapped(f"{options.text} is held by {who} under lease {lease.token}{note}", "  ", "")
    return 1 if foreign else 0


# -- asking ------------------------------------------------------------------------------------


def run_requests(app: App, options: Look) -> None:
    """Who asks for what is leased."""
    from gitsync.services.leasing.asking import requests

    asked = requests(_ask(app, options))
    if options.mine:
        asked = tuple(one for one in asked if one.ours)
    if app.json:
        found = [leasewords.asked_json(one) for one in asked]
        app.out.json(app.document("lock-requests", requests=found))
    elif asked:
        leasewords.asked_table(app, asked)
        if any(one.ours and one.request.answer is None for one in asked):
            app.out.line("answer: gitsync lock answer PROPOSAL allow|deny|wait")
    else:
        app.out.line("nobody asks")


@frozen
class Reply:
    """``request`` is a proposal's name or commit, or LEASE/COMMIT."""

    request: str
    verdict: str
    until: int | None = None
    message: str | None = None


def run_answer(app: App, options: Reply) -> None:
    """Answer a request."""
    from gitsync.codec.records import printable
    from gitsync.services.leasing.asking import AnswerOptions, answer

    if options.until is not None and options.verdict != "wait":
        raise UsageError(
            "lease.answer", "only 'wait' has an end", hint="leave --until out, or answer wait"
        )
    message = printable(options.message or "", 400)
    asked = answer(
        app.ledger(), AnswerOptions(options.request, options.verdict, options.until, message)
    )
    if app.json:
        app.out.json(app.document("lock-requests", requests=[leasewords.asked_json(asked)]))
        return
    then = {"allow": "the witness may merge it", "deny": "the witness will refuse it",
            "wait": "it stays in the queue"}[options.verdict]  # fmt: skip
    app.out.line(f"{asked.name or asked.request.proposal[:12]}: {options.verdict}; {then}")
