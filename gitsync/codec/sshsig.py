"""SSH signatures as git writes them (OpenSSH's PROTOCOL.sshsig, version 1, namespace ``git``).

One signature has one encoding here. OpenSSH reads many spellings of the same signature (other line
widths, text behind the armour, S + L in place of S), and each spelling would give a signed commit
another id. So a signature is parsed, built again, and refused unless the bytes are equal.
"""

from __future__ import annotations

import binascii
from hashlib import sha512

from gitsync.codec.sshkeys import ECDSA_ORDERS, SK_ED25519, check_blob, curve_of, rsa_modulus
from gitsync.codec.sshwire import Reader, string, uint32
from gitsync.domain.errors import FormatError
from gitsync.domain.frozen import frozen
from gitsync.domain.roster import ED25519

NAMESPACE = "git"
HASH = "sha512"
MAX_ARMOUR_BYTES = 16 * 1024

_MAGIC = b"SSHSIG"
_VERSION = 1
_BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
_END = b"\n-----END SSH SIGNATURE-----"
_LINE = 70
_ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493
_FORMATS = {
    # SHA-1 signatures ("ssh-rsa") are excluded by PROTOCOL.sshsig itself.
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}


@frozen
class SshSig:
    """A parsed signature.

    ``public_key`` is the wire blob of the key that claims to have signed, ``signature`` the raw
    signature of ``signature_format`` (64 bytes for Ed25519). ``hardware`` holds the flags and the
    counter, 5 bytes, that a security key signs along; empty for all other keys.
    """

    public_key: bytes
    namespace: str
    hash_algorithm: str
    signature_format: str
    signature: bytes
    hardware: bytes = b""


def parse(armored: bytes) -> SshSig:
    """Read an armoured signature, given without the newline that ends its last line.

    Raises FormatError: ``signature.too-large``, ``signature.armour`` (not as ssh-keygen writes it),
    ``signature.blob`` (cut, trailing bytes, wrong version), ``signature.namespace``,
    ``signature.hash-algorithm``, ``signature.key`` (a kind or size that is not accepted),
    ``signature.algorithm`` (does not belong to the key), ``signature.malleable`` (a second
    spelling of the same signature).
    """
    blob = _unarmour(armored)
    found = _ed25519(blob)
    if found is not None and _armour(blob) == armored:
        _check(found)
        return found
    reader = Reader(blob, "signature.blob")
    if reader.raw(len(_MAGIC)) != _MAGIC or reader.uint32() != _VERSION:
        raise FormatError("signature.blob", "the signature is not an SSH signature of version 1")
    public_key = reader.string(8192)
    if reader.string(64) != NAMESPACE.encode():
        raise FormatError("signature.namespace", "the signature was not made for git")
    if reader.string(64):
        raise FormatError("signature.blob", "the signature fills a reserved field")
    if reader.string(64) != HASH.encode():
        raise FormatError(
            "signature.hash-algorithm", "the signature hashes its message with other than sha512"
        )
    inner = Reader(reader.string(8192), "signature.blob")
    reader.finish()
    signature_format = inner.text(64)
    signature = inner.string(4096)
    sig = SshSig(public_key, NAMESPACE, HASH, signature_format, signature, inner.rest())
    _check(sig)
    if encode(sig) != armored:
        raise _armour_error()
    return sig


def _ed25519(blob: bytes) -> SshSig | None:
    """The common case by its fixed layout: everything but key and signature is constant."""
    key_at, signature_at = len(_ED25519_HEAD), len(_ED25519_HEAD) + 32 + len(_ED25519_MIDDLE)
    if len(blob) != signature_at + 64 or not blob.startswith(_ED25519_HEAD):
        return None
    if blob[key_at + 32 : signature_at] != _ED25519_MIDDLE:
        return None
    public_key = blob[key_at - len(_ED25519_KEY) : key_at + 32]
    return SshSig(public_key, NAMESPACE, HASH, ED25519, blob[signature_at:])


def encode(sig: SshSig) -> bytes:
    """The armoured form of ``sig`` as ssh-keygen writes it, without the last newline."""
    inner = string(sig.signature_format.encode()) + string(sig.signature) + sig.hardware
    return _armour(
        _MAGIC
        + uint32(_VERSION)
        + string(sig.public_key)
        + string(sig.namespace.encode())
        + string(b"")
        + string(sig.hash_algorithm.encode())
        + string(inner)
    )


