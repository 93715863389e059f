"""What a home lets a push change: the content decides, never who pushes.

A relay may bring any valid continuation of the ledger, or of anybody's own refs; nobody may bring
anything else. What can never become valid is refused here, with the command that mends it. What
depends on how far the ledger has come (conflicts, states, approvals that are missing) is let in:
the witness answers that with a signed receipt, and a home cannot.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from gitsync.domain.errors import GitsyncError, RefusedError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.domain.ledgerrefs import LedgerRef, RefKind, classify
from gitsync.domain.names import LOCKS_REF, receipts_ref, space_branch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from gitsync.domain.ledger.state import State
    from gitsync.domain.objects import Oid
    from gitsync.domain.ports import Positions
    from gitsync.services.barehome import BareHome, Receiver
    from gitsync.services.refview import RefView
    from gitsync.storage.refs import RefUpdate

Item = TypeVar("Item")

_CHAIN = frozenset({RefKind.SPACE, RefKind.RECEIPTS, RefKind.LOCKS, RefKind.POSITION})
_FOR_GOOD = _CHAIN | {RefKind.PERSON, RefKind.NUMBERED}


@frozen
class Rejection:
    """Why one ref may not move as asked. ``mend`` lists commands or what else to do."""

    ref: str
    code: str
    why: str
    mend: tuple[str, ...] = ()


@dataclass(slots=True)
class Push:
    """One push to a home, and what is known of the ledger with it applied.

    ``state`` is the ledger that people's refs are held against: with ``common`` as pushed.
    """

    home: Receiver
    updates: Sequence[RefUpdate]
    now: int
    _state: State | None = None

    def view(self) -> RefView:
        """The ledger's refs as they would be."""
        return self.home.view({one.ref: one.new for one in self.updates})

    def state(self) -> State:
        """The ledger that people's refs are held against. Raises RefusedError ``ledger.none``."""
        if self._state is None:
            from gitsync.services.barehome import HomeSettings
            from gitsync.services.states import read_state

            home = self.home
            tip = home.refs.get(space_branch(home.space))
            anchor = home.anchor or tip
            if tip is None or anchor is None:
                raise RefusedError(
                    "ledger.none", "this home holds no ledger yet",
                    hint="found it first: gitsync init --name YOU --remote URL",
                )  # fmt: skip
            tree = home.facts.commit(tip).tree
            settings = HomeSettings(home, tree)
            self._state = read_state(home.facts, anchor, home.space, tip, settings)
        return self._state


def check_push(home: BareHome, updates: Sequence[RefUpdate], now: int) -> list[Rejection]:
    """Everything in a push that may not be; empty when it may pass.

    ``updates`` hold each ref's old and new value; ``now`` is the clock in seconds, and marks only
    when a position was seen. Refs that are none of the ledger's are not looked at.
    """
    push = Push(home, updates, now)
    found: list[tuple[LedgerRef, RefUpdate]] = []
    rejected: list[Rejection] = []

    def sort(update: RefUpdate) -> None:
        kind = classify(update.ref, home.space)
        if kind is not None:
            never_removed(kind, update)
            found.append((kind, update))

    _each(updates, lambda update: update.ref, sort, rejected)
    chain = [one for one in found if one[0].kind in _CHAIN]
    if chain and not rejected:
        # As one: what each of these may be depends on the others.
        _each([chain], lambda part: part[0][1].ref, lambda part: _check_chain(push, part), rejected)
    if rejected:
        return rejected
    own = [one for one in found if one[0].kind not in _CHAIN]
    if own:
        from gitsync.services.receiving_own import OwnRefs

        refs = OwnRefs(push, own)
        _each(own, lambda one: one[1].ref, lambda one: refs.check(*one), rejected)
    return rejected


def _each(
    items: Iterable[Item],
    ref_of: Callable[[Item], str],
    check: Callable[[Item], None],
    rejected: list[Rejection],
) -> None:
    """Check every item, and note what is refused: one bad ref does not hide the next one."""
    for item in items:
        try:
            check(item)
        except GitsyncError as error:
            mend = tuple(error.hint.splitlines()) if error.hint else ()
            rejected.append(Rejection(ref_of(item), error.code, str(error), mend))


def never_removed(kind: LedgerRef, update: RefUpdate) -> None:
    """What is kept for good stays. Raises RefusedError ``ref.delete`` or ``tag.exists``."""
    if kind.kind in _FOR_GOOD and update.new is None:
        raise RefusedError("ref.delete", f"{kind.kind.value} {update.ref} may not be deleted")
    if kind.kind in (RefKind.POSITION, RefKind.NUMBERED) and update.old is not None:
        raise RefusedError(
            "tag.exists",
            f"{update.ref.removeprefix('refs/tags/')} has its tag, and a number is given once",
        )


def _check_chain(push: Push, part: list[tuple[LedgerRef, RefUpdate]]) -> None:
    """The ledger's own refs as they would be: proven like anybody proves them who fetches."""
    home = push.home
    if home.refs.get(space_branch(home.space)) is None and not any(
        kind.kind is RefKind.SPACE for kind, _ in part
    ):
        push.state()  # says that there is no ledger
    for kind, update in part:
        if kind.kind is not RefKind.POSITION:
            _continues(home, kind, update)
    verifier = home.verifier(push.now)
    try:
        view = push.view()
        verified = verifier.check(view, require_tags=False)
        push._state = verified.state  # noqa: SLF001 - its own module
        tags = [one for one in part if one[0].kind is RefKind.POSITION]
        _check_tags(push, verifier.index, verified.state, tags)
    except VerificationError as error:
        if error.code not in ("receipts.rolled-back", "locks.rolled-back"):
            raise
        raise VerificationError(
            error.code, error.message,
            hint="push the ledger's refs together:\n"
            f"git push --atomic HOME {_short(home.space)}",
        ) from error  # fmt: skip
    finally:
        verifier.index.close()


def _short(space: str) -> str:
    refs = (space_branch(space), receipts_ref(space), LOCKS_REF)
    return " ".join(ref.removeprefix("refs/heads/") for ref in refs)


def _continues(home: Receiver, kind: LedgerRef, update: RefUpdate) -> None:
    """A chain only grows. Raises VerificationError ``ref.not-forward``."""
    if update.old is None or update.new is None:
        return
    oid: Oid | None = update.new
    while oid is not None and oid != update.old:
        parents = home.facts.commit(oid).parents
        oid = parents[0] if parents else None
    if oid is None:
        raise VerificationError(
            "ref.not-forward",
            f"{kind.kind.value} may only grow: {update.new[:12]} does not continue"
            f" {update.old[:12]}",
            hint="fetch what the home has, and begin from that: gitsync pull",
        )


def _check_tags(
    push: Push, positions: Positions, state: State, tags: list[tuple[LedgerRef, RefUpdate]]
) -> None:
    """Each tag names its snapshot and is a witness's. Raises VerificationError ``tag.*``."""
    from gitsync.services.replay import check_tag
    from gitsync.services.states import load_state

    facts = push.home.facts
    for kind, update in tags:
        assert update.new is not None  # noqa: S101 - deletions were refused before
        if kind.number > state.number:
            raise VerificationError(
                "tag.ahead", f"there is no {state.space}@{kind.number} yet",
                hint="push the branch first, its tags after it",
            )  # fmt: skip

        def at(number: int) -> State:
            if number == state.number:
                return state
            snapshot = positions.snapshot(max(1, number))
            return load_state(facts, state.ledger, state.space, snapshot)

        check_tag(facts, at(kind.number - 1), at(kind.number), update.new)
