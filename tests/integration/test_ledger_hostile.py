"""What a proposer must not get into the ledger, and must not be able to stop it with."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import invariants
import pytest
from ledgerkit import Hand, check, git, plan

from gitsync.codec.gitobjects import encode_commit
from gitsync.codec.sshsig import encode, parse
from gitsync.domain.objects import Commit, Oid, Signature

if TYPE_CHECKING:
    from collections.abc import Callable

EMPTY = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.fixture
def hand(ledger) -> Hand:
    return Hand(ledger)


def refused(ledger, hand: Hand, oid: Oid, name: str = "james/x") -> str | None:
    """The rule that the witness gives; an honest proposal beside it has to land all the same."""
    before = hand.number()
    hand.propose(name, oid)
    honest = hand.change("carol", {f"honest-{oid[:8]}.md": b"fine\n"})
    hand.propose(f"carol/h{oid[:8]}", honest)
    ledger.witness()
    assert hand.rule(f"carol/h{oid[:8]}") == "ledger.accepted", "a poison proposal blocked others"
    assert hand.number() == before + 1, "the poison proposal landed"
    check(ledger)
    return hand.rule(name)


# -- signatures -------------------------------------------------------------------------------


def test_an_unsigned_proposal_is_refused(ledger, hand):
    assert refused(ledger, hand, hand.change(None, {"a.md": b"a\n"})) == "signature.missing"


def test_a_stranger_s_key_is_refused(ledger, hand):
    assert (
        refused(ledger, hand, hand.change("mallory", {"a.md": b"a\n"})) == "signature.unknown-key"
    )


def _signed(hand: Hand, alter: Callable[[bytes], bytes]) -> Oid:
    """James's commit with its signature's text altered."""
    good = hand.facts.commit(hand.change("james", {"a.md": b"a\n"}))
    return hand.facts.store.write(
        "commit", encode_commit(replace(good, signature=alter(good.signature)))
    )


def _plus_order(armoured: bytes) -> bytes:
    sig = parse(armoured)
    second = int.from_bytes(sig.signature[32:], "little") + ORDER
    return encode(replace(sig, signature=sig.signature[:32] + second.to_bytes(32, "little")))


def _wider(armoured: bytes) -> bytes:
    begin, *lines, end = armoured.split(b"\n")
    body = b"".join(lines)
    return b"\n".join([begin, *(body[at : at + 76] for at in range(0, len(body), 76)), end])


@pytest.mark.parametrize(
    ("alter", "rule"),
    [
        (_plus_order, "signature.malleable"),
        (_wider, "signature.armour"),
        (lambda armour: armour + b"\nmore", "signature.armour"),
        (lambda armour: armour.replace(b"AAA", b"AAB", 1), "signature.blob"),
        (lambda _armour: b"-----BEGIN PGP SIGNATURE-----\n\nx", "signature.armour"),
    ],
    ids=["s-plus-l", "line-width", "text-after-end", "flipped", "pgp"],
)
def test_a_second_spelling_of_a_signature_is_refused(ledger, hand, alter, rule):
    assert refused(ledger, hand, _signed(hand, alter)) == rule


@pytest.mark.parametrize("header", [b"gpgsig", b"gpgsig-sha256"])
def test_a_second_signature_header_is_refused(ledger, hand, header):
    data = encode_commit(hand.facts.commit(hand.change("mallory", {"a.md": b"a\n"})))
    good = hand.facts.commit(hand.change("james", {"a.md": b"a\n"}))
    extra = header + b" " + good.signature.replace(b"\n", b"\n ") + b"\n"
    at = data.index(b"gpgsig ")
    oid = hand.facts.store.write("commit", data[:at] + extra + data[at:])
    assert refused(ledger, hand, oid) == "commit.malformed"


def test_a_signature_of_another_commit_is_refused(ledger, hand):
    good = hand.facts.commit(hand.change("james", {"a.md": b"a\n"}))
    bad = replace(good, tree=hand.tree({"a.md": b"evil\n"}))
    oid = hand.facts.store.write("commit", encode_commit(bad))
    assert refused(ledger, hand, oid) == "signature.bad"


def test_a_header_of_half_a_million_lines_costs_no_minutes(ledger, hand):
    good = hand.facts.commit(hand.change("james", {"a.md": b"a\n"}))
    oid = hand.facts.store.write("commit", encode_commit(replace(good, signature=b"\n" * 500_000)))
    began = time.monotonic()
    assert refused(ledger, hand, oid).startswith("signature.")
    assert time.monotonic() - began < 10


def test_an_unauthorised_ancestor_below_an_authorised_tip_is_refused(ledger, hand):
    below = hand.change("mallory", {"a.md": b"a\n"})
    assert refused(ledger, hand, hand.change("james", {"b.md": b"b\n"}, below)) == (
        "signature.unknown-key"
    )


def test_an_unsigned_ancestor_below_an_authorised_tip_is_refused(ledger, hand):
    below = hand.change(None, {"a.md": b"a\n"})
    assert refused(ledger, hand, hand.change("james", {"b.md": b"b\n"}, below)) == (
        "signature.missing"
    )


def test_a_proposal_on_somebody_else_s_ref_is_refused(ledger, hand):
    oid = hand.change("carol", {"a.md": b"a\n"})
    assert refused(ledger, hand, oid) == "proposal.not-yours"


def test_replace_refs_are_not_followed(ledger, hand):
    bad = hand.change("mallory", {"a.md": b"a\n"})
    good = hand.change("james", {"a.md": b"a\n"})
    hand.put(f"refs/replace/{bad}", good)
    git(ledger.folder("alice"), "fetch", "-q", str(ledger.hub), f"{good}:refs/replace/{bad}",
        check=False)  # fmt: skip
    assert refused(ledger, hand, bad) == "signature.unknown-key"


# -- history ----------------------------------------------------------------------------------


def test_an_unrelated_history_is_refused(ledger, hand):
    tree = hand.tree({"a.md": b"a\n"})
    who = hand.who("james")
    oid = hand.write("james", Commit(tree, (), who, who, b"unrelated\n"))
    assert refused(ledger, hand, oid) == "ledger.unrelated"


def test_an_unrelated_side_line_under_a_good_parent_is_refused(ledger, hand):
    who = hand.who("james")
    root = hand.write("james", Commit(hand.tree({}), (), who, who, b"unrelated\n"))
    oid = hand.commit("james", hand.tree({"a.md": b"a\n"}), hand.common, root)
    assert refused(ledger, hand, oid) == "ledger.unrelated"


@pytest.mark.parametrize(
    ("claim", "rule"),
    [
        ("Gitsync-Ledger: " + "1" * 40, "proposal.other-ledger"),
        ("Gitsync-Ref: refs/heads/proposals/james/y", "proposal.other-ref"),
        ("Gitsync-Kind: state", "proposal.kind"),
        ("Gitsync-Kind: approval", "proposal.kind"),
        ("Gitsync-Kind: join-request", "proposal.kind"),
        ("Approves: " + "1" * 40, "proposal.kind"),
        ("Gitsync-Ledger: x", "trailer.malformed"),
        ("Gitsync-Kind: proposal\nGitsync-Kind: proposal", "trailer.repeated"),
        ("After: HEAD", "trailer.malformed"),
    ],
)
def test_what_was_made_for_another_place_is_refused(ledger, hand, claim, rule):
    oid = hand.change("james", {"a.md": b"a\n"}, message=f"x\n\n{claim}")
    assert refused(ledger, hand, oid) == rule


def test_verify_refuses_what_was_not_made_as_a_proposal(ledger, hand):
    """The witness's own code may be altered: the kind of a commit is judged again on replay."""
    import gitsync.domain.ledger.entrance as rules

    oid = hand.change("james", {"a.md": b"a\n"}, message="x\n\nGitsync-Kind: state")
    hand.propose("james/x", oid)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "PROPOSAL", "state")
        ledger.witness()
    assert hand.number() == 2
    with pytest.raises(Exception, match="should not have landed"):
        check(ledger)


