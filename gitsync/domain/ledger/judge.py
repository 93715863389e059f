"""One decision: may this proposal become the next snapshot?

The witness asks before it signs, and everyone who verifies asks again afterwards with the same
arguments. Nothing here reads a clock: ``latest`` bounds how far ahead a proposal may be dated, and
is None on replay, because what was early then is not early any more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.artifact import ArtifactChange
from gitsync.domain.errors import (
    EnvironmentFault,
    FormatError,
    GitsyncError,
    RefusedError,
    Where,
)
from gitsync.domain.ledger.approvals import Backing, collect, counted, missing_words
from gitsync.domain.ledger.config import check_config_change
from gitsync.domain.ledger.content import (
    CONFIG_PREFIX,
    check_collisions,
    check_content,
    check_markers,
    shell_word,
    show,
)
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
from gitsync.domain.names import person_of
from gitsync.domain.objects import Oid
from gitsync.domain.records import PROPOSAL
from gitsync.domain.schema import Violation

if TYPE_CHECKING:
    from gitsync.domain.artifact import ArtifactHead
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
) -> Decision:
    """Decide on ``candidate`` at ``state``.

    ``latest`` is the last committer date, in seconds, that is not too far ahead. ``known`` may
    carry what :func:`incoming` said of the tip if the caller has it.
    Never raises for anything that a proposer can cause: that is a Refusal. What this machine
    lacks (EnvironmentFault, a missing object) says nothing of the proposal, and is raised.
    """
    place = positions.get(candidate.tip)
    if place is not None:
        return Subsumed(
            place[0], "proposal.subsumed", f"its commits are part of {state.space}@{place[0]}"
        )
    try:
        return _Judge(facts, positions, state, candidate).decide(latest, known)
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
        self, facts: Facts, positions: Positions, state: State, candidate: Candidate
    ) -> None:
        self.facts = facts
        self.positions = positions
        self.state = state
        self.candidate = candidate
        self.policy = state.settings.policy

    def decide(self, latest: int | None, known: Incoming | None) -> Decision:
        limit = self.policy.limits.proposal_commits
        # The limit may have been lowered since the caller looked.
        if known is None or len(known.commits) > limit:
            known = incoming(self.facts, self.positions, [self.candidate.tip], limit=limit)
        new = known
        self.check_signatures(new)
        self.check_claims(latest)
        touched = check_content(self.facts, new.commits, self.policy)
        merged = self.merge(new)
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
        approvals = self.check_rules(net, touched, merged)
        record = self.facts.record(self.candidate.tip)
        return Landing(merged, self.policy.merge, approvals, record.leases, new.commits)

    def check_signatures(self, new: Incoming) -> None:
        """Every commit is signed by someone on the roster, the tip by the person who proposes."""
        roster = self.state.settings.roster
        for oid in new.commits:
            key = self.facts.signer(oid)
            person = roster.person(key.blob)
            if person is None:
                raise RefusedError(
                    "signature.unknown-key",
                    f"commit {oid[:12]} is signed by {key.fingerprint}, which is not on the roster"
                    f" of {self.state.space}@{self.state.number}",
                    hint="ask for admission: gitsync join, then gitsync roster admit NAME\n"
                    "or have someone on the roster sponsor it: gitsync propose --sponsor REF",
                )
            if oid == self.candidate.tip and person != person_of(self.candidate.name.domain):
                raise RefusedError(
                    "proposal.not-yours",
                    f"the tip is signed by {person}, the ref belongs to"
                    f" {self.candidate.name.domain}",
                    hint=f"push it to refs/heads/proposals/{person}/{self.candidate.name.slug}",
                )

    def check_claims(self, latest: int | None) -> None:
        """What the tip says of itself agrees with where it was found."""
        record = self.facts.record(self.candidate.tip)
        if record.kind not in (None, PROPOSAL) or record.approves is not None:
            raise RefusedError(
                "proposal.kind",
                f"the commit is made for something else: {record.kind or 'approval'}",
                hint="gitsync propose",
            )
        if record.ledger not in (None, self.state.ledger):
            raise RefusedError(
                "proposal.other-ledger",
                f"the proposal was made for the ledger {str(record.ledger)[:12]}",
                hint="make it again in a clone of this ledger",
            )
        if record.ref not in (None, self.candidate.name.ref):
            raise RefusedError(
                "proposal.other-ref",
                f"the proposal was made for {record.ref}, not for {self.candidate.name.ref}",
                hint="propose it here under its own name:\n"
                f"gitsync propose --slug {self.candidate.name.slug}",
            )
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

    def merge(self, new: Incoming) -> Oid:
        """The tree of ``common`` with the proposal's change in it."""
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
        if merged.tree is None:
            raise self.conflict(merged)
        return merged.tree

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
        moved = self.pair_moves(net)
        seen = {change.path for change in net}
        passing = [touched[path] for path in sorted(touched) if path not in seen]
        changes = [*moved, *(self.artifact_change(change) for change in passing)]
        found = list(self.policy.requirements(changes))
        for change in moved:
            for item in self.state.settings.schema.check(change):
                if isinstance(item, Violation):
                    raise RefusedError(item.code, f"{change.path}: {item.message}", hint=item.hint)
                found.append(item)
        return found

    def artifact_change(self, change: FileChange) -> ArtifactChange:
        schema = self.state.settings.schema
        path = show(change.path)
        heads: list[ArtifactHead | None] = [None, None]
        if change.path.endswith((b".md", b".markdown")):
            for side, entry in enumerate((change.before, change.after)):
                if entry is None:
                    continue
                try:
                    heads[side] = self.facts.head(Oid(entry[1].hex()), schema, path)
                except FormatError:
                    # What was broken when the ledger began may be mended or removed.
                    if side == 1:
                        raise
        if change.after is not None and heads[1] is None and heads[0] is not None and heads[0].id:
            # The file stays, the artifact would be gone: a deletion that nobody would see as one.
            raise RefusedError(
                "schema.front-matter-lost",
                f"{path} would lose its front matter, and {heads[0].id} with it",
                hint="put the front matter back, or delete the file: git rm " + path,
                where=Where(path, 1),
            )
        return ArtifactChange(path, heads[0], heads[1])

    def pair_moves(self, net: list[FileChange]) -> list[ArtifactChange]:
        """Artifact changes with a delete and an add of one id joined: a rename changes no state."""
        changes = [self.artifact_change(change) for change in net]
        gone = {
            change.before.id: change
            for change in changes
            if change.after is None and change.before is not None and change.before.id
        }
        paired: list[ArtifactChange] = []
        used: set[str] = set()
        for change in changes:
            source = gone.get(change.after.id or "") if change.after and not change.before else None
            if source is not None and source.before is not None:
                used.add(source.path)
                paired.append(ArtifactChange(change.path, source.before, change.after, source.path))
            else:
                paired.append(change)
        return [change for change in paired if change.after is not None or change.path not in used]

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
