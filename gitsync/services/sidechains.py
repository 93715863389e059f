"""The receipts and locks refs as chains: signed by witnesses, and never rolled back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import VerificationError
from gitsync.domain.ledger.snapshot import witness_name
from gitsync.domain.names import DEFAULT_SPACE, LOCKS_REF, receipts_ref

if TYPE_CHECKING:
    from gitsync.domain.objects import Oid
    from gitsync.domain.ports import Settings
    from gitsync.storage.facts import StoreFacts


def rolled_back(side: str, lost: Oid | None) -> VerificationError:
    """The error for a ref, ``receipts`` or ``locks``, that lacks a tip which was recorded."""
    ref = LOCKS_REF if side == "locks" else receipts_ref(DEFAULT_SPACE)
    return VerificationError(
        f"{side}.rolled-back",
        f"the {side} ref no longer holds {str(lost)[:12]}, which was recorded: it was"
        " rolled back or deleted",
        hint=f"restore it from any clone that has it:\ngit push origin {lost}:{ref}",
    )


def misplaced(side: str, why: VerificationError, good: Oid | None) -> VerificationError:
    """The error for a ref, ``receipts`` or ``locks``, that points to something else than a
    commit; ``good`` is the newest of its commits that is known to be sound."""
    ref = LOCKS_REF if side == "locks" else receipts_ref(DEFAULT_SPACE)
    return VerificationError(
        why.code,
        f"the {side} ref is damaged: {why.message}",
        hint="put the ref back to where it was sound, from any clone that has it:\n"
        f"git push --force HOME {good or 'ID'}:{ref}",
    )


class SideChain:
    """One first-parent chain beside ``common``, read back to where it was last verified.

    ``verified`` is the tip that was seen last; ``recorded`` the one that the last verified
    snapshot names. They differ: refs are not read in one moment, so a tip may have been seen that
    belongs to a later snapshot, which then names an earlier one.

    Raises VerificationError ``<receipts|locks>.rolled-back``, or ``object.kind`` for a tip that is
    no commit.
    """

    def __init__(
        self,
        facts: StoreFacts,
        what: str,
        tip: Oid | None,
        verified: Oid | None,
        recorded: Oid | None = None,
    ) -> None:
        self._facts = facts
        self._what = what
        self.tip = tip
        self._rank: dict[Oid, int] = {}
        self._new: list[Oid] = []
        self._last = -1
        chain: list[Oid] = []
        missing = {one for one in (verified, recorded) if one is not None}
        oid = tip
        while oid is not None:
            chain.append(oid)
            missing.discard(oid)
            if recorded is not None and not missing:
                break
            try:
                parents = facts.commit(oid).parents
            except VerificationError as error:
                if oid != tip or error.code != "object.kind":
                    raise
                raise misplaced(what, error, verified or recorded) from None
            oid = parents[0] if parents else None
        if missing:
            raise rolled_back(self._what, verified if verified in missing else missing.pop())
        chain.reverse()
        self._rank = {one: rank for rank, one in enumerate(chain)}
        self._new = chain[self._rank[verified] + 1 :] if verified is not None else chain
        if recorded is not None:
            self._last = self._rank[recorded]

    def check_recorded(self, recorded: Oid | None) -> None:
        """Check a tip that a snapshot recorded: part of the chain, not before an earlier one.

        Raises VerificationError ``<receipts|locks>.rolled-back``, or ``.unrecorded`` for a
        snapshot that names none although one before it did.
        """
        if recorded is None:
            if self._last >= 0:
                raise VerificationError(
                    f"{self._what}.unrecorded",
                    f"a snapshot does not say which {self._what} it was decided on",
                )
            return
        rank = self._rank.get(recorded)
        if rank is None or rank < self._last:
            raise rolled_back(self._what, recorded)
        self._last = rank

    def is_late(self, oid: Oid) -> bool:
        """Whether a commit of the chain came after the tip that the newest snapshot names."""
        return 0 <= self._last < self._rank[oid]

    def check_signatures(
        self, settings: list[Settings], newest: list[Settings] | None = None
    ) -> None:
        """Every new commit of the chain is signed by a witness of one of the given positions.

        What came after the tip that the newest snapshot names was written under the ``newest`` of
        them, so a key whose role ended long before writes nothing there.
        """
        for oid in self._new:
            able = newest if newest is not None and self.is_late(oid) else settings
            key = self._facts.signer(oid)
            if not any(witness_name(one.policy, one.roster, key) for one in able):
                raise VerificationError(
                    f"{self._what}.unknown-key",
                    f"the commit {oid[:12]} on the {self._what} ref is signed by {key.fingerprint},"
                    " which may not write there",
                )
