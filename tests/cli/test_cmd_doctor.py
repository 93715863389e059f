"""``gitsync doctor``: words, JSON, exit codes."""

from __future__ import annotations

import re

import pytest

from tests.integration.doctorkit import aged, loosen, object_file, protect
from tests.integration.peoplekit import git


@pytest.fixture
def whole(ledger):
    protect(ledger.hub)
    ledger.propose("alice", "a.md", "a\n", "a")
    ledger.witness()
    ledger.pull("alice", "james")
    return ledger


def wreck(ledger):
    """An empty object, an empty ref, a stale lock."""
    folder = ledger.folder("james")
    loosen(folder)
    object_file(folder, git(folder, "rev-parse", "common^{tree}")).write_bytes(b"")
    (folder / ".git/refs/heads/people/james").write_bytes(b"")
    lock = folder / ".git/index.lock"
    lock.write_bytes(b"")
    aged(lock, ledger)


def test_in_order(whole, document):
    ran = whole.cli("james", "doctor")
    assert (ran.code, ran.out, ran.err) == (0, "everything is in order\n", "")
    found = document(whole.cli("james", "doctor", "--json", "--full").out, "doctor")
    assert (found["findings"], found["wrong"], found["full"]) == ([], 0, True)


def test_what_is_wrong_and_what_was_mended(whole, golden, document):
    wreck(whole)
    ran = whole.cli("james", "doctor")
    assert ran.code == 1
    golden("doctor-torn", steady(ran.out))
    found = document(whole.cli("james", "doctor", "--json").out, "doctor")
    assert [one["code"] for one in found["findings"]] == ["lock.stale", "object.torn"]
    assert found["wrong"] == 2
    assert found["skipped"][0] == "refs"
    ran = whole.cli("james", "doctor", "--fix")
    assert ran.code == 0
    golden("doctor-mended", steady(ran.out))
    assert whole.cli("james", "doctor").out == "everything is in order\n"


def steady(text):
    """Loose objects lie in two parts of their id, which the golden's own mask does not know."""
    return re.sub(r"objects\+[0-9a-f]{2}\+[0-9a-f]{38}", "objects+12+345", text)


def test_an_unprotected_home_in_words(ledger, golden):
    ledger.pull("james")
    ran = ledger.cli("james", "doctor")
    assert ran.code == 1
    assert "common: force-push accepted\n" in ran.out
    short = [line for line in ran.out.splitlines() if str(ledger.root) not in line]
    assert all(len(line) <= 80 for line in short)
    golden("doctor-unprotected", ran.out.replace(str(ledger.root), "/ledger"))


def test_outside_of_any_repository(tmp_path, cli):
    ran = cli(tmp_path, "doctor")
    assert ran.code == 3
    assert "is not in a git repository" in ran.err


def test_hints_lead_here(whole):
    wreck(whole)
    (whole.folder("james") / ".git/index.lock").unlink()
    ran = whole.cli("james", "push")
    assert "gitsync doctor" in ran.err
