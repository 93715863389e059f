"""``pre-commit``: real commits by stock git, of what is staged."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gitsync.domain.objects import Oid
from gitsync.services.hookledger import HookLedger
from gitsync.storage import effects
from gitsync.storage.stock import StockRepository
from tests.integration.hookkit import Clone, text

MARKED = text(body="<<<<<<< HEAD\nours\n=======\ntheirs\n>>>>>>> common")


@pytest.fixture
def clone(ledger):
    found = Clone(ledger)
    found.land("plans/a.md", text(), "a")
    return found


def test_a_sound_plan_is_committed_without_a_word(clone):
    clone.stage("plans/a.md", text(status="committed"))
    done = clone.ok("commit", "-q", "-m", "Commit to it")
    assert (done.out, done.err) == ("", "")


def test_a_move_that_the_schema_does_not_have(clone):
    clone.stage("plans/a.md", text(status="approved"))
    done = clone.refused("commit", "-m", "Too fast", code="schema.transition")
    assert "plans/a.md" in done.err
    assert "draft -> approved" in done.err
    assert "from draft a plan can go to: committed" in done.err
    assert "git add -- plans/a.md" in done.err


def test_two_commits_make_one_move(clone):
    clone.stage("plans/a.md", text(status="committed"))
    clone.ok("commit", "-q", "-m", "One step")
    clone.stage("plans/a.md", text(status="approved"))
    # Seen from common it is one move, draft -> approved, and that is what would be judged.
    clone.refused("commit", "-m", "Two steps", code="schema.transition")


def test_an_approval_that_is_missing_is_no_reason(clone):
    clone.land("plans/a.md", text(status="committed"), "step")
    clone.stage("plans/a.md", text(status="approved"))
    assert clone.ok("commit", "-q", "-m", "Ready for approval").err == ""


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (text(ident="plan-cccccc"), "schema.id-changed"),
        (text().replace("type: plan", "type: story"), "schema.type-changed"),
        ("no front matter any more\n", "schema.front-matter-lost"),
        (text(status="dreamt"), "schema.state"),
        ("---\nid: [\n---\n", "yaml.syntax"),
        (MARKED, "merge.markers"),
    ],
)
def test_an_artifact_that_could_never_land(clone, content, code):
    clone.stage("plans/a.md", content)
    done = clone.git("commit", "-m", "Wrong")
    assert done.code != 0
    assert (code in done.err) or (code.startswith("yaml.") and "(yaml." in done.err), done.err
    assert "plans/a.md" in done.err
    assert "git add -- plans/a.md" in done.err
    assert "--no-verify" in done.err
    clone.ok("commit", "-q", "--no-verify", "-m", "I know")


def test_marks_that_were_there_before_are_a_text_about_merging(clone):
    clone.stage("plans/a.md", MARKED)
    clone.ok("commit", "-q", "--no-verify", "-m", "How marks look")
    clone.ok("branch", "--quiet", "marks")
    clone.stage("plans/a.md", MARKED + "more\n")
    clone.ok("commit", "-q", "-m", "Say more")


def test_a_new_artifact_without_what_its_type_requires(clone):
    clone.stage("plans/b.md", "---\nid: plan-cccccc\ntype: plan\ntitle: B\nstatus: draft\n---\n")
    done = clone.refused("commit", "-m", "New", code="schema.missing-field")
    assert "owner" in done.err


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (".github/workflows/x.yml", "policy.denied-path"),
        (".GitHub/Workflows/x.txt", "policy.denied-path"),
        ("Jenkinsfile", "policy.denied-path"),
        ("notes/aux.txt", "path.name"),
        ("notes/a:b.txt", "path.name"),
        ("plans/A.md", "path.collision"),
        ("notes/tr\u00e4um.\u202etxt", "path.name"),
    ],
)
def test_a_path_that_may_not_enter(clone, path, code):
    clone.stage(path, "x\n")
    done = clone.refused("commit", "-m", "Path", code=code)
    assert "git restore --staged -- " in done.err
    assert "\u202e" not in done.err


def test_what_is_no_plain_file(clone):
    (clone.root / "link").symlink_to("plans/a.md")
    clone.ok("add", "link")
    clone.refused("commit", "-m", "Link", code="path.mode")
    clone.ok("restore", "--staged", "link")
    clone.write("notes/run.txt", "x\n").chmod(0o755)
    clone.ok("add", "notes/run.txt")
    clone.refused("commit", "-m", "Run", code="path.mode")


def test_a_file_that_is_too_large(clone):
    clone.stage("notes/big.bin", b"x" * (11 << 20))
    clone.refused("commit", "-m", "Big", code="limit.file-bytes")


# -- what is looked at is what would be committed --------------------------------------------


def test_the_index_is_looked_at_and_not_the_files(clone):
    clone.stage("plans/a.md", text(status="approved"))
    clone.write("plans/a.md", text(status="committed"))
    clone.refused("commit", "-m", "Staged wrong, file right", code="schema.transition")
    clone.stage("plans/a.md", text(status="committed"))
    clone.write("plans/a.md", text(status="approved"))
    clone.ok("commit", "-q", "-m", "Staged right, file wrong")


def test_commit_all_looks_at_what_it_stages(clone):
    clone.write("plans/a.md", text(status="approved"))
    clone.refused("commit", "-a", "-m", "All", code="schema.transition")
    assert clone.ok("diff", "--cached", "--name-only").out == ""


def test_a_partial_commit_is_held_for_its_own_files_only(clone):
    clone.stage("plans/a.md", text(status="approved"))
    clone.stage("notes/n.md", "a note\n")
    clone.ok("commit", "-q", "-m", "Only the note", "--", "notes/n.md")
    clone.refused("commit", "-m", "The plan", "--", "plans/a.md", code="schema.transition")
    assert clone.ok("diff", "--cached", "--name-only").out == "plans/a.md\n"


def test_a_renamed_plan_is_the_same_plan(clone):
    clone.ok("mv", "plans/a.md", "plans/z.md")
    assert clone.ok("commit", "-q", "-m", "Rename").err == ""
    clone.stage("plans/z.md", text(status="approved"))
    done = clone.refused("commit", "-m", "Renamed and moved", code="schema.transition")
    assert "plans/z.md" in done.err


def test_a_plan_may_be_deleted(clone):
    clone.ok("rm", "-q", "plans/a.md")
    assert clone.ok("commit", "-q", "-m", "Drop it").err == ""


def test_odd_names_and_a_repository_with_spaces(ledger):
    clone = Clone(ledger)
    place = clone.root.rename(clone.root.parent / "o\u00f9 est 'james'")
    clone.root = place
    ledger.folder = lambda name: place if name == "james" else ledger.root / name
    clone.install()
    path = "plans/\u00fcber uns (2).md"
    clone.stage(path, text())
    clone.ok("commit", "-q", "-m", "Odd names")
    clone.stage(path, text(ident="plan-cccccc"))
    clone.ok("commit", "-q", "-m", "New here, so its id is free")
    clone.stage(path, "---\nid: [\n---\n")
    done = clone.git("commit", "-m", "Broken")
    assert done.code != 0
    assert "git add -- 'plans/\u00fcber uns (2).md'" in done.err


def test_a_subfolder_is_as_good_as_the_root(clone):
    clone.stage("plans/a.md", text(status="approved"))
    assert clone.git("-C", "plans", "commit", "-m", "From below").code != 0


def test_amending_mends(clone):
    clone.stage(".github/workflows/x.yml", "x\n")
    clone.stage("plans/a.md", text(status="approved"))
    clone.ok("commit", "-q", "--no-verify", "-m", "Wrong twice")
    clone.ok("rm", "-q", "--cached", ".github/workflows/x.yml")
    clone.refused("commit", "--amend", "--no-edit", code="schema.transition")
    clone.stage("plans/a.md", text(status="committed"))
    assert clone.ok("commit", "-q", "--amend", "--no-edit").err == ""


# -- merges, rebases, picks ------------------------------------------------------------------


def test_a_merge_of_common_is_not_charged_with_what_common_changed(clone, ledger):
    """Two steps of alice's, one merge of james's, who has verified neither of them."""
    for status, slug in (("committed", "s1"), ("approved", "s2")):
        ledger.clock.tick()
        ledger.propose("alice", "plans/a.md", text(status=status), slug)
        if status == "approved":
            ran = ledger.cli("carol", "approve", "alice/s2", "--yes")
            assert ran.code == 0, ran.err
        ledger.witness()
        ledger.pull("alice")
    clone.stage("notes/n.md", "mine\n")
    clone.ok("commit", "-q", "-m", "Mine")
    clone.ok("fetch", "-q", "origin", "+refs/heads/common:refs/remotes/theirs/common")
    clone.ok("merge", "-q", "--no-ff", "--no-commit", "theirs/common")
    assert clone.ok("commit", "-q", "-m", "Merge common").err == ""
    assert "status: approved" in (clone.root / "plans/a.md").read_text()


def test_a_merge_with_its_marks_still_in(clone):
    clone.ok("switch", "-q", "-c", "side")
    clone.stage("plans/a.md", text(body="theirs"))
    clone.ok("commit", "-q", "-m", "Theirs")
    clone.ok("switch", "-q", "people/james")
    clone.stage("plans/a.md", text(body="ours"))
    clone.ok("commit", "-q", "-m", "Ours")
    assert clone.git("merge", "-q", "side").code != 0
    clone.ok("add", "plans/a.md")
    clone.refused("commit", "-m", "Merge", code="merge.markers")
    clone.stage("plans/a.md", text(body="both"))
    clone.ok("commit", "-q", "-m", "Merge")


def test_rebase_and_cherry_pick_go_on_as_ever(clone):
    clone.ok("switch", "-q", "-c", "side")
    for at in (1, 2):
        clone.stage(f"notes/{at}.md", f"{at}\n")
        clone.ok("commit", "-q", "-m", f"Note {at}")
    clone.ok("switch", "-q", "people/james")
    clone.stage("plans/a.md", text(status="committed"))
    clone.ok("commit", "-q", "-m", "Step")
    clone.ok("cherry-pick", "side")
    clone.ok("switch", "-q", "side")
    clone.ok("rebase", "-q", "people/james")
    assert clone.ok("log", "--format=%s", "-4").out.split("\n")[:2] == ["Note 1", "Note 2"]


# -- settings and signing --------------------------------------------------------------------


def test_settings_that_cannot_be_read_are_refused(clone):
    clone.stage(".gitsync/policy.yaml", "version: [\n")
    done = clone.git("commit", "-m", "Policy")
    assert done.code != 0
    assert ".gitsync/policy.yaml" in done.err
    clone.ok("reset", "-q", "--hard")
    clone.ok("rm", "-rq", ".gitsync")
    clone.refused("commit", "-m", "No rules", code="policy.empty")


def test_a_version_that_did_not_rise_is_told_and_let_pass(clone):
    policy = (clone.root / ".gitsync/policy.yaml").read_text()
    clone.stage(".gitsync/policy.yaml", policy + "# a comment\n")
    done = clone.ok("commit", "-q", "-m", "Comment")
    assert "(policy.version)" in done.err
    assert "set 'version: 2'" in done.err
    clone.stage(".gitsync/policy.yaml", policy.replace("version: 1 ", "version: 2 ", 1))
    assert clone.ok("commit", "-q", "-m", "Version").err == ""


def test_git_that_does_not_sign_is_told(clone):
    clone.ok("config", "commit.gpgsign", "false")
    clone.stage("plans/a.md", text(body="two"))
    done = clone.ok("commit", "-q", "-m", "Unsigned")
    assert "(signature.off)" in done.err
    assert "git config commit.gpgsign true" in done.err
    clone.ok("config", "commit.gpgsign", "true")
    clone.stage("plans/a.md", text(body="three"))
    done = clone.ok("-c", "commit.gpgsign=no", "commit", "-q", "-m", "Unsigned once")
    assert "(signature.off)" in done.err


# -- where nothing is to be said -------------------------------------------------------------


def test_code_in_the_same_clone_is_left_alone(clone):
    clone.ok("switch", "-q", "--orphan", "code")
    clone.stage(".github/workflows/ci.yml", "on: push\n")
    clone.stage("README.md", "---\nid: [\n")
    assert clone.ok("commit", "-q", "-m", "Code").err == ""
    clone.stage("README.md", "<<<<<<< a\n=======\n>>>>>>> b\n")
    assert clone.ok("commit", "-q", "-m", "More code").err == ""


def test_the_variable_leaves_the_check_out(clone):
    clone.stage("plans/a.md", text(status="approved"))
    clone.ok("commit", "-q", "-m", "Skip", env={"GITSYNC_HOOKS": "0"})


def test_no_python_starts_where_no_artifact_is_concerned(clone, tmp_path):
    """The recorded Python is replaced by one that leaves a mark."""
    mark = tmp_path / "mark"
    spy = tmp_path / "python"
    spy.write_text(f"#!/bin/sh\ntouch '{mark}'\n")
    spy.chmod(0o755)
    hook = clone.hooks / "pre-commit"
    import sys

    hook.write_text(hook.read_text().replace(sys.executable, str(spy)))
    clone.stage("notes/code.txt", "one\n")
    clone.ok("commit", "-q", "-m", "A new file is looked at")
    assert mark.exists()
    mark.unlink()
    clone.stage("notes/code.txt", "two\n")
    clone.ok("commit", "-q", "-m", "Changed")
    clone.ok("rm", "-q", "notes/code.txt")
    clone.ok("commit", "-q", "-m", "Deleted")
    assert not mark.exists()
    clone.stage("plans/a.md", text(body="two"))
    clone.ok("commit", "-q", "-m", "A plan")
    assert mark.exists()


def bases(clone, *tips):
    """(what the hook takes for the bases, whether it had to ask git to walk)."""
    asked = []

    def watch(effect, act):
        asked.extend(one for one in effect.args if one == "merge-base")
        return act()

    with effects.observed(watch), StockRepository(clone.root, {}) as repo:
        found = HookLedger.find(repo, os.environ, clone.root.parent / "home")
        assert found is not None
        return found.bases(*tips), bool(asked)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 20])
def test_the_bases_are_those_of_git_however_far_the_work_is(clone, count):
    for _ in range(count):
        clone.ok("commit", "-q", "--allow-empty", "-m", "Step")
    head = Oid(clone.head())
    wanted = clone.ok("merge-base", "--all", "common", "HEAD").out.split()
    assert bases(clone, head) == (tuple(wanted), count > 7)


def test_the_bases_of_work_on_an_older_snapshot(clone):
    older = clone.head()
    clone.land("plans/b.md", text(ident="plan-cccccc"), "b")
    clone.ok("checkout", "-q", "-b", "side", older)
    clone.ok("commit", "-q", "--allow-empty", "-m", "Step")
    # Behind common, git has to say where the two part.
    assert bases(clone, Oid(clone.head())) == ((older,), True)
    assert bases(clone, Oid(clone.head()), Oid(clone.ok("rev-parse", "common").out.strip())) == (
        (clone.ok("rev-parse", "common").out.strip(),),
        False,
    )


def test_the_hook_loads_nothing_that_it_does_not_need(clone):
    """Python's own start and these imports are most of what a commit waits for."""
    clone.stage("plans/a.md", text(status="committed"))
    code = (
        "import sys; from gitsync.hooks.__main__ import main; main(['pre-commit']);"
        "sys.stdout.write(' '.join(sys.modules))"
    )
    assert clone.ok("commit", "-q", "--allow-empty", "-m", "Remember the rules").err == ""
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=clone.root, capture_output=True, check=True
    )
    loaded = set(done.stdout.decode().split())
    assert "gitsync.codec.frontmatter_head" in loaded, "the artifact was looked at"
    needless = ("pygit2", "ruamel", "click", "rich", "gitsync.domain.merge.version2")
    needless += ("gitsync.domain.merge.markers", "gitsync.codec.records", "gitsync.storage.idindex")
    assert not [one for one in loaded if one.startswith(needless)]
