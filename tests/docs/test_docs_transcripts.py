"""The README, the tutorial and the guides say what really happens: every line of them is run."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.docs.transcript import Bindings, Shell, TranscriptError, play, steps

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    page
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
    if "```console\n" in page.read_text("utf-8")
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page_says_what_happens(page: Path, tmp_path: Path) -> None:
    assert play(page, tmp_path) > 0


def test_the_main_pages_are_transcripts() -> None:
    names = {page.name for page in PAGES}
    assert {"README.md", "first-ledger.md", "plain-git.md", "agents.md"} <= names


def test_the_founding_story_plays(tmp_path: Path) -> None:
    shell = Shell.open(tmp_path)
    code, lines = shell.run(f"'{sys.executable}' '{ROOT}/docs/demo/founding_story.py'")
    assert code == 0, "\n".join(lines[-40:])
    assert any("common@2" in line for line in lines)


def page_of(tmp_path: Path, text: str) -> Path:
    page = tmp_path / "page.md"
    page.write_text(text)
    return page


def test_a_wrong_output_is_noticed(tmp_path: Path) -> None:
    page = page_of(tmp_path, "```console\n$ echo one\ntwo\n```\n")
    with pytest.raises(TranscriptError, match="it printed"):
        play(page, tmp_path / "home")


def test_a_wrong_exit_code_is_noticed(tmp_path: Path) -> None:
    page = page_of(tmp_path, "```console\n$ false\n```\n")
    with pytest.raises(TranscriptError, match="exit 1"):
        play(page, tmp_path / "home")


def test_output_that_the_page_leaves_out_is_noticed(tmp_path: Path) -> None:
    page = page_of(tmp_path, "```console\n$ echo one\n```\n")
    with pytest.raises(TranscriptError):
        play(page, tmp_path / "home")


def test_ids_mean_the_same_thing_throughout() -> None:
    bound = Bindings()
    assert bound.line("made plan-k7x2mq at 1234abc", "made plan-bbbbbb at 9f9f9f9")
    assert bound.command("show plan-k7x2mq 1234abc") == "show plan-bbbbbb 9f9f9f9"
    assert not bound.line("again plan-k7x2mq", "again plan-cccccc")
    assert not bound.line("the same plan-dddddd", "the same plan-bbbbbb")
    assert not bound.line("the same abc1234", "the same 9f9f9f9")


def test_lines_can_be_left_out_and_folders_are_kept(tmp_path: Path) -> None:
    text = "```console\n$ mkdir -p a/b\n$ cd a/b\n$ seq 5; pwd\n1\n...\n/home/you/a/b\n```\n"
    page = page_of(tmp_path, text)
    assert [step.command for step in steps(text)] == ["mkdir -p a/b", "cd a/b", "seq 5; pwd"]
    assert play(page, tmp_path / "home") == 3


def test_update_writes_what_is_printed(tmp_path: Path) -> None:
    page = page_of(tmp_path, "```console\n$ echo new\nold\n$ echo 2\n2\n```\nend\n")
    play(page, tmp_path / "home", update=True)
    assert page.read_text() == "```console\n$ echo new\nnew\n$ echo 2\n2\n```\nend\n"
