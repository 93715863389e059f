"""Path, mode and size rules over everything that a proposal brings in, also what it takes back.

A commit is compared with all its parents: what equals one of them came from there and was judged
there, so a merge of ``common`` into a branch is not charged with all that ``common`` changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitsync.domain.errors import RefusedError, Where
from gitsync.domain.merge.trees import FileChange, diff_from_all
from gitsync.domain.objects import MODE_TREE, Entry, Oid, Tree
from gitsync.domain.paths import (
    MAX_DEPTH,
    MAX_PATH_BYTES,
    collision,
    is_markdown,
    mode_problem,
    segment_problem,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gitsync.domain.policy import Policy
    from gitsync.domain.ports import Objects

CONFIG_PREFIX = b".gitsync/"


@dataclass(slots=True)
class Budget:
    """What a proposal has used up of its limits."""

    files: int = 0
    size: int = 0


def show(path: bytes) -> str:
    """A path for a message; undecodable bytes replaced."""
    return path.decode("utf-8", "replace")


def commit_changes(objects: Objects, oid: Oid) -> Iterator[FileChange]:
    """The files that a commit has unlike every one of its parents.

    One by one: a few objects can stand for more files than memory holds, and the first file past
    the limit has to be the last that is looked at.
    """
    commit = objects.commit(oid)
    parents: list[Oid | None] = [objects.commit(parent).tree for parent in commit.parents]
    return diff_from_all(objects, parents or [None], commit.tree)


def check_content(
    objects: Objects, commits: Iterable[Oid], policy: Policy
) -> dict[bytes, FileChange]:
    """Hold every commit against the path rules, the deny list and the limits.

    Returns the files that any of the commits touched. Raises RefusedError ``path.*``,
    ``limit.*`` or ``policy.denied-path``.
    """
    touched: dict[bytes, FileChange] = {}
    budget = Budget()
    for oid in commits:
        commit = objects.commit(oid)
        budget.size += len(commit.message)
        for change in commit_changes(objects, oid):
            touched[change.path] = change
            check_change(objects, commit.tree, change, policy, budget)
    return touched


def check_change(
    objects: Objects, root: Oid, change: FileChange, policy: Policy, budget: Budget
) -> None:
    """Hold one changed file of the tree ``root`` against the rules, and add it to ``budget``.

    Raises RefusedError ``path.*``, ``limit.*`` or ``policy.denied-path``.
    """
    path = show(change.path)
    if policy.denied(path):
        raise RefusedError(
            "policy.denied-path",
            f"{path} may not be changed by a proposal: CI or git would act on it",
            where=Where(path),
        )
    limits = policy.limits
    size = 0
    budget.files += 1
    if change.after is not None:
        _check_path(objects, root, change)
        if change.after[0] == MODE_TREE:
            raise RefusedError(
                "path.empty-folder", f"the folder {path} has nothing in it", where=Where(path)
            )
        size = objects.blob_size(Oid(change.after[1].hex()))
    budget.size += size
    if size > limits.file_bytes:
        raise RefusedError(
            "limit.file-bytes",
            f"{path} is {size} bytes; the policy allows {limits.file_bytes}",
            where=Where(path),
        )
    if budget.size > limits.proposal_bytes:
        raise RefusedError(
            "limit.proposal-bytes",
            f"the proposal brings in more than {limits.proposal_bytes} bytes",
            hint="split it into smaller proposals",
        )
    if budget.files > limits.proposal_files:
        raise RefusedError(
            "limit.proposal-files",
            f"the proposal touches more than {limits.proposal_files} files",
            hint="split it into smaller proposals",
        )


def _check_path(objects: Objects, root: Oid, change: FileChange) -> None:
    segments = change.path.split(b"/")
    if len(change.path) > MAX_PATH_BYTES or len(segments) > MAX_DEPTH:
        raise RefusedError(
            "path.too-long", f"the path {show(change.path)[:80]}... is too long or deep"
        )
    after = change.after
    problem = mode_problem(after[0]) if after is not None else None
    if problem is not None:
        raise RefusedError(
            "path.mode", f"{show(change.path)} {problem}", where=Where(show(change.path))
        )
    if change.before is not None:
        return
    here = root
    for depth, segment in enumerate(segments):
        problem = segment_problem(segment)
        if problem is not None:
            raise RefusedError(
                "path.name",
                f"{show(segment)!r} {problem}",
                where=Where(show(change.path)),
            )
        listing = objects.tree(here)
        twin = collision(listing, segment)
        if twin is not None:
            raise RefusedError(
                "path.collision",
                f"{show(segment)!r} and {show(twin)!r} are one name on some file systems",
                where=Where(show(change.path)),
            )
        if depth + 1 < len(segments):
            here = Oid(listing[segment][1].hex())


def check_collisions(objects: Objects, tree: Oid, changes: Iterable[FileChange]) -> None:
    """Two proposals may each be fine and meet as case twins: look at the merged tree as well."""
    for change in changes:
        if change.before is None and change.after is not None:
            _check_path(objects, tree, change)


def check_markers(objects: Objects, changes: Iterable[FileChange]) -> None:
    """Refuse Markdown files that bring in an unsettled conflict of a merge.

    Raises RefusedError ``merge.markers``. What held one before may keep it.
    """
    from gitsync.domain.merge.markers import first_conflict

    for change in changes:
        if change.after is None or not is_markdown(show(change.path)):
            continue
        line = first_conflict(objects.blob(Oid(change.after[1].hex())))
        if line is None:
            continue
        before = change.before
        if before is not None and first_conflict(objects.blob(Oid(before[1].hex()))) is not None:
            continue
        path = show(change.path)
        raise RefusedError(
            "merge.markers",
            f"{path}:{line}: a conflict is not settled: it still has git's markers",
            hint=f"gitsync resolve {shell_word(path)}\n"
            "or edit the file; markers that are meant as text are indented by a space",
            where=Where(path, line),
        )


def shell_word(text: str) -> str:
    """A path as a shell reads it."""
    from shlex import quote

    return quote(text)


def config_tree(listing: Tree) -> Entry | None:
    """The ``.gitsync`` folder of a root listing."""
    entry = listing.get(b".gitsync")
    return entry if entry is not None and entry[0] == MODE_TREE else None
