"""What may be interrupted: one entry a command, with the world it runs in and what must come out.

A command that is new to this table gets one more :class:`Scenario`; the kill, the power cut and
the full disk then find it by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, RefusedError
from gitsync.hooks import post_receive
from gitsync.services import artifacts, authoring, clonehooks, copies, homehooks, rosters
from gitsync.services.carrying import creating, looking, rounds, sticks, taking
from gitsync.services.carrying.shelf import Shelf
from gitsync.services.carrying.unwrapping import found_in
from gitsync.services.consenting import approve, find_proposal, withdraw
from gitsync.services.founding import InitOptions, init
from gitsync.services.joining import JoinOptions, join
from gitsync.services.leasing.renewing import held_here, note_leases, renew
from gitsync.services.leasing.taking import TakeOptions, acquire, release
from gitsync.services.people import snapshot
from gitsync.services.proposing import ProposeOptions, propose
from gitsync.services.pulling import pin, pull
from gitsync.services.sending import push
from gitsync.services.sources import fresh_view
from gitsync.services.witnessing import WitnessOptions
from gitsync.services.workspace import Workspace
from gitsync.storage import keys
from tests.conftest import Ledger, write_key
from tests.integration import invariants
from tests.integration.ledgerkit import Hand, check, git, plan

if TYPE_CHECKING:
    from collections.abc import Callable


def _nothing(_: Ledger) -> None:
    return None


@dataclass(frozen=True)
class Scenario:
    """``run`` may be interrupted anywhere and run again; ``check`` then finds it done, once.

    ``who`` ran it: the clone whose disk the fault is about. ``solo``: the ledger's home is the
    witness's own repository. ``once``: a second complete run makes something new by design.
    ``beginning``: it makes repositories, with a git that syncs nothing of them; what it had made in
    ``fresh`` when the power went is removed before it is run again. ``files``: git writes files of
    the work tree, and those that a cut has torn are brought back with ``git restore``; nothing of
    the user's lies where it would be overwritten.
    """

    name: str
    who: str
    run: Callable[[Ledger], object]
    check: Callable[[Ledger], None]
    prepare: Callable[[Ledger], None] = _nothing
    solo: bool = False
    once: bool = False
    beginning: bool = False
    fresh: str | None = None
    files: bool = False


# -- the witness ----------------------------------------------------------------------------


def _pending(ledger: Ledger) -> None:
    """Three proposals that land, one that is refused, one that waits."""
    hand = Hand(ledger)
    base = hand.common
    for place in range(3):
        oid = hand.change("james", {f"f{place}.md": b"x\n"}, base, seconds=hand.now + place)
        hand.propose(f"james/p{place}", oid)
    hand.propose("carol/no", hand.change("carol", {"Jenkinsfile": b"x\n"}, base))
    waits = f"x\n\nAfter: {'1' * 40}"
    hand.propose("carol/wait", hand.change("carol", {"w.md": b"x\n"}, base, message=waits))


def _decided(ledger: Ledger) -> None:
    hand = Hand(ledger)
    rules = {name: hand.rule(name) for name in ("james/p0", "james/p1", "james/p2", "carol/no")}
    assert rules.pop("carol/no") == "policy.denied-path"
    assert set(rules.values()) == {"ledger.accepted"}, rules
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 4
    assert [ref for ref in hand.refs() if "proposals" in ref] == [
        "refs/heads/proposals/carol/no", "refs/heads/proposals/carol/wait",
    ]  # fmt: skip
    invariants.clone_is_sound(ledger.folder("alice"), 4)


# -- people ---------------------------------------------------------------------------------


def _clean(folder: Path, but: str = "") -> None:
    found = git(folder, "status", "--porcelain")
    assert found == but, f"the work tree is not clean: {found}"


def _wrote(ledger: Ledger) -> None:
    ledger.write("james", "notes/a.md", "A\n")


def _propose(ledger: Ledger) -> object:
    return propose(ledger.ws("james"), ProposeOptions(message="Add a"))


def _proposed(ledger: Ledger) -> None:
    folder, ws = ledger.folder("james"), ledger.ws("james")
    tip = ws.repo.refs.get("refs/heads/people/james")
    assert git(folder, "rev-list", "--count", "common..people/james") == "1"
    there = ws.repo.remote("origin").list("refs/heads/proposals/james/*")
    assert there == {"refs/heads/proposals/james/add-a": tip}, there
    assert git(folder, "show", f"{tip}:notes/a.md") == "A"
    assert git(folder, "status", "--porcelain") == ""
    invariants.clone_is_sound(folder, 1)


def _propose_one(ledger: Ledger) -> object:
    options = ProposeOptions(message="Add a", paths=("notes/a.md",), slug="one")
    return propose(ledger.ws("james"), options)


def _proposed_one(ledger: Ledger) -> None:
    folder, ref = ledger.folder("james"), "refs/heads/proposals/james/one"
    assert git(folder, "rev-list", "--count", f"common..{ref}") == "1"
    assert git(ledger.hub, "rev-parse", ref) == git(folder, "rev-parse", ref)
    assert git(folder, "show", f"{ref}:notes/a.md") == "A"
    invariants.clone_is_sound(folder, 1)


def _offered(ledger: Ledger) -> None:
    ledger.propose("james", "notes/a.md", "A\n", "a")
    ledger.clock.tick()


def _approve(ledger: Ledger) -> object:
    ws = ledger.ws("carol")
    name, tip = find_proposal(fresh_view(ws), "a")
    return approve(ws, name, tip)


def _approved(ledger: Ledger) -> None:
    ws = ledger.ws("carol")
    here = ws.repo.refs.list("refs/heads/approvals/")
    assert list(here) == ["refs/heads/approvals/carol/james+a"], here
    assert ws.repo.remote("origin").list("refs/heads/approvals/*") == here
    invariants.clone_is_sound(ledger.folder("carol"), 1)


def _withdraw(ledger: Ledger) -> object:
    ws = ledger.ws("james")
    view = fresh_view(ws)
    return withdraw(ws, view, find_proposal(view, "a")[0])


def _withdrawn(ledger: Ledger) -> None:
    ws = ledger.ws("james")
    here = ws.repo.refs.list("refs/heads/proposals/")
    assert ws.repo.remote("origin").list("refs/heads/proposals/*") == here
    (tip,) = here.values()
    assert ws.facts.record(tip).kind == "withdrawal"
    assert ws.facts.record(ws.facts.commit(tip).parents[0]).kind == "proposal"
    ledger.witness()
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 1


def _snapshot(ledger: Ledger) -> object:
    return snapshot(ledger.ws("james"), "Mine")


def _pull(ledger: Ledger) -> object:
    return pull(ledger.ws("james"))


def _push(ledger: Ledger) -> object:
    return push(ledger.ws("james"))


def _pin(ledger: Ledger) -> object:
    return pin(ledger.ws("james"), "common@1")


def _snapshotted(ledger: Ledger) -> None:
    folder = ledger.folder("james")
    assert git(folder, "tag", "--list", "james@*") == "james@1"
    assert git(folder, "rev-parse", "james@1^{commit}") == git(folder, "rev-parse", "HEAD")
    assert git(folder, "rev-list", "--count", "common..HEAD") == "1"
    assert git(folder, "status", "--porcelain") == ""
    invariants.clone_is_sound(folder, 1)


def _behind(ledger: Ledger) -> None:
    ledger.propose("alice", "notes/a.md", "A\n", "a")
    ledger.witness()
    ledger.write("james", "mine.md", "mine\n")


def _followed(ledger: Ledger) -> None:
    folder = ledger.folder("james")
    assert git(folder, "rev-parse", "people/james") == git(folder, "rev-parse", "common@2^{}")
    assert git(folder, "status", "--porcelain") == "?? mine.md"
    invariants.clone_is_sound(folder, 2)


def _diverged(ledger: Ledger) -> None:
    ledger.write("james", "mine.md", "mine\n")
    snapshot(ledger.ws("james"), "Mine")
    ledger.propose("alice", "notes/a.md", "A\n", "a")
    ledger.witness()


def _merged(ledger: Ledger) -> None:
    folder = ledger.folder("james")
    assert git(folder, "rev-list", "--count", "--merges", "common..people/james") == "1"
    assert sorted(git(folder, "ls-files", "*.md", ":!.gitsync").split()) == [
        "mine.md",
        "notes/a.md",
    ]
    _clean(folder)
    invariants.clone_is_sound(folder, 2)


def _queued(ledger: Ledger) -> None:
    """A proposal made while the remote was out of reach."""
    away = ledger.root / "away.git"
    ledger.hub.rename(away)
    ledger.propose("james", "notes/a.md", "A\n", "a")
    away.rename(ledger.hub)


def _sent(ledger: Ledger) -> None:
    ref = "refs/heads/proposals/james/a"
    assert git(ledger.hub, "rev-parse", ref) == git(ledger.folder("james"), "rev-parse", ref)
    invariants.clone_is_sound(ledger.folder("james"), 1)


def _two_behind(ledger: Ledger) -> None:
    _behind(ledger)
    ledger.pull("james")


def _pinned(ledger: Ledger) -> None:
    folder = ledger.folder("james")
    assert ledger.ws("james").repo.config("gitsync.pin") == "common@1"
    assert git(folder, "rev-parse", "people/james") == git(folder, "rev-parse", "common@1^{}")
    assert git(folder, "status", "--porcelain") == "?? mine.md"
    invariants.clone_is_sound(folder, 2)


def _admit(ledger: Ledger) -> object:
    key = rosters.key_from_file(Path(f"{ledger.key('dora')}.pub"))
    return rosters.add(ledger.ws("alice"), "dora", key)


def _admitting(ledger: Ledger) -> None:
    there = ledger.ws("alice").repo.remote("origin").list("refs/heads/proposals/*")
    assert list(there) == ["refs/heads/proposals/alice/admit-dora"], there
    ledger.witness()
    assert invariants.all_of_them(ledger.hub, ledger.witness) == 2
    ledger.pull("carol")
    assert "dora" in ledger.ws("carol").settings().roster.people()


LINES = [f"line {number}\n" for number in range(9)]
LONG = "".join(f"long line {number}\n" for number in range(900))  # some blocks of a disk


def _in_the_way(ledger: Ledger) -> None:
    """james has edited the end of a file whose beginning has changed in common, and has staged an
    edit of a long one, a removal and a new one; common has a new one too."""
    ledger.propose("alice", "notes/a.md", "".join(LINES), "a")
    ledger.propose("alice", "notes/b.md", LONG, "b")
    ledger.propose("alice", "notes/gone.md", "gone\n", "gone")
    ledger.witness()
    ledger.pull("james")
    ledger.clock.tick()
    ledger.propose("alice", "notes/a.md", "".join(["changed\n", *LINES[1:]]), "a2")
    ledger.propose("alice", "notes/theirs.md", LONG, "theirs")
    ledger.witness()
    ledger.write("james", "notes/a.md", "".join([*LINES[:8], "mine\n"]))
    ledger.write("james", "notes/b.md", LONG + "mine\n")
    ledger.write("james", "notes/new.md", LONG.upper())
    git(ledger.folder("james"), "rm", "-q", "notes/gone.md")
    git(ledger.folder("james"), "add", "notes/b.md", "notes/new.md")


def _pull_over(ledger: Ledger) -> object:
    return pull(ledger.ws("james"), autostash=True)


def _brought_back(ledger: Ledger) -> None:
    folder = ledger.folder("james")
    text = "".join(["changed\n", *LINES[1:8], "mine\n"])
    assert (folder / "notes/a.md").read_text() == text
    assert (folder / "notes/b.md").read_text() == LONG + "mine\n"
    assert (folder / "notes/new.md").read_text() == LONG.upper()
    assert (folder / "notes/theirs.md").read_text() == LONG
    staged = ["notes/b.md", "notes/gone.md", "notes/new.md"]
    assert git(folder, "diff", "--cached", "--no-renames", "--name-only").split() == staged
    assert git(folder, "diff", "--name-only") == "notes/a.md"
    assert git(folder, "for-each-ref", "refs/worktree") == ""
    assert git(folder, "stash", "list") == ""
    assert "\n" not in git(folder, "worktree", "list")
    invariants.clone_is_sound(folder, 6)


def _stick(ledger: Ledger) -> None:
    git(ledger.root, "init", "--quiet", "--bare", "stick.git")
    git(ledger.folder("james"), "remote", "add", "stick", "../stick.git")
    _behind(ledger)
    ledger.pull("james")


def _carry(ledger: Ledger) -> object:
    return copies.send(ledger.ws("james"))


def _carried(ledger: Ledger) -> None:
    assert invariants.all_of_them(ledger.root / "stick.git") == 2


# -- bundles --------------------------------------------------------------------------------


def _on_a_stick(ledger: Ledger) -> None:
    """alice has landed something, and a bundle for anybody lies on the stick; james has work."""
    (ledger.root / "stick").mkdir()
    ledger.propose("alice", "notes/a.md", "A\n", "a")
    ledger.witness()
    ledger.pull("alice")
    creating.create(ledger.ws("alice"), ledger.root / "stick", creating.CreateOptions())


def _import(ledger: Ledger) -> object:
    (path,) = (ledger.root / "stick").glob("alice-*.bundle")
    return taking.take(ledger.ws("james"), path)


def _imported(ledger: Ledger) -> None:
    folder = ledger.folder("james")
    invariants.clone_is_sound(folder, 2)
    carried = "refs/gitsync/carried/heads/gitsync/receipts/common"
    assert git(folder, "rev-parse", carried) == git(ledger.hub, "rev-parse", f"refs/{carried[21:]}")
    shelf = folder / ".git/gitsync/carrying"
    assert not (shelf / "quarantine").exists()
    assert Shelf(shelf).peer("alice").received is not None


def _nobody_wrote(ledger: Ledger) -> None:
    _on_a_stick(ledger)
    for path in (ledger.root / "stick").iterdir():
        path.unlink()


def _create(ledger: Ledger) -> object:
    wanted = creating.CreateOptions(split=4096)
    return creating.create(ledger.ws("alice"), ledger.root / "stick", wanted)


def _written(ledger: Ledger) -> None:
    """However often it was begun: each that is there is whole, and one of them at least is."""
    found = found_in(ledger.root / "stick")
    assert found
    left = [one.name for one in (ledger.root / "stick").iterdir() if one.name.startswith("tmp_")]
    assert left == [], left
    numbers = [looking.verify(ledger.host("carol"), str(path))[0].manifest.sequence
               for path in found]  # fmt: skip
    assert len(set(numbers)) == len(numbers), "a number was given out twice"


def _at_a_stick(ledger: Ledger) -> None:
    (ledger.root / "stick").mkdir()
    _pending(ledger)


def _round(ledger: Ledger) -> object:
    return rounds.witness_at(ledger.ws("alice"), ledger.root / "stick", WitnessOptions())


def _went_round(ledger: Ledger) -> None:
    _decided(ledger)
    assert found_in(ledger.root / "stick")
    for path in found_in(ledger.root / "stick"):
        assert looking.verify(ledger.host("carol"), str(path))[0].number == 4


def _sync_stick(ledger: Ledger) -> object:
    return sticks.sync(ledger.ws("james"), ledger.root / "stick", sticks.StickOptions())


def _with_work(ledger: Ledger) -> None:
    _on_a_stick(ledger)
    ledger.propose("james", "notes/j.md", "J\n", "j")


def _went_by_stick(ledger: Ledger) -> None:
    invariants.clone_is_sound(ledger.folder("james"), 2)
    sticks.sync(ledger.ws("alice"), ledger.root / "stick", sticks.StickOptions())
    carried = "refs/gitsync/carried/heads/proposals/james/j"
    here = git(ledger.folder("james"), "rev-parse", "refs/heads/proposals/james/j")
    assert git(ledger.folder("alice"), "rev-parse", carried) == here


def _join_stick(ledger: Ledger) -> object:
    host = replace(ledger.host(), cwd=ledger.root / "code")
    key = str(write_key(ledger.root / "keys", "dora"))
    try:
        return join(host, JoinOptions(url="../stick", name="dora", folder="d", key=key))
    except EnvironmentFault as error:
        if error.code != "join.folder":
            raise
    # Only the request was still to be written, and that is what sync is for.
    ws = Workspace.open(replace(host, cwd=ledger.root / "code/d"))
    return sticks.sync(ws, ledger.root / "stick", sticks.StickOptions())


def _stick_to_join(ledger: Ledger) -> None:
    _on_a_stick(ledger)
    _code_to_join(ledger)


def _joined_by_stick(ledger: Ledger) -> None:
    ws = Workspace.open(replace(ledger.host(), cwd=ledger.root / "code/d"))
    assert ws.me() == "dora"
    assert ws.verified().commit == ws.repo.refs.get("refs/heads/people/dora")
    assert git(ws.repo.work_tree, "status", "--porcelain") == ""
    sticks.sync(ledger.ws("alice"), ledger.root / "stick", sticks.StickOptions())
    carried = "refs/gitsync/carried/heads/gitsync/requests/dora"
    request = ws.repo.refs.get("refs/heads/gitsync/requests/dora")
    assert git(ledger.folder("alice"), "rev-parse", carried) == request


# -- hooks ----------------------------------------------------------------------------------


def _a_hook_before(ledger: Ledger) -> None:
    folder = ledger.folder("james") / ".git/hooks"
    folder.mkdir(exist_ok=True)
    hook = folder / "pre-commit"
    hook.write_text("#!/bin/sh\necho before >> .git/ran\n")
    hook.chmod(0o755)


def _install(ledger: Ledger) -> object:
    return clonehooks.install(ledger.ws("james").repo)


def _a_tool_before(ledger: Ledger) -> None:
    """Another tool has turned ``core.hooksPath`` to a folder of its own, as husky does."""
    folder = ledger.folder("james") / ".tool"
    folder.mkdir()
    (folder / "pre-commit").write_text("#!/bin/sh\necho before >> .git/ran\n")
    (folder / "pre-commit").chmod(0o755)
    git(ledger.folder("james"), "config", "core.hooksPath", ".tool")


def _hooked(ledger: Ledger) -> None:
    folder = ledger.folder("james")
    assert clonehooks.status(ledger.ws("james").repo).complete
    ledger.write("james", "plain.txt", "x\n")
    git(folder, "add", "plain.txt")
    git(folder, "commit", "-q", "-m", "Plain")
    assert (folder / ".git/ran").read_text().startswith("before\n")


def _guard(ledger: Ledger) -> object:
    return homehooks.install(ledger.host(), ledger.hub)


def _guarded(ledger: Ledger) -> None:
    found = homehooks.status(ledger.host(), ledger.hub)
    assert found.complete
    assert (found.anchor, found.number) == (ledger.anchor, 1)
    hand = Hand(ledger, ledger.folder("carol"))
    hand.put("refs/heads/forged", hand.change("james", {"x.md": b"x\n"}))
    said = git(ledger.folder("carol"), "push", "origin", "forged:common", check=False)
    assert said == ""
    assert git(ledger.hub, "rev-parse", "common") == ledger.anchor


def _guarded_pending(ledger: Ledger) -> None:
    _guard(ledger)
    _pending(ledger)


def _unrecorded(ledger: Ledger) -> None:
    """A home whose hook did not get to store how far it was proven."""
    _guard(ledger)
    (ledger.hub / "hooks/post-receive").rename(ledger.hub / "hooks/aside")
    ledger.propose("james", "notes/a.md", "A\n", "a")
    ledger.witness()
    (ledger.hub / "hooks/aside").rename(ledger.hub / "hooks/post-receive")


def _record(ledger: Ledger) -> object:
    tip = git(ledger.hub, "rev-parse", "common")
    line = f"{ledger.anchor} {tip} refs/heads/common\n"
    return post_receive.run([line], ledger.hub, {}, int(ledger.clock.seconds))


def _recorded(ledger: Ledger) -> None:
    assert homehooks.status(ledger.host(), ledger.hub).number == 2
    assert invariants.all_of_them(ledger.hub) == 2


def _new(ledger: Ledger) -> object:
    return authoring.create(ledger.ws("james"), "plan", "A plan", {})


def _created(ledger: Ledger) -> None:
    found = artifacts.listing(ledger.ws("james"))
    assert found
    assert all(one.head.id.startswith("plan-") for one in found)
    changes = ledger.ws("james").work_tree().changes()
    assert all(path.endswith(".md") for _, path in changes), changes


# -- beginning ------------------------------------------------------------------------------


def _empty(ledger: Ledger) -> None:
    git(ledger.root, "init", "--quiet", "--bare", "new.git")
    git(ledger.root, "init", "--quiet", "a")
    (ledger.root / "a/note.md").write_text("A note\n")


def _code(ledger: Ledger) -> None:
    _empty(ledger)
    git(ledger.root / "a", "add", ".")
    who = ("-c", "user.name=x", "-c", "user.email=x@x.invalid")
    git(ledger.root / "a", *who, "commit", "-qm", "code")


def _init(path: str | None) -> Callable[[Ledger], object]:
    def run(ledger: Ledger) -> object:
        host = replace(ledger.host(), cwd=ledger.root / "a")
        options = InitOptions(
            name="alice", remote="../new.git", key=str(ledger.key("alice")), path=path
        )
        try:
            return init(host, options)
        except EnvironmentFault as error:
            # Killed in its very last steps it was complete.
            if error.code != "init.exists" or Workspace.open(host).anchor is None:
                raise
            return None

    return run


def _founded(ledger: Ledger) -> None:
    ws = Workspace.open(replace(ledger.host(), cwd=ledger.root / "a"))
    shown = ws.repo.remote("origin").list("refs/heads/common", "refs/tags/common@1")
    tag = ws.repo.refs.get("refs/tags/common@1")
    assert shown == {"refs/heads/common": ws.anchor, "refs/tags/common@1": tag}
    assert ws.verified().commit == ws.repo.refs.get("refs/heads/people/alice") == ws.anchor
    assert git(ws.repo.work_tree, "status", "--porcelain") == ""
    assert ws.repo.head() == "refs/heads/people/alice"
    assert pull(ws).after == 1


def _code_to_join(ledger: Ledger) -> None:
    git(ledger.root, "init", "--quiet", "code")


def _join(path: str | None) -> Callable[[Ledger], object]:
    def run(ledger: Ledger) -> object:
        inside = ledger.root / "code"
        host = replace(ledger.host(), cwd=inside)
        key = str(write_key(ledger.root / "keys", "dora"))
        options = JoinOptions(url=str(ledger.hub), name="dora", folder="d", key=key, path=path)
        try:
            return join(host, options)
        except EnvironmentFault as error:
            if error.code not in {"join.folder", "init.exists"}:
                raise
        # Only the request was still to be sent, and that is what push is for.
        return push(Workspace.open(replace(host, cwd=inside / (path or "d"))))

    return run


def _joined(path: str) -> Callable[[Ledger], None]:
    def check(ledger: Ledger) -> None:
        ws = Workspace.open(replace(ledger.host(), cwd=ledger.root / "code" / path))
        assert ws.me() == "dora"
        assert ws.verified().commit == ws.repo.refs.get("refs/heads/people/dora")
        assert git(ws.repo.work_tree, "status", "--porcelain") == ""
        request = "refs/heads/gitsync/requests/dora"
        assert ws.repo.remote("origin").list(request)[request] == ws.repo.refs.get(request)

    return check


# -- leases -----------------------------------------------------------------------------------


def _an_artifact(ledger: Ledger) -> None:
    ledger.propose("alice", "plans/a.md", plan("plan-bcdfgh").decode(), "a")
    ledger.witness()
    ledger.pull("james")
    ledger.clock.tick()


def _take(ledger: Ledger) -> object:
    return acquire(ledger.ws("james"), TakeOptions(("plan-b",)))


def _taken(ledger: Ledger) -> None:
    """One lease, however often it was asked for, and the clone knows of it."""
    invariants.tokens_only_rise(ledger.hub)
    locks = Hand(ledger).locks()
    [lease] = locks.live()
    assert (locks.token, lease.holder, lease.members) == (1, "james", ("plan-bcdfgh",))
    held = held_here(ledger.ws("james"))
    assert held is not None
    assert held.tokens == {"1": lease.seconds}
    check(ledger)


def _leased(ledger: Ledger) -> None:
    _an_artifact(ledger)
    _take(ledger)
    ledger.clock.tick()


def _give_back(ledger: Ledger) -> object:
    try:
        return release(ledger.ws("james"), ())
    except RefusedError as error:
        if error.code != "lease.none":
            raise
        return None  # killed in its last steps it was complete


def _given_back(ledger: Ledger) -> None:
    locks = Hand(ledger).locks()
    assert (locks.token, locks.live(), len(locks.leases)) == (1, (), 1)
    assert git(ledger.hub, "rev-list", "--count", "gitsync/locks") == "4"
    ws = ledger.ws("james")
    note_leases(ws, locks)
    assert held_here(ws) is None
    check(ledger)


def _renew(ledger: Ledger) -> object:
    return renew(ledger.ws("james"))


def _renewed(ledger: Ledger) -> None:
    """The home has a heartbeat above the first, alone on its ref, and the clone knows it."""
    held = held_here(ledger.ws("james"))
    assert held is not None
    assert held.sequence >= 1
    assert held.renewed == ledger.clock.seconds
    assert git(ledger.hub, "rev-parse", "refs/gitsync/nodes/james") == held.beat
    assert git(ledger.hub, "rev-list", "--count", "refs/gitsync/nodes/james") == "1"


def _new_key(ledger: Ledger) -> object:
    path = ledger.root / "fresh" / "keys" / "mine"
    try:
        return keys.generate(path, "mine")
    except EnvironmentFault as error:
        if error.code != "key.exists":
            raise
        if not Path(f"{path}.pub").is_file():
            # A private half alone: nothing was signed with it yet, and the message names it.
            path.unlink()
            return keys.generate(path, "mine")
        return None


def _key_is_whole(ledger: Ledger) -> None:
    path = ledger.root / "fresh" / "keys" / "mine"
    assert keys.read_key(keys.KeyChoice("test", path=path)).seed is not None
    assert path.stat().st_mode & 0o777 == 0o600


SCENARIOS = (
    Scenario("witness", "alice", Ledger.witness, _decided, _pending),
    Scenario("witness at home", "alice", Ledger.witness, _decided, _pending, solo=True),
    Scenario("propose", "james", _propose, _proposed, _wrote),
    Scenario("propose PATH", "james", _propose_one, _proposed_one, _wrote),
    Scenario("approve", "carol", _approve, _approved, _offered),
    Scenario("withdraw", "james", _withdraw, _withdrawn, _offered),
    Scenario("snapshot", "james", _snapshot, _snapshotted, _wrote),
    Scenario("pull", "james", _pull, _followed, _behind, files=True),
    Scenario("pull, merging", "james", _pull, _merged, _diverged, files=True),
    Scenario("pull --autostash", "james", _pull_over, _brought_back, _in_the_way),
    Scenario("push", "james", _push, _sent, _queued),
    Scenario("push --all", "james", _carry, _carried, _stick),
    Scenario("bundle import", "james", _import, _imported, _on_a_stick),
    Scenario("bundle create", "alice", _create, _written, _nobody_wrote, once=True),
    Scenario("bundle sync", "james", _sync_stick, _went_by_stick, _with_work, once=True),
    Scenario(
        "join a stick",
        "code",
        _join_stick,
        _joined_by_stick,
        _stick_to_join,
        once=True,
        beginning=True,
        files=True,
        fresh="code/d",
    ),
    Scenario("witness at a stick", "alice", _round, _went_round, _at_a_stick),
    Scenario("hooks", "james", _install, _hooked, _a_hook_before, once=True),
    Scenario("hooks, beside", "james", _install, _hooked, _a_tool_before),
    Scenario("hooks --bare", "alice", _guard, _guarded),
    Scenario("post-receive", "alice", _record, _recorded, _unrecorded),
    Scenario("witness, guarded", "alice", Ledger.witness, _decided, _guarded_pending),
    Scenario("pin", "james", _pin, _pinned, _two_behind, files=True),
    Scenario("init", "a", _init(None), _founded, _empty, beginning=True, files=True),
    Scenario(
        "init --path",
        "a",
        _init("plans"),
        _founded,
        _code,
        beginning=True,
        files=True,
        fresh="a/plans",
    ),
    Scenario(
        "join",
        "code",
        _join(None),
        _joined("d"),
        _code_to_join,
        once=True,
        beginning=True,
        files=True,
        fresh="code/d",
    ),
    Scenario(
        "join --path",
        "code",
        _join("plans"),
        _joined("plans"),
        _code_to_join,
        once=True,
        beginning=True,
        files=True,
        fresh="code/plans",
    ),
    Scenario("lock acquire", "james", _take, _taken, _an_artifact),
    Scenario("lock release", "james", _give_back, _given_back, _leased),
    Scenario("lock renew", "james", _renew, _renewed, _leased),
    Scenario("roster add", "alice", _admit, _admitting),
    Scenario("new", "james", _new, _created, once=True),
    Scenario("id new", "fresh", _new_key, _key_is_whole),
)
