"""Nothing that a proposer sends costs more than a bound that has a name."""

from __future__ import annotations

import time

import pytest

from gitsync.domain.objects import Signature
from tests.attacks.kit import (
    refused,
)
from tests.integration.ledgerkit import check, plan, policy_edit


def test_a_file_above_the_limit_is_refused_also_when_it_was_removed_again(ledger, hand):
    big = hand.change("james", {"big.md": b"x" * (1 << 20) + b"\n"})
    assert refused(ledger, hand, hand.change("james", {"big.md": None}, big)) == "limit.file-bytes"


def test_too_many_bytes_are_refused(ledger, hand):
    files = {f"f{n}.md": b"%d" % n + b"x" * 1_000_000 for n in range(9)}
    assert refused(ledger, hand, hand.change("james", files)) == "limit.proposal-bytes"


def test_messages_count_as_bytes(ledger, hand):
    tip = hand.common
    for n in range(10):
        tip = hand.change("james", {f"f{n}.md": b"x\n"}, tip, message="m" * 1_000_000)
    assert refused(ledger, hand, tip) == "limit.proposal-bytes"


def test_too_many_files_are_refused(ledger, hand):
    files = {f"d/f{n}.md": b"%d\n" % n for n in range(501)}
    assert refused(ledger, hand, hand.change("james", files)) == "limit.proposal-files"


def test_deletions_count_as_files(ledger, hand):
    for part in range(2):
        files = {f"d{part}/f{n}.md": b"x\n" for n in range(300)}
        hand.propose("james/x", hand.change("james", files))
        ledger.witness()
        hand.reopen()
    gone = {f"d{part}/f{n}.md": None for part in range(2) for n in range(300)}
    assert refused(ledger, hand, hand.change("james", gone), "james/gone") == "limit.proposal-files"


def test_too_many_commits_are_refused(ledger, hand):
    tip, tree = hand.common, hand.tree({"a.md": b"x\n"})
    for n in range(1001):
        tip = hand.commit("james", tree, tip, message=f"{n}")
    assert refused(ledger, hand, tip) == "limit.commits"


def test_a_few_objects_that_stand_for_billions_of_files_cost_nothing(ledger, hand):
    blob = hand.blob(b"x\n")
    tree = hand.raw_tree(*((b"100644", b"%02d" % n, blob) for n in range(30)))
    for _ in range(10):
        tree = hand.raw_tree(*((b"40000", b"%02d" % n, tree) for n in range(30)))
    oid = hand.commit("james", hand.with_entry(b"40000", b"bomb", tree))
    began = time.monotonic()
    assert refused(ledger, hand, oid) == "limit.proposal-files"
    assert time.monotonic() - began < 10


def test_the_same_bomb_in_a_merge_costs_nothing_either(ledger, hand):
    blob = hand.blob(b"x\n")
    tree = hand.raw_tree(*((b"100644", b"%02d" % n, blob) for n in range(30)))
    for _ in range(10):
        tree = hand.raw_tree(*((b"40000", b"%02d" % n, tree) for n in range(30)))
    side = hand.change("james", {"a.md": b"a\n"})
    oid = hand.commit("james", hand.with_entry(b"40000", b"bomb", tree), hand.common, side)
    began = time.monotonic()
    assert refused(ledger, hand, oid) == "limit.proposal-files"
    assert time.monotonic() - began < 10


def test_a_folder_inside_a_thousand_folders_is_refused(ledger, hand):
    tree = hand.raw_tree((b"100644", b"f", hand.blob(b"x\n")))
    for _ in range(1500):
        tree = hand.raw_tree((b"40000", b"d", tree))
    oid = hand.commit("james", hand.with_entry(b"40000", b"deep", tree))
    hand.repo.store.flush()
    assert refused(ledger, hand, oid) == "path.too-deep"


def test_merging_every_old_snapshot_one_by_one_is_no_quadratic_search(ledger, hand):
    count = 36
    for n in range(count):
        hand.propose(f"james/p{n}", hand.change("james", {f"f{n}.md": b"x\n"}))
    ledger.witness()
    hand.reopen()
    tip = hand.common
    for n in range(1, count + 1):
        tree = hand.facts.commit(hand.common).tree
        tip = hand.commit("carol", tree, tip, hand.snapshot(n), message=f"again {n}")
    hand.propose("carol/x", hand.change("carol", {"new.md": b"x\n"}, tip))
    ledger.witness()
    assert hand.rule("carol/x") == "ledger.accepted"
    check(ledger)


