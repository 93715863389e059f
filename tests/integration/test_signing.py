"""Our signatures and OpenSSH's, each read by the other."""

import dataclasses
import os
import pty
import struct
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.bindings import crypto_sign, crypto_sign_keypair, crypto_sign_seed_keypair

from gitsync.codec import allowed_signers, sshsig
from gitsync.codec.sshkeys import ed25519_bytes, from_ed25519_bytes, parse_public
from gitsync.codec.sshwire import string
from gitsync.domain.errors import EnvironmentFault, FormatError, GitsyncError, VerificationError
from gitsync.domain.roster import PublicKey
from gitsync.storage import signing
from gitsync.storage.keys import KeyChoice
from gitsync.storage.signing import Ed25519Signer, open_signer, verify

L = 2**252 + 27742317777372353535851937790883648493
MESSAGE = b"tree 0123\nauthor a <a@example.org> 1 +0000\n\nh\xc3\xa9llo\0\xff\n"
SEED = bytes(range(32))
SEED_KEY = from_ed25519_bytes(crypto_sign_seed_keypair(SEED)[0])
KINDS = ("ed25519", "ecdsa", "ecdsa384", "ecdsa521", "rsa")


def run(*args, stdin=b"", check=True):
    return subprocess.run([str(a) for a in args], input=stdin, capture_output=True, check=check)


