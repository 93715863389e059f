"""What a merge or a checkout has brought that its user should know: nothing here refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError
from gitsync.domain.ledger.changes import artifact_change
from gitsync.domain.ledger.content import CONFIG_PREFIX
from gitsync.domain.merge.trees import diff_from_all, diff_trees
from gitsync.services.hookledger import Finding, finding, notice
from gitsync.services.staged import check_markers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.domain.objects import Oid
    from gitsync.services.hookledger import HookLedger


def notices(ledger: HookLedger, old: Oid, new: Oid) -> list[Finding]:
    """What to say now that HEAD has moved from ``old`` to ``new``: artifacts that cannot be read,
    and rules that have changed. What equals the verified snapshot is not looked at again."""
    bases = ledger.bases(new)
    if not bases:
        return []
    before, after = ledger.tree(old), ledger.tree(new)
    if b".gitsync" not in ledger.facts.tree(before):
        before = ledger.tree(bases[0])  # it comes from code, or from another ledger
    return [*_broken(ledger, before, after), *_rules(ledger, before, after)]


def _broken(ledger: HookLedger, before: Oid, after: Oid) -> Iterator[Finding]:
    facts, schema = ledger.facts, ledger.rules().schema
    for change in diff_from_all(facts, [before, ledger.tree(ledger.verified)], after):
        if change.after is None:
            continue
        try:
            check_markers(facts, change)
            artifact_change(facts, schema, change)
        except GitsyncError as error:
            yield finding(error, "mend the file, then: git commit --all", refuses=False)


def _rules(ledger: HookLedger, before: Oid, after: Oid) -> Iterator[Finding]:
    changed = [
        change.path
        for change in diff_trees(ledger.facts, before, after)
        if change.path.startswith(CONFIG_PREFIX)
    ]
    if not changed:
        return
    try:
        old, new = ledger.facts.settings(before), ledger.facts.settings(after)
    except GitsyncError as error:
        yield finding(error, "git diff common -- .gitsync", refuses=False)
        return
    said = [f"the policy is at version {new.policy.version}, it was at {old.policy.version}"]
    came = sorted(set(new.roster.names()) - set(old.roster.names()))
    gone = sorted(set(old.roster.names()) - set(new.roster.names()))
    said += [f"on the roster now: {', '.join(came)}"] if came else []
    said += [f"no longer on the roster: {', '.join(gone)}"] if gone else []
    yield notice("policy.moved", "; ".join(said), "git diff common -- .gitsync")
