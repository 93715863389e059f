"""Where a ledger's refs are read from: this repository's own, or what was fetched of a remote.

What came from a remote lies below ``refs/gitsync/remotes/<name>/`` until it is verified, so that
an unverified snapshot never is ``common`` here, nor a tag that plain git would resolve.
"""

from __future__ import annotations

import os
from dataclasses import field, replace
from typing import TYPE_CHECKING

from gitsync.domain.errors import VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import (
    APPROVALS,
    LOCKS_REF,
    MIRROR,
    NODES,
    PEOPLE,
    PROPOSALS,
    ProposalName,
    parse_approval_ref,
    parse_position,
    parse_proposal_ref,
    receipts_ref,
    space_branch,
)
from gitsync.storage.gitcli import GitError
from gitsync.storage.refs import RefUpdate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.domain.objects import Oid
    from gitsync.storage.repository import Repository
    from gitsync.storage.transport import Remote

# What came by bundle, and no remote may take away.
CARRIED = "refs/gitsync/carried/"
# Names of a ledger's refs are shorter. A file system holds paths of some 4,000 bytes, and a name
# that just fits on the remote's disk does not fit below a longer folder in a clone.
MAX_REF_BYTES = 400
_FEW = 4


@frozen
class RefView:
    """The refs of one ledger as one place shows them. ``tags`` maps numbers to tag objects,
    ``people`` domains to their branches, ``nodes`` domains to their heartbeats."""

    space: str
    source: str
    common: Oid | None
    receipts: Oid | None
    locks: Oid | None
    tags: Mapping[int, Oid]
    proposals: Mapping[ProposalName, Oid] = field(default_factory=dict)
    approvals: Mapping[ProposalName, Oid] = field(default_factory=dict)
    requests: Mapping[str, Oid] = field(default_factory=dict)
    people: Mapping[str, Oid] = field(default_factory=dict)
    misnamed: tuple[str, ...] = ()
    nodes: Mapping[str, Oid] = field(default_factory=dict)


def ledger_patterns(space: str) -> tuple[str, ...]:
    """The prefixes below which the refs lie that a view shows."""
    return (
        space_branch(space), f"refs/tags/{space}@*", "refs/heads/gitsync", PROPOSALS, APPROVALS,
        PEOPLE, NODES,
    )  # fmt: skip


def view_of(space: str, source: str, refs: Mapping[str, Oid]) -> RefView:
    """The refs of a ledger, out of any listing: ref name -> object id."""
    tags: dict[int, Oid] = {}
    proposals: dict[ProposalName, Oid] = {}
    approvals: dict[ProposalName, Oid] = {}
    requests: dict[str, Oid] = {}
    misnamed: list[str] = []
    nodes: dict[str, Oid] = {}
    prefix = f"refs/tags/{space}@"
    for ref, oid in refs.items():
        if ref.startswith(prefix):
            tag, below, _ = ref[len("refs/tags/") :].partition("/")
            position = parse_position(tag)
            if position is not None and not below:
                tags[position[1]] = oid
            elif position is not None:
                misnamed.append(ref)  # as a folder, it keeps the tag of that name out
        elif ref.startswith(PROPOSALS):
            name = parse_proposal_ref(ref)
            if name is None:
                misnamed.append(ref)
            else:
                proposals[name] = oid
        elif ref.startswith(APPROVALS):
            who = parse_approval_ref(ref)
            if who is None:
                misnamed.append(ref)
            else:
                approvals[who] = oid
        elif ref.startswith("refs/heads/gitsync/requests/"):
            requests[ref.rpartition("/")[2]] = oid
        elif ref.startswith(NODES):
            nodes[ref.removeprefix(NODES)] = oid
    return RefView(
        space=space,
        source=source,
        common=refs.get(space_branch(space)),
        receipts=refs.get(receipts_ref(space)),
        locks=refs.get(LOCKS_REF),
        tags=tags,
        proposals=proposals,
        approvals=approvals,
        requests=requests,
        people={
            ref.removeprefix(PEOPLE): oid for ref, oid in refs.items() if ref.startswith(PEOPLE)
        },
        misnamed=tuple(misnamed),
        nodes=nodes,
    )


def local_view(repo: Repository, space: str) -> RefView:
    """The refs of this repository itself."""
    return view_of(space, "this repository", repo.refs.list(*ledger_patterns(space)))


def mirror_specs(name: str, space: str) -> list[str]:
    """The refspecs that bring a remote's ledger refs to where they wait for verification."""
    base = f"{MIRROR}{name}"
    specs = [
        f"+{space_branch(space)}:{base}/{_short(space_branch(space))}",
        f"+refs/tags/{space}@*:{base}/tags/{space}@*",
    ]
    folders = ("gitsync", "proposals", "approvals", "people")
    specs.append(f"+{NODES}*:{base}/{_short(NODES)}*")
    return [*specs, *(f"+refs/heads/{one}/*:{base}/heads/{one}/*" for one in folders)]


def _short(ref: str) -> str:
    return ref.removeprefix("refs/")


def mirrored_view(repo: Repository, name: str, space: str) -> RefView:
    """What was last fetched of the remote ``name``, without asking it."""
    base = f"{MIRROR}{name}/"
    refs = {"refs/" + ref.removeprefix(base): oid for ref, oid in repo.refs.list(base).items()}
    return view_of(space, name, refs)


def fetch_view(repo: Repository, remote: Remote, space: str) -> RefView:
    """Fetch a remote's ledger refs and show them; overlong names are left out, as misnamed.

    Raises EnvironmentFault ``remote.unreachable``, VerificationError ``common.missing``; nothing
    has moved then.
    """
    specs = mirror_specs(remote.name, space)
    overlong: list[str] = []
    try:
        remote.fetch(specs, prune=True)
    except GitError as error:
        if "couldn't find remote ref" in error.result.err:
            raise VerificationError(
                "common.missing",
                f"{remote.name} has no branch {space}",
                hint="it was deleted, or this is not a ledger:"
                " restore it from any clone that has it:\n"
                f"git push {remote.name} {space_branch(space)}",
            ) from error
        overlong = [ref for ref in remote.list() if len(os.fsencode(ref)) > MAX_REF_BYTES]
        if not overlong:
            raise
        # One name that this disk cannot hold must not keep everybody from all the others.
        remote.fetch([*specs, *(f"^{ref}" for ref in overlong)], prune=True)
    view = mirrored_view(repo, remote.name, space)
    return replace(view, misnamed=(*view.misnamed, *(f"{ref[:100]}..." for ref in overlong)))


def note_held(repo: Repository, source: str, held: Mapping[str, Oid | None]) -> None:
    """Record what a remote was read back to hold (None: no longer), as a fetch would."""
    base = f"{MIRROR}{source}/"
    mirrored = {
        base + ref.removeprefix("refs/"): oid
        for ref, oid in held.items()
        if ref.startswith(("refs/heads/", "refs/tags/"))
    }
    # A few are read as files; many in one look.
    few = len(mirrored) <= _FEW
    here = {ref: repo.refs.get(ref) for ref in mirrored} if few else repo.refs.list(*mirrored)
    updates = [
        RefUpdate(ref, new, here.get(ref)) for ref, new in mirrored.items() if here.get(ref) != new
    ]
    # The next fetch says it again, so this need not wait for the disk.
    repo.refs.transact(updates, message="gitsync: held by the remote", sync=False)
