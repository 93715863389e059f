"""The home: reachable, not behind what this clone has verified, and nothing left half-done."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gitsync.codec.receipts import moment
from gitsync.codec.records import read_snapshot
from gitsync.domain.errors import GitsyncError, VerificationError
from gitsync.domain.names import (
    LOCKS_REF,
    MIRROR,
    parse_position,
    position_tag,
    receipts_ref,
    space_branch,
)
from gitsync.services.chain import first_parents
from gitsync.services.doctoring.finding import Finding, Kind, Remedy
from gitsync.services.receiptbook import ReceiptBook
from gitsync.services.refview import RefView, fetch_view, local_view
from gitsync.services.sources import known_view
from gitsync.storage.indexhealth import index_fault
from gitsync.storage.refs import RefUpdate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.domain.objects import Oid
    from gitsync.services.doctoring.examination import Examination
    from gitsync.services.workspace import Workspace
    from gitsync.storage.positions import VerifiedPosition
    from gitsync.storage.transport import Remote

AREA = "home"
# A witness may be a laptop that boots once a month.
QUIET_SECONDS = 31 * 86400
CLOCK_SECONDS = 3600
TAGS_A_PUSH = 500


def rolled_back(exam: Examination) -> Iterator[Finding]:
    """What this clone has verified is still there. Looked at before a fetch prunes what is gone."""
    ws, name = exam.ledger(), exam.home()
    position = ws.position() if ws is not None else None
    if ws is None or position is None or name is None:
        return
    remote = ws.repo.remote(name)
    try:
        there = remote.list("refs/heads/*", f"refs/tags/{ws.space}@*")
    except GitsyncError as error:
        yield Finding(AREA, error.code, Kind.MISSING, error.message, mend=error.hint, blocks=True)
        return
    if name != ws.remote and space_branch(ws.space) not in there:
        yield Finding(AREA, "home.no-ledger", Kind.NOTE, f"{name} holds no {ws.space}", name)
        return
    for ref, ours in _verified_tips(ws, position).items():
        found = there.get(ref)
        if ours is None or found == ours or (found and not _behind(ws, ours, found)):
            continue
        state = "is gone" if found is None else f"was rolled back to {found[:12]}"
        yield _lost(ws, remote, ref, ours, found, f"{ref.removeprefix('refs/heads/')} {state}")
    own = local_view(ws.repo, ws.space).tags
    gone = [
        RefUpdate(ref, own[n], None)
        for n in range(1, position.number + 1)
        if n in own and (ref := position_tag(ws.space, n)) not in there
    ]
    if gone:
        shown = ", ".join(one.ref.removeprefix("refs/tags/") for one in gone[:3])
        more = f" and {len(gone) - 3} more" if len(gone) > 3 else ""
        yield Finding(
            AREA, "home.tags-gone", Kind.MISSING, f"{name} lacks the tags {shown}{more}", name,
            f"git push {name} " + " ".join(one.ref for one in gone[:3]),
            Remedy("push the ones verified here", partial(_push_tags, remote, gone)), blocks=True,
        )  # fmt: skip


def own_tags(exam: Examination) -> Iterator[Finding]:
    """One's own numbered snapshots are tagged here as far as the home has them.

    Tags have no reflog, so a crash loses them without a trace.
    """
    ws = exam.ledger()
    if ws is None or ws.remote is None or ws.position() is None:
        return
    remote, pattern = ws.repo.remote(ws.remote), f"refs/tags/{ws.me()}@*"
    here = ws.repo.refs.list(pattern)
    for ref, oid in remote.list(pattern).items():
        name = ref.removeprefix("refs/tags/")
        if ref not in here and parse_position(name) is not None:
            yield Finding(
                AREA, "tag.gone", Kind.MISSING, f"{ws.remote} has your {name}; it is not tagged"
                " here", ref, f"git fetch {ws.remote} {ref}:{ref}",
                Remedy("fetch it, if you signed it", partial(_take_tag, exam, ws, ref, oid)),
            )  # fmt: skip


def _take_tag(exam: Examination, ws: Workspace, ref: str, oid: Oid) -> str:
    """Fetch a tag to where unverified refs wait, and take it over if this domain signed it."""
    waiting = f"{MIRROR}{ws.remote}/{ref.removeprefix('refs/')}"
    ws.repo.remote(str(ws.remote)).fetch([f"+{ref}:{waiting}"])
    ws = exam.workspace()  # which sees the objects that just came
    tag = ws.facts.tag(oid)
    entry = ws.settings().roster.key(ws.facts.tag_signer(oid).blob)
    if tag.name.decode() != ref.removeprefix("refs/tags/") or entry is None:
        return "left there: it is no tag of this name by anybody on the roster"
    if ws.me() not in entry.names:
        return f"left there: {entry.person} signed it"
    ws.repo.refs.transact([RefUpdate(ref, oid, None)], message="gitsync: doctor")
    return f"it is {oid[:12]}, signed by you"


def _verified_tips(ws: Workspace, position: VerifiedPosition) -> dict[str, Oid | None]:
    return {
        space_branch(ws.space): position.commit,
        receipts_ref(ws.space): position.receipts,
        LOCKS_REF: position.locks,
    }


def _behind(ws: Workspace, ours: Oid, found: Oid) -> bool:
    """Whether ``found`` is an earlier tip of the same chain as ``ours``."""
    try:
        first_parents(ws.facts, ours, found)
    except VerificationError:
        return False
    return True


def _lost(
    ws: Workspace, remote: Remote, ref: str, ours: Oid, found: Oid | None, what: str
) -> Finding:
    held = ws.repo.store.has(ours)
    return Finding(
        AREA, "home.rolled-back", Kind.MISSING if found is None else Kind.WRONG,
        f"on {remote.name}, {what}; {ours[:12]} was verified here"
        + ("" if held else ", and its objects are no longer here"),
        ref, f"git push {remote.name} {ours}:{ref}" if held else "push it from another clone",
        Remedy("push what was verified here, as a continuation of what is there",
               partial(_push, remote, RefUpdate(ref, ours, found))) if held else None,
        blocks=True,
    )  # fmt: skip


def _push(remote: Remote, update: RefUpdate) -> str:
    # The lease names what was read, and what was read is an ancestor: never a rewrite.
    remote.push([update])
    back = remote.list(update.ref).get(update.ref)
    return f"{remote.name} shows {back[:12] if back else 'nothing'}, read back"


def _push_tags(remote: Remote, gone: list[RefUpdate]) -> str:
    for start in range(0, len(gone), TAGS_A_PUSH):
        remote.push(gone[start : start + TAGS_A_PUSH])
    return f"pushed {len(gone)}"


def agrees(exam: Examination) -> Iterator[Finding]:
    """The home's ledger verifies, its witness is at work, and no run stopped in the middle."""
    ws = exam.ledger()
    if ws is None:
        return
    name = exam.home()
    if name is not None and f"remote.{name}.url" not in exam.settings:
        return  # an address without a name has no place here for what is fetched of it
    try:
        view = fetch_view(ws.repo, ws.repo.remote(name), ws.space) if name else local_view(
            ws.repo, ws.space
        )  # fmt: skip
        # Objects that came with the fetch are seen by a repository that is opened after it.
        ws = exam.workspace()
        pending = _check(ws, view)
    except GitsyncError as error:
        yield Finding(AREA, error.code, Kind.WRONG, error.message, mend=error.hint, blocks=True)
        return
    for number in pending:
        yield Finding(
            AREA, "run.no-tag", Kind.HALF_DONE,
            f"{ws.space}@{number} has no tag: a witness run stopped before it was final",
            str(number), "gitsync witness run",
        )  # fmt: skip
    book = ReceiptBook(ws.facts, view.receipts)
    yield from _answers(ws, view, book)
    yield from _clocks(exam, ws, view, book)