@pytest.fixture(scope="session")
def keys(tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("keys")
    found = {}
    for kind in (*KINDS, "locked", "locked-ecdsa"):
        args = {
            "ecdsa384": ("ecdsa", "-b", "384"),
            "ecdsa521": ("ecdsa", "-b", "521"),
            "rsa": ("rsa", "-b", "2048"),
            "locked": ("ed25519", "-a", "1"),
            "locked-ecdsa": ("ecdsa", "-a", "1"),
        }.get(kind, (kind,))
        secret = "open sesame" if kind.startswith("locked") else ""
        path = folder / f"id_{kind}"
        run("ssh-keygen", "-q", "-t", *args, "-N", secret, "-C", "test key", "-f", path)
        found[kind] = path
    return found


@pytest.fixture(autouse=True)
def home(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name in ("SSH_AUTH_SOCK", "SSH_ASKPASS", "DISPLAY", "GITSYNC_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def agent(monkeypatch, tmp_path_factory):
    folder = tmp_path_factory.mktemp("a")
    socket = folder / "s"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 5
        while not socket.exists() and time.monotonic() < end:
            time.sleep(0.01)
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        yield socket
    finally:
        process.terminate()
        process.wait()


def public(path: Path) -> PublicKey:
    return parse_public(Path(f"{path}.pub").read_bytes())


def signer_for(path: Path, **options):
    return open_signer(KeyChoice("test", path=path), **{"interactive": False, **options})


def openssh_signs(path: Path, message: bytes) -> bytes:
    made = run("ssh-keygen", "-Y", "sign", "-n", "git", "-f", path, stdin=message)
    assert made.stdout.endswith(b"\n")
    return made.stdout.removesuffix(b"\n")


def openssh_accepts(armored: bytes, message: bytes, roster: bytes, name: str, folder) -> bool:
    (folder / "sig").write_bytes(armored + b"\n")
    (folder / "allowed").write_bytes(roster)
    done = run(
        *("ssh-keygen", "-Y", "verify", "-n", "git", "-f", folder / "allowed"),
        *("-I", name, "-s", folder / "sig"),
        stdin=message,
        check=False,
    )
    return done.returncode == 0


def code_of(call, *args, kind: type[GitsyncError] = GitsyncError, **options) -> str:
    with pytest.raises(kind) as caught:
        call(*args, **options)
    return caught.value.code


@pytest.mark.parametrize("message", [MESSAGE, b"", b"x" * 100_000])
def test_ours_is_byte_equal_to_theirs(keys, message):
    signer = signer_for(keys["ed25519"])
    assert isinstance(signer, Ed25519Signer)
    assert signer.deterministic
    assert signer.public_key == public(keys["ed25519"])
    assert signer.sign(message) == openssh_signs(keys["ed25519"], message)


@pytest.mark.parametrize("kind", KINDS)
def test_each_accepts_the_others(keys, kind, tmp_path):
    signer = signer_for(keys[kind])
    ours, theirs = signer.sign(MESSAGE), openssh_signs(keys[kind], MESSAGE)
    assert signer.public_key == public(keys[kind])
    assert signer.deterministic == (kind == "ed25519")
    roster = allowed_signers.add_line(b"# roster\n\n", ("alice", "alice.desk"), signer.public_key)
    for armored in (ours, theirs):
        assert verify(armored, MESSAGE) == signer.public_key
        assert openssh_accepts(armored, MESSAGE, roster, "alice.desk", tmp_path)
        assert not openssh_accepts(armored, MESSAGE, roster, "bob", tmp_path)
        assert code_of(verify, armored, MESSAGE + b".", kind=VerificationError) == "signature.bad"


def test_stock_ssh_keygen_reads_the_roster_as_we_do(keys, tmp_path):
    roster = b"# people\n"
    for number, kind in enumerate(KINDS):
        roster = allowed_signers.add_line(
            roster, (f"p{number}", f"p{number}.x"), public(keys[kind])
        )
    read = allowed_signers.parse(roster)
    for number, kind in enumerate(KINDS):
        armored = openssh_signs(keys[kind], MESSAGE)
        (tmp_path / "sig").write_bytes(armored + b"\n")
        (tmp_path / "allowed").write_bytes(roster)
        found = run(
            *("ssh-keygen", "-Y", "find-principals", "-n", "git"),
            *("-f", tmp_path / "allowed", "-s", tmp_path / "sig"),
        )
        assert tuple(found.stdout.decode().split()) == read.key(verify(armored, MESSAGE).blob).names
        smaller = allowed_signers.remove_name(roster, f"p{number}")
        assert not openssh_accepts(armored, MESSAGE, smaller, f"p{number}", tmp_path)
        assert openssh_accepts(armored, MESSAGE, smaller, f"p{number}.x", tmp_path)


def test_fingerprints_are_those_of_ssh_keygen(keys):
    for path in keys.values():
        shown = run("ssh-keygen", "-l", "-f", f"{path}.pub").stdout.decode().split()[1]
        assert public(path).fingerprint == shown


def test_git_accepts_ours(keys, tmp_path):
    def git(*args, stdin=b""):
        return run("git", "-C", tmp_path, *args, stdin=stdin).stdout

    git("init", "-q")
    signer = signer_for(keys["ed25519"])
    tree = git("mktree").strip()
    head = b"tree " + tree + b"\nauthor A <a@example.org> 1700000000 +0000\n"
    head += b"committer A <a@example.org> 1700000000 +0000\n"
    armored = signer.sign(head + b"\nhello\n")
    header = b"gpgsig " + armored.replace(b"\n", b"\n ") + b"\n"
    commit = git("hash-object", "-w", "-t", "commit", "--stdin", stdin=head + header + b"\nhello\n")
    (tmp_path / "allowed").write_bytes(allowed_signers.add_line(b"", ("alice",), signer.public_key))
    git("config", "gpg.ssh.allowedSignersFile", str(tmp_path / "allowed"))
    git("verify-commit", commit.decode().strip())


def test_malleated_s_is_refused_though_openssh_accepts_it(keys, tmp_path):
    path = keys["ed25519"]
    sig = sshsig.parse(openssh_signs(path, MESSAGE))
    s = int.from_bytes(sig.signature[32:], "little") + L
    altered = dataclasses.replace(sig, signature=sig.signature[:32] + s.to_bytes(32, "little"))
    armored = sshsig.encode(altered)
    roster = allowed_signers.add_line(b"", ("alice",), public(path))
    assert openssh_accepts(armored, MESSAGE, roster, "alice", tmp_path)
    assert code_of(verify, armored, MESSAGE, kind=FormatError) == "signature.malleable"


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.replace(b"\n", b"\r\n"),
        lambda a: a + b"\ntext after the end",
        lambda a: a + b"\n-----END SSH SIGNATURE-----",
        lambda a: a.replace(b"\n", b"", 2).replace(b"-----U1N", b"-----\nU1N"),
        lambda a: a + b"\n" + a,
    ],
    ids=["CRLF", "text after", "two ends", "odd width", "twice"],
)
@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_other_spellings_are_refused(keys, kind, change):
    armored = openssh_signs(keys[kind], MESSAGE)
    altered = change(armored)
    assert altered != armored
    assert code_of(verify, altered, MESSAGE, kind=FormatError) == "signature.armour"


def test_another_namespace_is_refused(keys):
    made = run("ssh-keygen", "-Y", "sign", "-n", "file", "-f", keys["ed25519"], stdin=MESSAGE)
    assert code_of(verify, made.stdout.removesuffix(b"\n"), MESSAGE) == "signature.namespace"


def test_a_swapped_key_does_not_verify(keys):
    sig = sshsig.parse(openssh_signs(keys["ed25519"], MESSAGE))
    swapped = dataclasses.replace(sig, public_key=public(keys["locked"]).blob)
    assert code_of(verify, sshsig.encode(swapped), MESSAGE) == "signature.bad"


@pytest.mark.parametrize("raw", [bytes(32), b"\1" + bytes(31), b"\xff" * 32])
def test_weak_public_keys_do_not_verify(raw):
    # Points of small order would verify a signature over anything.
    key = from_ed25519_bytes(raw)
    for r in (bytes(32), b"\1" + bytes(31), raw):
        sig = sshsig.SshSig(key.blob, "git", "sha512", "ssh-ed25519", r + bytes(32))
        assert code_of(verify, sshsig.encode(sig), MESSAGE) == "signature.bad"


def test_a_hardware_signature_verifies(keys):
    """A security key signs the application, flags and a counter along (PROTOCOL.u2f)."""
    raw, secret = crypto_sign_keypair()
    kind = "sk-ssh-ed25519@openssh.com"
    blob = string(kind.encode()) + string(raw) + string(b"ssh:")
    tail = struct.pack(">BI", 1, 7)
    signed = sha256(b"ssh:").digest() + tail + sha256(sshsig.signed_data(MESSAGE)).digest()
    sig = sshsig.SshSig(blob, "git", "sha512", kind, crypto_sign(signed, secret)[:64], tail)
    armored = sshsig.encode(sig)
    assert verify(armored, MESSAGE) == PublicKey(kind, blob)
    assert code_of(verify, armored, b"other") == "signature.bad"
    other = dataclasses.replace(sig, hardware=struct.pack(">BI", 1, 8))
    assert code_of(verify, sshsig.encode(other), MESSAGE) == "signature.bad"


def test_locked_key_is_opened_by_the_callback(keys):
    asked = []

    def ask(prompt):
        asked.append(prompt)
        return "wrong" if len(asked) == 1 else "open sesame"

    signer = signer_for(keys["locked"], interactive=True, ask=ask)
    assert len(asked) == 2
    assert str(keys["locked"]) in asked[0]
    assert isinstance(signer, Ed25519Signer)
    assert verify(signer.sign(MESSAGE), MESSAGE) == public(keys["locked"])


def test_locked_key_never_prompts_unless_told_to(keys):
    def never(prompt):
        raise AssertionError("asked")

    for kind in ("locked", "locked-ecdsa"):
        code = code_of(signer_for, keys[kind], ask=never, kind=EnvironmentFault)
        assert code == "key.passphrase-needed"
    code = code_of(signer_for, keys["locked"], interactive=True, ask=None)
    assert code == "key.passphrase-needed"


def test_wrong_passphrase_ends(keys):
    asked = []
    code = code_of(
        signer_for, keys["locked"], interactive=True, ask=lambda p: asked.append(p) or "no"
    )
    assert code == "key.passphrase-wrong"
    assert len(asked) == signing.PASSPHRASE_TRIES


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "locked", "locked-ecdsa"])
def test_agent(keys, agent, kind, tmp_path, monkeypatch):
    askpass = tmp_path / "askpass"
    askpass.write_text("#!/bin/sh\necho open sesame\n")
    askpass.chmod(0o700)
    environ = {**os.environ, "SSH_ASKPASS": str(askpass), "SSH_ASKPASS_REQUIRE": "force"}
    key = public(keys[kind])
    literal = KeyChoice("test", public=key)
    assert code_of(open_signer, literal, interactive=False) == "key.not-in-agent"
    subprocess.run(["ssh-add", "-q", keys[kind]], env=environ, check=True, stdin=subprocess.DEVNULL)
    lone = tmp_path / "lone.pub"
    lone.write_bytes(Path(f"{keys[kind]}.pub").read_bytes())
    choices = [literal, KeyChoice("test", path=lone)]
    if kind.startswith("locked"):
        choices.append(KeyChoice("test", path=keys[kind]))
    for choice in choices:
        signer = open_signer(choice, interactive=False)
        assert signer.public_key == key
        assert verify(signer.sign(MESSAGE), MESSAGE) == key


