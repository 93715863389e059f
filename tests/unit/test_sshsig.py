import binascii
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec import sshsig
from gitsync.codec.sshkeys import from_ed25519_bytes
from gitsync.codec.sshsig import SshSig
from gitsync.codec.sshwire import mpint, string, uint32
from gitsync.domain.errors import FormatError

L = 2**252 + 27742317777372353535851937790883648493
KEY = from_ed25519_bytes(bytes(range(32))).blob
GOOD_SIG = SshSig(KEY, "git", "sha512", "ssh-ed25519", bytes(range(32)) + bytes(32))
ARMOUR = sshsig.encode(GOOD_SIG)
P256_G = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)


def blob(kind: str, *parts: bytes) -> bytes:
    return string(kind.encode()) + b"".join(string(part) for part in parts)


SK_KEY = blob("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:")
ECDSA_KEY = blob("ecdsa-sha2-nistp256", b"nistp256", P256_G)
RSA_KEY = string(b"ssh-rsa") + mpint(65537) + mpint(2**2047 | 1)


def code_of(armored: bytes) -> str:
    with pytest.raises(FormatError) as caught:
        sshsig.parse(armored)
    return caught.value.code


def armour(data: bytes, width: int = 70) -> bytes:
    text = binascii.b2a_base64(data, newline=False)
    lines = [text[at : at + width] for at in range(0, len(text), width)]
    return b"\n".join((b"-----BEGIN SSH SIGNATURE-----", *lines, b"-----END SSH SIGNATURE-----"))


def wire(
    *,
    magic=b"SSHSIG",
    version=1,
    key=KEY,
    namespace=b"git",
    reserved=b"",
    hashed=b"sha512",
    kind=b"ssh-ed25519",
    signature=GOOD_SIG.signature,
    inner_tail=b"",
    tail=b"",
):
    inner = string(kind) + string(signature) + inner_tail
    parts = string(key) + string(namespace) + string(reserved) + string(hashed) + string(inner)
    return magic + uint32(version) + parts + tail


def test_round_trip_and_shape():
    assert sshsig.parse(ARMOUR) == GOOD_SIG
    assert armour(wire()) == ARMOUR
    assert ARMOUR.startswith(b"-----BEGIN SSH SIGNATURE-----\n")
    assert ARMOUR.endswith(b"\n-----END SSH SIGNATURE-----")


@given(
    st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.integers(0, L - 1)
)
def test_every_ed25519_signature_round_trips(public, r, s):
    key = from_ed25519_bytes(public).blob
    sig = SshSig(key, "git", "sha512", "ssh-ed25519", r + s.to_bytes(32, "little"))
    assert sshsig.parse(sshsig.encode(sig)) == sig


@pytest.mark.parametrize(
    ("name", "armored"),
    {
        "newline at the end": ARMOUR + b"\n",
        "two newlines": ARMOUR + b"\n\n",
        "text before": b"x\n" + ARMOUR,
        "blank line before": b"\n" + ARMOUR,
        "text after": ARMOUR + b"\ntext",
        "text on the last line": ARMOUR + b" ",
        "twice": ARMOUR + b"\n" + ARMOUR,
        "two ends": ARMOUR + b"\n-----END SSH SIGNATURE-----",
        "two begins": b"-----BEGIN SSH SIGNATURE-----\n" + ARMOUR,
        "CRLF": ARMOUR.replace(b"\n", b"\r\n"),
        "narrow lines": armour(wire(), 64),
        "wide lines": armour(wire(), 76),
        "one line": armour(wire(), 10_000),
        "blank line inside": ARMOUR.replace(b"\n", b"\n\n", 1),
        "blank in a line": ARMOUR.replace(b"\nU1NI", b"\nU1 NI"),
        "no end": ARMOUR[: ARMOUR.rindex(b"\n")],
        "cut": ARMOUR[:200],
        "padding gone": ARMOUR.replace(b"=", b""),
        "unused bits set": ARMOUR.replace(b"A=\n", b"B=\n").replace(b"A==\n", b"B==\n"),
        "lower case": ARMOUR.replace(b"BEGIN", b"begin"),
        "NUL": ARMOUR + b"\0",
        "empty": b"",
        "PGP": b"-----BEGIN PGP SIGNATURE-----\n\nxx\n-----END PGP SIGNATURE-----",
        "header line": ARMOUR.replace(b"-----\n", b"-----\nVersion: 1\n\n", 1),
    }.items(),
)
def test_one_armour_only(name, armored):
    assert armored != ARMOUR, name
    assert code_of(armored) == "signature.armour", name


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"tail": b"\0"}, "signature.blob"),
        ({"inner_tail": b"\0"}, "signature.blob"),
        ({"reserved": b"x"}, "signature.blob"),
        ({"version": 0}, "signature.blob"),
        ({"version": 2}, "signature.blob"),
        ({"magic": b"SSHSIh"}, "signature.blob"),
        ({"namespace": b"file"}, "signature.namespace"),
        ({"namespace": b""}, "signature.namespace"),
        ({"namespace": b"git\0"}, "signature.namespace"),
        ({"hashed": b"sha256"}, "signature.hash-algorithm"),
        ({"hashed": b"SHA512"}, "signature.hash-algorithm"),
        ({"signature": bytes(63)}, "signature.blob"),
        ({"signature": bytes(65)}, "signature.blob"),
        ({"kind": b"rsa-sha2-512"}, "signature.algorithm"),
        ({"kind": b""}, "signature.algorithm"),
        ({"key": KEY + b"\0"}, "signature.key"),
        ({"key": blob("ssh-ed25519", bytes(31))}, "signature.key"),
        ({"key": blob("ssh-dss", b"")}, "signature.key"),
        ({"key": RSA_KEY, "kind": b"ssh-rsa", "signature": bytes(256)}, "signature.algorithm"),
    ],
)
def test_each_field_is_checked(changed, code):
    assert code_of(armour(wire(**changed))) == code


