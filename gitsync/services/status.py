"""``status``, ``proposals`` and ``log``: what a person needs to see, read and never changed."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from gitsync.codec import trailers
from gitsync.codec.records import printable, read_snapshot
from gitsync.domain.errors import EnvironmentFault, GitsyncError, RefusedError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.history import incoming
from gitsync.domain.names import ProposalName, parse_proposal_ref, people_branch, person_of
from gitsync.domain.records import WITHDRAWAL, Receipt
from gitsync.services.chain import ready_index
from gitsync.services.leasing.glance import own_leases
from gitsync.services.sources import (
    branches_of_others,
    known_view,
    receipts_in,
    remotes_reached,
)
from gitsync.services.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.domain.leases.values import Lease
    from gitsync.domain.leases.values import Request as LeaseRequest
    from gitsync.domain.objects import Oid
    from gitsync.services.host import Host
    from gitsync.services.otherswork import Work
    from gitsync.services.receiptbook import ReceiptBook
    from gitsync.services.refview import RefView
    from gitsync.services.resolving import Conflicted
    from gitsync.services.sources import Reached

_UNBOUNDED = 1 << 40
_OPEN = frozenset({"pending", "received", "waiting"})


@frozen
class ProposalState:
    """A proposal as far as this clone knows. ``outcome`` is a receipt's, or ``queued`` (not at
    the home yet) or ``pending`` (there, unanswered)."""

    name: ProposalName
    commit: Oid
    subject: str
    outcome: str
    receipt: Receipt | None
    mine: bool


@frozen
class Status:
    """Where a clone stands. ``domain`` None: not set up yet; ``head`` is the branch checked out.

    ``behind`` counts verified snapshots that the branch does not hold, ``ahead`` own commits that
    are not in the ledger, ``unproposed`` those of them that no proposal holds either; ``offered``
    is the number that the remote showed last; ``seen`` when it was last verified, in seconds since
    the epoch. ``leases`` are this clone's own, ``asked`` requests that wait for its answer.
    ``work`` is what others have on their branches, ``more_work`` counts the branches that it leaves
    out; ``others`` are their proposals that have no final answer.
    """

    repository: bool
    domain: str | None = None
    space: str = "common"
    anchor: Oid | None = None
    number: int | None = None
    seen: int | None = None
    pin: str | None = None
    remote: str | None = None
    head: str | None = None
    on_branch: bool = False
    changes: tuple[tuple[str, str], ...] = ()
    ahead: int = 0
    unproposed: int = 0
    behind: int = 0
    offered: int | None = None
    proposals: tuple[ProposalState, ...] = ()
    requests: tuple[str, ...] = ()
    conflicts: tuple[Conflicted, ...] = ()
    finishing: str | None = None
    leases: tuple[Lease, ...] = ()
    asked: tuple[LeaseRequest, ...] = ()
    work: tuple[Work, ...] = ()
    more_work: int = 0
    others: tuple[ProposalState, ...] = ()
    remotes: tuple[Reached, ...] = ()


def status(host: Host) -> Status:
    """The state of the clone that the host's folder lies in; works before there is one."""
    try:
        ws = Workspace.open(host)
    except EnvironmentFault as error:
        if error.code != "repo.missing":
            raise
        return Status(repository=False)
    with ws.repo.few_objects():
        return _status(ws)