def test_an_endless_author_does_not_make_a_snapshot_that_nobody_can_read(ledger, hand):
    author = Signature(b"x" * 1_040_000, b"a@example.invalid", hand.now)
    oid = hand.commit("james", hand.tree({"a.md": b"a\n"}), author=author)
    assert refused(ledger, hand, oid) == "commit.malformed"


@pytest.mark.parametrize("claim", ["Gitsync-Kind: ", "Gitsync-Ref: "], ids=["kind", "ref"])
def test_an_endless_claim_does_not_make_a_receipt_that_nobody_can_read(ledger, hand, claim):
    oid = hand.change("james", {"a.md": b"a\n"}, message="x\n\n" + claim + "A" * 100_000)
    assert refused(ledger, hand, oid).startswith("proposal.")
    ledger.witness()
    assert len(hand.receipt("james/x").why) < 2000


def test_an_endless_status_does_not_either(ledger, hand):
    oid = hand.change("james", {"plans/a.md": plan(status="s" * 200_000)})
    assert refused(ledger, hand, oid) is not None
    ledger.witness()
    assert len(hand.receipt("james/x").why) < 2000


def test_control_characters_reach_neither_receipt_nor_title(ledger, hand):
    evil = "\x1b]0;owned\x07 \u202e \x9b31m"
    hand.propose("james/x", hand.change("james", {"a.md": b"a\n"}, message=f"Fine {evil}"))
    claim = f"x\n\nGitsync-Ref: {evil}"
    hand.propose("carol/y", hand.change("carol", {"b.md": b"b\n"}, message=claim))
    ledger.witness()
    title = hand.facts.commit(hand.common).message.decode().splitlines()[0]
    assert title.startswith("common@2: Fine ")
    assert title.isprintable()
    assert hand.receipt("carol/y").why.isprintable()
    check(ledger)


def test_the_title_does_not_depend_on_the_age_of_python(ledger, hand):
    """Characters newer than this Python stay as they are, on every Python."""
    subject = "New emoji \U0001fae8 and not even assigned \U0003fffd"
    hand.propose("james/x", hand.change("james", {"a.md": b"a\n"}, message=subject))
    ledger.witness()
    hand.reopen()
    title = hand.facts.commit(hand.common).message.decode().splitlines()[0]
    assert title == f"common@2: {subject}"


# -- by stock git -----------------------------------------------------------------------------


def test_a_file_of_100_mb(ledger, hand, stock):
    """It is refused by its size, which is known without reading it, and stops nobody else."""
    james = stock("james")
    james.start()
    with (james.folder / "zeros.md").open("wb") as file:
        file.truncate(100 << 20)
    james.commit({})
    assert refused(ledger, hand, james.propose("james/x")) == "limit.file-bytes"


def test_deep_or_aliased_yaml_endless_policy(ledger, hand, stock):
    """Each has a bound with a name, and stops nobody else."""
    james, alice = stock("james"), stock("alice")
    cases = {}
    bomb = b"a: &a [x, x]\n" + b"".join(
        b"%c: &%c [*%c, *%c]\n" % (n + 1, n + 1, n, n) for n in range(ord("a"), ord("z"))
    )
    deep = b"x: " + b"[" * 5000 + b"]" * 5000 + b"\n"
    head = plan().partition(b"\n---\n")[0]
    for name, more in (("bomb", bomb), ("deep", deep)):
        james.change({f"plans/{name}.md": head + b"\n" + more + b"---\nbody\n"})
        cases[f"james/{name}"] = james.propose(f"james/{name}")
    policies = {
        "endless": b"# more\n" * 200_000, "wide": b"# more\n" * 20_000,
        "steep": b"x:\n  " + b"- " * 40 + b"y\n", "alias": b"x: *bomb\n",
    }  # fmt: skip
    for name, more in policies.items():
        alice.change({".gitsync/policy.yaml": policy_edit(hand) + more})
        cases[f"alice/{name}"] = alice.propose(f"alice/{name}")
    hand.propose("carol/fine", hand.change("carol", {"fine.md": b"fine\n"}))
    ledger.witness()
    found = {name: hand.rule(name) for name in cases}
    assert found == {
        "james/bomb": "frontmatter.anchor",
        "james/deep": "yaml.too-deep", "alice/endless": "limit.file-bytes",
        "alice/wide": "yaml.too-large", "alice/steep": "yaml.too-deep", "alice/alias": "yaml.alias",
    }  # fmt: skip
    assert hand.rule("carol/fine") == "ledger.accepted"
    assert hand.number() == 2
