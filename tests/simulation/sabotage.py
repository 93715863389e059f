"""The defences of leases, each taken out in one place: some seed must then be caught."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from tests.attacks.mutants import without
from tests.attacks.mutations import Mutation
from tests.simulation.history import Claimed
from tests.simulation.memory import MemoryHome
from tests.simulation.people import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gitsync.storage.refs import RefUpdate
    from tests.simulation.memory import Moved


@dataclass(frozen=True)
class Sabotage:
    """``name`` says what is missing; ``edits`` are (module below ``gitsync/``, text, what stands
    there instead), ``patch`` a method of the simulator and what replaces it. ``caught`` are the
    rules of the checker that may find it, ``seeds`` some that are known to lead there."""

    name: str
    caught: frozenset[str]
    edits: tuple[tuple[str, str, str], ...] = ()
    patch: tuple[type, str, Callable[..., Any]] | None = field(default=None)
    seeds: tuple[int, ...] = ()

    def __str__(self) -> str:
        return self.name

    @contextmanager
    def committed(self) -> Iterator[None]:
        """The product, or its client, without the defence."""
        if self.patch is not None:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(*self.patch)
                yield
            return
        (module, old, new), *more = self.edits
        with without(Mutation("", module, old, new, tuple(more))):
            yield


def _believe_at_once(self: Person, claims: dict[str, int]) -> None:
    """Take a claim for granted once it is sent."""
    for nonce, token in claims.items():
        self.world.note(Claimed(self.world.now, self.who, token, nonce))


def _compare_nothing(self: MemoryHome, updates: Sequence[RefUpdate]) -> Moved:
    """``git push --force``: whatever the refs hold meanwhile."""
    return {one.ref: (self.refs.get(one.ref), one.new) for one in updates}


def _s(name: str, caught: str, *edits: tuple[str, str, str]) -> Sabotage:
    """``NAME@SEED`` names a seed that finds it, where those that do are rare."""
    name, _, seed = name.partition("@")
    return Sabotage(name, frozenset(caught.split()), edits, seeds=(int(seed),) if seed else ())


_ACTS, _WRITES = "domain/leases/acts.py", "domain/leases/writes.py"

SABOTAGE: tuple[Sabotage, ...] = (
    _s("a write into another's lease is not noticed", "stale-write",
       (_WRITES, "if lease is not None and lease.holder != writer.domain:", "if False:")),
    _s("the newest of overlapping leases decides@21", "stale-write",
       (_WRITES, "(one for one in live if", "(one for one in reversed(live) if")),
    _s("tokens are not looked up", "stale-write",
       (_WRITES, "for token in writer.tokens:", "for token in ():")),
    _s("anybody's token will do", "stale-write",
       (_WRITES, "if lease.holder != writer.domain:\n", "if False:\n")),
    _s("a holder need not say the token", "stale-write",
       (_WRITES, "if one.holder == writer.domain and one.token", "if False and one.token")),
    _s("an answer holds for whatever its asker proposes@57", "stale-write",
       (_WRITES, "locks.requests.get((token, writer.proposal)) if writer.proposal else None",
        ("next((one for key, one in locks.requests.items() if key[0] == token and one.asker =="
        " writer.domain), None)"))),
    _s("an answer of wait never ends@394", "overlooked",
       (_WRITES, "(locks.stamped or 0) >= answer.until", "False")),
    _s("no answer means yes at once@25", "stale-write",
       (_WRITES, "if request.waited < rules.answer:", "if False:")),
    _s("a stamp credits without bound", "locks-beats",
       (_ACTS, "min(now - locks.stamped, rules.credit)", "now - locks.stamped")),
    _s("a clock that was put back takes time away@14", "locks-beats crash said",
       (_ACTS, "max(0, min(now - locks.stamped, rules.credit))",
        "min(now - locks.stamped, rules.credit)")),
    _s("old heartbeats count@56", "locks-beats",
       (_ACTS, "elif sequence > beat.sequence and", "elif sequence != beat.sequence and")),
    _s("the same heartbeat counts again", "locks-beats",
       (_ACTS, "elif sequence > beat.sequence and", "elif sequence >= beat.sequence and")),
    _s("the first stamp counts from the one before", "locks-beats",
       (_ACTS, "beats[token] = Beat(sequence, 0)\n        elif", ("beats[token] = Beat(sequence,"
        " step)\n        elif"))),
    _s("anybody's heartbeat counts", "locks-beats",
       ("services/heartbeats.py", "or found.one(DOMAIN) != domain", ""),
       ("services/heartbeats.py", "if person != person_of(domain):", "if False:"),
       ("services/stamping.py", "oid = view.nodes.get(domain)",
        "oid = max(view.nodes.values(), default=None)")),
    _s("lapsed leases stay", "no-answer wrong-no",
       ("domain/leases/values.py", "return LAPSED if lapsed else LIVE", "return LIVE")),
    _s("released leases stay@6", "no-answer wrong-no",
       ("domain/leases/values.py", "if lease.released:", "if False:")),
    _s("no grace", "two-holders stale-write",
       ("domain/leases/values.py", ">= lease.seconds + lease.grace\n        return",
        ">= lease.seconds\n        return")),
    _s("a lease is taken although another holds it", "two-holders",
       (_ACTS, "elif other.holder != lease.holder:", "elif False:")),
    _s("a takeover leaves the old lease", "locks-leases stale-write",
       (_ACTS, "if one not in ended}", "if True}")),
    _s("a takeover forgets who waited@29", "locks-requests",
       (_ACTS, "if key[0] in gone and person_of(one.asker) != person_of(lease.holder):",
        "if False:")),
    _s("a takeover keeps the answers of before@482", "locks-requests",
       (_ACTS, "waited=waited, answer=None)", "waited=waited)")),
    _s("whoever takes a lease again need not answer@112", "locks-requests",
       (_ACTS, "waited = 0 if anew else one.waited", "waited = 0")),
    _s("the counter goes back to the highest that is left@60", "locks-token",
       (_ACTS, "    return replace(\n        locks,\n        leases={token: one",
        ("    return replace(\n        locks, token=max(locks.leases.keys() - tokens, default=0),\n"
        "        leases={token: one"))),
    _s("a break leaves the lease@28", "locks-leases",
       (_ACTS, "return _without(locks, {act.token})", "return locks")),
    _s("anybody breaks", "break",
       (_ACTS, "if role is None or person_of(act.actor) not in role.people:", "if False:")),
    _s("anybody answers@14", "answer",
       (_ACTS, "if person_of(act.actor) not in answerers(lease, request, rules):", "if False:")),
    _s("those named to escalate answer before their time@14", "answer",
       (_ACTS, "and request.waited >= rules.answer:", ":")),
    _s("requests wait without being counted", "locks-requests",
       (_ACTS, "waited=one.waited + step", "waited=one.waited")),
    _s("every request has the first place", "locks-requests",
       (_ACTS, "        place += 1\n        requests[", "        requests[")),
    _s("the queue is not looked at@24", "queue",
       ("domain/ledger/order.py", "queue.get(candidate.tip, last)", "last")),
    _s("requests are not closed", "no-answer",
       ("services/stamping.py", "if key[1] in batch.settled", "if False")),
    _s("requests are closed at once", "request-lost no-answer",
       ("services/stamping.py", "if key[1] in batch.settled", "if True")),
    _s("an emission leaves the locks where they are@25", "stale-decision stale-write",
       ("services/witness.py", "updates.append(RefUpdate(LOCKS_REF, locks, view.locks))", "")),
    _s("decisions rest on the leases of an earlier run", "stale-write stale-decision wrong-no",
       ("services/deciding.py", "self.locks = locks_at(facts, view.locks)",
        ("self.locks = locks_at(facts, facts.commit(view.locks).parents[0] if"
        " facts.commit(view.locks).parents else view.locks)"))),
    _s("missing tags are not made", "tag said",
       ("services/tagkeeping.py", "if n not in view.tags]", "if False]")),
    _s("missing receipts are not written@18", "receipt no-answer",
       ("services/witness.py", "healed = self._missing_receipts(view, state, notary)",
        "healed = []")),
    _s("a run deletes in the end what the home did not take@53379", "no-answer",
       ("services/witness.py", "self.home.emit(updates)\n        # Not before",
        "self._left |= later\n        self.home.emit(updates)\n        # Not before")),
    Sabotage("a claim is believed once it is sent", frozenset({"claim"}),
             patch=(Person, "_believe", _believe_at_once)),
    Sabotage("the home compares nothing", frozenset({"locks-chain", "common-back"}),
             patch=(MemoryHome, "would_move", _compare_nothing)),
)  # fmt: skip
