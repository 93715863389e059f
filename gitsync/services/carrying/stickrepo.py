"""A bare repository on a stick: a copy of the ledger that travels, without bundles.

What it shows is held against the ledger like a bundle, in quarantine; what it lacks is pushed to
it. It acknowledges nothing: it is asked each time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.carrying import Change, Fate
from gitsync.domain.errors import EnvironmentFault, GitsyncError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import position_tag, space_branch
from gitsync.services.carrying.arrival import Arrival
from gitsync.services.carrying.holding import held, kind_of
from gitsync.services.carrying.shelf import Shelf
from gitsync.services.carrying.taking import reopened, settle
from gitsync.services.chain import number_of
from gitsync.storage import gitcli
from gitsync.storage.quarantine import quarantine
from gitsync.storage.refs import RefUpdate

if TYPE_CHECKING:
    from pathlib import Path

    from gitsync.domain.objects import Oid
    from gitsync.services.carrying.holding import Held
    from gitsync.services.workspace import Workspace
    from gitsync.storage.quarantine import Quarantine
    from gitsync.storage.transport import Remote

TAGS_A_PUSH = 500


@frozen
class RepoSynced:
    """What became of a repository: refs taken, refs sent, or why nothing of it was taken."""

    path: Path
    taken: tuple[str, ...] = ()
    sent: tuple[str, ...] = ()
    before: int = 0
    after: int = 0
    code: str = ""
    problem: str = ""


def repositories(folder: Path) -> list[Path]:
    """The bare repositories in a folder, and the folder itself if it is one."""
    candidates = [folder, *sorted(one for one in folder.iterdir() if one.is_dir())]
    return [one for one in candidates if (one / "objects").is_dir() and (one / "HEAD").is_file()]


def sync_repository(ws: Workspace, path: Path) -> RepoSynced:
    """Take what is new in a repository, then bring it up to this clone. Its faults are told, and
    stop nothing; a foreign owner is explained with git's own remedy."""
    shelf = Shelf.of(ws)
    before = ws.verified().number
    try:
        with shelf.lock(ws):
            taken = _take(ws, shelf, path)
        ws = reopened(ws)
        sent = _send(ws, path)
    except GitsyncError as error:
        code, said = error.code, str(error)
        if "dubious ownership" in said:
            code = "repo.foreign-owner"
            said = (
                f"git does not trust {path}: it belongs to another user; if you do:"
                f" git config --global --add safe.directory {path}"
            )
        return RepoSynced(path, before=before, after=before, code=code, problem=said)
    return RepoSynced(path, taken, sent, before, ws.verified().number)


def _take(ws: Workspace, shelf: Shelf, path: Path) -> tuple[str, ...]:
    shown = _shown(ws, path)
    common = shown.get(space_branch(ws.space))
    if common is None:
        if shown:
            raise EnvironmentFault("common.missing", f"{path} has no branch {ws.space}")
        return ()
    here = held(ws)
    changes = [
        Change(ref, oid, None) for ref, oid in sorted(shown.items())
        if here.refs.get(ref) != oid and ref != space_branch(ws.space)
    ]  # fmt: skip
    if not changes and common == here.refs.get(space_branch(ws.space)):
        return ()
    with quarantine(shelf.quarantine, ws.repo.common_dir / "objects") as apart:
        _fetch(apart, path, [common, *(one.new for one in changes if one.new is not None)])
        arrival = Arrival(ws, apart, here, ws.ledger(), path.name)
        judged = arrival.judge(changes, common, number_of(apart.facts, common))
        try:
            new = [one.change.ref for one in judged.verdicts if one.fate is Fate.NEW]
            if judged.verified is not None or new:
                apart.release()
                settle(reopened(ws), here, judged)
        finally:
            judged.verifier.index.close()
    return tuple(new)


def _shown(ws: Workspace, path: Path) -> dict[str, Oid]:
    listed = _remote(ws, path).list()
    return {ref: oid for ref, oid in listed.items() if kind_of(ref, ws.space) is not None}


def _remote(ws: Workspace, path: Path) -> Remote:
    return ws.repo.remote(str(path))


def _fetch(apart: Quarantine, path: Path, wanted: list[Oid]) -> None:
    """Bring objects into quarantine by stock git, with its checks; refs there are thrown away."""
    args = [*gitcli.SYNCED, "-c", "fetch.unpackLimit=1", "-c", "fetch.fsckObjects=true"]
    args += ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc", "--stdin"]
    lines = "".join(f"{oid}:refs/new/{at}\n" for at, oid in enumerate(wanted)).encode()
    done = gitcli.run([*args, str(path)], cwd=apart.git_dir, stdin=lines, check=False)
    if done.code != 0:
        raise gitcli.GitError(["fetch"], done)


def _send(ws: Workspace, path: Path) -> tuple[str, ...]:
    """Push what the repository lacks, the chain as one; never anything back."""
    remote, here = _remote(ws, path), held(ws)
    there = remote.list()
    chain, tags, own = _lacking(ws, here, there)
    remote.push(chain)
    for start in range(0, len(tags), TAGS_A_PUSH):
        remote.push(tags[start : start + TAGS_A_PUSH])
    sent = [one.ref for one in (*chain, *tags)]
    for update in own:
        try:
            remote.push([update])
        except EnvironmentFault:
            raise
        except GitsyncError:
            continue
        sent.append(update.ref)
    back = remote.list()
    lost = [ref for ref in sent if back.get(ref) != here.refs.get(ref)]
    if lost:
        raise EnvironmentFault("home.not-written", f"{path} does not show {lost[0]} as sent")
    return tuple(sent)


def _lacking(
    ws: Workspace, here: Held, there: dict[str, Oid]
) -> tuple[list[RefUpdate], list[RefUpdate], list[RefUpdate]]:
    """(the chain's refs, its tags, people's refs) that the repository has not or has older."""
    from gitsync.services.carrying.holding import CHAIN

    position = here.position
    numbered = position_tag(ws.space, 1).removesuffix("1")
    chain, tags, own = [], [], []
    for ref, oid in here.refs.items():
        old = there.get(ref)
        if old == oid:
            continue
        update = RefUpdate(ref, oid, old)
        kind = kind_of(ref, ws.space)
        if ref.startswith(numbered):
            if old is None and position is not None:
                tags.append(update)
        elif old is not None and not _is_forward(ws, old, oid):
            continue
        elif kind is not None and kind.kind in CHAIN:
            chain.append(update)
        else:
            own.append(update)
    return chain, tags, own


def _is_forward(ws: Workspace, old: Oid, new: Oid) -> bool:
    if not ws.facts.store.has(old):
        return False
    return ws.repo.git("merge-base", "--is-ancestor", old, new, check=False).code == 0