def test_agent_that_lost_the_key(keys, agent):
    run("ssh-add", "-q", keys["ed25519"])
    signer = open_signer(KeyChoice("t", public=public(keys["ed25519"])), interactive=False)
    run("ssh-add", "-q", "-D")
    assert code_of(signer.sign, MESSAGE, kind=EnvironmentFault) == "key.sign-failed"


def test_key_text_never_touches_the_disk(keys, monkeypatch):
    text = keys["ed25519"].read_bytes()
    rsa = keys["rsa"].read_bytes()
    touched = []
    monkeypatch.setattr(signing, "_private_folder", lambda: touched.append(1))
    monkeypatch.setattr(signing, "_run", lambda *a, **k: touched.append(2))
    signer = open_signer(KeyChoice("GITSYNC_KEY", text=text.rstrip()), interactive=False)
    assert verify(signer.sign(MESSAGE), MESSAGE) == public(keys["ed25519"])
    assert not touched
    code = code_of(open_signer, KeyChoice("GITSYNC_KEY", text=rsa), interactive=False)
    assert code == "key.text-kind"


def test_a_public_half_of_another_key_is_not_signed_with(keys):
    seed = os.urandom(32)
    code = code_of(Ed25519Signer, seed, public(keys["ed25519"]), kind=EnvironmentFault)
    assert code == "key.mismatch"


