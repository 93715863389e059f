"""Our commits and tags are those that stock git makes of the same content, byte for byte.

Ed25519 signs the same content to the same bytes, so with one key and the same dates the ids agree.
"""

from __future__ import annotations

import pytest

from gitsync.codec.gitobjects import commit_payload, encode_commit, encode_tag, tag_payload
from gitsync.domain.objects import Commit, Oid, Signature, Tag
from gitsync.storage.repository import Repository
from tests.integration.ledgerkit import Hand, git

MESSAGES = {
    "one line": "A change",
    "body and trailers": "A change\n\nWhy it is one.\n\nGitsync-Kind: proposal\nAfter: 1234",
    "unicode": "Änderung, 変更 🙂\n\nmore",
    "looks like a header": "tree of life\n\nparent company\ngpgsig none",
}
DATES = {
    "utc": (1_767_225_600, b"+0000"),
    "west": (1_700_000_000, b"-0830"),
    "early": (1, b"+0100"),
}


@pytest.fixture
def hand(ledger) -> Hand:
    return Hand(ledger, where=ledger.folder("james"))


def environment(who: Signature) -> dict[str, str]:
    date = f"@{who.seconds} {who.offset.decode()}"
    found = {}
    for role in ("AUTHOR", "COMMITTER"):
        found[f"GIT_{role}_NAME"] = who.name.decode()
        found[f"GIT_{role}_EMAIL"] = who.email.decode()
        found[f"GIT_{role}_DATE"] = date
    return found


def signing(ledger) -> list[str]:
    return ["-c", "gpg.format=ssh", "-c", f"user.signingkey={ledger.key('james')}"]


def ours(hand, commit: Commit) -> bytes:
    from dataclasses import replace

    return encode_commit(
        replace(commit, signature=hand.signer("james").sign(commit_payload(commit)))
    )


@pytest.mark.parametrize("date", DATES)
@pytest.mark.parametrize("text", MESSAGES)
@pytest.mark.parametrize("parents", [0, 1, 3])
def test_a_commit_is_that_of_commit_tree(ledger, hand, text, date, parents):
    folder, base = ledger.folder("james"), hand.common
    above = [hand.change("james", {f"{n}.md": b"x\n"}, base) for n in range(parents)]
    hand.repo.store.flush()
    seconds, offset = DATES[date]
    who = Signature("Jämes Ö".encode(), b"james@example.invalid", seconds, offset)
    tree = hand.facts.commit(base).tree
    message = MESSAGES[text]
    commit = Commit(tree, tuple(above), who, who, message.encode() + b"\n")
    args = [arg for parent in above for arg in ("-p", parent)]
    made = git(
        folder, *signing(ledger), "commit-tree", "-S", *args, "-m", message, tree,
        **environment(who),
    )  # fmt: skip
    raw = ours(hand, commit)
    kind, theirs = Repository.open(folder).store.read(Oid(made))
    assert kind == "commit"
    assert raw == theirs
    assert hand.facts.store.write("commit", raw) == made
    git(folder, "verify-commit", made)


@pytest.mark.parametrize("date", DATES)
@pytest.mark.parametrize("text", MESSAGES)
def test_a_tag_is_that_of_git_tag(ledger, hand, text, date):
    from dataclasses import replace

    folder, target = ledger.folder("james"), hand.common
    seconds, offset = DATES[date]
    who = Signature(b"James", b"james@example.invalid", seconds, offset)
    message = MESSAGES[text]
    git(folder, *signing(ledger), "tag", "-s", "-m", message, "x@7", target, **environment(who))
    made = Oid(git(folder, "rev-parse", "refs/tags/x@7"))
    tag = Tag(target, "commit", b"x@7", who, message.encode() + b"\n")
    tag = replace(tag, signature=hand.signer("james").sign(tag_payload(tag)))
    kind, theirs = Repository.open(folder).store.read(made)
    assert kind == "tag"
    assert encode_tag(tag) == theirs
    git(folder, "verify-tag", "x@7")
