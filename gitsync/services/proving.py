"""Proving a stretch of the chain, in this process or beside it in others.

A snapshot's proof needs the state before it and the positions of everything earlier, and both can
be read without proving them again. So a long chain is cut into stretches that are proven side by
side: each takes its beginning for granted, and the stretch before it ends with exactly that.
"""

from __future__ import annotations

import gc
from bisect import bisect_right
from contextlib import ExitStack, contextmanager, suppress
from itertools import accumulate
from typing import TYPE_CHECKING

from gitsync.domain import errors
from gitsync.domain.errors import GitsyncError, VerificationError
from gitsync.domain.frozen import frozen
from gitsync.services.chain import ready_index
from gitsync.services.replay import check_tag, found, prove
from gitsync.services.states import load_state
from gitsync.storage.facts import StoreFacts
from gitsync.storage.index import PositionIndex
from gitsync.storage.objects import ScratchObjects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor, Future
    from pathlib import Path

    from gitsync.domain.ledger.state import State
    from gitsync.domain.objects import Oid
    from gitsync.storage.ahead import Known

# Below this many snapshots another process costs more than it saves.
WORTH_A_PROCESS = 400
# Of what it takes to prove a snapshot: to place it among the positions; the same, and what another
# process needs besides, where its parents are known already; and to check one of its signatures.
PLACING = 0.13
PLACING_KNOWN = 0.1
SIGNATURE = 0.1


@frozen
class Step:
    """One proven snapshot: what it adds to the positions, the tips that it recorded, and the root
    tree if its settings differ from those before."""

    number: int
    oid: Oid
    places: dict[Oid, tuple[int, int]]
    receipts: Oid | None
    locks: Oid | None
    settings: Oid | None


@frozen
class Tags:
    """The tags that a view shows by number, and whether every snapshot must have one."""

    tags: Mapping[int, Oid]
    source: str
    required: bool

    def check(self, facts: StoreFacts, before: State, state: State) -> bool:
        """Check the tag of one snapshot; False when it has none and none comes after it.

        Raises VerificationError ``tag.*``.
        """
        tag = self.tags.get(state.number)
        if tag is not None:
            check_tag(facts, before, state, tag)
            return True
        if not self.required:
            return True
        if any(number > state.number for number in self.tags):
            raise VerificationError(
                "tag.missing",
                f"{self.source} has no tag {state.space}@{state.number}, but later ones",
                hint="restore it from any clone that has it",
            )
        return False


def prove_steps(
    facts: StoreFacts,
    scratch: ScratchObjects,
    index: PositionIndex,
    space: str,
    last: State | None,
    oids: Sequence[Oid],
    tags: Tags,
) -> Iterator[Step]:
    """Prove ``oids`` one after the other on top of ``last`` (None: the first founds the ledger).

    The caller adds each step to ``index`` before it asks for the next. Ends early at the first
    snapshot whose tag is still missing. Raises what does not hold.
    """
    for oid in oids:
        proven = found(facts, oid, space) if last is None else prove(facts, index, last, oid)
        state = proven.state
        if not tags.check(facts, last or state, state):
            return
        changed = last is None or state.settings is not last.settings
        yield Step(
            state.number,
            oid,
            proven.places,
            proven.record.receipts,
            proven.record.locks,
            state.tree if changed else None,
        )
        last = state
        scratch.forget()


@frozen
class Stretch:
    """What another process is to prove: ``oids`` after the snapshot ``number``, ``start``.

    ``before`` is the chain from the first snapshot up to ``start``, if the caller has walked it,
    ``known`` what was read ahead.
    """

    repo: Path
    space: str
    anchor: Oid
    number: int
    start: Oid
    oids: tuple[Oid, ...]
    tags: Tags
    before: tuple[Oid, ...] = ()
    known: Known | None = None


@frozen
class Failure:
    """An error as data: exceptions do not travel between processes unharmed."""

    kind: str
    code: str
    message: str
    hint: str | None

    def error(self) -> GitsyncError:
        """The same error here."""
        made: GitsyncError = getattr(errors, self.kind)(self.code, self.message, hint=self.hint)
        return made


