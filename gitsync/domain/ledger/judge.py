"""One decision: may this proposal become the next snapshot?

The witness asks before it signs, and everyone who verifies asks again afterwards with the same
arguments. Nothing here reads a clock: ``latest`` bounds how far ahead a proposal may be dated, and
is None on replay, because what was early then is not early any more.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, GitsyncError, RefusedError, Where
from gitsync.domain.ledger.approvals import Backing, collect, counted, missing_words
from gitsync.domain.ledger.changes import artifact_change, check_states, pair_moves
from gitsync.domain.ledger.config import check_config_change
from gitsync.domain.ledger.content import (
    CONFIG_PREFIX,
    check_collisions,
    check_content,
    check_markers,
    shell_word,
    show,
)
from gitsync.domain.ledger.entrance import check_claims, check_signatures
from gitsync.domain.ledger.history import Incoming, incoming, merge_bases
from gitsync.domain.ledger.merging import Merging
from gitsync.domain.ledger.state import (
    Candidate,
    Decision,
    Landing,
    Refusal,
    State,
    Subsumed,
    Waiting,
)
from gitsync.domain.merge.files import VERSIONS
from gitsync.domain.merge.trees import (
    FileChange,
    TreeMerge,
    diff_trees,
    entry_at,
)

if TYPE_CHECKING:
    from gitsync.domain.leases.values import Locks
    from gitsync.domain.objects import Oid
    from gitsync.domain.policy import Requirement
    from gitsync.domain.ports import Facts, Positions
    from gitsync.domain.records import Endorsement


#: A snapshot names each approval as a parent, and a commit has at most 64.
MAX_APPROVALS = 60
#: Since this merge version a file with conflict markers is refused; earlier ledgers may hold some.
MARKERS_SINCE = 2
MAX_RESOLVES = 3


def judge(
    facts: Facts,
    positions: Positions,
    state: State,
    candidate: Candidate,
    *,
    latest: int | None = None,
    known: Incoming | None = None,
    locks: Locks | None = None,
) -> Decision:
    """Decide on ``candidate`` at ``state``.

    ``latest`` is the last committer date, in seconds, that is not too far ahead. ``known`` may
    carry what :func:`incoming` said of the tip if the caller has it. ``locks`` are the leases that
    the decision rests on: what the locks ref held at the tip that the snapshot records.
    Never raises for anything that a proposer can cause: that is a Refusal. What this machine
    lacks (EnvironmentFault, a missing object) says nothing of the proposal, and is raised.
    """
    place = positions.get(candidate.tip)
    if place is not None:
        return Subsumed(
            place[0], "proposal.subsumed", f"its commits are part of {state.space}@{place[0]}"
        )
    try:
        return _Judge(facts, positions, state, candidate, locks).decide(latest, known)
    except _Undecided as undecided:
        return undecided.waiting
    except EnvironmentFault:
        raise
    except GitsyncError as error:
        if error.code in ("object.missing", "object.damaged"):
            raise
        mend = tuple(error.hint.splitlines()) if error.hint else ()
        return Refusal(error.code, str(error), mend)


class _Undecided(Exception):  # noqa: N818 - it carries an answer, not a fault
    def __init__(self, waiting: Waiting) -> None:
        super().__init__(waiting.why)
        self.waiting = waiting


class _Judge:
    def __init__(
        self,
        facts: Facts,
        positions: Positions,
        state: State,
        candidate: Candidate,
        locks: Locks | None,
    ) -> None:
        self.facts = facts
        self.positions = positions
        self.state = state
        self.candidate = candidate
        self.locks = locks
        self.policy = state.settings.policy

    def decide(self, latest: int | None, known: Incoming | None) -> Decision:
        limit = self.policy.limits.proposal_commits
        # The limit may have been lowered since the caller looked.
        if known is None or len(known.commits) > limit:
            known = incoming(self.facts, self.positions, [self.candidate.tip], limit=limit)
        new = known
        check_signatures(self.facts, self.state, self.candidate, new.commits)
        check_claims(self.facts, self.state, self.candidate)
        self.check_time(latest)
        touched = check_content(self.facts, new.commits, self.policy)
        merged, canonical = self.merge(new)
        if merged == self.state.tree:
            return Subsumed(
                self.state.number,
                "proposal.no-change",
                f"{self.state.space}@{self.state.number} holds all of it already",
            )
        net = list(diff_trees(self.facts, self.state.tree, merged))
        check_collisions(self.facts, merged, net)
        if self.policy.merge >= MARKERS_SINCE:
            check_markers(self.facts, net)
        held = self.check_leases(net, merged)
        approvals = self.check_rules(net, touched, merged)
        if held is not None:
            # Its holder is asked only for what could land otherwise.
            raise _Undecided(held)
        tokens = self.facts.record(self.candidate.tip).leases
        return Landing(
            merged, self.policy.merge, approvals, tokens, new.commits, canonical=canonical
        )

    def check_leases(self, net: list[FileChange], merged: Oid) -> Waiting | None:
        """What others hold, of all that would be written."""
        locks = self.locks
        if locks is None or not (locks.leases or self.facts.record(self.candidate.tip).leases):
            return None
        from gitsync.domain.ledger.leasing import check_leases

        return check_leases(self.facts, self.state, self.candidate, locks, net, merged)

    def check_time(self, latest: int | None) -> None:
        """What has to land before it has, and its date is not too far ahead."""
        record = self.facts.record(self.candidate.tip)
        for needed in record.after:
            if self.positions.get(needed) is None:
                raise _Undecided(
                    Waiting("proposal.after", f"it comes after {needed[:12]}, which has not landed")
                )
        seconds = self.facts.commit(self.candidate.tip).committer.seconds
        if latest is not None and seconds > latest:
            # The same words in every run: a receipt is written when the answer changes.
            raise _Undecided(
                Waiting(
                    "time.ahead",
                    f"its date, {seconds} s since 1970, is further ahead of the witness's clock"
                    " than the policy allows",
                )
            )

    def merge(self, new: Incoming) -> tuple[Oid, bool]:
        """The tree of ``common`` with the proposal's change in it, and whether it was made of
        canonical forms: what waited for a lease is merged so where it would conflict otherwise."""
        version = self.policy.merge
        if version not in VERSIONS:
            raise RefusedError(
                "merge.unknown-version",
                f"the policy asks for merge version {version}, which this gitsync does not know",
                hint="update gitsync",
            )
        bases = merge_bases(self.facts, self.positions, new.frontier)
        merging = Merging(self.facts, self.positions, self.state.settings.schema, version)
        theirs = self.facts.commit(self.candidate.tip).tree
        merged = merging.merge(bases, self.state.tree, theirs)
        if merged.tree is not None:
            return merged.tree, False
        tip = self.candidate.tip
        if self.locks is not None and any(one[1] == tip for one in self.locks.requests):
            again = replace(merging, canonical=True).merge(bases, self.state.tree, theirs)
            if again.tree is not None:
                return again.tree, True
        raise self.conflict(merged)

    def conflict(self, merged: TreeMerge) -> RefusedError:
        space = self.state.space
        said = [item.words(space, "the proposal") for item in merged.conflicts[:5]]
        more = len(merged.conflicts) - len(said)
        if more > 0:
            said.append(f"and {more} more")
        return RefusedError(
            "merge.conflict",
            f"it conflicts with {space}@{self.state.number}: " + "; ".join(said),
            hint="\n".join(self.mending(merged)),
        )

    def mending(self, merged: TreeMerge) -> list[str]:
        """The commands that settle a conflict: a field that both changed has one of its own."""
        propose = f"gitsync propose --slug {self.candidate.name.slug}"
        fields = [(item.path, one.name) for item in merged.conflicts for one in item.fields]
        if not fields:
            return ["git fetch && git merge origin/common   # settle the conflict, commit", propose]
        return [
            "git fetch && git merge origin/common",
            *(
                f"gitsync resolve {shell_word(show(path))} --field {shell_word(name)}"
                " --take theirs   # or ours"
                for path, name in fields[:MAX_RESOLVES]
            ),
            "git commit   # when gitsync resolve lists nothing",
            propose,
        ]

    def check_rules(
        self, net: list[FileChange], touched: dict[bytes, FileChange], merged: Oid
    ) -> tuple[Endorsement, ...]:
        """Schema, policy and approvals; returns the approvals that counted."""
        roster = self.state.settings.roster
        proposal = self.candidate.tip
        backing = collect(self.facts, roster, self.state.ledger, proposal, self.candidate.approvals)
        # By commit: where a person's key changes, old and new roster may count two of theirs.
        used: dict[Oid, Endorsement] = {}
        config = any(path.startswith(CONFIG_PREFIX) for path in touched) or any(
            change.path.startswith(CONFIG_PREFIX) for change in net
        )
        if config:
            short, endorsements = check_config_change(
                self.facts, self.state, self.candidate, merged, backing
            )
            if short is not None:
                raise _Undecided(self.wait_for_approval(short))
            used |= {one.commit: one for one in endorsements}
        self.check_ids(net, merged)
        for requirement in self.requirements(net, touched):
            endorsements, missing = counted(self.policy, requirement, backing)
            if missing:
                raise _Undecided(
                    self.wait_for_approval(
                        missing_words(self.policy, requirement, backing, missing)
                    )
                )
            used |= {one.commit: one for one in endorsements}
            self.check_lands_as_approved(requirement, merged, backing)
        if len(used) > MAX_APPROVALS:
            raise RefusedError(
                "limit.approvals", f"a snapshot cannot hold more than {MAX_APPROVALS} approvals"
            )
        return tuple(sorted(used.values(), key=lambda one: (one.person, one.commit)))

    def requirements(
        self, net: list[FileChange], touched: dict[bytes, FileChange]
    ) -> list[Requirement]:
        """What policy and schema ask of the net change, and of anything touched on the way."""
        schema = self.state.settings.schema
        moved = pair_moves(artifact_change(self.facts, schema, change) for change in net)
        seen = {change.path for change in net}
        passing = [touched[path] for path in sorted(touched) if path not in seen]
        changes = [*moved, *(artifact_change(self.facts, schema, change) for change in passing)]
        found = list(self.policy.requirements(changes))
        for change in moved:
            found += check_states(schema, self.policy, change)
        return found

    def check_ids(self, net: list[FileChange], merged: Oid) -> None:
        """Where the schema asks for it, no file comes to have an id that another one has."""
        schema = self.state.settings.schema
        for change in net if schema.unique_ids else ():
            one = artifact_change(self.facts, schema, change)
            ident = one.after.id if one.after is not None else None
            if ident is None or (one.before is not None and one.before.id == ident):
                continue
            holders = self.facts.paths_of(merged, ident, schema)
            other = next((path for path in holders if path != change.path), None)
            if other is not None:
                raise RefusedError(
                    "schema.duplicate-id",
                    f"{one.path}: the id {ident} is taken by {show(other)}",
                    hint=f"give {one.path} another id: gitsync new picks one that is free",
                    where=Where(one.path),
                )

    def check_lands_as_approved(
        self, requirement: Requirement, merged: Oid, backing: Backing
    ) -> None:
        """Where approval was demanded, the merged file equals the approved one."""
        theirs = self.facts.commit(self.candidate.tip).tree
        for path in requirement.paths:
            raw = path.encode("utf-8", "replace")
            if entry_at(self.facts, merged, raw) != entry_at(self.facts, theirs, raw):
                who = ", ".join(sorted(backing.approvals)) or "the proposer"
                raise RefusedError(
                    "approval.stale",
                    f"{path} would land differently from what {who} approved:"
                    f" {self.state.space} has moved",
                    hint="gitsync pull\n"
                    f"gitsync propose --slug {self.candidate.name.slug}\n"
                    f"gitsync approve {self.candidate.name}",
                )

    def wait_for_approval(self, why: str) -> Waiting:
        return Waiting("approval.missing", why, (f"gitsync approve {self.candidate.name}",))
