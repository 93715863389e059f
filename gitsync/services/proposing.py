"""``propose``: one signed commit that asks the witness for a change, checked here first."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.codec import trailers
from gitsync.codec.records import printable, write_commit_record
from gitsync.domain.errors import RefusedError, UsageError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledger.history import incoming, merge_bases
from gitsync.domain.ledger.judge import judge
from gitsync.domain.ledger.state import Candidate, Decision, Refusal, State
from gitsync.domain.merge.trees import diff_trees, entry_at
from gitsync.domain.names import (
    ProposalName,
    check_slug,
    parse_position,
    parse_proposal_name,
)
from gitsync.domain.objects import Commit, Oid
from gitsync.domain.records import PROPOSAL, WITHDRAWAL, CommitRecord, Receipt
from gitsync.services import artifacts
from gitsync.services.chain import ready_index
from gitsync.services.leasing.fencing import newest_locks, own_tokens
from gitsync.services.resolving import check_settled
from gitsync.services.sources import fresh_view, known_view, receipts_in, send
from gitsync.services.workspace import Workspace, relative_to
from gitsync.storage.refs import RefUpdate

if TYPE_CHECKING:
    from gitsync.storage.index import PositionIndex

POLL_SECONDS = 2.0


@frozen
class ProposeOptions:
    """What ``propose`` was asked for; ``expect`` holds ``ID@N`` texts, ``after`` proposal names."""

    message: str | None = None
    slug: str | None = None
    paths: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    expect: tuple[str, ...] = ()
    sponsor: str | None = None


@frozen
class Proposed:
    """A proposal as made: its name and commit, whether it reached the home, what it changes, and
    what this clone's own check said (a landing, or what it will have to wait for)."""

    name: ProposalName
    commit: Oid
    sent: bool
    paths: tuple[str, ...]
    decision: Decision
    updated: bool


def propose(ws: Workspace, options: ProposeOptions) -> Proposed:
    """Make, check, sign and send a proposal; the same name again is an update.

    Raises RefusedError with the rule's own code when the witness would refuse it: nothing has
    moved then. ``proposal.empty`` when there is nothing to propose.
    """
    state = ws.state()
    _check_expectations(ws, state, options.expect)
    after = tuple(_after(ws, text) for text in options.after)
    draft = (
        _sponsored(ws, state, options.sponsor) if options.sponsor else _draft(ws, state, options)
    )
    base = ws.facts.commit(draft.parents[0]).tree
    begun = _base_of_files(ws, state, *draft.parents)
    # Whatever the ledger's merge version: markers are never what was meant.
    check_settled(ws, ws.facts.commit(begun).tree, draft.tree)
    changed = _changed(ws, state, draft, begun)
    slug = check_slug(options.slug) if options.slug else _free_slug(ws, options, changed)
    name = ProposalName(ws.me(), slug)
    before = ws.repo.refs.get(name.ref)
    if before in after:
        raise UsageError(
            "proposal.after-itself", f"{name} cannot come after itself: this is an update of it",
            hint="give the new change a name of its own: --slug NAME",
        )  # fmt: skip
    record = CommitRecord(
        kind=PROPOSAL, ledger=state.ledger, ref=name.ref, predecessor=before, after=after,
        leases=own_tokens(ws, state, draft),
    )  # fmt: skip
    again = _unchanged(ws, draft, before, record)
    # Commits of one's own whose changes common holds already are nothing to be decided either.
    nothing = draft.tree == base and (
        _inside(ws, state, draft.parents[0]) or (before is None and draft.tree == state.tree)
    )
    if again is None and nothing and not after:
        raise RefusedError(
            "proposal.empty", "there is nothing to propose: your files are what common holds",
            hint="gitsync new TYPE \"Title\", or edit a file, then: gitsync propose",
        )  # fmt: skip
    text = options.message or _default_message(draft, changed)
    if again is not None:
        oid = again
    else:
        oid = ws.commit_as_me(
            replace(draft, message=write_commit_record(printable_text(text), record))
        )
    decision = check_here(ws, state, name, oid)
    _record(ws, options, name, oid, before)
    sent = send(ws, {name.ref: oid})
    return Proposed(name, oid, sent, tuple(changed), decision, before is not None)


def printable_text(text: str) -> str:
    """A message as people type it, without control characters other than line breaks."""
    lines = text.replace("\r\n", "\n").split("\n")
    return "\n".join("".join(c for c in line if c.isprintable() or c == "\t") for line in lines)


