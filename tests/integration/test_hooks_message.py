"""``commit-msg``: trailers typed by hand."""

from __future__ import annotations

import pytest

from gitsync.services.messages import as_committed
from tests.integration.hookkit import Clone

ID = "1" * 40


@pytest.fixture
def clone(ledger):
    return Clone(ledger)


def say(clone, *trailers):
    return ("commit", "--allow-empty", "-m", "Subject", "-m", "\n".join(trailers))


@pytest.mark.parametrize(
    "trailers",
    [
        ("Reviewed-by: carol",),
        (f"After: {ID}",),
        ("Gitsync-Kind: proposal", "Gitsync-Ref: refs/heads/proposals/james/x"),
        ("After: noon, we went home. That is no trailer, for this line", "makes it a text."),
    ],
)
def test_what_may_be_said(clone, trailers):
    assert clone.ok(*say(clone, *trailers)).err == ""


@pytest.mark.parametrize(
    "trailers",
    [
        ("After: plan-b",),
        ("Approves: 1234567",),
        ("approves: alice/budget",),
        ("Gitsync-Lease: first",),
        ("Gitsync-Ledger: common",),
    ],
)
def test_an_id_that_is_none(clone, trailers):
    done = clone.refused(*say(clone, *trailers), code="trailer.malformed")
    assert "git rev-parse" in done.err


def test_a_trailer_said_twice(clone):
    clone.refused(
        *say(clone, "Gitsync-Kind: proposal", "Gitsync-Kind: state"), code="trailer.repeated"
    )


@pytest.mark.parametrize(
    "trailers",
    [
        ("Gitsync-Kind: snapshot",),
        ("Gitsync-Kind: receipts",),
        ("Gitsync-Space: common", "Gitsync-Number: 7"),
        (f"Gitsync-Approval: carol {ID}",),
        (f"Gitsync-Ledger: {ID}",),
        ("Gitsync-Ref: refs/heads/proposals/carol/x",),
        (f"Gitsync-Withdraws: {ID}",),
    ],
)
def test_a_claim_that_nobody_could_believe(clone, trailers):
    clone.refused(*say(clone, *trailers), code="trailer.claim")


def test_an_approval_stands_on_what_it_names_and_changes_nothing(clone):
    clone.refused(*say(clone, f"Approves: {ID}"), code="trailer.claim")
    here = clone.head()
    clone.stage("notes/n.txt", "x\n")
    clone.refused("commit", "-m", "Yes", "-m", f"Approves: {here}", code="trailer.claim")
    clone.ok("rm", "-q", "--cached", "notes/n.txt")
    clone.ok("commit", "-q", "--allow-empty", "-m", "Yes", "--trailer", f"Approves: {here}")
    clone.ok("commit", "-q", "--allow-empty", "--amend", "--no-edit")


def test_comments_and_the_change_below_the_scissors_are_no_message(clone, tmp_path):
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\n{ echo Subject; echo; echo "# After: b"; cat "$1"; } >"$1.new"\n'
                      'mv "$1.new" "$1"\n')  # fmt: skip
    editor.chmod(0o755)
    clone.stage("notes/n.txt", "Gitsync-Kind: snapshot\nAfter: b\n")
    done = clone.ok("commit", "-q", "--verbose", env={"GIT_EDITOR": str(editor)})
    assert done.err == ""


def test_words_on_a_branch_of_code_are_words(clone):
    clone.ok("switch", "-q", "--orphan", "code")
    clone.ok("commit", "-q", "--allow-empty", "-m", "First")
    assert clone.ok(*say(clone, "After: lunch")).err == ""


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (b"S\n\nAfter: b  \n# no\n", b"S\n\nAfter: b\n"),
        (b"S\n\n\n\nT\n", b"S\n\nT\n"),
        (b"S\n# ------------------------ >8 ------------------------\n\nAfter: b\n", b"S\n"),
        (b"\n\n# only a comment\n", b"\n"),
    ],
)
def test_the_message_is_read_as_git_will_store_it(text, kept):
    assert as_committed(text) == kept
