"""What is staged, held against the ledger's rules: what ``pre-commit`` asks.

The index is looked at, never the files. What another commit may still complete (the policy's
version, approvals) is no reason to refuse one; what can only be wrong is.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError, RefusedError, Where
from gitsync.domain.lateregex import late_regex
from gitsync.domain.ledger.changes import (
    ARTIFACT_ENDINGS,
    artifact_change,
    check_states,
    pair_moves,
)
from gitsync.domain.ledger.content import CONFIG_PREFIX, Budget, check_change, show
from gitsync.domain.merge.trees import diff_from_all
from gitsync.domain.objects import Oid
from gitsync.services.hookledger import Finding, finding, notice
from gitsync.services.leasing.early import check_leases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.codec.rulesjson import Rules
    from gitsync.domain.artifact import ArtifactChange
    from gitsync.domain.merge.trees import FileChange
    from gitsync.domain.policy import Policy
    from gitsync.domain.ports import Facts, Settings
    from gitsync.services.hookledger import HookLedger

_MARKERS = late_regex(
    rb"^<<<<<<< .*?^=======\r?$.*?^>>>>>>> ", re.MULTILINE | re.DOTALL
)  # what git writes where two sides meet
_MAX_MARKED_BYTES = 4 << 20
_TRUE = ("true", "yes", "on", "1")


def check_staged(ledger: HookLedger) -> list[Finding]:
    """Everything that is wrong with the commit at hand; nothing for one that is not the ledger's.

    A merge is charged only with what neither side has.
    """
    head, sides = ledger.repo.head, ledger.repo.merging()
    bases = ledger.bases(head, *sides) if head is not None else ()
    tree = ledger.repo.staged_tree() if bases else None
    if head is None or tree is None:
        return []
    merged = [ledger.tree(side) for side in sides]
    base = [ledger.tree(one) for one in bases]
    rules = ledger.rules()
    found = list(_contents(ledger, tree, [ledger.tree(head), *merged, *base], rules.policy))
    named = {one.why for one in found}
    net = list(diff_from_all(ledger.facts, [*base, *merged], tree))
    found += [one for one in _artifacts(ledger.facts, net, rules) if one.why not in named]
    if any(change.path.startswith(CONFIG_PREFIX) for change in net):
        found += _settings(ledger, tree, ledger.facts.settings(base[0]))
    own = list(diff_from_all(ledger.facts, [ledger.tree(head), *merged], tree))
    found += check_leases(ledger, own, (ledger.tree(head), tree), rules)
    return found + list(_signing(ledger))


def _contents(
    ledger: HookLedger, tree: Oid, befores: list[Oid], policy: Policy
) -> Iterator[Finding]:
    """Paths, modes, sizes, and marks of a conflict, in what this commit itself brings."""
    budget = Budget()
    for change in diff_from_all(ledger.facts, list(befores), tree):
        try:
            check_change(ledger.facts, tree, change, policy, budget)
            check_markers(ledger.facts, change)
        except RefusedError as error:
            yield finding(error, *_unstage(error, show(change.path)))
            if error.code.startswith("limit.proposal-"):
                return


def check_markers(facts: Facts, change: FileChange) -> None:
    """Marks that git leaves where two sides conflict do not come into an artifact.

    Raises RefusedError ``merge.markers`` with the line.
    """
    if change.after is None or not change.path.endswith(ARTIFACT_ENDINGS):
        return
    oid = Oid(change.after[1].hex())
    if facts.blob_size(oid) > _MAX_MARKED_BYTES:
        return
    text = facts.blob(oid)
    mark = _MARKERS.search(text)
    if mark is None:
        return
    if change.before is not None and _MARKERS.search(facts.blob(Oid(change.before[1].hex()))):
        return  # it was there before, as a text about merging has it
    path = show(change.path)
    raise RefusedError(
        "merge.markers", "the marks of an unsettled conflict are still in the file",
        where=Where(path, text.count(b"\n", 0, mark.start()) + 1),
    )  # fmt: skip


def _artifacts(facts: Facts, net: list[FileChange], rules: Rules) -> Iterator[Finding]:
    """Front matter and states, of all that differs from where the branch left ``common``."""
    sound: list[ArtifactChange] = []
    for change in net:
        try:
            sound.append(artifact_change(facts, rules.schema, change))
        except GitsyncError as error:
            yield finding(error, _add(show(change.path)))
    for moved in pair_moves(sound):
        try:
            check_states(rules.schema, rules.policy, moved)
        except RefusedError as error:
            yield finding(error, _add(moved.path))


def _settings(ledger: HookLedger, tree: Oid, before: Settings) -> Iterator[Finding]:
    """What a change below ``.gitsync/`` still lacks; settings that cannot be read are refused."""
    from gitsync.domain.ledger.config import check_settings, check_version

    try:
        after = ledger.facts.settings(tree)
    except GitsyncError as error:
        yield finding(error, _add(str(error.where.file if error.where else ".gitsync")))
        return
    checks = (
        partial(check_settings, after, ledger.space),
        partial(check_version, before.policy.version, after.policy.version),
    )
    for check in checks:
        try:
            check()
        except RefusedError as error:
            yield finding(error, "git add .gitsync", refuses=False)


def _signing(ledger: HookLedger) -> Iterator[Finding]:
    """A hook is not told whether this one commit is signed, only what git is set to."""
    if ledger.config.get("commit.gpgsign", "").lower() not in _TRUE:
        yield notice(
            "signature.off",
            "git is not set to sign commits here, and the ledger takes none that is not signed",
            "git config commit.gpgsign true",
            "git commit --amend -S --no-edit",
        )


def _add(path: str) -> str:
    return f"mend the file, then: git add -- {_quoted(path)}"


def _unstage(error: RefusedError, path: str) -> tuple[str, ...]:
    if error.code == "merge.markers":
        return (_add(path),)
    return (f"git restore --staged -- {_quoted(path)}",)


def _quoted(path: str) -> str:
    from shlex import quote

    return quote(path)
