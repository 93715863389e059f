"""The rules of carrying: what an increment holds, what moves an acknowledgement, what waits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.domain.carrying import (
    ANYBODY,
    Ack,
    Change,
    Holding,
    Manifest,
    Order,
    Peer,
    Sent,
    awaited,
    difference,
    holding_of,
    order,
    vector_of,
)
from gitsync.domain.objects import Oid

A, B, C = (Oid(char * 40) for char in "abc")
PEOPLE = ("refs/heads/people/zoe", "refs/heads/proposals/zoe/x", "refs/tags/zoe@1")


def manifest(**fields):
    given_ = {
        "ledger": A, "space": "common", "sender": "zoe", "recipient": "carol", "sequence": 7,
        "basis": 3, "number": 2, "common": B, "at": 1,
    }  # fmt: skip
    return Manifest(**{**given_, **fields})


holdings = st.dictionaries(st.sampled_from(PEOPLE), st.sampled_from((A, B, C)))


@given(holdings, st.integers(0, 4), holdings, st.integers(0, 4))
def test_applying_an_increment_gives_what_is_held(before, low, after, high):
    high = max(low, high)
    tags = {f"refs/tags/common@{number}": A for number in range(1, high + 1)}
    changes = difference({**after, **tags}, high, Holding(low, before), "common")
    applied = dict(before)
    for one in changes:
        assert one.old == before.get(one.ref)
        if one.new is None:
            del applied[one.ref]
        else:
            applied[one.ref] = one.new
    kept = {f"refs/tags/common@{number}": A for number in range(1, low + 1)}
    assert {**kept, **applied} == {**after, **tags}
    assert [one.ref for one in changes] == sorted(one.ref for one in changes)


def test_nothing_known_is_everything_sent():
    held = {"refs/heads/common": B, "refs/tags/common@1": A, "refs/tags/zoe@1": C}
    assert difference(held, 1, None, "common") == tuple(
        Change(ref, oid, None) for ref, oid in sorted(held.items())
    )


def test_a_tag_beyond_the_verified_position_is_not_sent():
    held = {"refs/tags/common@1": A, "refs/tags/common@2": B}
    assert [one.ref for one in difference(held, 1, None, "common")] == ["refs/tags/common@1"]


def test_only_a_signed_word_moves_what_a_peer_holds():
    first = Sent(1, A, Holding(1, {"refs/heads/common": A}))
    second = Sent(2, B, Holding(2, {"refs/heads/common": B, "refs/heads/people/zoe": B}))
    peer = Peer("zoe").with_sent(first).with_sent(second)
    assert peer.acked is None
    told = peer.with_ack(Ack("me", 2, B, ("refs/heads/people/zoe",)))
    assert told.acked is not None
    assert told.acked.holding == Holding(2, {"refs/heads/common": B})
    assert told.sent == ()
    # A late word about the first one takes nothing back.
    assert told.with_ack(Ack("me", 1, A)).acked == told.acked


def test_a_word_about_another_bundle_of_that_number_proves_nothing():
    peer = Peer("zoe").with_sent(Sent(2, A, Holding(1)))
    told = peer.with_ack(Ack("me", 5, C))
    assert told.acked is None
    assert told.sequence == 5  # and no number is given out twice
    assert peer.with_ack(Ack("me", 2, B)).acked is None


def test_one_for_anybody_is_acknowledged_too():
    anybody = (Sent(4, C, Holding(3)),)
    assert Peer("zoe").with_ack(Ack("me", 4, C), anybody).acked == anybody[0]


def test_what_a_peer_says_of_itself_counts_as_held():
    peer = Peer("zoe").with_stated(
        manifest(changes=(Change(PEOPLE[0], A, None), Change("refs/tags/common@2", B, None)))
    , C)  # fmt: skip
    assert peer.acked is not None
    assert peer.acked.holding == Holding(2, {PEOPLE[0]: A})
    gone = peer.with_stated(manifest(changes=(Change(PEOPLE[0], None, A),)), C)
    assert gone.acked is not None
    assert gone.acked.holding.refs == {}


def test_an_older_bundle_is_not_the_newest_one_received():
    peer = Peer("zoe").with_received(Ack("zoe", 5, A))
    assert peer.with_received(Ack("zoe", 4, B)) == peer
    assert peer.with_received(Ack("zoe", 6, B)).received == Ack("zoe", 6, B)


def test_told_is_what_the_last_bundle_said():
    peer = Peer("zoe").with_received(Ack("zoe", 5, A))
    assert peer.told is None
    assert peer.with_sent(Sent(1, B, Holding())).told == peer.received


def test_few_bundles_are_remembered():
    peer = Peer("zoe")
    for number in range(1, 150):
        peer = peer.with_sent(Sent(number, A, Holding()))
    assert [one.sequence for one in peer.sent] == list(range(50, 150))
    assert peer.sequence == 149


@pytest.mark.parametrize(
    ("recipient", "missing", "what"),
    [
        ("carol", (), Order.TAKE), (ANYBODY, (), Order.TAKE), ("carol", (A,), Order.HOLD),
        ("james", (), Order.RELAY), ("james", (A,), Order.RELAY),
    ],
)  # fmt: skip
def test_where_a_bundle_goes(recipient, missing, what):
    assert order(manifest(recipient=recipient), "carol", missing) is what


def test_which_number_is_awaited():
    assert awaited(manifest(basis=3), None) == 3
    assert awaited(manifest(basis=3), Ack("zoe", 2, A)) == 3
    assert awaited(manifest(basis=3), Ack("zoe", 3, A)) is None


def test_a_vector_holds_the_highest_number_of_each_domain():
    refs = ("refs/tags/zoe@9", "refs/tags/zoe@10", "refs/tags/v1", "refs/tags/common@3")
    assert vector_of(refs, "common", 3) == (("common", 3), ("zoe", 10))


def test_tags_of_the_space_are_held_by_number():
    assert holding_of({"refs/tags/common@1": A, PEOPLE[0]: B}, 1, "common") == Holding(
        1, {PEOPLE[0]: B}
    )
