"""Finding the key to sign with, reading key files, and making new keys."""

from __future__ import annotations

import os
import stat
from dataclasses import field
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.codec.sshkeys import (
    KINDS,
    check_comment,
    encode_private,
    encode_public,
    from_ed25519_bytes,
    parse_private,
    parse_public,
)
from gitsync.domain.errors import BugError, EnvironmentFault, FormatError, Where
from gitsync.domain.frozen import frozen
from gitsync.storage import effects

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gitsync.domain.roster import PublicKey

MAX_KEY_FILE_BYTES = 64 * 1024
_OPENSSH_PRIVATE = b"-----BEGIN OPENSSH PRIVATE KEY-----"
_NAME_A_KEY = (
    "make one: gitsync id new\nor name one: gitsync id use PATH   (with init and join: --key PATH)"
)
_ANOTHER = {
    "--key": "name a key that is there, or make it: gitsync id new PATH",
    "GITSYNC_KEY": "let it name a key that is there, or take it away: unset GITSYNC_KEY",
}


@frozen
class KeyChoice:
    """Which key to sign with, and which setting (``source``) said so. Exactly one of three is set:

    ``path`` of a private key, or of a public one whose private half is beside it or in an agent;
    ``text`` of a private key; ``public`` key whose private half is in an agent.
    """

    source: str
    path: Path | None = None
    text: bytes | None = field(default=None, repr=False)
    public: PublicKey | None = None


@frozen
class PrivateKey:
    """A key that was read. ``pem`` is None when only the public half is at hand.

    ``seed`` is the secret of an Ed25519 key without passphrase; ``path`` is None for a key that
    came as text and so must not touch the disk.
    """

    public: PublicKey
    path: Path | None = None
    encrypted: bool = False
    pem: bytes | None = field(default=None, repr=False)
    seed: bytes | None = field(default=None, repr=False)


def find_key(
    explicit: str | None,
    git_config: Callable[[str], str | None],
    env: Mapping[str, str],
    home: Path,
) -> KeyChoice:
    """Choose the key: ``--key``, GITSYNC_KEY, ``gitsync.key``, ``user.signingkey``, ``~/.ssh``.

    The first that is set decides; one that is set but leads nowhere is an error, never a reason to
    sign with another key. ``git_config`` returns a setting's value or None. Raises EnvironmentFault
    ``key.none``, ``key.missing``, ``key.unreadable``.
    """
    if explicit is not None:
        return _chosen(explicit, "--key", home)
    from_env = env.get("GITSYNC_KEY", "")
    if from_env.lstrip().startswith("-----BEGIN"):
        return KeyChoice("GITSYNC_KEY", text=from_env.encode("utf-8", "replace"))
    if from_env:
        return _chosen(from_env, "GITSYNC_KEY", home)
    own = git_config("gitsync.key")
    if own:
        return _chosen(own, "gitsync.key", home)
    gits = git_config("user.signingkey")
    if gits and _is_for_ssh(gits, git_config("gpg.format"), home):
        return _chosen(gits, "user.signingkey", home)
    usual = home / ".ssh" / "id_ed25519"
    if usual.exists() or _public_beside(usual).exists():
        return KeyChoice("~/.ssh/id_ed25519", path=usual)
    raise EnvironmentFault("key.none", "there is no key to sign with", hint=_NAME_A_KEY)


def read_key(choice: KeyChoice) -> PrivateKey:
    """Read the chosen key as far as that needs no passphrase.

    Raises EnvironmentFault ``key.missing``, ``key.unreadable``, ``key.permissions``,
    ``key.mismatch``.
    """
    if choice.public is not None:
        return PrivateKey(choice.public)
    if choice.text is not None:
        return _parse(choice.text, None, choice.source)
    if choice.path is None:
        raise BugError("key.no-choice", "a key choice without a key")
    return _read_path(choice.path)


def generate(path: Path, comment: str) -> PublicKey:
    """Make an Ed25519 key without passphrase at ``path`` and its public half at ``path``.pub.

    Returns the public key once both files are on disk, synced and read back. The private key is
    readable by its owner only; folders made on the way too. Raises EnvironmentFault ``key.exists``
    (nothing is ever overwritten), ``key.unwritable``; FormatError ``key.malformed`` for a comment
    that does not fit on one line.
    """
    from nacl.bindings import crypto_sign_keypair, randombytes

    check_comment(comment)
    raw, secret = crypto_sign_keypair()
    public = from_ed25519_bytes(raw, comment)
    pem = encode_private(secret[:32], public, int.from_bytes(randombytes(4), "big"))
    made: list[Path] = []
    try:
        effects.make_folder(path.parent, 0o700)
        for target, data, mode in (
            (path, pem, 0o600),
            (_public_beside(path), encode_public(public) + b"\n", 0o644),
        ):
            with effects.created(target, data, mode, sync=True):
                made.append(target)
        effects.sync_folder(path.parent)
    except OSError as error:
        for target in made:
            effects.unlink(target, missing_ok=True)
        if isinstance(error, FileExistsError):
            raise EnvironmentFault(
                "key.exists",
                f"{error.filename} exists already",
                hint="choose another path; a key is never overwritten",
            ) from None
        raise EnvironmentFault(
            "key.unwritable", f"cannot write the key {path}: {error.strerror}"
        ) from None
    if _read_path(path).public != public:
        raise EnvironmentFault("key.unwritable", f"{path} reads back as another key")
    return public


