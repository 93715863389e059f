"""``gitsync snapshot``."""

from __future__ import annotations


def test_numbers_and_signs_the_files(ledger, document):
    ledger.write("james", "notes.md", "one\n")
    ran = ledger.cli("james", "snapshot", "-m", "Notes")
    assert ran.code == 0
    assert ran.out.splitlines()[0].startswith("james@1  ")
    assert "  holds notes.md\n" in ran.out
    assert ledger.cli("james", "snapshot").out == "nothing has changed since james@1\n"
    found = document(ledger.cli("james", "snapshot", "--json").out, "snapshot")
    assert (found["position"], found["new"]) == ("james@1", False)
    done = ledger.ws("james").repo.git("verify-tag", "james@1", check=False)
    assert "Good" in done.err