def prove_stretch(stretch: Stretch) -> list[Step] | Failure:
    """Prove one stretch in a process of its own."""
    from gitsync.storage.repository import Repository

    try:
        repo = Repository.open(stretch.repo)
        scratch = ScratchObjects(repo.store)
        facts = StoreFacts(scratch, stretch.known)
        index = PositionIndex(None)
        ready_index(
            facts, index, stretch.anchor, stretch.number, stretch.start, walked=stretch.before
        )
        last = load_state(facts, stretch.anchor, stretch.space, stretch.start)
        steps = []
        for step in prove_steps(
            facts, scratch, index, stretch.space, last, stretch.oids, stretch.tags
        ):
            index.add(step.number, step.oid, step.places)
            steps.append(step)
    except GitsyncError as error:
        kind = type(error) if hasattr(errors, type(error).__name__) else errors.RefusedError
        return Failure(kind.__name__, error.code, str(error), error.hint)
    return steps


def parts(total: int, jobs: int) -> int:
    """How many processes, of ``jobs`` at most, are worth their start for ``total`` snapshots."""
    return max(1, min(jobs, total // WORTH_A_PROCESS))


def cut(costs: Sequence[float], count: int, placing: float) -> list[int]:
    """Where to cut a chain into ``count`` stretches that take the same time: their ends.

    ``costs`` are those of proving each snapshot, ``placing`` what it takes to place one: each
    stretch begins by placing all that is earlier, and so is shorter than the one before it.
    """
    sums = list(accumulate(costs, initial=0.0))
    total = len(costs)

    def ends(time: float) -> list[int]:
        """The ends if no stretch may take longer than ``time``; the last stretch has the rest."""
        found = [0]
        for _ in range(count - 1):
            start = found[-1]
            reach = sums[start] + max(0.0, time - placing * start)
            found.append(max(start, bisect_right(sums, reach) - 1))
        return [*found[1:], total]

    low, high = 0.0, sums[-1]
    for _ in range(32):
        time = (low + high) / 2
        *_, start, _ = [0, *ends(time)]
        if placing * start + sums[-1] - sums[start] > time:
            low = time
        else:
            high = time
    return ends(high)


def costs_of(chain: Sequence[Oid], tags: Mapping[int, Oid], first: int,
             known: Known | None) -> list[float]:  # fmt: skip
    """What proving each snapshot of a chain takes, a whole proof being 1; ``first`` is the number
    of the first one."""
    if known is None:
        return [1.0] * len(chain)
    signers = known.signers
    found = []
    for number, oid in enumerate(chain, start=first):
        signed = [oid, *known.parents.get(oid, ())[1:], tags.get(number, oid)]
        found.append(1 - SIGNATURE * sum(one in signers for one in signed))
    return found


@contextmanager
def provers(count: int, repo: Path) -> Iterator[Executor | None]:
    """``count`` processes that are about to prove something in ``repo``; None for none.

    They start while the caller does something else, and are gone when the block ends.
    """
    if count < 1:
        yield None
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Started anew rather than forked: libgit2 holds maps and locks that do not survive a fork.
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin)
    try:
        for _ in range(count):
            pool.submit(_open, repo)
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """Looking for garbage often costs a tenth of a proof, and finds none."""
    gc.set_threshold(50_000, 20, 50)
    gc.freeze()


def _open(repo: Path) -> None:
    """Load what reading a repository takes."""
    from gitsync.storage.repository import Repository

    with suppress(GitsyncError):  # whoever proves something in it will say so
        Repository.open(repo).store  # noqa: B018 - made when it is asked for


@contextmanager
def beside(
    stretches: Sequence[Stretch], pool: Executor | None = None
) -> Iterator[Callable[[], Iterator[Step]]]:
    """Prove stretches in other processes while the body runs; the value collects their steps.

    ``pool`` are processes that wait already. Collecting raises the error of the first stretch that
    fails.
    """
    if not stretches:
        yield lambda: iter(())
        return
    with ExitStack() as stack:
        if pool is None:
            pool = stack.enter_context(provers(len(stretches), stretches[0].repo))
        assert pool is not None  # noqa: S101 - there is something to prove
        futures: list[Future[list[Step] | Failure]] = [
            pool.submit(prove_stretch, one) for one in stretches
        ]

        def collect() -> Iterator[Step]:
            for future in futures:
                result = future.result()
                if isinstance(result, Failure):
                    raise result.error()
                yield from result

        try:
            yield collect
        finally:
            for future in futures:
                future.cancel()
