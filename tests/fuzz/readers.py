"""Every reader of foreign bytes: how it reads, and what must hold of a value."""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.codec import (
    allowed_signers,
    bundleheader,
    frontmatter,
    frontmatter_head,
    gitobjects,
    leasefiles,
    listing,
    manifest,
    packfront,
    packhead,
    peerstate,
    policyfile,
    receipts,
    records,
    schemafile,
    sshkeys,
    sshsig,
    trailers,
    volumes,
    yamltext,
)
from gitsync.domain import globs, names
from gitsync.domain.errors import GitsyncError
from gitsync.domain.leases.subjects import parse_subject
from gitsync.domain.leases.values import Locks
from gitsync.services import evidence
from gitsync.storage import packedrefs, signing
from gitsync.storage.positions import PositionStore
from tests.fuzz import valid

if TYPE_CHECKING:
    from collections.abc import Callable

LEASE = leasefiles.decode_lease(valid.LEASES[0])


def _counters(data: bytes) -> Locks:
    token, stamp, beats, *_ = *data.split(b"\0"), b"", b""
    return leasefiles.decode(token, stamp, beats, [("7", LEASE)] if b"7" in beats else [], [])


def _counters_hold(data: bytes, value: object) -> None:
    """Whatever is taken is what would be written."""
    assert isinstance(value, Locks)
    files = dict(leasefiles.changes(None, value))
    token, stamp, beats, *_ = *data.split(b"\0"), b"", b""
    assert (files[b"token"], files[b"stamp"], files.get(b"beats") or b"") == (token, stamp, beats)


def _subject(data: bytes) -> object:
    return parse_subject(data.decode("utf-8", "surrogateescape"))


NEAR, _ = listing.read_listing(valid.TREE)
A, B = valid.A, valid.B


@dataclass(frozen=True)
class Reader:
    """``read`` takes bytes and returns a value or raises a GitsyncError; ``holds`` then asserts
    what must be true of the bytes and the value. ``words`` are the format's own."""

    name: str
    seeds: tuple[bytes, ...]
    read: Callable[[bytes], object]
    holds: Callable[[bytes, object], None] = lambda _data, _value: None
    words: tuple[bytes, ...] = ()


def _same(encode: Callable[..., bytes]) -> Callable[[bytes, object], None]:
    """Whatever is taken encodes to the same bytes: one meaning, one spelling."""

    def holds(data: bytes, value: object) -> None:
        assert encode(value) == data

    return holds


def _again(encode: Callable[..., bytes], read: Callable[[bytes], object]) -> Callable[..., None]:
    """Written anew, a value reads back as itself."""

    def holds(_data: bytes, value: object) -> None:
        assert read(encode(value)) == value

    return holds


# -- readers that need more than one call ---------------------------------------------------------


def _near(data: bytes) -> object:
    return listing.read_listing(data, NEAR)[0]


def _near_holds(data: bytes, value: object) -> None:
    """The short cut through a neighbour agrees with reading the whole."""
    assert isinstance(value, listing.Listing)
    assert value.tree == gitobjects.parse_tree(data)
    assert listing.write_listing(value.tree).raw == data


def _verified(data: bytes) -> object:
    """A signature, two zero bytes, what it signs."""
    armour, _, message = data.partition(b"\0\0")
    return signing.verify(armour, message)


def _verified_holds(data: bytes, _value: object) -> None:
    assert data in valid.SIGNATURES, "a signature was altered, and still counts"


def _document(data: bytes) -> object:
    document = frontmatter.parse(data)
    if document is not None:
        document.check()
        for name in document:
            for take in (document.text, document.items, document.value):
                try:
                    take(name)
                except GitsyncError:
                    continue
    return document


def _document_holds(data: bytes, value: object) -> None:
    assert value is None or (isinstance(value, frontmatter.Document) and data.endswith(value.body))


