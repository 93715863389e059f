"""Texts and bytes of bundles: one value has one spelling, and the rest is our own error."""

from __future__ import annotations

import zlib
from dataclasses import replace

import pytest

from gitsync.codec import bundleheader, manifest, packhead, peerstate, volumes
from gitsync.codec.volumes import Volume
from gitsync.domain.carrying import Ack, Change, Holding, Manifest, Peer, Sent
from gitsync.domain.errors import FormatError, GitsyncError
from gitsync.domain.objects import Oid

A, B, C = (Oid(char * 40) for char in "abc")
GOOD = Manifest(
    ledger=A, space="common", sender="zoe.desk", recipient="carol", sequence=4, basis=3, number=12,
    common=B, at=1_767_225_600, needs=(A, B), vector=(("common", 12), ("zoe", 3)),
    acks=(Ack("carol", 2, C, ("refs/heads/people/zoe", "refs/tags/zoe@1")), Ack("james", 9, A)),
    changes=(
        Change("refs/heads/common", B, A),
        Change("refs/heads/proposals/zoe/x", None, A),
        Change("refs/tags/common@12", C, None),
    ),
)  # fmt: skip
TEXT = manifest.encode(GOOD)


def test_a_manifest_reads_back():
    assert manifest.parse(TEXT) == GOOD
    assert manifest.parse(manifest.encode(replace(GOOD, recipient="*", basis=0, needs=())))


def test_the_text_of_a_manifest_is_as_documented():
    assert TEXT.decode().splitlines() == [
        "gitsync-bundle 1", f"ledger {A}", "space common", "from zoe.desk", "to carol",
        "sequence 4", "after 3", f"position 12 {B}", "made 1767225600", f"need {A}", f"need {B}",
        "seen common 12", "seen zoe 3", f"ack carol 2 {C}", "lack carol refs/heads/people/zoe",
        "lack carol refs/tags/zoe@1", f"ack james 9 {A}", f"move {B} {A} refs/heads/common",
        f"gone {A} refs/heads/proposals/zoe/x", f"new {C} refs/tags/common@12",
    ]  # fmt: skip


BAD = {
    "cut": TEXT[:-1],
    "no end": TEXT + b"x",
    "another first line": b"x" + TEXT,
    "a line out of order": TEXT.replace(
        b"space common\nfrom zoe.desk\n", b"from zoe.desk\nspace common\n"
    ),
    "a line twice": TEXT.replace(b"space common\n", b"space common\nspace common\n"),
    "a short id": TEXT.replace(A.encode(), b"a" * 39, 1),
    "an id in capitals": TEXT.replace(A.encode(), b"A" * 40, 1),
    "a number with a zero before it": TEXT.replace(b"sequence 4", b"sequence 04"),
    "a negative number": TEXT.replace(b"sequence 4", b"sequence -4"),
    "sequence zero": TEXT.replace(b"sequence 4\nafter 3", b"sequence 0\nafter 0"),
    "after itself": TEXT.replace(b"after 3", b"after 4"),
    "no such domain": TEXT.replace(b"from zoe.desk", b"from Zoe"),
    "a name with an escape": TEXT.replace(b"from zoe.desk", b"from zoe\x1b[31m"),
    "a ref with an escape": TEXT.replace(b"refs/tags/common@12", b"refs/tags/\x1b[2J"),
    "a ref with a blank": TEXT.replace(b"refs/tags/common@12", b"refs/tags/a b"),
    "a ref outside refs": TEXT.replace(b"refs/tags/common@12", b"HEAD"),
    "a ref that is too long": TEXT.replace(b"refs/tags/common@12", b"refs/tags/" + b"a" * 400),
    "refs not sorted": TEXT.replace(b"refs/heads/common\n", b"refs/zeads/common\n"),
    "a ref twice": TEXT.replace(b"refs/tags/common@12", b"refs/heads/proposals/zoe/x"),
    "a lack without its ack": TEXT.replace(b"lack carol", b"lack james", 1),
    "an unknown line": TEXT + b"more of it\n",
    "a carriage return": TEXT.replace(b"space common\n", b"space common\r\n"),
    "two blanks": TEXT.replace(b"move ", b"move  "),
    "needs twice": TEXT.replace(f"need {B}".encode(), f"need {A}".encode()),
    "not ascii": TEXT.replace(b"zoe.desk", "zo\u00e9".encode()),
    "for anybody, yet after something": TEXT.replace(b"to carol", b"to *"),
    "empty": b"",
}


