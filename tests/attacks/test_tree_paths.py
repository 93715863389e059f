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


# -- by stock git -----------------------------------------------------------------------------

NAMES = {
    "dots": b"..", "dot": b".", "own": b".git", "case": b".GiT", "short": b"GIT~1",
    "absolute": b"/etc", "back": b"a\\b", "stream": b"a:b", "hidden": b".g\xe2\x80\x8cit",
}  # fmt: skip


def test_paths_that_escape_hide_or_collide(ledger, hand, stock):
    """``..``, absolute, ``.git`` however spelt, twins by case or normal form, links, submodules and
    the exec bit are refused, although stock git stores and transfers them."""
    james = stock("james")
    james.start()
    blob = james.git("hash-object", "-w", "--stdin", stdin=b"x\n")
    root = james.git("ls-tree", "HEAD", "-z").encode()
    listing = [line for line in root.split(b"\0") if line]

    def offered(name: str, *entries: bytes) -> None:
        raw = b""
        for entry in sorted((*listing, *entries), key=lambda one: one.partition(b"\t")[2]):
            mode, _, oid = entry.partition(b"\t")[0].split()
            raw += mode.lstrip(b"0") + b" " + entry.partition(b"\t")[2] + b"\0" + bytes.fromhex(
                oid.decode()
            )  # fmt: skip
        commit = james.git("commit-tree", "-S", "-p", "HEAD", "-m", "x", james.raw("tree", raw))
        james.propose(f"james/{name}", commit)

    def file(path: bytes, mode: bytes = b"100644", oid: str = blob) -> bytes:
        return mode + b" x " + oid.encode() + b"\t" + path

    for name, path in NAMES.items():
        offered(name, file(path))
    offered("link", file(b"link.md", b"120000"))
    offered("sub", file(b"sub", b"160000", "12" * 20))
    offered("exec", file(b"run.md", b"100755"))
    offered("twins", file(b"A.md"), file(b"a.md"))
    offered("forms", file("\u00e9.md".encode()), file("e\u0301.md".encode()))
    james.change({"Docs/one.md": b"1\n"})
    james.propose("james/folder")
    hand.propose("carol/docs", hand.change("carol", {"docs/two.md": b"2\n"}, seconds=hand.now - 9))
    ledger.witness()
    found = {name: hand.rule(f"james/{name}") for name in NAMES if name != "absolute"}
    assert found == dict.fromkeys(found, "path.name")
    assert hand.rule("james/absolute") == "tree.malformed"
    modes = {hand.rule(f"james/{name}") for name in ("link", "sub", "exec")}
    assert modes == {"path.mode"}
    twins = {hand.rule(f"james/{name}") for name in ("twins", "forms", "folder")}
    assert twins == {"path.collision"}
    assert hand.number() == 2, "what is fine has landed, and nothing else"


def test_a_proposal_edits_a_workflow_or_names_a_ci_path(ledger, hand, stock):
    """What a forge would run is changed by no proposal, whoever approves it."""
    alice = stock("alice")
    paths = (".github/workflows/x.yml", ".GitHub/Workflows/x.yml", ".gitlab-ci.yml",
             ".forgejo/workflows/x.yml", "Jenkinsfile", ".pre-commit-config.yaml",
             ".husky/pre-push", "docs/.gitattributes", ".gitmodules")  # fmt: skip
    for number, path in enumerate(paths):
        alice.change({path: b"on: push\n"})
        proposal = alice.propose(f"alice/ci{number}")
        hand.approve("james", proposal)
        hand.approve("carol", proposal)
    ledger.witness()
    found = {path: hand.rule(f"alice/ci{number}") for number, path in enumerate(paths)}
    assert found == dict.fromkeys(paths, "policy.denied-path")
    assert hand.number() == 1
