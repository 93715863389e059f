"""``gitsync resolve``, and conflicts in ``gitsync status``."""

from __future__ import annotations

import pytest

from tests.integration.ledgerkit import git, plan

PATH = "plans/plan-bbbbbb-a.md"


@pytest.fixture
def merging(ledger):
    """james in the middle of a git merge: a field and the text conflict, another field does not."""
    return conflicted(ledger)


def conflicted(ledger, path=PATH, base=None, theirs=None, ours=None):
    james = ledger.folder("james")
    base = plan(body="one\ntwo") if base is None else base
    if theirs is None:
        theirs = base.replace(b"owner: alice", b"owner: carol").replace(b"two", b"TWO")
    if ours is None:
        ours = base.replace(b"owner: alice", b"owner: james").replace(b"two", b"2")
        ours = ours.replace(b"A plan", b"The plan")
    sides = {}
    for who, data in (("alice", base), ("carol", theirs), ("james", ours)):
        if who != "alice":
            git(james, "checkout", "-q", "--detach", sides["alice"])
        file = james / path
        if data == b"":
            file.unlink()
        else:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(data)
        git(james, "add", "-A")
        git(james, "commit", "-q", "-m", who, "--author", f"{who} <{who}@example.invalid>")
        sides[who] = git(james, "rev-parse", "HEAD")
    git(james, "merge", "-q", sides["carol"], check=False)
    return ledger


def test_it_lists_fields_with_both_values_and_who(merging, document):
    ran = merging.cli("james", "resolve")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        "In conflict (1 file):\n"
        f"  plan-bbbbbb  {PATH}\n"
        "    owner, was alice\n"
        "      ours (james): james\n"
        "      theirs (carol): carol\n"
        "    the text, from line 14: ours (james), theirs (carol)\n"
    )
    found = document(merging.cli("james", "resolve", "--json").out, "resolve")
    assert found["conflicts"] == [
        {"path": PATH, "id": "plan-bbbbbb", "ours": "james", "theirs": "carol", "removed": None,
         "fields": [{"field": "owner", "base": "alice", "ours": "james", "theirs": "carol"}],
         "lines": [14]},
    ]  # fmt: skip
    status = merging.cli("james", "status")
    assert "In conflict (1 file):" in status.out
    assert "theirs (carol): carol" in status.out
    assert "gitsync resolve plan-bbbbbb" in status.out
    told = document(merging.cli("james", "status", "--json").out, "status")
    assert told["conflicts"] == found["conflicts"]
    assert told["next"][:2] == ["gitsync resolve plan-bbbbbb", "git commit"]


def test_a_field_is_settled_and_the_rest_stays(merging):
    james = merging.folder("james")
    before = (james / PATH).read_bytes()
    ran = merging.cli("james", "resolve", "plan-b", "--field", "owner", "--take", "theirs")
    assert ran.code == 0, ran.err
    assert "settled owner" in ran.out
    assert "Still in conflict" in ran.out
    after = (james / PATH).read_bytes()
    assert b"title: The plan\nstatus: draft\nowner: carol\n---\n" in after
    assert after[after.index(b"one\n") :] == before[before.index(b"one\n") :]
    assert git(james, "ls-files", "-u")
    ran = merging.cli("james", "resolve", PATH, "--body", "--take", "ours")
    assert "nothing is left open in it, and it is staged" in ran.out
    assert "no conflict is left" in ran.out
    assert not git(james, "ls-files", "-u")
    assert (james / PATH).read_bytes().endswith(b"one\n2\n")
    git(james, "commit", "-q", "--no-edit")
    assert merging.cli("james", "resolve").out == "nothing is in conflict here\n"


def test_a_field_can_be_given_another_value(merging):
    james = merging.folder("james")
    ran = merging.cli("james", "resolve", PATH, "--field", "owner", "--take", "yes: both")
    assert ran.code == 0, ran.err
    assert b'\nowner: "yes: both"\n---\n' in (james / PATH).read_bytes()


def test_all_of_a_file_can_be_taken(merging, document):
    james = merging.folder("james")
    ran = merging.cli("james", "resolve", "plan-bbbbbb", "--take", "theirs", "--json")
    found = document(ran.out, "resolve")
    assert found["staged"] is True
    assert found["settled"] == ["owner", "line 14"]
    assert found["conflicts"] == []
    # What did not conflict is kept: the title is ours.
    assert b"title: The plan\nstatus: draft\nowner: carol\n" in (james / PATH).read_bytes()


def test_what_was_edited_meanwhile_stays(merging):
    james = merging.folder("james")
    (james / PATH).write_bytes((james / PATH).read_bytes().replace(b"one\n", b"one, edited\n"))
    merging.cli("james", "resolve", PATH, "--take", "ours")
    assert b"one, edited\n2\n" in (james / PATH).read_bytes()


def test_one_side_removed_the_file(ledger):
    for take, there in (("ours", True), ("theirs", False)):
        conflicted(ledger, theirs=b"", path=f"plans/{take}.md")
        ran = ledger.cli("james", "resolve")
        assert "theirs (carol) removed the file, ours (james) changed it" in ran.out
        ran = ledger.cli("james", "resolve", "plan-bbbbbb", "--take", take)
        assert ran.code == 0, ran.err
        james = ledger.folder("james")
        assert (james / f"plans/{take}.md").exists() == there
        assert not git(james, "ls-files", "-u")
        git(james, "commit", "-q", "--no-edit")


