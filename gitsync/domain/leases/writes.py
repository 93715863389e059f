"""What a change writes into leases, and whether it may.

Counted as writes: every edit, added and removed files, both names of a file that moves, and links
that come to lead into a subject or cease to. An artifact that several leases cover belongs to the
oldest of them; what it was, what it becomes and where its links lead are asked about one by one, so
that nobody gets at another's by making it look like one's own. The ledger's own settings are under
no lease.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError, RefusedError
from gitsync.domain.frozen import frozen
from gitsync.domain.leases.acts import span
from gitsync.domain.leases.subjects import glob_covers, query_covers, query_of
from gitsync.domain.leases.values import LIVE
from gitsync.domain.merge.trees import entry_at
from gitsync.domain.names import person_of
from gitsync.domain.objects import MODE_FILE, Oid
from gitsync.domain.query.records import fold
from gitsync.domain.query.vocabulary import vocabulary_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gitsync.domain.leases.subjects import Subject
    from gitsync.domain.leases.values import Lease, Locks, Request
    from gitsync.domain.links import Link
    from gitsync.domain.merge.trees import FileChange
    from gitsync.domain.policy import LeaseRules
    from gitsync.domain.ports import Facts
    from gitsync.domain.query.records import Record
    from gitsync.domain.query.terms import Query
    from gitsync.domain.schema import Schema

_SETTINGS = b".gitsync/"
MAX_DEPTH = 64


@frozen
class Touch:
    """One changed file as leases see it: ``keys`` are the folded ids that it has or had, the ids
    that its links come or cease to lead to, and its path after a ``/``; ``parents`` the ids that
    it lies or lay below, as they are written; ``records`` what queries are asked of, before and
    after. ``parts`` are the same one by one: the file before, the file after, each such link."""

    path: str
    keys: frozenset[str]
    parents: frozenset[str] = frozenset()
    records: tuple[Record, ...] = ()
    parts: tuple[Touch, ...] = ()


@frozen
class Writer:
    """Who writes: a domain, the fencing tokens that the proposal carries, and its commit.

    ``proposal`` is None where there is no proposal yet: a hook looks at what is staged.
    """

    domain: str
    tokens: tuple[int, ...] = ()
    proposal: Oid | None = None


@frozen
class Blocked:
    """A live lease that others may not write into without being allowed to."""

    lease: Lease
    paths: tuple[str, ...]
    request: Request | None


class Ground:
    """Two trees that a change leads from and to, with what leases ask of them.

    ``hints`` names files that may carry an id, so that not every file has to be read to find one;
    ids are unique in a ledger, so a file that does carry it is the one. What is decided is decided
    without hints.
    """

    def __init__(
        self,
        facts: Facts,
        schema: Schema,
        trees: tuple[Oid, Oid],
        space: str,
        hints: Callable[[str], Iterable[bytes]] | None = None,
    ) -> None:
        self._facts = facts
        self._schema = schema
        self._words = vocabulary_of(schema)
        self._trees = trees
        self._space = space
        self._hints = hints
        self._up: dict[str, frozenset[str]] = {}
        self._queries: dict[tuple[str, str], Query] = {}

    def touches(self, changes: Iterable[FileChange]) -> list[Touch]:
        """The changes as leases see them; files of the ledger's settings are left out."""
        return [self._touch(change) for change in changes if not change.path.startswith(_SETTINGS)]

    def _touch(self, change: FileChange) -> Touch:
        path = change.path.decode("utf-8", "replace")
        sides: list[Touch] = []
        for entry in (change.before, change.after):
            if entry is not None:
                blob = Oid(entry[1].hex()) if entry[0] == MODE_FILE else None
                sides.append(self._side(path, blob))
        records = tuple(record for side in sides for record in side.records)
        links: set[str] = set()
        for link in self._words.links.values():
            led = [set(map(fold, self._targets(record, link))) for record in records]
            # An edit of both sides changes what only one of them has; else all links are new.
            links |= led[0] ^ led[1] if len(led) == 2 else set().union(*led)
        return Touch(
            path,
            frozenset(links).union(*(side.keys for side in sides)),
            frozenset().union(*(side.parents for side in sides)),
            records,
            (*sides, *(Touch(path, frozenset({key})) for key in sorted(links))),
        )

    def _side(self, path: str, blob: Oid | None) -> Touch:
        """A file as it is before or after; no ``blob`` where it is no plain file."""
        keys = frozenset({fold("/" + path)})
        record = self._facts.described(blob, self._schema, path) if blob is not None else None
        if record is None:
            return Touch(path, keys)
        return Touch(
            path,
            keys.union(record.values.get(self._words.id_field, ())),
            frozenset(self._above_it(record)),
            (record,),
        )

    def _above_it(self, record: Record) -> set[str]:
        """The ids that an artifact lies right below."""
        links = (self._words.links[name] for name in self._words.meaning("parent"))
        return {target for link in links for target in self._targets(record, link)}

    def _targets(self, record: Record, link: Link) -> set[str]:
        """The ids that a link of an artifact leads to, as they are written."""
        found = set(record.links.get(link.field, ()))
        if link.shape != "paths":
            return found
        folder = posixpath.dirname(record.path)
        for text in record.links.get(link.field, ()):
            target = text.partition("#")[0].partition("?")[0]
            for one in (posixpath.join(folder, target), target):
                path = posixpath.normpath(one).lstrip("/")
                found.add("/" + path)
                found |= set(self._ids_at(path))
        return found

    def _ids_at(self, path: str) -> Iterator[str]:
        for tree in self._trees:
            record = self._record(tree, path.encode("utf-8", "replace"))
            if record is not None:
                yield record.ident

    def covers(self, lease: Lease, touch: Touch) -> bool:
        """Whether what is touched belongs to a lease: by its members, or by its subjects now."""
        if not touch.keys.isdisjoint(lease.keys):
            return True
        return any(self._covered(subject, lease, touch) for subject in lease.parsed)

    def _covered(self, subject: Subject, lease: Lease, touch: Touch) -> bool:
        if subject.kind == "path":
            return glob_covers(subject, touch.path)
        if subject.kind == "ids":
            return not touch.keys.isdisjoint(map(fold, subject.ids))
        if subject.kind == "tree":
            root = fold(subject.rest)
            return root in touch.keys or any(
                fold(one) in lease.keys or root in self._above(one) for one in touch.parents
            )
        try:
            query = self._query(subject.rest, lease.holder)
        except GitsyncError:
            return False  # the schema has moved on; the members still count
        return any(query_covers(query, record, self._words) for record in touch.records)

    def _query(self, text: str, holder: str) -> Query:
        found = self._queries.get((text, holder))
        if found is None:
            found = query_of(text, self._words, (holder, person_of(holder)), self._space)
            self._queries[text, holder] = found
        return found

    def _above(self, ident: str) -> frozenset[str]:
        """The folded ids that an artifact lies below, itself among them, in either tree."""
        found = self._up.get(ident)
        if found is None:
            seen, next_up = {ident}, {ident}
            for _ in range(MAX_DEPTH):
                next_up = {two for one in next_up for two in self._parents(one)} - seen
                seen |= next_up
            found = self._up[ident] = frozenset(map(fold, seen))
        return found

    def _parents(self, ident: str) -> set[str]:
        found: set[str] = set()
        for tree in self._trees:
            for record in self._with_id(tree, ident):
                found |= self._above_it(record)
        return found

    def _with_id(self, tree: Oid, ident: str) -> list[Record]:
        """The artifacts of a tree that have an id."""
        for path in self._hints(ident) if self._hints is not None else ():
            record = self._record(tree, path)
            if record is not None and record.ident == ident:
                return [record]
        paths = self._facts.paths_of(tree, ident, self._schema)
        return [one for path in paths if (one := self._record(tree, path)) is not None]

    def _record(self, tree: Oid, path: bytes) -> Record | None:
        entry = entry_at(self._facts, tree, path)
        if entry is None or entry[0] != MODE_FILE:
            return None
        text = path.decode("utf-8", "replace")
        return self._facts.described(Oid(entry[1].hex()), self._schema, text)


