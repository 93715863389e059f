"""Finding work: ``list``, ``ready``, ``blocked``, ``graph``, ``diff``, ``trace``, ``log ID``."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import shutil
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest


def text(ident, title, **fields):
    kind = ident.partition("-")[0]
    lines = {"id": ident, "type": kind, "title": title, "status": "draft", "owner": "james"}
    head = "".join(f"{name}: {value}\n" for name, value in (lines | fields).items())
    return f"---\n{head}---\n\nFirst line.\n\nLast line.\n"


@pytest.fixture
def work(ledger):
    """A plan with two stories below it, the second after the first, in common@2; james's clone."""
    ledger.write("james", "plans/p.md", text("plan-bcdfgh", "Move the backups"))
    ledger.write("james", "stories/a.md", text("story-bcdfgh", "Buy disks", parent="plan-bcdfgh"))
    ledger.propose(
        "james", "stories/b.md",
        text("story-bcdfgk", "Copy data", parent="plan-bcdfgh", tags="[ops, later]",
             depends="[story-bcdfgh, story-zzzzzz]"), "first", "First plans",
    )  # fmt: skip
    ledger.clock.tick()
    ledger.witness()
    ledger.pull("james")
    return ledger


def ids(ran):
    assert ran.code == 0, ran.err
    return [line.split()[0] for line in ran.out.splitlines()[1:]]


def edit(ledger, path, old, new):
    file = ledger.folder("james") / path
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


# -- list --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        (["type:story"], ["story-bcdfgh", "story-bcdfgk"]),
        (["type:story", "-tags:later"], ["story-bcdfgh"]),
        (["-type:story"], ["plan-bcdfgh"]),
        (["-has:parent"], ["plan-bcdfgh"]),
        (["parent:plan-b sort:-id"], ["story-bcdfgk", "story-bcdfgh"]),
        (['"first line"', "owner:me", "disks"], ["story-bcdfgh"]),
        (["changed:>@1", "type:plan"], ["plan-bcdfgh"]),
        (["changed:>@1", "--at", "common@2", "--limit", "1"], ["plan-bcdfgh"]),
        (["--no-cache", "status:draft", "--limit", "2"], ["plan-bcdfgh", "story-bcdfgh"]),
    ],
)
def test_list_takes_a_query(work, args, wanted):
    assert ids(work.cli("james", "list", *args)) == wanted


def test_list_tells_what_is_changed_here(work):
    assert work.cli("james", "list", "is:changed").out == "nothing fits this query\n"
    edit(work, "stories/a.md", "draft", "committed")
    assert ids(work.cli("james", "list", "is:changed")) == ["story-bcdfgh"]
    assert ids(work.cli("james", "list", "-is:changed")) == ["plan-bcdfgh", "story-bcdfgk"]
    assert ids(work.cli("james", "list", "changed:common@2", "is:changed")) == ["story-bcdfgh"]
    edit(work, "stories/a.md", "committed", "draft")
    assert work.cli("james", "list", "is:changed").out == "nothing fits this query\n"


def test_list_formats(work):
    ran = work.cli("james", "list", "type:story", "--format", "{id}: {status}, {tags}")
    assert ran.out == "story-bcdfgh: draft, \nstory-bcdfgk: draft, ops, later\n"
    ran = work.cli("james", "list", "type:plan", "--format", "tsv")
    assert ran.out == "plan-bcdfgh\tplan\tdraft\tjames\tMove the backups\tplans/p.md\n"
    assert work.cli("james", "list", "type:plan", "--format", "{id}\\t{path}").out.count("\t") == 1
    for form in ("plain", "{idd}", "{id", ""):
        ran = work.cli("james", "list", "--format", form)
        assert (ran.code, "error: " in ran.err) == (2, True), form


def test_a_tab_or_escape_in_a_value_stays_in_its_cell(ledger):
    ledger.write("james", "plans/p.md", text("plan-bcdfgh", '"a\\tb\\e[31m"'))
    ran = ledger.cli("james", "list", "--format", "tsv")
    assert ran.out.split("\t")[4] == "a\\x09b\\x1b[31m"
    assert ledger.cli("james", "list", "--format", "{title}").out == "a\\x09b\\x1b[31m\n"


