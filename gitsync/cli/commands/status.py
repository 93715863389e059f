"""``gitsync status``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.cli import words
from gitsync.cli.options import define
from gitsync.cli.output import Piece, Styled
from gitsync.cli.text import ago, clean, plural
from gitsync.domain.frozen import frozen

if TYPE_CHECKING:
    from gitsync.cli.app import App
    from gitsync.services.history import ArtifactDiff
    from gitsync.services.otherswork import Work
    from gitsync.services.sources import Reached
    from gitsync.services.status import ProposalState, Status

_MOST = 10
_MOST_DOMAINS = 5
_MOST_ARTIFACTS = 3
_LETTERS = {
    "??": "new",
    "A": "new",
    "M": "changed",
    "D": "deleted",
    "T": "changed",
    "U": "conflict",
}


@frozen
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
    _elsewhere(app, found)
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
    if found.remotes:
        told = (_reached(one, app.host.now()) for one in found.remotes)
        rows.append(("remotes", ", ".join(told)))
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


def _reached(one: Reached, now: float) -> str:
    return f"{one.name} reached {ago(one.at, now)}" if one.at is not None else (
        f"{one.name} never reached"
    )  # fmt: skip


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


def _elsewhere(app: App, found: Status) -> None:
    """What others have on their branches and proposed, and nobody has numbered yet."""
    out = app.out
    if found.work:
        out.line()
        out.line("Others work on:")
        for one in found.work[:_MOST_DOMAINS]:
            said = f"  {one.position}, {ago(one.at, app.host.now())}"
            if one.problem:
                out.wrapped(f"{said}: not to be believed: {one.problem}", "    ", "")
                continue
            out.line(f"{said}, {plural(one.commits, 'commit')}:")
            out.table(("", "", ""), [
                (f"    {change.id}", _what(change), change.title or "-")
                for change in one.artifacts[:_MOST_ARTIFACTS]
            ])  # fmt: skip
            more = len(one.artifacts[_MOST_ARTIFACTS:])
            rest = [plural(more, "more artifact")] if more else []
            rest += [plural(one.files, "other file")] if one.files else []
            if rest:
                out.line("    " + " and ".join(rest))
        more = len(found.work[_MOST_DOMAINS:]) + found.more_work
        if more:
            out.line(f"  and {plural(more, 'domain')} more")
    if found.others:
        out.line()
        out.line("Proposals of others:")
        out.table(("", "", ""), [
            (f"  {one.name}", words.outcome(one.outcome), one.subject)
            for one in found.others[:_MOST]
        ])  # fmt: skip
        if len(found.others) > _MOST:
            out.line(f"  and {len(found.others) - _MOST} more: gitsync proposals")


def _what(change: ArtifactDiff) -> str:
    """What somebody has done to an artifact, in a word or two."""
    if change.before is None or change.after is None:
        if change.after is None:
            return "removed"
        status = change.after.entry.status
        return f"new, {status}" if status else "new"
    before, after = change.before.entry.status, change.after.entry.status
    return f"{before or '-'} -> {after or '-'}" if before != after else after or "changed"


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
        what = "Nothing of yours" if found.work or found.others else "Nothing"
        app.out.line(f"{what} is open: your files are what {found.space} holds.")


def _steps(found: Status) -> list[tuple[str, str]]:
    """What matters most first, three at most."""
    steps: list[tuple[str, str]] = []
    outcomes = {one.outcome: one.name.slug for one in reversed(_open(found))}
    if found.conflicts:
        first = found.conflicts[0]
        steps.append((f"gitsync resolve {first.id or clean(first.path)}", "settle the conflicts"))
        if found.finishing is not None:
            steps.append((found.finishing, "when none is left"))
    if "refused" in outcomes:
        steps.append(
            (f"gitsync receipt {outcomes['refused']}", "why it was refused, and what mends it")
        )
    if found.asked:
        name = found.asked[0].ref.removeprefix("refs/heads/proposals/")
        steps.append((f"gitsync lock answer {name} allow", "or deny, or wait"))
    if not found.conflicts and ((found.behind and not found.pin) or found.offered is not None):
        steps.append(("gitsync pull", "verify and take over what is new"))
    if "queued" in outcomes:
        steps.append(("gitsync push", "send what is queued"))
    if not found.conflicts and (found.changes or found.unproposed):
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
        work=[_work_json(one) for one in found.work],
        more_work=found.more_work,
        others=[words.proposal_json(one) for one in found.others],
        remotes=[
            {
                "name": one.name,
                "home": one.home,
                "reached": None if one.at is None else moment(one.at),
            }
            for one in found.remotes
        ],
        next=[command for command, _ in _steps(found)] if found.number is not None else [],
    )


def _work_json(one: Work) -> dict[str, object]:
    from gitsync.codec.receipts import moment

    return {
        "domain": one.domain, "position": one.position if "@" in one.position else None,
        "commit": one.commit, "at": moment(one.at), "commits": one.commits,
        "artifacts": [_change_json(change) for change in one.artifacts],
        "files": one.files, "problem": one.problem,
    }  # fmt: skip


def _change_json(change: ArtifactDiff) -> dict[str, object]:
    newest, before = change.after or change.before, change.before
    made = "new" if before is None else "removed" if change.after is None else "changed"
    entry = newest.entry if newest is not None else None
    return {
        "id": change.id, "path": newest.path if newest else None, "change": made,
        "before": before.entry.status if before else None,
        "status": change.after.entry.status if change.after else None,
        "owner": entry.owner if entry else None, "title": change.title,
    }  # fmt: skip


command = define(
    "status",
    run,
    Options,
    help="""Show where you stand: position, work not proposed yet, answers, what is new, what others
    work on, and when each remote last answered.

    Asks no remote, and works before init.""",
    example="gitsync status\ngitsync status --json",
    fresh=True,
)
