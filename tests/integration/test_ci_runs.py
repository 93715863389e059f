"""The CI steps as scripts against a real bare repository: twice at once, killed, late, misled."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gitsync.codec.cifiles import FORGES, CiSettings, ci_files
from tests.integration.cikit import SECONDS, Runner, ended, kill, wheel
from tests.integration.invariants import all_of_them
from tests.integration.ledgerkit import Hand, git

if TYPE_CHECKING:
    from tests.conftest import Ledger

WEEK = 7 * 24 * 3600


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """The folder of a machine on which the install step has run: for every test of this module."""
    folder = tmp_path_factory.mktemp("machine")
    found = wheel(folder)
    settings = CiSettings("/srv/plans.git", "a" * 40, str(found))
    text = list(ci_files("github", settings).values())[-1]
    runner = Runner("github", text, folder)
    ran = runner.run("install")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("gitsync ")
    assert (folder / "venv/lib").exists()
    return folder


def runner(ledger: Ledger, machine: Path, forge: str = "github", **more) -> Runner:
    """A job for this ledger. The state of earlier tests on the machine is not its own."""
    given = {
        "home": str(ledger.hub), "anchor": ledger.anchor, "install": "/srv/gitsync",
        "secrets": {"GITSYNC_KEY": ledger.key("alice").read_text()}, **more,
    }  # fmt: skip
    secrets = given.pop("secrets")
    text = list(ci_files(forge, CiSettings(**given)).values())[-1]
    work = ledger.root / f"work-{forge}"
    work.mkdir(exist_ok=True)
    if not (work / "venv").exists():
        (work / "venv").symlink_to(machine / "venv")
    return Runner(forge, text, work, secrets)


def refs(ledger: Ledger) -> str:
    return git(ledger.hub, "for-each-ref")


def holds(ledger: Ledger, job: Runner) -> int:
    """All invariants of the hub, and that one more run changes nothing; the newest number."""

    def again() -> None:
        ran = job.run("witness")
        assert ran.code == 0, ran.err

    return all_of_them(ledger.hub, again)


def propose(ledger: Ledger, count: int, tick: float = 60) -> None:
    for number in range(count):
        ledger.clock.tick(tick)
        ledger.propose("james", f"notes/{number}.md", f"{number}\n", f"note-{number}")


@pytest.mark.parametrize("forge", FORGES)
def test_a_machine_that_knows_nothing_decides_what_is_pending(ledger, machine, forge):
    propose(ledger, 2)
    job = runner(ledger, machine, forge)
    ran = job.run("witness")
    assert (ran.code, ran.err) == (0, "")
    report = json.loads(ran.out)
    assert (report["before"], report["after"]) == ("common@1", "common@3")
    assert [one["outcome"] for one in report["receipts"]] == ["accepted"] * 2
    assert holds(ledger, job) == 3
    # Nothing of the run stays but how far it got, and the key is nowhere.
    left = {path.name for path in job.work.iterdir()}
    assert left == {"bin", "home", "state", "venv", "witness.sh"}
    secret = ledger.key("alice").read_text().splitlines()[2]
    kept = [
        p for p in job.work.rglob("*") if p.is_file() and not p.is_relative_to(job.work / "venv")
    ]
    assert not [path for path in kept if secret in path.read_text(errors="replace")]
    ledger.pull("carol")
    assert ledger.ws("carol").verified().number == 3


def test_two_runs_at_once_give_each_number_once(ledger, machine):
    propose(ledger, 12)
    jobs = [runner(ledger, machine, forge) for forge in ("github", "gitlab")]
    ends = [ended(one) for one in [job.start("witness") for job in jobs]]
    assert [ran.code for ran in ends] == [0, 0], ends
    assert holds(ledger, jobs[0]) == 13
    assert {json.loads(ran.out)["after"] for ran in ends} == {"common@13"}


# Where a hook of the hub stops the run: before anything has moved, when ``common`` and the
# receipts have moved and the tags have not, and when everything has but the run does not know.
STOPS = [("pre-receive", 1), ("post-receive", 1), ("pre-receive", 2), ("post-receive", 2)]


@pytest.mark.parametrize(("hook", "push"), STOPS)
def test_a_run_that_is_killed_is_mended_by_the_next_one(ledger, machine, hook, push, tmp_path):
    propose(ledger, 3)
    job = runner(ledger, machine)
    reached = stop_at(ledger, hook, push, tmp_path)
    process = job.start("witness")
    wait_for(reached, process)
    kill(process)
    (ledger.hub / "hooks" / hook).unlink()
    before = git(ledger.hub, "rev-list", "--count", "--first-parent", "common")
    # Before the first push took effect nothing had moved; after it all three had a number.
    assert before == ("1" if (hook, push) == STOPS[0] else "4")
    ran = job.run("witness")
    assert ran.code == 0, ran.err
    assert holds(ledger, job) == 4


def test_a_run_that_is_killed_while_it_verifies_leaves_nothing_behind(ledger, machine):
    propose(ledger, 3)
    job = runner(ledger, machine)
    before = refs(ledger)
    process = job.start("witness")
    wait_until(lambda: list(job.work.glob("run.*/gitsync-*/objects")), process)
    kill(process)
    assert refs(ledger) == before
    assert job.run("witness").code == 0
    assert holds(ledger, job) == 4


def stop_at(ledger: Ledger, hook: str, push: int, folder: Path) -> Path:
    """A hook of the hub that waits for ever at its nth push, after it has made a file."""
    reached, count = folder / "reached", folder / "count"
    script = ledger.hub / "hooks" / hook
    script.parent.mkdir(exist_ok=True)
    script.write_text(
        f"#!/bin/sh\necho >>'{count}'\n"
        f"[ $(wc -l <'{count}') -lt {push} ] || {{ touch '{reached}'; sleep 600; }}\n"
    )
    script.chmod(0o755)
    return reached


def wait_for(path: Path, process) -> None:
    wait_until(path.exists, process)


def wait_until(question, process) -> None:
    end = time.monotonic() + SECONDS
    while not question():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.01)


def test_a_witness_that_was_away_for_a_week_catches_up(ledger, machine):
    propose(ledger, 14, WEEK / 14)
    ledger.propose("carol", "notes/0.md", "mine\n", "clash")
    ledger.propose("carol", "notes/c.md", "c\n", "gone")
    assert ledger.cli("carol", "withdraw", "gone").code == 0
    job = runner(ledger, machine)
    ran = job.run("witness")
    assert (ran.code, ran.err) == (0, "")
    outcomes = [one["outcome"] for one in json.loads(ran.out)["receipts"]]
    assert (outcomes.count("accepted"), outcomes.count("refused")) == (14, 2)
    assert holds(ledger, job) == 15
    hand = Hand(ledger)
    assert hand.rule("carol/clash") == "merge.conflict"
    assert hand.rule("carol/gone") == "proposal.withdrawn"
    assert "notes/c.md" not in hand.files()


def refused(ledger: Ledger, job: Runner, code: int, *, sound: bool = True) -> str:
    """Run, and expect that exit code with nothing moved; returns what was said. ``sound``: what
    the hub holds is a ledger still."""
    before = refs(ledger)
    ran = job.run("witness")
    assert ran.code == code, ran
    assert refs(ledger) == before
    assert "Traceback" not in ran.err
    if sound:
        all_of_them(ledger.hub)
    return ran.err


def test_another_ledger_than_the_pinned_one_is_refused(ledger, machine):
    propose(ledger, 1)
    said = refused(ledger, runner(ledger, machine, anchor="f" * 40), 1)
    assert json.loads(said.splitlines()[0])["code"] == "anchor.other"


@pytest.mark.parametrize(
    "value",
    ["", "hunter2-hunter2", base64.b64encode(b"hunter2-hunter2").decode(), "/no/such/file",
     "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----\n"],
    ids=["missing", "text", "base64", "path", "torn"],
)  # fmt: skip
def test_a_key_that_is_none_is_named_and_not_shown(ledger, machine, value):
    propose(ledger, 1)
    said = refused(ledger, runner(ledger, machine, secrets={"GITSYNC_KEY": value}), 3)
    assert "GITSYNC_KEY" in said
    assert "hunter2" not in said


def test_a_key_of_somebody_who_is_no_witness_signs_nothing(ledger, machine):
    propose(ledger, 1)
    secrets = {"GITSYNC_KEY": ledger.key("james").read_text()}
    said = refused(ledger, runner(ledger, machine, secrets=secrets), 1)
    assert json.loads(said.splitlines()[0])["code"] == "witness.not-you"


def test_a_home_that_is_not_there_waits_for_the_next_run(ledger, machine):
    said = refused(ledger, runner(ledger, machine, home=str(ledger.root / "gone.git")), 3)
    assert json.loads(said.splitlines()[0])["code"] == "remote.unreachable"
    assert "next run" in said


@pytest.mark.parametrize("form", ["file", "base64", "carriage returns", "no last newline"])
def test_forms_in_which_forges_hand_over_a_key(ledger, machine, form, tmp_path):
    text = ledger.key("alice").read_text()
    file = tmp_path / "from-the-forge"
    file.write_text(text)
    file.chmod(0o666)
    given = {
        "file": str(file),
        "base64": base64.b64encode(text.encode()).decode(),
        "carriage returns": text.replace("\n", "\r\n"),
        "no last newline": text.rstrip("\n"),
    }[form]
    propose(ledger, 1)
    job = runner(ledger, machine, "gitlab", secrets={"GITSYNC_KEY": given})
    assert job.run("witness").code == 0
    assert holds(ledger, job) == 2


# -- taken back -------------------------------------------------------------------------------


def grown(ledger: Ledger, machine: Path) -> tuple[Runner, dict[str, str]]:
    """A ledger at common@3 by two runs, and its refs as they were at common@2."""
    job = runner(ledger, machine)
    propose(ledger, 1)
    assert job.run("witness").code == 0
    old = Hand(ledger).refs()
    propose(ledger, 2)
    assert job.run("witness").code == 0
    return job, old


def take_back(ledger: Ledger, old: dict[str, str], *, tags: bool) -> None:
    """What somebody with force-push rights can do; with ``tags``, to the last trace."""
    hand = Hand(ledger)
    for ref in hand.refs().keys() - old.keys():
        if tags and ref.startswith("refs/tags/"):
            hand.put(ref, None)
    for ref, oid in old.items():
        hand.put(ref, oid)


def test_a_branch_that_was_taken_back_is_not_built_upon(ledger, machine):
    job, old = grown(ledger, machine)
    new = Hand(ledger).refs()
    take_back(ledger, old, tags=False)
    (job.work / "state").rename(job.work / "forgotten")
    said = refused(ledger, job, 1, sound=False)
    assert json.loads(said.splitlines()[0])["code"] == "common.behind-tags"
    take_back(ledger, new, tags=False)
    assert holds(ledger, job) == 3


def test_a_ledger_that_was_taken_back_to_the_last_trace_is_seen_by_who_remembers(ledger, machine):
    job, old = grown(ledger, machine)
    take_back(ledger, old, tags=True)
    said = refused(ledger, job, 1)
    assert json.loads(said.splitlines()[0])["code"] == "position.rollback"
    # The memory is the defence, and the only one: without it the old ledger looks like a ledger.
    (job.work / "state").rename(job.work / "forgotten")
    assert job.run("witness").code == 0


def test_a_memory_that_was_tampered_with_cannot_make_a_false_ledger_true(ledger, machine):
    job, _ = grown(ledger, machine)
    hand = Hand(ledger)
    forged = hand.change("james", {"notes/evil.md": b"evil\n"}, message="common@4")
    hand.put("refs/heads/common", forged)
    [file] = (job.work / "state/gitsync/positions").iterdir()
    position = json.loads(file.read_text())
    file.write_text(json.dumps({**position, "number": 4, "commit": forged}))
    refused(ledger, job, 1, sound=False)


def test_a_damaged_memory_is_no_memory(ledger, machine):
    job, _ = grown(ledger, machine)
    [file] = (job.work / "state/gitsync/positions").iterdir()
    file.write_text('{"number": 9')
    assert job.run("witness").code == 0
    assert holds(ledger, job) == 3


# -- over SSH ---------------------------------------------------------------------------------

SSH = """#!/bin/sh
# Stands in for ssh: notes how it was called and what it could read, and runs the command here.
{{ printf '%s\\n' "$@"; env; }} >>'{log}'
for one in "$@"; do
  case $one in UserKnownHostsFile=*) cat "${{one#*=}}" >>'{log}';; esac
