"""Nothing raw from an artifact, a ref, a message or a path reaches the terminal."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace

import pytest

from gitsync.domain.objects import MODE_FILE, Commit
from gitsync.domain.treeedit import edit_tree
from gitsync.services.sources import keep, send
from tests.cli.test_tree import LEAVES

NASTY = "\x1b[31m\x1b]0;owned\x07\u202egnp\u2066\x9b2J\x08\r\u200bend"
MESSAGE = f"{NASTY}\n\nbody {NASTY}\n".encode()
FILE = f"plans/{NASTY.replace(chr(13), '')}.md".encode()
TEXT = f"---\nid: plan-bcdfgh\ntype: plan\ntitle: T{NASTY[:-5]}\n---\n{NASTY}\n".encode()
ESCAPED = (
    '---\nid: plan-bcdfgk\ntype: plan\ntitle: "a\\x1b[31m\\u202E"\nstatus: "\\x9b2J"\n'
    'owner: "\\x07"\n---\nbody\n'
)


def harmless(text: str) -> bool:
    return all(
        char == "\n" or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
        for char in text
    )


@pytest.fixture
def hostile(ledger):
    """carol is on the roster, and signs things that attack whoever reads them."""
    ws = ledger.ws("carol")
    facts, tip = ws.facts, ws.verified().commit
    blob = (MODE_FILE, bytes.fromhex(facts.put_blob(TEXT)))
    tree = edit_tree(facts, facts.commit(tip).tree, {FILE: blob, b"plans/\xff\x1b.md": blob})
    who = replace(ws.identity(), name=NASTY.replace("\r", "").encode())
    oid = ws.commit_as_me(Commit(tree, (tip,), who, who, MESSAGE))
    fine = ws.commit_as_me(Commit(facts.commit(tip).tree, (tip,), who, who, MESSAGE))
    moves = {
        "refs/heads/proposals/carol/evil": oid,
        "refs/heads/proposals/carol/fine": ws.commit_as_me(
            Commit(
                edit_tree(facts, facts.commit(tip).tree, {b"ok.md": blob}),
                (tip,),
                who,
                who,
                MESSAGE,
            )
        ),
        "refs/heads/gitsync/requests/mallory": fine,
    }
    keep(ws, moves, "test")
    send(ws, moves)
    ws.repo.git("push", "-q", "origin", f"{fine}:refs/heads/proposals/carol/\u202eevil")
    assert ledger.cli("carol", "lock", "acquire", "path:\u202e\x9b2J/**").code == 0
    return ledger


READING = (
    "status", "list", "log", "proposals --all --fetch", "roster list", "roster requests",
    "receipt carol/evil", "receipt carol/fine", "show plan-bcdfgk", "id show", "verify", "pin",
    "approve carol/evil --yes", "approve carol/fine --yes", "pull", "push", "witness run",
    "verify --full", "log -n 5", "list --at common@2", "show ok.md --at common@2",
    "show plan-bcdfgk --field title", "show \x1b[31m", "receipt \u202e", "\x1b]0;x\x07",
    "new \x1b[2J T", "propose --slug \x1b", "verify \x9b", "--\x1b[31m", "help \x1b[31m",
    "snapshot -m \x1b[31m", "sync", "withdraw carol/evil", "roster admit mallory",
    "roster add \x1b[31m no.pub", "roster remove \x1b[31m", "join ../hub.git \x1b[31m",
    "id use \x1b[31m.key", "lint", "lint \x1b[31m", "fmt --check .", "fmt \x1b[31m",
    "state plan-bcdfgk committed", "state \x1b[31m \x1b[31m", "import \x1b[31m.md",
    "export common@2 --to ../out", "export \x1b[31m --to ../out2", "doctor", "hooks install",
    "hooks run pre-commit", "hooks run \x1b[31m", "hooks status", "hooks uninstall",
    "witness install-ci \x1b[31m", "resolve", "resolve plan-bcdfgk", "resolve \x1b[31m",
    "ready", "blocked", "graph", "graph plan-bcdfgk --format dot", "graph --format mermaid",
    "diff", "diff common@1..common@2", "diff \x1b[31m", "trace plan-bcdfgk", "trace \x1b[31m",
    "log plan-bcdfgk", "list type:\x1b[31m", "list --fresh",
    "claim plan-bcdfgk", "claim \x1b[31m", "ready --claim",
    "lock list", "lock show 1", "lock who \x1b[31m", "lock acquire path:\x1b[31m",
    "lock acquire path:\u202e**", "lock acquire --next \x1b[31m", "lock release \x1b[31m",
    "lock break \x1b[31m --reason x", "lock requests", "lock answer \x1b[31m allow", "lock renew",
    "lock break 1 --reason \x1b[31m",
    "bundle create \x1b[31m.bundle", "bundle create . --for carol", "bundle inspect .",
    "bundle inspect \x1b[31m", "bundle verify .", "bundle import .", "bundle import \x1b[31m",
    "bundle sync .", "bundle create . --for \x1b[31m", "witness run --stick .",
)  # fmt: skip

# Commands that show nothing but what they were given, each with the reason.
SILENT = {
    "init": "founds a ledger of its own: nothing of others is there yet",
    "id new": "makes a key",
    "completion": "prints a fixed script",
    "watch": "never ends; its lines go through the same output (tests/cli/test_cmd_watch.py)",
}


def test_no_reading_command_repeats_it(hostile):
    hostile.write("alice", "plans/plan-bcdfgk-x.md", ESCAPED)
    hostile.write(
        "alice", "plans/raw.md", "---\nid: plan-bcdfgm\ntype: \x1b[31m\n---\n\x1b]0;x\x07"
    )
    hostile.write("alice", "plans/\u202e\x1b[31m.md", "x\n")
    seen = ""
    # Twice, so that what the witness's run in the middle changes is read too.
    for line in READING * 2:
        ran = hostile.cli("alice", *line.split(" "))
        assert ran.code != 70, ran.err
        assert harmless(ran.out), line
        assert harmless(ran.err), line
        seen += ran.out + ran.err
        ran = hostile.cli("alice", *line.split(" "), "--json")
        assert (ran.out + ran.err).isascii()
        assert harmless(ran.out + ran.err), line
        for text in (ran.out, ran.err):
            if text.startswith("{"):
                json.loads(text)
    # The attack was there: it is shown, made visible.
    assert "\\x1b" in seen
    assert "\\u202e" in seen


def test_every_command_has_a_line_here_or_a_reason():
    """Whoever adds a command says here how it is made to show what others wrote."""
    commands = [" ".join(path) for path in LEAVES]
    without = [
        one
        for one in commands
        if one not in SILENT and not any(f"{line} ".startswith(f"{one} ") for line in READING)
    ]
    assert not without, f"add a line to READING, or a reason to SILENT, for: {without}"
    assert not set(SILENT) - set(commands)


ENDING = [one for one in LEAVES if " ".join(one) != "watch"]


@pytest.mark.parametrize("path", ENDING, ids=" ".join)
def test_a_command_with_nothing_said_repeats_it_neither(hostile, path):
    """Every command of the table, also one that nobody thought of here."""
    hostile.write("alice", "plans/\u202e\x1b[31m.md", ESCAPED)
    for more in ((), ("--json",)):
        ran = hostile.cli("alice", *path, *more)
        assert ran.code != 70, ran.err
        assert harmless(ran.out)
        assert harmless(ran.err)


def test_colours_are_ours_alone(hostile):
    ran = hostile.cli("alice", "proposals", "--fetch", FORCE_COLOR="1")
    assert "\x1b[3" not in ran.out
    hostile.clash()
    ran = hostile.cli("james", "proposals", "--fetch", FORCE_COLOR="1")
    assert "\x1b[31mrefused" in ran.out
    assert "\x1b[31m" not in hostile.cli("james", "proposals", FORCE_COLOR="1", NO_COLOR="1").out
    assert "\x1b[31m" not in hostile.cli("james", "proposals").out
    tty = hostile.cli("james", "proposals", tty=True, TERM="xterm")
    assert "\x1b[31mrefused" in tty.out
    assert "\x1b[31m" not in hostile.cli("james", "proposals", tty=True, TERM="dumb").out
