"""People and agents: they take leases, show signs of life, propose, answer, break and give back.

What they know they have read from the home, and may be old. Whatever the rules decide is decided by
the product; here is only what a client does between reading and writing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from gitsync.codec.records import write_commit_record
from gitsync.domain.errors import RefusedError
from gitsync.domain.leases.acts import Acquire, Answer, Break, Release, Reply
from gitsync.domain.leases.values import Lease
from gitsync.domain.merge.trees import entry_at
from gitsync.domain.names import LOCKS_REF, NODES, PROPOSALS, ProposalName
from gitsync.domain.objects import MODE_FILE, Commit, Oid, Signature
from gitsync.domain.records import PROPOSAL, CommitRecord
from gitsync.domain.treeedit import edit_tree
from gitsync.services.deciding import sign_commit
from gitsync.services.heartbeats import next_beat
from gitsync.services.locksref import next_act
from gitsync.storage.refs import RefsMovedError, RefUpdate
from tests.simulation.genesis import COVERS, DEPUTY, FILES, GRACE, policy_text
from tests.simulation.history import Claimed
from tests.simulation.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitsync.domain.leases.acts import Act
    from gitsync.domain.leases.values import Locks
    from gitsync.domain.policy import Policy
    from gitsync.services.refview import RefView
    from tests.simulation.schedule import Step
    from tests.simulation.world import World

ATTEMPTS = 3


class Person(Node):
    """One person's clone. ``_sent`` and ``_beats`` lie on its disk; ``_held`` and ``_known`` are
    what its process remembers, and are gone when it is killed."""

    def __init__(self, world: World, who: str) -> None:
        super().__init__(world, who)
        self._sent: dict[str, Oid] = {}
        self._beats = 0
        self._held: dict[int, Lease] = {}
        self._known: RefView | None = None

    def forget(self) -> None:
        """See ``Node``."""
        super().forget()
        self._held, self._known = {}, None

    def do(self, step: Step) -> None:
        """See ``Node``."""
        self.wire.meet(step)
        getattr(self, step.verb.replace("break", "end"))(step)

    # -- leases -----------------------------------------------------------------------------

    def _act(self, make: Callable[[RefView, Locks, Policy], Act | None]) -> Act | None:
        """Put an act on the locks ref: made of what is there, and made anew where it was lost."""
        for _ in range(ATTEMPTS):
            view = self.look()
            act = make(view, self.facts.locks(_some(view.locks)), self._policy(view))
            if act is None:
                return None
            commit = next_act(
                self.facts, view.locks, act, self._policy(view), self.who,
                self.world.genesis.anchor, self.clock_now,
            )  # fmt: skip
            oid = sign_commit(self.facts, self.signer, commit)
            try:
                self.push(RefUpdate(LOCKS_REF, oid, view.locks))
            except RefsMovedError:
                continue
            return act
        return None

    def _policy(self, view: RefView) -> Policy:
        return self.facts.settings(self.facts.commit(_some(view.common)).tree).policy

    def acquire(self, step: Step) -> None:
        """Take a lease, and believe it only when the home shows it."""
        subjects = step.get("subjects")
        claims: dict[str, int] = {}

        def make(view: RefView, locks: Locks, _policy: Policy) -> Act | None:
            for one in locks.live():
                if (one.holder, one.subjects) == (self.who, subjects):
                    claims[one.nonce] = one.token
                    return None
            text = f"{self.world.schedule.seed}/{step.get('number')}/{len(claims)}"
            nonce = hashlib.sha256(text.encode()).hexdigest()[:32]
            claims[nonce] = locks.token + 1
            members = {FILES[path] for one in subjects for path in COVERS[one]}
            lease = Lease(
                token=locks.token + 1, holder=self.who, nonce=nonce, subjects=subjects,
                members=tuple(sorted(members)), seen=1, seconds=step.get("seconds"), grace=GRACE,
                on_request=step.get("on_request"),
            )  # fmt: skip
            return Acquire(lease)

        try:
            self._act(make)
        finally:
            self._believe(claims)

    def _believe(self, claims: dict[str, int]) -> None:
        """Read again what was claimed: an answer may be lost, and a claim too."""
        locks = self.facts.locks(_some(self.look().locks))
        for lease in locks.leases.values():
            if lease.nonce in claims and lease.holder == self.who and not lease.released:
                self._held[lease.token] = lease
                self.world.note(Claimed(self.world.now, self.who, lease.token, lease.nonce))

    def release(self, step: Step) -> None:
        """Give back all that is held."""

        def make(_view: RefView, locks: Locks, _policy: Policy) -> Act | None:
            mine = [
                token for token, one in sorted(locks.leases.items())
                if one.holder == self.who and not one.released
            ]  # fmt: skip
            return Release(self.who, tuple(mine)) if mine else None

        if self._act(make) is not None:
            self._held = {}

    def end(self, step: Step) -> None:
        """Break the oldest lease of somebody else; whether one may is not asked here."""

        def make(_view: RefView, locks: Locks, _policy: Policy) -> Act | None:
            others = [one for one in locks.live() if one.holder != self.who]
            return Break(self.who, others[0].token, "in the way") if others else None

        self._act(make)

    def answer(self, step: Step) -> None:
        """Answer one of the requests; whether it is one's own to answer is not asked here."""

        def make(_view: RefView, locks: Locks, _policy: Policy) -> Act | None:
            queue = locks.queue()
            mine = [one for one in queue if locks.leases[one.token].holder == self.who] or queue
            if not mine:
                return None
            request = mine[step.get("which") % len(mine)]
            verdict, until = step.get("verdict"), step.get("until")
            end = self.clock_now + until if verdict == "wait" and until else None
            return Reply(self.who, request.token, request.proposal, Answer(verdict, self.who, end))

        self._act(make)

    def beat(self, step: Step) -> None:
        """Show a sign of life."""
        ref = NODES + self.who
        self._beats += 1
        commit = next_beat(
            self.facts, self.who, self.world.genesis.anchor, self._beats, self.clock_now
        )
        oid = sign_commit(self.facts, self.signer, commit)
        self.push(RefUpdate(ref, oid, self.look().nodes.get(self.who)))

    # -- proposals --------------------------------------------------------------------------

    def propose(self, step: Step) -> None:
        """Propose an edit, with the fencing tokens that one believes in, or with wrong ones."""
        view = self.look() if step.get("fresh") or self._known is None else self._known
        slug = f"p{step.get('number')}"
        if step.get("update") and self._sent:
            slug = list(self._sent)[-1]
        name = ProposalName(self.who, slug)
        base = _some(view.common)
        mark = f"{self.who}/{step.get('number')}"
        edits = {}
        for path in step.get("files"):
            data = self._edited(base, path, step.get("section"), mark)
            edits[path.encode()] = (MODE_FILE, bytes.fromhex(self.facts.put_blob(data)))
        tree = edit_tree(self.facts, self.facts.commit(base).tree, edits)
        # Plain git says nothing of itself; a tool does. The home may hold another state of it.
        plain = self.who == "mallory"
        record = CommitRecord(
            kind=None if plain else PROPOSAL,
            ledger=None if plain else self.world.genesis.anchor,
            ref=None if plain else name.ref,
            predecessor=None if plain else self._sent.get(slug),
            leases=self._tokens(view, step),
        )
        when = self.clock_now + step.get("dated")
        oid = self._commit(tree, base, write_commit_record(f"Edit {mark}", record), when)
        there = (self.look() if step.get("fresh") else view).proposals.get(name)
        # Noted before it is sent: a process may die in between, or never hear of it.
        self._sent[slug] = oid
        self.push(RefUpdate(name.ref, oid, there))

    def _commit(self, tree: Oid, parent: Oid, message: bytes, when: int) -> Oid:
        who = Signature(self.who.encode(), f"{self.who}@example.invalid".encode(), when)
        return sign_commit(self.facts, self.signer, Commit(tree, (parent,), who, who, message))

    def _edited(self, base: Oid, path: str, section: int, mark: str) -> bytes:
        """A file with one section rewritten: a mark that occurs nowhere else."""
        entry = entry_at(self.facts, self.facts.commit(base).tree, path.encode())
        assert entry is not None
        lines = self.facts.blob(Oid(entry[1].hex())).decode().split("\n")
        at = lines.index(f"## Section {section}") + 2
        lines[at] = f"{lines[at]} {mark};"
        return "\n".join(lines).encode()

    def _tokens(self, view: RefView, step: Step) -> tuple[int, ...]:
        kind = step.get("token")
        locks = self.facts.locks(_some(view.locks))
        if kind == "foreign":
            return tuple(sorted(locks.leases))[:1]
        if kind == "stale":
            return (max(1, locks.token - 1),)
        if kind == "none":
            return ()
        touched = set(step.get("files"))
        return tuple(
            token for token, lease in sorted(self._held.items())
            if any(touched & COVERS[subject] for subject in lease.subjects)
        )  # fmt: skip

    def handover(self, step: Step) -> None:
        """Propose that the deputy be the witness from now on."""
        view = self.look()
        base = _some(view.common)
        text = policy_text(self.world.schedule.unanswered, 2, DEPUTY)
        edit = (MODE_FILE, bytes.fromhex(self.facts.put_blob(text)))
        tree = edit_tree(self.facts, self.facts.commit(base).tree, {b".gitsync/policy.yaml": edit})
        oid = self._commit(tree, base, b"The deputy takes over\n", self.clock_now)
        name = ProposalName(self.who, "handover")
        self.push(RefUpdate(name.ref, oid, view.proposals.get(name)))

    # -- mischief ---------------------------------------------------------------------------

    def replay(self, step: Step) -> None:
        """Push somebody's proposal again, as it once was, under its own name."""
        old = self._replaced(PROPOSALS)
        if old:
            ref, oid = old[step.get("which") % len(old)]
            self._overwrite(ref, oid)

    def rebeat(self, step: Step) -> None:
        """Push somebody's old heartbeat again."""
        old = self._replaced(NODES)
        if old:
            ref, oid = old[step.get("which") % len(old)]
            self._overwrite(ref, oid)

    def _replaced(self, prefix: str) -> list[tuple[str, Oid]]:
        """What refs have held and hold no more, the newest first."""
        now = self.world.places.home.refs
        past = self.world.once(lambda ref: ref.startswith(prefix))
        return [(ref, oid) for ref, oid in reversed(past) if now.get(ref) != oid]

    def _overwrite(self, ref: str, oid: Oid) -> None:
        self.push(RefUpdate(ref, oid, self.world.places.home.refs.get(ref)))

    # -- the node ---------------------------------------------------------------------------

    def look(self) -> RefView:
        """Read the home."""
        self._known = self.wire.view()
        return self._known

    def push(self, update: RefUpdate) -> None:
        """Send one ref. Raises RefsMovedError, EnvironmentFault ``remote.unreachable``."""
        self.repo.store.flush()
        self.wire.emit([update])


def _some(oid: Oid | None) -> Oid:
    if oid is None:
        raise RefusedError("ref.missing", "the home lacks a ref")
    return oid
