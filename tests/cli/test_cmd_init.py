"""``gitsync init``."""

from __future__ import annotations

import subprocess


def git(folder, *args):
    done = subprocess.run(["git", *args], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_founds_and_names_at_most_three_steps(tmp_path, cli, make_key):
    git(tmp_path, "init", "-q", "--bare", "hub.git")
    (tmp_path / "work").mkdir()
    key = str(make_key("alice"))
    ran = cli(
        tmp_path / "work", "init", "--name", "alice", "--remote", "../hub.git", "--key", key
    )  # fmt: skip
    assert (ran.code, ran.err) == (0, "")
    head, _, steps = ran.out.partition("\nNext:\n")
    anchor = git(tmp_path / "work", "rev-parse", "common@1^{commit}")
    assert f"  ledger    {anchor}\n" in head
    assert "  witness   alice (you)\n" in head
    commands = [line for line in steps.splitlines() if line.startswith("  gitsync ")]
    assert len(commands) == 3
    assert f"  gitsync join ../hub.git --name THEM \\\n    --anchor {anchor}\n" in steps
    assert all(len(line) <= 80 for line in steps.splitlines())
    assert git(tmp_path / "hub.git", "rev-parse", "common") == anchor
    assert git(tmp_path / "work", "verify-tag", "common@1") == ""


def test_the_name_comes_from_git_when_none_is_given(tmp_path, cli, make_key, document):
    git(tmp_path, "config", "--global", "user.name", "Alice Aalto")
    ran = cli(tmp_path, "init", "--key", str(make_key("alice")), "--json")
    found = document(ran.out, "init")
    assert (found["name"], found["position"], found["remote"]) == ("alice-aalto", "common@1", None)


def test_another_witness_and_members(tmp_path, cli, make_key, document):
    folder = tmp_path / "ledger"
    folder.mkdir()
    pubs = {name: f"{make_key(name)}.pub" for name in ("notary", "james")}
    ran = cli(
        folder, "init", "--name", "alice", "--key", str(make_key("alice")), "--witness", "notary",
        "--witness-key", pubs["notary"], "--member", f"james={pubs['james']}", "--json",
    )  # fmt: skip
    assert document(ran.out, "init")["witness"] == "notary"
    members = document(cli(folder, "roster", "list", "--json").out, "roster")["members"]
    assert {one["name"]: one["roles"] for one in members} == {
        "alice": ["approver", "root"],
        "notary": ["witness"],
        "james": [],
    }
    out = cli(folder, "witness", "run")
    assert (out.code, "witness" in out.err) == (1, True)


def test_beside_code(tmp_path, cli, make_key):
    git(tmp_path, "init", "-q", "code")
    (tmp_path / "code" / "main.py").write_text("pass\n")
    key = str(make_key("alice"))
    ran = cli(tmp_path / "code", "init", "--name", "alice", "--path", "plans/", "--key", key)
    assert ran.code == 0
    assert f"the ledger stands in {tmp_path / 'code' / 'plans'}\n" in ran.out
    assert git(tmp_path / "code", "status", "--porcelain") == "?? main.py"


def test_twice_is_refused_with_the_way_on(ledger, document):
    ran = ledger.cli("alice", "init", "--name", "alice", "--json")
    assert ran.code == 3
    assert document(ran.err, "error")["code"] == "init.exists"


def test_mistakes_on_the_command_line(tmp_path, cli):
    ran = cli(tmp_path, "init", "--name", "alice", "--member", "james")
    assert (ran.code, ran.out) == (2, "")
    assert "--member takes NAME=FILE.pub, not 'james'" in ran.err
    ran = cli(tmp_path, "init", "--name", "No Good")
    assert ran.code == 2
    assert "hint:  use lower-case letters" in ran.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_may_be_named_as_for_git(tmp_path, cli, make_key, document):
    """Made if it is missing; an address that is written from here is right from there, too."""
    git(tmp_path, "init", "-q", "--bare", "hub.git")
    key = f"{make_key('alice').relative_to(tmp_path)}"
    ran = cli(tmp_path, "init", "deep/work", "--name", "alice", "--remote", "hub.git", "--key", key)
    assert (ran.code, ran.err) == (0, "")
    work = tmp_path / "deep" / "work"
    assert f"the ledger stands in {work}\n" in ran.out
    assert f"gitsync join {tmp_path / 'hub.git'} --name THEM" in ran.out
    assert git(tmp_path / "hub.git", "rev-parse", "common") == git(work, "rev-parse", "common@1^{}")
    assert git(work, "ls-remote", "origin", "common").endswith("refs/heads/common")
    again = cli(tmp_path, "init", "deep/work", "--name", "alice", "--key", key, "--json")
    assert document(again.err, "error")["code"] == "init.exists"


def test_a_folder_that_is_none_and_one_named_twice(tmp_path, cli):
    (tmp_path / "file").write_text("")
    ran = cli(tmp_path, "init", "file", "--name", "alice")
    assert (ran.code, f"{tmp_path / 'file'} is no folder" in ran.err) == (2, True)
    ran = cli(tmp_path, "init", "plans", "--path", "plans", "--name", "alice")
    assert (ran.code, "name the ledger's folder once" in ran.err) == (2, True)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_folder_that_is_refused_is_not_made(tmp_path, cli, make_key):
    git(tmp_path, "init", "-q", "code")
    key = str(make_key("alice"))
    ran = cli(tmp_path, "init", "code/deep/work", "--name", "alice", "--key", key)
    assert (ran.code, f"inside the repository {tmp_path / 'code'}" in ran.err) == (2, True)
    assert [one.name for one in (tmp_path / "code").iterdir()] == [".git"]
    # As an unset variable in a script gives it; not the folder at hand.
    ran = cli(tmp_path, "init", "", "--name", "alice", "--key", key)
    assert (ran.code, "'' is no folder" in ran.err) == (2, True)
    assert not (tmp_path / ".git").exists()


def test_a_home_that_is_made_after_the_first_try(tmp_path, cli, make_key):
    line = ["init", "work", "--name", "alice", "--key", str(make_key("alice")), "--remote"]
    assert cli(tmp_path, *line, "../hub.git").code == 3
    assert git(tmp_path / "work", "config", "remote.origin.url") == str(tmp_path.parent / "hub.git")
    ran = cli(tmp_path, *line[:1], "other", *line[2:], "hub.git")
    assert (ran.code, "cannot be reached" in ran.err) == (3, True)
    git(tmp_path, "init", "-q", "--bare", "hub.git")
    ran = cli(tmp_path, *line[:1], "other", *line[2:], "hub.git")
    assert (ran.code, ran.err) == (0, "")
    short = f"url.{tmp_path}/.insteadOf"
    git(tmp_path, "config", "--global", short, "team/")
    git(tmp_path, "init", "-q", "--bare", "plans.git")
    ran = cli(tmp_path, *line[:1], "third", *line[2:], "team/plans.git")
    assert (ran.code, ran.err) == (0, "")
    assert git(tmp_path / "third", "config", "remote.origin.url") == "team/plans.git"