def test_a_proposal_dated_ahead_waits_and_is_told_so_once(ledger, hand):
    oid = hand.change("james", {"a.md": b"a\n"}, seconds=hand.now + 86_400)
    hand.propose("james/x", oid)
    ledger.witness()
    assert hand.rule("james/x") == "time.ahead"
    for _ in range(2):
        ledger.clock.tick(60)
        refs = hand.refs()
        ledger.witness()
        assert hand.refs() == refs, "a run without news writes nothing"
    ledger.clock.tick(86_400)
    ledger.witness()
    assert hand.rule("james/x") == "ledger.accepted"


def test_a_date_that_no_calendar_has_is_no_crash(ledger, hand):
    oid = hand.change("james", {"a.md": b"a\n"}, seconds=999_999_999_999)
    assert refused(ledger, hand, oid) == "time.ahead"


def test_an_old_date_is_not_a_proposal_that_waited_too_long(ledger, hand):
    """Made offline a year ago, pushed today, and somebody has still to approve it."""
    oid = hand.change(
        "james",
        {"a.md": b"a\n"},
        message="x\n\nAfter: " + "1" * 40,
        seconds=hand.now - 400 * 86_400,
    )
    hand.propose("james/x", oid)
    ledger.witness()
    assert hand.receipt("james/x").outcome == "waiting"
    ledger.clock.tick(91 * 86_400)
    ledger.witness()
    assert hand.rule("james/x") == "proposal.expired"


