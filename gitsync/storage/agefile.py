"""Encryption in the age format (age-encryption.org/v1) to SSH keys, by the library pyrage."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from gitsync.codec.sshkeys import encode_private, encode_public
from gitsync.domain.errors import EnvironmentFault, RefusedError
from gitsync.domain.roster import ED25519
from gitsync.storage.durable import reporting

if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BufferedReader
    from pathlib import Path

    from gitsync.domain.roster import PublicKey
    from gitsync.storage.keys import PrivateKey

#: The kinds of SSH keys that age encrypts to.
KINDS: Final = (ED25519, "ssh-rsa")


def encrypt(source: Path, target: Path, keys: Sequence[PublicKey]) -> None:
    """Encrypt a file for the holders of ``keys`` into a new file in a scratch folder.

    Raises RefusedError ``bundle.no-key`` when age cannot encrypt to any of them.
    """
    pyrage = _pyrage()
    usable = [one for one in keys if one.kind in KINDS]
    if not usable:
        raise RefusedError(
            "bundle.no-key", "the recipient has no key on the roster that age can encrypt to",
            hint="age knows ssh-ed25519 and ssh-rsa: gitsync roster list shows the keys",
        )  # fmt: skip
    recipients = [
        pyrage.ssh.Recipient.from_str(encode_public(one).decode().strip()) for one in usable
    ]
    with reporting(target), source.open("rb") as reader, target.open("wb") as writer:
        pyrage.encrypt_io(reader, writer, recipients)


def decrypt(source: Path, target: Path, key: PrivateKey, seed: bytes | None) -> None:
    """Decrypt a file with a key into a new file in a scratch folder; ``seed`` is the secret of an
    Ed25519 key.

    Raises RefusedError ``bundle.sealed`` when it was not encrypted to this key, or altered;
    EnvironmentFault ``bundle.key-kind`` when the key cannot be used.
    """
    identity = _identity(key, seed)
    with reporting(target), source.open("rb") as reader, target.open("wb") as writer:
        _decrypt(reader, source.name, writer, identity)


def decrypt_head(
    reader: BufferedReader, name: str, key: PrivateKey, seed: bytes | None, limit: int
) -> bytes:
    """The first ``limit`` bytes that come out of an encrypted file, or all of them; what comes
    later is not read. Raises as :func:`decrypt` does, and OSError of ``reader``."""
    writer = _Head(limit)
    with suppress(_EnoughError):
        _decrypt(reader, name, writer, _identity(key, seed))
    return bytes(writer.data[:limit])


class _EnoughError(Exception):
    """As much was decrypted as is wanted."""


class _Head:
    """Takes so many bytes, and then stops whoever writes them."""

    def __init__(self, limit: int) -> None:
        self.data = bytearray()
        self._limit = limit

    def write(self, data: bytes) -> int:
        self.data += data
        if len(self.data) >= self._limit:
            raise _EnoughError
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""


def _identity(key: PrivateKey, seed: bytes | None) -> Any:  # noqa: ANN401 - pyrage has no types
    pyrage = _pyrage()
    text = key.pem
    if seed is not None:
        text = encode_private(seed, key.public, int.from_bytes(os.urandom(4), "big"))
    if text is None:
        raise EnvironmentFault(
            "bundle.key-kind", f"the private half of {key.public.fingerprint} is not in a file",
            hint="decrypt it where that key is, then import the plain file:\n"
            "age -d -i KEY FILE > FILE.bundle",
        )  # fmt: skip
    try:
        return pyrage.ssh.Identity.from_buffer(text)
    except pyrage.IdentityError as error:
        raise EnvironmentFault(
            "bundle.key-kind", f"age cannot decrypt with {key.public.fingerprint}"
            f" ({key.public.kind}): {error}",
        ) from error  # fmt: skip


def _decrypt(reader: BinaryIO, name: str, writer: BinaryIO | _Head, identity: object) -> None:
    pyrage = _pyrage()
    try:
        pyrage.decrypt_io(reader, writer, [identity])
    except OSError as error:
        # The library says so, without a number of the system's, of a block that was altered.
        if error.errno is not None:
            raise
        raise RefusedError(
            "bundle.sealed", f"{name} was cut or altered after it was encrypted"
        ) from error
    except pyrage.DecryptError as error:
        raise not_ours(name) from error


def not_ours(name: str) -> RefusedError:
    """The error for a file that this key does not open."""
    return RefusedError("bundle.sealed", f"{name} is encrypted for somebody else, or was altered")


def _pyrage() -> Any:  # noqa: ANN401 - it ships no types
    try:
        import pyrage
    except ImportError as error:
        raise EnvironmentFault(
            "bundle.no-age", "encrypted bundles need the library pyrage",
            hint="pip install pyrage",
        ) from error  # fmt: skip
    return pyrage
