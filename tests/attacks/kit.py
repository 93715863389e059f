"""What the attacks share: ledgers at some state, forged snapshots, and who says what about them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from gitsync.codec.records import read_snapshot
from gitsync.codec.sshkeys import encode_public
from gitsync.domain.errors import GitsyncError
from tests.integration.ledgerkit import Hand, check, git, policy_edit, step

if TYPE_CHECKING:
    from collections.abc import Callable

    from gitsync.domain.objects import Commit
    from tests.conftest import Oid, Ran

ROOT = "root:                   # may change policy, schema and roster\n    people: [alice]"
WITNESS = "witness:                # signs the numbered snapshots\n    people: [alice]"
NOTES = 'rules:\n  - name: notes\n    paths: ["notes/**"]\n'
APPROVERS = "  approver:\n    people: [alice, james, carol]\n"
PEOPLE = "people: [alice]\n    threshold: 1\n"

RECEIPTS = "refs/heads/gitsync/receipts/common"
LOCKS = "refs/heads/gitsync/locks"


def refused(ledger, hand: Hand, oid: Oid, name: str = "james/x") -> str | None:
    """The rule that the witness gives; an honest proposal beside it has to land all the same."""
    before = hand.number()
    hand.propose(name, oid)
    honest = hand.change("carol", {f"honest-{oid[:8]}.md": b"fine\n"})
    hand.propose(f"carol/h{oid[:8]}", honest)
    ledger.witness()
    assert hand.rule(f"carol/h{oid[:8]}") == "ledger.accepted", "a poison proposal blocked others"
    assert hand.number() == before + 1, "the poison proposal landed"
    check(ledger)
    return hand.rule(name)


def at_three(ledger) -> Hand:
    """A ledger at common@3, which carol has verified at common@2."""
    hand = Hand(ledger)
    hand.propose("james/a", hand.change("james", {"a.md": b"1\n2\n3\n"}))
    ledger.witness()
    step(ledger, "carol")
    hand.reopen()
    hand.propose("james/b", hand.change("james", {"b.md": b"b\n"}))
    ledger.witness()
    hand.reopen()
    return hand


def code(error: pytest.ExceptionInfo[GitsyncError]) -> str:
    return error.value.code


def said(ran: Ran) -> str:
    """The code of the error that a command with ``--json`` ended with."""
    assert ran.code == 1, ran
    return json.loads(ran.err)["code"]


def unchanged(ledger, who: str = "carol") -> tuple[str, str]:
    folder = ledger.folder(who)
    return git(folder, "rev-parse", "refs/heads/common"), git(folder, "status", "--porcelain")


def both_ways(ledger, expected: str | tuple[str, ...]) -> None:
    """Refused by whoever goes on from a position and by whoever begins anew; nothing moves."""
    wanted = (expected,) if isinstance(expected, str) else expected
    before = unchanged(ledger)
    with pytest.raises(GitsyncError) as error:
        step(ledger, "carol")
    assert code(error) in wanted
    with pytest.raises(GitsyncError) as error:
        check(ledger, "james")
    assert code(error) in wanted
    assert unchanged(ledger) == before
    with pytest.raises(GitsyncError) as error:
        ledger.pull("carol")
    assert code(error) in wanted
    assert unchanged(ledger) == before


def forge(hand: Hand, alter: Callable[[Commit], Commit], who: str = "alice",
          number: int = 3) -> Oid:  # fmt: skip
    """common@3 made again by ``who`` with something else in it, and tagged as it should be."""
    hand.reopen()
    real = hand.facts.commit(hand.snapshot(number))
    oid = hand.write(who, alter(replace(real, signature=None)))
    hand.put("refs/heads/common", oid)
    hand.put(f"refs/tags/common@{number}", hand.tag(who, f"common@{number}", oid))
    unsee(hand.ledger)
    return oid


def unsee(ledger) -> None:
    """This user has no other clone than carol's: the witness is somebody else's."""
    (ledger.folder("alice") / ".git/gitsync/position-common.json").unlink(missing_ok=True)
    kept = json.loads((ledger.folder("carol") / ".git/gitsync/position-common.json").read_bytes())
    for file in ledger.ws("carol").positions()._user_dir.rglob("*.json"):
        if json.loads(file.read_bytes())["number"] > kept["number"]:
            file.write_text(json.dumps(kept))


def forget(ledger, who: str, number: int) -> None:
    """Take a clone's stored position back to what it was at ``number`` (a restored backup)."""
    hand = Hand(ledger)
    path = ledger.folder(who) / ".git/gitsync/position-common.json"
    record = json.loads(path.read_text())
    commit = hand.snapshot(number)
    recorded = read_snapshot(hand.facts.commit(commit).message)
    record |= {
        "number": number, "commit": commit, "receipts": recorded.receipts,
        "locks": recorded.locks,
        "tag": git(ledger.hub, "rev-parse", f"refs/tags/common@{number}"),
    }  # fmt: skip
    path.write_text(json.dumps(record))
    for file in ledger.ws(who).positions()._user_dir.rglob("*.json"):
        file.write_text(json.dumps(record))


def key_line(hand: Hand, names: str, key: str) -> str:
    return f'{names} namespaces="git" ' + encode_public(hand.signer(key).public_key).decode() + "\n"


def rules(ledger, hand: Hand, *lines: str, **changes: tuple[str, str]) -> None:
    """Land a change of policy (and roster lines) that alice, the only root, proposes."""
    files = {".gitsync/policy.yaml": policy_edit(hand, **changes)}
    if lines:
        roster = hand.read(".gitsync/allowed_signers") + "\n" + "".join(lines)
        files[".gitsync/allowed_signers"] = roster.encode()
    name = f"alice/rules{hand.number()}"
    hand.propose(name, hand.change("alice", files))
    ledger.witness()
    assert hand.rule(name) == "ledger.accepted", hand.receipt(name)


def strict(ledger, hand: Hand, threshold: int = 1, *lines: str) -> None:
    """From now on a change of notes/ needs approval by others: alice, james or carol."""
    text = hand.read(".gitsync/policy.yaml")
    approver = text[text.index("  approver:") : text.index("# A change that fits")]
    rules(
        ledger,
        hand,
        *lines,
        role=(approver, APPROVERS + f"    threshold: {threshold}\n\n"),
        rule=("rules:\n", f"{NOTES}    role: approver\n    proposer-counts: false\n"),
    )
    hand.reopen()


def note(hand: Hand, who: str = "james", text: bytes = b"note\n") -> str:
    return hand.change(who, {"notes/a.md": text})


def outcome(ledger, hand: Hand, name: str = "james/x") -> str:
    ledger.witness()
    found = hand.receipt(name)
    return found.rule if found.outcome != "accepted" else "accepted"
