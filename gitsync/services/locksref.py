"""The locks ref as a chain of acts: the next commit on it, and the proof of those that are there.

A compare-and-swap on a ref that a push does not change checks nothing, so each emission of the
witness adds a stamp, and a lease taken meanwhile makes that push fail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.codec.leaseacts import actor_of, read_act, write_act
from gitsync.codec.records import write_commit_record
from gitsync.domain.errors import FormatError, GitsyncError, RefusedError, VerificationError
from gitsync.domain.leases.acts import Stamp, apply
from gitsync.domain.leases.values import Locks
from gitsync.domain.ledger.snapshot import machine_identity, witness_name
from gitsync.domain.names import LOCKS_REF, person_of
from gitsync.domain.objects import Commit, Oid
from gitsync.domain.records import STAMP, CommitRecord
from gitsync.services.sidechains import SideChain
from gitsync.storage.lockstree import write_locks

if TYPE_CHECKING:
    from gitsync.domain.leases.acts import Act
    from gitsync.domain.policy import Policy
    from gitsync.domain.ports import Settings
    from gitsync.domain.roster import PublicKey
    from gitsync.storage.facts import StoreFacts


def first_locks(facts: StoreFacts, who: str, ledger: Oid, now: int) -> Commit:
    """The unsigned first commit of the locks ref: the token counter at zero."""
    tree = write_locks(facts, None, None, Locks(stamped=now))
    identity = machine_identity(who, now)
    record = CommitRecord(kind=STAMP, ledger=ledger)
    return Commit(tree, (), identity, identity, write_commit_record("locks: begun", record))


def locks_at(facts: StoreFacts, tip: Oid | None) -> Locks:
    """What the locks ref holds at ``tip``.

    Raises VerificationError ``locks.missing`` when there is none, FormatError ``locks.malformed``:
    a ref that cannot be read means no.
    """
    if tip is None:
        raise VerificationError(
            "locks.missing",
            "the locks ref is gone; without it nobody knows who holds what",
            hint=f"restore it from any clone that has it: gitsync doctor --fix\n"
            f"git push HOME ID:{LOCKS_REF}",
        )
    return facts.locks(tip)


def next_act(
    facts: StoreFacts, tip: Oid | None, act: Act, policy: Policy, who: str, ledger: Oid, now: int
) -> Commit:
    """The unsigned commit that adds ``act`` on top of ``tip``; ``who`` commits at ``now`` seconds.

    Raises RefusedError ``lease.*`` where the rules forbid it, and what :func:`locks_at` raises.
    """
    before = locks_at(facts, tip)
    assert tip is not None  # noqa: S101 - locks_at has raised
    after = apply(before, act, policy)
    tree = write_locks(facts, facts.commit(tip).tree, before, after)
    identity = machine_identity(who, now)
    return Commit(tree, (tip,), identity, identity, write_act(act, ledger, tip))


class LocksChain(SideChain):
    """The locks ref from where it was last verified: every act on it signed, and by the rules."""

    def check_acts(
        self, ledger: Oid, settings: list[Settings], newest: list[Settings] | None = None
    ) -> None:
        """Prove every new commit of the chain under one of the given positions' settings.

        What came after the tip that the newest snapshot names was written under the ``newest`` of
        them, so a key that was taken off the roster long before writes nothing there.

        Raises VerificationError ``locks.unknown-key``, ``locks.bad-act``, or FormatError.
        """
        for oid in self._new:
            able = newest if newest is not None and self.is_late(oid) else settings
            commit, key = self._facts.commit(oid), self._facts.signer(oid)
            # Before anything that a stranger wrote is read.
            if not any(one.roster.person(key.blob) for one in able):
                raise self._unknown(oid, key)
            if not commit.parents:
                self._check_first(oid)
                continue
            if len(commit.parents) != 1:
                raise self._bad(oid, "it joins two histories")
            parent = commit.parents[0]
            try:
                before, after = self._facts.locks(parent), self._facts.locks(oid)
                act = read_act(commit.message, ledger, parent, before, after)
            except FormatError as error:
                raise FormatError(
                    error.code,
                    f"the commit {oid[:12]} cannot count: {error.message}",
                    hint=self._mend(oid),
                ) from None
            self._prove(oid, before, after, act, able)

    def _check_first(self, oid: Oid) -> None:
        locks = self._facts.locks(oid)
        if locks.token or locks.leases or locks.requests:
            raise self._bad(oid, "it begins with leases that nobody took")

    def _prove(
        self, oid: Oid, before: Locks, after: Locks, act: Act, settings: list[Settings]
    ) -> None:
        key = self._facts.signer(oid)
        able = [one for one in settings if _may(act, one, key)]
        if not able:
            raise self._unknown(oid, key)
        why: GitsyncError | None = None
        # The settings rarely change; the newest are the likely ones.
        for one in reversed(able):
            try:
                expected = apply(before, act, one.policy)
            except GitsyncError as error:
                why = error
                continue
            # A tree has one spelling, which reading it has made sure of: equal values, equal trees.
            if after == expected:
                return
            why = why or RefusedError("locks.bad-act", "its files are not what the act gives")
        raise self._bad(oid, str(why))

    def _unknown(self, oid: Oid, key: PublicKey) -> VerificationError:
        return VerificationError(
            "locks.unknown-key",
            f"the commit {oid[:12]} on the locks ref is signed by {key.fingerprint},"
            " which may not write that there",
            hint=self._mend(oid),
        )

    def _bad(self, oid: Oid, why: str) -> VerificationError:
        return VerificationError(
            "locks.bad-act",
            f"the commit {oid[:12]} on the locks ref breaks the rules of leases: {why}",
            hint=self._mend(oid),
        )

    def _mend(self, oid: Oid) -> str:
        parents = self._facts.commit(oid).parents
        good = parents[0] if parents else "ID"
        return f"put the ref back to where it was sound:\ngit push --force HOME {good}:{LOCKS_REF}"


def _may(act: Act, settings: Settings, key: PublicKey) -> bool:
    """Whether a key may sign an act: a witness's stamps, everybody's own acts."""
    if isinstance(act, Stamp):
        return witness_name(settings.policy, settings.roster, key) is not None
    return settings.roster.person(key.blob) == person_of(actor_of(act) or "")
