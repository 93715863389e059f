"""An edit in the second in which git wrote its index, of the same size, is part of a snapshot."""

from __future__ import annotations

import os


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
    assert ws.repo.git("show", f"{tree}:notes/a.md").out == b"status: bbbbb\n"
