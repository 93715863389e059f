"""``push``: send what is this person's own and has not reached the home yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, GitsyncError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import APPROVALS, MIRROR, NODES, PROPOSALS, person_of
from gitsync.services.refview import note_held
from gitsync.services.sources import fresh_view, known_view, receipts_in
from gitsync.storage.refs import RefUpdate

if TYPE_CHECKING:
    from gitsync.domain.objects import Oid
    from gitsync.services.workspace import Workspace


@frozen
class Pushed:
    """What was sent and what the remote would not take: ref -> reason. ``claimed`` are the tokens
    of leases that were prepared offline and are held now."""

    remote: str | None
    sent: tuple[str, ...]
    refused: tuple[tuple[str, str], ...] = ()
    nothing: bool = False
    claimed: tuple[int, ...] = ()


def own_refs(ws: Workspace) -> dict[str, Oid]:
    """The refs that this clone speaks for: branch, numbered tags, proposals, approvals."""
    me = ws.me()
    person = person_of(me)
    refs = ws.repo.refs.list(
        f"refs/heads/people/{me}",
        f"refs/tags/{me}@*",
        PROPOSALS,
        APPROVALS,
        "refs/heads/gitsync/requests",
        NODES + me,
    )
    mine: dict[str, Oid] = {}
    for ref, oid in refs.items():
        folder = ref.split("/")
        if ref == NODES + me:
            mine[ref] = oid
            continue
        if folder[2] in ("proposals", "approvals") and person_of(folder[3]) != person:
            continue
        if folder[2] == "gitsync" and folder[4] != me:
            continue
        mine[ref] = oid
    return mine


def push(ws: Workspace) -> Pushed:
    """Send every ref of this person's own that the remote lacks or has in an older state.

    One refused ref does not hold up the others. Raises EnvironmentFault ``remote.unreachable``,
    and RemoteRejectedError when the remote refused everything.
    """
    if ws.remote is None:
        return Pushed(None, (), nothing=True)
    remote = ws.repo.remote(ws.remote)
    fresh_view(ws)
    mine = {ref: oid for ref, oid in own_refs(ws).items() if not _answered(ws, ref, oid)}
    numbers = f"refs/tags/{ws.me()}@*"
    there = remote.list(*mine, numbers)
    if any(mine.get(ref) != oid for ref, oid in there.items() if ref.startswith("refs/tags/")):
        # Numbers given out in another clone of this name are not given out here again.
        mirror = f"{MIRROR}{ws.remote}/tags/{ws.me()}@*"
        remote.fetch([f"+{numbers}:{mirror}"])
    updates = [
        RefUpdate(ref, oid, there.get(ref)) for ref, oid in mine.items() if there.get(ref) != oid
    ]
    behind = [one.ref for one in updates if _is_behind(ws, one)]
    updates = [one for one in updates if one.ref not in behind]
    refused = [(ref, _newer(ws, ref)) for ref in behind]
    sent: list[str] = []
    for update in updates:
        try:
            remote.push([update])
            sent.append(update.ref)
        except EnvironmentFault:
            raise
        except GitsyncError as error:
            refused.append((update.ref, error.message))
    back = remote.list(*sent) if sent else {}
    for ref in sent:
        if back.get(ref) != mine[ref]:
            raise EnvironmentFault("home.not-written", f"{ws.remote} does not show {ref} as sent")
    heads = {ref: mine[ref] for ref in sent if ref.startswith("refs/heads/")}
    note_held(ws.repo, ws.remote, heads)
    claimed, unclaimed = _claims(ws)
    return Pushed(
        ws.remote, tuple(sent), (*refused, *unclaimed),
        nothing=not (updates or behind or claimed or unclaimed), claimed=claimed,
    )  # fmt: skip


def _claims(ws: Workspace) -> tuple[tuple[int, ...], list[tuple[str, str]]]:
    """Send the leases that were asked for offline: (tokens, what was refused and why)."""
    from gitsync.services.leasing.claims import kept_claims

    if not kept_claims(ws):
        return (), []
    from gitsync.services.leasing.taking import send_claims

    taken, refused = send_claims(ws)
    return tuple(one.lease.token for one in taken), refused


def _newer(ws: Workspace, ref: str) -> str:
    name = ref.rpartition("/")[2]
    if ref.startswith("refs/tags/"):
        return (
            f"another clone of {ws.me()} has numbered a snapshot {name}; give yours a new number:"
            f" git tag -d {name}, then: gitsync snapshot"
        )
    return f"the remote has newer work of yours: git pull --no-rebase {ws.remote} people/{name}"


def _answered(ws: Workspace, ref: str, oid: Oid) -> bool:
    """Whether a proposal, approval or request has had its answer: the witness has cleared it."""
    folder = ref.split("/")[2]
    if folder == "gitsync":
        return ws.me() in ws.settings().roster.names()
    if folder not in {"proposals", "approvals"}:
        return False
    wanted = oid if folder == "proposals" else ws.facts.record(oid).approves
    if wanted is None:
        return False
    receipt = receipts_in(ws, known_view(ws)).of_commit(wanted)
    return receipt is not None and receipt.yes


def _is_behind(ws: Workspace, update: RefUpdate) -> bool:
    """Whether a branch on the remote has commits that ours lacks; proposals replace freely."""
    if not update.ref.startswith("refs/heads/people/") or update.old is None or update.new is None:
        return update.ref.startswith("refs/tags/") and update.old is not None
    if not ws.facts.store.has(update.old):
        return True
    done = ws.repo.git("merge-base", "--is-ancestor", update.old, update.new, check=False)
    return done.code != 0
