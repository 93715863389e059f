"""From what somebody types to subjects and the artifacts that they have now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.artifact import resolve
from gitsync.domain.errors import FormatError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.globs import compile_glob
from gitsync.domain.leases.subjects import KINDS, malformed, may_be_id, parse_subject, query_of
from gitsync.domain.names import person_of
from gitsync.services.catalogue import reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gitsync.services.catalogue import Catalogue
    from gitsync.services.workspace import Workspace
    from gitsync.storage.artifactview import Row


@frozen
class Members:
    """Subjects in their canonical spelling, sorted, and what they have at a snapshot."""

    subjects: tuple[str, ...]
    members: tuple[str, ...]


def members_of(ws: Workspace, texts: Iterable[str], at: str) -> Members:
    """What ``texts`` name at the position ``at``; an id alone is that one artifact.

    Raises UsageError ``lease.subject``, ``artifact.unknown``, ``artifact.ambiguous`` or
    ``query.*``.
    """
    texts = tuple(texts)
    check_spelling(texts)
    if not texts:
        raise UsageError("lease.subject", "say what to take: gitsync lock acquire SUBJECT")
    return reading(ws, lambda catalogue: _members(ws, catalogue, texts, at), at=at)


def check_spelling(texts: Iterable[str]) -> None:
    """Whether each of ``texts`` can be a subject or an id, without looking at any artifact.

    Raises UsageError ``lease.subject``.
    """
    for text in texts:
        kind, colon, rest = text.partition(":")
        try:
            if colon and kind in {"path", "query"}:
                parse_subject(text)
            elif colon and kind not in KINDS:
                raise malformed(text, f"there is no kind {kind[:80]!r}, and ids have no colon")
            else:
                for one in (rest if colon else text).split(","):
                    if not may_be_id(one.strip()):
                        raise malformed(text, "an id is missing or cannot be one")
        except FormatError as error:
            raise UsageError(error.code, error.message, hint=error.hint) from None


def _members(ws: Workspace, catalogue: Catalogue, texts: tuple[str, ...], at: str) -> Members:
    subjects: set[str] = set()
    found: set[str] = set()
    for text in texts:
        kind, colon, rest = text.partition(":")
        if not colon or kind not in KINDS:
            kind, rest = "ids", text
        if kind in {"tree", "ids"}:
            ids = sorted({resolve(one.strip(), catalogue.ids()) for one in rest.split(",")})
            if kind == "tree":
                for one in ids:
                    subjects.add(str(parse_subject(f"tree:{one}")))
                    found |= set(catalogue.below(one))
            else:
                subjects.add(str(parse_subject("ids:" + ",".join(ids))))
                found |= set(ids)
        elif kind == "path":
            subject = parse_subject(text)
            subjects.add(str(subject))
            found |= set(_below(ws, catalogue.find(), subject.rest, at))
        else:
            subject = parse_subject(text)
            me = ws.me()
            query_of(subject.rest, catalogue.vocabulary, (me, person_of(me)), ws.space)
            subjects.add(str(subject))
            found |= {row.id or "/" + row.path for row in catalogue.find(subject.rest)}
    return Members(tuple(sorted(subjects)), tuple(sorted(found)))


def _below(ws: Workspace, rows: Iterable[Row], pattern: str, at: str) -> Iterable[str]:
    """Ids and paths of the files that a pattern matches."""
    from gitsync.services.artifacts import commit_at

    glob = compile_glob(pattern)
    ids = {row.path: row.id for row in rows}
    out = ws.repo.git("ls-tree", "-r", "-z", "--name-only", commit_at(ws, at)).out
    for raw in out.split(b"\0"):
        path = raw.decode("utf-8", "replace")
        if raw and not raw.startswith(b".gitsync/") and glob.matches(path):
            yield ids.get(path) or "/" + path
