"""``gitsync witness install-ci``, and ``witness run`` without a clone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gitsync.codec.cifiles import MARKER
from gitsync.storage import gitcli

if TYPE_CHECKING:
    from tests.conftest import Ran

SPEC = "git+https://example.org/gitsync@" + "b" * 40
WITNESS = ".github/workflows/gitsync-witness.yml"
NOTICE = ".github/workflows/gitsync-notice.yml"


@pytest.fixture
def to(tmp_path):
    """A checkout of a default branch."""
    folder = tmp_path / "ci"
    gitcli.run(["init", "--quiet", str(folder)])
    return folder


def install(ledger, forge: str, *args: str) -> Ran:
    return ledger.cli("alice", "witness", "install-ci", forge, "--install", SPEC, *args)


def test_files_are_written_once_and_replaced_when_ours(ledger, to, document):
    ran = install(ledger, "github", "--to", str(to), "--json")
    found = document(ran.out, "install-ci")
    assert (ran.code, ran.err) == (0, "")
    assert [(one["path"], one["state"]) for one in found["files"]] == [
        (NOTICE, "written"),
        (WITNESS, "written"),
    ]
    assert found["ledger"] == ledger.anchor
    assert found["home"] == str(ledger.hub)
    assert found["secrets"] == ["GITSYNC_KEY"]
    for one in found["files"]:
        assert (to / one["path"]).read_text() == one["text"]
    again = install(ledger, "github", "--to", str(to), "--cron", "5 * * * *")
    assert again.out.splitlines()[:2] == [f"unchanged  {NOTICE}", f"replaced  {WITNESS}"]
    assert "docs/guides/github.md" in again.out
    assert "cron: '5 * * * *'" in (to / WITNESS).read_text()


def test_a_file_that_is_not_ours_stops_everything(ledger, to):
    (to / WITNESS).parent.mkdir(parents=True)
    (to / WITNESS).write_text(f"name: mine\n{MARKER}\n")
    ran = install(ledger, "github", "--to", str(to))
    assert ran.code == 1
    assert "gitsync did not write it" in ran.err
    assert (to / WITNESS).read_text().startswith("name: mine")
    assert not (to / NOTICE).exists()


def test_a_folder_that_is_a_link_elsewhere_is_not_followed(ledger, to, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (to / ".github").symlink_to(tmp_path / "elsewhere")
    ran = install(ledger, "github", "--to", str(to))
    assert ran.code == 1
    assert "leads elsewhere" in ran.err
    assert not list((tmp_path / "elsewhere").iterdir())


def test_print_writes_nothing_and_needs_no_folder(ledger, document):
    ran = install(ledger, "gitlab", "--print")
    assert ran.out.startswith(f"# .gitlab-ci.yml\n{MARKER}\n")
    shown = document(install(ledger, "gitlab", "--dry-run", "--json").out, "install-ci")
    assert (shown["folder"], shown["files"][0]["state"]) == (None, "shown")
    assert not (ledger.folder("alice") / ".gitlab-ci.yml").exists()


def code(ran: Ran, document) -> str:
    assert ran.out == ""
    return document(ran.err, "error")["code"]


def test_places_where_proposals_reach_are_refused(ledger, to, document):
    alice = str(ledger.folder("alice"))
    assert code(install(ledger, "github", "--to", alice, "--json"), document) == "ci.ledger-tree"
    assert code(install(ledger, "github", "--json"), document) == "ci.where"
    # On Forgejo the ledger's own repository is one: its secrets go to every branch.
    gitcli.run(["-C", str(to), "remote", "add", "origin", str(ledger.hub)])
    assert install(ledger, "gitlab", "--to", str(to)).code == 0
    again = install(ledger, "forgejo", "--to", str(to), "--json")
    assert code(again, document) == "ci.same-repository"
    gitcli.run(["-C", str(to), "remote", "set-url", "origin", "https://example.org/ci.git"])
    assert install(ledger, "forgejo", "--to", str(to)).code == 0


def test_beside_code_the_code_repository_is_the_place(ledger, cli, tmp_path):
    code = tmp_path / "app"
    gitcli.run(["init", "--quiet", str(code)])
    key = str(ledger.key("alice"))
    hub = tmp_path / "app.git"
    gitcli.run(["init", "--quiet", "--bare", str(hub)])
    ran = cli(
        code, "init", "--name", "alice", "--path", "plans", "--remote", str(hub), "--key", key
    )
    assert ran.code == 0, ran.err
    args = ("witness", "install-ci", "github", "--install", SPEC)
    assert cli(code, *args).code == 0
    assert (code / WITNESS).exists()
    assert cli(code / "plans", *args, "--to", ".").code == 1


def test_what_is_missing_is_asked_for(ledger, to, document):
    def said(*args: str) -> str:
        return code(ledger.cli("alice", "witness", "install-ci", *args, "--json"), document)

    folder = ("--to", str(to))
    spec = ("--install", SPEC)
    assert said("github", *folder) == "ci.install"
    assert said("github", *folder, "--install", "gitsync") == "ci.unpinned"
    assert said("github", *folder, *spec, "--home", "/srv/x.git") == "ci.ledger"
    assert said("forgejo", *folder, *spec, "--remember") == "ci.remember"
    assert said("gitlab", *folder, "--notice") == "ci.notice"
    other = ("--anchor", "a" * 40, "--home")
    assert said("github", *folder, *spec, *other, "https://example.org/x.git") == "ci.address"
    assert said("github", *folder, *spec, *other, "git@example.org:x.git") == "ci.host-key"
    assert said("github", "--to", str(to / "no"), *spec) == "folder.missing"
    short = ("--anchor", "aaaa", "--home", "/srv/x.git")
    assert said("github", *folder, *spec, *short) == "anchor.malformed"


def test_host_keys_come_from_known_hosts(ledger, to, isolated):
    (isolated / ".ssh").mkdir()
    (isolated / ".ssh" / "known_hosts").write_text(
        "example.org ssh-ed25519 AAAAone\nother.example ssh-ed25519 AAAAtwo\n"
    )
    home = ("--home", "git@example.org:team/plans.git", "--anchor", "a" * 40)
    ran = install(ledger, "gitlab", "--to", str(to), *home)
    assert (ran.code, "GITSYNC_PUSH_KEY" in ran.out) == (0, True)
    text = (to / ".gitlab-ci.yml").read_text()
    assert "AAAAone" in text
    assert "AAAAtwo" not in text


def test_the_notice_alone_needs_no_ledger_yet(cli, tmp_path):
    folder = tmp_path / "plans"
    folder.mkdir()
    ran = cli(tmp_path, "witness", "install-ci", "github", "--notice", "--to", "plans")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == f"written  {NOTICE}"
    assert [p.name for p in (folder / ".github/workflows").iterdir()] == ["gitsync-notice.yml"]


def test_a_home_without_a_clone(ledger, cli, tmp_path, document):
    ledger.propose("james", "a.md", "a\n", "a")
    key = ("--key", str(ledger.key("alice")))
    where = ("--home", str(ledger.hub), "--anchor", ledger.anchor)
    ran = cli(tmp_path, "witness", "run", *where, *key, "--json")
    assert document(ran.out, "witness-run")["after"] == "common@2"
    assert cli(tmp_path, "witness", "run", *where, *key).out == "common@2: nothing to decide\n"

    def said(*args: str) -> str:
        return code(cli(tmp_path, "witness", "run", *args, *key, "--json"), document)

    assert said(*where[:2]) == "usage.together"
    assert said(*where, "--watch") == "usage.both"
    assert said(*where[:3], "f" * 39) == "anchor.malformed"
    assert said(*where[:3], "f" * 40) == "anchor.other"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["ledger"]
