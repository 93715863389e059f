"""Where this clone reads the ledger from and sends its own refs to: a remote, or itself."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from gitsync.codec import trailers
from gitsync.codec.records import DOMAIN, NUMBER
from gitsync.domain.errors import EnvironmentFault, GitsyncError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.services.chain import number_of
from gitsync.services.refview import (
    CARRIED,
    RefView,
    fetch_view,
    local_view,
    mirrored_view,
    note_held,
    view_of,
)
from gitsync.storage.durable import make_folder, write_atomic
from gitsync.storage.refs import RefUpdate

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.objects import Oid
    from gitsync.services.receiptbook import ReceiptBook
    from gitsync.services.workspace import Workspace


def fresh_view(ws: Workspace) -> RefView:
    """The ledger's refs as they are now. Raises EnvironmentFault ``remote.unreachable``."""
    if ws.remote is None:
        return local_view(ws.repo, ws.space)
    homeless = _without_home(ws, ws.remote)
    if homeless is not None:
        raise homeless
    view = fetch_view(ws.repo, ws.repo.remote(ws.remote), ws.space)
    note_heard(ws, ws.remote)
    return view


def _without_home(ws: Workspace, remote: str) -> EnvironmentFault | None:
    """Why nobody can be asked, if that is known beforehand: this clone lives on bundles, or its
    remote was removed."""
    code = "remote.unreachable"
    if ws.stick is not None:
        return EnvironmentFault(
            code, "the home is a stick",
            hint=f"news comes and goes by bundle:\ngitsync bundle sync {bundles_in(ws.stick)}",
        )  # fmt: skip
    named = remote.replace("-", "").replace("_", "").isalnum()
    if named and ws.repo.config(f"remote.{remote}.url") is None:
        return EnvironmentFault(
            code, f"no home is set: git knows no remote {remote}",
            hint=f"git remote add {remote} URL",
        )  # fmt: skip
    return None


def bundles_in(stick: Path) -> str:
    """A stick as an argument in a shell: its folder, if it is there."""
    return shlex.quote(str(stick)) if stick.is_dir() else "DIR"


def note_heard(ws: Workspace, remote: str) -> None:
    """Remember that a remote has answered just now; a cut may forget it."""
    make_folder(ws.repo.state_dir)
    write_atomic(_heard_file(ws, remote), f"{ws.host.seconds()}\n".encode(), sync=False)


def _heard_file(ws: Workspace, remote: str) -> Path:
    return ws.repo.state_dir / f"heard-{quote(remote, safe='')}"


def heard_at(ws: Workspace, remote: str) -> int | None:
    """When a remote last answered, in seconds since the epoch; None if not known."""
    try:
        return int(_heard_file(ws, remote).read_text("ascii"))
    except (OSError, ValueError):
        return None


@frozen
class Reached:
    """A remote of this clone: its name, whether it is the home, and when it last answered to a
    fetch or took what was sent, in seconds since the epoch; None if it never did."""

    name: str
    home: bool
    at: int | None


def remotes_reached(ws: Workspace) -> tuple[Reached, ...]:
    """The home first, then the copies by name; asks none of them."""
    names = sorted({*ws.repo.remotes(), *([ws.remote] if ws.remote else [])})
    found = [Reached(name, name == ws.remote, heard_at(ws, name)) for name in names]
    return tuple(sorted(found, key=lambda one: not one.home))


def known_view(ws: Workspace) -> RefView:
    """The ledger's refs as last seen, without asking a remote."""
    if ws.remote is None:
        return local_view(ws.repo, ws.space)
    view = mirrored_view(ws.repo, ws.remote, ws.space)
    carried = ws.repo.refs.list(CARRIED)
    return _with_carried(ws, view, carried) if carried else view