# -- paths and modes --------------------------------------------------------------------------


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


# -- limits -----------------------------------------------------------------------------------


def test_a_file_above_the_limit_is_refused_also_when_it_was_removed_again(ledger, hand):
    big = hand.change("james", {"big.md": b"x" * (1 << 20) + b"\n"})
    assert refused(ledger, hand, hand.change("james", {"big.md": None}, big)) == "limit.file-bytes"


def test_too_many_bytes_are_refused(ledger, hand):
    files = {f"f{n}.md": b"%d" % n + b"x" * 1_000_000 for n in range(9)}
    assert refused(ledger, hand, hand.change("james", files)) == "limit.proposal-bytes"


def test_messages_count_as_bytes(ledger, hand):
    tip = hand.common
    for n in range(10):
        tip = hand.change("james", {f"f{n}.md": b"x\n"}, tip, message="m" * 1_000_000)
    assert refused(ledger, hand, tip) == "limit.proposal-bytes"


def test_too_many_files_are_refused(ledger, hand):
    files = {f"d/f{n}.md": b"%d\n" % n for n in range(501)}
    assert refused(ledger, hand, hand.change("james", files)) == "limit.proposal-files"


def test_deletions_count_as_files(ledger, hand):
    for part in range(2):
        files = {f"d{part}/f{n}.md": b"x\n" for n in range(300)}
        hand.propose("james/x", hand.change("james", files))
        ledger.witness()
        hand.reopen()
    gone = {f"d{part}/f{n}.md": None for part in range(2) for n in range(300)}
    assert refused(ledger, hand, hand.change("james", gone), "james/gone") == "limit.proposal-files"


def test_too_many_commits_are_refused(ledger, hand):
    tip, tree = hand.common, hand.tree({"a.md": b"x\n"})
    for n in range(1001):
        tip = hand.commit("james", tree, tip, message=f"{n}")
    assert refused(ledger, hand, tip) == "limit.commits"


def test_a_few_objects_that_stand_for_billions_of_files_cost_nothing(ledger, hand):
    blob = hand.blob(b"x\n")
    tree = hand.raw_tree(*((b"100644", b"%02d" % n, blob) for n in range(30)))
    for _ in range(10):
        tree = hand.raw_tree(*((b"40000", b"%02d" % n, tree) for n in range(30)))
    oid = hand.commit("james", hand.with_entry(b"40000", b"bomb", tree))
    began = time.monotonic()
    assert refused(ledger, hand, oid) == "limit.proposal-files"
    assert time.monotonic() - began < 10


