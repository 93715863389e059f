"""``bundle create``: what a recipient has not acknowledged yet, as one signed file."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.codec import bundleheader, gitobjects
from gitsync.codec import manifest as codec
from gitsync.codec.records import write_commit_record
from gitsync.domain.carrying import (
    ANYBODY,
    MANIFEST_REF,
    Ack,
    Manifest,
    Sent,
    difference,
    holding_of,
    vector_of,
)
from gitsync.domain.errors import EnvironmentFault, RefusedError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledgerrefs import RefKind
from gitsync.domain.names import check_domain
from gitsync.domain.objects import MODE_FILE, Commit, Oid
from gitsync.domain.records import CommitRecord
from gitsync.services.carrying.holding import CHAIN, held, kind_of
from gitsync.services.carrying.opening import FILE, KIND
from gitsync.services.carrying.sealed import sealed_name
from gitsync.services.carrying.shelf import Shelf, bundle_name
from gitsync.storage import agefile, effects, quarantine
from gitsync.storage.bundlefile import bundle_pieces, pieces_of, read_back, write_bundle
from gitsync.storage.disks import room, split_for
from gitsync.storage.durable import write_pieces

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gitsync.domain.carrying import Holding
    from gitsync.domain.roster import PublicKey
    from gitsync.services.carrying.holding import Held
    from gitsync.services.workspace import Workspace
    from gitsync.storage.bundlefile import Written
    from gitsync.storage.signing import Signer


@frozen
class CreateOptions:
    """``recipient`` None is anybody; ``full`` builds on nothing; ``split`` in bytes bounds a
    file; ``readback`` reads what was written from the disk and compares."""

    recipient: str | None = None
    full: bool = False
    encrypt: bool = False
    split: int | None = None
    readback: bool = True
    key: str | None = None


@frozen
class Created:
    """A bundle that was written, or, without ``written``, that there was nothing to write."""

    manifest: Manifest
    ident: Oid | None = None
    written: Written | None = None
    encrypted: bool = False


@frozen
class _Draft:
    """All that a bundle will hold, before it is signed."""

    manifest: Manifest
    holding: Holding
    revs: tuple[str, ...]


def create(ws: Workspace, target: Path, options: CreateOptions) -> Created:
    """Write a bundle to ``target``, a folder or the name of a new file.

    Raises EnvironmentFault ``position.none``, ``bundle.no-room``, ``bundle.not-written``,
    ``disk.*``, ``key.*``; RefusedError ``file.exists``; UsageError for names.
    """
    shelf = Shelf.of(ws)
    with shelf.lock(ws):
        return _create(ws, shelf, target, options)


def _create(ws: Workspace, shelf: Shelf, target: Path, options: CreateOptions) -> Created:
    me = ws.me()
    recipient = ANYBODY if options.recipient is None else check_domain(options.recipient)
    if recipient == me:
        raise UsageError("bundle.to-self", "a bundle is for somebody else: this clone has it all")
    ws.verified()
    here = held(ws)
    peer = shelf.peer(recipient)
    basis = None if options.full or recipient == ANYBODY else peer.acked
    acks = tuple(one.received for one in shelf.peers() if one.received is not None)
    draft = _draft(ws, here, me, recipient, shelf.next_sequence(), basis, acks)
    told = peer.received is None or peer.received == peer.told
    if not draft.manifest.changes and told and basis is not None:
        return Created(draft.manifest)
    keys = _keys(ws, recipient) if options.encrypt else ()
    signer = ws.signer(options.key)
    head, ident = _signed(ws, signer, draft.manifest)
    refs = {**draft.manifest.refs(), MANIFEST_REF: ident}
    header = bundleheader.encode(draft.manifest.needs, refs)
    # The name of an encrypted file tells nothing of what is in it.
    name = sealed_name(ident) if keys else bundle_name(draft.manifest, ident)
    path = target / name if target.is_dir() else target
    _check_room(ws, path.parent, draft)
    # First, so that a number is never given to two bundles that are not the same.
    shelf.keep(peer.with_sent(Sent(draft.manifest.sequence, ident, draft.holding)))
    pieces = bundle_pieces(ws.repo.common_dir, header, head, draft.revs)
    with ExitStack() as stack:
        if keys:
            pieces = _sealed(stack, pieces, keys)
        written = write_bundle(
            path, pieces, split=options.split if options.split is not None else split_for(path),
            progress=lambda done: ws.host.progress("writing, bytes", done, 0),
        )  # fmt: skip
    if options.readback:
        read_back(written, lambda done, total: ws.host.progress("reading back, bytes", done, total))
    return Created(draft.manifest, ident, written, bool(keys))


def _keys(ws: Workspace, recipient: str) -> tuple[PublicKey, ...]:
    """The keys to encrypt to. Raises UsageError ``bundle.encrypt-anybody``."""
    if recipient == ANYBODY:
        raise UsageError(
            "bundle.encrypt-anybody", "only a bundle for somebody can be encrypted",
            hint="gitsync bundle create DEST --for NAME --encrypt",
        )  # fmt: skip
    keys = ws.settings().roster.keys_of(recipient)
    if not keys:
        raise RefusedError("bundle.no-key", f"{recipient} has no key on the roster")
    return keys


def _sealed(
    stack: ExitStack, pieces: Iterator[bytes], keys: tuple[PublicKey, ...]
) -> Iterator[bytes]:
    """The same, encrypted. The plain bundle lies on this machine meanwhile, not on the stick."""
    folder = stack.enter_context(effects.scratch())
    write_pieces(folder / "plain", pieces)
    agefile.encrypt(folder / "plain", folder / "sealed", keys)
    return pieces_of([folder / "sealed"])


def _draft(
    ws: Workspace, here: Held, me: str, recipient: str, sequence: int, basis: Sent | None,
    acks: tuple[Ack, ...],
) -> _Draft:  # fmt: skip
    position = here.position
    assert position is not None  # noqa: S101 - the caller has asked for it
    before = basis.holding if basis is not None else None
    changes = difference(here.refs, position.number, before, ws.space)
    first = Manifest(
        ledger=position.anchor, space=ws.space, sender=me, recipient=recipient, sequence=sequence,
        basis=basis.sequence if basis is not None else 0, number=position.number,
        common=position.commit, at=ws.host.seconds(), acks=acks, changes=changes,
        vector=vector_of(here.refs, ws.space, position.number),
    )  # fmt: skip
    tips = sorted(set(first.refs().values()))
    known: list[str] = []
    needs: tuple[Oid, ...] = ()
    if before is not None:
        known = _present(ws, sorted(_lasting(before, ws.space)))
        needs = tuple(_needs(ws, first, tips, known))
    manifest = replace(first, needs=needs)
    revs = (*tips, *(f"^{oid}" for oid in known))
    return _Draft(manifest, holding_of(here.refs, position.number, ws.space), revs)


def _lasting(holding: Holding, space: str) -> set[Oid]:
    """What a recipient surely has still: proposals, approvals and requests go when answered, and
    what is replaced goes with its commits."""
    lasting = CHAIN | {RefKind.PERSON, RefKind.NUMBERED}
    return {
        oid
        for ref, oid in holding.refs.items()
        if (kind := kind_of(ref, space)) is not None and kind.kind in lasting
    }


def _present(ws: Workspace, oids: list[Oid]) -> list[str]:
    """Those that are here still: what was replaced long ago may have been swept away."""
    apart = quarantine.Quarantine(ws.repo.common_dir, None)
    gone = set(apart.missing(oids))
    return [oid for oid in oids if oid not in gone]


def _needs(ws: Workspace, manifest: Manifest, tips: list[Oid], known: list[str]) -> list[Oid]:
    """The commits that a reader must have: the edge of what is sent, and each tip that is not."""
    if not known:
        return []
    edge, sent = quarantine.boundary(ws.repo.common_dir, tips, known)
    commits = [oid for ref, oid in manifest.refs().items() if not ref.startswith("refs/tags/")]
    return sorted({*edge, *(oid for oid in commits if oid not in sent)})


def _signed(
    ws: Workspace, signer: Signer, manifest: Manifest
) -> tuple[list[tuple[str, bytes]], Oid]:
    """The manifest's commit, tree and blob as (kind, content), and the commit's id."""
    blob = codec.encode(manifest)
    tree = gitobjects.encode_tree(
        {FILE: (MODE_FILE, bytes.fromhex(gitobjects.object_id("blob", blob)))}
    )
    whom = "anybody" if manifest.recipient == ANYBODY else manifest.recipient
    who = ws.identity()
    message = write_commit_record(
        f"Bundle {manifest.sequence} from {manifest.sender} to {whom}",
        CommitRecord(kind=KIND, ledger=manifest.ledger),
    )
    commit = Commit(gitobjects.object_id("tree", tree), (), who, who, message)
    signature = signer.sign(gitobjects.commit_payload(commit))
    data = gitobjects.encode_commit(replace(commit, signature=signature))
    return [("commit", data), ("tree", tree), ("blob", blob)], gitobjects.object_id("commit", data)


def _check_room(ws: Workspace, folder: Path, draft: _Draft) -> None:
    """Refuse to begin what the disk has no room for. Raises EnvironmentFault ``bundle.no-room``."""
    free = room(folder)
    wanted = sum(one.stat().st_size for one in (ws.repo.common_dir / "objects/pack").glob("*.pack"))
    if free > 2 * wanted + (64 << 20):
        return
    exact = quarantine.disk_usage(ws.repo.common_dir, draft.revs)
    need = (exact if exact is not None else wanted) + 200 * len(draft.manifest.changes) + (1 << 16)
    if free < need:
        raise EnvironmentFault(
            "bundle.no-room", f"{folder} has {free} bytes free, and the bundle takes about {need}",
            hint="make room, or use a larger stick",
        )  # fmt: skip
