"""Schedules: what each actor does and what befalls it, drawn from a seed before anything runs.

A schedule is data. Steps can be left out and the rest still means the same, which is what makes a
failing one shrink.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from random import Random
from typing import Any

from tests.simulation.genesis import COVERS, FILES, PEOPLE, SECTIONS, UNANSWERED

WITNESSES = ("w1", "w2", "w3")
VERIFIERS = ("v1", "v2")
MINUTE, HOUR, DAY = 60, 3600, 86400

#: What may happen to a push. ``lost``: it never arrives. ``unanswered``: it arrives, and nobody is
#: told. ``late``: the sender gives up, and then it arrives. ``twice``: it arrives again later.
FATES = ("ok", "lost", "unanswered", "late", "twice")
#: Where a witness may be killed: around its emission, in the middle of it, before its tags.
KILLS = ("before", "after", "torn", "tags")


@dataclass(frozen=True)
class Step:
    """``who`` does ``verb`` at ``at`` seconds after the beginning; ``more`` says how, and what the
    network does to it."""

    at: int
    who: str
    verb: str
    more: tuple[tuple[str, Any], ...] = ()

    def get(self, name: str, default: Any = None) -> Any:
        """One of the particulars."""
        return dict(self.more).get(name, default)

    def without(self, name: str) -> Step:
        """The same step with one particular less."""
        return replace(self, more=tuple(pair for pair in self.more if pair[0] != name))

    def __str__(self) -> str:
        more = " ".join(f"{name}={value}" for name, value in self.more)
        return f"{self.at:>6} {self.who:<8} {self.verb:<9} {more}".rstrip()


@dataclass(frozen=True)
class Schedule:
    """One seed's steps in the order of their times, and the ledger that they begin with.

    ``faulty_clocks`` False means that every clock is sound throughout.
    """

    seed: int
    unanswered: str
    steps: tuple[Step, ...]
    faulty_clocks: bool = field(default=True)

    def dump(self) -> str:
        """The schedule as one line, which :func:`load` reads."""
        return json.dumps(asdict(self), separators=(",", ":"))

    def __str__(self) -> str:
        head = f"seed {self.seed}: unanswered={self.unanswered}, {len(self.steps)} steps"
        return "\n".join([head, *map(str, self.steps)])


def load(text: str) -> Schedule:
    """The inverse of ``Schedule.dump``."""
    found = json.loads(text)
    steps = [
        Step(one["at"], one["who"], one["verb"], tuple((k, _frozen(v)) for k, v in one["more"]))
        for one in found.pop("steps")
    ]
    return Schedule(**found, steps=tuple(steps))


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


#: How often each verb is drawn.
_WEIGHTS = {
    "acquire": 13, "beat": 10, "propose": 22, "release": 4, "answer": 8, "break": 3, "replay": 3,
    "rebeat": 5, "kill": 3, "clock": 4, "cut": 3, "witness": 24, "verify": 4, "handover": 1,
}  # fmt: skip


#: What no seed does without.
_CORE = frozenset({"acquire", "propose", "answer", "witness"})


def draw(seed: int, length: int | None = None) -> Schedule:
    """The schedule of a seed: the same in every process and on every machine."""
    rng = Random(f"gitsync simulation {seed}")  # noqa: S311 - no secrets here
    count = length or rng.randint(18, 34)
    faulty = rng.random() < 0.6
    verbs = [one for one in _WEIGHTS if faulty or one != "clock"]
    # Not all of everything each time: what is rare in the mean is common in some seeds (Groce and
    # others, "Swarm Testing", 2012).
    weights = [
        _WEIGHTS[one] * rng.choice((0.5, 1, 1, 2) if one in _CORE else (0, 0.3, 1, 3))
        for one in verbs
    ]
    steps: list[Step] = []
    now = 0
    for number in range(count):
        now += rng.choice((1, 20, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR))
        verb = rng.choices(verbs, weights)[0]
        steps.append(_step(rng, now, verb, number))
    return Schedule(seed, rng.choice(UNANSWERED), tuple(steps), faulty)


def _step(rng: Random, now: int, verb: str, number: int) -> Step:
    people = ("alice", "james", "carol")
    if verb == "witness":
        return Step(now, rng.choices(WITNESSES, (6, 3, 2))[0], "run", _witnessing(rng))
    if verb == "verify":
        return Step(now, rng.choice(VERIFIERS), "verify", _lag(rng))
    if verb in {"kill", "clock", "cut"}:
        return _trouble(rng, now, verb)
    more: dict[str, Any] = {"number": number}
    who = rng.choice(people)
    if verb == "acquire":
        more |= {
            "subjects": tuple(sorted(rng.sample(sorted(COVERS), rng.choice((1, 1, 1, 2))))),
            "seconds": rng.choice((HOUR // 2, HOUR, 2 * HOUR)),
            "on_request": rng.choices(("ask", "allow", "deny", "wait"), (5, 1, 1, 2))[0],
        }
    elif verb == "propose":
        who = rng.choice(PEOPLE)
        more |= {
            "files": tuple(sorted(rng.sample(sorted(FILES), rng.choice((1, 1, 2))))),
            "section": rng.randrange(SECTIONS),
            "token": rng.choices(("own", "none", "stale", "foreign"), (7, 2, 1, 1))[0],
            "fresh": rng.random() < 0.7,
            "update": rng.random() < 0.35,
            "dated": rng.choices((0, -DAY, 5 * MINUTE, DAY), (6, 3, 2, 1))[0],
        }
    elif verb == "answer":
        more |= {
            "verdict": rng.choices(("allow", "deny", "wait"), (4, 2, 2))[0],
            "which": rng.randrange(4),
            "until": rng.choice((None, 10 * MINUTE, HOUR)),
        }
    elif verb in {"replay", "rebeat"}:
        who = "mallory"
        more["which"] = rng.randrange(8)
    elif verb == "handover":
        who = "alice"
    return Step(now, who, verb, (*more.items(), *_net(rng, FATES), ("gap", _gap(rng))))


def _witnessing(rng: Random) -> tuple[tuple[str, Any], ...]:
    more: list[tuple[str, Any]] = [("gap", _gap(rng)), ("gap_tags", _gap(rng))]
    chance = rng.random()
    if chance < 0.12:
        more.append(("kill", rng.choices(KILLS, (1, 1, 2, 1))[0]))
        more.append(("torn", rng.choice((1, 1, 2, 3))))
    elif chance < 0.3:
        more += _net(rng, FATES[1:])
    more += _lag(rng) if rng.random() < 0.2 else ()
    if rng.random() < 0.25:
        more.append(("size", rng.choice((1, 2))))
    return tuple(more)


def _gap(rng: Random) -> int:
    """For how long an actor sits between reading and writing, while others go on."""
    return rng.choice((0, 0, 0, 0, 5 * MINUTE, 40 * MINUTE, 3 * HOUR))


def _lag(rng: Random) -> tuple[tuple[str, Any], ...]:
    """By how many pushes the home that one is shown is behind: a copy that was not brought up."""
    return (("lag", rng.randint(1, 8)),) if rng.random() < 0.3 else ()


def _net(rng: Random, fates: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
    if rng.random() < 0.75 and "ok" in fates:
        return ()
    fate = rng.choice(fates)
    return (("net", fate), ("after", rng.choice((MINUTE, 20 * MINUTE, 2 * HOUR))))


def _trouble(rng: Random, now: int, verb: str) -> Step:
    who = rng.choice((*PEOPLE[:3], *WITNESSES[:2], VERIFIERS[0]))
    if verb == "kill":
        return Step(now, who, "kill")
    if verb == "cut":
        return Step(now, who, "cut", (("for", rng.choice((10 * MINUTE, HOUR, 4 * HOUR))),))
    kind = rng.choice(("jump", "jump", "rate"))
    value = rng.choice((-DAY, -HOUR, HOUR, DAY)) if kind == "jump" else rng.choice((0.5, 2.0))
    return Step(now, who, "clock", ((kind, value),))