def test_spawned_programs_see_a_scrubbed_environment(keys, tmp_path, monkeypatch):
    script = f"env > {tmp_path}/env; cat > {tmp_path}/stdin; exit 1"
    fake_ssh_keygen(tmp_path, monkeypatch, script)
    for name in ("GIT_DIR", "GIT_CONFIG_COUNT", "SSH_ASKPASS", "DISPLAY", "LD_PRELOAD_X"):
        monkeypatch.setenv(name, "7")
    assert code_of(signer_for(keys["ecdsa"]).sign, MESSAGE) == "key.sign-failed"
    seen = dict(line.partition("=")[::2] for line in (tmp_path / "env").read_text().splitlines())
    assert seen["SSH_ASKPASS_REQUIRE"] == "never"
    assert not {"GIT_DIR", "GIT_CONFIG_COUNT", "SSH_ASKPASS", "DISPLAY", "LD_PRELOAD_X"} & set(seen)
    assert (tmp_path / "stdin").read_bytes() == b""


def fake_ssh_keygen(tmp_path, monkeypatch, script: str) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "ssh-keygen").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "ssh-keygen").chmod(0o700)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize("case", ["right", "other key", "other message", "cut", "CRLF"])
def test_what_an_agent_signed_is_checked(keys, tmp_path, monkeypatch, case):
    right = openssh_signs(keys["ed25519"], MESSAGE)
    made = {
        "right": right,
        "other key": Ed25519Signer(SEED, SEED_KEY).sign(MESSAGE),
        "other message": openssh_signs(keys["ed25519"], b"other"),
        "cut": right[:-40],
        "CRLF": right.replace(b"\n", b"\r\n"),
    }[case]
    (tmp_path / "made").write_bytes(made + b"\n")
    script = f'for last; do :; done; cp {tmp_path}/made "$last.sig"'
    fake_ssh_keygen(tmp_path, monkeypatch, script)
    signer = signing.SshKeygenSigner(public(keys["ed25519"]), None, interactive=False)
    if case in {"right", "CRLF"}:  # on Windows ssh-keygen writes CRLF, and git mends that too
        assert signer.sign(MESSAGE) == right
    else:
        assert code_of(signer.sign, MESSAGE, kind=EnvironmentFault) == "key.sign-failed"


