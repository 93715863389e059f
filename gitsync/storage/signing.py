"""Making and checking signatures: Ed25519 in process, all other keys through ``ssh-keygen -Y``."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from gitsync.codec.sshkeys import check_blob, ed25519_bytes, encode_public, parse_public
from gitsync.codec.sshsig import HASH, NAMESPACE, SshSig, encode, parse, signed_data
from gitsync.domain.errors import EnvironmentFault, FormatError, RefusedError, VerificationError
from gitsync.domain.roster import ED25519, PublicKey
from gitsync.storage import effects
from gitsync.storage.keys import KeyChoice, PrivateKey, read_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from subprocess import CompletedProcess

PASSPHRASE_TRIES = 3
# Long enough to type a passphrase and touch a hardware key; nothing may hang a command for ever.
PROMPT_SECONDS = 120
PROCESS_SECONDS = 30

_ENV = ("PATH", "HOME", "SSH_AUTH_SOCK", "SSH_SK_PROVIDER", "TMPDIR", "TEMP", "TMP", "SYSTEMROOT")
_ENV_PROMPT = ("TERM", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR",
               "DBUS_SESSION_BUS_ADDRESS", "SSH_ASKPASS", "SSH_ASKPASS_REQUIRE")  # fmt: skip


class Signer(Protocol):
    """Something that signs for one key."""

    @property
    def public_key(self) -> PublicKey:
        """The key whose signatures these are."""
        ...

    @property
    def deterministic(self) -> bool:
        """Whether the same message always gets the same signature."""
        ...

    def sign(self, message: bytes) -> bytes:
        """The armoured signature of ``message`` without a last newline, as a commit stores it."""
        ...


class Ed25519Signer:
    """Signs in process with an Ed25519 secret that never leaves memory."""

    __slots__ = ("_public", "_secret")

    deterministic = True

    def __init__(self, seed: bytes, public: PublicKey) -> None:
        """Take the 32-byte secret; EnvironmentFault ``key.mismatch`` if it is another key's."""
        from nacl.bindings import crypto_sign_seed_keypair

        raw, self._secret = crypto_sign_seed_keypair(seed)
        # Signing with a public half that is not the secret's own would give the secret away.
        if raw != ed25519_bytes(public):
            raise EnvironmentFault(
                "key.mismatch", "the private key's two halves do not belong together"
            )
        self._public = public

    @property
    def public_key(self) -> PublicKey:
        return self._public

    def sign(self, message: bytes) -> bytes:
        from nacl.bindings import crypto_sign

        signature = crypto_sign(signed_data(message), self._secret)[:64]
        return encode(SshSig(self._public.blob, NAMESPACE, HASH, ED25519, signature))


class SshKeygenSigner:
    """Signs by ``ssh-keygen -Y sign``: agents, hardware keys, ECDSA, RSA.

    ``path`` is the key file; None means that the private half is in the user's agent. Without
    ``interactive`` nothing can prompt: no terminal, no askpass program.
    """

    __slots__ = ("_interactive", "_path", "_public")

    def __init__(self, public: PublicKey, path: Path | None, *, interactive: bool) -> None:
        self._public = public
        self._path = path
        self._interactive = interactive

    @property
    def public_key(self) -> PublicKey:
        return self._public

    @property
    def deterministic(self) -> bool:
        return self._public.is_ed25519

    def sign(self, message: bytes) -> bytes:
        """Sign, and check the result like a stranger's.

        Raises EnvironmentFault ``key.sign-failed``, ``key.timeout``, ``key.no-ssh-keygen``.
        """
        with _private_folder() as folder:
            # As a file, not on standard input: there ssh-keygen would look for a passphrase.
            (folder / "message").write_bytes(message)
            result = _run(self._command(folder), interactive=self._interactive)
            try:
                armored = (folder / "message.sig").read_bytes()
            except OSError:
                why = (result.stderr or b"").decode("utf-8", "replace").strip()[-300:]
                raise EnvironmentFault(
                    "key.sign-failed",
                    f"ssh-keygen made no signature with {self._public.fingerprint}"
                    + (f": {why!r}" if why else ""),
                ) from None
        armored = armored.replace(b"\r\n", b"\n").removesuffix(b"\n")
        try:
            made_by = verify(armored, message)
        except RefusedError as error:
            raise EnvironmentFault(
                "key.sign-failed",
                f"{self._public.fingerprint} signed, but not acceptably: {error.message}",
            ) from None
        if made_by != self._public:
            raise EnvironmentFault(
                "key.sign-failed", f"asked for {self._public.fingerprint}, another key signed"
            )
        return armored

    def _command(self, folder: Path) -> list[str]:
        command = ["ssh-keygen", "-Y", "sign", "-n", NAMESPACE]
        if self._path is None:
            key = folder / "key.pub"
            key.write_bytes(encode_public(self._public) + b"\n")
            command.append("-U")
        else:
            key = self._path
        return [*command, "-f", str(key), str(folder / "message")]


