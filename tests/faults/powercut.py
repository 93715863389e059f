"""``make powercut``: record every command, cut the power anywhere in it, and look what is left.

    python -m tests.faults.powercut [--cuts N] [--sync off] [--model ordered|loose] [NAME ...]

A command runs once, recorded (:mod:`tests.faults.recording`). Each cut makes a state that the disk
may be in (:mod:`tests.faults.crash`), the repositories and the user's state folder alike. ``lost``
counts what had been reported as done and is not there; ``broken`` counts states from which the same
command, run again, does not come to its outcome and to the invariants.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from gitsync.domain.errors import GitsyncError, RefusedError
from tests.conftest import Clock, FakeRandom, Ledger
from tests.faults import kit, recording
from tests.faults.crash import MODELS, Disk, Recording
from tests.faults.kill import _why
from tests.faults.scenarios import SCENARIOS
from tests.faults.world import Scene, SoloLedger, scene

# Refs that a later command makes again from the chain, and nobody was promised.
_DERIVED = ("refs/gitsync/remotes/", "refs/remotes/", "refs/gitsync/draft")


@dataclass
class Tally:
    """What came of a scenario: cuts made, promises lost, states that nothing led out of."""

    name: str
    cuts: int = 0
    lost: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def line(self) -> str:
        counts = f"cuts={self.cuts} lost={len(self.lost)} broken={len(self.broken)}"
        return f"{self.name:<18} {counts}"


def promised(root: Path) -> dict[str, str]:
    """What a finished command leaves that must still be there: refs and verified positions."""
    found = {}
    for repo in kit.repositories(root):
        refs = subprocess.run(
            ["git", "--git-dir", str(repo), "for-each-ref", "--format=%(refname) %(objectname)"],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        for line in refs.stdout.splitlines():
            ref, oid = line.split()
            if not ref.startswith(_DERIVED):
                found[f"{repo.relative_to(root)} {ref}"] = oid
    for file in root.rglob("position-*.json"):
        found[f"{file.relative_to(root)}"] = str(json.loads(file.read_bytes())["number"])
    return found


def broken_promises(root: Path, wanted: dict[str, set[str]]) -> list[str]:
    """Which promises a disk does not hold: none of the values that would do is there, or whole.

    A tag of a position that is missing altogether does not count: the chain is there, and the next
    run makes it again.
    """
    gone = []
    for what, values in wanted.items():
        repo, _, ref = what.partition(" ")
        if ref:
            oid = _resolve(root / repo, ref)
            if oid is None and ("/tags/common@" in ref or "" in values):
                continue
            if oid not in values or not _whole(root / repo, oid):
                gone.append(f"{what} {sorted(values)}: {oid}")
        elif (_position(root / what) or "") not in values:
            gone.append(f"{what} at {sorted(values)}")
    return gone


def _resolve(repo: Path, ref: str) -> str | None:
    done = subprocess.run(
        ["git", "--git-dir", str(repo), "rev-parse", "--verify", "--quiet", ref],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip() if done.returncode == 0 else None


def _whole(repo: Path, oid: str) -> bool:
    """Whether an object is there with all that it needs."""
    if not re.fullmatch("[0-9a-f]{40}", oid):
        return False
    done = subprocess.run(
        ["git", "--git-dir", str(repo), "rev-list", "--objects", "--quiet", oid],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def _position(file: Path) -> str | None:
    try:
        return str(json.loads(file.read_bytes())["number"])
    except (OSError, ValueError):
        return None


def tidy(root: Path) -> None:
    """What a user, or ``gitsync doctor --fix``, does first after a crash: locks of git processes
    that are gone, torn loose objects, and mirrors of remote refs without their objects go away."""
    for lock in root.rglob("*.lock"):
        if not (lock.parent / "position-common.json").exists():  # ours are flocks
            lock.unlink()
    from gitsync.domain.errors import FormatError
    from gitsync.storage.loose import LooseObjects, read_loose

    for repo in kit.repositories(root):
        for path in LooseObjects([repo / "objects"]).all_in():
            try:
                read_loose(path)
            except FormatError:
                path.unlink()
        # What was last seen of a remote is fetched again; git refuses to, as long as it is broken.
        for mirror in ("refs/gitsync/remotes", "refs/remotes"):
            for ref in (repo / mirror).rglob("*"):
                if ref.is_file() and not _whole(repo, ref.read_text("ascii", "replace").strip()):
                    ref.unlink()


def driver(name: str, root: str, seconds: str) -> None:
    """In the recorded process: run a scenario, then say that it is done."""
    scenario = next(one for one in SCENARIOS if one.name == name)
    ledger = (SoloLedger if scenario.solo else Ledger)(Path(root), Clock(float(seconds)))
    ledger.random = FakeRandom("again")
    scenario.run(ledger)
    os.write(1, recording.ACK)


def record(found: Scene, folder: Path) -> tuple[Recording, dict[str, str]]:
    """The recording of a scenario and what it promised."""
    root = found.ledger.root
    found.restore()
    command = [sys.executable, "-m", "tests.faults.powercut", "--driver", found.scenario.name]
    made = recording.record([*command, str(root), str(found.seconds)], root, folder / "trace")
    return made, promised(root)


def play(name: str, cuts: int, *, sync: bool = True, models: tuple[str, ...] = MODELS) -> Tally:
    """Cut the power in one scenario, again and again."""
    scenario = next(one for one in SCENARIOS if one.name == name)
    tally = Tally(name)
    with kit.isolated() as folder, scene(scenario, folder) as found:
        made, wanted = record(found, folder)
        before = promised(found.kept)
        made = made if sync else made.without_syncs()
        after = {what: {value} for what, value in wanted.items()}
        # Until it is reported, either will do; what it removes may be there still.
        between = {
            what: {before.get(what, ""), wanted.get(what, "")} for what in before.keys() | wanted
        }
        (done,) = made.acks()
        if scenario.beginning:
            models = tuple(one for one in models if one == "ordered")
        dice = random.Random(name)  # noqa: S311 - the same cuts in every run
        for number in range(cuts if models else 0):
            model = models[number % len(models)]
            # A git that receives or fetches moves refs before the folder of the pack is synced:
            # in the loose model, which no file system in use is, a cut there is git's to mend.
            at = dice.randint(1, done) if model == "ordered" and number % 4 else done + 1
            _cut(found, made.cut(at, dice, model), after if at > done else between, tally,
                 f"{model}, cut {number} at {at} of {len(made.log)}")  # fmt: skip
    return tally


def _cut(found: Scene, disk: Disk, wanted: dict[str, set[str]], tally: Tally, where: str) -> None:
    root = found.ledger.root
    found.restore()
    shutil.rmtree(root)
    disk.store(root)
    tally.cuts += 1
    tidy(root)
    gone = broken_promises(root, wanted)
    if gone:
        tally.lost.append(f"{where}\n  " + "\n  ".join(gone[:4]))
        return
    try:
        _again(found)
        found.scenario.check(found.ledger)
    except Exception as error:  # noqa: BLE001 - each is told
        tally.broken.append(f"{where}\n{_why(error)}")


def _again(found: Scene) -> None:
    """Run the command again, doing what it says where it asks for something."""
    fresh = found.scenario.fresh
    try:
        found.run()
    except RefusedError as error:
        # A file that git had written half when the power went: nobody can tell it from the user's.
        if error.code != "worktree.in-the-way" or not found.scenario.files:
            raise
        for name in error.message.rpartition(": ")[2].split(", "):
            (found.ledger.folder(found.scenario.who) / name).unlink()
        found.run()
    except GitsyncError:
        if fresh is None:
            raise
        begun = found.ledger.folder(fresh)
        shutil.rmtree(begun, ignore_errors=True)
        shutil.rmtree(begun.parent / ".git/worktrees" / begun.name, ignore_errors=True)
        found.run()
    for folder in (found.scenario.who, found.scenario.fresh):
        if folder is not None and found.scenario.files:
            _restore(found.ledger.folder(folder))


def _restore(folder: Path) -> None:
    """``git status`` shows files that git had written half: ``git restore`` brings them back."""
    if (folder / ".git").exists():
        subprocess.run(["git", "restore", "."], cwd=folder, capture_output=True, check=False)


def main(argv: list[str]) -> int:
    """Print a line a scenario and the sum; 0 if nothing was lost or broken."""
    if argv[:1] == ["--driver"]:
        driver(*argv[1:])
        return 0
    parser = argparse.ArgumentParser(prog="make powercut")
    parser.add_argument("--cuts", type=int, default=500, metavar="N", help="in all scenarios")
    parser.add_argument("--sync", choices=["on", "off"], default="on")
    parser.add_argument("--model", choices=MODELS)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args(argv)
    lacking = recording.missing()
    if lacking is not None:
        print(f"make powercut needs strace: {lacking}", file=sys.stderr)
        return 2
    wanted = [one.name for one in SCENARIOS if not options.names or one.name in options.names]
    each = -(-options.cuts // len(wanted))
    models = (options.model,) if options.model else MODELS
    total = Tally("total")
    with ProcessPoolExecutor(options.jobs) as pool:
        work = [
            pool.submit(play, one, each, sync=options.sync == "on", models=models) for one in wanted
        ]
        for done in as_completed(work):
            tally = done.result()
            print(tally.line(), flush=True)
            for said in [*tally.lost[:3], *tally.broken[:3]]:
                print("  " + said.replace("\n", "\n  "), flush=True)
            total.cuts += tally.cuts
            total.lost += tally.lost
            total.broken += tally.broken
    print(f"cuts={total.cuts} lost={len(total.lost)} broken={len(total.broken)}")
    return 1 if total.lost or total.broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
