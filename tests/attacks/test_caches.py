"""What this machine has stored may be wrong, torn or missing; it fools nobody."""

from __future__ import annotations

import json
import sqlite3

import pytest

from gitsync.domain.errors import (
    EnvironmentFault,
    VerificationError,
)
from gitsync.services.inspecting import VerifyOptions, verify
from gitsync.storage.index import PositionIndex
from tests.attacks.kit import (
    at_three,
    code,
    forget,
)
from tests.integration import invariants
from tests.integration.ledgerkit import Hand, check, step


@pytest.fixture
def hand(ledger) -> Hand:
    return at_three(ledger)


def _index(ledger, who: str = "carol"):
    return ledger.folder(who) / ".git" / "gitsync" / "index.db"


def test_poisoned_cache_or_index(ledger, hand):
    """A wrong cache is made anew, and neither fools nor frames; ``--no-cache`` does without.

    It says that a commit came in earlier than it did, so an honest snapshot looks false.
    """
    step(ledger, "carol")
    proposal = hand.change("james", {"c.md": b"c\n"})
    hand.propose("james/c", proposal)
    db = sqlite3.connect(_index(ledger))
    db.execute("INSERT INTO place VALUES (?, 2, 1)", (bytes.fromhex(proposal),))
    db.commit()
    db.close()
    ledger.witness()
    assert check(ledger, "carol").number == 4
    forget(ledger, "carol", 3)
    assert step(ledger, "carol").number == 4
    index = PositionIndex(_index(ledger))
    assert index.get(proposal) == (4, 3), "the wrong cache was made anew"
    index.close()


@pytest.mark.parametrize("damage", ["torn", "empty", "text", "tables", "snapshot", "flipped"])
def test_a_damaged_index_is_made_anew(ledger, hand, damage):
    step(ledger, "carol")
    path = _index(ledger)
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    data = path.read_bytes()
    if damage in ("tables", "snapshot"):
        db = sqlite3.connect(path)
        db.execute("DROP TABLE place" if damage == "tables" else "DELETE FROM snapshot")
        db.commit()
        db.close()
    else:
        bad = {
            "torn": data[: len(data) // 2],
            "empty": b"",
            "text": b"hello" * 999,
            "flipped": data[:4096] + b"\xff" * (len(data) - 4096),
        }
        path.write_bytes(bad[damage])
    hand.propose("james/c", hand.change("james", {"c.md": b"c\n"}))
    ledger.witness()
    try:
        found = step(ledger, "carol")
    except EnvironmentFault:  # says so once, and has thrown it away
        found = step(ledger, "carol")
    assert found.number == 4


def test_an_index_that_is_ahead_does_not_show_what_is_not_verified(ledger, hand):
    step(ledger, "carol")
    index = PositionIndex(_index(ledger))
    index.hold(2)
    third = hand.snapshot(3)
    assert index.get(third) is None
    index.close()


WRONG_TYPES = json.dumps(
    {"anchor": "x", "space": "common", "number": "9", "commit": "y", "tag": None, "seen": 1}
    | {"receipts": None, "locks": None}
)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"number": 9}', "null", "[" * 99_999, WRONG_TYPES]
)
def test_a_damaged_position_is_named_and_a_full_check_mends_it(ledger, hand, text):
    path = ledger.folder("carol") / ".git/gitsync/position-common.json"
    path.write_text(text)
    with pytest.raises(VerificationError) as error:
        step(ledger, "carol")
    assert code(error) == "position.damaged"
    assert verify(ledger.ws("carol"), VerifyOptions(full=True, fetch=True)).number == 3
    assert step(ledger, "carol").number == 3


def test_a_position_never_goes_back(ledger, hand):
    from gitsync.storage.positions import VerifiedPosition

    step(ledger, "carol")
    store = ledger.ws("carol").positions()
    now = ledger.ws("carol").verified()
    store.save(VerifiedPosition(now.anchor, "common", 1, now.anchor, None, None, None, 1))
    invariants.position_only_rises(now.number, ledger.ws("carol").verified().number)


def test_two_clones_that_verified_different_histories_say_so(ledger, hand):
    step(ledger, "carol")
    path = ledger.folder("carol") / ".git/gitsync/position-common.json"
    record = json.loads(path.read_text()) | {"commit": "1" * 40}
    path.write_text(json.dumps(record))
    with pytest.raises(VerificationError) as error:
        step(ledger, "carol")
    assert code(error) in ("position.fork", "position.rollback", "common.fork")
