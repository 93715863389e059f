"""A signature counts if it is somebody's on the roster, in its one spelling, at its position."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gitsync.codec.gitobjects import encode_commit
from gitsync.codec.sshsig import encode, parse
from tests.attacks.kit import (
    refused,
)
from tests.integration.ledgerkit import Hand, git

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitsync.domain.objects import Oid


ORDER = 2**252 + 27742317777372353535851937790883648493


def test_an_unsigned_proposal_is_refused(ledger, hand):
    assert refused(ledger, hand, hand.change(None, {"a.md": b"a\n"})) == "signature.missing"


def test_a_stranger_s_key_is_refused(ledger, hand):
    assert (
        refused(ledger, hand, hand.change("mallory", {"a.md": b"a\n"})) == "signature.unknown-key"
    )


def _signed(hand: Hand, alter: Callable[[bytes], bytes]) -> Oid:
    """James's commit with its signature's text altered."""
    good = hand.facts.commit(hand.change("james", {"a.md": b"a\n"}))
    return hand.facts.store.write(
        "commit", encode_commit(replace(good, signature=alter(good.signature)))
    )


def _plus_order(armoured: bytes) -> bytes:
    sig = parse(armoured)
    second = int.from_bytes(sig.signature[32:], "little") + ORDER
    return encode(replace(sig, signature=sig.signature[:32] + second.to_bytes(32, "little")))


def _wider(armoured: bytes) -> bytes:
    begin, *lines, end = armoured.split(b"\n")
    body = b"".join(lines)
    return b"\n".join([begin, *(body[at : at + 76] for at in range(0, len(body), 76)), end])


@pytest.mark.parametrize(
    ("alter", "rule"),
    [
        (_plus_order, "signature.malleable"),
        (_wider, "signature.armour"),
        (lambda armour: armour + b"\nmore", "signature.armour"),
        (lambda armour: armour.replace(b"AAA", b"AAB", 1), "signature.blob"),
        (lambda _armour: b"-----BEGIN PGP SIGNATURE-----\n\nx", "signature.armour"),
    ],
    ids=["s-plus-l", "line-width", "text-after-end", "flipped", "pgp"],
)
def test_a_second_spelling_of_a_signature_is_refused(ledger, hand, alter, rule):
    assert refused(ledger, hand, _signed(hand, alter)) == rule


@pytest.mark.parametrize("header", [b"gpgsig", b"gpgsig-sha256"])
def test_a_second_signature_header_is_refused(ledger, hand, header):
    data = encode_commit(hand.facts.commit(hand.change("mallory", {"a.md": b"a\n"})))
    good = hand.facts.commit(hand.change("james", {"a.md": b"a\n"}))
    extra = header + b" " + good.signature.replace(b"\n", b"\n ") + b"\n"
    at = data.index(b"gpgsig ")
    oid = hand.facts.store.write("commit", data[:at] + extra + data[at:])
    assert refused(ledger, hand, oid) == "commit.malformed"


def test_a_signature_of_another_commit_is_refused(ledger, hand):
    good = hand.facts.commit(hand.change("james", {"a.md": b"a\n"}))
    bad = replace(good, tree=hand.tree({"a.md": b"evil\n"}))
    oid = hand.facts.store.write("commit", encode_commit(bad))
    assert refused(ledger, hand, oid) == "signature.bad"


def test_a_header_of_half_a_million_lines_costs_no_minutes(ledger, hand):
    good = hand.facts.commit(hand.change("james", {"a.md": b"a\n"}))
    oid = hand.facts.store.write("commit", encode_commit(replace(good, signature=b"\n" * 500_000)))
    began = time.monotonic()
    assert refused(ledger, hand, oid).startswith("signature.")
    assert time.monotonic() - began < 10


def test_an_unauthorised_ancestor_below_an_authorised_tip_is_refused(ledger, hand):
    below = hand.change("mallory", {"a.md": b"a\n"})
    assert refused(ledger, hand, hand.change("james", {"b.md": b"b\n"}, below)) == (
        "signature.unknown-key"
    )


def test_an_unsigned_ancestor_below_an_authorised_tip_is_refused(ledger, hand):
    below = hand.change(None, {"a.md": b"a\n"})
    assert refused(ledger, hand, hand.change("james", {"b.md": b"b\n"}, below)) == (
        "signature.missing"
    )


def test_a_proposal_on_somebody_else_s_ref_is_refused(ledger, hand):
    oid = hand.change("carol", {"a.md": b"a\n"})
    assert refused(ledger, hand, oid) == "proposal.not-yours"


def test_replace_refs_are_not_followed(ledger, hand):
    bad = hand.change("mallory", {"a.md": b"a\n"})
    good = hand.change("james", {"a.md": b"a\n"})
    hand.put(f"refs/replace/{bad}", good)
    git(ledger.folder("alice"), "fetch", "-q", str(ledger.hub), f"{good}:refs/replace/{bad}",
        check=False)  # fmt: skip
    assert refused(ledger, hand, bad) == "signature.unknown-key"
