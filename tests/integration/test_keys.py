"""Finding, reading and making key files."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from gitsync.codec.sshkeys import encode_public, parse_public
from gitsync.domain.errors import EnvironmentFault, FormatError
from gitsync.storage import keys as keys_module
from gitsync.storage.keys import KeyChoice, find_key, generate, read_key


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return tmp_path


def run(*args):
    return subprocess.run([str(a) for a in args], capture_output=True, check=True, text=True)


def code_of(call, *args, **options) -> str:
    with pytest.raises(EnvironmentFault) as caught:
        call(*args, **options)
    return caught.value.code


def find(home, explicit=None, config=None, env=None) -> KeyChoice:
    return find_key(explicit, (config or {}).get, env or {}, home)


def read(path) -> keys_module.PrivateKey:
    return read_key(KeyChoice("test", path=path))


def test_generate(home):
    path = home / "new" / "keys" / "id"
    old = os.umask(0)
    try:
        public = generate(path, "alice at desk")
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o700
    pub = Path(f"{path}.pub").read_bytes()
    assert pub == encode_public(public) + b"\n"
    assert public.comment == "alice at desk"
    assert read(path).seed is not None
    derived = run("ssh-keygen", "-y", "-f", path).stdout
    assert parse_public(derived.encode()) == public
    assert derived.strip().endswith("alice at desk")
    assert run("ssh-keygen", "-l", "-f", path).stdout.split()[1] == public.fingerprint
    # ssh-keygen can rewrite it, so every part of the file is as it expects
    run("ssh-keygen", "-q", "-p", "-P", "", "-N", "", "-f", path)
    assert read(path).public == public


def test_generated_keys_differ(home):
    assert generate(home / "a", "") != generate(home / "b", "")


@pytest.mark.parametrize("existing", ["id", "id.pub"])
def test_generate_overwrites_nothing(home, existing):
    (home / existing).write_text("mine")
    assert code_of(generate, home / "id", "x") == "key.exists"
    assert (home / existing).read_text() == "mine"
    assert [p.name for p in home.iterdir()] == [existing]


def test_generate_does_not_follow_a_link(home):
    (home / "id").symlink_to(home / "elsewhere")
    assert code_of(generate, home / "id", "x") == "key.exists"
    assert not (home / "elsewhere").exists()


def test_generate_leaves_nothing_when_syncing_fails(home, monkeypatch):
    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert code_of(generate, home / "id", "x") == "key.unwritable"
    assert not list(home.iterdir())


def test_generate_syncs_both_files_and_the_folder(home, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (synced.append(os.fstat(fd).st_ino), real(fd)))
    generate(home / "id", "x")
    assert {p.stat().st_ino for p in (home / "id", home / "id.pub", home)} == set(synced)


def test_generate_refuses_a_comment_of_two_lines(home):
    with pytest.raises(FormatError):
        generate(home / "id", "a\nb")
    assert not (home / "id").exists()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_keys_that_others_may_read(home, mode):
    generate(home / "id", "x")
    (home / "id").chmod(mode)
    with pytest.raises(EnvironmentFault) as caught:
        read(home / "id")
    assert caught.value.code == "key.permissions"
    assert caught.value.hint == f"chmod 600 {home / 'id'}"
    assert code_of(read, home / "id.pub") == "key.permissions"
    (home / "id").chmod(0o400)
    assert read(home / "id").seed


def test_order_of_search(home):
    paths = {}
    for name in ("explicit", "env", "own", "gits"):
        paths[name] = home / name
        generate(paths[name], name)
    config = {
        "gitsync.key": str(paths["own"]),
        "user.signingkey": str(paths["gits"]),
        "gpg.format": "ssh",
    }
    env = {"GITSYNC_KEY": str(paths["env"])}
    assert code_of(find, home) == "key.none"
    generate(home / ".ssh" / "id_ed25519", "usual")
    assert find(home).path == home / ".ssh" / "id_ed25519"
    assert find(home, config={"user.signingkey": str(paths["gits"])}).path == paths["gits"]
    assert find(home, config=config).path == paths["own"]
    assert find(home, config=config, env=env).path == paths["env"]
    chosen = find(home, str(paths["explicit"]), config, env)
    assert (chosen.path, chosen.source) == (paths["explicit"], "--key")
    assert find(home, env={"GITSYNC_KEY": ""}).source == "~/.ssh/id_ed25519"
    assert find(home, "~/own").path == paths["own"]


@pytest.mark.parametrize(
    "options",
    [
        {"explicit": "nowhere"},
        {"explicit": ""},
        {"explicit": "/"},
        {"explicit": "a\0b"},
        {"env": {"GITSYNC_KEY": "nowhere"}},
        {"config": {"gitsync.key": "nowhere"}},
        {"config": {"user.signingkey": "nowhere", "gpg.format": "ssh"}},
    ],
)
def test_a_named_key_that_is_missing_is_an_error_not_a_reason_for_another(home, options):
    generate(home / ".ssh" / "id_ed25519", "usual")
    assert code_of(find, home, **options) == "key.missing"


def test_a_gpg_key_id_is_not_ours(home):
    generate(home / ".ssh" / "id_ed25519", "usual")
    config = {"user.signingkey": "0123456789ABCDEF"}
    assert find(home, config=config).source == "~/.ssh/id_ed25519"


def test_literal_keys(home):
    public = generate(home / "id", "x y")
    line = encode_public(public).decode()
    for value in (f"key::{line}", line):
        chosen = find(home, config={"user.signingkey": value})
        assert (chosen.public, chosen.path) == (public, None)
        assert read_key(chosen).pem is None
    assert code_of(find, home, "key::ssh-ed25519 AAAA") == "key.unreadable"


def test_key_text_in_the_environment(home):
    public = generate(home / "id", "x")
    text = (home / "id").read_text()
    for value in (text, text.strip(), text.replace("\n", "\r\n")):
        chosen = find(home, env={"GITSYNC_KEY": value})
        assert chosen.path is None
        assert text[40:80] not in repr(chosen)
        key = read_key(chosen)
        assert (key.public, key.path) == (public, None)
        assert key.seed is not None
        assert text[40:80] not in repr(key)
        assert repr(key.seed) not in repr(key)
    assert code_of(read_key, find(home, env={"GITSYNC_KEY": text[:200]})) == "key.unreadable"


def test_public_file_leads_to_its_private_half(home):
    public = generate(home / "id", "x")
    assert read(home / "id.pub").seed is not None
    (home / "id").rename(home / "moved")
    lone = read(home / "id.pub")
    assert (lone.public, lone.pem) == (public, None)
    assert read(home / "id").public == public  # as ssh-keygen, which looks for .pub
    generate(home / "other", "y")
    (home / "other").rename(home / "id")
    assert code_of(read, home / "id.pub") == "key.mismatch"


def test_things_that_are_no_keys(home):
    (home / "text").write_text("hello\n")
    (home / "empty").write_text("")
    (home / "big").write_bytes(b"x" * 70_000)
    (home / "bad.pub").write_text("ssh-ed25519 AAAA\n")
    (home / "noise").write_bytes(bytes(range(256)))
    (home / "folder").mkdir()
    os.mkfifo(home / "pipe")
    for path in home.iterdir():
        path.chmod(0o700 if path.is_dir() else 0o600)
        assert code_of(read, path) == "key.unreadable", path
    assert code_of(read, home / "absent") == "key.missing"


def test_pem_keys_are_signed_with_by_ssh_keygen(home):
    path = home / "pem"
    run("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", "", "-f", path)
    key = read(path)
    assert key.public == parse_public((home / "pem.pub").read_bytes())
    assert (key.encrypted, key.seed) == (False, None)
    (home / "pem.pub").unlink()
    with pytest.raises(EnvironmentFault) as caught:
        read(path)
    assert "ssh-keygen -p" in (caught.value.hint or "")


def test_a_locked_key_tells_its_public_half(home):
    path = home / "locked"
    run("ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-N", "secret", "-f", path)
    key = read(path)
    assert key.encrypted
    assert key.seed is None
    assert key.public == parse_public((home / "locked.pub").read_bytes())