def _head(data: bytes) -> object:
    return frontmatter_head.head(data, schemafile.parse(valid.SCHEMA), "plans/a.md")


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="gitsync-fuzz-"))


def _file(data: bytes) -> Path:
    path = _folder() / "position-common.json"
    path.write_bytes(data)
    return path


def _position(data: bytes) -> object:
    return PositionStore(_file(data).parent, _folder() / "user", "common").load(None)


def _position_holds(_data: bytes, value: object) -> None:
    store = PositionStore(_folder() / "copy", _folder() / "copy", "common")
    (_folder() / "copy" / "position-common.json").unlink(missing_ok=True)
    for kept in (_folder() / "copy").rglob("*.json"):
        kept.unlink()
    store.save(value)
    assert store.load(None) == value


def _packed(data: bytes) -> object:
    return packedrefs._read(_file(data))


def _packed_holds(data: bytes, value: object) -> None:
    _packed(data)
    assert packedrefs._read(_file(packedrefs._merged(_folder(), _file(data), {}))) == value


def _evidence(data: bytes) -> object:
    return evidence.confirm(data, None)


def _evidence_holds(_data: bytes, value: object) -> None:
    assert isinstance(value, evidence.ForkEvidence)
    assert (value.position, sorted(value.commits)) == ("common@7", [A, B]), "a fork was invented"


def _trailers(data: bytes) -> object:
    trailers.subject(data), trailers.body(data)
    return trailers.parse(data)


def _trailers_holds(_data: bytes, value: object) -> None:
    assert isinstance(value, trailers.Trailers)
    pairs = list(value)
    if sum(map(len, map("".join, pairs))) < trailers.MAX_BLOCK_BYTES // 8:
        assert list(trailers.parse(trailers.compose("t", pairs))) == pairs


def _names(data: bytes) -> object:
    """A ref's name, however it is to be understood."""
    text = data.decode("utf-8", "surrogateescape")
    found = (
        names.parse_proposal_ref(text),
        names.parse_approval_ref(text),
        names.parse_position(text),
    )
    return text, found


def _names_holds(_data: bytes, value: object) -> None:
    text, (proposal, approval, position) = value
    assert proposal is None or proposal.ref == text
    assert approval is None or f"refs/heads/approvals/{approval}" == text
    assert position is None or names.position_tag(*position) == f"refs/tags/{text}"


def _glob(data: bytes) -> object:
    pattern, _, path = data.decode("utf-8", "replace").partition("\0")
    return globs.compile_glob(pattern).matches(path[:2000])


def _schema(data: bytes) -> object:
    return schemafile.parse(data)


def _policy(data: bytes) -> object:
    return policyfile.parse(data)


def _header_holds(_data: bytes, value: object) -> None:
    """Written anew it says the same; comments behind the commits to have are left out."""
    assert isinstance(value, bundleheader.Header)
    assert bundleheader.parse(bundleheader.encode(value.needs, value.refs)) == value


def _delta(data: bytes) -> object:
    return packfront.apply_delta(valid.DELTA_BASE, data)


def _delta_holds(_data: bytes, value: object) -> None:
    assert value is None or (isinstance(value, bytes) and len(value) <= 1 << 20)


def _pack_front(data: bytes) -> object:
    return list(packfront.read_front(io.BytesIO(data).read, 1))


def _pack_front_holds(_data: bytes, value: object) -> None:
    assert isinstance(value, list)
    assert all(kind in ("commit", "tag") and len(content) <= 1 << 20 for kind, content in value)


def _pack_head(data: bytes) -> object:
    return packhead.read_objects(data, (4096, 4096, 4096))