def blocked_by(
    locks: Locks, ground: Ground, writer: Writer, touches: Iterable[Touch]
) -> list[Blocked]:
    """The live leases of others that a change writes into, the oldest first, each once."""
    live = locks.live()
    paths: dict[int, dict[str, None]] = {}
    for touch in touches:
        for part in touch.parts:
            # The oldest counts: nobody takes what is taken by describing it in another way.
            lease = next((one for one in live if ground.covers(one, part)), None)
            if lease is not None and lease.holder != writer.domain:
                paths.setdefault(lease.token, {})[touch.path] = None
    return [
        Blocked(
            locks.leases[token],
            tuple(found),
            locks.requests.get((token, writer.proposal)) if writer.proposal else None,
        )
        for token, found in sorted(paths.items())
    ]


def held_unsaid(
    locks: Locks, ground: Ground, writer: Writer, touches: Iterable[Touch]
) -> list[Lease]:
    """The writer's own live leases that a change falls under and whose tokens it does not carry."""
    mine = [
        one
        for one in locks.live()
        if one.holder == writer.domain and one.token not in writer.tokens
    ]
    touches = list(touches) if mine else ()
    return [one for one in mine if any(ground.covers(one, touch) for touch in touches)]


def check_tokens(locks: Locks, writer: Writer) -> None:
    """Every token that a proposal carries is its proposer's, and nobody has taken over since.

    Raises RefusedError ``lease.stale`` or ``lease.not-yours``.
    """
    for token in writer.tokens:
        lease = locks.leases.get(token)
        if lease is None:
            raise RefusedError(
                "lease.stale",
                f"lease {token} is over: it was taken over, broken, or never given; the newest is"
                f" {locks.token}",
                hint="look who holds it now: gitsync lock list\n"
                "then propose again: gitsync pull && gitsync propose",
            )
        if lease.holder != writer.domain:
            raise RefusedError(
                "lease.not-yours",
                f"lease {token} is {lease.holder}'s, and {writer.domain} proposes",
                hint="leave the trailer Gitsync-Lease out; gitsync propose puts the right one in",
            )


