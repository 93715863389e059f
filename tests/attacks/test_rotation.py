"""Rotation of keys and thresholds of ``root``: the cases that TUF's clients are tested with.

TUF's root metadata is our policy (roles, thresholds) with our roster (keys); its signatures are a
proposal and its approvals. A key of TUF is a person's key here, and a threshold counts people. As
TUF's client begins with the first root, somebody proves all of it from ``common@1`` on in the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gitsync.codec.sshkeys import encode_public
from tests.attacks.kit import outcome
from tests.integration.ledgerkit import check, policy_edit


@dataclass(frozen=True)
class Root:
    """The next rules: who is ``root`` with which key (``p1``: person p with key number 1), the
    threshold, which keys sign, and the rule that refuses it (None: it lands)."""

    keys: str
    threshold: int
    signed: str
    refused: str | None = None
    version: int | None = None


MISSING = "approval.missing"
ROTATIONS = {
    "1 of 1": (Root("b1", 1, "a1 b1"), Root("b1", 1, "b1")),
    "1 of 1, more signatures than needed": (
        Root("b1", 1, "c1 a1 b1 d1"), Root("b1", 1, "c1 b1 d1"),
    ),
    "1 of 1, not the old key": (Root("b1", 1, "b1 c1 d1", MISSING),),
    "1 of 1, not the new key": (Root("b1", 1, "a1 c1 d1", MISSING),),
    "3 of 5, any three": (
        Root("a1 b1 c1 d1 e1", 3, "a1 c1 e1"), Root("a1 b1 c1 d1 e1", 3, "a1 e1 b1"),
        Root("a1 b1 c1 d1 e1", 3, "d1 b1 e1"),
    ),
    "3 of 5, one replaced": (
        Root("a1 b1 c1 d1 e1", 3, "a1 c1 e1"), Root("a1 b1 d1 e1 f1", 3, "a1 e1 b1"),
    ),
    "3 of 5, one replaced, two of the new": (
        Root("a1 b1 c1 d1 e1", 3, "a1 c1 e1"), Root("a1 b1 d1 e1 f1", 3, "a1 c1 e1", MISSING),
    ),
    "3 of 5, one replaced, two of the old": (
        Root("a1 b1 c1 d1 e1", 3, "a1 c1 e1"), Root("a1 b1 d1 e1 f1", 3, "a1 e1 f1", MISSING),
    ),
    "3 of 5, all replaced, by the old and the new": (
        Root("a1 b1 c1 d1 e1", 3, "a1 c1 e1"), Root("f1 g1 h1 i1 j1", 3, "a1 c1 e1 f1 g1 h1"),
        Root("f1 g1 h1 i1 j1", 3, "f1 g1 h1"),
    ),
    "3 of 5, all replaced, a step left out": (
        Root("a1 b1 c1 d1 e1", 3, "a1 c1 e1"), Root("f1 g1 h1 i1 j1", 3, "f1 g1 h1", MISSING),
    ),
    "the threshold rises": (
        Root("a1 b1 c1", 1, "a1"), Root("a1 b1 c1", 2, "a1 b1"), Root("a1 b1 c1", 2, "b1", MISSING),
    ),
    "the threshold rises, by too few": (
        Root("a1 b1 c1", 1, "a1"), Root("a1 b1 c1", 2, "b1", MISSING),
    ),
    "the threshold falls": (
        Root("a1 b1 c1", 2, "a1 b1"), Root("a1 b1 c1", 1, "a1 b1"), Root("a1 b1 c1", 1, "c1"),
    ),
    "the threshold falls, by too few": (
        Root("a1 b1 c1", 2, "a1 b1"), Root("a1 b1 c1", 1, "a1", MISSING),
    ),
    "the threshold rises with the people": (Root("a1 b1", 2, "a1 b1"),),
    "the threshold rises beyond the people": (Root("a1 b1", 3, "a1 b1", "policy.threshold"),),
    "a person's new key, the old one signs": (
        Root("a1 b1", 2, "a1 b1"), Root("a1 b2", 2, "a1 b1", MISSING),
    ),
    "a person's new key, the new one signs": (
        Root("a1 b1", 2, "a1 b1"), Root("a1 b2", 2, "a1 b2", MISSING),
    ),
    "a person's new key, both sign": (
        Root("a1 b1", 2, "a1 b1"), Root("a1 b2", 2, "a1 b1 b2"), Root("a1 b2", 2, "a1 b2"),
    ),
    "a removed key": (
        Root("a1 b1", 1, "a1"), Root("a1", 1, "a1"),
        Root("a1 b1", 1, "b1", "signature.unknown-key"),
    ),
    "a removed key, added again": (
        Root("a1 b1", 1, "a1"), Root("a1", 1, "a1"), Root("a1 b1", 1, "a1"), Root("a1 b1", 1, "b1"),
    ),
    "one person's two keys": (Root("a1 b1", 2, "a1 b1"), Root("a1 a2 b1", 2, "a1 a2", MISSING)),
    "one key under two names": (Root("a1 b=a1", 1, "a1", "roster.key-of-two-people"),),
    "a key listed twice": (Root("a1 b1 a=a1", 1, "a1", "roster.duplicate-key"),),
    "a version left out": (Root("a1 b1", 1, "a1", "policy.version", version=3),),
    "a version far ahead": (Root("a1 b1", 1, "a1", "policy.version", version=999_999_999),),
    "a version again": (
        Root("a1 b1", 1, "a1"), Root("a1 c1", 1, "a1", "policy.version", version=2),
    ),
    "a version taken back": (
        Root("a1 b1", 1, "a1"), Root("a1", 1, "a1", "policy.version", version=1),
    ),
}  # fmt: skip


class Rotation:
    """Changes of ``root`` on a ledger that ``a1`` (the founder, who is the witness too) began.

    All other people are on the roster from the first step on: being known is not being root.
    """

    def __init__(self, ledger, hand, stock) -> None:
        self.ledger, self.hand = ledger, hand
        self.stocks = {}
        self.stock = stock
        self.last = 0

    def person(self, key: str) -> str:
        return {"a": "alice"}.get(key[0], f"person-{key[0]}")

    def key_name(self, key: str) -> str:
        return "alice" if key == "a1" else f"rotation-{key}"

    def clone(self, key: str):
        if key not in self.stocks:
            self.stocks[key] = self.stock(self.person(key), self.key_name(key))
        return self.stocks[key]

    def roster(self, root: Root, before: str) -> bytes:
        listed = root.keys.split()
        # The witness stays known, whoever is root.
        others = [f"{one}1" for one in "abcdefghij" if not any(k[0] == one for k in listed)]
        removed = [one for one in others if one in before.split() and one != "a1"]
        lines = []
        for one in [*listed, *(one for one in others if one not in removed)]:
            name, _, key = one.rpartition("=")
            public = encode_public(self.hand.signer(self.key_name(key)).public_key).decode()
            lines.append(f'{self.person(name or key)} namespaces="git" {public}\n')
        return "".join(lines).encode()

    def land(self, root: Root, before: str) -> str:
        """Propose by the first signer, approve by the others; the witness's answer."""
        hand, self.last = self.hand, self.last + 1
        hand.reopen()
        text = policy_edit(hand).decode()
        people = sorted({self.person(one) for one in root.keys.split()})
        start = text.index("  root:")
        role = f"  root:\n    people: [{', '.join(people)}]\n    threshold: {root.threshold}\n"
        text = text[:start] + role + text[text.index("  witness:") :]
        if root.version is not None:
            head = "version: " + str(int(text.split("version:")[1].split()[0]))
            # The table counts from 1 at the founding; one step went to making everybody known.
            text = text.replace(head, f"version: {root.version + 1}", 1)
        files = {
            ".gitsync/policy.yaml": text.encode(),
            ".gitsync/allowed_signers": self.roster(root, before),
        }
        first, *others = root.signed.split()
        proposer = self.clone(first)
        proposal = proposer.change(files, f"Root {self.last}")
        name = f"{self.person(first)}/r{self.last}"
        proposer.propose(name)
        for key in others:
            one = self.clone(key)
            one.git("fetch", "-q", "origin", proposal)
            one.start(proposal)
            one.commit({}, f"Yes\n\nApproves: {proposal}")
            one.push("HEAD", f"refs/heads/approvals/{self.person(key)}/{key}-{self.last}")
        self.ledger.clock.tick()
        return outcome(self.ledger, hand, name)