def _chosen(value: str, source: str, home: Path) -> KeyChoice:
    literal = value.removeprefix("key::")
    if literal != value or _is_literal(value):
        try:
            return KeyChoice(source, public=parse_public(literal.encode("utf-8", "replace")))
        except FormatError as error:
            raise _unreadable(source, error) from None
    path = _expand(value, home)
    if not path.is_file() and not _public_beside(path).is_file():
        raise EnvironmentFault(
            "key.missing", f"{source} names the key {value}, which is no file",
            hint=_ANOTHER.get(source, "name one that is there: gitsync id use PATH"),
        )  # fmt: skip
    return KeyChoice(source, path=path)


def _is_literal(value: str) -> bool:
    return value.split(" ", 1)[0] in KINDS


def _is_for_ssh(value: str, gpg_format: str | None, home: Path) -> bool:
    """Whether ``user.signingkey`` is an SSH key: for other formats it is the id of a GPG key."""
    if gpg_format == "ssh" or value.startswith("key::") or _is_literal(value):
        return True
    return _expand(value, home).is_file()


def _expand(value: str, home: Path) -> Path:
    return home / value[2:] if value.startswith("~/") else Path(value)


def _public_beside(path: Path) -> Path:
    return Path(f"{path}.pub")


def _read_path(path: Path) -> PrivateKey:
    if not path.exists() and _public_beside(path).is_file():
        path = _public_beside(path)
    data, status = _read(path)
    if data.split(b" ", 1)[0].decode("ascii", "replace") not in KINDS:
        return _parse(_private(path, data, status), path, str(path))
    try:
        public = parse_public(data)
    except FormatError as error:
        raise _unreadable(str(path), error) from None
    private_path = path.with_suffix("")
    if path.suffix != ".pub" or not private_path.is_file():
        return PrivateKey(public, path)
    key = _parse(_private(private_path, *_read(private_path)), private_path, str(private_path))
    if key.public != public:
        raise EnvironmentFault("key.mismatch", f"{path} is not the public half of {private_path}")
    return key


def _parse(pem: bytes, path: Path | None, source: str) -> PrivateKey:
    if not pem.lstrip().startswith(_OPENSSH_PRIVATE):
        return _parse_old(pem, path, source)
    try:
        found = parse_private(pem)
    except FormatError as error:
        raise _unreadable(source, error) from None
    return PrivateKey(found.public, path, found.encrypted, pem, found.seed)


def _parse_old(pem: bytes, path: Path | None, source: str) -> PrivateKey:
    """PEM and PKCS#8 keys: ssh-keygen signs with them, the file beside tells the public half."""
    if path is None or not pem.startswith(b"-----BEGIN ") or not _public_beside(path).is_file():
        raise EnvironmentFault(
            "key.unreadable",
            f"{source} is no private key in OpenSSH's format",
            hint="rewrite it in that format: ssh-keygen -p -f KEY",
        )
    try:
        public = parse_public(_read(_public_beside(path))[0])
    except FormatError as error:
        raise _unreadable(str(_public_beside(path)), error) from None
    return PrivateKey(public, path, b"ENCRYPTED" in pem, pem)


def _read(path: Path) -> tuple[bytes, os.stat_result]:
    try:
        # Not blocking: a named pipe in place of a key must not hang the command.
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(fd, "rb") as file:
            status = os.fstat(fd)
            data = file.read(MAX_KEY_FILE_BYTES + 1) if stat.S_ISREG(status.st_mode) else b""
    except FileNotFoundError:
        raise EnvironmentFault(
            "key.missing", f"there is no key at {path}", hint=_NAME_A_KEY
        ) from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "no valid path"
        raise EnvironmentFault("key.unreadable", f"cannot read the key {path}: {why}") from None
    if not data or len(data) > MAX_KEY_FILE_BYTES:
        raise EnvironmentFault("key.unreadable", f"{path} is not a key: no file of a key's size")
    return data, status


def _private(path: Path, data: bytes, status: os.stat_result) -> bytes:
    """Return ``data`` unless others may read the file that it came from."""
    # The same rule as ssh's: a file that another user shares with us is theirs to protect.
    if os.name == "posix" and status.st_uid == os.getuid() and status.st_mode & 0o077:
        raise EnvironmentFault(
            "key.permissions",
            f"other users may read the private key {path}",
            hint=f"chmod 600 {path}",
            where=Where(str(path)),
        )
    return data


def _unreadable(source: str, error: FormatError) -> EnvironmentFault:
    return EnvironmentFault("key.unreadable", f"{source}: {error.message}", hint=error.hint)
