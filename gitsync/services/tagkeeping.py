"""The tags of positions on a home: publishing them, and making those that a dead run left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import RefusedError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.names import position_tag
from gitsync.services.replay import check_tag
from gitsync.services.states import load_state
from gitsync.services.tagging import make_tag
from gitsync.storage.refs import RefsMovedError, RefUpdate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gitsync.domain.ledger.state import State
    from gitsync.domain.objects import Oid
    from gitsync.services.batch import Landed, Notary
    from gitsync.services.home import Home
    from gitsync.services.refview import RefView
    from gitsync.services.verifying import Verifier
    from gitsync.storage.repository import Repository


@frozen
class TagKeeper:
    """Tags of one home's positions, made with the objects of ``repo``."""

    repo: Repository
    home: Home

    def mend(
        self, view: RefView, verifier: Verifier, state: State, notary: Notary
    ) -> dict[int, Oid]:
        """Make the tags that a run which died after moving ``common`` did not get to."""
        missing = [n for n in range(2, state.number + 1) if n not in view.tags]
        if not missing:
            return {}
        local = self.repo.refs.list(f"refs/tags/{state.space}@*")
        made: dict[int, Oid] = {}
        for number in missing:
            snapshot = verifier.index.snapshot(number)
            tag = local.get(position_tag(state.space, number))
            if tag is None or not self._sound(tag, state.space, state.ledger, snapshot):
                tag = self._make(state, number, snapshot, notary)
            made[number] = tag
        self.repo.store.flush()
        return self._publish(state.space, state.ledger, made)

    def give(self, state: State, landed: list[Landed], notary: Notary) -> dict[int, Oid]:
        """Sign and publish the tags of snapshots that the home has taken."""
        tags = {one.number: self._make(state, one.number, one.commit, notary) for one in landed}
        self.repo.store.flush()
        return self._publish(state.space, state.ledger, tags)

    def own(self, verifier: Verifier, tags: Mapping[int, Oid], state: State) -> dict[int, Oid]:
        """The tags that this clone is to have: those that this run has looked at, and earlier ones
        that a dead run did not get to. They may have been exchanged since, so they are checked."""
        seen = verifier.stored.number if verifier.stored is not None else 0
        here = self.repo.refs.list(f"refs/tags/{state.space}@*")
        return {
            number: tag
            for number, tag in tags.items()
            if number > max(seen, 1)
            or (number > 1 and position_tag(state.space, number) not in here
                and self._sound(tag, state.space, state.ledger, verifier.index.snapshot(number)))
        }  # fmt: skip

    def _make(self, state: State, number: int, snapshot: Oid, notary: Notary) -> Oid:
        return make_tag(
            self.repo.facts, notary.signer, notary.name,
            space=state.space, number=number, target=snapshot, ledger=state.ledger, now=notary.now,
        )  # fmt: skip

    def _sound(self, tag: Oid, space: str, ledger: Oid, snapshot: Oid) -> bool:
        """Whether a tag is one that a witness made for this snapshot."""
        facts = self.repo.facts
        try:
            state = load_state(facts, ledger, space, snapshot)
            before = load_state(facts, ledger, space, facts.commit(snapshot).parents[0])
            check_tag(facts, before, state, tag)
        except RefusedError:
            return False
        return True

    def _publish(self, space: str, ledger: Oid, tags: dict[int, Oid]) -> dict[int, Oid]:
        """Publish tags; another run that mended them in the same moment is as good.

        Raises VerificationError ``tag.in-the-way`` where somebody else put something there.
        """
        try:
            self.home.publish(
                [RefUpdate(position_tag(space, n), tag, None) for n, tag in tags.items()]
            )
        except RefsMovedError:
            view = self.home.view()
            there = view.tags
            for number in tags:
                folder = position_tag(space, number) + "/"
                for ref in view.misnamed:
                    if ref.startswith(folder):
                        raise self._in_the_way(space, number, ref) from None
            if not tags.keys() <= there.keys():
                raise
            for number, tag in tags.items():
                target = self.repo.facts.tag(tag).target
                if there[number] != tag and not self._sound(there[number], space, ledger, target):
                    raise self._in_the_way(space, number, position_tag(space, number)) from None
            return {number: there[number] for number in tags}
        return tags

    def _in_the_way(self, space: str, number: int, ref: str) -> VerificationError:
        return VerificationError(
            "tag.in-the-way",
            f"{self.home.source} has {ref}, which is no witness's, where {space}@{number} belongs",
            hint=f"remove it, then run this again:\ngit push {self.home.source} :{ref}",
        )
