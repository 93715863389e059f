"""A home with our hooks: what a pusher can move there, decided in this process.

``knock`` asks the hook's own code about a push whose objects lie in another repository, as they lie
in quarantine. ``tests/integration/test_receiving.py`` does the same with stock ``git push``.
"""

from __future__ import annotations

import io

import pytest

from gitsync.codec.sshkeys import parse_public
from gitsync.hooks import pre_receive
from gitsync.services import homehooks
from gitsync.services.joinrequests import request_message
from gitsync.storage.refs import ZERO
from tests.integration.ledgerkit import Hand, git


class Pusher:
    """Somebody with a clone of everything, who may push whatever they like."""

    def __init__(self, ledger) -> None:
        self.ledger = ledger
        homehooks.install(ledger.host(), ledger.hub)
        path = ledger.root / "outside.git"
        git(ledger.root, "clone", "-q", "--mirror", str(ledger.hub), str(path))
        git(path, "config", "uploadpack.allowAnySHA1InWant", "true")
        self.hand = Hand(ledger, path)

    def knock(self, ref: str, new: str | None) -> str:
        """What the home says to a push; nothing where it would take it."""
        self.hand.repo.store.flush()
        old = Hand(self.ledger).repo.refs.get(ref) or ZERO
        env = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self.hand.repo.common_dir / "objects")}
        err = io.StringIO()
        code = pre_receive.run(
            [f"{old} {new or ZERO} {ref}\n"], self.ledger.hub, env, err,
            int(self.ledger.clock.seconds),
        )  # fmt: skip
        assert bool(code) == bool(err.getvalue())
        return err.getvalue()

    def put(self, ref: str, new: str) -> str:
        """A push that the home takes."""
        assert self.knock(ref, new) == ""
        git(self.ledger.hub, "fetch", "-q", str(self.hand.repo.git_dir), f"+{new}:{ref}")
        return new


@pytest.fixture
def pusher(ledger) -> Pusher:
    return Pusher(ledger)


def test_a_home_takes_no_forged_snapshot(ledger, pusher):
    """The ledger's own refs are proven as they would be, whoever brings them."""
    forged = pusher.hand.change("james", {"x.md": b"x\n"})
    assert "(snapshot.malformed)" in pusher.knock("refs/heads/common", forged)


def test_a_home_lets_nobody_delete_what_stays(ledger, pusher):
    """The ledger, its tags and people's branches are never deleted."""
    for ref in ("refs/heads/common", "refs/tags/common@1", "refs/heads/gitsync/locks"):
        assert "(ref.delete)" in pusher.knock(ref, None)


def test_a_home_gives_each_number_one_tag(ledger, pusher):
    """A numbered snapshot of a person's is given once."""
    hand = pusher.hand
    mine = hand.change("james", {"w.md": b"w\n"})
    pusher.put("refs/tags/james@1", hand.tag("james", "james@1", mine))
    again = hand.tag("james", "james@1", hand.common)
    assert "(tag.exists)" in pusher.knock("refs/tags/james@1", again)


def test_a_home_lets_branches_only_grow(ledger, pusher):
    """Somebody's branch goes forward, and never back to what it was."""
    first = pusher.hand.change("james", {"w.md": b"w\n"})
    pusher.put("refs/heads/people/james", pusher.hand.change("james", {"w.md": b"x\n"}, first))
    assert "(people.not-forward)" in pusher.knock("refs/heads/people/james", first)


def test_a_home_knows_whose_branch_it_is(ledger, pusher):
    """The tip of somebody's branch is signed by that person."""
    by_carol = pusher.hand.change("carol", {"w.md": b"w\n"})
    assert "(ref.not-yours)" in pusher.knock("refs/heads/people/james", by_carol)


def test_a_home_takes_no_old_state_of_a_proposal(ledger, pusher):
    """An older state, or one that was withdrawn, is not pushed over a newer one."""
    hand, ref = pusher.hand, "refs/heads/proposals/james/p"
    first = pusher.put(ref, hand.change("james", {"p.md": b"p\n"}))
    ledger.clock.tick()
    lines = f"No\n\nGitsync-Kind: withdrawal\nGitsync-Withdraws: {first}"
    pusher.put(ref, hand.commit("james", hand.facts.commit(first).tree, first, message=lines))
    assert "(ref.older)" in pusher.knock(ref, first)


def test_a_home_lets_nobody_bury_a_proposal(ledger, pusher):
    """What has no answer is not deleted: its proposer withdraws it."""
    ref = "refs/heads/proposals/james/p"
    pusher.put(ref, pusher.hand.change("james", {"p.md": b"p\n"}))
    assert "(ref.delete)" in pusher.knock(ref, None)


def test_a_home_takes_only_approvals_as_approvals(ledger, pusher):
    """A member's ordinary commit does not become an approval by the ref that it is pushed to."""
    by_carol = pusher.hand.change("carol", {"w.md": b"w\n"})
    assert "(approval.none)" in pusher.knock("refs/heads/approvals/carol/p", by_carol)


def test_a_home_lets_nobody_take_a_name_that_is_asked_for(ledger, pusher):
    """A request to join is not replaced by a request of another key."""
    hand, ref = pusher.hand, "refs/heads/gitsync/requests/dora"

    def request(who: str) -> str:
        key = parse_public(ledger.key(who).with_suffix(".key.pub").read_bytes())
        message = request_message("dora", key, ledger.anchor).decode()
        return hand.commit(who, hand.facts.commit(hand.common).tree, message=message)

    pusher.put(ref, request("dora"))
    assert "(request.taken)" in pusher.knock(ref, request("mallory"))


def test_a_home_takes_no_ref_that_looks_like_the_ledger_s(ledger, pusher):
    """A ref that some disks would take for one of the ledger's is refused."""
    assert "(ref.look-alike)" in pusher.knock("refs/heads/Common", pusher.hand.common)


def test_a_home_inflates_no_bomb(ledger, pusher):
    """A small pack may stand for an object of any size: it is refused before it is read."""
    hand = pusher.hand
    bomb = git(hand.repo.git_dir, "hash-object", "-w", "-t", "commit", "--literally", "--stdin",
               stdin=b"tree " + b"0" * (65 << 20))  # fmt: skip
    assert "(object.too-large)" in pusher.knock("refs/tags/james@1", bomb)
