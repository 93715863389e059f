"""Valid files of every format, made of fixed keys: what damage begins with."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace

from nacl.bindings import crypto_sign, crypto_sign_seed_keypair

from gitsync.codec import (
    allowed_signers,
    bundleheader,
    gitobjects,
    leasefiles,
    manifest,
    packhead,
    peerstate,
    presets,
    receipts,
    records,
    sshkeys,
    sshsig,
    volumes,
)
from gitsync.codec.pack import PackBuilder
from gitsync.codec.volumes import Volume
from gitsync.domain import names
from gitsync.domain.carrying import Ack, Change, Holding, Manifest, Peer, Sent
from gitsync.domain.leases.values import Answer, Lease, Request
from gitsync.domain.objects import Commit, Oid, Signature, Tag
from gitsync.domain.records import CommitRecord, Endorsement, Receipt, SnapshotRecord
from gitsync.domain.roster import Roster, RosterEntry
from gitsync.services import evidence


def _key(name: str) -> tuple[bytes, bytes]:
    seed = hashlib.sha256(name.encode()).digest()
    public, secret = crypto_sign_seed_keypair(seed)
    return public, secret


def _sign(message: bytes, name: str = "one") -> bytes:
    public, secret = _key(name)
    signature = crypto_sign(sshsig.signed_data(message), secret)[:64]
    blob = sshkeys.from_ed25519_bytes(public).blob
    return sshsig.encode(sshsig.SshSig(blob, "git", "sha512", "ssh-ed25519", signature))


A, B, C = Oid("a1" * 20), Oid("b2" * 20), Oid("0c" * 20)
WHO = Signature("Zoë O'Neill".encode(), b"zoe@example.invalid", 1_767_225_600, b"-0330")
MESSAGE = records.write_commit_record(
    "Change a plan\n\nbody",
    CommitRecord("proposal", A, "refs/heads/proposals/zoe/x", B, None, (A, B), (C,), (3, 9)),
)
RECORD = SnapshotRecord(
    "common",
    7,
    A,
    1,
    B,
    names.ProposalName("zoe.desk", "x-1"),
    (Endorsement("carol", C),),
    (3,),
    A,
    B,
)
SNAPSHOT = records.snapshot_message(RECORD, "Change a plan")
PLAIN = Commit(A, (B, C), WHO, WHO, MESSAGE)
SIGNED = Commit(
    A,
    (B,),
    WHO,
    WHO,
    SNAPSHOT,
    _sign(b"x"),
    ((b"encoding", b"latin-1"), (b"mergetag", b"object " + B.encode() + b"\ntype commit")),
)
LIGHT_TAG = Tag(A, "commit", b"common@7", WHO, b"common@7\n\nGitsync-Ledger: " + B.encode() + b"\n")


def _tag(target: Oid) -> Tag:
    made = Tag(target, "commit", LIGHT_TAG.name, WHO, LIGHT_TAG.message)
    return Tag(
        *(getattr(made, one) for one in ("target", "target_kind", "name", "tagger", "message")),
        _sign(gitobjects.tag_payload(made)),
    )


TREE = gitobjects.encode_tree(
    {
        b"a.md": (b"100644", bytes(20)),
        b"a": (b"40000", b"\n" * 20),
        b"a-b": (b"100755", b" " * 20),
        "é.md".encode(): (b"120000", b"0" * 20),
        b"sub": (b"160000", bytes(range(20))),
    }
)
ED25519 = sshkeys.from_ed25519_bytes(_key("one")[0], "zoe@desk")
SK = sshkeys.parse_fields(
    sshkeys.SK_ED25519,
    base64.b64encode(
        b"".join(
            len(one).to_bytes(4, "big") + one
            for one in (sshkeys.SK_ED25519.encode(), _key("two")[0], b"ssh:")
        )
    ).decode(),
)
RSA = (
    b"ssh-rsa "
    + base64.b64encode(
        b"\0\0\0\x07ssh-rsa\0\0\0\x03\x01\0\x01\0\0\x01\x01\0" + b"\xc1" + bytes(254) + b"\x01"
    )
    + b" old key"
)
ROSTER = allowed_signers.encode(
    Roster([RosterEntry(("zoe", "zoe.desk"), ED25519), RosterEntry(("carol",), SK)])
)
PRESET = presets.load("plans")
POLICY = presets.policy_text(space="common", home="../hub.git", founder="zoe", witness="zoe")
SCHEMA = PRESET.schema
FRONT = b"""---
id: plan-bbbbbb
type: plan
title: "A: plan"
status: draft
owner: zoe
links:
  - a
  - "b"
tags: [x, 'y']
note: |
  text
---

