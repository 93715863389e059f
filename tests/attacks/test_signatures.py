"""A signature counts if it is somebody's on the roster, in its one spelling, at its position."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gitsync.codec.gitobjects import encode_commit
from gitsync.codec.sshsig import encode, parse
from tests.attacks.kit import key_line, refused
from tests.attacks.stock import stock_takes
from tests.integration.ledgerkit import Hand, check, git, policy_edit, step

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


def test_a_proposal_on_somebody_else_s_ref_is_refused(ledger, hand):
    oid = hand.change("carol", {"a.md": b"a\n"})
    assert refused(ledger, hand, oid) == "proposal.not-yours"


# -- by stock git -----------------------------------------------------------------------------


def test_backdated_commit_with_a_retired_key(ledger, hand, stock):
    """A key that was taken off the roster signs nothing more, whatever date the commit bears.

    Stock git judges by the date: with the day of retirement in its file it is content.
    """
    carol = stock("carol")
    roster = hand.read(".gitsync/allowed_signers").splitlines(keepends=True)
    kept = "".join(line for line in roster if not line.startswith("carol ")) + "\n"
    new = kept + key_line(hand, "carol", "carol-new")
    files = {".gitsync/policy.yaml": policy_edit(hand), ".gitsync/allowed_signers": new.encode()}
    hand.propose("alice/rotate", hand.change("alice", files))
    ledger.witness()
    assert hand.rule("alice/rotate") == "ledger.accepted"
    ledger.clock.tick(30 * 86_400)

    before = hand.now - 60 * 86_400
    carol.change({"a.md": b"a\n"}, date=before)
    old = carol.propose("carol/old")
    retired = key_line(hand, "carol", "carol").replace(
        'namespaces="git"', 'namespaces="git",valid-before="20260101Z"'
    )
    assert stock_takes(carol, "HEAD", retired), "stock git accepts it"
    carol.change({"b.md": b"b\n"}, date=before, at="common@1")
    carol.propose("carol/older")
    ledger.witness()
    assert hand.rule("carol/old") == hand.rule("carol/older") == "signature.unknown-key"
    assert hand.number() == 2
    assert check(ledger, "james").number == 2
    assert old not in hand.refs().values() or hand.receipt("carol/old").outcome == "refused"


def test_refs_replace(ledger, hand, stock):
    """What an object's id names is what is judged and shown; a replacement has no say."""
    mallory = stock("mallory")
    bad = mallory.change({"a.md": b"evil\n"})
    good = stock("james").change({"a.md": b"harmless\n"})
    for clone in (ledger.hub, ledger.folder("alice"), ledger.folder("carol")):
        git(clone, "fetch", "-q", str(mallory.folder), bad)
        git(clone, "fetch", "-q", str(next(ledger.root.glob("stock-james-*"))), good)
        git(clone, "replace", bad, good)
    mallory.propose("james/x", bad)
    assert stock_takes(ledger.hub, bad, hand.read(".gitsync/allowed_signers")), "so says stock git"
    shown = ledger.cli("carol", "approve", "james/x", "--yes")
    assert "harmless" not in shown.out
    ledger.witness()
    assert hand.rule("james/x") == "signature.unknown-key"
    assert check(ledger).number == 1

    fine = stock("james").change({"notes/a.md": b"evil text\n"})
    blob = git(ledger.hub, "hash-object", "-w", "--stdin", stdin=b"harmless text\n")
    james = next(one for one in sorted(ledger.root.glob("stock-james-*"))[::-1])
    git(james, "push", "-q", "origin", f"{fine}:refs/heads/proposals/james/y")
    step(ledger, "carol")
    evil = git(james, "rev-parse", f"{fine}:notes/a.md")
    git(ledger.folder("carol"), "fetch", "-q", "origin", "refs/heads/proposals/james/y")
    git(ledger.folder("carol"), "hash-object", "-w", "--stdin", stdin=b"harmless text\n")
    git(ledger.folder("carol"), "replace", evil, blob)
    shown = ledger.cli("carol", "approve", "james/y", "--yes")
    assert "evil text" in shown.out, "what is signed is what was shown"
    assert "harmless" not in shown.out