def test_a_wrong_term_is_named_with_its_place(work):
    ran = work.cli("james", "list", "type:story", "ower:me")
    assert ran.code == 2
    assert "query:1:12: there is no field 'ower'" in ran.err
    assert "did you mean: owner:" in ran.err
    ran = work.cli("james", "list", "-ower:me", "--json")
    assert json.loads(ran.err)["where"] == {"file": "query", "line": 1, "column": 2}
    for query, hint in (('"open', 'title:"a b"'), ("-", "status:draft")):
        ran = work.cli("james", "list", query)
        assert (ran.code, "\nhint:  write " in ran.err, hint in ran.err) == (2, True, True)
    ran = work.cli("james", "list", "--limt", "3")
    assert (ran.code, "no such option" in ran.err.lower()) == (2, True)


def test_list_at_a_terminal_fits_it(work):
    work.write("james", "plans/w.md", text("plan-bcdfgk", "\u6f22\u5b57" * 40))
    out = work.cli("james", "list", tty=True, PAGER="cat").out
    from gitsync.cli.text import width

    assert all(width(line) <= 80 for line in out.splitlines())


# -- ready, blocked, graph ---------------------------------------------------------------------


def test_each_of_several_owners_in_one_text_is_found_and_leaves_room_for_titles(work):
    """Front matter as proposals have it: ``author: one, two``."""
    names = "carol, james (@j), @alice"
    work.write("james", "plans/r.md", text("plan-bcdfgm", "Rent rooms", owner=names))
    for name in ("carol", "alice", '"james (@j)"', f'"{names.upper()}"'):
        assert ids(work.cli("james", "list", f"owner:{name}")) == ["plan-bcdfgm"], name
    shown = work.cli("james", "list", "id:plan-bcdfgm", tty=True, PAGER="cat").out
    assert shown.splitlines()[1].endswith("  carol +2  Rent rooms")
    # A program that reads lines gets the names, and each artifact in one line.
    shown = work.cli("james", "list", "id:plan-bcdfgm").out
    assert names in shown.splitlines()[1]
    assert shown.splitlines()[1].endswith("  Rent rooms")


def test_what_is_gone_or_new_has_no_arrows(work):
    (work.folder("james") / "stories/a.md").unlink()
    work.write("james", "plans/n.md", text("plan-bcdfgn", "New one"))
    found = work.cli("james", "diff").out
    assert "story-bcdfgh  gone  Buy disks\n  id: story-bcdfgh\n" in found
    assert "plan-bcdfgn  new  New one\n  id: plan-bcdfgn\n" in found
    assert "->" not in found


def test_ready_and_blocked(work, document):
    assert ids(work.cli("james", "ready")) == ["plan-bcdfgh", "story-bcdfgh"]
    assert ids(work.cli("james", "ready", "type:story")) == ["story-bcdfgh"]
    out = work.cli("james", "blocked").out.splitlines()
    assert out[1].split() == ["story-bcdfgk", "draft", "story-bcdfgh", "draft", "Buy", "disks"]
    assert out[2].split() == ["story-zzzzzz", "missing", "named", "by", "depends"]
    found = document(work.cli("james", "blocked", "--json").out, "blocked")["artifacts"]
    assert [one["named"] for one in found[0]["waits-for"]] == ["story-bcdfgh", "story-zzzzzz"]
    edit(work, "stories/b.md", ", story-zzzzzz", "")
    edit(work, "stories/a.md", "draft", "approved")
    assert ids(work.cli("james", "ready", "type:story")) == ["story-bcdfgk"]
    assert work.cli("james", "blocked").out == "nothing is blocked\n"
    found = document(work.cli("james", "ready", "--at", "common@2", "--json").out, "ready")
    assert [one["id"] for one in found["artifacts"]] == ["plan-bcdfgh", "story-bcdfgh"]
    assert work.cli("james", "ready", "owner:carol").out.startswith("nothing is ready")


def test_graph_as_a_tree(work, golden):
    golden("graph", work.cli("james", "graph", tty=True, PAGER="cat", NO_COLOR="1").out)
    assert work.cli("james", "graph", "story-bcdfgk").out.startswith("story-bcdfgk  draft")
    edit(work, "plans/p.md", "owner: james", "owner: james\nparent: story-bcdfgk")
    ran = work.cli("james", "graph")
    assert "a circle: it lies below itself" in ran.out
    assert "a circle of links: plan-bcdfgh, story-bcdfgk" in ran.err
    assert ran.out.count("Move the backups") == 1


