"""The policy of a space: who may do what, and within which bounds.

A policy governs the snapshot after the one that holds it; the change itself never counts. Which
people have signed is decided elsewhere: here a set of changes becomes a set of requirements.
"""

from __future__ import annotations

import unicodedata
from dataclasses import field, fields
from functools import lru_cache
from typing import TYPE_CHECKING

from gitsync.domain.errors import FormatError, UsageError, Where
from gitsync.domain.frozen import frozen
from gitsync.domain.globs import Glob, compile_glob
from gitsync.domain.lateregex import late_regex
from gitsync.domain.names import check_domain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from gitsync.domain.artifact import ArtifactChange, ArtifactHead

Transition = tuple[str | None, str | None]

ROOT = "root"
WITNESS = "witness"

MIB = 1024 * 1024
DAY = 24 * 3600

# What forges and git itself run or obey when they find it in a tree.
CI_PATHS = (
    ".github/workflows/**",
    ".github/actions/**",
    ".gitlab-ci.yml",
    ".forgejo/**",
    ".gitea/**",
    ".circleci/**",
    "azure-pipelines.yml",
    "Jenkinsfile",
    ".woodpecker/**",
    ".woodpecker.yml",
    ".woodpecker.yaml",
    ".drone.yml",
    ".travis.yml",
    ".buildkite/**",
    "bitbucket-pipelines.yml",
    ".husky/**",
    ".pre-commit-config.yaml",
    "**/.gitattributes",
    "**/.gitmodules",
    "**/.lfsconfig",
)

