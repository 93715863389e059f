"""A home with our hooks: what stock ``git push`` may bring, and what it is told otherwise.

``Outside`` makes objects by hand in a clone of its own and pushes them with stock git, as a
relay, a plain git user or an attacker would.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, replace

import pytest

from gitsync.domain.errors import EnvironmentFault, RefusedError, VerificationError
from gitsync.services import homehooks
from tests.conftest import Ledger, run_cli
from tests.integration import invariants
from tests.integration.ledgerkit import Hand, check, git, policy_edit


@dataclass
class Outside:
    """Somebody with a clone of everything, stock git, and some people's keys."""

    ledger: Ledger

    def __post_init__(self) -> None:
        self.path = self.ledger.root / "outside.git"
        git(self.ledger.root, "clone", "-q", "--mirror", str(self.ledger.hub), str(self.path))
        self.hand = Hand(self.ledger, self.path)

    def push(self, *specs: str, atomic: bool = True) -> str | None:
        """None when the home took it, else what it said."""
        self.hand.repo.store.flush()
        args = ["-c", "remote.origin.mirror=false", "push", *(["--atomic"] if atomic else [])]
        done = subprocess.run(
            ["git", *args, str(self.ledger.hub), *specs], cwd=self.path, env=os.environ,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return None if done.returncode == 0 else done.stderr

    def send(self, ref: str, oid: str) -> str | None:
        return self.push(f"+{oid}:{ref}")

    def fetch(self) -> None:
        git(self.path, "fetch", "-q", "--prune", "origin")
        self.hand.reopen()


def guard(ledger: Ledger) -> None:
    homehooks.install(ledger.host(), ledger.hub)


@pytest.fixture
def outside(ledger: Ledger) -> Outside:
    guard(ledger)
    return Outside(ledger)


def hub_refs(ledger: Ledger) -> dict[str, str]:
    return Hand(ledger).refs()


def refused(outside: Outside, code: str, *specs: str) -> str:
    before = hub_refs(outside.ledger)
    said = outside.push(*specs)
    assert said is not None, f"the home took {specs}"
    assert f"({code})" in said.replace("\nremote:   ", " "), said
    assert hub_refs(outside.ledger) == before
    return said


# -- what has to pass ------------------------------------------------------------------------


def test_the_whole_story_passes_through_a_guarded_home(ledger, outside):
    """Founding went before; proposals, approvals, refusals, a withdrawal, admission, key change."""
    ledger.propose("james", "notes/a.md", "A\n", "a")
    ledger.witness()
    ledger.pull("james")
    ledger.propose("james", "notes/d.md", "D\n", "d")
    ledger.clock.tick()
    assert ledger.cli("james", "withdraw", "d").code == 0
    ledger.witness()
    ledger.write("james", "notes/e.md", "E\n")
    assert ledger.cli("james", "snapshot", "-m", "Mine").code == 0
    pushed = ledger.cli("james", "push")
    assert pushed.code == 0, pushed.err
    dora = run_cli(
        replace(ledger.host("alice"), cwd=ledger.root), "join", str(ledger.hub), "dora", "--name",
        "dora", "--key", str(ledger.key("dora")),
    )  # fmt: skip
    assert dora.code == 0, dora.err
    ledger.clock.tick()
    admitted = ledger.cli("alice", "roster", "admit", "dora", "--yes")
    assert admitted.code == 0, admitted.err
    ledger.clash()
    refs = hub_refs(ledger)
    assert "refs/heads/gitsync/requests/dora" not in refs
    assert [ref for ref in refs if "/proposals/" in ref] == ["refs/heads/proposals/james/clash"]
    assert "refs/tags/james@1" in refs
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 4
    check(ledger)
    found = homehooks.status(ledger.host(), ledger.hub)
    assert (found.number, found.anchor, found.complete) == (4, ledger.anchor, True)


def test_founding_into_an_empty_guarded_home(make_host, make_key, clock, tmp_path):
    from gitsync.services.founding import InitOptions, init

    git(tmp_path, "init", "-q", "--bare", "hub.git")
    found = homehooks.install(make_host(tmp_path), tmp_path / "hub.git")
    assert found.number is None
    (tmp_path / "a").mkdir()
    options = InitOptions(name="alice", remote="../hub.git", key=str(make_key("alice")))
    founded = init(make_host(tmp_path / "a"), options)
    found = homehooks.status(make_host(tmp_path), tmp_path / "hub.git")
    assert (found.anchor, found.number) == (founded.anchor, 1)
    assert git(tmp_path / "hub.git", "symbolic-ref", "HEAD") == "refs/heads/common"


def test_plain_git_proposes_amends_and_approves(ledger, outside):
    hand = outside.hand
    first = hand.change("james", {"p.md": b"p\n"})
    assert outside.send("refs/heads/proposals/james/p", first) is None
    ledger.clock.tick()
    amended = hand.change("james", {"p.md": b"better\n"})
    assert outside.send("refs/heads/proposals/james/p", amended) is None
    approval = hand.approve("carol", amended)
    assert outside.send("refs/heads/approvals/carol/p", approval) is None
    ledger.witness()
    assert Hand(ledger).read("p.md") == "better"


def test_a_relay_brings_what_another_home_has_numbered(ledger, outside, tmp_path):
    """Content decides: somebody without a key of the ledger carries it on, in one push."""
    other = tmp_path / "other.git"
    shutil.copytree(ledger.hub, other)
    ledger.propose("james", "notes/a.md", "A\n", "a")
    ledger.propose("carol", "notes/b.md", "B\n", "b")
    ledger.witness()
    git(ledger.hub, "push", "-q", "--mirror", str(other))
    assert invariants.all_of_them(other) == 3


def test_an_unguarded_branch_beside_the_ledger_is_nobody_s_business(ledger, outside):
    oid = outside.hand.change(None, {"code.py": b"x\n"})
    assert outside.push(f"{oid}:refs/heads/main", f"{oid}:refs/tags/v1") is None
    assert outside.push(":refs/heads/main") is None


# -- what may not ------------------------------------------------------------------------------


def test_a_snapshot_by_whoever_is_no_witness(outside):
    hand = outside.hand
    fake = hand.change("james", {"x.md": b"x\n"})
    refused(outside, "snapshot.malformed", f"{fake}:refs/heads/common")


def test_an_evil_merge_by_the_witness_itself(ledger, outside):
    """The key is the witness's; the files are not what the rules make of the proposal."""
    ledger.propose("james", "notes/a.md", "A\n", "a")
    shutil.copytree(ledger.hub, ledger.root / "kept.git")
    ledger.witness()
    outside.fetch()
    hand = outside.hand
    true = hand.facts.commit(hand.common)
    evil = hand.write("alice", replace(true, tree=hand.tree({"extra.md": b"x\n"}), signature=None))
    shutil.rmtree(ledger.hub)
    (ledger.root / "kept.git").rename(ledger.hub)
    refused(outside, "replay.tree", f"{evil}:refs/heads/common")


def test_common_may_neither_go_back_nor_go_away(ledger, outside):
    ledger.propose("james", "notes/a.md", "A\n", "a")
    ledger.witness()
    refused(outside, "ref.not-forward", f"+{ledger.anchor}:refs/heads/common")
    refused(outside, "ref.delete", ":refs/heads/common")


@pytest.mark.parametrize("ref", ["gitsync/receipts/common", "gitsync/locks"])
def test_the_side_refs_may_neither_go_back_nor_go_away(ledger, outside, ref):
    ledger.propose("james", "notes/a.md", "A\n", "a")
    ledger.witness()
    outside.fetch()
    hand = outside.hand
    ledger.propose("james", "notes/b.md", "B\n", "b")
    ledger.witness()
    old = git(outside.path, "rev-parse", f"refs/heads/{ref}")
    refused(outside, "ref.not-forward", f"+{old}:refs/heads/{ref}")
    refused(outside, "ref.delete", f":refs/heads/{ref}")
    outside.fetch()
    tip = git(outside.path, "rev-parse", f"refs/heads/{ref}")
    tree = hand.facts.commit(tip).tree
    stranger = hand.commit("mallory", tree, tip)
    what = "receipts" if "receipts" in ref else "locks"
    refused(outside, f"{what}.unknown-key", f"{stranger}:refs/heads/{ref}")


def test_receipts_are_the_witness_s_alone(ledger, outside):
    ledger.propose("james", "notes/a.md", "A\n", "a")
    ledger.witness()
    outside.fetch()
    tip = git(outside.path, "rev-parse", "refs/heads/gitsync/receipts/common")
    forged = outside.hand.commit("james", outside.hand.facts.commit(tip).tree, tip)
    refused(outside, "receipts.unknown-key", f"{forged}:refs/heads/gitsync/receipts/common")


def test_common_without_what_it_was_decided_on_is_refused_with_the_way(ledger, outside, tmp_path):
    other = tmp_path / "other.git"
    shutil.copytree(ledger.hub, other)
    ledger.propose("james", "notes/a.md", "A\n", "a")
    ledger.witness()
    ledger.propose("james", "notes/b.md", "B\n", "b")
    ledger.witness()
    said = subprocess.run(
        ["git", "push", str(other), "common"], cwd=ledger.hub, capture_output=True, text=True,
        env=os.environ, check=False,
    ).stderr  # fmt: skip
    assert "git push --atomic HOME common gitsync/receipts/common gitsync/locks" in said
    git(ledger.hub, "push", "-q", "--atomic", str(other), "common", "gitsync/receipts/common",
        "gitsync/locks")  # fmt: skip


def test_tags_are_given_once_and_by_a_witness(ledger, outside):
    ledger.propose("james", "notes/a.md", "A\n", "a")
    ledger.witness()
    outside.fetch()
    hand = outside.hand
    two, one = hand.snapshot(2), hand.snapshot(1)
    refused(outside, "tag.exists", f"+{hand.tag('alice', 'common@2', two, 'x')}:refs/tags/common@2")
    refused(outside, "ref.delete", ":refs/tags/common@2")
    ahead = hand.tag("alice", "common@9", two)
    refused(outside, "common.behind-tags", f"{ahead}:refs/tags/common@9")
    git(ledger.hub, "update-ref", "-d", "refs/tags/common@2")
    by_james = hand.tag("james", "common@2", two)
    refused(outside, "tag.unknown-key", f"{by_james}:refs/tags/common@2")
    first = git(outside.path, "rev-parse", "refs/tags/common@1")
    refused(outside, "tag.transplanted", f"{first}:refs/tags/common@2")
    elsewhere = hand.tag("alice", "common@2", one)
    # Two tags by the witness with one number: that is worse than a wrong one, and proven by them.
    refused(outside, "common.equivocation", f"{elsewhere}:refs/tags/common@2")
    assert list((ledger.hub / "gitsync/evidence").iterdir())
    assert outside.push("refs/tags/common@2") is None


def test_people_s_branches_only_grow_and_only_by_signed_work(ledger, outside):
    hand = outside.hand
    mine = hand.change("james", {"w.md": b"w\n"})
    assert outside.push(f"{mine}:refs/heads/people/james") is None
    more = hand.change("james", {"w.md": b"ww\n"}, mine)
    assert outside.push(f"{more}:refs/heads/people/james") is None
    refused(outside, "people.not-forward", f"+{mine}:refs/heads/people/james")
    refused(outside, "people.not-forward", f"+{hand.common}:refs/heads/people/james")
    refused(outside, "ref.delete", ":refs/heads/people/james")
    by_carol = hand.change("carol", {"w.md": b"c\n"}, more)
    refused(outside, "ref.not-yours", f"{by_carol}:refs/heads/people/james")
    unsigned = hand.change("james", {"v.md": b"v\n"}, hand.change(None, {"u.md": b"u\n"}, more))
    refused(outside, "signature.missing", f"{unsigned}:refs/heads/people/james")
    unrelated = hand.commit("james", hand.facts.commit(more).tree, more)
    root = hand.write("james", replace(hand.facts.commit(unrelated), parents=(), signature=None))
    refused(outside, "ledger.unrelated", f"{root}:refs/heads/people/james.desk")


def test_numbered_snapshots_are_their_person_s_and_stay(ledger, outside):
    hand = outside.hand
    mine = hand.change("james", {"w.md": b"w\n"})
    tag = hand.tag("james", "james@1", mine)
    refused(outside, "tag.unknown-key", f"{hand.tag('carol', 'james@1', mine)}:refs/tags/james@1")
    refused(outside, "tag.transplanted", f"{tag}:refs/tags/james@2")
    assert outside.push(f"{tag}:refs/tags/james@1") is None
    again = hand.tag("james", "james@1", hand.common)
    refused(outside, "tag.exists", f"+{again}:refs/tags/james@1")
    refused(outside, "ref.delete", ":refs/tags/james@1")


@pytest.mark.parametrize(
    ("who", "files", "message", "code"),
    [
        (None, {"a.md": b"a\n"}, "A", "signature.missing"),
        ("mallory", {"a.md": b"a\n"}, "A", "signature.unknown-key"),
        ("carol", {"a.md": b"a\n"}, "A", "proposal.not-yours"),
        ("james", {".github/workflows/x.yml": b"a\n"}, "A", "policy.denied-path"),
        ("james", {"con.md": b"a\n"}, "A", "path.name"),
        ("james", {"big.md": b"x" * (1 << 20) + b"y"}, "A", "limit.file-bytes"),
        ("james", {"a.md": b"a\n"}, "A\n\nGitsync-Kind: approval", "proposal.kind"),
        ("james", {"a.md": b"a\n"}, f"A\n\nGitsync-Ledger: {'1' * 40}", "proposal.other-ledger"),
        (
            "james",
            {"a.md": b"a\n"},
            "A\n\nGitsync-Ref: refs/heads/proposals/james/other",
            "proposal.other-ref",
        ),
    ],
)
def test_what_can_never_be_a_proposal_of_that_person(outside, who, files, message, code):
    oid = outside.hand.change(who, files, message=message)
    refused(outside, code, f"{oid}:refs/heads/proposals/james/x")


def test_what_the_witness_has_to_answer_is_let_in(ledger, outside):
    """A conflict and a missing approval depend on the position: they get a signed receipt."""
    ledger.propose("alice", "notes/c.md", "A\n", "c")
    hand = outside.hand
    clash = hand.change("james", {"notes/c.md": b"B\n"}, seconds=hand.now + 1)
    assert outside.send("refs/heads/proposals/james/clash", clash) is None
    rules = hand.change("james", {".gitsync/policy.yaml": policy_edit(hand)})
    assert outside.send("refs/heads/proposals/james/rules", rules) is None
    ledger.witness()
    answers = Hand(ledger)
    assert answers.rule("james/clash") == "merge.conflict"
    assert answers.rule("james/rules") == "approval.missing"


def test_an_old_state_of_a_proposal_does_not_come_back(ledger, outside):
    hand = outside.hand
    first = hand.change("james", {"p.md": b"p\n"})
    outside.send("refs/heads/proposals/james/p", first)
    ledger.clock.tick()
    second = hand.change("james", {"p.md": b"q\n"})
    outside.send("refs/heads/proposals/james/p", second)
    refused(outside, "ref.older", f"+{first}:refs/heads/proposals/james/p")


def test_a_withdrawal_is_not_undone_by_pushing_the_old_commit(ledger, outside):
    hand = outside.hand
    first = hand.change("james", {"p.md": b"p\n"})
    outside.send("refs/heads/proposals/james/p", first)
    ledger.clock.tick()
    lines = f"No\n\nGitsync-Kind: withdrawal\nGitsync-Withdraws: {first}"
    gone = hand.commit("james", hand.facts.commit(first).tree, first, message=lines)
    assert outside.send("refs/heads/proposals/james/p", gone) is None
    refused(outside, "ref.older", f"+{first}:refs/heads/proposals/james/p")
    by_carol = hand.commit("carol", hand.facts.commit(first).tree, first, message=lines)
    refused(outside, "ref.not-yours", f"+{by_carol}:refs/heads/proposals/james/p")
    ledger.witness()
    assert "refs/heads/proposals/james/p" not in hub_refs(ledger)


def test_what_was_not_answered_is_not_deleted(ledger, outside):
    hand = outside.hand
    oid = hand.change("james", {"p.md": b"p\n"})
    outside.send("refs/heads/proposals/james/p", oid)
    approval = hand.approve("carol", oid)
    outside.send("refs/heads/approvals/carol/p", approval)
    for ref in ("proposals/james/p", "approvals/carol/p"):
        refused(outside, "ref.delete", f":refs/heads/{ref}")


def test_a_refused_proposal_goes_when_the_notary_says_that_its_time_is_over(ledger, outside):
    ledger.clash()
    refused(outside, "ref.delete", ":refs/heads/proposals/james/clash")
    ledger.clock.tick(91 * 24 * 3600)
    ledger.propose("carol", "notes/z.md", "Z\n", "z")
    ledger.witness()
    assert "refs/heads/proposals/james/clash" not in hub_refs(ledger)


@pytest.mark.parametrize("kind", ["plain", "other-tree", "other-signer", "agent"])
def test_only_an_approval_is_on_an_approval_ref(ledger, outside, kind):
    hand = outside.hand
    oid = hand.change("james", {"p.md": b"p\n"})
    outside.send("refs/heads/proposals/james/p", oid)
    tree = hand.facts.commit(oid).tree
    says = f"Yes\n\nApproves: {oid}"
    made = {
        "plain": lambda: hand.change("carol", {"w.md": b"w\n"}),
        "other-tree": lambda: hand.commit("carol", hand.tree({"z.md": b"z\n"}, oid), oid,
                                          message=says),
        "other-signer": lambda: hand.commit("james", tree, oid, message=says),
        "agent": lambda: hand.commit("mallory", tree, oid, message=says),
    }[kind]()  # fmt: skip
    refused(outside, "approval.none", f"{made}:refs/heads/approvals/carol/p")


def test_a_request_to_join_is_not_replaced_by_somebody_else_s(ledger, outside):
    from gitsync.codec.sshkeys import parse_public
    from gitsync.services.joinrequests import request_message

    hand = outside.hand

    def request(who: str) -> str:
        key = parse_public(ledger.key(who).with_suffix(".key.pub").read_bytes())
        message = request_message("dora", key, ledger.anchor).decode()
        return hand.commit(who, hand.facts.commit(hand.common).tree, message=message)

    assert outside.send("refs/heads/gitsync/requests/dora", request("dora")) is None
    refused(outside, "request.taken", f"+{request('mallory')}:refs/heads/gitsync/requests/dora")
    refused(outside, "ref.delete", ":refs/heads/gitsync/requests/dora")
    unsigned = hand.change(None, {"x": b"x"})
    refused(outside, "request.malformed", f"{unsigned}:refs/heads/gitsync/requests/eve")


@pytest.mark.parametrize(
    ("ref", "code"),
    [
        ("refs/replace/" + "1" * 40, "ref.reserved"),
        ("refs/gitsync/nodes/james", "heartbeat.malformed"),
        ("refs/heads/spaces/other", "ref.reserved"),
        ("refs/heads/gitsync/else", "ref.misnamed"),
        ("refs/heads/proposals/james/x/y", "ref.misnamed"),
        ("refs/heads/Common", "ref.look-alike"),
        ("refs/tags/COMMON@1", "ref.look-alike"),
    ],
)
def test_refs_that_only_look_like_the_ledger_s(outside, ref, code):
    refused(outside, code, f"{outside.hand.common}:{ref}")


def test_one_bad_ref_keeps_the_others_out_and_each_is_named(outside):
    good = outside.hand.change("james", {"a.md": b"a\n"})
    bad = outside.hand.change(None, {"b.md": b"b\n"})
    said = refused(
        outside, "signature.missing", f"{good}:refs/heads/proposals/james/a",
        f"{bad}:refs/heads/proposals/james/b", f"{bad}:refs/heads/proposals/carol/c",
    )  # fmt: skip
    assert said.count("stays as it is") == 2
    assert "proposals/james/a stays" not in said


def test_control_characters_of_a_pusher_reach_no_terminal(outside):
    evil = outside.hand.change("james", {"a\x1b[31m.github/x.md": b"a\n"})
    said = refused(outside, "path.name", f"{evil}:refs/heads/proposals/james/x")
    assert "\x1b[31m" not in said


def test_git_s_own_checks_are_on(ledger, outside):
    raw = outside.hand.raw_tree((b"100644", b".git", outside.hand.blob(b"x")))
    oid = outside.hand.commit("james", raw)
    said = outside.push(f"{oid}:refs/heads/main")
    assert said is not None
    assert "hasDotgit" in said


def test_replace_refs_of_the_home_itself_are_not_followed(ledger, outside):
    """Whoever has the home's disk could lay a false roster over the true one."""
    hand = Hand(ledger)
    roster = hand.read(".gitsync/allowed_signers")
    key = ledger.key("mallory").with_suffix(".key.pub").read_text().split()
    line = f'\nmallory namespaces="git" {key[0]} {key[1]}\n'
    false = hand.change("alice", {".gitsync/allowed_signers": (roster + line).encode()})
    hand.repo.store.flush()
    git(ledger.hub, "replace", hand.common, false)
    oid = outside.hand.change("mallory", {"a.md": b"a\n"})
    refused(outside, "signature.unknown-key", f"{oid}:refs/heads/proposals/mallory/x")


# -- the hooks themselves ----------------------------------------------------------------------


def test_a_home_whose_ledger_does_not_verify_gets_no_hooks(ledger):
    hand = Hand(ledger)
    hand.put("refs/heads/common", hand.change("alice", {"x.md": b"x\n"}))
    with pytest.raises(RefusedError):
        homehooks.install(ledger.host(), ledger.hub)
    assert not (ledger.hub / "hooks/pre-receive").exists()


def test_another_anchor_than_the_invitation_s_is_refused(ledger):
    with pytest.raises(VerificationError) as error:
        homehooks.install(ledger.host(), ledger.hub, "1" * 40)
    assert error.value.code == "anchor.other"
    assert not (ledger.hub / "hooks/pre-receive").exists()


def test_hooks_that_were_there_go_on_running(ledger, tmp_path):
    hook = ledger.hub / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    text = f"#!/bin/sh\ncat >> {tmp_path}/seen\ntest ! -e {tmp_path}/closed\n"
    hook.write_text(text)
    hook.chmod(0o755)
    guard(ledger)
    guard(ledger)
    outside = Outside(ledger)
    oid = outside.hand.change("james", {"a.md": b"a\n"})
    (tmp_path / "closed").touch()
    assert "pre-receive hook declined" in outside.send("refs/heads/proposals/james/x", oid)
    (tmp_path / "closed").unlink()
    assert outside.send("refs/heads/proposals/james/x", oid) is None
    assert (tmp_path / "seen").read_text().count("refs/heads/proposals/james/x") == 2
    homehooks.uninstall(ledger.host(), ledger.hub)
    assert hook.read_text() == text
    assert not (ledger.hub / "hooks/post-receive").exists()


def test_without_its_python_a_home_takes_nothing(ledger, outside):
    hook = ledger.hub / "hooks/pre-receive"
    import sys

    hook.write_text(hook.read_text().replace(sys.executable, "/nowhere/python"))
    oid = outside.hand.change("james", {"a.md": b"a\n"})
    said = outside.send("refs/heads/proposals/james/x", oid)
    assert "/nowhere/python is gone" in said
    assert homehooks.status(ledger.host(), ledger.hub).hooks["pre-receive"] == "outdated"


@pytest.mark.parametrize("where", ["hooks-elsewhere", "not-bare"])
def test_what_is_no_bare_repository_of_its_own_is_refused(ledger, tmp_path, where):
    if where == "hooks-elsewhere":
        git(ledger.hub, "config", "core.hooksPath", str(tmp_path))
    path = ledger.hub if where == "hooks-elsewhere" else ledger.folder("alice")
    with pytest.raises(EnvironmentFault) as error:
        homehooks.install(ledger.host(), path)
    assert error.value.code == f"home.{where}"


def test_a_run_that_was_killed_before_post_receive_costs_nothing_but_time(ledger, outside):
    (ledger.hub / "hooks/post-receive").unlink()
    for place in range(3):
        ledger.clock.tick()
        ledger.propose("james", f"notes/{place}.md", "x\n", f"p{place}")
        ledger.witness()
    assert homehooks.status(ledger.host(), ledger.hub).number == 1
    guard(ledger)
    assert homehooks.status(ledger.host(), ledger.hub).number == 4


def test_what_was_changed_behind_the_hook_is_seen_at_the_next_push(ledger, outside):
    """Whoever has the disk can move refs past the hook; nothing is then signed on top of it."""
    hand = Hand(ledger)
    hand.put("refs/heads/common", hand.change("alice", {"x.md": b"x\n"}))
    with pytest.raises(RefusedError):
        ledger.witness()
    stamp = outside.hand
    tip = git(outside.path, "rev-parse", "refs/heads/gitsync/locks")
    more = stamp.commit("alice", stamp.facts.commit(tip).tree, tip)
    refused(outside, "snapshot.malformed", f"{more}:refs/heads/gitsync/locks")


def test_objects_are_on_disk_before_a_ref_names_them(ledger, outside, tmp_path):
    """In the order in which the system was asked, by the hooks that git runs."""
    log = tmp_path / "log"
    fake = tmp_path / "bin" / "sync"
    fake.parent.mkdir()
    fake.write_text(
        f'#!/bin/sh\necho "$*" >> {log}\nls refs/heads/proposals/james >> {log} 2>&1\nexit 0\n'
    )
    fake.chmod(0o755)
    oid = outside.hand.change("james", {"p.md": b"p\n"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
        assert outside.send("refs/heads/proposals/james/p", oid) is None
    first, before, last, after = log.read_text().splitlines()
    assert first == "objects/pack"
    assert before == "p.lock"  # not the ref yet
    assert set(last.split()) == {
        "refs", "objects/pack", "refs/heads", "refs/heads/proposals",
        "refs/heads/proposals/james",
    }  # fmt: skip
    assert after == "p"
