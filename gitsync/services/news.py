"""What is new since one last looked: snapshots of the space, and what others work on.

Everything is verified before it is told. Somebody's branch is told of as far as it differs from
``common``: taking over what has landed is no news of theirs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, GitsyncError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import person_of
from gitsync.services.history import ArtifactDiff, compare
from gitsync.services.pulling import verify_view
from gitsync.services.sources import branches_of_others, fresh_view, known_view, position_told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.domain.objects import Oid
    from gitsync.services.workspace import Workspace


@frozen
class News:
    """An artifact that changed at ``position``: ``common@8``, ``alice@43``, or ``alice`` where she
    has numbered nothing yet."""

    position: str
    change: ArtifactDiff


@frozen
class Trouble:
    """Why there was nothing to be heard: the error's code, and its words."""

    code: str
    why: str


class Follower:
    """Remembers what was seen last. What is there at the beginning is no news."""

    def __init__(self, ws: Workspace) -> None:
        position = ws.position()
        self._number = position.number if position is not None else 0
        self._tips = branches_of_others(ws, known_view(ws))

    def look(self, ws: Workspace) -> Iterator[News | Trouble]:
        """Ask the home, verify what it shows, and tell what is new. Raises nothing of its home's:
        that is trouble, and the next look tries again."""
        try:
            view = fresh_view(ws)
            verified = verify_view(ws, view)
        except EnvironmentFault as error:
            yield Trouble(error.code, error.message)
            return
        except GitsyncError as error:
            yield Trouble(error.code, str(error))
            return
        yield from self._snapshots(ws, verified.state.number)
        yield from self._branches(ws)

    def _snapshots(self, ws: Workspace, newest: int) -> Iterator[News]:
        from gitsync.services.artifacts import tree_at

        for number in range(max(self._number, 1) + 1, newest + 1):
            before, after = (tree_at(ws, f"{ws.space}@{one}") for one in (number - 1, number))
            for change in compare(ws, before, after).artifacts:
                yield News(f"{ws.space}@{number}", change)
        self._number = newest

    def _branches(self, ws: Workspace) -> Iterator[News | Trouble]:
        tips = branches_of_others(ws, known_view(ws))
        for domain, tip in sorted(tips.items()):
            before = self._tips.get(domain)
            if before == tip:
                continue
            try:
                yield from _work(ws, domain, before, tip)
            except GitsyncError as error:
                yield Trouble(error.code, f"{domain}'s branch: {error.message}")
        self._tips = tips


def _work(ws: Workspace, domain: str, before: Oid | None, tip: Oid) -> Iterator[News]:
    """What somebody's branch has newly made different from ``common``."""
    common = ws.state().tree
    commit = ws.facts.commit(tip)
    own = {one.id for one in compare(ws, common, commit.tree).artifacts}
    if not own:
        return
    signer = ws.settings().roster.person(ws.facts.signer(tip).blob)
    if signer != person_of(domain):
        raise VerificationError("ref.not-yours", f"its tip is signed by {signer or 'a stranger'}")
    base = common
    if before is not None and not _landed(ws, before):
        base = ws.facts.commit(before).tree
    for change in compare(ws, base, commit.tree).artifacts:
        if change.id in own:
            yield News(position_told(commit.message, domain), change)


def _landed(ws: Workspace, oid: Oid) -> bool:
    """Whether a commit is part of the ledger: then what it held is what ``common`` held."""
    from gitsync.services.chain import ready_index

    verified = ws.verified()
    index = ws.index()
    try:
        ready_index(ws.facts, index, verified.anchor, verified.number, verified.commit)
        return index.get(oid) is not None
    finally:
        index.close()