def test_graph_for_programs(work, document, golden):
    golden("graph-dot", work.cli("james", "graph", "--format", "dot").out)
    golden("graph-mermaid", work.cli("james", "graph", "--format", "mermaid").out)
    found = document(work.cli("james", "graph", "--json").out, "graph")
    assert work.cli("james", "graph", "--format", "json").out == (
        work.cli("james", "graph", "--json").out
    )
    assert {(one["from"], one["means"], one["to"]) for one in found["links"]} == {
        ("story-bcdfgh", "parent", "plan-bcdfgh"), ("story-bcdfgk", "parent", "plan-bcdfgh"),
        ("story-bcdfgk", "after", "story-bcdfgh"), ("story-bcdfgk", "after", None),
    }  # fmt: skip
    assert found["circles"] == []


def test_graph_of_one_says_what_it_hangs_together_with(work, golden):
    shown = work.cli("james", "graph", "story-bcdfgk", tty=True, PAGER="cat", NO_COLOR="1").out
    golden("graph-one", shown)
    edit(work, "plans/p.md", "owner: james", "owner: james\ndepends: [story-bcdfgk]")
    out = work.cli("james", "graph", "story-bcdfgk").out
    assert "before  plan-bcdfgh" in out
    assert "below   plan-bcdfgh" in out


def test_more_than_mermaid_draws_is_said(work, monkeypatch):
    from gitsync.cli import drawing

    drawn = ("james", "graph", "--format", "mermaid")
    assert work.cli(*drawn).err == ""
    monkeypatch.setattr(drawing, "MERMAID_LINKS", 3)
    assert "maxEdges" in work.cli(*drawn).err
    monkeypatch.setattr(drawing, "MERMAID_LINKS", 500)
    monkeypatch.setattr(drawing, "MERMAID_CHARS", 100)
    assert "maxTextSize" in work.cli(*drawn).err
    assert work.cli("james", "graph", "--format", "dot").err == ""


def test_names_and_titles_cannot_break_out_of_a_drawing(ledger):
    evil = '"] ; evil -> x [label="\\\\'
    ledger.write("james", "plans/p.md", text("plan-bcdfgh", json.dumps(evil)))
    dot = ledger.cli("james", "graph", "--format", "dot").out
    assert dot.count("\n") == 4
    assert '\\"] ; evil -> x [label=\\"\\\\' in dot
    drawn = ledger.cli("james", "graph", "--format", "mermaid").out
    assert drawn.splitlines()[1].count('"') == 2
    assert "[label" not in drawn


# -- diff, log, trace --------------------------------------------------------------------------


def test_diff_between_positions_and_files(work, document, golden):
    assert work.cli("james", "diff").out == "no difference\n"
    edit(work, "stories/a.md", "status: draft", "status: committed")
    edit(work, "stories/a.md", "Last line.", "Another line.")
    (work.folder("james") / "plans/p.md").rename(work.folder("james") / "plans/q.md")
    (work.folder("james") / "notes.txt").write_text("x\n")
    golden("diff", work.cli("james", "diff").out)
    found = document(work.cli("james", "diff", "common@2", "--json").out, "diff")
    assert [(one["id"], one["change"]) for one in found["artifacts"]] == [
        ("plan-bcdfgh", "moved"), ("story-bcdfgh", "changed"),
    ]  # fmt: skip
    assert found["files"] == ["notes.txt"]
    assert found["artifacts"][1]["fields"] == [
        {"name": "status", "before": "draft", "after": "committed"}
    ]
    only = work.cli("james", "diff", "story-bcdfgh").out
    assert only.splitlines()[:2] == ["story-bcdfgh  changed  Buy disks",
                                     "  status: draft -> committed"]  # fmt: skip
    assert work.cli("james", "diff", "common@1..common@2", "plan-b").out.startswith(
        "plan-bcdfgh  new  Move the backups\n"
    )
    assert work.cli("james", "diff", "common@2..@2").out == "no difference\n"
    assert work.cli("james", "diff", "common@2..@9").code == 2
    assert work.cli("james", "diff", "plans@2..plan-x").code == 2


