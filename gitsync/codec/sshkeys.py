"""SSH public keys as text and wire blobs, and the container of OpenSSH private keys.

Blobs: RFC 4253 section 6.6 (RSA), RFC 5656 (ECDSA), RFC 8709 (Ed25519), OpenSSH's PROTOCOL.u2f
(security keys). Private keys: OpenSSH's PROTOCOL.key.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import field

from gitsync.codec.sshwire import Reader, string, uint32
from gitsync.domain.errors import FormatError
from gitsync.domain.frozen import frozen
from gitsync.domain.lateregex import late_regex
from gitsync.domain.roster import ED25519, PublicKey

MIN_RSA_BITS = 2048
MAX_RSA_BITS = 16384
MAX_LINE_BYTES = 16 * 1024
MAX_COMMENT_CHARS = 1024

ECDSA_ORDERS = {
    "nistp256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "nistp384": int(
        "ffffffffffffffffffffffffffffffffffffffffffffffff"
        "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        16,
    ),
    "nistp521": int(
        "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa"
        "51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
        16,
    ),
}
# FIPS 186-4, appendix D.1.2: the field's prime and the coefficient b; a is -3 for all three.
_CURVES = {
    "nistp256": (
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    ),
    "nistp384": (
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        int("b3312fa7e23ee7e4988e056be3f82d19181d9c6efe814112"
            "0314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef", 16),
    ),
    "nistp521": (
        2**521 - 1,
        int("0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e1"
            "56193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00", 16),
    ),
}  # fmt: skip
SK_ED25519 = "sk-ssh-ed25519@openssh.com"
_ECDSA_KINDS = {
    **{f"ecdsa-sha2-{curve}": curve for curve in ECDSA_ORDERS},
    "sk-ecdsa-sha2-nistp256@openssh.com": "nistp256",
}
KINDS = frozenset({ED25519, SK_ED25519, "ssh-rsa", *_ECDSA_KINDS})

_ED25519_PREFIX = string(ED25519.encode()) + uint32(32)
# Control characters and the marks that reorder text: a comment must read as it is stored.
ODD_CHARACTERS = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
)
_UNPRINTABLE = late_regex(f"[\t\n{ODD_CHARACTERS}]")


def curve_of(kind: str) -> str:
    """The curve of an ECDSA key kind: ``nistp256``, ``nistp384`` or ``nistp521``."""
    return _ECDSA_KINDS[kind]


def check_blob(blob: bytes, code: str = "key.malformed") -> str:
    """Check a public key's wire form and return its kind.

    Raises FormatError with ``code`` for an unsupported kind, a wrong size, trailing bytes, a point
    off its curve, or an RSA key below 2048 bits.
    """
    if len(blob) == 51 and blob.startswith(_ED25519_PREFIX):
        return ED25519
    return _check_other(blob, code)


def _check_other(blob: bytes, code: str) -> str:
    reader = Reader(blob, code)
    kind = reader.text()
    if kind not in KINDS:
        raise FormatError(code, f"keys of kind {kind} are not supported")
    if kind == "ssh-rsa":
        _check_rsa(reader, code)
    elif kind in _ECDSA_KINDS:
        _check_point(reader, kind, code)
    elif len(reader.string(64)) != 32:
        raise FormatError(code, "an Ed25519 public key has 32 bytes")
    if kind.startswith("sk-"):
        reader.text(1024)
    reader.finish()
    return kind


def _check_rsa(reader: Reader, code: str) -> None:
    exponent, modulus = reader.mpint(MAX_RSA_BITS), reader.mpint(MAX_RSA_BITS)
    if modulus.bit_length() < MIN_RSA_BITS:
        raise FormatError(
            code,
            f"an RSA key of {modulus.bit_length()} bits is too short, {MIN_RSA_BITS} are required",
            hint="make an Ed25519 key: ssh-keygen -t ed25519",
        )
    if exponent < 3 or not exponent & 1 or not modulus & 1 or exponent >= modulus:
        raise FormatError(code, "the numbers of the RSA key make no key")


def _check_point(reader: Reader, kind: str, code: str) -> None:
    curve = _ECDSA_KINDS[kind]
    prime, b = _CURVES[curve]
    size = (prime.bit_length() + 7) // 8
    if reader.string(64) != curve.encode():
        raise FormatError(code, f"a key of kind {kind} names another curve")
    point = reader.string(256)
    x, y = int.from_bytes(point[1 : size + 1], "big"), int.from_bytes(point[size + 1 :], "big")
    if len(point) != 2 * size + 1 or point[0] != 4 or x >= prime or y >= prime:
        raise FormatError(code, "an ECDSA public key is an uncompressed point of its curve")
    if (y * y - x * x * x + 3 * x - b) % prime:
        raise FormatError(code, "the point of the ECDSA key is not on its curve")


def rsa_modulus(blob: bytes) -> int:
    """The modulus of an RSA key whose blob has been checked."""
    reader = Reader(blob, "key.malformed")
    reader.text()
    reader.mpint()
    return reader.mpint()


def ed25519_bytes(key: PublicKey) -> bytes:
    """The 32 raw bytes of an Ed25519 public key."""
    return key.blob[-32:]


def from_ed25519_bytes(raw: bytes, comment: str = "") -> PublicKey:
    """The public key of 32 raw bytes."""
    return PublicKey(ED25519, _ED25519_PREFIX + raw, comment)


def check_comment(comment: str, code: str = "key.malformed") -> str:
    """Return ``comment`` if it fits behind a key on one line and shows as it is stored."""
    if len(comment) > MAX_COMMENT_CHARS or _UNPRINTABLE.search(comment):
        raise FormatError(code, "a key's comment is too long or holds control characters")
    return comment


def parse_fields(kind: str, base64: str, comment: str = "") -> PublicKey:
    """The key in the fields of one line: key kind, base64 blob, comment.

    Raises FormatError ``key.malformed``.
    """
    if kind not in KINDS:
        raise FormatError("key.malformed", f"{kind[:64]!r} is no supported kind of SSH key")
    try:
        blob = binascii.a2b_base64(base64, strict_mode=True)
        canonical = binascii.b2a_base64(blob, newline=False).decode("ascii") == base64
    except ValueError:
        canonical = False
    if not canonical:
        raise FormatError("key.malformed", "the key is not plain base64")
    if check_blob(blob) != kind:
        raise FormatError("key.malformed", f"the line says {kind}, the key itself another kind")
    return PublicKey(kind, blob, check_comment(comment))


def parse_public(line: bytes) -> PublicKey:
    """Read ``ssh-ed25519 AAAA... comment`` with at most one newline behind it.

    Raises FormatError ``key.malformed``.
    """
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    try:
        text = line.decode("utf-8") if len(line) <= MAX_LINE_BYTES else ""
    except UnicodeDecodeError:
        text = ""
    fields = re.split("[ \t]+", text.strip(" \t"), maxsplit=2)
    if len(fields) < 2:
        raise FormatError("key.malformed", "this is no line of a public SSH key")
    return parse_fields(*fields)


def encode_public(key: PublicKey) -> bytes:
    """``ssh-ed25519 AAAA... comment`` without a newline; no blank behind it without a comment.

    Raises FormatError ``key.malformed`` for a comment that would not stay on its line.
    """
    encoded = binascii.b2a_base64(key.blob, newline=False).decode("ascii")
    return f"{key.kind} {encoded} {check_comment(key.comment)}".rstrip(" ").encode()


_PRIVATE_BEGIN = b"-----BEGIN OPENSSH PRIVATE KEY-----\n"
_PRIVATE_END = b"\n-----END OPENSSH PRIVATE KEY-----\n"
_PRIVATE_MAGIC = b"openssh-key-v1\0"


@frozen
class PrivateKeyFile:
    """What an OpenSSH private key file tells without its passphrase.

    ``seed`` is the 32-byte secret of an Ed25519 key without passphrase, else None.
    """

    public: PublicKey
    encrypted: bool
    seed: bytes | None = field(default=None, repr=False)


def parse_private(pem: bytes) -> PrivateKeyFile:
    """Read an OpenSSH private key; line ends and the last newline may have suffered in transport.

    Raises FormatError ``key.private-malformed``, also for the older PEM forms.
    """
    code = "key.private-malformed"
    text = pem.replace(b"\r\n", b"\n").strip() + b"\n"
    if not text.startswith(_PRIVATE_BEGIN) or not text.endswith(_PRIVATE_END):
        raise FormatError(code, "this is no private key in OpenSSH's own format")
    try:
        body = text[len(_PRIVATE_BEGIN) : -len(_PRIVATE_END)].replace(b"\n", b"")
        reader = Reader(binascii.a2b_base64(body, strict_mode=True), code)
    except binascii.Error:
        raise FormatError(code, "the private key is damaged: not plain base64") from None
    if reader.raw(len(_PRIVATE_MAGIC)) != _PRIVATE_MAGIC:
        raise FormatError(code, "this is no private key in OpenSSH's own format")
    cipher = reader.text()
    reader.text()
    reader.string(1024)
    if reader.uint32() != 1:
        raise FormatError(code, "the file holds more than one private key")
    public_blob = reader.string()
    public = PublicKey(check_blob(public_blob, code), public_blob)
    section = reader.string()
    if cipher != "none":
        return PrivateKeyFile(public, encrypted=True)  # an AEAD cipher's tag may follow
    reader.finish()
    if not public.is_ed25519:
        return PrivateKeyFile(public, encrypted=False)
    return _parse_ed25519_section(section, public, code)


def _parse_ed25519_section(section: bytes, public: PublicKey, code: str) -> PrivateKeyFile:
    reader = Reader(section, code)
    checks = reader.uint32(), reader.uint32()
    kind, raw, secret = reader.text(), reader.string(32), reader.string(64)
    comment = reader.string(MAX_COMMENT_CHARS * 4)
    padding = reader.rest()
    if (
        checks[0] != checks[1]
        or kind != ED25519
        or raw != ed25519_bytes(public)
        or secret[32:] != raw
        or padding != bytes(range(1, len(padding) + 1))
    ):
        raise FormatError(code, "the private key is damaged: its parts disagree")
    shown = _UNPRINTABLE.sub("", comment.decode("utf-8", "replace"))[:MAX_COMMENT_CHARS]
    named = PublicKey(public.kind, public.blob, shown)
    return PrivateKeyFile(named, encrypted=False, seed=secret[:32])


def encode_private(seed: bytes, public: PublicKey, check: int) -> bytes:
    """An Ed25519 private key file without passphrase, as ``ssh-keygen`` writes it.

    ``seed`` is the 32-byte secret; ``check`` a random number below 2**32 that OpenSSH stores twice.
    """
    raw = ed25519_bytes(public)
    section = (
        uint32(check) * 2
        + string(ED25519.encode())
        + string(raw)
        + string(seed + raw)
        + string(check_comment(public.comment).encode())
    )
    section += bytes(range(1, -len(section) % 8 + 1))
    none = string(b"none") * 2 + string(b"")
    text = binascii.b2a_base64(
        _PRIVATE_MAGIC + none + uint32(1) + string(public.blob) + string(section), newline=False
    )
    lines = b"\n".join(text[at : at + 70] for at in range(0, len(text), 70))
    return _PRIVATE_BEGIN + lines + _PRIVATE_END