def open_signer(
    choice: KeyChoice, *, interactive: bool, ask: Callable[[str], str] | None = None
) -> Signer:
    """Make the chosen key ready to sign.

    ``ask`` is given a prompt and returns a passphrase; it is called only when ``interactive``. A
    locked Ed25519 key that the user's agent holds is used from there, without a question.

    Raises EnvironmentFault: those of ``read_key``, ``key.passphrase-needed``,
    ``key.passphrase-wrong``, ``key.not-in-agent``, ``key.text-kind``, ``key.no-ssh-keygen``.
    """
    key = read_key(choice)
    if key.seed is not None:
        return Ed25519Signer(key.seed, key.public)
    if key.pem is None:
        if not _agent_holds(key.public):
            raise EnvironmentFault(
                "key.not-in-agent",
                f"the private half of {key.public.fingerprint} is in no file and in no agent",
                hint="add it to the agent: ssh-add KEY",
            )
        return SshKeygenSigner(key.public, None, interactive=interactive)
    if key.path is None and not key.public.is_ed25519:
        raise EnvironmentFault(
            "key.text-kind",
            f"{choice.source} holds a key of kind {key.public.kind}: as text only Ed25519 works",
            hint="give the path of a key file, or an Ed25519 key: ssh-keygen -t ed25519",
        )
    if key.encrypted and _agent_holds(key.public):
        return SshKeygenSigner(key.public, None, interactive=interactive)
    if key.public.is_ed25519:
        return Ed25519Signer(_unlock(key, ask if interactive else None), key.public)
    if key.encrypted and not interactive:
        raise _passphrase_needed(key)
    return SshKeygenSigner(key.public, key.path, interactive=interactive)


def verify(armored: bytes, message: bytes) -> PublicKey:
    """Check a signature over ``message`` and return the key that made it.

    Whether that key counts for anything is for the roster to say. Raises FormatError
    ``signature.*`` (see ``sshsig.parse``) for a signature that is not in canonical form,
    VerificationError ``signature.bad`` for one that does not fit; EnvironmentFault
    ``key.no-ssh-keygen`` or ``key.timeout`` for keys other than Ed25519.
    """
    key = verify_in_process(armored, message)
    if key is None:
        sig = parse(armored)
        key = PublicKey(check_blob(sig.public_key), sig.public_key)
        _verify_by_ssh_keygen(armored, message, key)
    return key


def verify_in_process(armored: bytes, message: bytes) -> PublicKey | None:
    """See :func:`verify`; None for a key that takes another program to check."""
    sig = parse(armored)
    kind = check_blob(sig.public_key)
    if kind != ED25519:
        return None
    from nacl.bindings import crypto_sign_open
    from nacl.exceptions import BadSignatureError

    key = PublicKey(kind, sig.public_key)
    try:
        crypto_sign_open(sig.signature + signed_data(message), sig.public_key[-32:])
    except BadSignatureError:
        raise _bad(key) from None
    return key


def _verify_by_ssh_keygen(armored: bytes, message: bytes, key: PublicKey) -> None:
    with _private_folder() as folder:
        file = folder / "signature"
        file.write_bytes(armored + b"\n")
        text = folder / "message"
        text.write_bytes(message)
        command = ["ssh-keygen", "-Y", "check-novalidate", "-n", NAMESPACE, "-s", str(file)]
        result = _run(command, stdin_file=text)
    if result.returncode < 0:
        raise EnvironmentFault("key.no-ssh-keygen", "ssh-keygen was stopped before it answered")
    if result.returncode or key.fingerprint.encode() not in result.stdout:
        raise _bad(key)