body
"""
RECEIPT = Receipt(
    "refused",
    "common",
    A,
    B,
    "refs/heads/proposals/zoe/x",
    6,
    "merge.conflict",
    "it conflicts",
    1_767_225_600,
    mend=("gitsync pull", "gitsync propose"),
)
ACCEPTED = Receipt(
    "accepted",
    "common",
    A,
    B,
    "refs/heads/proposals/zoe/x",
    6,
    "ledger.accepted",
    "it is common@7",
    1_767_225_600,
    7,
    C,
)
POSITION = json.dumps(
    {
        "anchor": A,
        "space": "common",
        "number": 7,
        "commit": B,
        "tag": C,
        "receipts": None,
        "locks": A,
        "seen": 1_767_225_600,
    },
    indent=1,
).encode()
PACKED = (
    b"# pack-refs with: peeled fully-peeled sorted \n"
    + A.encode()
    + b" refs/heads/common\n"
    + B.encode()
    + b" refs/tags/common@1\n^"
    + C.encode()
    + b"\n"
)
EVIDENCE = json.dumps(
    {
        "schema": evidence.SCHEMA,
        "kind": "fork",
        "position": "common@7",
        "tags": [base64.b64encode(gitobjects.encode_tag(_tag(one))).decode() for one in (A, B)],
    }
).encode()
COMMITS = (gitobjects.encode_commit(PLAIN), gitobjects.encode_commit(SIGNED))
TAGS = (gitobjects.encode_tag(LIGHT_TAG), gitobjects.encode_tag(_tag(A)))
KEYS = (sshkeys.encode_public(ED25519), sshkeys.encode_public(SK), RSA)
PRIVATE = sshkeys.encode_private(hashlib.sha256(b"one").digest(), ED25519, 7)
LEASE = Lease(
    7, "alice.desk", "0" * 31 + "1", ("ids:plan-bbbbbb", "path:a/**"), ("/a/b.txt", "plan-bbbbbb"),
    3, 7200, 900, "a note", "wait", ("carol",), taken=1_767_225_600,
)  # fmt: skip
LEASES = tuple(
    leasefiles.encode_lease(one)
    for one in (LEASE, replace(LEASE, released=True, note="", escalate=()))
)
_ASKED = Request(7, Oid(A), "refs/heads/proposals/carol/x", "carol", 2, 60)
REQUESTS = tuple(
    leasefiles.encode_request(one)
    for one in (_ASKED, replace(_ASKED, answer=Answer("wait", "alice", 1_767_225_600, "later")))
)
#: Token, stamp and beats of the locks ref, with a zero byte between them.
COUNTERS = (b"7\n\x003\n1767225600\n\x007 2 60\n", b"0\n\x001\n\x00")
RECEIPTS = (receipts.encode(RECEIPT), receipts.encode(ACCEPTED))
#: A signature, two zero bytes, and the message that it signs.
SIGNATURES = tuple(_sign(text, who) + b"\0\0" + text for text in (b"", b"text\n") for who in "ab")

MANIFEST = manifest.encode(
    Manifest(
        ledger=A, space="common", sender="zoe", recipient="carol", sequence=4, basis=3, number=7,
        common=B, at=1_767_225_600, needs=(A,), vector=(("common", 7), ("zoe", 3)),
        acks=(Ack("carol", 2, B, ("refs/tags/zoe@1",)),),
        changes=(
            Change("refs/heads/common", B, A), Change("refs/heads/proposals/zoe/x", None, A),
            Change("refs/tags/common@7", B, None),
        ),
    )
)  # fmt: skip
BUNDLE_HEADER = bundleheader.encode((A,), {"HEAD": B, "refs/heads/common": B})
BUNDLE_PACK = packhead.encode_header(3) + b"".join(
    packhead.encode_object(kind, data)
    for kind, data in (("commit", COMMITS[0]), ("tree", TREE), ("blob", MANIFEST))
)


def _front() -> bytes:
    builder = PackBuilder()
    last = None
    for kind, data in (*(("commit", one) for one in COMMITS), *(("tag", one) for one in TAGS)):
        last = builder.add(kind, data, base=last)
    return builder.finish().pack


PACK_FRONTS = (BUNDLE_PACK, _front())
DELTA_BASE = COMMITS[0]
DELTAS = (b"\x0a\x05\x90\x05", bytes([len(DELTA_BASE) & 0x7F | 0x80, len(DELTA_BASE) >> 7])
          + b"\x05\x90\x03\x02hi")  # fmt: skip
VOLUMES = volumes.encode(
    (Volume("a.bundle.001", 4096, "0" * 64), Volume("a.bundle.002", 9, "f" * 64))
)
PEER = peerstate.encode(
    Peer("zoe", 7, Sent(3, A, Holding(2, {"refs/heads/common": A})), (), Ack("zoe", 5, B), None)
)
