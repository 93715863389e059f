"""What others write is shown, and moves nobody's cursor.

``tests/cli/test_hostile.py`` does the same for every command that shows anything.
"""

from __future__ import annotations

import unicodedata

NASTY = "\x1b[31m\x1b]0;owned\x07\u202egnp\u2066\x9b2J\x08\u200bend"
CONTROL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def test_control_and_escape_characters_in_names_titles_messages(ledger, stock):
    """They never reach the terminal raw; that something was there is seen."""
    carol = stock("carol")
    carol.git("config", "user.name", NASTY)
    carol.change({f"notes/{NASTY}.md": b"x\n"}, f"{NASTY}\n\n{NASTY}")
    carol.propose("carol/evil")
    carol.change(
        {"plans/a.md": f"---\nid: plan-bcdfgh\ntype: plan\ntitle: {NASTY}\n---\n".encode()}
    )
    carol.propose("carol/title")
    carol.change({"notes/b.md": b"b\n"}, NASTY)
    carol.propose("carol/fine")
    ledger.witness()
    ledger.pull("alice")
    shown = ""
    for line in ("proposals --all --fetch", "receipt carol/evil", "receipt carol/title", "log",
                 "list", "status", "approve carol/evil --yes", "verify --full"):  # fmt: skip
        ran = ledger.cli("alice", *line.split())
        assert ran.code != 70, ran.err
        shown += ran.out + ran.err
    assert not {char for char in shown if char != "\n" and unicodedata.category(char) in CONTROL}
    assert "\\x1b" in shown
    assert "\\u202e" in shown
