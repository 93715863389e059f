"""``gitsync status``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitsync.cli import words
from gitsync.cli.options import define
from gitsync.cli.output import Piece, Styled
from gitsync.cli.text import ago, clean, plural

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.status import ProposalState, Status

_MOST = 10
_LETTERS = {
    "??": "new",
    "A": "new",
    "M": "changed",
    "D": "deleted",
    "T": "changed",
    "U": "conflict",
}


@dataclass(frozen=True, slots=True)
class Options:
    """Nothing to choose."""


def run(app: App, _options: Options) -> None:
    """Say where this clone stands."""
    from gitsync.services.status import status

    found = status(app.host)
    if app.json:
        app.out.json(_document(app, found))
        return
    if found.domain is None or found.number is None:
        _before(app, found)
        return
    _standing(app, found)
    _work(app, found)
    _leases(app, found)
    _others(app, found)
    steps = _steps(found)
    if steps:
        app.out.steps("Next:", steps)


def _before(app: App, found: Status) -> None:
    """Not set up yet, or nothing verified yet."""
    if not found.repository:
        app.out.line(f"{app.host.cwd} is in no git repository")
    elif found.domain is None:
        app.out.line("this repository is not set up for gitsync")
    else:
        app.out.line(f"{found.domain} is set up here, but nothing is verified yet")
        app.out.steps("Next:", [("gitsync pull", "fetch and verify the ledger")])
        return
    app.out.steps(
        "Next:",
        [
            ("gitsync init --name YOU", "found a ledger here"),
            ("gitsync join URL DIR --name YOU", "or join one that exists"),
        ],
    )


def _standing(app: App, found: Status) -> None:
    space = found.space
    rows: list[tuple[str, Piece]] = [
        ("you", f"{found.domain}, home {found.remote or 'is this repository'}"),
        ("position", f"{space}@{found.number}, verified {ago(found.seen or 0, app.host.now())}"),
    ]
    if found.pin:
        rows.append(("pinned", f"{found.pin}: files stay there until gitsync pin --off"))
    if not found.on_branch:
        head = (found.head or "a commit").removeprefix("refs/heads/")
        rows.append(("branch", Styled(f"{head}, not people/{found.domain}", "yellow")))
    news = []
    if found.offered is not None and found.offered > (found.number or 0):
        news.append(f"{space}@{found.offered} was fetched and is not verified yet")
    if found.behind:
        news.append(f"{plural(found.behind, 'snapshot')} of {space} not in your branch yet")
    rows += [("new" if at == 0 else "", one) for at, one in enumerate(news)]
    app.out.fields(rows)


def _work(app: App, found: Status) -> None:
    out = app.out
    if found.changes:
        out.line()
        out.line(f"Not in a snapshot yet ({plural(len(found.changes), 'file')}):")
        for letters, path in found.changes[:_MOST]:
            kind = _LETTERS.get(letters) or _LETTERS.get(letters.strip()[:1], "changed")
            out.line("  ", Styled(f"{kind:9}", "red") if kind == "conflict" else f"{kind:9}", path)
        if len(found.changes) > _MOST:
            out.line(f"  and {len(found.changes) - _MOST} more")
    if found.conflicts:
        from gitsync.cli.commands.resolve import conflict_lines

        out.line()
        out.line(f"In conflict ({plural(len(found.conflicts), 'file')}):")
        conflict_lines(app, found.conflicts, _MOST)
    if found.unproposed:
        out.line()
        out.line(f"Not proposed yet: {plural(found.unproposed, 'commit')} on your branch")
    mine = _open(found)
    if mine:
        out.line()
        out.line("Your proposals:")
        rows = [
            ("  " + one.name.slug, words.outcome(words.state(one)),
             one.receipt.why if one.receipt else one.subject)
            for one in mine[:_MOST]
        ]  # fmt: skip
        out.table(("", "", ""), rows)
        if len(mine) > _MOST:
            out.line(f"  and {len(mine) - _MOST} more: gitsync proposals")


def _open(found: Status) -> list[ProposalState]:
    """One's proposals that may still need something: not those that one took back."""
    return [one for one in found.proposals if words.state(one) != words.WITHDRAWN]


