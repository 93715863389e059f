"""The attacker's side of a ledger: objects made by hand and put on any ref of the hub.

A hub without protected branches takes whatever anybody pushes, so ``Hand`` writes to it directly.
The defender's side is the product: ``Ledger`` of conftest runs the witness and verifies.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.codec.gitobjects import (
    commit_payload,
    encode_commit,
    encode_tag,
    encode_tree,
    tag_payload,
)
from gitsync.codec.leaseacts import actor_of
from gitsync.codec.records import read_snapshot
from gitsync.domain.leases.acts import Acquire
from gitsync.domain.leases.subjects import parse_subject
from gitsync.domain.leases.values import Lease
from gitsync.domain.names import LOCKS_REF, ProposalName, receipts_ref
from gitsync.domain.objects import MODE_FILE, MODE_TREE, Commit, Oid, Signature, Tag
from gitsync.domain.treeedit import edit_tree
from gitsync.services.inspecting import VerifyOptions, verify
from gitsync.services.locksref import next_act
from gitsync.services.receiptbook import ReceiptBook
from gitsync.services.refview import local_view
from gitsync.storage.keys import find_key
from gitsync.storage.repository import Repository
from gitsync.storage.signing import Signer, open_signer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from gitsync.domain.leases.acts import Act
    from gitsync.domain.leases.values import Locks
    from gitsync.domain.objects import Entry
    from gitsync.domain.policy import Policy
    from gitsync.domain.records import Receipt
    from gitsync.services.inspecting import VerifyReport
    from tests.conftest import Ledger

PLAN = """---
id: {ident}
type: plan
title: {title}
status: {status}
owner: alice
---

