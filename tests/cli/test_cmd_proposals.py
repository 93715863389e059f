"""``gitsync proposals``."""

from __future__ import annotations


def names(found):
    return {one["proposal"]: one["outcome"] for one in found["proposals"]}


def test_open_ones_of_all_and_all_of_ones_own(ledger, document):
    ledger.clash()
    ledger.propose("carol", "carol.md", "x\n", "open")
    args = ("proposals", "--fetch", "--json")
    mine = names(document(ledger.cli("james", *args).out, "proposals"))
    assert mine == {"carol/open": "pending", "james/clash": "refused"}
    others = names(document(ledger.cli("carol", *args).out, "proposals"))
    assert others == {"carol/open": "pending"}
    every = names(document(ledger.cli("carol", *args, "--all").out, "proposals"))
    assert every == {"carol/open": "pending", "james/clash": "refused"}
    out = ledger.cli("carol", "proposals").out
    assert out.splitlines()[0].split() == ["PROPOSAL", "ANSWER", "COMMIT", "SUBJECT"]


def test_none_and_offline(ledger):
    assert ledger.cli("james", "proposals").out == "no proposals as of the last contact\n"
    ledger.hub.rename(ledger.root / "away.git")
    ran = ledger.cli("james", "proposals", "--fetch")
    assert ran.code == 0
    assert ran.err.startswith("offline: the remote origin cannot be reached")