def signed_data(message: bytes, hash_algorithm: str = HASH) -> bytes:
    """The bytes that the key really signs for ``message``: a header and the message's hash.

    Raises FormatError ``signature.hash-algorithm`` for anything but sha512.
    """
    if hash_algorithm != HASH:
        raise FormatError(
            "signature.hash-algorithm", f"{hash_algorithm!r} is not accepted, only sha512"
        )
    return _SIGNED_HEADER + sha512(message).digest()


_ED25519_KEY = string(ED25519.encode()) + uint32(32)
_ED25519_HEAD = _MAGIC + uint32(_VERSION) + uint32(len(_ED25519_KEY) + 32) + _ED25519_KEY
_ED25519_MIDDLE = (
    string(NAMESPACE.encode())
    + string(b"")
    + string(HASH.encode())
    + uint32(4 + len(ED25519) + 4 + 64)
    + string(ED25519.encode())
    + uint32(64)
)
_SIGNED_HEADER = (
    _MAGIC + string(NAMESPACE.encode()) + string(b"") + string(HASH.encode()) + uint32(64)
)


def _unarmour(armored: bytes) -> bytes:
    if len(armored) > MAX_ARMOUR_BYTES:
        raise FormatError(
            "signature.too-large", f"the signature has more than {MAX_ARMOUR_BYTES} bytes"
        )
    if armored.startswith(_BEGIN) and armored.endswith(_END):
        body = armored[len(_BEGIN) : -len(_END)]
        try:
            return binascii.a2b_base64(body.replace(b"\n", b""), strict_mode=True)
        except binascii.Error:
            raise _armour_error() from None
    raise _armour_error()


def _armour_error() -> FormatError:
    return FormatError(
        "signature.armour",
        "the signature is not armoured exactly as ssh-keygen writes it",
        hint="sign again with git and ssh-keygen, or with gitsync",
    )


def _armour(blob: bytes) -> bytes:
    text = binascii.b2a_base64(blob, newline=False)
    lines = [text[at : at + _LINE] for at in range(0, len(text), _LINE)]
    return _BEGIN + b"\n".join(lines) + _END


def _check(sig: SshSig) -> None:
    kind = check_blob(sig.public_key, "signature.key")
    if sig.signature_format not in _FORMATS.get(kind, (kind,)):
        raise FormatError(
            "signature.algorithm", f"a key of kind {kind} cannot make this kind of signature"
        )
    if len(sig.hardware) != (5 if kind.startswith("sk-") else 0):
        raise FormatError("signature.blob", "the signature has bytes too many or too few")
    if kind in {ED25519, SK_ED25519}:
        _check_ed25519(sig.signature)
    elif kind == "ssh-rsa":
        _check_rsa(sig)
    else:
        _check_ecdsa(sig.signature, ECDSA_ORDERS[curve_of(kind)])


def _check_ed25519(signature: bytes) -> None:
    if len(signature) != 64:
        raise FormatError("signature.blob", "an Ed25519 signature has 64 bytes")
    # RFC 8032, section 5.1.7: without this bound S + L verifies wherever S does.
    if int.from_bytes(signature[32:], "little") >= _ED25519_ORDER:
        raise FormatError(
            "signature.malleable", "the signature was altered: S is not below the group's order"
        )


def _check_ecdsa(signature: bytes, order: int) -> None:
    # (r, n - s) verifies too and cannot be refused: OpenSSL makes either. Witness keys are
    # Ed25519, so no numbered snapshot has a second spelling.
    reader = Reader(signature, "signature.blob")
    numbers = reader.mpint(order.bit_length()), reader.mpint(order.bit_length())
    reader.finish()
    if not all(0 < number < order for number in numbers):
        raise FormatError("signature.malleable", "a number of the ECDSA signature is out of range")


def _check_rsa(sig: SshSig) -> None:
    modulus = rsa_modulus(sig.public_key)
    if len(sig.signature) != (modulus.bit_length() + 7) // 8:
        raise FormatError("signature.malleable", "the RSA signature is not as long as its key")
    if int.from_bytes(sig.signature, "big") >= modulus:
        raise FormatError("signature.malleable", "the RSA signature is not below its modulus")