def _with_carried(ws: Workspace, view: RefView, carried: dict[str, Oid]) -> RefView:
    """A view of a remote, and what came by bundle since it was heard: the chain as verified, and
    the refs of people that the remote has not shown."""
    refs = {"refs/" + ref.removeprefix(CARRIED): oid for ref, oid in carried.items()}
    other = view_of(ws.space, view.source, refs)
    found = replace(
        view,
        proposals={**other.proposals, **view.proposals},
        approvals={**other.approvals, **view.approvals},
        requests={**other.requests, **view.requests},
    )
    position = ws.position()
    if position is None or _reached(ws, view) >= position.number:
        return found
    return replace(
        found, common=position.commit, receipts=position.receipts, locks=position.locks,
        tags=local_view(ws.repo, ws.space).tags,
    )  # fmt: skip


def _reached(ws: Workspace, view: RefView) -> int:
    """The number that the newest snapshot of a view states, 0 where it shows none."""
    try:
        return number_of(ws.facts, view.common) if view.common is not None else 0
    except GitsyncError:
        return 0


def branches_of_others(ws: Workspace, view: RefView) -> dict[str, Oid]:
    """Domain -> tip of everybody else's branch in a view."""
    return {domain: tip for domain, tip in view.people.items() if domain != ws.me()}


def position_told(message: bytes, domain: str) -> str:
    """``alice@43`` if a commit says that it is that snapshot of ``alice``, else ``alice``."""
    found = trailers.parse(message)
    numbers = found.all(NUMBER)
    numbered = found.all(DOMAIN) == [domain] and len(numbers) == 1
    return f"{domain}@{numbers[0]}" if numbered else domain


def receipts_in(ws: Workspace, view: RefView) -> ReceiptBook:
    """The receipts of a view, after checking that a witness signed their newest commit.

    Those that came with the verified position have been checked with it.

    Raises VerificationError ``receipts.unknown-key``, EnvironmentFault ``position.none``.
    """
    from gitsync.services.receiptbook import ReceiptBook

    known = ws.verified().receipts
    if view.receipts is not None and view.receipts != known:
        from gitsync.domain.ledger.snapshot import witness_name

        settings = ws.settings()
        key = ws.facts.signer(view.receipts)
        if witness_name(settings.policy, settings.roster, key) is None:
            raise VerificationError(
                "receipts.unknown-key",
                f"the receipts on {view.source} are signed by {key.fingerprint}, no witness",
                hint="if the witness changed its key, verify what is new first: gitsync pull",
            )
    return ReceiptBook(ws.facts, view.receipts)


def send(ws: Workspace, moves: dict[str, Oid | None]) -> bool:
    """Put refs of this person's own on the home: ref -> new id, or None to delete.

    Returns False when there is a remote and it cannot be reached: then the local refs are the
    queue, and ``gitsync push`` sends them later. Each ref replaces whatever the home holds, read
    just before; raises RefsMovedError when it moved in between, RemoteRejectedError when refused.
    """
    if ws.remote is None or not moves:
        return True
    if _without_home(ws, ws.remote) is not None:
        return False
    remote = ws.repo.remote(ws.remote)
    try:
        there = remote.list(*moves)
        updates = [
            RefUpdate(ref, new, there.get(ref))
            for ref, new in moves.items()
            if there.get(ref) != new
        ]
        remote.push(updates)
        back = remote.list(*moves)
    except EnvironmentFault as error:
        if error.code == "remote.unreachable":
            return False
        raise
    for ref, new in moves.items():
        if back.get(ref) != new:
            raise EnvironmentFault("home.not-written", f"{ws.remote} does not show {ref} as sent")
    note_held(ws.repo, ws.remote, moves)
    return True


def keep(ws: Workspace, moves: dict[str, Oid | None], message: str) -> None:
    """Set refs in this repository, whatever they hold now; None deletes."""
    here = ws.repo.refs.list(*moves)
    ws.repo.refs.transact(
        [RefUpdate(ref, new, here.get(ref)) for ref, new in moves.items() if here.get(ref) != new],
        message=message,
    )