def _draft(ws: Workspace, state: State, options: ProposeOptions) -> Commit:
    """The unsigned commit for the files as they are: all of the branch, or only some paths."""
    files = ws.work_tree()
    who = ws.identity()
    if options.paths:
        paths = [relative_to(files.root, ws.host.cwd, path) for path in options.paths]
        base = _base_of_files(ws, state, files.tip())
        return Commit(files.tree_of_files(base, paths), (base,), who, who, b"")
    tip = files.tip()
    return Commit(files.tree_of_files(tip), (tip, *files.merging()), who, who, b"")


def _changed(ws: Workspace, state: State, draft: Commit, begun: Oid) -> list[str]:
    """The paths that a draft would change in ``common``: unlike what is there, and unlike what
    they were in ``begun``, on which the draft was begun, for the others changed without it."""
    before = {} if begun == state.commit else _unlike(ws, begun, draft)
    now = _unlike(ws, state.commit, draft)
    return [path for path in now if path in (before or now)]


def _unlike(ws: Workspace, snapshot: Oid, draft: Commit) -> dict[str, None]:
    changes = diff_trees(ws.facts, ws.facts.commit(snapshot).tree, draft.tree)
    return {change.path.decode("utf-8", "replace"): None for change in changes}


def _base_of_files(ws: Workspace, state: State, *tips: Oid) -> Oid:
    """The last snapshot that the files were brought up to: what landed since is not in them, and
    on top of a later one they would take it back."""
    index = _index(ws, state)
    try:
        new = incoming(ws.facts, index, tips, limit=1 << 40)
        floor = max((place[1] for one in new.frontier if (place := index.get(one))), default=1)
        return index.snapshot(floor)
    finally:
        index.close()


def _sponsored(ws: Workspace, state: State, ref: str) -> Commit:
    """Somebody else's unsigned change as one commit of ours that credits its author."""
    done = ws.repo.git(
        "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", check=False
    )
    if done.code != 0:
        raise UsageError("ref.unknown", f"{ref!r} names no commit here", hint="fetch it first")
    oid = Oid(done.out.decode().strip())
    commit = ws.facts.commit(oid)
    index = _index(ws, state)
    new = incoming(ws.facts, index, [oid], limit=state.settings.policy.limits.proposal_commits)
    bases = merge_bases(ws.facts, index, new.frontier)
    index.close()
    if len(bases) != 1:
        raise RefusedError(
            "sponsor.bases", "the change stands on several versions of common",
            hint="rebase it onto one first: git rebase common",
        )  # fmt: skip
    return Commit(commit.tree, bases, commit.author, ws.identity(), commit.message)


def _index(ws: Workspace, state: State) -> PositionIndex:
    index = ws.index()
    ready_index(ws.facts, index, state.ledger, state.number, state.commit)
    return index


def _inside(ws: Workspace, state: State, oid: Oid) -> bool:
    index = _index(ws, state)
    place = index.get(oid)
    index.close()
    return place is not None


def check_here(ws: Workspace, state: State, name: ProposalName, tip: Oid) -> Decision:
    """Ask the rules here before anybody else has to. Raises what the witness would refuse."""
    candidate = Candidate(name, tip)
    index = _index(ws, state)
    try:
        decision = judge(ws.facts, index, state, candidate, locks=newest_locks(ws))
    finally:
        index.close()
    if isinstance(decision, Refusal):
        raise RefusedError(decision.rule, decision.why, hint="\n".join(decision.mend) or None)
    return decision


def _unchanged(
    ws: Workspace, draft: Commit, before: Oid | None, record: CommitRecord
) -> Oid | None:
    """The proposal that is there, if making it again would change nothing."""
    if before is None or record.after:
        return None
    there = ws.facts.record(before)
    if there.kind == WITHDRAWAL or there.leases != record.leases:
        return None
    commit = ws.facts.commit(before)
    same = commit.tree == draft.tree and draft.parents in ((before,), commit.parents)
    return before if same else None


def _record(
    ws: Workspace, options: ProposeOptions, name: ProposalName, oid: Oid, before: Oid | None
) -> None:
    """Name the proposal, and put one of the whole branch on the branch; others stand beside it.

    Both at once: of two runs one wins. The name comes first, by which a run after a kill knows
    the proposal again. Raises RefsMovedError ``ref.moved``.
    """
    updates = [RefUpdate(name.ref, oid, before)] if oid != before else []
    files, ref = ws.work_tree(), None
    if not (options.paths or options.sponsor):
        ref, tip = ws.repo.head(), files.tip()
        if ref is not None and tip != oid:
            updates.append(RefUpdate(ref, oid, ws.facts.commit(oid).parents[0]))
    ws.repo.refs.transact(updates, message="gitsync: propose")
    if ref is not None:
        files.settle(oid)