def _status(ws: Workspace) -> Status:
    changed = _Changes(ws)
    changed.start()
    head = ws.repo.head()
    position = ws.position()
    if ws.domain is None or position is None:
        return Status(
            repository=True,
            domain=ws.domain,
            head=head,
            changes=changed.found(),
            remote=ws.remote,
            anchor=ws.anchor,
        )
    view = known_view(ws)
    offers, others = _offers(ws, view)
    ahead, unproposed, behind = _distance(ws, tuple(one.commit for one in offers))
    leases, asked = own_leases(ws)
    offered = None
    if (
        view.common is not None
        and view.common != position.commit
        and ws.facts.store.has(view.common)
    ):
        # What is no snapshot is for pull to refuse, with its reasons.
        with suppress(GitsyncError):
            offered = read_snapshot(ws.facts.commit(view.common).message).number
    work, more_work = _work(ws, view)
    return Status(
        repository=True,
        domain=ws.domain,
        space=ws.space,
        anchor=position.anchor,
        number=position.number,
        seen=position.seen,
        pin=ws.repo.config("gitsync.pin"),
        remote=ws.remote,
        head=head,
        on_branch=head == people_branch(ws.domain),
        changes=changed.found(),
        ahead=ahead,
        unproposed=unproposed,
        behind=behind,
        offered=offered,
        proposals=offers,
        requests=_asking(ws, view),
        conflicts=(open_here := _conflicts(ws, changed.found())),
        finishing=_finishing(ws) if open_here else None,
        leases=leases,
        asked=asked,
        work=work,
        more_work=more_work,
        others=others,
        remotes=remotes_reached(ws),
    )


def _work(ws: Workspace, view: RefView) -> tuple[tuple[Work, ...], int]:
    tips = branches_of_others(ws, view)
    if not tips:
        return (), 0
    from gitsync.services.otherswork import work_of_others

    return work_of_others(ws, tips)


class _Changes(threading.Thread):
    """Looks at the files by git's own process while the rest is read in this one."""

    def __init__(self, ws: Workspace) -> None:
        super().__init__(daemon=True)
        self._ws = ws
        self._changes: tuple[tuple[str, str], ...] = ()
        self._error: GitsyncError | None = None

    def run(self) -> None:
        """See Thread."""
        if self._ws.repo.work_tree is None:
            return
        try:
            self._changes = tuple(self._ws.work_tree().changes())
        except GitsyncError as error:
            self._error = error

    def found(self) -> tuple[tuple[str, str], ...]:
        """The changes. Raises what git could not do."""
        self.join()
        if self._error is not None:
            raise self._error
        return self._changes


def _finishing(ws: Workspace) -> str | None:
    from gitsync.services.resolving import finishing

    return finishing(ws)


def _conflicts(ws: Workspace, changes: tuple[tuple[str, str], ...]) -> tuple[Conflicted, ...]:
    """What is in conflict: looked at only where git's listing says so."""
    if not any("U" in letters or letters in ("AA", "DD") for letters, _ in changes):
        return ()
    from gitsync.services.resolving import conflicts

    return conflicts(ws)


def _asking(ws: Workspace, view: RefView) -> tuple[str, ...]:
    """Who asks to join with a sound request."""
    if not view.requests:
        return ()
    from gitsync.services.rosters import requests

    return tuple(one.name for one in requests(ws, view)[0])


def _distance(ws: Workspace, offered: tuple[Oid, ...]) -> tuple[int, int, int]:
    """(own commits that are not in the ledger, those of them that are not ``offered`` either, none
    where all that they say is in it, verified snapshots that the branch lacks)."""
    position = ws.verified()
    tip = ws.repo.refs.get(people_branch(ws.me()))
    if tip is None:
        return 0, 0, position.number
    if tip == position.commit:
        return 0, 0, 0
    index = ws.index()
    try:
        ready_index(ws.facts, index, position.anchor, position.number, position.commit)
        new = incoming(ws.facts, index, [tip], limit=_UNBOUNDED)
        reached = max((place[1] for one in new.frontier if (place := index.get(one))), default=0)
        said = ws.facts.commit(tip).tree == ws.facts.commit(position.commit).tree
        unproposed = set() if said else set(new.commits)
        for oid in offered:
            with suppress(RefusedError):  # one of another history holds nothing of ours
                unproposed -= set(incoming(ws.facts, index, [oid], limit=_UNBOUNDED).commits)
    finally:
        index.close()
    return len(new.commits), len(unproposed), position.number - reached