{body}
"""


def plan(ident: str = "plan-bbbbbb", title: str = "A plan", status: str = "draft",
         body: str = "one\ntwo\nthree") -> bytes:  # fmt: skip
    """A plan of the preset as a file."""
    return PLAN.format(ident=ident, title=title, status=status, body=body).encode()


def git(folder: Path, *args: str, check: bool = True, stdin: bytes | None = None,
        **env: str) -> str:  # fmt: skip
    """Stock git, as somebody without any of our tools runs it."""
    done = subprocess.run(
        ["git", *args], cwd=folder, input=stdin, capture_output=True, check=False,
        env={**os.environ, **env},
    )  # fmt: skip
    if check and done.returncode != 0:
        raise AssertionError(f"git {' '.join(args)}: {done.stderr.decode()}")
    return done.stdout.decode("utf-8", "replace").strip()


@dataclass
class Hand:
    """Writes objects and refs of the hub (or of ``where``) as it pleases."""

    ledger: Ledger
    where: Path | None = None
    signers: dict[str, Signer] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.reopen()

    def reopen(self) -> None:
        """See what others have written meanwhile; nothing of ours is lost."""
        if hasattr(self, "repo"):
            self.repo.store.flush()
        self.repo = Repository.open(self.where or self.ledger.hub)
        self.facts = self.repo.facts

    @property
    def common(self) -> Oid:
        found = self.repo.refs.get("refs/heads/common")
        assert found is not None
        return found

    @property
    def now(self) -> int:
        return int(self.ledger.clock.seconds)

    def signer(self, who: str) -> Signer:
        if who not in self.signers:
            path = self.ledger.key(who)
            choice = find_key(str(path), lambda _key: None, os.environ, Path(os.environ["HOME"]))
            self.signers[who] = open_signer(choice, interactive=False)
        return self.signers[who]

    def snapshot(self, number: int) -> Oid:
        return Oid(git(self.repo.git_dir, "rev-parse", f"common@{number}^{{commit}}"))

    # -- objects ----------------------------------------------------------------------------

    def blob(self, data: bytes) -> Oid:
        return self.facts.store.write("blob", data)

    def raw_tree(self, *entries: tuple[bytes, bytes, str]) -> Oid:
        """A tree of (mode, name, id) exactly as given, in the order given."""
        data = b"".join(b"%s %s\0%s" % (m, n, bytes.fromhex(oid)) for m, n, oid in entries)
        return self.facts.store.write("tree", data)

    def tree(self, files: Mapping[str | bytes, bytes | tuple[bytes, str] | None],
             base: Oid | None = None) -> Oid:  # fmt: skip
        """The tree of ``base`` (default: common) with files set, or removed (None)."""
        edits: dict[bytes, Entry | None] = {}
        for path, content in files.items():
            raw = path.encode() if isinstance(path, str) else path
            if isinstance(content, bytes):
                edits[raw] = (MODE_FILE, bytes.fromhex(self.blob(content)))
            else:
                edits[raw] = content and (content[0], bytes.fromhex(content[1]))
        return edit_tree(self.facts, self.facts.commit(base or self.common).tree, edits)

    def with_entry(self, mode: bytes, name: bytes, oid: str, base: Oid | None = None) -> Oid:
        """The root tree of ``base`` with one more entry, whatever it is."""
        listing = dict(self.facts.tree(self.facts.commit(base or self.common).tree))
        listing[name] = (mode, bytes.fromhex(oid))
        return self.facts.store.write("tree", encode_tree(listing))

    def who(self, name: str, seconds: int | None = None) -> Signature:
        return Signature(name.encode(), f"{name}@example.invalid".encode(), seconds or self.now)

    def commit(self, who: str | None, tree: Oid, *parents: Oid, message: str = "A change",
               seconds: int | None = None, author: Signature | None = None) -> Oid:  # fmt: skip
        """A commit, signed by ``who`` (None: not signed), on ``parents`` (default: common)."""
        identity = self.who(who or "nobody", seconds)
        commit = Commit(tree, parents or (self.common,), author or identity, identity,
                        message.encode() + b"\n")  # fmt: skip
        return self.write(who, commit)

    def write(self, who: str | None, commit: Commit) -> Oid:
        """A given commit, signed."""
        if who is not None:
            commit = replace(commit, signature=self.signer(who).sign(commit_payload(commit)))
        return self.facts.store.write("commit", encode_commit(commit))

    def change(self, who: str | None, files: Mapping[str | bytes, bytes | None], *parents: Oid,
               message: str = "A change", seconds: int | None = None) -> Oid:  # fmt: skip
        """A commit that sets files on top of its first parent (default: common)."""
        base = parents[0] if parents else self.common
        return self.commit(who, self.tree(files, base), *parents, message=message, seconds=seconds)

    def tag(self, who: str | None, name: str, target: Oid, message: str = "",
            ledger: str | None = None) -> Oid:  # fmt: skip
        text = message or f"{name}\n\nGitsync-Ledger: {ledger or self.ledger.anchor}\n"
        tag = Tag(target, "commit", name.encode(), self.who(who or "nobody"), text.encode())
        if who is not None:
            tag = replace(tag, signature=self.signer(who).sign(tag_payload(tag)))
        return self.facts.store.write("tag", encode_tag(tag))

    # -- refs -------------------------------------------------------------------------------

    def put(self, ref: str, oid: Oid | None) -> None:
        """Set a ref of the hub, whatever it held; None deletes it."""
        self.repo.store.flush()
        args = ["-d", ref] if oid is None else [ref, oid]
        git(self.repo.git_dir, "update-ref", *args)

    def propose(self, name: str, oid: Oid) -> Oid:
        self.put(f"refs/heads/proposals/{name}", oid)
        return oid

    def approve(self, who: str, proposal: Oid, ref: str | None = None, key: str | None = None,
                **claims: str) -> Oid:  # fmt: skip
        """An approval by ``who`` on a ref of theirs (or on ``ref``)."""
        record = {"Approves": proposal, **{k.replace("_", "-"): v for k, v in claims.items()}}
        message = "Yes\n\n" + "\n".join(f"{name}: {value}" for name, value in record.items())
        tree = self.facts.commit(proposal).tree
        oid = self.commit(key or who, tree, proposal, message=message)
        self.put(ref or f"refs/heads/approvals/{who}/a{oid[:8]}", oid)
        return oid

    def withdraw(self, who: str, name: str, *gone: Oid) -> Oid:
        """A tombstone of ``who`` for the commits ``gone`` on the proposal ref ``name``."""
        lines = ["Gitsync-Kind: withdrawal", *(f"Gitsync-Withdraws: {oid}" for oid in gone)]
        tree = self.facts.commit(self.common).tree
        oid = self.commit(who, tree, message="Withdrawn\n\n" + "\n".join(lines))
        return self.propose(name, oid)

    # -- leases -----------------------------------------------------------------------------

    def locks(self) -> Locks:
        """What the locks ref of the hub holds."""
        self.reopen()
        return self.facts.locks(self.repo.refs.get(LOCKS_REF))

    def act(self, act: Act, who: str | None = None, rules: Policy | None = None) -> Oid:
        """Put an act on the locks ref, signed by ``who`` (default: whose act it is)."""
        self.reopen()
        tip = self.repo.refs.get(LOCKS_REF)
        policy = rules or self.facts.settings(self.facts.commit(self.common).tree).policy
        actor = who or (actor_of(act) or "alice")
        commit = next_act(self.facts, tip, act, policy, actor, Oid(self.ledger.anchor), self.now)
        oid = self.write(actor.partition(".")[0], commit)
        self.put(LOCKS_REF, oid)
        return oid

    def lease(self, holder: str, *subjects: str, members: tuple[str, ...] = (),
              seconds: int = 7200, **more: Any) -> Lease:  # fmt: skip
        """Take a lease for ``holder``, by the rules, and put it on the locks ref."""
        locks = self.locks()
        named = {one for text in subjects for one in parse_subject(text).ids}
        lease = Lease(
            token=locks.token + 1, holder=holder, nonce=os.urandom(16).hex(),
            subjects=tuple(sorted(subjects)), members=tuple(sorted({*named, *members})),
            seen=self.number(), seconds=seconds, grace=900, **more,
        )  # fmt: skip
        self.act(Acquire(lease))
        return lease

    # -- answers ----------------------------------------------------------------------------

    def book(self) -> ReceiptBook:
        self.reopen()
        return ReceiptBook(self.facts, self.repo.refs.get(receipts_ref("common")))

    def receipt(self, name: str) -> Receipt | None:
        """The newest answer under a proposal's name."""
        domain, _, slug = name.partition("/")
        return self.book().latest(ProposalName(domain, slug))

    def rule(self, name: str) -> str | None:
        """Its rule alone."""
        found = self.receipt(name)
        return found.rule if found else None

    def files(self, at: str = "common") -> dict[str, str]:
        """Path -> blob id of a tree on the hub."""
        out = git(self.repo.git_dir, "ls-tree", "-r", "-z", at)
        lines = [line for line in out.split("\0") if line]
        return {line.partition("\t")[2]: line.split()[2] for line in lines}

    def read(self, path: str, at: str = "common") -> str:
        return git(self.repo.git_dir, "show", f"{at}:{path}")

    def number(self) -> int:
        self.reopen()
        return read_snapshot(self.facts.commit(self.common).message).number

    def refs(self) -> dict[str, str]:
        """Every ref of the hub."""
        return {ref: str(oid) for ref, oid in self.repo.refs.list().items()}


def check(ledger: Ledger, who: str = "carol") -> VerifyReport:
    """Somebody else fetches and proves all of it, trusting no cache."""
    return verify(ledger.ws(who), VerifyOptions(full=True, no_cache=True, fetch=True))


def step(ledger: Ledger, who: str = "carol") -> VerifyReport:
    """Somebody else fetches and proves what is new to them."""
    return verify(ledger.ws(who), VerifyOptions(fetch=True))


def view_of(path: Path) -> tuple[Repository, object]:
    repo = Repository.open(path)
    return repo, local_view(repo, "common")


def policy_edit(hand: Hand, **changes: tuple[str, str]) -> bytes:
    """The policy file with its version raised and pieces of text exchanged."""
    text = hand.read(".gitsync/policy.yaml") + "\n"
    version = int(text.split("version:")[1].split()[0])
    text = text.replace(f"version: {version}", f"version: {version + 1}", 1)
    for old, new in changes.values():
        assert old in text, old
        text = text.replace(old, new)
    return text.encode()


__all__ = ["MODE_TREE", "Hand", "check", "git", "plan", "policy_edit", "step", "view_of"]
