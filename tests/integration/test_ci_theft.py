"""Attack "CI key theft": a proposal edits a workflow, or names a CI path.

The policy refuses every path that a CI service executes, so such a file never reaches ``common``.
The forge has read it from the pushed branch by then, so the job with the key must not be one that a
pushed branch can start: that is what the audit of our files and their loosened variants is about
(test_ci_files.py). Here both halves meet in one ledger.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gitsync.codec.cifiles import FORGES, CiSettings, ci_files, notice_files
from gitsync.domain.policy import CI_PATHS
from gitsync.services.founding import InitOptions, init
from gitsync.services.witnessing import WitnessOptions, run_once
from gitsync.services.workspace import Workspace
from gitsync.storage import gitcli
from tests.integration.ci_audit import WITHIN_REACH, audit, codes
from tests.integration.invariants import all_of_them
from tests.integration.ledgerkit import Hand, check

SETTINGS = CiSettings("/srv/plans.git", "a" * 40, "/srv/gitsync")
NOTICE = next(iter(notice_files()))


def inside(pattern: str) -> str:
    """A path that a pattern of the policy covers."""
    return pattern.replace("**/", "deep/er/").replace("**", "x.yml")


def test_a_proposal_that_names_a_ci_path_is_refused(ledger):
    hand = Hand(ledger)
    paths = [inside(pattern) for pattern in CI_PATHS]
    # Upper and lower case are one: file systems exist that open the other.
    paths += [path.upper() for path in paths if "/" in path[1:] and not path.startswith("deep")]
    for at, path in enumerate(paths):
        files = {path: b"on: push\n", f"notes/{at}.md": b"n\n"}
        hand.propose(f"james/theft-{at}", hand.change("james", files))
    ledger.witness()
    rules = {path: hand.rule(f"james/theft-{at}") for at, path in enumerate(paths)}
    assert set(rules.values()) <= {"policy.denied-path", "path.name"}, rules
    assert rules[".github/workflows/x.yml"] == rules[".GITHUB/WORKFLOWS/X.YML"]
    assert all(path.startswith((".gitsync/", "notes/")) for path in hand.files())
    assert all_of_them(ledger.hub) == 1


@pytest.mark.parametrize("forge", FORGES)
def test_the_whole_theft(ledger, forge):
    """james pushes the very files of the witness, loosened so that his push starts the job."""
    hand = Hand(ledger)
    for path, text in ci_files(forge, SETTINGS).items():
        stolen = text.replace("  workflow_dispatch:\n", "  push:\n")
        stolen = stolen.replace("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && ", "")
        hand.propose("james/theft", hand.change("james", {path: stolen.encode()}))
        ledger.clock.tick()
        ledger.witness()
        assert hand.rule("james/theft") == "policy.denied-path"
        assert path not in hand.files()
        # What he pushed would have been started by it. What the default branch holds is not.
        if "notice" not in path:
            assert "trigger" in codes(forge, stolen)
        assert audit(forge, text) == []
    assert all_of_them(ledger.hub) == 1
    check(ledger)


def test_with_a_branch_of_the_ledger_as_the_default_one_the_file_would_be_in_reach():
    assert "main" not in WITHIN_REACH
    text = list(ci_files("github", SETTINGS).values())[-1]
    assert {code for code, _ in audit("github", text, "common")} == {"branch"}


@pytest.fixture
def founded(ledger, tmp_path):
    """A hub and its founder, whose common@1 carries the notice."""
    hub, folder = tmp_path / "hub.git", tmp_path / "plans"
    gitcli.run(["init", "--quiet", "--bare", str(hub)])
    for path, text in notice_files().items():
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(text)
    host = replace(ledger.host("alice"), cwd=folder)
    members = (("james", Path(f"{ledger.key('james')}.pub")),)
    init(host, InitOptions("alice", remote=str(hub), key=str(ledger.key("alice")), members=members))
    return hub, host


def test_a_notice_from_the_beginning_stays_as_it_was(ledger, founded):
    """The founder may put the file without a key into common@1; then nobody touches it again."""
    hub, host = founded
    ledger.clock.tick()
    hand = Hand(ledger, hub)
    assert NOTICE in hand.files()
    fine = hand.propose("james/fine", hand.change("james", {"notes/n.md": b"n\n"}))
    assert NOTICE in hand.files(fine)  # so the forge sees it in every proposal
    hand.propose("james/edit", hand.change("james", {NOTICE: b"on: push\n"}))
    hand.propose("james/gone", hand.change("james", {NOTICE: None}))
    hand.propose("james/more", hand.change("james", {".github/workflows/x.yml": b"x\n"}))
    run_once(Workspace.open(host), WitnessOptions())
    assert hand.rule("james/fine") == "ledger.accepted"
    for name in ("edit", "gone", "more"):
        assert hand.rule(f"james/{name}") == "policy.denied-path", name
    assert hand.read(NOTICE) + "\n" == notice_files()[NOTICE]
    assert all_of_them(hub) == 2
