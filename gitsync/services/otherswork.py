"""What others work on: their branches as far as ``common`` does not hold them yet.

Told from what was fetched last. A branch costs its own new commits and the files that they
changed, whatever the length of the history; one that has landed costs a look-up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError, RefusedError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.history import incoming
from gitsync.domain.names import person_of
from gitsync.services.chain import ready_index
from gitsync.services.sources import position_told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gitsync.domain.merge.trees import FileChange
    from gitsync.domain.objects import Commit, Oid
    from gitsync.domain.query.vocabulary import Vocabulary
    from gitsync.services.history import ArtifactDiff
    from gitsync.services.workspace import Workspace
    from gitsync.storage.index import PositionIndex

MAX_DOMAINS = 20  # the newest; the others are counted
MAX_COMMITS = 500
MAX_FILES = 100


@frozen
class Work:
    """A branch that is ahead of ``common``: its ``position`` (``alice@43``, or ``alice`` where she
    has numbered nothing), when its newest commit was made in seconds since the epoch, how many
    commits it adds, and what they changed.

    ``files`` counts changed files that are no artifacts, or too many to be read; ``problem`` says
    why nothing of it can be believed.
    """

    domain: str
    position: str
    commit: Oid
    at: int
    commits: int = 0
    artifacts: tuple[ArtifactDiff, ...] = ()
    files: int = 0
    problem: str | None = None


def work_of_others(ws: Workspace, tips: Mapping[str, Oid]) -> tuple[tuple[Work, ...], int]:
    """Of the branches that ``tips`` names (domain -> commit) those that are ahead, newest first,
    and how many more there are than are told."""
    verified = ws.verified()
    if set(tips.values()) == {verified.commit}:
        return (), 0
    index = ws.index()
    try:
        ready_index(ws.facts, index, verified.anchor, verified.number, verified.commit)
        ahead = {
            domain: tip for domain, tip in tips.items()
            if index.get(tip) is None and ws.facts.store.has(tip)
        }  # fmt: skip
        made = {domain: _commit_or_none(ws, tip) for domain, tip in ahead.items()}
        order = sorted(
            ((commit.committer.seconds, domain, commit)
             for domain, commit in made.items() if commit is not None),
            key=lambda one: (-one[0], one[1]),
        )  # fmt: skip
        words = _words(ws) if order else None
        told = [
            _work(ws, index, words, domain, ahead[domain], commit)
            for _, domain, commit in order[:MAX_DOMAINS]
            if words is not None
        ]
    finally:
        index.close()
    return tuple(told), len(order) - len(told)


def _commit_or_none(ws: Workspace, oid: Oid) -> Commit | None:
    try:
        return ws.facts.commit(oid)
    except GitsyncError:
        return None  # no commit, or a torn one: doctor's business


def _words(ws: Workspace) -> Vocabulary:
    from gitsync.domain.query.vocabulary import vocabulary_of

    return vocabulary_of(ws.settings().schema)


def _work(
    ws: Workspace, index: PositionIndex, words: Vocabulary, domain: str, tip: Oid, commit: Commit
) -> Work:
    position, at = position_told(commit.message, domain), commit.committer.seconds
    try:
        signer = ws.settings().roster.person(ws.facts.signer(tip).blob)
        if signer != person_of(domain):
            raise VerificationError("ref.not-yours", f"signed by {signer or 'a stranger'}")
        new = incoming(ws.facts, index, [tip], limit=MAX_COMMITS)
        base = max(new.frontier, key=lambda one: (*_place(index, one), one))
        artifacts, files = _changes(ws, words, ws.facts.commit(base).tree, commit.tree)
    except RefusedError as error:
        return Work(domain, position, tip, at, problem=error.message)
    except GitsyncError as error:
        return Work(domain, domain, tip, at, problem=error.message)
    return Work(domain, position, tip, at, len(new.commits), artifacts, files)


def _place(index: PositionIndex, oid: Oid) -> tuple[int, int]:
    """The last snapshot that a commit of the ledger reaches, and the first that reaches it."""
    entry, floor = index.get(oid) or (0, 0)
    return floor, entry


def _changes(
    ws: Workspace, words: Vocabulary, before: Oid, after: Oid
) -> tuple[tuple[ArtifactDiff, ...], int]:
    """(the artifacts that differ, how many other files do)."""
    # Loaded where somebody is ahead, which is not always.
    from gitsync.domain.merge.trees import diff_trees
    from gitsync.services.history import versions
    from gitsync.storage.artifactindex import is_artifact_path

    read: list[FileChange] = []
    rest = 0
    for one in diff_trees(ws.facts, before, after):
        if len(read) < MAX_FILES and is_artifact_path(one.path):
            read.append(one)
        else:
            rest += 1

    def pairs() -> Iterator[tuple[bytes, bytes | None, bytes | None]]:
        for one in read:
            old, new = (_content(ws, entry) for entry in (one.before, one.after))
            yield one.path, old, new

    artifacts, other = versions(pairs(), words)
    return tuple(one for one in artifacts if one.before != one.after), rest + len(other)


def _content(ws: Workspace, entry: tuple[bytes, bytes] | None) -> bytes | None:
    from gitsync.domain.objects import Oid

    return None if entry is None else ws.facts.blob(Oid(entry[1].hex()))