@pytest.mark.parametrize("name", BAD)
def test_a_manifest_that_is_not_canonical_is_refused(name):
    assert BAD[name] != TEXT
    with pytest.raises(FormatError) as caught:
        manifest.parse(BAD[name])
    assert caught.value.code == "manifest.malformed"


def test_a_manifest_of_a_later_version_says_so():
    with pytest.raises(FormatError) as caught:
        manifest.parse(TEXT.replace(b"gitsync-bundle 1", b"gitsync-bundle 2"))
    assert caught.value.code == "manifest.version"


def test_a_manifest_is_bounded(monkeypatch):
    monkeypatch.setattr(manifest, "MAX_REFS", 2)
    with pytest.raises(FormatError) as caught:
        manifest.parse(TEXT)
    assert caught.value.code == "manifest.too-large"
    monkeypatch.setattr(manifest, "MAX_BYTES", 10)
    with pytest.raises(FormatError, match="10 bytes"):
        manifest.parse(TEXT)


HEADER = bundleheader.encode((A, B), {"HEAD": C, "refs/heads/common": C})


def test_a_header_reads_back():
    found = bundleheader.parse(HEADER)
    assert (found.needs, dict(found.refs)) == ((A, B), {"HEAD": C, "refs/heads/common": C})


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "bundle.not-one"),
        (b"# v2 git bundle", "bundle.not-one"),
        (b"# v2 git bundle\n", "bundle.header"),
        (b"# v3 git bundle\n@object-format=sha256\n\n", "bundle.capability"),
        (b"# v3 git bundle\n@filter=blob:none\n\n", "bundle.capability"),
        (b"# v4 git bundle\n\n", "bundle.not-one"),
        (HEADER.replace(b"HEAD", b"heads"), "bundle.header"),
        (HEADER.replace(b" HEAD\n", b" refs/heads/common\n"), "bundle.header"),
        (HEADER.replace(b"refs/heads/common", b"refs/heads/\x07"), "bundle.header"),
        (HEADER.replace(b"-" + A.encode(), b"-" + A.encode()[1:]), "bundle.header"),
        (HEADER[:-1] + b"-" + A.encode() + b"\n\n", "bundle.header"),
        (HEADER[:-1], "bundle.header"),
    ],
)
def test_a_header_that_cannot_be_read_is_named(data, code):
    with pytest.raises(FormatError) as caught:
        bundleheader.parse(data)
    assert caught.value.code == code


def pack(*objects: tuple[str, bytes]) -> bytes:
    return packhead.encode_header(len(objects)) + b"".join(
        packhead.encode_object(kind, data) for kind, data in objects
    )


def test_the_first_objects_of_a_pack_read_back():
    objects = [("commit", b"c" * 300), ("tree", b"t"), ("blob", b"")]
    assert packhead.read_objects(pack(*objects) + b"rest", (400, 10, 10)) == objects


def test_git_reads_the_objects_that_are_written(tmp_path):
    import hashlib
    import subprocess

    data = pack(("blob", b"x" * 5000), ("blob", b"")) + b""
    data += hashlib.sha1(data, usedforsecurity=False).digest()
    subprocess.run(["git", "init", "--quiet", "--bare", str(tmp_path)], check=True)
    done = subprocess.run(
        ["git", "index-pack", "--strict", "--stdin"], cwd=tmp_path, input=data, check=True,
        capture_output=True,
    )  # fmt: skip
    assert done.stdout


