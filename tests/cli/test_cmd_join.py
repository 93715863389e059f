"""``gitsync join``."""

from __future__ import annotations

import shutil

import pytest

from gitsync.storage.repository import Repository
from tests.integration.ledgerkit import git


def join(cli, ledger, name, *more):
    return cli(ledger.root, "join", "hub.git", name, "--name", name, *more)


def test_first_use_shows_what_to_compare(ledger, cli):
    ran = join(cli, ledger, "dora", "--key", str(ledger.key("dora")))
    assert (ran.code, ran.err) == (0, "")
    groups = " ".join(ledger.anchor[at : at + 4] for at in range(0, 40, 4))
    assert "  trust     trusted on first use\n" in ran.out
    assert f"  ledger    {ledger.anchor}\n" in ran.out
    assert f"\n  {groups}\n" in ran.out
    assert "Compare the ledger with the founder's" in ran.out
    assert "  gitsync roster admit dora  " in ran.out


def test_with_an_anchor_there_is_nothing_to_compare(ledger, cli, document):
    ran = join(cli, ledger, "dora", "--anchor", ledger.anchor, "--key", str(ledger.key("dora")))
    assert "as the invitation says" in ran.out
    assert "Compare" not in ran.out
    wrong = ledger.anchor[::-1]
    ran = join(cli, ledger, "emma", "--anchor", wrong, "--key", str(ledger.key("emma")), "--json")
    assert ran.code == 1
    assert document(ran.err, "error")["code"] == "anchor.other"


def test_json_and_an_agent(ledger, cli, document):
    ran = join(
        cli, ledger, "james.agent1", "--authority", str(ledger.key("james")), "--json"
    )  # fmt: skip
    found = document(ran.out, "join")
    assert (found["trusted"], found["admitted"], found["requested"]) == ("first-use", False, True)
    rows = document(ledger.cli("alice", "roster", "requests", "--json").out, "roster-requests")
    assert [(one["name"], one["vouched-by"]) for one in rows["requests"]] == [
        ("james.agent1", "james")
    ]


def test_a_name_in_use_and_a_missing_name(ledger, cli):
    ran = join(cli, ledger, "x", "--name", "carol", "--key", str(ledger.key("dora")))
    assert (ran.code, "carol is on the roster with another key" in ran.err) == (1, True)
    ran = cli(ledger.root, "join", "hub.git")
    assert (ran.code, ran.err) == (
        2,
        "error: missing option '--name'\nhint:  gitsync join --help\n",
    )


def test_an_address_that_leads_nowhere_leaves_nothing(tmp_path, cli):
    ran = cli(tmp_path, "join", str(tmp_path / "nowhere.git"), "--name", "dora")
    assert ran.code == 3
    assert "cannot be reached" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_whoever_waits_to_be_admitted_is_told_so(ledger, cli):
    assert join(cli, ledger, "dora", "--key", str(ledger.key("dora"))).code == 0
    folder = next(path for path in ledger.root.iterdir() if path.name.startswith("dora"))
    shown = cli(folder, "status").out
    assert "nobody has admitted you yet" in shown
    assert "roster admit" not in shown


@pytest.mark.parametrize("torn", [b"", bytes(28), b"ref: \n"])
def test_a_clone_that_a_power_cut_tore_is_not_taken_for_the_repository_around_it(ledger, cli, torn):
    """Git passes over a torn ``.git`` and goes on to the folders above: what is there is code."""
    code = ledger.root / "code"
    git(ledger.root, "init", "-q", "code")
    git(code, "init", "-q", "d")
    (code / "d" / ".git" / "HEAD").write_bytes(torn)
    before = (code / ".git" / "config").read_bytes()
    key = str(ledger.key("dora"))
    line = ("join", str(ledger.hub), "d", "--name", "dora", "--key", key)
    ran = cli(code, *line)
    assert (ran.code, f"{code / 'd' / '.git'} is torn" in ran.err) == (3, True), ran.err
    assert f"rm -r {code / 'd'}" in ran.err
    assert (code / ".git" / "config").read_bytes() == before
    assert git(code, "for-each-ref") == ""
    assert Repository.open(code / "d").work_tree == code  # as stock git has it
    (code / "d" / "notes.md").write_text("mine\n")
    ran = cli(code, *line)
    assert (ran.code, "exists and is not empty" in ran.err) == (3, True)
    shutil.rmtree(code / "d")
    assert cli(code, *line).code == 0
