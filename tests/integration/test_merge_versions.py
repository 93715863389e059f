"""Merge versions in a ledger: which one counts, moving to the next, what a conflict says."""

from __future__ import annotations

from gitsync.services.founding import InitOptions, init
from tests.conftest import new_host
from tests.integration.ledgerkit import Hand, check, git, plan, policy_edit

POLICY = ".gitsync/policy.yaml"
BASE = plan("plan-cccccc")


def to_version(ledger, hand, old: int, new: int) -> str | None:
    """Propose a policy with another merge version as the founder; the rule if it is refused."""
    policy = policy_edit(hand, merge=(f"merge: {old} ", f"merge: {new} "))
    hand.propose(f"alice/version-{new}", hand.change("alice", {POLICY: policy}))
    ledger.clock.tick()
    ledger.witness()
    hand.reopen()
    return hand.rule(f"alice/version-{new}")


def two_edits(ledger, hand, slug: str, base: bytes, ours: bytes, theirs: bytes) -> str | None:
    """Both sides of a file land one after the other, if they merge; the rule of the second."""
    path = f"plans/{slug}.md"
    start = hand.propose(f"alice/{slug}-base", hand.change("alice", {path: base}))
    ledger.clock.tick()
    ledger.witness()
    hand.reopen()
    hand.propose(f"alice/{slug}", hand.change("alice", {path: ours}, start))
    ledger.clock.tick()
    hand.propose(f"james/{slug}", hand.change("james", {path: theirs}, start))
    ledger.clock.tick()
    ledger.witness()
    hand.reopen()
    assert hand.rule(f"alice/{slug}") == "ledger.accepted"
    return hand.rule(f"james/{slug}")


def neighbours(ident: str) -> tuple[bytes, bytes, bytes]:
    base = plan(ident)
    return (
        base,
        base.replace(b"title: A plan", b"title: B"),
        base.replace(b"owner: alice", b"owner: james").replace(b"draft", b"committed"),
    )


def test_new_ledgers_have_version_2_and_move_between_versions(ledger):
    """1 -> 2 and the snapshots of both replay; each snapshot names the version that made it."""
    hand = Hand(ledger)
    assert to_version(ledger, hand, 2, 1) == "ledger.accepted"
    base, ours, theirs = neighbours("plan-dddddd")
    assert two_edits(ledger, hand, "old", base, ours, theirs) == "merge.conflict"
    assert to_version(ledger, hand, 1, 2) == "ledger.accepted"
    base, ours, theirs = neighbours("plan-ffffff")
    assert two_edits(ledger, hand, "new", base, ours, theirs) == "ledger.accepted"
    landed = hand.read("plans/new.md")
    assert "title: B\nstatus: committed\nowner: james\n" in landed
    versions = [
        line.partition(": ")[2]
        for number in range(1, hand.number() + 1)
        for line in git(hand.repo.git_dir, "log", "-1", "--format=%B", f"common@{number}").split(
            "\n"
        )
        if line.startswith("Gitsync-Merge: ")
    ]
    assert versions[:2] == ["2", "2"]
    assert versions[-1] == "2"
    assert "1" in versions
    report = check(ledger)
    assert report.number == hand.number()


def test_a_conflict_says_the_fields_both_values_and_what_settles_them(ledger):
    hand = Hand(ledger)
    base = plan("plan-gggggg")
    ours = base.replace(b"owner: alice", b"owner: carol")
    theirs = base.replace(b"owner: alice", b"owner: james")
    assert two_edits(ledger, hand, "field", base, ours, theirs) == "merge.conflict"
    receipt = hand.receipt("james/field")
    assert "plans/field.md:6: both sides changed owner" in receipt.why
    assert "owner was alice; common has carol, the proposal has james" in receipt.why
    assert receipt.mend == (
        "git fetch && git merge origin/common",
        "gitsync resolve plans/field.md --field owner --take theirs # or ours",
        "git commit # when gitsync resolve lists nothing",
        "gitsync propose --slug field",
    )
    check(ledger)