COMMIT_WORDS = (
    b"gpgsig ",
    b"\ngpgsig -----BEGIN SSH SIGNATURE-----\n ",
    b"\ngpgsig-sha256 x",
    b"\nparent " + A.encode(),
    b"\nmergetag x\n y",
    b"\nencoding UTF-16",
    b"author ",
    b" +0000",
    b" -0000",
    b"<>",
    b"tree ",
    b"-----END SSH SIGNATURE-----\n",
)
TRAILER_WORDS = (
    b"\n\nGitsync-Kind: snapshot",
    b"\nGitsync-Number: 8",
    b"\nApproves: " + A.encode(),
    b"\nAfter: HEAD",
    b"\nGitsync-Approval: zoe " + B.encode(),
    b"\nGITSYNC-LEDGER: " + B.encode(),
    b"\nX:",
    b"\nX: ",
)
YAML_WORDS = (
    b"&a ",
    b"*a",
    b"<<: *a",
    b"? ",
    b"!!python/object:os.system ",
    b"!!set",
    b"%YAML 1.1\n",
    b"---\n",
    b"...\n",
    b"|\n",
    b">-\n",
    b"threshold: 0",
    b"people: []",
    b"version: 1.0",
    b"yes",
    b"12:30:45",
    b"0o17",
    b".inf",
)
KEY_WORDS = (
    b"cert-authority ",
    b'valid-before="20250101" ',
    b'namespaces="git,file"',
    b"ssh-rsa",
    b"*",
    b"!zoe",
    b"zoe,carol",
    b"ssh-ed25519-cert-v01@openssh.com",
)
JSON_WORDS = (
    b'"tags": ',
    b'"schema": ',
    b'"at": "9999-12-31T23:59:60Z"',
    b"NaN",
    b"-Infinity",
    b"1e400",
    b'"\\ud800"',
)

MANIFEST_WORDS = (
    b"need " + A.encode() + b"\n",
    b"ack zoe 1 " + A.encode() + b"\n",
    b"lack zoe refs/heads/common\n",
    b"gone " + A.encode() + b" refs/tags/x\n",
    b"after 999999999999",
    b"to *",
    b"\r\n",
)

