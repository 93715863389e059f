"""The ledgers that simulated worlds begin with: one for each treatment of unanswered requests.

Keys, texts and dates are fixed, so all worlds of one kind share their first objects. They are made
once a process: signing is cheap, reading a policy is not.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from nacl.bindings import crypto_sign_seed_keypair

from gitsync.codec import allowed_signers, presets
from gitsync.codec.records import snapshot_message
from gitsync.codec.sshkeys import from_ed25519_bytes
from gitsync.domain.ledger.snapshot import machine_identity
from gitsync.domain.names import LOCKS_REF, position_tag
from gitsync.domain.objects import MODE_FILE, Commit, Oid
from gitsync.domain.records import SnapshotRecord
from gitsync.domain.treeedit import edit_tree
from gitsync.services.deciding import sign_commit
from gitsync.services.locksref import first_locks
from gitsync.services.tagging import make_tag
from gitsync.storage.facts import StoreFacts
from gitsync.storage.objects import MemoryObjects
from gitsync.storage.signing import Ed25519Signer

if TYPE_CHECKING:
    from gitsync.codec.settings import LedgerSettings
    from gitsync.domain.objects import Entry
    from gitsync.storage.objects import ObjectStore

START = 1_767_225_600  # 2026-01-01T00:00:00Z
PEOPLE = ("alice", "james", "carol", "mallory")
NOTARY, DEPUTY = "notary", "deputy"

#: The lease rules of every world, in seconds; the checker has its own copy of what they mean.
GRACE, CREDIT, ANSWER = 600, 3600, 1800
UNANSWERED = ("wait", "allow", "deny", "escalate")
BREAKER, ESCALATED = "carol", "alice"

SECTIONS = 6
#: path -> id; ``b`` lies below ``a``.
FILES = {
    "plans/a.md": "plan-aaaaaa",
    "plans/b.md": "plan-bbbbbb",
    "plans/c.md": "plan-cccccc",
}
#: What each subject covers: known here by heart, so that the checker need not ask the product.
COVERS = {
    "tree:plan-aaaaaa": frozenset({"plans/a.md", "plans/b.md"}),
    "ids:plan-bbbbbb": frozenset({"plans/b.md"}),
    "ids:plan-cccccc": frozenset({"plans/c.md"}),
    "path:plans/c.md": frozenset({"plans/c.md"}),
}

_POLICY = """version: {version}
space: common
home: "."
merge: 2
roles:
  root: {{people: [alice]}}
  witness: {{people: [{witness}]}}
  breaker: {{people: [{breaker}]}}
leases:
  grace: {grace}
  credit: {credit}
  answer: {answer}
  unanswered: {unanswered}
  escalate-to: [{escalated}]
  breakers: breaker
"""


@cache
def signer(name: str) -> Ed25519Signer:
    """The key of one person or witness."""
    seed = hashlib.sha256(f"a worthless simulated key: {name}".encode()).digest()
    return Ed25519Signer(seed, from_ed25519_bytes(crypto_sign_seed_keypair(seed)[0], name))


def policy_text(unanswered: str, version: int, witness: str) -> bytes:
    """The policy file of a world."""
    return _POLICY.format(
        version=version, witness=witness, breaker=BREAKER, grace=GRACE, credit=CREDIT,
        answer=ANSWER, unanswered=unanswered, escalated=ESCALATED,
    ).encode()  # fmt: skip


def _plan(path: str) -> bytes:
    ident = FILES[path]
    parent = "parent: plan-aaaaaa\n" if path == "plans/b.md" else ""
    head = f"---\nid: {ident}\ntype: plan\ntitle: A plan\nstatus: draft\n{parent}---\n"
    body = "".join(f"\n## Section {number}\n\nnothing yet\n" for number in range(SECTIONS))
    return (head + body).encode()


@dataclass(frozen=True)
class Genesis:
    """One ledger at its first snapshot: its objects, its refs, and what its settings mean, by
    folder: those of the beginning, and those after the deputy has become the witness."""

    unanswered: str
    anchor: Oid
    objects: dict[Oid, tuple[str, bytes]]
    refs: dict[str, Oid]
    settings: dict[Oid, LedgerSettings]

    def facts(self, store: ObjectStore) -> StoreFacts:
        """Facts over a store, which know what the settings of this ledger mean."""
        facts = StoreFacts(store)
        for key, value in self.settings.items():
            facts._settings.put(key, value)
        return facts

    def store(self) -> MemoryObjects:
        """A store that holds the first objects."""
        store = MemoryObjects()
        store._objects.update(self.objects)
        return store


@cache
def genesis(unanswered: str) -> Genesis:
    """The ledger whose policy treats unanswered requests like that."""
    store = MemoryObjects()
    facts = StoreFacts(store)
    roster = b""
    for name in (*PEOPLE, NOTARY, DEPUTY):
        roster = allowed_signers.add_line(roster, (name,), signer(name).public_key)
    files = {
        ".gitsync/policy.yaml": policy_text(unanswered, 1, NOTARY),
        ".gitsync/schema.yaml": presets.load("plans").schema,
        ".gitsync/allowed_signers": roster,
        **{path: _plan(path) for path in FILES},
    }
    entries = {path.encode(): _entry(facts, data) for path, data in files.items()}
    tree = edit_tree(facts, None, entries)
    after = edit_tree(
        facts, tree,
        {b".gitsync/policy.yaml": _entry(facts, policy_text(unanswered, 2, DEPUTY))},
    )  # fmt: skip
    who = machine_identity("alice", START)
    message = snapshot_message(SnapshotRecord("common", 1, None, 2), "founded by alice")
    anchor = sign_commit(facts, signer("alice"), Commit(tree, (), who, who, message))
    tag = make_tag(
        facts, signer("alice"), "alice",
        space="common", number=1, target=anchor, ledger=anchor, now=START,
    )  # fmt: skip
    locks = sign_commit(facts, signer("alice"), first_locks(facts, "alice", anchor, START))
    settings = {
        Oid(facts.tree(one)[b".gitsync"][1].hex()): facts.settings(one) for one in (tree, after)
    }
    refs = {"refs/heads/common": anchor, position_tag("common", 1): tag, LOCKS_REF: locks}
    return Genesis(unanswered, anchor, dict(store._objects), refs, settings)


def _entry(facts: StoreFacts, data: bytes) -> Entry:
    return MODE_FILE, bytes.fromhex(facts.put_blob(data))