def test_the_commands_of_a_receipt_settle_the_conflict(ledger):
    hand = Hand(ledger)
    ledger.propose("alice", "plans/a.md", BASE.decode(), "base")
    ledger.witness()
    ledger.pull("james")
    ledger.clock.tick()
    ledger.propose("james", "plans/a.md", BASE.decode().replace("A plan", "B"), "mine")
    ledger.clock.tick()
    ledger.propose("alice", "plans/a.md", BASE.decode().replace("A plan", "C"), "hers")
    hand.put("refs/heads/proposals/james/mine", None)  # it comes too late
    tip = git(ledger.folder("james"), "rev-parse", "people/james")
    ledger.witness()
    git(ledger.folder("james"), "push", "-q", "origin", f"{tip}:refs/heads/proposals/james/mine")
    ledger.clock.tick()
    ledger.witness()
    assert hand.rule("james/mine") == "merge.conflict"
    james = ledger.folder("james")
    git(james, "fetch", "-q")
    git(james, "merge", "-q", "origin/common", check=False)
    ran = ledger.cli("james", "resolve", "plans/a.md", "--field", "title", "--take", "ours")
    assert ran.code == 0, ran.err
    git(james, "commit", "-q", "--no-edit")
    ledger.clock.tick()
    ran = ledger.cli("james", "propose", "--slug", "mine")
    assert ran.code == 0, ran.err
    ledger.clock.tick()
    ledger.witness()
    assert hand.rule("james/mine") == "ledger.accepted"
    assert "title: B\n" in hand.read("plans/a.md")
    check(ledger)


MARKED = BASE.replace(b"two\n", b"<<<<<<< a\ntwo\n=======\n2\n>>>>>>> b\n")


def test_the_witness_refuses_markers_since_version_2(ledger):
    hand = Hand(ledger)
    hand.propose("james/marked", hand.change("james", {"plans/x.md": MARKED}))
    # Only a whole conflict is one, and only artifacts are looked at.
    text = BASE.replace(b"two\n", b"<<<<<<< a\n  =======\n>>>>>>> b\n").replace(
        b"cccccc", b"hhhhhh"
    )
    hand.propose("james/text", hand.change("james", {"plans/y.md": text, "z.txt": MARKED}))
    ledger.clock.tick()
    ledger.witness()
    hand.reopen()
    assert hand.rule("james/marked") == "merge.markers"
    assert "plans/x.md:10" in hand.receipt("james/marked").why
    assert hand.rule("james/text") == "ledger.accepted"
    check(ledger)


def test_a_ledger_of_version_1_keeps_what_it_accepted(ledger):
    hand = Hand(ledger)
    assert to_version(ledger, hand, 2, 1) == "ledger.accepted"
    hand.propose("james/marked", hand.change("james", {"plans/x.md": MARKED}))
    ledger.clock.tick()
    ledger.witness()
    hand.reopen()
    assert hand.rule("james/marked") == "ledger.accepted"
    assert to_version(ledger, hand, 1, 2) == "ledger.accepted"
    # What holds markers already may be edited, and settled.
    edited = MARKED.replace(b"three", b"THREE")
    hand.propose("james/edit", hand.change("james", {"plans/x.md": edited}))
    ledger.clock.tick()
    ledger.witness()
    hand.reopen()
    assert hand.rule("james/edit") == "ledger.accepted"
    check(ledger)


def test_a_fresh_ledger_is_founded_on_the_newest(tmp_path, clock, make_key):
    (tmp_path / "new").mkdir()
    host = new_host(tmp_path / "new", clock)
    init(host, InitOptions(name="alice", key=str(make_key("alice"))))
    assert "\nmerge: 2 " in (tmp_path / "new/.gitsync/policy.yaml").read_text()
