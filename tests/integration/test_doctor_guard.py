"""What a home lets anybody do, by its files and by probes; and no probe moves anything."""

from __future__ import annotations

import pytest

from tests.integration.doctorkit import examine, faults, protect, refs
from tests.integration.peoplekit import git

EVERYTHING = {
    ("common", "force-push"), ("common", "deletion"), ("receipts", "force-push"),
    ("receipts", "deletion"), ("locks", "force-push"), ("locks", "deletion"),
    ("tags", "overwriting"), ("tags", "deletion"),
}  # fmt: skip
REWINDS = {one for one in EVERYTHING if one[1] == "force-push"}
TAGS = {one for one in EVERYTHING if one[0] == "tags"}
DELETIONS = {one for one in EVERYTHING if one[1] == "deletion"} - TAGS
READ_ALL = "#!/bin/sh\nwhile read old new ref; do\n"
NO_NEWS = (
    READ_ALL + "case $ref in refs/heads/common|refs/heads/gitsync/*|refs/tags/*)"
    " echo kept >&2; exit 1;; esac\ndone\n"
)


@pytest.fixture
def whole(ledger):
    """Three snapshots, and receipts and locks that have a past to go back to."""
    for number in range(2):
        ledger.clock.tick()
        ledger.propose("alice", f"{number}.md", f"Note {number}\n", f"note-{number}")
        ledger.witness()
    ledger.pull("alice", "james")
    git(ledger.hub, "config", "receive.fsckObjects", "true")
    git(ledger.hub, "config", "core.fsync", "committed")
    return ledger


def verdicts(found):
    """kind -> the moves that it is said of."""
    told = {"unprotected": set(), "cannot-tell": set()}
    for one in found["findings"]:
        assert one["area"] == "protection", one
        told[one["kind"]].add((one["subject"], one["code"].removeprefix("guard.")))
    return told


def hook(hub, name, text):
    path = hub / "hooks" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def no_rules(hub):
    return EVERYTHING, EVERYTHING, set()


def no_rewinds(hub):
    git(hub, "config", "receive.denyNonFastForwards", "true")
    return EVERYTHING - REWINDS, EVERYTHING - REWINDS, set()


def no_deletions(hub):
    git(hub, "config", "receive.denyDeletes", "true")
    return EVERYTHING - DELETIONS, EVERYTHING - DELETIONS, set()


def foreign_hook_that_guards(hub):
    hook(hub, "pre-receive", NO_NEWS)
    return set(), set(), EVERYTHING


def foreign_hook_that_lets_all_pass(hub):
    hook(hub, "pre-receive", "#!/bin/sh\nexit 0\n")
    return set(), EVERYTHING, EVERYTHING


def foreign_update_hook(hub):
    hook(hub, "update", '#!/bin/sh\n[ "$1" != refs/heads/common ]\n')
    return set(), {one for one in EVERYTHING if one[0] != "common"}, EVERYTHING


def our_hook(hub):
    protect(hub)
    hook(hub, "pre-receive", NO_NEWS.replace("\n", "\n# gitsync: pre-receive\n", 1))
    return set(), set(), set()


@pytest.mark.parametrize(
    "rules",
    [no_rules, no_rewinds, no_deletions, foreign_hook_that_guards,
     foreign_hook_that_lets_all_pass, foreign_update_hook, our_hook],
)  # fmt: skip
def test_files_and_probes_say_what_is_so_and_move_nothing(whole, rules):
    by_files, by_probe, untold = rules(whole.hub)
    before = refs(whole.hub)
    found = verdicts(examine(whole, "james"))
    assert found == {"unprotected": by_files, "cannot-tell": untold}
    found = verdicts(examine(whole, "james", "--probe"))
    assert found == {"unprotected": by_probe, "cannot-tell": set()}
    assert refs(whole.hub) == before
    # And it is so: stock git does to the home what was said to be accepted, and nothing else.
    for what, verb in sorted(EVERYTHING):
        assert attempt(whole, what, verb) == ((what, verb) in by_probe), (what, verb)


def attempt(ledger, what, verb):
    """Do it with stock git; undone again if it worked."""
    names = {"common": "heads/common", "receipts": "heads/gitsync/receipts/common",
             "locks": "heads/gitsync/locks", "tags": "tags/common@3"}  # fmt: skip
    ref = f"refs/{names[what]}"
    tip = git(ledger.hub, "rev-parse", ref)
    other = {"deletion": "", "force-push": f"{tip}~1", "overwriting": "common@1"}[verb]
    folder = ledger.folder("james")
    git(folder, "fetch", "-q", "origin", ref)
    git(folder, "push", "-q", "--no-verify", "-f", "origin", f"{other}:{ref}", check=False)
    moved = git(ledger.hub, "rev-parse", "--verify", "-q", ref, check=False) != tip
    git(ledger.hub, "update-ref", ref, tip)
    return moved


def test_where_the_remote_refuses_the_probe_itself_nothing_is_claimed(whole):
    hook(whole.hub, "pre-receive", "#!/bin/sh\nexit 1\n")
    before = refs(whole.hub)
    found = verdicts(examine(whole, "james", "--probe"))
    assert found == {"unprotected": set(), "cannot-tell": EVERYTHING}
    assert refs(whole.hub) == before


def test_a_remote_that_takes_impossible_refs_is_shown_nothing_that_matters(whole):
    """A server that keeps its own refs (proc-receive) may accept them: then no verdict at all."""
    git(whole.hub, "config", "receive.procReceiveRefs", "refs/heads/proposals")
    log = whole.root / "seen"
    hook(whole.hub, "pre-receive", f"#!/bin/sh\ncat >> {log}\n")
    found = verdicts(examine(whole, "james", "--probe"))
    assert found["cannot-tell"] == EVERYTHING
    assert "refs/heads/common" not in log.read_text()


def test_a_remote_by_address_is_not_asked_unless_told_to(whole):
    """Over a protocol its files cannot be read, and a push leaves traces: the user decides."""
    folder = whole.folder("james")
    git(folder, "config", "remote.origin.url", f"ext::git %s {whole.hub}")
    git(folder, "config", "protocol.ext.allow", "always")
    log = whole.root / "seen"
    hook(whole.hub, "pre-receive", f"#!/bin/sh\ncat >> {log}\n")
    found = examine(whole, "james")
    assert [one["code"] for one in found["findings"]] == ["guard.not-asked"]
    assert found["code"] == 0
    assert not log.exists()
    found = verdicts(examine(whole, "james", "--probe"))
    assert found["unprotected"] == EVERYTHING
    assert log.exists()


def test_a_home_that_checks_and_syncs_nothing(whole):
    our_hook(whole.hub)
    for name in ("receive.fsckObjects", "core.fsync"):
        git(whole.hub, "config", "--unset", name)
    assert faults(examine(whole, "james")) == ["guard.fsck", "guard.fsync"]


def test_inside_a_bare_home(whole):
    assert set(faults(examine(whole, "hub.git"))) == {
        "guard.force-push", "guard.deletion", "guard.overwriting"
    }  # fmt: skip
    our_hook(whole.hub)
    assert examine(whole, "hub.git")["findings"] == []
