"""``gitsync receipt``."""

from __future__ import annotations

import json

from gitsync.codec.receipts import to_dict


def test_accepted(ledger, golden):
    ledger.propose("james", "a.md", "a\n", "a")
    ledger.witness()
    ran = ledger.cli("james", "receipt", "a")
    assert (ran.code, ran.err) == (0, "")
    golden("receipt-accepted", ran.out)
    assert ledger.cli("carol", "receipt", "james/a").out == ran.out


def test_refused_names_the_rule_and_what_mends_it(ledger, golden, document):
    report = ledger.clash()
    ran = ledger.cli("james", "receipt", "clash")
    assert (ran.code, ran.err) == (1, "")
    golden("receipt-refused", ran.out)
    ran = ledger.cli("james", "receipt", "clash", "--json")
    assert (ran.code, ran.err) == (1, "")
    wanted = next(one for one in report.receipts if one.outcome == "refused")
    assert document(ran.out, "receipt") == json.loads(json.dumps(to_dict(wanted)))


def test_no_answer_yet(ledger, document):
    ledger.propose("james", "a.md", "a\n", "a")
    ran = ledger.cli("james", "receipt", "a", "--json")
    assert (ran.code, ran.out) == (1, "")
    assert document(ran.err, "error")["code"] == "receipt.none"


def test_unknown_and_unfetched(ledger):
    ran = ledger.cli("james", "receipt", "nothing")
    assert (ran.code, "there is no proposal james/nothing" in ran.err) == (2, True)
    ledger.propose("james", "a.md", "a\n", "a")
    ledger.witness()
    ran = ledger.cli("james", "receipt", "a", "--no-fetch")
    assert (ran.code, "has not answered" in ran.err) == (1, True)
    ledger.hub.rename(ledger.root / "away.git")
    ran = ledger.cli("james", "receipt", "a")
    assert (ran.code, ran.err.startswith("offline: ")) == (1, True)
