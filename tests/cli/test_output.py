"""The terminal writer: safe text, widths, tables, progress."""

from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitsync.cli import text
from gitsync.cli.output import Output, Streams, json_text, pager_command
from gitsync.cli.progress import Progress

BAD = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


@given(st.text())
def test_clean_text_has_nothing_that_a_terminal_acts_on(value):
    shown = text.clean(value)
    assert not [c for c in shown if unicodedata.category(c) in BAD - {"Cf"}]
    assert not [c for c in shown if unicodedata.category(c) == "Cf" and c not in "\u200c\u200d"]
    if value.isascii() and value.isprintable():
        assert shown == value


@given(st.text(), st.integers(1, 60))
def test_cut_text_fits(value, cells):
    shown = text.cut(text.clean(value), cells)
    assert text.width(shown) <= cells


@given(st.lists(st.text(st.characters(categories=["Ll", "Lo"]), min_size=1, max_size=12)))
def test_wrapping_loses_no_word(words):
    lines = list(text.wrap(" ".join(words), 20))
    assert " ".join(lines).split() == words
    assert all(text.width(line) <= 20 or " " not in line for line in lines)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\x1bb", "a\\x1bb"),
        ("\u202e", "\\u202e"),
        ("a\nb", "a\\x0ab"),
        ("\udc9b", "\\x9b"),
        ("\U000e0001", "\\U000e0001"),
        ("na\u00efve \u65e5\u672c", "na\u00efve \u65e5\u672c"),
    ],
)
def test_clean(value, shown):
    assert text.clean(value) == shown


def test_widths():
    assert text.width("\u65e5\u672c") == 4
    assert text.width("e\u0301") == 1
    assert text.pad("\u65e5", 4) == "\u65e5  "
    assert text.ago(100, 160) == "1 minute ago"
    assert text.ago(200, 100) == "in the future"
    assert text.day(10**18).endswith("after 1970")


class Terminal(io.StringIO):
    def __init__(self, *, tty=False):
        super().__init__()
        self.isatty = lambda: tty


def terminal(columns=None, *, tty=False):
    out, err = Terminal(tty=tty), Terminal(tty=tty)
    env = {"COLUMNS": columns} if columns else {}
    return Output(Streams(Terminal(), out, err), env, lambda: 0.0), out


def test_the_width_is_the_terminals_or_80():
    assert terminal()[0].width == 80
    assert terminal("120")[0].width == 80
    assert terminal("120", tty=True)[0].width == 120
    assert terminal("7", tty=True)[0].width == 40


def test_prose_about_a_result_is_broken_on_a_terminal_and_whole_elsewhere():
    said = "a plan is held by james, " * 6
    for tty, count in ((True, 3), (False, 1)):
        out, _ = terminal("80", tty=tty)
        out.told("error: ", said, " " * 7)
        lines = out.streams.stderr.getvalue().splitlines()
        assert len(lines) == count
        assert lines[0].startswith("error: a plan")
        assert all(len(line) <= 80 for line in lines) == tty
    out, _ = terminal("80", tty=True)
    out.told("error: ", said, " " * 7)
    assert out.streams.stderr.getvalue().splitlines()[1].startswith(" " * 7 + "james")