def _check(ws: Workspace, view: RefView) -> tuple[int, ...]:
    """Verify a view without making it this clone's own; the numbers that are not final."""
    # An index that is damaged is for the user to decide on; opening it would make it anew.
    unfit = index_fault(ws.repo.state_dir / "index.db", ws.ledger())
    verifier = ws.verifier(fresh=unfit is not None)
    try:
        return verifier.check(view).pending
    finally:
        verifier.index.close()


def _answers(ws: Workspace, view: RefView, book: ReceiptBook) -> Iterator[Finding]:
    without, oid = 0, view.common
    while oid is not None:
        commit = ws.facts.commit(oid)
        proposal = read_snapshot(commit.message).proposal
        answer = book.of_commit(proposal) if proposal is not None else None
        if proposal is None or (answer is not None and answer.yes):
            break
        without, oid = without + 1, commit.parents[0] if commit.parents else None
    if without:
        yield Finding(
            AREA, "run.no-receipt", Kind.HALF_DONE,
            f"{without} accepted proposal{'s have' if without > 1 else ' has'} no receipt: a"
            " witness run stopped in the middle", mend="gitsync witness run",
        )  # fmt: skip
    left = [
        str(name) for name, oid in view.proposals.items()
        if (answer := book.of_commit(oid)) is not None and answer.yes
    ]  # fmt: skip
    if left:
        yield Finding(
            AREA, "run.answered-refs", Kind.HALF_DONE,
            f"accepted, and still on the list of proposals: {', '.join(left[:3])}",
            mend="gitsync witness run",
        )  # fmt: skip