@pytest.mark.parametrize("case", ROTATIONS)
def test_rotations_as_in_tuf(ledger, hand, stock, case):
    rotation, before, landed = Rotation(ledger, hand, stock), "a1", 1
    everybody = Root("a1", 1, "a1")
    assert rotation.land(everybody, before) == "accepted", "everybody gets known"
    for root in ROTATIONS[case]:
        found = rotation.land(root, before)
        assert found == (root.refused or "accepted")
        landed += found == "accepted"
        before = f"{before} {root.keys}"
    assert hand.number() == landed + 1
    assert check(ledger, "james").number == landed + 1


def test_rotation_lacks_the_old_or_the_new_threshold(ledger, hand, stock):
    """Old people by the old roster and new people by the new one must both agree; else it stays."""
    rotation = Rotation(ledger, hand, stock)
    assert rotation.land(Root("a1", 1, "a1"), "a1") == "accepted"
    assert rotation.land(Root("b1 c1", 2, "b1 c1"), "a1") == MISSING, "the old threshold"
    assert rotation.land(Root("b1 c1", 2, "a1 c1"), "a1") == MISSING, "the new threshold"
    assert rotation.land(Root("a1 b2", 2, "a1 b1"), "a1") == MISSING, "a key that goes"
    assert hand.number() == 2
    assert rotation.land(Root("b1 c1", 2, "a1 b1 c1"), "a1") == "accepted"
    assert rotation.land(Root("a1 b1", 1, "a1 b1"), "a1 b1 c1") == MISSING, "no longer root"
    assert hand.number() == 3
    check(ledger)
