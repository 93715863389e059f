"""Leases as hooks in somebody's clone see them: early, local, by what was last fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitsync.domain.errors import GitsyncError
from gitsync.services.hookledger import Finding, notice
from gitsync.services.leasing.glance import glance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gitsync.codec.rulesjson import Rules
    from gitsync.domain.leases.values import Lease, Locks
    from gitsync.domain.merge.trees import FileChange
    from gitsync.domain.objects import Oid
    from gitsync.services.hookledger import HookLedger

#: ``git config gitsync.leases``: ``refuse`` (the default), ``warn`` or ``off``.
SETTING = "gitsync.leases"


def check_leases(
    ledger: HookLedger, changes: list[FileChange], trees: tuple[Oid, Oid], rules: Rules
) -> Iterator[Finding]:
    """What a commit writes into that others hold: one paragraph a lease."""
    mode = ledger.config.get(SETTING, "refuse").lower()
    if mode == "off" or not changes:
        return
    try:
        locks = glance(ledger.facts, ledger.repo.common_dir, ledger.config.get("gitsync.remote"))
    except GitsyncError as error:
        yield notice(error.code, f"leases could not be looked at: {error}", "gitsync doctor")
        return
    if locks is None or all(one.holder == ledger.domain for one in locks.leases.values()):
        return
    from gitsync.domain.leases.writes import Ground, Writer, blocked_by

    def hints(ident: str) -> Iterator[bytes]:
        """What is staged, then what the index once saw: reading every file would take too long."""
        from gitsync.storage.artifacthints import paths_once

        for touch in touches:
            if any(one.ident == ident for one in touch.records):
                yield touch.path.encode("utf-8", "surrogateescape")
        yield from paths_once(ledger.repo.state_dir, rules.schema.id_field, ident)

    ground = Ground(ledger.facts, rules.schema, trees, ledger.space, hints)
    writer, touches = Writer(ledger.domain), ground.touches(changes)
    for blocked in blocked_by(locks, ground, writer, touches):
        yield _finding(locks, blocked.lease, blocked.paths, refuses=mode != "warn")


def _finding(locks: Locks, lease: Lease, paths: tuple[str, ...], *, refuses: bool) -> Finding:
    from gitsync.codec.receipts import moment
    from gitsync.domain.leases.acts import span

    shown = ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")
    note = f" ({lease.note})" if lease.note else ""
    return Finding(
        "lease.held",
        f"{shown} belongs to what {lease.holder} holds under lease {lease.token}{note}, since"
        f" {moment(lease.taken)} and until the witness has seen no sign of {lease.holder} for"
        f" another {span(locks.left(lease))}, as far as was fetched",
        (
            f"gitsync lock show {lease.token}   # is it still so?",
            f"gitsync propose   # asks {lease.holder}, and waits for the answer",
        ),
        refuses=refuses,
    )