def verdict(locks: Locks, blocked: Blocked, rules: LeaseRules) -> str:
    """``allow``, ``deny``, ``wait``, or ``ask`` where the holder has not been asked yet."""
    lease, request = blocked.lease, blocked.request
    if locks.standing(lease) != LIVE:
        return "allow"
    answer = request.answer if request is not None else None
    if answer is not None:
        over = answer.until is not None and (locks.stamped or 0) >= answer.until
        if not over:
            return answer.verdict
    elif lease.on_request != "ask":
        # A wait is queued, so that it has a place when the lease ends.
        return "ask" if lease.on_request == "wait" and request is None else lease.on_request
    if request is None:
        return "ask"
    if request.waited < rules.answer:
        return "wait"
    return "wait" if rules.unanswered == "escalate" else rules.unanswered


def words(blocked: Blocked, rules: LeaseRules) -> str:
    """Why a change has to wait, in a sentence that stays the same while nothing changes."""
    lease = blocked.lease
    shown = ", ".join(blocked.paths[:3]) + (", ..." if len(blocked.paths) > 3 else "")
    text = f"{shown}: held by {lease.holder} under lease {lease.token}"
    text += f" ({lease.note})" if lease.note else ""
    answer = blocked.request.answer if blocked.request is not None else None
    if answer is not None:
        text += f"; {answer.by} answered {answer.verdict}"
        text += f": {answer.message}" if answer.message else ""
    elif lease.on_request == "ask":
        text += f"; {lease.holder} is asked, and after {span(rules.answer)} without an answer"
        text += {
            "wait": " it goes on waiting", "allow": " it lands", "deny": " it is refused",
            "escalate": f" {', '.join(lease.escalate or rules.escalate_to)} may answer",
        }[rules.unanswered]  # fmt: skip
    return text
