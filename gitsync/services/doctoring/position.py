"""How far this clone has verified: the stored position, and what is derived from it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gitsync.codec.settings import ROSTER
from gitsync.domain.errors import EnvironmentFault, VerificationError
from gitsync.domain.names import space_branch
from gitsync.domain.objects import Oid
from gitsync.services.doctoring.finding import Finding, Kind, Remedy
from gitsync.services.refview import local_view
from gitsync.services.sources import fresh_view, known_view
from gitsync.storage.durable import remove_file
from gitsync.storage.indexhealth import index_fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.services.doctoring.examination import Examination
    from gitsync.services.refview import RefView
    from gitsync.services.workspace import Workspace

AREA = "position"


def stored(exam: Examination) -> Iterator[Finding]:
    """The position is there, can be read, and is the same in both its places."""
    ws = exam.ledger()
    if ws is None:
        return
    try:
        here = ws.position()
    except VerificationError as error:
        remedy = None
        if error.code == "position.damaged":
            remedy = Remedy("verify everything anew", partial(_verify, exam, aside=True))
        yield Finding(
            AREA, error.code, Kind.TORN if remedy else Kind.WRONG, error.message,
            mend=error.hint, remedy=remedy, blocks=True,
        )  # fmt: skip
        return
    again = Remedy("verify everything anew", partial(_verify, exam, aside=False))
    if here is None:
        yield Finding(
            AREA, "position.none", Kind.MISSING, "nothing of this ledger is verified here",
            mend="gitsync verify --full", remedy=again, blocks=True,
        )  # fmt: skip
        return
    there = ws.positions().furthest(here.anchor)
    if there is None or there.number < here.number:
        yield Finding(
            AREA, "position.once", Kind.MISSING,
            "the verified position is kept in this clone only; the copy in your own folder is"
            " gone or older", mend="gitsync doctor --fix",
            remedy=Remedy("write the copy again", partial(_save, ws)),
        )  # fmt: skip


def _save(ws: Workspace) -> str:
    position = ws.verified()
    ws.positions().save(position)
    back = ws.positions().furthest(position.anchor)
    return f"{ws.space}@{position.number} is in both places" if back == position else "not written"


def _verify(exam: Examination, *, aside: bool) -> str:
    """Prove what was fetched, from the first snapshot on, and store how far that goes."""
    from gitsync.services.pulling import verify_view

    ws = exam.workspace()
    if aside:
        exam.put_away(ws.repo.state_dir / f"position-{ws.space}.json")
    verified = verify_view(ws, _view(ws), full=True, known=True)
    return f"verified up to {ws.space}@{verified.state.number}"


def _view(ws: Workspace) -> RefView:
    """What the home shows now, or, offline, what was fetched of it last."""
    try:
        return fresh_view(ws)
    except EnvironmentFault as error:
        if error.code != "remote.unreachable":
            raise
        return known_view(ws)


def follows(exam: Examination) -> Iterator[Finding]:
    """``common``, its tags and the roster's copy are those of the verified position."""
    ws = exam.ledger()
    position = ws.position() if ws is not None else None
    if ws is None or position is None:
        return
    view = local_view(ws.repo, ws.space)
    lost = [number for number in range(1, position.number + 1) if number not in view.tags]
    at = f"{ws.space}@{position.number}"
    again = Remedy("verify what the home shows, and take it over", partial(_again, exam))
    if view.common != position.commit:
        shown = view.common[:12] if view.common else "not there"
        yield Finding(
            AREA, "common.astray", Kind.WRONG,
            f"{space_branch(ws.space)} is {shown}, and {at} was verified ({position.commit[:12]})",
            mend="gitsync pull", remedy=again,
        )  # fmt: skip
    if lost:
        yield Finding(
            AREA, "tags.missing", Kind.MISSING, f"{_some(ws.space, lost)} not tagged here",
            mend="gitsync pull", remedy=again,
        )  # fmt: skip
    entry = _roster(ws)
    path = ws.repo.state_dir / "allowed_signers"
    if entry is not None and (not path.is_file() or path.read_bytes() != entry):
        yield Finding(
            AREA, "roster.copy", Kind.STALE,
            f"stock git checks signatures by an old copy of the roster; it should be that of {at}",
            mend="gitsync pull",
            remedy=Remedy("write it again", partial(_write_roster, ws)),
        )  # fmt: skip


def _some(space: str, numbers: list[int]) -> str:
    shown = ", ".join(f"{space}@{number}" for number in numbers[:3])
    more = f" and {len(numbers) - 3} more" if len(numbers) > 3 else ""
    return f"{shown}{more} {'is' if len(numbers) == 1 else 'are'}"


def _again(exam: Examination) -> str:
    from gitsync.services.pulling import verify_view

    ws = exam.workspace()
    verified = verify_view(ws, _view(ws), known=True)
    return f"{ws.space} and its tags are those of {ws.space}@{verified.state.number}"


def _roster(ws: Workspace) -> bytes | None:
    from gitsync.domain.merge.trees import entry_at

    entry = entry_at(ws.facts, ws.state().tree, ROSTER.encode())
    return ws.facts.blob(Oid(entry[1].hex())) if entry is not None else None


def _write_roster(ws: Workspace) -> str:
    remove_file(ws.repo.state_dir / "allowed_signers")
    ws.write_roster(ws.state())
    return "written again from the verified snapshot"


def index(exam: Examination) -> Iterator[Finding]:
    """The position index can be read and is of this ledger. It may be deleted at any time."""
    ws = exam.ledger()
    if ws is None:
        return
    path = ws.repo.state_dir / "index.db"
    why = index_fault(path, ws.ledger())
    if why is not None:
        yield Finding(
            AREA, "index.damaged", Kind.TORN, f"{exam.place.short(path)}: {why}",
            mend=f"rm {path}", remedy=Remedy("make it anew", partial(_reindex, exam, ws)),
        )  # fmt: skip


def _reindex(exam: Examination, ws: Workspace) -> str:
    from gitsync.services.chain import ready_index

    path = ws.repo.state_dir / "index.db"
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
        if (one := path.with_name(name)).exists():
            exam.put_away(one)
    position, made = ws.verified(), ws.index()
    try:
        ready_index(ws.facts, made, position.anchor, position.number, position.commit)
    finally:
        made.close()
    return f"made anew up to {ws.space}@{position.number}"