def test_the_same_bomb_in_a_merge_costs_nothing_either(ledger, hand):
    blob = hand.blob(b"x\n")
    tree = hand.raw_tree(*((b"100644", b"%02d" % n, blob) for n in range(30)))
    for _ in range(10):
        tree = hand.raw_tree(*((b"40000", b"%02d" % n, tree) for n in range(30)))
    side = hand.change("james", {"a.md": b"a\n"})
    oid = hand.commit("james", hand.with_entry(b"40000", b"bomb", tree), hand.common, side)
    began = time.monotonic()
    assert refused(ledger, hand, oid) == "limit.proposal-files"
    assert time.monotonic() - began < 10


def test_a_folder_inside_a_thousand_folders_is_refused(ledger, hand):
    tree = hand.raw_tree((b"100644", b"f", hand.blob(b"x\n")))
    for _ in range(1500):
        tree = hand.raw_tree((b"40000", b"d", tree))
    oid = hand.commit("james", hand.with_entry(b"40000", b"deep", tree))
    hand.repo.store.flush()
    assert refused(ledger, hand, oid) == "path.too-deep"


def test_merging_every_old_snapshot_one_by_one_is_no_quadratic_search(ledger, hand):
    count = 36
    for n in range(count):
        hand.propose(f"james/p{n}", hand.change("james", {f"f{n}.md": b"x\n"}))
    ledger.witness()
    hand.reopen()
    tip = hand.common
    for n in range(1, count + 1):
        tree = hand.facts.commit(hand.common).tree
        tip = hand.commit("carol", tree, tip, hand.snapshot(n), message=f"again {n}")
    hand.propose("carol/x", hand.change("carol", {"new.md": b"x\n"}, tip))
    ledger.witness()
    assert hand.rule("carol/x") == "ledger.accepted"
    check(ledger)


def test_an_endless_author_does_not_make_a_snapshot_that_nobody_can_read(ledger, hand):
    author = Signature(b"x" * 1_040_000, b"a@example.invalid", hand.now)
    oid = hand.commit("james", hand.tree({"a.md": b"a\n"}), author=author)
    assert refused(ledger, hand, oid) == "commit.malformed"


@pytest.mark.parametrize("claim", ["Gitsync-Kind: ", "Gitsync-Ref: "], ids=["kind", "ref"])
def test_an_endless_claim_does_not_make_a_receipt_that_nobody_can_read(ledger, hand, claim):
    oid = hand.change("james", {"a.md": b"a\n"}, message="x\n\n" + claim + "A" * 100_000)
    assert refused(ledger, hand, oid).startswith("proposal.")
    ledger.witness()
    assert len(hand.receipt("james/x").why) < 2000


def test_an_endless_status_does_not_either(ledger, hand):
    oid = hand.change("james", {"plans/a.md": plan(status="s" * 200_000)})
    assert refused(ledger, hand, oid) is not None
    ledger.witness()
    assert len(hand.receipt("james/x").why) < 2000


def test_control_characters_reach_neither_receipt_nor_title(ledger, hand):
    evil = "\x1b]0;owned\x07 \u202e \x9b31m"
    hand.propose("james/x", hand.change("james", {"a.md": b"a\n"}, message=f"Fine {evil}"))
    claim = f"x\n\nGitsync-Ref: {evil}"
    hand.propose("carol/y", hand.change("carol", {"b.md": b"b\n"}, message=claim))
    ledger.witness()
    title = hand.facts.commit(hand.common).message.decode().splitlines()[0]
    assert title.startswith("common@2: Fine ")
    assert title.isprintable()
    assert hand.receipt("carol/y").why.isprintable()
    check(ledger)