def test_signature_malleation(ledger, hand, stock):
    """One signature, one spelling: else one signed commit could have many ids.

    Stock git and ssh-keygen take most of these; ``git hash-object --literally`` stores all.
    """
    james = stock("james")
    good = git(james.folder, "cat-file", "commit", james.change({"a.md": b"a\n"})).encode() + b"\n"
    head, _, rest = good.partition(b"gpgsig ")
    armour, _, message = rest.partition(b"\n\n")
    plain = armour.replace(b"\n ", b"\n")
    folded = lambda text: text.replace(b"\n", b"\n ")  # noqa: E731
    sha256 = b"gpgsig-sha256 " + armour
    cases = {
        "s-plus-l": head + b"gpgsig " + folded(_plus_order(plain)) + b"\n\n" + message,
        "line-width": head + b"gpgsig " + folded(_wider(plain)) + b"\n\n" + message,
        "after-end": head + b"gpgsig " + armour + b"\n more\n\n" + message,
        "second": head + b"gpgsig " + armour + b"\ngpgsig " + armour + b"\n\n" + message,
        "sha256": head + sha256 + b"\ngpgsig " + armour + b"\n\n" + message,
        "header": head + b"x-more y\ngpgsig " + armour + b"\n\n" + message,
    }
    for name, data in cases.items():
        james.propose(f"james/{name}", james.raw("commit", data))
    ledger.witness()
    assert {name: hand.rule(f"james/{name}") for name in cases} == {
        "s-plus-l": "signature.malleable", "line-width": "signature.armour",
        "after-end": "signature.armour", "second": "commit.malformed",
        "sha256": "commit.malformed", "header": "commit.malformed",
    }  # fmt: skip
    assert hand.number() == 1


def test_unauthorised_ancestor_below_an_authorised_tip(ledger, hand, stock):
    """Everything that a proposal brings in is signed by somebody on the roster."""
    james = stock("james")
    james.start()
    mallory = ("-c", f"user.signingkey={ledger.key('mallory')}")
    (james.folder / "a.md").write_text("a\n")
    james.git("add", "-A")
    james.git(*mallory, "commit", "-q", "-m", "not james's")
    james.commit({"b.md": b"b\n"})
    assert stock_takes(james, "HEAD", hand.read(".gitsync/allowed_signers")), "the tip is fine"
    assert refused(ledger, hand, james.propose("james/x")) == "signature.unknown-key"


def test_unsigned_or_refused_commits_below_a_signed_tip(ledger, hand, stock):
    """Also what a later commit removes has been brought in: it is judged like the rest."""
    james = stock("james")
    james.change({"a.md": b"a\n"}, "unsigned", "--no-gpg-sign")
    james.commit({"b.md": b"b\n"})
    assert refused(ledger, hand, james.propose("james/unsigned"), "james/unsigned") == (
        "signature.missing"
    )
    james.change({"big.md": b"x" * (1 << 20) + b"\n"}, "a blob is added")
    james.commit({"big.md": None}, "and removed")
    assert refused(ledger, hand, james.propose("james/big"), "james/big") == "limit.file-bytes"
    james.change({".github/workflows/x.yml": b"on: push\n"}, "refused by itself")
    james.commit({".github/workflows/x.yml": None}, "and removed")
    assert refused(ledger, hand, james.propose("james/ci"), "james/ci") == "policy.denied-path"


def test_missing_roster_or_revocation_file(ledger, hand, stock):
    """Without a roster nobody's signature counts: not everybody's."""
    alice = stock("alice")
    policy = policy_edit(hand)
    alice.change({".gitsync/policy.yaml": policy, ".gitsync/allowed_signers": None})
    alice.propose("alice/gone")
    alice.change({".gitsync/policy.yaml": policy, ".gitsync/allowed_signers": b"# nobody\n"})
    alice.propose("alice/empty")
    ledger.witness()
    assert hand.rule("alice/gone") == hand.rule("alice/empty") == "roster.empty"
    assert hand.number() == 1
    # A file that git is told to look into, and that is not there, changes nothing for us.
    for who in ("alice", "carol"):
        folder = ledger.folder(who)
        git(folder, "config", "gpg.ssh.revocationFile", str(ledger.root / "no-such-file"))
        git(folder, "config", "gpg.ssh.allowedSignersFile", str(ledger.root / "no-such-file"))
        (folder / ".gitsync" / "allowed_signers").unlink()
    stranger = stock("mallory")
    stranger.change({"a.md": b"a\n"})
    assert refused(ledger, hand, stranger.propose("mallory/x"), "mallory/x") == (
        "signature.unknown-key"
    )