READERS = (
    Reader(
        "commit",
        valid.COMMITS,
        gitobjects.parse_commit,
        _same(gitobjects.encode_commit),
        COMMIT_WORDS,
    ),
    Reader("tag", valid.TAGS, gitobjects.parse_tag, _same(gitobjects.encode_tag), COMMIT_WORDS),
    Reader(
        "tree",
        (valid.TREE, b""),
        gitobjects.parse_tree,
        _same(gitobjects.encode_tree),
        (b"40000 ", b"100644 ", b"160000 ", b"0100644 ", b"..", b".git", b"/"),
    ),
    Reader("tree beside a neighbour", (valid.TREE,), _near, _near_holds, (b"40000 a\0",)),
    Reader(
        "signature",
        tuple(one.partition(b"\0\0")[0] for one in valid.SIGNATURES),
        sshsig.parse,
        _same(sshsig.encode),
        COMMIT_WORDS,
    ),
    Reader("signature of a message", valid.SIGNATURES, _verified, _verified_holds),
    Reader(
        "public key",
        valid.KEYS,
        sshkeys.parse_public,
        _again(sshkeys.encode_public, sshkeys.parse_public),
        KEY_WORDS,
    ),
    Reader("private key", (valid.PRIVATE,), sshkeys.parse_private),
    Reader(
        "roster",
        (valid.ROSTER, b"# people\n\n" + valid.ROSTER),
        allowed_signers.parse,
        _again(allowed_signers.encode, allowed_signers.parse),
        KEY_WORDS,
    ),
    Reader("trailers", (valid.MESSAGE, valid.SNAPSHOT), _trailers, _trailers_holds, TRAILER_WORDS),
    Reader(
        "claims",
        (valid.MESSAGE, valid.SNAPSHOT),
        records.read_commit_record,
        _again(lambda one: records.write_commit_record("t", one), records.read_commit_record),
        TRAILER_WORDS,
    ),
    Reader(
        "snapshot",
        (valid.SNAPSHOT,),
        records.read_snapshot,
        _again(lambda one: records.snapshot_message(one, "t"), records.read_snapshot),
        TRAILER_WORDS,
    ),
    Reader(
        "front matter",
        (valid.FRONT, valid.FRONT.replace(b"\n", b"\r\n")),
        _document,
        _document_holds,
        YAML_WORDS,
    ),
    Reader("head", (valid.FRONT,), _head, words=YAML_WORDS),
    Reader(
        "yaml",
        (valid.POLICY, valid.SCHEMA),
        lambda data: yamltext.load(data, "f"),
        words=YAML_WORDS,
    ),
    Reader("policy", (valid.POLICY,), _policy, _again(policyfile.compose, _policy), YAML_WORDS),
    Reader("schema", (valid.SCHEMA,), _schema, _again(schemafile.compose, _schema), YAML_WORDS),
    Reader(
        "receipt",
        valid.RECEIPTS,
        receipts.decode,
        _again(receipts.encode, receipts.decode),
        JSON_WORDS,
    ),
    Reader(
        "lease",
        valid.LEASES,
        leasefiles.decode_lease,
        _same(leasefiles.encode_lease),
        JSON_WORDS,
    ),
    Reader(
        "lease request",
        valid.REQUESTS,
        leasefiles.decode_request,
        _same(leasefiles.encode_request),
        JSON_WORDS,
    ),
    Reader("counters of the locks ref", valid.COUNTERS, _counters, _counters_hold),
    Reader(
        "subject", (b"tree:plan-a", b"ids:a,b", b"path:a/**", b"query:type:story -tag:x"), _subject
    ),
    Reader("stored position", (valid.POSITION,), _position, _position_holds, JSON_WORDS),
    Reader("evidence", (valid.EVIDENCE,), _evidence, _evidence_holds, JSON_WORDS),
    Reader(
        "packed refs",
        (valid.PACKED,),
        _packed,
        _packed_holds,
        (b"^" + A.encode(), b"# pack-refs with:"),
    ),
    Reader("manifest", (valid.MANIFEST,), manifest.parse, _same(manifest.encode), MANIFEST_WORDS),
    Reader(
        "bundle header",
        (valid.BUNDLE_HEADER,),
        bundleheader.parse,
        _header_holds,
        (b"# v3 git bundle\n", b"@filter=x\n", b"-" + A.encode() + b"\n", b" HEAD\n", b"\n\n"),
    ),
    Reader("delta", valid.DELTAS, _delta, _delta_holds, (b"\xff" * 7, b"\x80\x80\x80", b"\0")),
    Reader("front of a pack", valid.PACK_FRONTS, _pack_front, _pack_front_holds),
    Reader("bundle pack", (valid.BUNDLE_PACK,), _pack_head, words=(b"PACK\0\0\0\2", b"\xff" * 9)),
    Reader("volumes", (valid.VOLUMES,), volumes.parse, _same(volumes.encode), (b"../", b".001")),
    Reader(
        "peer",
        (valid.PEER,),
        peerstate.decode,
        _again(peerstate.encode, peerstate.decode),
        JSON_WORDS,
    ),
    Reader(
        "ref names",
        (b"refs/heads/proposals/zoe.desk/x-1", b"refs/heads/approvals/zoe/x", b"common@7"),
        _names,
        _names_holds,
        (b"@", b"..", b"/", b".lock", b"refs/heads/"),
    ),
    Reader(
        "glob",
        (b"plans/**/*.md\0plans/a/b.md", b"*a*a*a*a*b\0" + b"a" * 40),
        _glob,
        words=(b"**/", b"*", b"?", b"[a-z]", b"[!", b"\0"),
    ),
)


def read(reader: Reader, data: bytes) -> bool:
    """Whether ``data`` was taken. Anything but a value or an error of our own is let through."""
    try:
        value = reader.read(data)
    except GitsyncError as error:
        if not error.code or not str(error):
            raise AssertionError("an error that says nothing") from error
        return False
    reader.holds(data, value)
    return True
