"""``gitsync id``."""

from __future__ import annotations

import stat
import subprocess


def test_new_makes_a_key_that_only_its_owner_reads(tmp_path, cli, isolated, document):
    found = document(cli(tmp_path, "id", "new", "--comment", "alice", "--json").out, "id")
    path = isolated / ".ssh" / "id_ed25519"
    assert found["path"] == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    said = subprocess.run(
        ["ssh-keygen", "-l", "-f", str(path)], capture_output=True, text=True, check=True
    ).stdout
    assert found["fingerprint"] in said
    again = cli(tmp_path, "id", "new")
    assert (again.code, "exists already" in again.err) == (3, True)


def test_show_without_any_key(tmp_path, cli, document):
    ran = cli(tmp_path, "id", "show", "--json")
    assert ran.code == 3
    assert document(ran.err, "error")["code"] == "key.none"


def test_show_outside_a_ledger_and_inside(ledger, cli, tmp_path, document):
    ran = cli(tmp_path, "id", "show", "--key", str(ledger.key("james")), "--json")
    found = document(ran.out, "id")
    assert (found["source"], found["names"], found["domain"]) == ("--key", None, None)
    out = ledger.cli("james", "id", "show").out
    assert "on roster as  james\n" in out
    assert "chosen by     user.signingkey\n" in out
    assert (ledger.root / "keys" / "james.key.pub").read_text().strip() in out


def test_use_changes_who_signs_plain_git_commits_too(ledger, document):
    key = ledger.key("other")
    found = document(ledger.cli("james", "id", "use", str(key), "--json").out, "id")
    assert (found["path"], found["names"], found["domain"]) == (str(key), [], "james")
    folder = ledger.folder("james")
    setting = subprocess.run(
        ["git", "config", "user.signingkey"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert setting.stdout.strip() == str(key)
    assert f"gitsync roster add james {key}.pub" in ledger.cli("james", "id", "use", str(key)).out


def test_use_outside_a_ledger(tmp_path, cli, make_key):
    ran = cli(tmp_path, "id", "use", str(make_key("alice")))
    assert (ran.code, "not set up for gitsync" in ran.err) == (3, True)
