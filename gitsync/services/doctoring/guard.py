"""What the home lets anybody do: read from its files, or probed without effect, or not known."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import (
    LOCKS_REF,
    PROPOSALS,
    parse_position,
    position_tag,
    receipts_ref,
    space_branch,
)
from gitsync.services.doctoring.finding import Finding, Kind
from gitsync.storage.protection import ACCEPTED, UNKNOWN, Prober, read_rules
from gitsync.storage.refetch import local_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from gitsync.domain.objects import Oid
    from gitsync.services.doctoring.examination import Examination
    from gitsync.services.workspace import Workspace
    from gitsync.storage.protection import HomeRules
    from gitsync.storage.transport import Remote

AREA = "protection"


@frozen
class Move:
    """Something that nobody should be able to do: to which ref, and how it is asked for."""

    what: str
    verb: str
    spec: str | None

    def finding(self, verdict: str, mend: str) -> Iterator[Finding]:
        """The verdict as one line, where there is anything to say."""
        kind = {ACCEPTED: Kind.UNPROTECTED, UNKNOWN: Kind.UNKNOWN}.get(verdict)
        if kind is not None:
            said = "accepted" if kind is Kind.UNPROTECTED else "accepted or not"
            yield Finding(
                AREA, f"guard.{self.verb}", kind, f"{self.what}: {self.verb} {said}", self.what,
                mend,
            )  # fmt: skip


def protection(exam: Examination) -> Iterator[Finding]:
    """``common``, the notary's refs and the tags cannot be rewound, overwritten or deleted."""
    ws = exam.workspace()
    name = exam.home()
    if name is None:
        if ws.repo.is_bare:
            yield from _by_files(ws.repo.common_dir, ws.space)
        return
    remote = ws.repo.remote(name)
    try:
        refs = remote.list("refs/heads/*", f"refs/tags/{ws.space}@*")
        common = refs.get(space_branch(ws.space))
        if common is None:
            return
        base = f"{PROPOSALS}{ws.domain or 'doctor'}/"
        prober = Prober(remote, common, base, exam.host.random(6).hex())
        prober.reach()
    except GitsyncError as error:
        yield Finding(AREA, error.code, Kind.WRONG, error.message, mend=error.hint)
        return
    folder = local_folder(exam.place, exam.address(name))
    if exam.options.probe:
        yield from _by_probe(ws, remote, refs, prober, folder)
    elif folder is not None:
        yield from _by_files(folder, ws.space)
    else:
        yield Finding(
            AREA, "guard.not-asked", Kind.UNKNOWN,
            f"whether {name} would let anybody rewrite or delete {ws.space}, its tags and receipts",
            name, "gitsync doctor --probe   (tries pushes that cannot take effect)",
        )  # fmt: skip


def moves(space: str, refs: Mapping[str, Oid], ws: Workspace | None = None) -> Iterator[Move]:
    """The moves to ask about, with a refspec where there is one that only goes back."""
    for what, ref in (
        (space, space_branch(space)), ("receipts", receipts_ref(space)), ("locks", LOCKS_REF),
    ):  # fmt: skip
        tip = refs.get(ref)
        parents = ws.facts.commit(tip).parents if ws is not None and tip is not None else ()
        yield Move(what, "force-push", f"{parents[0]}:{ref}" if parents else None)
        yield Move(what, "deletion", f":{ref}" if tip else None)
    prefix = f"refs/tags/{space}@"
    numbers = [
        found[1] for ref in refs
        if ref.startswith(prefix) and (found := parse_position(ref.removeprefix("refs/tags/")))
    ]  # fmt: skip
    newest = position_tag(space, max(numbers)) if numbers else None
    other = refs.get(space_branch(space))
    yield Move("tags", "overwriting", f"{other}:{newest}" if newest and other else None)
    yield Move("tags", "deletion", f":{newest}" if newest else None)


def _by_files(folder: Path, space: str) -> Iterator[Finding]:
    rules = read_rules(folder)
    install = f"gitsync hooks install --bare {folder}"
    for move in moves(space, {}):
        yield from move.finding(_verdict(rules, move), install)
    yield from _upkeep(rules, folder)


def _verdict(rules: HomeRules, move: Move) -> str:
    if move.what == "tags":  # git's own settings speak of branches only
        return {None: ACCEPTED, "foreign": UNKNOWN}.get(rules.hook, "refused")
    return rules.rewinds if move.verb == "force-push" else rules.deletions


def _upkeep(rules: HomeRules, folder: Path) -> Iterator[Finding]:
    if not rules.checked:
        yield Finding(
            AREA, "guard.fsck", Kind.UNPROTECTED, "objects: taken in without a check",
            mend=f"git -C {folder} config receive.fsckObjects true",
        )  # fmt: skip
    if not rules.synced:
        yield Finding(
            AREA, "guard.fsync", Kind.UNPROTECTED,
            "power cuts: refs and objects are acknowledged before they are on disk",
            mend=f"git -C {folder} config core.fsync all",
        )  # fmt: skip
    if rules.foreign_owner is not None:
        yield Finding(
            AREA, "guard.owner", Kind.NOTE,
            f"the home belongs to user {rules.foreign_owner}; a git that does not trust it says"
            " 'dubious ownership'",
            mend=f"git config --global --add safe.directory {folder}",
        )  # fmt: skip


def _by_probe(
    ws: Workspace, remote: Remote, refs: Mapping[str, Oid], prober: Prober, folder: Path | None
) -> Iterator[Finding]:
    mend = "allow pushes to it to the witness alone, in the settings of the remote"
    if folder is not None:
        mend = f"gitsync hooks install --bare {folder}"
    for move in moves(ws.space, refs, ws):
        verdict = prober.try_move(move.spec) if move.spec is not None else UNKNOWN
        yield from move.finding(verdict, mend)
    after = remote.list("refs/heads/*", f"refs/tags/{ws.space}@*")
    moved = [ref for ref, oid in refs.items() if after.get(ref) != oid]
    if moved:
        yield Finding(
            AREA, "guard.moved", Kind.WRONG,
            f"{', '.join(moved[:3])} moved during the probe; if no one else pushed, this remote"
            " does not keep its word on --atomic", mend="gitsync doctor --fix",
        )  # fmt: skip
    if folder is not None:
        yield from _upkeep(read_rules(folder), folder)
