"""Paths and modes that some reader's file system cannot hold, or that git or CI would act on."""

from __future__ import annotations

import pytest

from tests.attacks.kit import (
    refused,
)

EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@pytest.mark.parametrize(
    ("mode", "rule"),
    [(b"120000", "path.mode"), (b"100755", "path.mode"), (b"100664", "path.mode")],
)
def test_odd_modes_are_refused(ledger, hand, mode, rule):
    tree = hand.with_entry(mode, b"link.md", hand.blob(b"/etc/passwd"))
    assert refused(ledger, hand, hand.commit("james", tree)) == rule


def test_a_submodule_is_refused_and_stops_nothing(ledger, hand):
    tree = hand.with_entry(b"160000", b"sub", "12" * 20)
    assert refused(ledger, hand, hand.commit("james", tree)) == "path.mode"


@pytest.mark.parametrize(
    "name",
    [
        b"..", b".", b".git", b".GIT", b".g\xe2\x80\x8cit", b"git~1", b".git ", b"GIT~1",
        b"a\\b", b"a:b", b"con", b"NUL.md", b"trailing.", b"trailing ", b"esc\x1b[31m.md",
        b"line\nbreak.md", b"\xe2\x80\xaebidi.md", b"\xff\xfe.md", b"x" * 201 + b".md",
        b".gitattributes", b".gitmodules", b"tab\t.md", b"del\x7f.md", b"soft\xc2\xadhyphen.md",
    ],
)  # fmt: skip
def test_paths_that_some_reader_cannot_hold_are_refused(ledger, hand, name):
    tree = hand.with_entry(b"100644", name, hand.blob(b"x\n"))
    rule = refused(ledger, hand, hand.commit("james", tree))
    assert rule in ("path.name", "policy.denied-path", "path.too-long")


@pytest.mark.parametrize("name", [b".git", b"..", b"plain", b"con", b".GIT\xe2\x80\x8d"])
def test_a_folder_with_nothing_in_it_is_refused_whatever_its_name(ledger, hand, name):
    """No file of it differs, so nothing would look at its name; stock fsck refuses the ledger."""
    hand.facts.store.write("tree", b"")
    oid = hand.commit("james", hand.with_entry(b"40000", name, EMPTY))
    assert refused(ledger, hand, oid) in ("path.empty-folder", "path.name")


def test_an_empty_folder_deep_inside_is_refused(ledger, hand):
    hand.facts.store.write("tree", b"")
    inner = hand.raw_tree((b"40000", b"x", EMPTY))
    oid = hand.commit("james", hand.with_entry(b"40000", b"deep", inner))
    assert refused(ledger, hand, oid) == "path.empty-folder"


def test_a_file_that_is_a_folder_s_listing_is_refused(ledger, hand):
    """Stock git transfers it, and then nobody can check the tree out."""
    target = hand.tree({"a.md": b"a\n"})
    oid = hand.commit("james", hand.with_entry(b"100644", b"strange.txt", target))
    assert refused(ledger, hand, oid) == "object.kind"


def test_case_twins_in_one_proposal_are_refused(ledger, hand):
    oid = hand.change("james", {"docs/a.md": b"a\n", "docs/A.md": b"A\n"})
    assert refused(ledger, hand, oid) == "path.collision"


def test_folder_twins_are_refused(ledger, hand):
    oid = hand.change("james", {"docs/a.md": b"a\n", "Docs/b.md": b"A\n"})
    assert refused(ledger, hand, oid) == "path.collision"


def test_normalisation_twins_are_refused(ledger, hand):
    oid = hand.change("james", {"caf\u00e9.md": b"a\n", "cafe\u0301.md": b"A\n"})
    assert refused(ledger, hand, oid) == "path.collision"


def test_case_twins_of_two_proposals_meet_and_the_second_is_refused(ledger, hand):
    hand.propose("james/one", hand.change("james", {"Readme.md": b"a\n"}))
    hand.propose("carol/two", hand.change("carol", {"README.md": b"b\n"}))
    ledger.witness()
    assert sorted([hand.rule("james/one"), hand.rule("carol/two")]) == [
        "ledger.accepted",
        "path.collision",
    ]


@pytest.mark.parametrize(
    "path", [".github/workflows/x.yml", ".GitHub/Workflows/x.yml", "Jenkinsfile", ".husky/x"]
)
def test_paths_that_ci_executes_are_denied(ledger, hand, path):
    oid = hand.change("james", {path: b"evil\n"})
    assert refused(ledger, hand, oid) == "policy.denied-path"


def test_a_bad_path_that_a_later_commit_removes_is_refused_all_the_same(ledger, hand):
    bad = hand.change("james", {".github/workflows/x.yml": b"evil\n"})
    assert refused(ledger, hand, hand.change("james", {".github/workflows/x.yml": None}, bad)) == (
        "policy.denied-path"
    )