@pytest.mark.parametrize("s", [L, L + 1, 2**256 - 1])
@pytest.mark.parametrize("kind", ["ssh-ed25519", "sk-ssh-ed25519@openssh.com"])
def test_s_must_be_below_the_order(s, kind):
    hardware = bytes(5) if kind.startswith("sk-") else b""
    key = KEY if not hardware else SK_KEY
    fine = SshSig(key, "git", "sha512", kind, bytes(32) + (L - 1).to_bytes(32, "little"), hardware)
    assert sshsig.parse(sshsig.encode(fine)) == fine
    altered = dataclasses.replace(fine, signature=bytes(32) + s.to_bytes(32, "little"))
    assert code_of(sshsig.encode(altered)) == "signature.malleable"


def test_hardware_signatures_carry_flags_and_counter():
    for size in (0, 4, 6):
        tail = {"inner_tail": bytes(size)}
        data = wire(key=SK_KEY, kind=b"sk-ssh-ed25519@openssh.com", **tail)
        assert code_of(armour(data)) == "signature.blob"


P256_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        (mpint(0) + mpint(1), "signature.malleable"),
        (mpint(1) + mpint(P256_N), "signature.malleable"),
        (mpint(1) + mpint(1) + b"\0", "signature.blob"),
        (mpint(1), "signature.blob"),
        (string(b"\0\1") + mpint(1), "signature.blob"),
    ],
)
def test_ecdsa_numbers(signature, code):
    base = {"key": ECDSA_KEY, "kind": b"ecdsa-sha2-nistp256"}
    assert sshsig.parse(armour(wire(**base, signature=mpint(1) + mpint(P256_N - 1))))
    assert code_of(armour(wire(**base, signature=signature))) == code


def test_rsa_signature_is_as_long_as_its_key_and_below_it():
    base = {"key": RSA_KEY, "kind": b"rsa-sha2-512"}
    assert sshsig.parse(armour(wire(**base, signature=bytes(256))))
    for signature in (bytes(255), bytes(257), b"\xff" * 256):
        assert code_of(armour(wire(**base, signature=signature))) == "signature.malleable"


def test_size_is_bounded():
    assert code_of(armour(bytes(20_000))) == "signature.too-large"


def test_signed_data():
    data = sshsig.signed_data(b"abc")
    assert data.startswith(b"SSHSIG\0\0\0\3git\0\0\0\0\0\0\0\6sha512\0\0\0\x40\xdd\xaf\x35")
    assert len(data) == 6 + 7 + 4 + 10 + 68
    with pytest.raises(FormatError):
        sshsig.signed_data(b"abc", "md5")


@given(st.integers(0, len(ARMOUR)), st.integers(0, 40), st.binary(max_size=20))
def test_fuzz_armour(at, cut, put):
    mutated = ARMOUR[:at] + put + ARMOUR[at + cut :]
    try:
        sig = sshsig.parse(mutated)
    except FormatError as error:
        assert error.code.startswith("signature.")  # noqa: PT017
    else:
        assert sshsig.encode(sig) == mutated


@given(st.integers(0, 200), st.integers(0, 40), st.binary(max_size=20))
def test_fuzz_blob(at, cut, put):
    raw = wire()
    mutated = armour(raw[:at] + put + raw[at + cut :])
    try:
        sig = sshsig.parse(mutated)
    except FormatError as error:
        assert error.code.startswith("signature.")  # noqa: PT017
    else:
        assert sshsig.encode(sig) == mutated


@given(st.binary(max_size=400))
def test_fuzz_anything(data):
    for attempt in (data, armour(data), armour(b"SSHSIG\0\0\0\1" + data)):
        with pytest.raises(FormatError):
            sshsig.parse(attempt)