done
while [ $# -gt 1 ]; do
  if [ "$1" = -i ]; then stat -c 'mode %a' "$2" >>'{log}'; cat "$2" >>'{log}'; fi
  shift
done
exec sh -c "$1"
"""


def test_over_ssh_the_deploy_key_and_the_pinned_host_key_are_used(ledger, machine):
    propose(ledger, 1)
    push_key = ledger.key("deploy").read_text()
    secrets = {"GITSYNC_KEY": ledger.key("alice").read_text(), "GITSYNC_PUSH_KEY": push_key}
    known = ("example.org ssh-ed25519 AAAAC3NzPINNED",)
    home = f"ssh://git@example.org{ledger.hub}"
    job = runner(ledger, machine, home=home, known_hosts=known, secrets=secrets)
    log, folder = ledger.root / "ssh.log", Path(job._python())
    (folder / "ssh").write_text(SSH.format(log=log))
    (folder / "ssh").chmod(0o755)
    ran = job.run("witness")
    assert (ran.code, ran.err) == (0, "")
    said = log.read_text()
    assert {"StrictHostKeyChecking=yes", "IdentitiesOnly=yes", "BatchMode=yes", "mode 600"} <= set(
        said.splitlines()
    )
    assert known[0] in said
    assert push_key in said
    assert "GITSYNC_PUSH_KEY=" not in said
    assert "GITSYNC_KEY=" not in said
    assert holds(ledger, job) == 2


def test_over_ssh_without_a_deploy_key_nothing_is_tried(ledger, machine):
    home = f"ssh://git@example.org{ledger.hub}"
    job = runner(ledger, machine, home=home, known_hosts=("example.org ssh-ed25519 AAAA",))
    assert "GITSYNC_PUSH_KEY" in refused(ledger, job, 3)