def test_diff_takes_two_positions_and_refuses_what_is_none_and_no_artifact(work):
    """No difference is an answer that people act on."""
    span = work.cli("james", "diff", "common@1..common@2")
    assert "plan-bcdfgh  new" in span.out
    for pair in (("common@1", "common@2"), ("@1", "@2")):
        assert work.cli("james", "diff", *pair).out == span.out
    for args in (("nonsense",), ("common@1", "nonsense"), ("common@1..common@2", "nonsense")):
        ran = work.cli("james", "diff", *args)
        assert (ran.code, "no artifact's id begins with 'nonsense'" in ran.err) == (2, True)
    assert work.cli("james", "diff", "story-bcdfgh").out == "no difference\n"


def test_log_and_trace_of_one_artifact(work, document, golden):
    edit(work, "stories/a.md", "status: draft", "status: committed")
    assert work.cli("james", "propose", "-m", "Commit it", "--slug", "second").code == 0
    pending = document(work.cli("james", "trace", "story-bcdfgh", "--json").out, "trace")
    assert [(one["position"], one["proposal"]["state"]) for one in pending["steps"]] == [
        (None, "pending"), ("common@2", "accepted"),
    ]  # fmt: skip
    work.clock.tick()
    work.witness()
    work.pull("james")
    golden("log-artifact", work.cli("james", "log", "story-bcdfgh").out)
    golden("trace", work.cli("james", "trace", "story-bcdfgh").out)
    entries = document(work.cli("james", "log", "story-bcdfgh", "--json").out, "log")["entries"]
    assert [one["position"] for one in entries] == ["common@3", "common@2"]
    assert entries[0]["change"]["fields"][0]["name"] == "status"
    assert work.cli("james", "log", "plan-bcdfgh").out.startswith("common@2")
    assert work.cli("james", "log", "-n", "1", "story-bcdfgh").out.startswith("common@3")
    steps = document(work.cli("james", "trace", "story-bcdfgh", "--json").out, "trace")["steps"]
    assert steps[0]["proposal"]["receipt"]["outcome"] == "accepted"
    for command in ("log", "trace"):
        ran = work.cli("james", command, "story-none")
        assert (ran.code, "no artifact's id begins with" in ran.err) == (2, True)
        ran = work.cli("james", command, "story-b")
        assert (ran.code, "2 artifacts' ids begin with" in ran.err) == (2, True)


def test_an_artifact_that_is_gone_still_has_its_history(work):
    (work.folder("james") / "stories/a.md").unlink()
    work.cli("james", "propose", "-m", "Drop it", "--slug", "drop")
    work.clock.tick()
    work.witness()
    work.pull("james")
    out = work.cli("james", "log", "story-bcdfgh").out
    assert [line.split()[0] for line in out.splitlines() if line.startswith("common")] == [
        "common@3", "common@2",
    ]  # fmt: skip
    assert "gone" in work.cli("james", "trace", "story-bcdfgh").out


def test_a_refused_proposal_is_part_of_the_trace(ledger):
    ledger.propose("alice", "plans/c.md", text("plan-bcdfgh", "A"), "c")
    ledger.clock.tick()
    ledger.propose("james", "plans/c.md", text("plan-bcdfgh", "B"), "clash")
    ledger.witness()
    assert ledger.cli("james", "pull").code == 1  # the two are in each other's way
    out = ledger.cli("james", "trace", "plan-bcdfgh").out
    assert "refused  Change plans/c.md" in out
    assert "receipt: refused, " in out


# -- how old it is -----------------------------------------------------------------------------

COMMANDS = [["list"], ["ready"], ["blocked"], ["graph"], ["diff"], ["log"], ["status"],
            ["proposals"], ["show", "plan-b"], ["trace", "plan-b"]]  # fmt: skip


@pytest.mark.parametrize("args", COMMANDS, ids=lambda args: args[0])
def test_every_reading_command_says_how_old_it_is(work, document, args):
    work.cli("james", "snapshot")
    work.clock.tick(7200)
    ran = work.cli("james", *args, "--fresh")
    assert ran.code == 0
    said = ran.err.splitlines()
    assert "as of:" in said
    assert "  common@2  verified 2 hours ago, sealed 2026-01-01 00:01 UTC" in said
    assert any(line.startswith("  james@1   of 2026-01-01 00:01 UTC, yours") for line in said)
    found = json.loads(work.cli("james", *args, "--fresh", "--json").out)
    document(json.dumps(found), found["schema"].split("/")[1])
    assert found["fresh"][0] == {
        "domain": "common", "position": "common@2", "stated": "2026-01-01T00:01:00Z",
        "heard": "2026-01-01T00:01:00Z", "source": "origin",
    }  # fmt: skip
    assert "fresh" not in json.loads(work.cli("james", *args, "--json").out)


