import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.codec import sshkeys
from gitsync.codec.sshwire import mpint, string
from gitsync.domain.errors import FormatError
from gitsync.domain.roster import PublicKey

ED = sshkeys.from_ed25519_bytes(bytes(range(32)), "desk at home")
P256_G = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)


def blob(kind: str, *parts: bytes) -> bytes:
    return string(kind.encode()) + b"".join(string(part) for part in parts)


def rsa(bits: int, exponent: int = 65537) -> bytes:
    return string(b"ssh-rsa") + mpint(exponent) + mpint(2 ** (bits - 1) | 1)


GOOD = [
    ED.blob,
    blob("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:"),
    blob("ecdsa-sha2-nistp256", b"nistp256", P256_G),
    blob("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", P256_G, b"ssh:test"),
    rsa(2048),
    rsa(4096),
    rsa(16384),
]


def line_of(data: bytes, kind: str | None = None) -> bytes:
    kind = kind or data[4 : 4 + data[3]].decode("latin-1")
    return kind.encode() + b" " + binascii.b2a_base64(data, newline=False)


@pytest.mark.parametrize("data", GOOD, ids=range(len(GOOD)))
def test_supported_kinds_round_trip(data):
    key = sshkeys.parse_public(line_of(data) + b" a comment\n")
    assert key.blob == data
    assert key.comment == "a comment"
    assert sshkeys.encode_public(key) == line_of(data) + b" a comment"
    assert key.kind in sshkeys.KINDS


def test_no_comment_leaves_no_blank():
    key = sshkeys.parse_public(line_of(ED.blob))
    assert sshkeys.encode_public(key) == line_of(ED.blob)


BAD = {
    "rsa too short": rsa(2047),
    "rsa too long": rsa(16385),
    "rsa exponent one": rsa(2048, 1),
    "rsa exponent even": rsa(2048, 4),
    "rsa even modulus": string(b"ssh-rsa") + mpint(65537) + mpint(2**2047),
    "dsa": blob("ssh-dss", b"\1", b"\1", b"\1", b"\1"),
    "certificate": blob("ssh-ed25519-cert-v01@openssh.com", bytes(32)),
    "short ed25519": blob("ssh-ed25519", bytes(31)),
    "long ed25519": blob("ssh-ed25519", bytes(33)),
    "trailing byte": ED.blob + b"\0",
    "cut": ED.blob[:-1],
    "empty": b"",
    "other curve": blob("ecdsa-sha2-nistp256", b"nistp384", P256_G),
    "compressed point": blob("ecdsa-sha2-nistp256", b"nistp256", b"\2" + P256_G[1:33]),
    "point off its curve": blob("ecdsa-sha2-nistp256", b"nistp256", P256_G[:-1] + b"\0"),
    "no application": blob("sk-ssh-ed25519@openssh.com", bytes(32)),
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_bad_blobs(data):
    with pytest.raises(FormatError) as caught:
        sshkeys.check_blob(data, "my.code")
    assert caught.value.code == "my.code"


B64 = binascii.b2a_base64(ED.blob, newline=False).decode()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 ",
        f"ssh-rsa {B64}",
        f"ssh-ed25519 {B64}=",
        f"ssh-ed25519 {B64[:-1]}",
        f"ssh-ed25519 {B64[:10]}\n{B64[10:]}",
        f"ssh-ed25519 {B64}\n\n",
        f"ssh-ed25519 {B64} two\nlines",
        f"ssh-ed25519 {B64} \x1b[31mred",
        f"ssh-ed25519 {B64} \u202eright to left",
        f"ssh-ed25519 {B64} {'x' * 2000}",
        f"ssh-ed25519 ä{B64}",
        f"no-pty ssh-ed25519 {B64}",
        "x" * 20000,
    ],
)
def test_bad_lines(line):
    with pytest.raises(FormatError) as caught:
        sshkeys.parse_public(line.encode())
    assert caught.value.code == "key.malformed"