@pytest.mark.parametrize(
    ("hint", "lines"),
    [
        ("gitsync resolve " + "a" * 70, ["gitsync resolve " + "a" * 70]),
        (
            "take it over all the same, when you have asked: gitsync claim plan-k7x --take-over",
            [
                "take it over all the same, when you have asked:",
                "gitsync claim plan-k7x --take-over",
            ],
        ),
        (
            "ask james, or, in the role for it: gitsync lock break 1 --reason WHY; tell him so",
            [
                "ask james, or, in the role for it: gitsync lock break 1 --reason WHY;",
                "tell him so",
            ],
        ),
        (
            "let it last shorter: --for 4h, and renew it as you go, hourly: gitsync lock renew",
            [
                "let it last shorter: --for 4h, and renew it as you go, hourly:",
                "gitsync lock renew",
            ],
        ),
        (
            "gitsync resolve   # lists what conflicts and settles it; then, at last, also: git log",
            [
                "gitsync resolve   # lists what conflicts and settles it; then, at last,",
                "also: git log",
            ],
        ),
        (
            "sign again with git and ssh-keygen, or with gitsync, whatever of the three you have",
            [
                "sign again with git and ssh-keygen, or with gitsync, whatever of the",
                "three you have",
            ],
        ),
    ],
)
def test_a_hint_is_broken_around_its_commands(hint, lines):
    out, _ = terminal("80", tty=True)
    out.told("hint:  ", hint, " " * 7, hint=True)
    shown = out.streams.stderr.getvalue().splitlines()
    assert [line[7:] for line in shown] == lines
    out, _ = terminal("80")
    out.told("hint:  ", hint, " " * 7, hint=True)
    assert out.streams.stderr.getvalue() == f"hint:  {hint}\n"


@given(st.lists(st.sampled_from(["git", "log", "--all", "a:", "b,", "c;", "'d,", "e'", "", "or"])))
def test_a_broken_hint_has_the_words_it_had(words):
    for cells in (10, 30):
        shown = " ".join(text.wrap_hint(" ".join(words), cells))
        assert shown.split() == " ".join(words).split()


def test_a_table_fits_and_cuts_or_goes_on_in_its_last_column():
    out, stream = terminal("80", tty=True)
    out.table(("A", "B"), [("x", "word " * 30), ("longer", "y")])
    lines = stream.getvalue().splitlines()
    assert [line[:9] for line in lines] == ["A       B", "x       w", "longer  y"]
    assert max(map(len, lines)) <= 80
    assert lines[1].endswith("...")
    out, stream = terminal()
    out.table(("A", "B"), [("x", "word " * 30)], whole=True)
    assert stream.getvalue().count("word") == 30
    out, stream = terminal()
    out.table(("A", "B"), [("x", "word " * 30)])
    assert stream.getvalue().count("word") == 30  # somebody may search in it


def test_a_table_that_leaves_its_last_column_no_room_puts_it_below():
    out, stream = terminal("80", tty=True)
    name = "james/" + "a" * 50
    out.table(("A", "B", "C"), [(name, "b" * 20, "word " * 30), ("short", "b", "c")])
    lines = stream.getvalue().splitlines()
    assert lines[1].split() == [name, "b" * 20]
    assert lines[2].startswith("    word word")
    assert lines[3].split() == ["short", "b"]
    assert lines[4] == "    c"
    assert max(map(len, lines)) <= 80


def test_json_holds_no_control_character():
    shown = json_text({"a": "\x7f\x1b\u202e\udc80"}, indent=None)
    assert shown.isascii()
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("env", "command"),
    [
        ({}, ["less"]),
        ({"PAGER": "more -s"}, ["more", "-s"]),
        ({"PAGER": "more", "GIT_PAGER": ""}, []),
        ({"GIT_PAGER": "cat"}, []),
        ({"PAGER": "'"}, []),
    ],
)
def test_the_pager_is_gits(env, command):
    assert pager_command(env) == command


def test_progress_waits_a_second_and_wipes_itself():
    now = [0.0]
    stream = Terminal(tty=True)
    progress = Progress(stream, lambda: now[0])
    progress("verifying snapshots", 1, 10)
    now[0] = 0.9
    progress("verifying snapshots", 2, 10)
    assert stream.getvalue() == ""
    now[0] = 1.1
    progress("verifying snapshots", 3, 10)
    assert stream.getvalue() == "\r\x1b[Kverifying snapshots: 3 of 10 (30%)"
    progress.clear()
    progress.clear()
    assert stream.getvalue().endswith("(30%)\r\x1b[K")
    silent = Terminal()
    Progress(silent, lambda: 9.0)("x", 1, 2)
    assert silent.getvalue() == ""
