"""The doctor and one clone: who works in it, how far it has verified, what it stands on."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from gitsync.services.doctoring import disk
from gitsync.storage.place import write_fault
from tests.integration.doctorkit import examine, faults, mended, protect, told
from tests.integration.peoplekit import git


@pytest.fixture
def whole(ledger):
    """Two snapshots that everybody has, and a protected home."""
    protect(ledger.hub)
    ledger.propose("alice", "a.md", "a\n", "a")
    ledger.witness()
    ledger.pull("alice", "james", "carol")
    return ledger


def state_dir(ledger, name="james"):
    return ledger.folder(name) / ".git/gitsync"


def healed(ledger, code):
    """The doctor finds exactly this, mends it, and then finds nothing."""
    found = examine(ledger, "james")
    assert faults(found) == [code], found["findings"]
    assert mended(examine(ledger, "james", "--fix")) == [code]
    assert examine(ledger, "james")["findings"] == []


def test_a_key_that_is_gone(whole):
    whole.key("james").rename(whole.root / "elsewhere")
    Path(f"{whole.root}/keys/james.key.pub").unlink()
    assert faults(examine(whole, "james", "--fix")) == ["key.missing"]


def test_a_key_that_others_may_read(whole):
    whole.key("james").chmod(0o644)
    found = examine(whole, "james")
    assert faults(found) == ["key.permissions"]
    assert told(found, "key.permissions")["mend"] == [f"chmod 600 {whole.root}/keys/james.key"]


def test_a_key_that_is_not_on_the_roster(whole):
    git(whole.folder("james"), "config", "user.signingkey", str(whole.key("stranger")))
    found = examine(whole, "james")
    assert faults(found) == ["roster.not-listed"]
    assert "not james's on the roster of common@2" in told(found, "roster.not-listed")["what"]


def test_somebody_who_waits_to_be_admitted(whole, cli):
    key = str(whole.key("dora"))
    ran = cli(whole.root, "join", "hub.git", "--name", "dora", "dora", "--key", key)
    assert ran.code == 0, ran.err
    found = examine(whole, "dora")
    assert found["code"] == 0
    assert told(found, "roster.waiting")["mend"] == ["a member runs: gitsync roster admit dora"]


@pytest.mark.parametrize(
    "name", ["gpg.format", "commit.gpgsign", "gpg.ssh.allowedSignersFile", "user.email"]
)
def test_settings_that_plain_git_needs(whole, name):
    git(whole.folder("james"), "config", "--unset", name)
    healed(whole, "setup.signing")
    whole.write("james", "x.md", "x\n")
    git(whole.folder("james"), "add", "x.md")
    git(whole.folder("james"), "commit", "-qm", "x")
    git(whole.folder("james"), "verify-commit", "HEAD")


def test_a_repository_without_a_ledger(whole):
    git(whole.root, "init", "-q", "plain")
    found = examine(whole, "plain")
    assert faults(found) == ["setup.missing"]
    assert told(found, "setup.missing")["mend"][1].startswith("or join one: gitsync join URL")


def test_a_home_that_git_does_not_know(whole):
    git(whole.folder("james"), "remote", "rename", "origin", "other")
    assert "remote.unknown" in faults(examine(whole, "james"))


@pytest.mark.parametrize("value", [b"", b"{", b"\0" * 200])
def test_a_damaged_position(whole, value):
    path = state_dir(whole) / "position-common.json"
    before = path.read_bytes()
    path.write_bytes(value)
    healed(whole, "position.damaged")
    assert path.read_bytes() == before


def test_a_position_that_is_gone(whole):
    (state_dir(whole) / "position-common.json").unlink()
    healed(whole, "position.none")


def test_a_position_that_is_kept_once(whole, isolated):
    shutil.rmtree(isolated / "state")
    healed(whole, "position.once")


def test_two_clones_that_verified_different_histories(whole):
    path = state_dir(whole) / "position-common.json"
    ws = whole.ws("james")
    path.write_text(path.read_text().replace(ws.verified().commit, ws.anchor))
    found = examine(whole, "james", "--fix")
    assert faults(found) == ["position.fork"]
    assert mended(found) == []


def test_common_that_stands_elsewhere(whole):
    git(whole.folder("james"), "update-ref", "refs/heads/common", "common~1")
    healed(whole, "common.astray")


def test_tags_that_are_gone(whole):
    git(whole.folder("james"), "tag", "-d", "common@1", "common@2")
    healed(whole, "tags.missing")


@pytest.mark.parametrize("value", [b"", b"old\n", None])
def test_an_old_copy_of_the_roster(whole, value):
    path = state_dir(whole) / "allowed_signers"
    before = path.read_bytes()
    path.unlink() if value is None else path.write_bytes(value)
    healed(whole, "roster.copy")
    assert path.read_bytes() == before


def test_a_pin_that_points_nowhere(whole):
    git(whole.folder("james"), "config", "gitsync.pin", "common@9")
    found = examine(whole, "james")
    assert faults(found) == ["pin.unknown"]
    assert told(found, "pin.unknown")["mend"] == ["gitsync pin --off"]


@pytest.mark.parametrize("how", ["empty", "garbage", "cut", "foreign"])
def test_an_index_that_is_damaged_or_foreign(whole, how):
    path = state_dir(whole) / "index.db"
    if how == "foreign":
        with sqlite3.connect(path) as db:
            db.execute("UPDATE meta SET value = ? WHERE key = 'anchor'", ("0" * 40,))
        db.close()
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:5000])
    else:
        path.write_bytes(b"" if how == "empty" else b"garbage" * 999)
    for more in ("index.db-wal", "index.db-shm"):
        (state_dir(whole) / more).unlink(missing_ok=True)
    healed(whole, "index.damaged")


def test_formats_that_gitsync_does_not_read_are_said_and_left_alone(whole):
    folder = whole.folder("james")
    (folder / ".git/shallow").write_text(git(folder, "rev-parse", "common") + "\n")
    found = examine(whole, "james", "--fix")
    assert faults(found) == ["repo.shallow"]
    assert told(found, "repo.shallow")["mend"] == ["complete it: git fetch --unshallow"]
    assert "protection" in found["skipped"]
    git(whole.root, "init", "-q", "--object-format=sha256", "other")
    found = examine(whole, "other")
    assert faults(found) == ["repo.unsupported"]
    assert "SHA-256" in told(found, "repo.unsupported")["what"]


def test_a_configuration_that_is_gone(whole):
    (whole.folder("james") / ".git/config").write_bytes(b"")
    found = examine(whole, "james", "--fix")
    assert faults(found) == ["config.torn"]
    assert "gitsync join" in told(found, "config.torn")["mend"][1]


def test_a_place_that_takes_no_files(tmp_path):
    """The kernel's own folders refuse files, whoever asks."""
    assert write_fault(Path("/proc/self")) is not None
    assert write_fault(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_nearly_full(whole, monkeypatch):
    monkeypatch.setattr(disk, "LEAST_FREE", 1 << 62)
    assert faults(examine(whole, "james")) == ["disk.nearly-full"] * 2


def test_a_ledger_beside_code(ledger, cli, monkeypatch):
    """From the code's folder too, it is the ledger's own folder that is looked at."""
    app = ledger.root / "app"
    git(ledger.root, "init", "-q", "--bare", "app.git")
    git(ledger.root, "clone", "-q", "app.git", "app")
    who = ("-c", "user.name=x", "-c", "user.email=x@x.invalid")
    git(app, *who, "commit", "-q", "--allow-empty", "-m", "code")
    key = str(ledger.key("alice"))
    args = (
        "init",
        "--name",
        "alice",
        "--path",
        "plans/",
        "--remote",
        str(ledger.root / "app.git"),
        "--key",
        key,
    )
    ran = cli(app, *args)
    assert ran.code == 0, ran.err
    protect(ledger.root / "app.git")
    assert examine(ledger, "app")["findings"] == []
    (app / ".git/worktrees/plans/HEAD").write_bytes(b"")
    assert faults(examine(ledger, "app")) == ["head.torn"]
    assert mended(examine(ledger, "app", "--fix")) == ["head.torn"]
    assert examine(ledger, "app")["findings"] == []
    assert git(app / "plans", "symbolic-ref", "HEAD") == "refs/heads/people/alice"


def test_a_home_that_is_ones_own_repository(ledger, cli):
    solo = ledger.root / "solo"
    solo.mkdir()
    ran = cli(solo, "init", "--name", "alice", "--key", str(ledger.key("alice")))
    assert ran.code == 0, ran.err
    found = examine(ledger, "solo")
    assert faults(found) == []
    (solo / "a.md").write_text("a\n")
    assert cli(solo, "propose", "-m", "a").code == 0
    assert cli(solo, "witness", "run", "--once").code == 0
    found = examine(ledger, "solo", "--full")
    assert found["findings"] == []