def test_other_people_s_domains_are_as_old_as_the_last_contact(work):
    work.cli("alice", "snapshot", "-m", "Mine")
    work.cli("alice", "push")
    work.clock.tick(3600)
    work.pull("james")
    work.clock.tick(3600)
    err = work.cli("james", "list", "--fresh").err
    assert "  alice     of 2026-01-01 00:01 UTC, origin asked 1 hour ago\n" in err


@pytest.mark.parametrize(
    ("query", "said"),
    [
        (["status:wrong"], "no status is called 'wrong'; there are draft, committed, approved\n"),
        (["type:stroy"], "no type is called 'stroy'; there are plan, story, runbook\n"),
        (["type:stroy,plan", "status:approved"],
         "no type is called 'stroy'; there are plan, story, runbook\n"),
        (["status:approved"], ""),
        (["status:approved", "-status:wrong"], ""),
        (["nowhere"], ""),
    ],
)  # fmt: skip
def test_where_nothing_fits_a_state_that_is_none_is_named(work, query, said):
    ran = work.cli("james", "list", *query)
    assert (ran.code, ran.out, ran.err) == (0, "nothing fits this query\n", said)
    assert work.cli("james", "list", *query, "--json").err == ""


def test_a_state_that_only_an_old_artifact_has_is_one(work):
    work.write("james", "plans/old.md", text("plan-bcdfgm", "Old", status="retired"))
    ran = work.cli("james", "list", "status:retired", "type:story")
    assert (ran.out, ran.err) == ("nothing fits this query\n", "")


def test_a_difference_that_no_line_shows_is_said(work):
    file = work.folder("james") / "plans" / "p.md"
    raw = file.read_bytes()
    file.write_bytes(raw.replace(b"\n", b"\r\n"))
    wanted = "plan-bcdfgh  changed  Move the backups\n  only {}\n"
    assert work.cli("james", "diff").out == wanted.format("its line ends")
    file.write_bytes(raw.replace(b"status: draft", b"status:   draft"))
    assert work.cli("james", "diff").out == wanted.format("how its fields are written")
    file.write_bytes(raw.replace(b"status: draft", b"status: committed"))
    assert "only" not in work.cli("james", "diff").out


def test_a_type_that_only_an_artifact_has_is_one(work):
    odd = text("plan-bcdfgm", "Odd").replace("type: plan", "type: Odd")
    work.write("james", "plans/odd.md", odd)
    assert "plan-bcdfgm" in work.cli("james", "list", "type:odd").out
    ran = work.cli("james", "list", "type:odd", "owner:nobody")
    assert (ran.out, ran.err) == ("nothing fits this query\n", "")


# -- completion --------------------------------------------------------------------------------


def run(ledger, args, **env):
    """The installed command in a process of its own, as a shell calls it."""
    folder = Path(sys.executable).parent
    done = subprocess.run(
        args, cwd=ledger.folder("james"), capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", **env},
    )  # fmt: skip
    return done.stdout.splitlines(), done.stderr


