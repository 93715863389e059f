"""A person's own domain: numbered, signed snapshots of what they work on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.codec import trailers
from gitsync.codec.gitobjects import encode_tag, tag_payload
from gitsync.codec.records import DOMAIN, NUMBER, printable, write_commit_record
from gitsync.domain.frozen import frozen
from gitsync.domain.names import MIRROR, parse_position, position_tag
from gitsync.domain.objects import Commit, Oid, Tag
from gitsync.domain.records import STATE, CommitRecord
from gitsync.services.resolving import check_settled
from gitsync.storage.refs import RefUpdate

if TYPE_CHECKING:
    from gitsync.services.workspace import Workspace


@frozen
class Snapshot:
    """``<domain>@<number>``: its commit and tag. ``new`` is False when nothing had changed."""

    domain: str
    number: int
    commit: Oid
    tag: Oid
    paths: tuple[str, ...]
    new: bool


def numbered(ws: Workspace, domain: str) -> dict[int, Oid]:
    """Number -> tag object of a domain's snapshots, from here and from what was fetched."""
    patterns = [f"refs/tags/{domain}@*"]
    if ws.remote is not None:
        patterns.append(f"{MIRROR}{ws.remote}/tags/{domain}@*")
    found: dict[int, Oid] = {}
    for ref, oid in ws.repo.refs.list(*patterns).items():
        position = parse_position(ref.rpartition("/")[2])
        if position is not None and position[0] == domain:
            found[position[1]] = oid
    return found


def snapshot(ws: Workspace, message: str | None) -> Snapshot:
    """Sign the files as they are as the next ``<domain>@N``; nothing new, nothing done.

    The commit goes on the branch that is checked out; the tag names it. The branch moves before
    the tag appears, so a run that died in between is completed by the next one.
    """
    domain = ws.me()
    tags = numbered(ws, domain)
    last = max(tags, default=0)
    before = ws.facts.tag(tags[last]).target if last else None
    files = ws.work_tree()
    tip = files.tip()
    tree = files.tree_of_files(tip)
    paths = tuple(path for _, path in files.changes())
    # Plain git may have committed markers since: what counts is what common holds.
    known = ws.position()
    check_settled(ws, ws.facts.commit(known.commit if known else tip).tree, tree)
    number = last + 1
    signer = ws.signer()
    if tree == ws.facts.commit(tip).tree and before == tip:
        return Snapshot(domain, last, tip, tags[last], (), new=False)
    pending = _unfinished(ws, tip, domain, number)
    if pending and tree == ws.facts.commit(tip).tree:
        commit = tip
        files.settle(tip)
    else:
        record = CommitRecord(kind=STATE, ledger=ws.ledger(), predecessor=before)
        text = printable(message or _default(paths), 2000) if message is None else message
        body = write_commit_record(text, record, (DOMAIN, domain), (NUMBER, str(number)))
        who = ws.identity()
        parents = (tip, *files.merging())
        commit = ws.commit_as_me(Commit(tree, parents, who, who, body), signer)
        ref = ws.repo.head()
        files.move_to(ref or "HEAD", commit, tip, f"gitsync: {domain}@{number}")
    tag = Tag(
        commit,
        "commit",
        f"{domain}@{number}".encode(),
        ws.identity(),
        f"{domain}@{number}\n".encode(),
    )
    signed = replace(tag, signature=signer.sign(tag_payload(tag)))
    oid = ws.facts.store.write("tag", encode_tag(signed))
    ws.repo.store.flush()
    ws.repo.refs.transact(
        [RefUpdate(position_tag(domain, number), oid, None)], message="gitsync: tag"
    )
    return Snapshot(domain, number, commit, oid, paths, new=True)


def _unfinished(ws: Workspace, tip: Oid, domain: str, number: int) -> bool:
    """Whether the tip is the snapshot commit of a run that did not get to its tag."""
    found = trailers.parse(ws.facts.commit(tip).message)
    return found.all(DOMAIN) == [domain] and found.all(NUMBER) == [str(number)]


def _default(paths: tuple[str, ...]) -> str:
    if len(paths) == 1:
        return f"Snapshot: {paths[0]}"
    return f"Snapshot of {len(paths)} changed files" if paths else "Snapshot"