def _check_expectations(ws: Workspace, state: State, expect: tuple[str, ...]) -> None:
    """``ID@N``: the artifact is in common now what it was at N. Raises ``expect.moved``."""
    for text in expect:
        position = parse_position(f"x@{text.rpartition('@')[2]}")
        ident = text.rpartition("@")[0]
        if position is None or not ident:
            raise UsageError("expect.malformed", f"--expect takes ID@N, not {text!r}")
        if position[1] > state.number:
            raise UsageError("expect.ahead", f"{ws.space}@{position[1]} is not known here yet")
        index = _index(ws, state)
        then = ws.facts.commit(index.snapshot(position[1])).tree
        index.close()
        where = artifacts.find(ws, state.tree, state.settings.schema, ident)
        before = entry_at(ws.facts, then, where.path.encode())
        if before != entry_at(ws.facts, state.tree, where.path.encode()):
            raise RefusedError(
                "expect.moved", f"{where.head.id} has changed since {ws.space}@{position[1]}",
                hint=f"look at it: gitsync show {where.head.id}\n"
                f"then propose with --expect {where.head.id}@{state.number}",
            )  # fmt: skip


def _after(ws: Workspace, text: str) -> Oid:
    if re.fullmatch(r"[0-9a-f]{40}", text):
        return Oid(text)
    name = parse_proposal_name(text, ws.me())
    found = ws.repo.refs.get(name.ref) or known_view(ws).proposals.get(name)
    if found is None:
        raise UsageError(
            "proposal.unknown", f"there is no pending proposal {name}", hint="gitsync proposals"
        )
    return found


def _slug(options: ProposeOptions, changed: list[str]) -> str:
    """A name for a proposal that was given none: its one artifact's id, or its message."""
    from gitsync.domain.artifact import slugify

    if len(changed) == 1 and not options.message:
        stem = changed[0].rpartition("/")[2].rpartition(".")[0] or changed[0]
        return check_slug(slugify(stem) or "change")
    return check_slug(slugify(options.message or "") or "change")


def _free_slug(ws: Workspace, options: ProposeOptions, changed: list[str]) -> str:
    """A slug that replaces no other change of ours: a name that nobody typed is an update only of
    what the new proposal holds too."""
    first = slug = _slug(options, changed)
    number = 1
    while options.paths or options.sponsor:
        before = ws.repo.refs.get(ProposalName(ws.me(), slug).ref)
        if before is None or ws.facts.record(before).kind == WITHDRAWAL:
            break
        commit = ws.facts.commit(before)
        parent = ws.facts.commit(commit.parents[0]).tree
        held = diff_trees(ws.facts, parent, commit.tree)
        if all(change.path.decode("utf-8", "replace") in changed for change in held):
            break
        number += 1
        slug = check_slug(f"{first[:30]}-{number}")
    return slug


def _default_message(draft: Commit, changed: list[str]) -> str:
    if draft.message:
        return trailers.body(draft.message)
    if len(changed) == 1:
        return f"Change {printable(changed[0])}"
    return f"Change {len(changed)} files"


@frozen
class Answer:
    """A proposal's newest answer, if it has any: ``commit`` is the tip that it concerns."""

    name: ProposalName
    commit: Oid | None
    receipt: Receipt | None


def answer(ws: Workspace, name: ProposalName, *, fetch: bool) -> Answer:
    """The newest receipt of a proposal. Raises UsageError ``proposal.unknown``."""
    view = fresh_view(ws) if fetch else known_view(ws)
    book = receipts_in(ws, view)
    tip = ws.repo.refs.get(name.ref) or view.proposals.get(name)
    receipt = book.of_commit(tip) if tip is not None else None
    if receipt is None and tip is None:
        receipt = book.latest(name)
    if receipt is None and tip is None:
        raise UsageError(
            "proposal.unknown", f"there is no proposal {name}", hint="gitsync proposals --all"
        )
    return Answer(name, tip or (receipt.proposal if receipt else None), receipt)


def wait_for(ws: Workspace, commit: Oid, seconds: float) -> Receipt | None:
    """Poll the home until ``commit`` has its final receipt; None when the time is up."""
    end = ws.host.monotonic() + seconds
    while True:
        book = receipts_in(ws, fresh_view(ws))
        receipt = book.of_commit(commit)
        if receipt is not None and receipt.final:
            return receipt
        if ws.host.monotonic() >= end:
            return receipt
        ws.host.sleep(min(POLL_SECONDS, max(0.05, end - ws.host.monotonic())))