def test_base64_has_one_spelling():
    data = blob("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:")
    text = line_of(data).decode()
    assert text.endswith("Do=")
    with pytest.raises(FormatError):  # the same bytes with unused bits set
        sshkeys.parse_public((text.removesuffix("Do=") + "Dp=").encode())


def test_a_comment_cannot_start_a_second_line():
    with pytest.raises(FormatError):
        sshkeys.encode_public(PublicKey(ED.kind, ED.blob, "x\nmallory ssh-ed25519"))


def test_the_comment_is_no_identity():
    assert PublicKey(ED.kind, ED.blob, "other") == ED
    assert hash(PublicKey(ED.kind, ED.blob, "other")) == hash(ED)


@given(st.binary(max_size=200))
def test_fuzz_public_lines(data):
    for attempt in (data, b"ssh-ed25519 " + data, line_of(ED.blob) + data):
        try:
            key = sshkeys.parse_public(attempt)
        except FormatError:
            continue
        assert sshkeys.parse_public(sshkeys.encode_public(key)) == key


@given(st.sampled_from(GOOD), st.data())
def test_fuzz_blobs(good, data):
    at = data.draw(st.integers(0, len(good) - 1))
    mutated = good[:at] + data.draw(st.binary(max_size=6)) + good[at + 1 :]
    try:
        kind = sshkeys.check_blob(mutated)
    except FormatError as error:
        assert error.code == "key.malformed"  # noqa: PT017
    else:
        assert mutated.startswith(string(kind.encode()))


PEM = sshkeys.encode_private(bytes(range(100, 132)), ED, 0xDEADBEEF)


@pytest.mark.parametrize(
    "pem", [PEM, PEM.rstrip(), b"\n" + PEM + b"\n\n", PEM.replace(b"\n", b"\r\n")]
)
def test_private_key_round_trip(pem):
    found = sshkeys.parse_private(pem)
    assert (found.public, found.encrypted, found.seed) == (ED, False, bytes(range(100, 132)))
    assert found.public.comment == "desk at home"


def test_a_private_key_does_not_show_in_its_repr():
    found = sshkeys.parse_private(PEM)
    assert found.seed is not None
    assert repr(found.seed) not in repr(found)


def section_of(pem: bytes) -> bytearray:
    return bytearray(binascii.a2b_base64(b"".join(pem.splitlines()[1:-1])))


@pytest.mark.parametrize("offset", [-1, -30, -60, -120, -150, -170, 5, 30])
def test_a_damaged_private_key(offset):
    raw = section_of(PEM)
    raw[offset] ^= 0x41
    text = binascii.b2a_base64(bytes(raw), newline=False)
    pem = PEM.splitlines()[0] + b"\n" + text + b"\n" + PEM.splitlines()[-1] + b"\n"
    try:
        found = sshkeys.parse_private(pem)
    except FormatError as error:
        assert error.code == "key.private-malformed"  # noqa: PT017
    else:  # only the secret half itself or the comment may differ unseen here
        assert found.public == ED


def test_the_halves_of_a_private_key_must_agree():
    raw = bytes(section_of(PEM))
    secret = bytes(range(100, 132)) + bytes(range(32))
    assert raw.count(secret) == 1
    lines = PEM.splitlines()
    altered = raw.replace(secret, secret[:-1] + b"\0")
    pem = b"\n".join((lines[0], binascii.b2a_base64(altered, newline=False), lines[-1]))
    with pytest.raises(FormatError):
        sshkeys.parse_private(pem)


@given(st.binary(max_size=300), st.integers(0, 600), st.booleans())
def test_fuzz_private_keys(data, at, inside):
    raw = bytes(section_of(PEM))
    body = raw[:at] + data + (raw[at + len(data) :] if inside else b"")
    lines = PEM.splitlines()
    pem = b"\n".join((lines[0], binascii.b2a_base64(body, newline=False), lines[-1]))
    for attempt in (data, pem, PEM[:at] + data + PEM[at:]):
        try:
            sshkeys.parse_private(attempt)
        except FormatError as error:
            assert error.code == "key.private-malformed"  # noqa: PT017
