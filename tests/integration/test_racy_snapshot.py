"""An edit in the second in which git wrote its index, of the same size, is part of a snapshot."""

from __future__ import annotations

import os

from gitsync.domain.merge.trees import entry_at
from gitsync.domain.objects import Oid


def test_an_edit_as_young_as_the_index_is_taken(ledger):
    file = ledger.write("james", "notes/a.md", "status: aaaaa\n")
    assert ledger.cli("james", "snapshot").code == 0
    ws = ledger.ws("james")
    ws.repo.git("config", "core.trustctime", "false")
    moment = 1_700_000_000_000_000_000
    os.utime(file, ns=(moment, moment))
    ws.repo.git("update-index", "--refresh", check=False)
    file.write_text("status: bbbbb\n")
    os.utime(file, ns=(moment, moment))
    os.utime(ledger.folder("james") / ".git/index", ns=(moment, moment))
    files = ws.work_tree()
    tree = files.tree_of_files(files.tip())
    entry = entry_at(ws.facts, tree, b"notes/a.md")
    assert ws.facts.blob(Oid(entry[1].hex())) == b"status: bbbbb\n"