_ROLE = late_regex(r"[a-z][a-z0-9-]{0,39}")
_RULE = late_regex(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_UNSEEN = late_regex(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def _refuse(code: str, message: str, place: str, hint: str | None = None) -> FormatError:
    return FormatError(code, message, hint=hint, where=Where(field=place))


@frozen
class Role:
    """Some people, and how many of them must agree.

    Raises FormatError ``policy.role``, ``policy.person``, ``policy.people`` or
    ``policy.threshold``.
    """

    name: str
    people: frozenset[str]
    threshold: int = 1

    def __post_init__(self) -> None:
        place = f"roles.{self.name[:40]}"
        if not _ROLE.fullmatch(self.name):
            raise _refuse("policy.role", f"{self.name[:40]!r} cannot name a role", "roles")
        if not self.people:
            raise _refuse("policy.people", f"the role {self.name} has no people", f"{place}.people")
        for person in sorted(self.people):
            _check_person(person, f"{place}.people")
        if not 1 <= self.threshold <= len(self.people):
            raise _refuse(
                "policy.threshold",
                f"the role {self.name} asks for {self.threshold} of {len(self.people)} people",
                f"{place}.threshold",
                f"a threshold is a number from 1 to {len(self.people)}",
            )


def _check_person(person: str, place: str) -> None:
    try:
        check_domain(person)
    except UsageError:
        pass
    else:
        if "." not in person:
            return
    raise _refuse(
        "policy.person",
        f"{person[:60]!r} does not name a person",
        place,
        "name people, not their clones: alice, not alice.desk",
    )


@frozen
class Rule:
    """Changes that match all the given criteria need ``role``.

    ``paths`` and ``types`` are not criteria when empty, ``transition`` is not when None; in a
    transition None stands for any state. Raises FormatError ``policy.rule``,
    ``policy.empty-rule`` or ``glob.malformed``.
    """

    name: str
    role: str
    paths: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    transition: Transition | None = None
    proposer_counts: bool = False

    def __post_init__(self) -> None:
        if not _RULE.fullmatch(self.name):
            raise _refuse("policy.rule", f"{self.name[:60]!r} cannot name a rule", "rules")
        if not self.paths and not self.types and self.transition is None:
            raise _refuse(
                "policy.empty-rule",
                f"the rule {self.name} says nothing about what it is for",
                f"rules.{self.name}",
                "give it paths, types or a transition",
            )
        for pattern in self.paths:
            compile_glob(pattern)

    def matches(self, change: ArtifactChange) -> bool:
        """Whether all criteria hold for the change, before or after it."""
        if self.paths and not any(
            compile_glob(pattern).matches(path) for pattern in self.paths for path in change.paths
        ):
            return False
        heads = (change.before, change.after)
        if self.types and not any(head and head.type in self.types for head in heads):
            return False
        return self.transition is None or moves(self.transition, change.before, change.after)


def moves(transition: Transition, before: ArtifactHead | None, after: ArtifactHead | None) -> bool:
    """Whether a change of heads is the transition ``(from, to)``.

    It is when the status changes from ``from`` to ``to``, None standing for any. Two named equal
    states stand for any edit of an artifact that stays in that state. An artifact that appears,
    or had no status, may have come from anywhere: a named ``to`` matches it whatever ``from``
    says, so that creating it in its final state evades no rule. One that vanishes, or loses its
    status, has gone nowhere in particular: only ``to`` = None matches it.
    """
    old = before.status if before else None
    new = after.status if after else None
    source, target = transition
    if old == new:
        return old is not None and source == target == old
    if new is None:
        return target is None and source in {None, old}
    if old is None:
        return target == new or source is target is None
    return target in {None, new} and source in {None, old}


@frozen
class Limits:
    """Bounds of one proposal and of time: sizes in bytes, times in seconds."""

    file_bytes: int = MIB
    proposal_bytes: int = 8 * MIB
    proposal_files: int = 500
    proposal_commits: int = 1000
    lease_seconds: int = 7 * DAY
    skew_seconds: int = 600
    retention_seconds: int = 90 * DAY

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if not 0 < value < 2**53:
                raise _refuse("policy.limit", f"{value} is not a limit", f"limits.{one.name}")


UNANSWERED = ("wait", "allow", "deny", "escalate")


@frozen
class LeaseRules:
    """What a policy says of leases, times in seconds (docs/reference/leases.md).

    ``grace`` is added to a lease's duration before it lapses. ``credit`` is the most that one run
    of the witness adds to the time that it has observed, so that a wrong clock costs nobody their
    lease. A request without an answer for ``answer`` is treated as ``unanswered`` says; on
    ``escalate`` the people ``escalate_to`` may answer it. ``breakers`` is the role that may break
    leases. Raises FormatError ``policy.leases``.
    """

    grace: int = 900
    credit: int = 3600
    answer: int = DAY
    unanswered: str = "wait"
    escalate_to: tuple[str, ...] = ()
    breakers: str = ROOT

    def __post_init__(self) -> None:
        for name in ("grace", "credit", "answer"):
            if not 0 < getattr(self, name) < 2**53:
                raise _refuse("policy.leases", f"{name} is not a time", f"leases.{name}")
        if self.unanswered not in UNANSWERED:
            raise _refuse(
                "policy.leases", f"{self.unanswered[:40]!r} is no treatment of a request",
                "leases.unanswered", f"known: {', '.join(UNANSWERED)}",
            )  # fmt: skip
        if self.unanswered == "escalate" and not self.escalate_to:
            raise _refuse("policy.leases", "nobody is named to escalate to", "leases.escalate-to")
        for person in self.escalate_to:
            _check_person(person, "leases.escalate-to")


@frozen
class Requirement:
    """``role``'s threshold must agree to the changes at ``paths``, says ``rule``.

    ``about`` names the transition that the rule is about, for messages.
    """

    rule: str
    role: str
    proposer_counts: bool
    paths: tuple[str, ...]
    about: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.rule if self.about is None else f"{self.rule} ({self.about})"


def _moves_of(changes: Iterable[ArtifactChange]) -> str:
    """The transitions of changes in words, each once, at most three."""
    moves = dict.fromkeys(
        " -> ".join((head.status or "no status") if head else "nothing"
                    for head in (change.before, change.after))
        for change in changes
    )  # fmt: skip
    more = ", ..." if len(moves) > 3 else ""
    return ", ".join(list(moves)[:3]) + more


@frozen
class Policy:
    """One version of a space's policy (design: files in the space's own tree).

    ``version`` rises by one per change. ``home`` is a remote's URL or ``.``. ``merge`` is the
    version of the merge. ``deny`` adds to ``CI_PATHS``, which cannot be allowed. Raises
    FormatError ``policy.*`` where the parts do not make a policy.
    """

    version: int
    space: str
    home: str
    merge: int
    roles: Mapping[str, Role]
    rules: tuple[Rule, ...] = ()
    deny: tuple[str, ...] = ()
    limits: Limits = field(default_factory=Limits)
    leases: LeaseRules = field(default_factory=LeaseRules)

    def __post_init__(self) -> None:
        if self.version < 1:
            raise _refuse("policy.version", "a policy's version is 1 or more", "version")
        if self.merge < 1:
            raise _refuse("policy.merge", "a merge version is 1 or more", "merge")
        try:
            check_domain(self.space)
        except UsageError as error:
            raise _refuse("policy.space", error.message, "space", error.hint) from None
        if not self.home or len(self.home) > 2000 or _UNSEEN.search(self.home):
            raise _refuse("policy.home", "the home is a remote's URL or .", "home")
        self._check_roles()
        for pattern in self.deny:
            compile_glob(pattern)

    def _check_roles(self) -> None:
        for name, role in self.roles.items():
            if name != role.name:
                raise _refuse("policy.role", f"the role {role.name} goes by {name!r}", "roles")
        for name in (ROOT, WITNESS):
            if name not in self.roles:
                raise _refuse("policy.role-missing", f"the role {name} is missing", "roles",
                              f"add for example: {name}: {{people: [alice]}}")  # fmt: skip
        seen: set[str] = set()
        for index, rule in enumerate(self.rules):
            place = f"rules[{index}]"
            if rule.role not in self.roles:
                raise _refuse(
                    "policy.unknown-role",
                    f"the rule {rule.name} asks for the unknown role {rule.role[:40]!r}",
                    f"{place}.role",
                    f"known roles: {', '.join(sorted(self.roles))}",
                )
            if rule.name in seen:
                raise _refuse("policy.duplicate-rule", f"two rules are named {rule.name}",
                              f"{place}.name")  # fmt: skip
            seen.add(rule.name)
        if self.leases.breakers not in self.roles:
            raise _refuse(
                "policy.unknown-role",
                f"the unknown role {self.leases.breakers[:40]!r} would break leases",
                "leases.breakers",
                f"known roles: {', '.join(sorted(self.roles))}",
            )

    @property
    def witnesses(self) -> frozenset[str]:
        """The people whose signatures number snapshots."""
        return self.roles[WITNESS].people

    def requirements(self, changes: Iterable[ArtifactChange]) -> tuple[Requirement, ...]:
        """What the changes need: one requirement for each rule that matches any of them."""
        changes = tuple(changes)
        found = []
        for rule in self.rules:
            matched = [change for change in changes if rule.matches(change)]
            if matched:
                about = None if rule.transition is None else _moves_of(matched)
                paths = tuple(change.path for change in matched)
                found.append(Requirement(rule.name, rule.role, rule.proposer_counts, paths, about))
        return tuple(found)

    def who(self, role: str | None, what: str) -> str:
        """``what`` with whose consent it takes, for a message: ``Final by editor (alice, bo)``."""
        if role is None:
            return what
        known = self.roles.get(role)
        people = ", ".join(sorted(known.people)[:8]) if known is not None else "nobody"
        return f"{what} by {role} ({people})"

    def denied(self, path: str) -> str | None:
        """The pattern that forbids ``path`` to everyone, None if there is none.

        Upper and lower case are one here: file systems exist that open ``.GitHub/Workflows``.
        """
        folded = _fold(path)
        by_first, others = _denials(self.deny)
        first = by_first.get(folded.partition("/")[0], ())
        return next((one for one, glob in (*first, *others) if glob.matches(folded)), None)


_Denials = tuple[tuple[str, Glob], ...]


@lru_cache(maxsize=64)
def _denials(deny: tuple[str, ...]) -> tuple[dict[str, _Denials], _Denials]:
    """Patterns with their compiled forms: by a literal first segment, and those without one."""
    by_first: dict[str, _Denials] = {}
    others: _Denials = ()
    for pattern in (*CI_PATHS, *deny):
        glob = compile_glob(_fold(pattern))
        first = glob.segments[0]
        if isinstance(first, str):
            by_first[first] = (*by_first.get(first, ()), (pattern, glob))
        else:
            others = (*others, (pattern, glob))
    return by_first, others


@lru_cache(maxsize=1024)
def _fold(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()