def unlocked_seed(key: PrivateKey, ask: Callable[[str], str] | None) -> bytes | None:
    """The secret of an Ed25519 key, after asking for its passphrase if need be; None for other
    kinds, and where only the public half is at hand.

    Raises EnvironmentFault ``key.passphrase-needed``, ``key.passphrase-wrong``.
    """
    if key.seed is not None or not key.public.is_ed25519 or key.pem is None:
        return key.seed
    return _unlock(key, ask)


def _unlock(key: PrivateKey, ask: Callable[[str], str] | None) -> bytes:
    """The Ed25519 secret behind a passphrase."""
    if ask is None or key.pem is None:
        raise _passphrase_needed(key)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_ssh_private_key

    pem = key.pem.replace(b"\r\n", b"\n").strip() + b"\n"
    for _ in range(PASSPHRASE_TRIES):
        answer = ask(f"Passphrase for {key.path or key.public.fingerprint}: ")
        try:
            loaded = load_ssh_private_key(pem, answer.encode("utf-8", "surrogateescape"))
        except (ValueError, TypeError):
            continue
        except UnsupportedAlgorithm:
            raise EnvironmentFault(
                "key.unreadable",
                "the private key is locked with a cipher that is not known here",
                hint="add it to the agent: ssh-add KEY",
            ) from None
        if isinstance(loaded, Ed25519PrivateKey):
            return loaded.private_bytes_raw()
    raise EnvironmentFault(
        "key.passphrase-wrong", "the passphrase does not open the key", hint="ssh-add KEY"
    )


def _agent_holds(public: PublicKey) -> bool:
    if not os.environ.get("SSH_AUTH_SOCK"):
        return False
    for line in _run(["ssh-add", "-L"]).stdout.splitlines():
        try:
            if parse_public(line) == public:
                return True
        except FormatError:
            continue  # a certificate, or a kind that we do not know
    return False


def _run(
    command: list[str], *, stdin_file: Path | None = None, interactive: bool = False
) -> CompletedProcess[bytes]:
    import subprocess

    names = (*_ENV, *_ENV_PROMPT) if interactive else _ENV
    env = {name: os.environ[name] for name in names if name in os.environ}
    if not interactive:
        env["SSH_ASKPASS_REQUIRE"] = "never"
    try:
        with open(stdin_file or os.devnull, "rb") as stdin:  # noqa: PTH123
            return effects.run(
                effects.Effect("program", "", args=tuple(command)),
                command,
                stdin=None if interactive else stdin,
                stdout=subprocess.PIPE,
                # Interactive: "touch your key" is said there.
                stderr=None if interactive else subprocess.PIPE,
                env=env | {"LC_ALL": "C"},
                timeout=PROMPT_SECONDS if interactive else PROCESS_SECONDS,
                # Without a session of its own, ssh-keygen would open the terminal to ask.
                start_new_session=not interactive,
            )
    except OSError:
        raise EnvironmentFault(
            "key.no-ssh-keygen",
            f"{command[0]} cannot be run; keys other than Ed25519 files need it",
            hint="install OpenSSH's client programs",
        ) from None
    except subprocess.TimeoutExpired:
        raise EnvironmentFault("key.timeout", f"{command[0]} did not answer in time") from None


@contextmanager
def _private_folder() -> Iterator[Path]:
    """A folder that only this user can enter, gone afterwards."""
    try:
        with effects.scratch() as folder:
            yield folder
    except OSError as error:
        raise EnvironmentFault(
            "key.no-temporary-folder", f"cannot write a temporary file: {error.strerror}"
        ) from None


def _bad(key: PublicKey) -> VerificationError:
    return VerificationError(
        "signature.bad", f"the signature by {key.fingerprint} does not fit what it stands under"
    )


def _passphrase_needed(key: PrivateKey) -> EnvironmentFault:
    return EnvironmentFault(
        "key.passphrase-needed",
        f"the key {key.path or key.public.fingerprint} is locked and nobody can be asked",
        hint="add it to the agent: ssh-add KEY",
    )