def proposals(ws: Workspace, view: RefView, *, mine_only: bool) -> list[ProposalState]:
    """Pending proposals and what is known of their answers, in the order of their names."""
    book = receipts_in(ws, view)
    return [
        _state(ws, view, book, name, tip, mine)
        for name, tip, mine in _tips(ws, view)
        if mine or not mine_only
    ]


def _offers(
    ws: Workspace, view: RefView
) -> tuple[tuple[ProposalState, ...], tuple[ProposalState, ...]]:
    """(one's own proposals, those of others that still wait for their final answer)."""
    own: list[ProposalState] = []
    others: list[ProposalState] = []
    book = receipts_in(ws, view)
    for name, tip, mine in _tips(ws, view):
        try:
            found = _state(ws, view, book, name, tip, mine)
        except GitsyncError:
            if mine:
                raise
            continue  # what others have pushed there is for the witness to refuse
        if mine:
            own.append(found)
        elif found.outcome in _OPEN:
            others.append(found)
    return tuple(own), tuple(others)


def _tips(ws: Workspace, view: RefView) -> Iterator[tuple[ProposalName, Oid, bool]]:
    """(name, commit, whether it is one's own) of every proposal; of one's own as they are here."""
    me = person_of(ws.me())
    here = ws.repo.refs.list("refs/heads/proposals/")
    local = {
        name: oid for ref, oid in here.items() if (name := parse_proposal_ref(ref)) is not None
    }
    for name in sorted({*view.proposals, *local}):
        mine = person_of(name.domain) == me
        tip = local.get(name, view.proposals.get(name)) if mine else view.proposals.get(name)
        if tip is not None and ws.facts.store.has(tip):
            yield name, tip, mine


def _state(
    ws: Workspace, view: RefView, book: ReceiptBook, name: ProposalName, tip: Oid, mine: bool  # noqa: FBT001 - a value of the result
) -> ProposalState:  # fmt: skip
    receipt = book.of_commit(tip)
    if receipt is not None:
        outcome = receipt.outcome
    elif view.proposals.get(name) == tip:
        outcome = "pending"
    else:
        outcome = "queued"
    if ws.facts.record(tip).kind == WITHDRAWAL and receipt is None:
        outcome = "withdrawn"
    subject = printable(trailers.subject(ws.facts.commit(tip).message))
    return ProposalState(name, tip, subject, outcome, receipt, mine)


@frozen
class LogEntry:
    """One snapshot of the chain: ``at`` is its committer date in seconds since the epoch.

    ``evidence`` are the approvals that counted: (person, commit); ``leases`` the tokens of the
    proposer's own leases that it was made under.
    """

    space: str
    number: int
    commit: Oid
    proposal: Oid | None
    name: ProposalName | None
    author: str
    subject: str
    evidence: tuple[tuple[str, Oid], ...]
    at: int
    leases: tuple[int, ...] = ()

    @property
    def approvals(self) -> tuple[str, ...]:
        """Who approved."""
        return tuple(person for person, _ in self.evidence)


def log(ws: Workspace, *, limit: int, start: str | None = None) -> list[LogEntry]:
    """The newest ``limit`` verified snapshots, or those up to ``start``, newest first."""
    from gitsync.services.artifacts import commit_at

    oid: Oid | None = commit_at(ws, start) if start else ws.verified().commit
    entries: list[LogEntry] = []
    while oid is not None and len(entries) < limit:
        commit = ws.facts.commit(oid)
        record = read_snapshot(commit.message)
        title = printable(trailers.subject(commit.message))
        entries.append(
            LogEntry(
                record.space,
                record.number,
                oid,
                record.proposal,
                record.name,
                printable(commit.author.name.decode("utf-8", "replace")),
                title.partition(": ")[2],
                tuple((one.person, one.commit) for one in record.approvals),
                commit.committer.seconds,
                record.leases,
            )
        )
        oid = commit.parents[0] if commit.parents else None
    return entries