def test_the_title_does_not_depend_on_the_age_of_python(ledger, hand):
    """Characters newer than this Python stay as they are, on every Python."""
    subject = "New emoji \U0001fae8 and not even assigned \U0003fffd"
    hand.propose("james/x", hand.change("james", {"a.md": b"a\n"}, message=subject))
    ledger.witness()
    hand.reopen()
    title = hand.facts.commit(hand.common).message.decode().splitlines()[0]
    assert title == f"common@2: {subject}"


# -- configuration of git has no say ----------------------------------------------------------


def test_merge_drivers_and_attributes_have_no_effect(ledger, hand, tmp_path):
    marker = tmp_path / "ran"
    for folder in (ledger.folder("alice"), ledger.hub):
        git(folder, "config", "merge.default", "evil")
        git(folder, "config", "merge.evil.driver", f"touch {marker}; cp %B %A")
        info = (folder / ".git" if (folder / ".git").is_dir() else folder) / "info"
        info.mkdir(exist_ok=True)
        (info / "attributes").write_text("* merge=evil filter=evil\n")
    (tmp_path / "attributes").write_text("* merge=union\n")
    git(ledger.folder("alice"), "config", "core.attributesFile", str(tmp_path / "attributes"))
    hand.propose("james/base", hand.change("james", {"a.md": b"1\n2\n3\n4\n5\n"}))
    ledger.witness()
    hand.reopen()
    hand.propose("carol/a", hand.change("carol", {"a.md": b"one\n2\n3\n4\n5\n"}))
    hand.propose("james/b", hand.change("james", {"a.md": b"1\n2\n3\n4\nfive\n"}))
    hand.propose("alice/c", hand.change("alice", {"a.md": b"eins\n2\n3\n4\n5\n"}))
    ledger.witness()
    assert not marker.exists()
    assert hand.read("a.md").count("\n") == 4, "a union merge would have kept both first lines"
    check(ledger)
    invariants.all_of_them(ledger.hub, ledger.witness)


def test_signing_settings_of_the_witness_s_git_do_not_matter(ledger, hand):
    git(ledger.folder("alice"), "config", "gpg.ssh.program", "false")
    git(ledger.folder("alice"), "config", "commit.gpgsign", "false")
    hand.propose("james/x", hand.change("james", {"a.md": b"a\n"}))
    assert ledger.witness().after == 2
    check(ledger)


def test_a_proposal_by_a_key_that_this_machine_cannot_check_waits(ledger, hand, monkeypatch):
    """No ssh-keygen here is no reason to refuse for ever, nor to stop."""
    from gitsync.domain.errors import EnvironmentFault
    from gitsync.storage import signing

    oid = hand.change("james", {"a.md": b"a\n"})
    real = signing.verify

    def missing(armoured: bytes, message: bytes):
        if b"author james" in message:
            raise EnvironmentFault("key.no-ssh-keygen", "ssh-keygen cannot be run")
        return real(armoured, message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gitsync.storage.signing.verify", missing)
        hand.propose("james/x", oid)
        hand.propose("carol/y", hand.change("carol", {"b.md": b"b\n"}))
        ledger.witness()
        assert hand.rule("carol/y") == "ledger.accepted"
    assert hand.receipt("james/x").outcome == "waiting"
    ledger.witness()
    assert hand.rule("james/x") == "ledger.accepted"


def test_environment_variables_of_git_do_not_redirect_the_witness(
    ledger, hand, monkeypatch, tmp_path
):
    git(tmp_path, "init", "-q", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(tmp_path))
    oid = hand.change("james", {"a.md": b"a\n"})
    hand.repo.store.flush()
    for name in ("GIT_DIR", "GIT_OBJECT_DIRECTORY"):
        assert name in os.environ
    (ledger.hub / "refs/heads/proposals/james").mkdir(parents=True)
    (ledger.hub / "refs/heads/proposals/james/x").write_text(oid + "\n")
    assert ledger.witness().after == 2
