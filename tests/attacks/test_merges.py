"""Neither configuration and attributes of git nor the shape of history bend a merge."""

from __future__ import annotations

import os

import pytest

from gitsync.domain.errors import (
    EnvironmentFault,
)
from tests.integration import invariants
from tests.integration.ledgerkit import check, git


def test_merge_driver_or_attributes_in_the_repo_or_config(ledger, hand, tmp_path):
    """Our merge is a function of three trees; stock git's runs what attributes name."""
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


def test_revert_lost_in_a_criss_cross_of_pending_proposals(ledger, hand):
    """Two best bases: without a virtual one, the older base would bring the reverted line back."""
    hand.propose("james/base", hand.change("james", {"a.md": b"1\n2\n3\n", "b.md": b"b\n"}))
    ledger.witness()
    hand.reopen()
    base = hand.common
    left = hand.change("james", {"a.md": b"1\nTWO\n3\n"}, base, message="left")
    right = hand.change("carol", {"b.md": b"B\n"}, base, message="right")
    hand.propose("james/left", left)
    hand.propose("carol/right", right)
    ledger.witness()
    hand.reopen()
    # The ledger takes both changes back; a branch that knows left and right does not.
    hand.propose("carol/revert", hand.change("carol", {"a.md": b"1\n2\n3\n", "b.md": b"b\n"}))
    ledger.witness()
    tree = hand.tree({"a.md": b"1\nTWO\n3\n", "b.md": b"B\n", "c.md": b"new\n"}, base)
    hand.propose("james/cross", hand.commit("james", tree, left, right, message="both"))
    ledger.witness()
    assert hand.rule("james/cross") == "ledger.accepted"
    assert hand.read("a.md") == "1\n2\n3", "the revert is kept"
    assert hand.read("b.md") == "b", "and so is the other, whichever base comes first"
    assert hand.read("c.md") == "new"
    check(ledger)
    invariants.all_of_them(ledger.hub, ledger.witness)