def complete(ledger, words):
    at = str(len(words.split()) - 1)
    env = {"_GITSYNC_COMPLETE": "zsh_complete", "COMP_WORDS": words, "COMP_CWORD": at}
    found, err = run(ledger, ["gitsync"], **env)
    assert err == ""
    return found[1::3]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("gitsync list sta", {"status:"}),
        ("gitsync list status:c", {"status:committed"}),
        ("gitsync list -status:draft,a", {"-status:draft,approved"}),
        ("gitsync list type:s", {"type:story"}),
        ("gitsync list is:o", {"is:open"}),
        ("gitsync list owner:", {"owner:me", "owner:james"}),
        ("gitsync list parent:story-bcdfgk", {"parent:story-bcdfgk"}),
        ("gitsync list tag:o", {"tag:ops"}),
        ("gitsync graph st", {"story-bcdfgh", "story-bcdfgk"}),
        ("gitsync trace pl", {"plan-bcdfgh"}),
        ("gitsync diff common@", {"common@2", "common@1", "common@2..common",
                                  "common@1..common"}),
        ("gitsync list --at common@", {"common@2", "common@1"}),
        ("gitsync export common@", {"common@2", "common@1"}),
        ("gitsync export common --format j", {"json"}),
    ],
)  # fmt: skip
def test_the_shell_is_offered(work, words, wanted):
    assert set(complete(work, words)) == wanted


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("list status:c", ["committed"]), ("list status:", ["draft", "committed", "approved"]),
        ("list type:story -status:draft,a", ["draft,approved"]), ("list is:o", ["open"]),
        ("graph story-bcdfgk", ["story-bcdfgk"]), ("list --at common@2", ["2"]),
        ("diff common@1..common", ["1..common"]), ("list sta", ["status:"]),
        ("list type:story own", ["owner:"]), ("ready ", None),
    ],
)  # fmt: skip
def test_bash_itself_completes_terms(work, line, wanted):
    """In a real bash, which takes colons and at signs for the ends of words."""
    script = f"""
        eval "$(gitsync completion bash)"
        COMP_LINE='gitsync {line}' COMP_POINT=${{#COMP_LINE}}; COMP_POINT=${{#COMP_LINE}}
        _gitsync_completion gitsync 2>/dev/null
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    found, err = run(work, ["bash", "-c", script])
    assert found == wanted if wanted is not None else "status:" in found, err


@pytest.mark.skipif(shutil.which("fish") is None, reason="no fish here: apt install fish")
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("list status:c", {"status:committed"}), ("list type:story -status:draft,a",
                                                  {"-status:draft,approved"}),
        ("show story-bcdfgk", {"story-bcdfgk"}), ("diff common@1..", {"common@1..common"}),
        ("list sta", {"status:"}), ("sta", {"state", "status"}), ("-C /", {"/tmp/", "/usr/"}),
    ],
)  # fmt: skip
def test_fish_itself_completes(work, line, wanted):
    script = f"gitsync completion fish | source; complete -C 'gitsync {line}'"
    found, err = run(work, ["fish", "--no-config", "-c", script])
    names = {one.partition("\t")[0] for one in found}
    assert wanted <= names if line == "-C /" else names == wanted, err


@pytest.mark.skipif(shutil.which("zsh") is None, reason="no zsh here: apt install zsh")
@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("list status:c", "list status:committed "),
        ("list sta", "list status:"),  # a value is to follow: no blank
        ("list type:story -status:draft,a", "list type:story -status:draft,approved "),
        ("show story-bcdfgk", "show story-bcdfgk "),
        ("diff common@1..com", "diff common@1..common "),
        ("compl", "completion "),
    ],
)
def test_zsh_itself_completes(work, tmp_path, line, wanted):
    """In a real zsh at a terminal: a tab, then a key that has it print its line."""
    folder = Path(sys.executable).parent
    env = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "TERM": "dumb"}
    (tmp_path / "begin").write_text(
        "PS1='READY> '; unsetopt zle_bracketed_paste; autoload -U compinit; compinit -u -D\n"
        "source <(gitsync completion zsh)\nbindkey '^I' complete-word\n"
        "told() { zle -I; print -r -- \"[$BUFFER]\" }\nzle -N told; bindkey '^T' told\n"
    )
    with Terminal(["zsh", "-f", "-i"], work.folder("james"), env) as zsh:
        zsh.type(f"source {tmp_path}/begin\n")
        zsh.wait("READY> ")
        zsh.type(f"gitsync {line}\t")
        zsh.type("\x14")
        zsh.wait(f"[gitsync {wanted}]")


class Terminal:
    """A program at a pseudo-terminal."""

    def __init__(self, args, folder, env):
        self._args, self._folder, self._env = args, folder, env
        self._seen = ""

    def __enter__(self):
        inner, outer = pty.openpty()
        fcntl.ioctl(outer, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self._fd = inner
        self._child = subprocess.Popen(
            self._args, cwd=self._folder, env=self._env, stdin=outer, stdout=outer, stderr=outer,
            start_new_session=True,
        )  # fmt: skip
        os.close(outer)
        return self

    def __exit__(self, *_):
        self._child.kill()
        self._child.wait()
        os.close(self._fd)

    def type(self, text):
        os.write(self._fd, text.encode())

    def wait(self, text):
        """Until the text was shown since the last time, at most a minute."""
        end = time.monotonic() + 60
        while text not in self._seen:
            ready, _, _ = select.select([self._fd], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} did not come: {self._seen!r}"
            self._seen += os.read(self._fd, 1 << 16).decode("utf-8", "replace")
        self._seen = self._seen.partition(text)[2]
