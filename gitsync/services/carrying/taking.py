"""``bundle import``: check all of a bundle in quarantine, then take it over as one, or nothing.

What is older than what is here moves nothing back. What builds on a bundle that has not come yet is
kept aside, what is for somebody else to be passed on.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.codec.ageheader import tag_of
from gitsync.domain.carrying import ANYBODY, Ack, Fate, Order, Verdict, awaited, order
from gitsync.domain.errors import GitsyncError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import LOCKS_REF, receipts_ref
from gitsync.services.carrying.arrival import Arrival
from gitsync.services.carrying.holding import held
from gitsync.services.carrying.opening import check_sender, open_signed, signed
from gitsync.services.carrying.shelf import Shelf
from gitsync.services.carrying.unwrapping import glance, plain
from gitsync.services.chain import ready_index
from gitsync.services.proving import parts, provers
from gitsync.services.refview import CARRIED
from gitsync.services.workspace import processors
from gitsync.storage.ahead import reading_ahead
from gitsync.storage.bundlefile import check_pack
from gitsync.storage.durable import make_folder
from gitsync.storage.quarantine import quarantine
from gitsync.storage.refs import RefUpdate
from gitsync.storage.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from gitsync.domain.carrying import Manifest
    from gitsync.domain.objects import Oid
    from gitsync.services.carrying.arrival import Judged
    from gitsync.services.carrying.holding import Held
    from gitsync.services.carrying.opening import Opened
    from gitsync.services.carrying.unwrapping import Unlock
    from gitsync.services.host import Host
    from gitsync.services.workspace import Workspace
    from gitsync.storage.keys import PrivateKey
    from gitsync.storage.quarantine import Quarantine

TAKEN, NOTHING, HELD, RELAYED = "imported", "nothing-new", "held", "relayed"


@frozen
class Taken:
    """What became of one bundle. ``outcome`` is ``imported``, ``nothing-new``, ``held`` or
    ``relayed``; ``before`` and ``after`` are this clone's verified numbers; ``awaited`` is the
    sequence that has to come first, ``acknowledged`` the number of ours that it confirms."""

    path: Path
    manifest: Manifest
    ident: Oid
    outcome: str
    before: int
    after: int
    verdicts: tuple[Verdict, ...] = ()
    awaited: int | None = None
    acknowledged: int | None = None
    dry_run: bool = False

    def of(self, fate: Fate) -> list[Verdict]:
        """The refs with one fate."""
        return [one for one in self.verdicts if one.fate is fate]


def unlocker(host: Host, ws: Workspace | None) -> Unlock:
    """How to get at the key that opens what was encrypted for the one who works here."""

    def unlock(tags: frozenset[str]) -> tuple[PrivateKey, bytes | None] | None:
        from gitsync.services.identity import setting
        from gitsync.storage.keys import find_key, read_key
        from gitsync.storage.signing import unlocked_seed

        choice = find_key(None, setting(host, ws), host.env, host.home)
        key = read_key(choice)
        if tags and tag_of(key.public.blob) not in tags:
            return None
        return key, unlocked_seed(key, host.ask)

    return unlock


def check_anchor(manifest: Manifest, anchor: str | None) -> None:
    """Whether a bundle is of the named ledger. Raises VerificationError ``anchor.other``."""
    if anchor is not None and manifest.ledger != anchor:
        raise VerificationError(
            "anchor.other", f"the bundle is of another ledger: {manifest.ledger}",
            hint="the anchor is what your invitation names",
        )  # fmt: skip


def take(
    ws: Workspace, path: Path, *, dry_run: bool = False, anchor: str | None = None
) -> list[Taken]:
    """Import the bundle at ``path``, and those kept aside that it makes possible; ``anchor`` is
    the ledger that it has to be of.

    Raises GitsyncError and changes nothing where the bundle does not check out.
    """
    shelf = Shelf.of(ws)
    with shelf.lock(ws):
        first, ws = _file(ws, shelf, path, dry_run=dry_run, anchor=anchor)
        if dry_run or first.outcome not in (TAKEN, NOTHING):
            return [first]
        return [first, *_release_held(ws, shelf)[0]]


@frozen
class Haul:
    """Several bundles: what became of each, and those that do not check out, with the reason."""

    taken: tuple[Taken, ...]
    refused: tuple[tuple[Path, GitsyncError], ...] = ()


def take_all(
    ws: Workspace, paths: Iterable[Path], *, dry_run: bool = False, anchor: str | None = None,
    strict: bool = False,
) -> Haul:  # fmt: skip
    """Import several bundles, earlier ones first; a bad one does not hold up the others.

    With ``strict`` the first bad one raises.
    """
    done: list[Taken] = []
    refused: list[tuple[Path, GitsyncError]] = []
    for path in in_order(ws, paths):
        try:
            done += take(reopened(ws), path, dry_run=dry_run, anchor=anchor)
        except GitsyncError as error:
            if strict:
                raise
            refused.append((path, error))
    return Haul(tuple(done), tuple(refused))


def in_order(ws: Workspace, paths: Iterable[Path]) -> list[Path]:
    """Bundles by sender and number, as far as they can be read; others last, by name."""

    def place(path: Path) -> tuple[bool, str, int, str]:
        try:
            manifest = signed(glance(path, unlocker(ws.host, ws))[0]).manifest
        except GitsyncError:
            return True, "", 0, path.name
        # A new clone begins with a complete one; later, what is for one alone says more.
        later = manifest.recipient == ANYBODY if begun else not manifest.complete
        return later, manifest.sender, manifest.sequence, path.name

    begun = ws.position() is not None
    found = list(paths)
    return found if len(found) < 2 else sorted(found, key=place)


def _release_held(ws: Workspace, shelf: Shelf) -> tuple[list[Taken], Workspace]:
    """Take what was kept aside, as long as anything of it can be taken."""
    done: list[Taken] = []
    while True:
        some = False
        for path in shelf.held():
            try:
                found, ws = _file(ws, shelf, path, dry_run=False)
            except GitsyncError:
                # It was whole when it was put there, and may have become a lie since.
                shelf.spoil(path)
                continue
            if found.outcome != HELD:
                shelf.drop(path)
                done.append(found)
                some = True
        if not some:
            return done, ws


def _file(
    ws: Workspace, shelf: Shelf, path: Path, *, dry_run: bool, anchor: str | None = None
) -> tuple[Taken, Workspace]:
    make_folder(shelf.root)
    with plain(path, unlocker(ws.host, ws)) as (file, _):
        opened = open_signed(file)
        check_anchor(opened.manifest, anchor)
        found, ws = _opened(ws, shelf, opened, dry_run=dry_run)
    return replace(found, path=path), ws


def _opened(
    ws: Workspace, shelf: Shelf, opened: Opened, *, dry_run: bool
) -> tuple[Taken, Workspace]:
    manifest = opened.manifest
    check_ledger(ws, manifest)
    here = held(ws)
    before = here.position.number if here.position else 0
    done = Taken(opened.file.path, manifest, opened.ident, NOTHING, before, before, dry_run=dry_run)
    with quarantine(shelf.quarantine, ws.repo.common_dir / "objects") as apart:
        missing = apart.missing(manifest.needs)
        what = order(manifest, ws.domain or manifest.recipient, missing)
        if what is Order.RELAY or (what is Order.HOLD and here.position is not None):
            return _kept(ws, shelf, opened, here, done, what, apart)
        if missing:
            raise VerificationError(
                "bundle.incomplete",
                "the bundle builds on others, and nothing of the ledger is here",
                hint="begin with a complete one: gitsync bundle create --full",
            )  # fmt: skip
        with checked(ws, opened, apart, here) as judged:
            acknowledged = _acknowledged(ws, shelf, opened, dry_run=dry_run)
            done = replace(
                done, verdicts=judged.verdicts, after=judged.state.number, acknowledged=acknowledged
            )
            news = _is_news(judged)
            if dry_run:
                return replace(done, outcome=TAKEN if news else NOTHING), ws
            if news:
                apart.release()
                ws = reopened(ws)
                settle(ws, here, judged)
            else:
                ws.write_roster(judged.state)  # the last step of an import that was cut off
    _remember(shelf, opened, judged.verdicts)
    return replace(done, outcome=TAKEN if news else NOTHING), ws


def check_ledger(ws: Workspace, manifest: Manifest) -> None:
    """Whether a bundle is of this clone's ledger and space.

    Raises VerificationError ``bundle.other-ledger`` or ``bundle.other-space``.
    """
    if ws.anchor is not None and manifest.ledger != ws.anchor:
        raise VerificationError(
            "bundle.other-ledger",
            f"the bundle is of the ledger {manifest.ledger}, this is a clone of {ws.anchor}",
            hint="import it in a clone of that ledger, or join that one: gitsync join FILE",
        )  # fmt: skip
    if manifest.space != ws.space:
        raise VerificationError(
            "bundle.other-space", f"the bundle is of the space {manifest.space}, not {ws.space}"
        )


@contextmanager
def checked(ws: Workspace, opened: Opened, apart: Quarantine, here: Held) -> Iterator[Judged]:
    """All of a bundle, held against the ledger; its position index is open within the block.

    Raises what ``check_whole``, ``Arrival.judge`` and ``check_sender`` raise.
    """
    manifest = opened.manifest
    before = here.position.number if here.position is not None else 0
    others = parts(manifest.number - before, processors()) - 1
    with provers(others, apart.git_dir) as waiting:
        with reading_ahead(opened.file) as known:
            check_whole(ws, opened, apart, here)
        source = f"the bundle {opened.file.path.name}"
        arrival = Arrival(ws, apart, here, manifest.ledger, source, waiting, known)
        judged = arrival.judge(manifest.changes, manifest.common, manifest.number)
    try:
        moves = {one.ref: one.new for one in manifest.changes if one.new is not None}
        check_sender(opened, apart.facts, judged.state, {**here.refs, **moves})
        yield judged
    finally:
        judged.verifier.index.close()


def check_whole(ws: Workspace, opened: Opened, apart: Quarantine, here: Held) -> None:
    """Read a bundle's objects into quarantine, and see that nothing of them is wanting.

    Raises FormatError ``bundle.damaged``, ``bundle.too-large``, VerificationError
    ``bundle.incomplete``.
    """

    def progress(done: int, total: int) -> None:
        ws.host.progress("reading the bundle, bytes", done, total)

    check_pack(opened.file, progress)
    apart.take(opened.file)
    tags = f"refs/tags/{ws.space}@"
    built_on = {oid for ref, oid in here.refs.items() if not ref.startswith(tags)}
    tips = set(opened.manifest.refs().values()) | {opened.ident}
    if built_on:
        apart.check_connected(tips, built_on)
    elif absent := apart.missing(tips):
        # Nothing to build on: that no link inside the pack is broken was part of taking it.
        raise VerificationError(
            "bundle.incomplete", f"the bundle lacks {absent[0][:12]}, which a ref of it names"
        )


def _is_news(judged: Judged) -> bool:
    return judged.verified is not None or any(
        one.fate in (Fate.NEW, Fate.GONE) for one in judged.verdicts
    )


def _kept(
    ws: Workspace, shelf: Shelf, opened: Opened, here: Held, done: Taken, what: Order,
    apart: Quarantine,
) -> tuple[Taken, Workspace]:  # fmt: skip
    """Keep a bundle for later or for somebody else, once its sender and its pack are known good."""
    manifest = opened.manifest
    check_pack(opened.file, lambda _done, _total: None)
    if here.position is not None:
        check_sender(opened, apart.facts, ws.state(), here.refs)
    outcome = RELAYED if what is Order.RELAY else HELD
    wait = None
    if outcome == HELD:
        wait = awaited(manifest, shelf.peer(manifest.sender).received)
    acknowledged = _acknowledged(ws, shelf, opened, dry_run=done.dry_run)
    if not done.dry_run:
        store = shelf.put_out if outcome == RELAYED else shelf.put_aside
        store(manifest, opened.ident, opened.file.path)
    return replace(done, outcome=outcome, awaited=wait, acknowledged=acknowledged), ws


def _acknowledged(ws: Workspace, shelf: Shelf, opened: Opened, *, dry_run: bool) -> int | None:
    """Note what the sender says to hold of ours; returns the number of our bundle, if any."""
    sender = opened.manifest.sender
    if sender == ws.domain:
        return None
    peer = shelf.peer(sender)
    ack = next((one for one in opened.manifest.acks if one.domain == ws.domain), None)
    known = peer.with_ack(ack, shelf.for_anybody()) if ack is not None else peer
    newer = peer.received is None or peer.received.sequence < opened.manifest.sequence
    if not dry_run:
        shelf.keep(known.with_stated(opened.manifest, opened.ident) if newer else known)
    return ack.sequence if ack is not None and known.acked != peer.acked else None


def _remember(shelf: Shelf, opened: Opened, verdicts: Iterable[Verdict]) -> None:
    """Note that a bundle was imported: the next one to its sender says so."""
    manifest = opened.manifest
    # A bundle that only acknowledges asks for no acknowledgement, or it would never end.
    if not manifest.changes:
        return
    lost = (Fate.OLDER, Fate.ANSWERED, Fate.REFUSED)
    lacks = tuple(sorted(one.change.ref for one in verdicts if one.fate in lost))
    received = Ack(manifest.sender, manifest.sequence, opened.ident, lacks)
    shelf.keep(shelf.peer(manifest.sender).with_received(received))


def reopened(ws: Workspace) -> Workspace:
    """The same clone with the objects that it has now."""
    return replace(ws, repo=Repository.open(ws.repo.work_tree or ws.repo.git_dir))


def settle(ws: Workspace, here: Held, judged: Judged) -> None:
    """Move the refs, as one, and then the verified position; done again, it changes nothing."""
    wanted: dict[str, Oid | None] = {
        one.change.ref: one.change.new
        for one in judged.verdicts
        if one.fate in (Fate.NEW, Fate.GONE)
    }
    side = (receipts_ref(ws.space), LOCKS_REF)
    wanted |= {ref: oid for ref, oid in judged.chain.items() if ref in side}
    prefix = "refs/" if ws.remote is None else CARRIED
    moves = {prefix + ref.removeprefix("refs/"): oid for ref, oid in wanted.items()}
    there = ws.repo.refs.list(*moves) if moves else {}
    updates = [
        RefUpdate(ref, oid, there.get(ref)) for ref, oid in moves.items() if there.get(ref) != oid
    ]
    ws.repo.refs.transact(updates, message="gitsync: bundle")
    verified = judged.verified
    if verified is not None and verified.position is not None:
        position = verified.position
        index = judged.verifier.index
        ws.accept(position, verified.state, dict(judged.tags), index)
        index.save(position.anchor, position.number, position.commit)
    _drop_answered(ws, here, judged)


def _drop_answered(ws: Workspace, here: Held, judged: Judged) -> None:
    """Carried proposals, approvals and requests that have had their answer are over."""
    if ws.remote is None or judged.verified is None:
        return
    from gitsync.services.pulling import forget_landed

    forget_landed(ws, judged.state)
    index = ws.index()
    ready_index(ws.facts, index, judged.state.ledger, judged.state.number, judged.state.commit)
    roster = judged.state.settings.roster.names()
    over = []
    for ref, oid in here.carried.items():
        folder = ref.split("/")[2]
        if folder in ("proposals", "approvals") and index.get(oid) is not None:
            over.append(RefUpdate(CARRIED + ref.removeprefix("refs/"), None, oid))
        if ref.startswith("refs/heads/gitsync/requests/") and ref.rpartition("/")[2] in roster:
            over.append(RefUpdate(CARRIED + ref.removeprefix("refs/"), None, oid))
    index.close()
    ws.repo.refs.transact(over, message="gitsync: answered", sync=False)