def _asking(found: Status) -> list[str]:
    """Who else asks to join."""
    return [name for name in found.requests if name != found.domain]


def _leases(app: App, found: Status) -> None:
    """What is held here, and who asks for it."""
    if found.leases:
        app.out.line()
        app.out.line("You hold:")
        app.out.table(
            ("", ""),
            [(f"  lease {one.token}", ", ".join(one.subjects)) for one in found.leases[:_MOST]],
        )
    for one in found.asked[:_MOST]:
        name = one.ref.removeprefix("refs/heads/proposals/")
        app.out.line(Styled(f"  {one.asker} asks", "yellow"), f" for lease {one.token} with {name}")


def _others(app: App, found: Status) -> None:
    if found.domain in found.requests:
        app.out.line()
        app.out.line("You have asked to join, and nobody has admitted you yet.")
    asking = _asking(found)
    if asking:
        app.out.line()
        app.out.wrapped("Asking to join: " + ", ".join(asking), "  ", "")
    clean = not (found.changes or found.unproposed or _open(found) or found.requests or found.asked)
    if clean and not found.behind:
        app.out.line()
        app.out.line(f"Nothing is open: your files are what {found.space} holds.")


def _steps(found: Status) -> list[tuple[str, str]]:
    """What matters most first, three at most."""
    steps: list[tuple[str, str]] = []
    outcomes = {one.outcome: one.name.slug for one in reversed(_open(found))}
    if found.conflicts:
        first = found.conflicts[0]
        steps.append((f"gitsync resolve {first.id or clean(first.path)}", "settle the conflicts"))
        steps.append(("git commit", "when none is left"))
    if "refused" in outcomes:
        steps.append(
            (f"gitsync receipt {outcomes['refused']}", "why it was refused, and what mends it")
        )
    if found.asked:
        name = found.asked[0].ref.removeprefix("refs/heads/proposals/")
        steps.append((f"gitsync lock answer {name} allow", "or deny, or wait"))
    if (found.behind and not found.pin) or found.offered is not None:
        steps.append(("gitsync pull", "verify and take over what is new"))
    if "queued" in outcomes:
        steps.append(("gitsync push", "send what is queued"))
    if found.changes or found.unproposed:
        steps.append(("gitsync propose", "submit your work"))
    if found.domain in found.requests:
        steps.append(("gitsync pull", "once a member has admitted you"))
    elif found.requests:
        steps.append(
            (f"gitsync roster admit {found.requests[0]}", "after comparing the fingerprint")
        )
    return steps[:3]


def _document(app: App, found: Status) -> dict[str, object]:
    from gitsync.cli.commands.resolve import conflict_json
    from gitsync.codec.receipts import moment

    space = found.space

    def at(number: int | None) -> str | None:
        return None if number is None else f"{space}@{number}"

    return app.document(
        "status",
        repository=found.repository,
        domain=found.domain,
        ledger=found.anchor,
        position=at(found.number),
        verified_at=None if found.seen is None else moment(found.seen),
        pin=found.pin,
        remote=found.remote,
        branch=found.head,
        on_branch=found.on_branch,
        changes=[{"state": letters, "path": path} for letters, path in found.changes],
        ahead=found.ahead,
        unproposed=found.unproposed,
        behind=found.behind,
        offered=at(found.offered),
        proposals=[words.proposal_json(one) for one in found.proposals],
        leases=[
            {"token": one.token, "subjects": list(one.subjects), "note": one.note or None}
            for one in found.leases
        ],
        asked=[
            {"token": one.token, "asker": one.asker, "ref": one.ref, "proposal": one.proposal}
            for one in found.asked
        ],
        requests=list(found.requests),
        conflicts=[conflict_json(one) for one in found.conflicts],
        next=[command for command, _ in _steps(found)] if found.number is not None else [],
    )


command = define(
    "status",
    run,
    Options,
    help="""Show where you stand: position, work not proposed yet, answers, what is new.

    Asks no remote, and works before init.""",
    example="gitsync status\ngitsync status --json",
    fresh=True,
)