def test_ssh_keygen_cannot_reach_the_terminal(keys, tmp_path, monkeypatch):
    """Run under a terminal of its own: what is spawned there must not be able to open it."""
    script = f"(: < /dev/tty) 2>/dev/null && echo yes > {tmp_path}/tty; exit 1"
    fake_ssh_keygen(tmp_path, monkeypatch, script)
    code = (
        "import subprocess, sys\n"
        "from pathlib import Path\n"
        "from gitsync.storage.keys import KeyChoice\n"
        "from gitsync.storage.signing import open_signer\n"
        "open('/dev/tty').close()\n"
        "choice = KeyChoice('t', path=Path(sys.argv[1]))\n"
        "try:\n    open_signer(choice, interactive=len(sys.argv) > 2).sign(b'm')\n"
        "except Exception as error:\n    sys.exit(9 if error.code == 'key.sign-failed' else 8)\n"
    )
    for argument, reached in (((), False), (("interactive",), True)):
        pid, terminal = pty.fork()
        if pid == 0:
            command = [sys.executable, "-c", code, str(keys["ecdsa"]), *argument]
            os.execv(sys.executable, command)  # noqa: S606  (the child on the new terminal)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        os.close(terminal)
        assert status == 9
        assert (tmp_path / "tty").exists() == reached


def test_without_openssh(keys, monkeypatch, tmp_path):
    armored = openssh_signs(keys["rsa"], MESSAGE)
    ours = openssh_signs(keys["ed25519"], MESSAGE)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_of(verify, armored, MESSAGE, kind=EnvironmentFault) == "key.no-ssh-keygen"
    assert verify(ours, MESSAGE) == public(keys["ed25519"])
    assert signer_for(keys["ed25519"]).sign(MESSAGE) == ours


@settings(max_examples=200)
@given(message=st.binary(max_size=100), flip=st.integers(0, 8 * 200))
def test_any_flipped_bit_is_refused(message, flip):
    key = SEED_KEY
    signer = Ed25519Signer(SEED, key)
    armored = bytearray(signer.sign(message))
    assert verify(bytes(armored), message) == key
    armored[flip // 8 % len(armored)] ^= 1 << (flip % 8)
    with pytest.raises((FormatError, VerificationError)):
        verify(bytes(armored), message)


def test_verifying_is_fast(keys):
    armored = openssh_signs(keys["ed25519"], MESSAGE)
    verify(armored, MESSAGE)
    best = 1.0
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(50):
            verify(armored, MESSAGE)
        best = min(best, (time.perf_counter() - began) / 50)
    assert best < 0.0005  # about 65 microseconds; the rest is room for a busy machine
    assert len(ed25519_bytes(verify(armored, MESSAGE))) == 32