@pytest.mark.parametrize("at", [*range(0, 40, 3), 200])
def test_a_cut_pack_is_told_from_a_damaged_one(at):
    data = pack(("commit", bytes(range(256))), ("tree", b"t"), ("blob", b"b" * 99))
    with pytest.raises(packhead.CutError):
        packhead.read_objects(data[:at], (400, 10, 100))


@pytest.mark.parametrize(
    "data",
    [
        b"JUNK" + pack(("blob", b"x"))[4:],
        pack(("blob", b"x")),
        packhead.encode_header(3) + b"\x70" + zlib.compress(b""),
        packhead.encode_header(3) + b"\x65" + b"\x01" + zlib.compress(b"x" * 5),
        packhead.encode_header(3) + b"\xb5" * 12,
        packhead.encode_header(3) + b"\x35" + b"not deflated",
        packhead.encode_header(3) + b"\x35" + zlib.compress(b"x" * 6),
        packhead.encode_header(3) + b"\x35" + zlib.compress(b"x" * 4),
        packhead.encode_header(3) + b"\x35" + zlib.compress(b"x" * 100_000_000),
        packhead.encode_header(3) + packhead.encode_object("blob", b"x" * 401),
    ],
)
def test_an_object_that_lies_is_refused(data):
    with pytest.raises(FormatError) as caught:
        packhead.read_objects(data, (400, 10, 10))
    assert caught.value.code == "bundle.pack"
    assert not isinstance(caught.value, packhead.CutError)


VOLUMES = (Volume("a.bundle.001", 4096, "0" * 64), Volume("a.bundle.002", 17, "f" * 64))


def test_a_list_of_volumes_reads_back():
    assert volumes.parse(volumes.encode(VOLUMES)) == VOLUMES


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"gitsync-volumes 1", b"gitsync-volumes 2"), (b"a.bundle.001", b"../a.bundle.001"),
        (b"a.bundle.001", b"a/b.001"), (b"a.bundle.001", b"a.bundle.002"), (b" 17 ", b" 0 "),
        (b" 17 ", b" -1 "), (b"0" * 64, b"0" * 63), (b"a.bundle.002\n", b"a.bundle.002"),
        (b" 17 ", b"  17 "), (b"a.bundle.001", b"a.bundle.\x1b01"),
    ],
)  # fmt: skip
def test_a_list_of_volumes_that_lies_is_refused(old, new):
    data = volumes.encode(VOLUMES).replace(old, new, 1)
    assert data != volumes.encode(VOLUMES)
    with pytest.raises(FormatError) as caught:
        volumes.parse(data)
    assert caught.value.code == "volumes.malformed"


PEER = Peer(
    "zoe", 7, Sent(3, A, Holding(2, {"refs/heads/common": A})), (Sent(7, B, Holding(4)),),
    Ack("zoe", 5, C, ("refs/tags/zoe@1",)), Ack("zoe", 4, A),
)  # fmt: skip


def test_a_peer_reads_back():
    for one in (PEER, Peer("zoe")):
        assert peerstate.decode(peerstate.encode(one)) == one


@pytest.mark.parametrize(
    "data",
    [
        b"", b"[]", b"null", b"{", b"[" * 100_000,
        peerstate.encode(PEER).replace(b'"sequence": 7', b'"sequence": -7'),
        peerstate.encode(PEER).replace(b'"sequence": 7', b'"sequence": true'),
        peerstate.encode(PEER).replace(A.encode(), b"x"),
        peerstate.encode(PEER).replace(b"gitsync/peer/1", b"gitsync/peer/2"),
        peerstate.encode(PEER).replace(b'"refs": {', b'"refs": [{').replace(b"}", b"}]", 1),
    ],
)  # fmt: skip
def test_a_peer_that_cannot_be_read_is_our_own_error(data):
    with pytest.raises(GitsyncError) as caught:
        peerstate.decode(data)
    assert caught.value.code == "peer.malformed"