def test_wrong_use_says_what_would_be_right(merging):
    for args, code, word in (
        (("resolve", "nothing", "--take", "ours"), 2, "in conflict: plan-bbbbbb"),
        (("resolve", "nothing"), 2, "in conflict: plan-bbbbbb"),
        (("resolve", "plan-b", "--take", "mine"), 2, "--field"),
        (
            ("resolve", "plan-b", "--field", "owner"),
            2,
            "hint:  gitsync resolve plan-b --field owner --take theirs",
        ),
        (("resolve", "plan-b", "--body"), 2, "hint:  gitsync resolve plan-b --body --take ours"),
        (("resolve", "--take", "ours"), 2, "which file"),
        (("resolve", "--take", "ours"), 2, "hint:  gitsync resolve ID --take ours"),
        (("resolve", "plan-b", "--field", "title", "--take", "ours"), 1, "not in conflict"),
    ):
        ran = merging.cli("james", *args)
        assert ran.code == code, ran.err
        assert word in ran.err
    assert git(merging.folder("james"), "ls-files", "-u")


def test_what_would_not_parse_is_not_staged(ledger):
    base = plan().replace(b"owner: alice\n", b"owner: alice\nx: 1\n")
    conflicted(ledger, base=base, ours=base.replace(b"x: 1", b"x: *y"),
               theirs=base.replace(b"x: 1", b"x: 2"))  # fmt: skip
    ran = ledger.cli("james", "resolve", "plan-bbbbbb", "--take", "ours")
    assert ran.code == 1
    assert "cannot be read" in ran.err
    assert git(ledger.folder("james"), "ls-files", "-u")


def test_markers_around_several_fields_are_not_guessed_at(merging):
    james = merging.folder("james")
    text = plan().replace(b"status: draft\nowner: alice\n", b"<<<<<<< a\nstatus: x\nowner: y\n"
                          b"=======\nstatus: z\nowner: w\n>>>>>>> b\n")  # fmt: skip
    (james / PATH).write_bytes(text)
    ran = merging.cli("james", "resolve", PATH, "--field", "owner", "--take", "ours")
    assert ran.code == 1
    assert "git checkout --merge" in ran.err
    git(james, "checkout", "--merge", "--", PATH)
    assert merging.cli("james", "resolve", PATH, "--field", "owner", "--take", "ours").code == 0


def test_markers_are_neither_proposed_nor_snapshotted(merging):
    james = merging.folder("james")
    git(james, "add", "-A")  # git itself would commit them
    for args in (("propose", "-m", "x"), ("snapshot",)):
        ran = merging.cli("james", *args)
        assert ran.code == 1
        assert "merge.markers" in merging.cli("james", *args, "--json").err
        assert "gitsync resolve" in ran.err
    for line in ran.err.partition("hint:")[2].splitlines()[:1]:
        git(james, *line.split()[1:])
    ran = merging.cli("james", "resolve", PATH, "--take", "theirs")
    assert (ran.code, "no conflict is left" in ran.out) == (0, True)


def test_markers_that_git_has_committed_are_not_signed_either(merging):
    """Hooks stop such a commit; who has none finds out here, and is told what still helps."""
    james = merging.folder("james")
    git(james, "commit", "-q", "-am", "as it is")
    for args in (("propose", "-m", "x"), ("snapshot",)):
        ran = merging.cli("james", *args)
        said, hint = ran.err.splitlines()
        assert ran.code == 1
        assert said.startswith(f"error: {PATH}:6: a conflict is not settled")
        assert hint.startswith("hint:  settle it in the file; markers that are meant as text")
    (james / PATH).write_bytes(plan())
    ran = merging.cli("james", "snapshot")
    assert (ran.code, ran.err) == (0, "")
    git(james, "commit", "-q", "--allow-empty", "-m", "more")
    assert "  holds what was committed already\n" in merging.cli("james", "snapshot").out


@pytest.mark.parametrize(
    ("begin", "go_on"),
    [
        (("rebase", "-q"), "git rebase --continue"),
        (("cherry-pick",), "git cherry-pick --continue"),
        (("merge", "-q"), "git commit"),
    ],
)
def test_the_next_step_is_what_git_waits_for(merging, begin, go_on):
    james = merging.folder("james")
    other = git(james, "rev-parse", "MERGE_HEAD")
    git(james, "merge", "--abort")
    git(james, *begin, other, check=False)
    status = merging.cli("james", "status").out
    steps = status.partition("Next:\n")[2].splitlines()
    assert [line.split("  ")[1] for line in steps] == ["gitsync resolve plan-bbbbbb", go_on]
    ran = merging.cli("james", "resolve", "plan-b", "--take", "theirs")
    assert ran.out.partition("Next:\n")[2].startswith(f"  {go_on}  ")
    command = go_on.split()[1:]
    git(
        james, "-c", "core.editor=true", *command, *(["--no-edit"] if command == ["commit"] else [])
    )
    assert "In conflict" not in merging.cli("james", "status").out


@pytest.mark.parametrize("by", ["git", "gitsync"])
def test_what_was_put_aside_is_called_so(ledger, by):
    """Git says nowhere that it was a stash that it merged."""
    james = ledger.folder("james")

    def owned(name):
        return plan().decode().replace("owner: alice", f"owner: {name}")

    ledger.propose("alice", PATH, owned("alice"), "first")
    ledger.witness()
    ledger.pull("james", "alice")
    mine = owned("james")
    if by == "gitsync":
        ledger.write("james", PATH, mine)
        ledger.propose("alice", PATH, owned("carol"), "second")
        ledger.clock.tick()
        ledger.witness()
        assert ledger.cli("james", "pull", "--autostash").code == 1
    else:
        ledger.write("james", PATH, mine)
        git(james, "stash", "-q")
        ledger.write("james", PATH, owned("carol"))
        git(james, "commit", "-qam", "carol's")
        git(james, "stash", "pop", "-q", check=False)
    out = ledger.cli("james", "status").out
    assert "      theirs (your stash): james\n" in out
    assert "      ours (" in out
