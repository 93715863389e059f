"""``post-merge`` and ``post-checkout``: they tell, and never fail."""

from __future__ import annotations

import pytest

from tests.integration.hookkit import Clone, text


@pytest.fixture
def clone(ledger):
    found = Clone(ledger)
    found.land("plans/a.md", text(), "a")
    return found


def side(clone, path, content):
    clone.ok("switch", "-q", "-c", "side")
    clone.stage(path, content)
    clone.ok("commit", "-q", "--no-verify", "-m", "Side")
    return clone.ok("switch", "-q", "people/james")


def test_a_plan_that_a_merge_has_broken(clone):
    side(clone, "plans/a.md", "---\nid: [\n---\n")
    done = clone.ok("merge", "-q", "--no-edit", "side")
    assert "plans/a.md" in done.err
    assert "git commit --all" in done.err


def test_marks_that_a_merge_has_brought(clone):
    side(clone, "plans/a.md", text(body="<<<<<<< a\n=======\n>>>>>>> b"))
    done = clone.ok("merge", "-q", "--no-ff", "--no-edit", "side")
    assert "(merge.markers)" in done.err


def test_a_checkout_that_brings_a_broken_plan(clone):
    done = side(clone, "plans/b.md", "---\nid: [\n---\n")
    assert done.err == ""
    done = clone.ok("switch", "-q", "side")
    assert "plans/b.md" in done.err
    assert clone.ok("checkout", "-q", "people/james", "--", "plans/a.md").err == ""


def test_rules_that_have_moved(clone):
    policy = (clone.root / ".gitsync/policy.yaml").read_text()
    roster = (clone.root / ".gitsync/allowed_signers").read_text().splitlines(keepends=True)
    clone.ok("switch", "-q", "-c", "rules")
    clone.stage(".gitsync/policy.yaml", policy.replace("version: 1 ", "version: 2 ", 1))
    kept = "".join(line for line in roster if not line.startswith("carol"))
    clone.stage(".gitsync/allowed_signers", kept)
    clone.ok("commit", "-q", "--no-verify", "-m", "Rules")
    done = clone.ok("switch", "-q", "people/james")
    assert "policy is at version 1, it was at 2" in " ".join(done.err.split())
    assert "on the roster now: carol" in " ".join(done.err.split())
    done = clone.ok("merge", "-q", "--no-edit", "rules")
    assert "no longer on the roster: carol" in " ".join(done.err.split())


def test_between_code_and_the_ledger_there_is_nothing_to_tell(clone):
    clone.ok("switch", "-q", "--orphan", "code")
    clone.stage("README.md", "---\nid: [\n---\n")
    clone.ok("commit", "-q", "-m", "Code")
    assert clone.ok("switch", "-q", "people/james").err == ""
    assert clone.ok("switch", "-q", "code").err == ""


def test_our_own_pull_has_looked_already(clone, ledger):
    """gitsync moves files by stock git, with others' hooks and without ours."""
    mark = clone.root.parent / "mark"
    other = clone.hooks / "post-merge.before-gitsync"
    other.write_text(f"#!/bin/sh\necho ran >>'{mark}'\n")
    other.chmod(0o755)
    spy = clone.root.parent / "spy"
    spied = clone.root.parent / "spied"
    spy.write_text(f"#!/bin/sh\ntouch '{spied}'\n")
    spy.chmod(0o755)
    hook = clone.hooks / "post-merge"
    import sys

    hook.write_text(hook.read_text().replace(sys.executable, str(spy)))
    clone.land("plans/b.md", text("plan-cccccc"), "b")
    assert mark.read_text() == "ran\n"
    assert not spied.exists()