def _clocks(
    exam: Examination, ws: Workspace, view: RefView, book: ReceiptBook
) -> Iterator[Finding]:
    """How long ago the witness ran, by its own stamp, and whether this clock can be right."""
    if view.locks is None:
        return
    stamp, now = ws.facts.commit(view.locks).committer.seconds, exam.host.seconds()
    if view.tags:
        stamp = max(stamp, ws.facts.tag(view.tags[max(view.tags)]).tagger.seconds)
    if stamp > now + CLOCK_SECONDS:
        yield Finding(
            AREA, "clock.behind", Kind.WRONG,
            f"this machine's clock says {moment(now)}; the witness has stamped {moment(stamp)}",
            mend="set the clock here, or have the witness's looked at",
        )  # fmt: skip
    open_ones = sum(book.of_commit(oid) is None for oid in view.proposals.values())
    if now - stamp > QUIET_SECONDS:
        waiting = f", and {open_ones} proposal{'s' * (open_ones > 1)} wait{'s' * (open_ones == 1)}"
        yield Finding(
            AREA, "witness.quiet", Kind.STALE if open_ones else Kind.NOTE,
            f"no witness run since {moment(stamp)}{waiting if open_ones else ''}",
            mend="gitsync witness run",
        )  # fmt: skip


def everything(exam: Examination) -> Iterator[Finding]:
    """With ``--full``: ``git fsck --strict``, and every snapshot proven again."""
    if not exam.options.full:
        return
    done = exam.place.run("fsck", "--strict", "--full", "--no-dangling", "--no-progress")
    lines = [
        line for line in (done.out.decode("utf-8", "replace") + done.err).splitlines()
        if line.startswith(("error", "missing", "broken", "fatal")) and "reflog" not in line
    ]  # fmt: skip
    if lines:
        yield Finding(
            "objects", "fsck.failed", Kind.TORN, f"git fsck: {'; '.join(lines[:3])}",
            mend="git fsck --strict",
        )  # fmt: skip
    ws = exam.ledger()
    if ws is None:
        return
    verifier = ws.verifier(fresh=True, full=True)
    try:
        verifier.check(known_view(ws), full=True)
    except GitsyncError as error:
        yield Finding("ledger", error.code, Kind.WRONG, error.message, mend=error.hint)
    finally:
        verifier.index.close()
