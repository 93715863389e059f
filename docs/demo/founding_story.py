"""The founding story, played for real: ``make demo``.

Every line after a ``$`` is a command that runs, in a folder that is thrown away; what stands below
it is what it printed. If a command behaves otherwise than the story says, the play stops with
exit code 1.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from dataclasses import dataclass, field
from pathlib import Path

COLOURS = {"alice": "35", "james": "36", "carol": "33", "notary": "32", "mallory": "31"}
SECONDS = 120


class StoryError(Exception):
    """Something happened that is not in the story."""


@dataclass
class Stage:
    """The folder of the play, and how its commands run. ``colour`` is for terminals."""

    root: Path
    colour: bool
    env: dict[str, str] = field(default_factory=dict)
    last_commit: float = 0.0

    def say(self, text: str) -> None:
        """What the narrator tells."""
        print()
        for line in textwrap.wrap(" ".join(text.split()), 78):
            print(f"\033[1m# {line}\033[0m" if self.colour else f"# {line}")
        print(flush=True)

    def run(
        self,
        who: str,
        command: str,
        *,
        code: int = 0,
        shows: tuple[str, ...] = (),
        folder: str | None = None,
        quiet: bool = False,
    ) -> str:
        """Run a command as somebody, in their folder; returns what it printed.

        Raises StoryError unless it ends with ``code`` and shows each text of ``shows``.
        """
        if not quiet:
            prompt = f"\033[{COLOURS[who]}m{who}>\033[0m" if self.colour else f"{who}>"
            first, *more = command.splitlines()
            print(f"{prompt} $ {first}")
            for line in more:
                print(f"{' ' * len(who)}> {line}")
        done = subprocess.run(
            ["bash", "--norc", "-c", command],
            cwd=self.root / (folder or who), env={**self.env, "USER": who},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=SECONDS, check=False,
        )  # fmt: skip
        text = done.stdout.decode("utf-8", "replace").replace(str(self.root), "~")
        if not quiet or done.returncode != code:
            print(text, end="" if text.endswith("\n") or not text else "\n", flush=True)
        if done.returncode != code:
            msg = f"the command ended with {done.returncode}, the story says {code}: {command}"
            raise StoryError(msg)
        for wanted in shows:
            if wanted not in text:
                msg = f"the output does not say {wanted!r}: {command}"
                raise StoryError(msg)
        return text

    def next_second(self) -> None:
        """Wait for the clock's next second: proposals are ordered by their date."""
        time.sleep(1.02 - time.time() % 1)

    def edit(self, who: str, path: str, old: str, new: str) -> None:
        """Somebody's editor: one text replaced in a file. Says so."""
        file = self.root / who / path
        text = file.read_text("utf-8")
        if old not in text:
            msg = f"{path} does not hold {old!r}"
            raise StoryError(msg)
        file.write_text(text.replace(old, new, 1), "utf-8")
        print(f"({who} edits {path}: {new.strip()!r})")

    def path_of(self, who: str, title: str) -> str:
        """The file of the artifact with that title."""
        for file in sorted((self.root / who / "plans").glob("*.md")):
            if f"title: {title}" in file.read_text("utf-8"):
                return file.relative_to(self.root / who).as_posix()
        msg = f"{who} has no plan called {title!r}"
        raise StoryError(msg)


def open_stage(root: Path) -> Stage:
    """A home of its own, so that nothing of the user's is read or written."""
    (root / ".gitconfig").write_text("[init]\n\tdefaultBranch = main\n[advice]\n\tdetachedHead = false\n")
    env = {
        "HOME": str(root),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "XDG_STATE_HOME": str(root / "state"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "COLUMNS": "80",
        "TERM": os.environ.get("TERM", "dumb"),
    }
    for name in COLOURS:
        (root / name).mkdir()
    return Stage(root, sys.stdout.isatty() and "NO_COLOR" not in os.environ, env)


def found(stage: Stage) -> None:
    """Keys, a home, a ledger, and clones for everybody."""
    stage.say("""Five people, and a key for each. Mallory is nobody's friend. The home of the
        ledger is a bare repository that all can reach; it could as well be a forge.""")
    for name in COLOURS:
        stage.run(name, f"ssh-keygen -q -t ed25519 -N '' -C {name} -f ../{name}.key")
    stage.run("alice", "git init -q --bare ../hub.git")
    stage.say("""Alice founds the ledger. The notary will number what is agreed. James and Carol
        stand on the roster from the start, since Alice has their public keys.""")
    stage.run(
        "alice",
        "gitsync init --name alice --key ../alice.key --remote ../hub.git \\\n"
        "--witness notary --witness-key ../notary.key.pub \\\n"
        "--member james=../james.key.pub --member carol=../carol.key.pub",
        shows=("common@1",),
    )
    stage.say("Everybody else joins. Each clone verifies the ledger from its first commit on.")
    anchor = stage.run("alice", "git rev-parse 'common@1^{commit}'").strip()
    for name in ("james", "carol", "notary"):
        stage.run(
            name,
            f"gitsync join ../hub.git . --name {name} --key ../{name}.key \\\n--anchor {anchor}",
            shows=("common@1",),
        )


def first_proposals(stage: Stage) -> None:
    """Two people on one version, each with a proposal."""
    stage.say("Alice and James both stand on common@1. Each has a plan and proposes it.")
    stage.run("alice", 'gitsync new plan "Move the office" --set status=committed')
    stage.run("alice", 'gitsync propose -m "Plan the move" --slug move')
    stage.next_second()
    stage.run("james", 'gitsync new plan "Hire a cook"')
    stage.run("james", 'gitsync propose -m "Plan for a cook" --slug cook')
    stage.say("The witness takes both. They become common@2 and common@3.")
    stage.run("notary", "gitsync witness run --once", shows=("common@2", "common@3"))


def pinned(stage: Stage) -> None:
    """A consumer that moves when it wants to."""
    stage.say("""Carol runs things by these plans. She verifies what is new, and pins common@2:
        her files stand still until she decides otherwise.""")
    stage.run("carol", "gitsync pull", shows=("common@3",))
    stage.run("carol", "gitsync pin common@2", shows=("common@2",))
    stage.run("carol", "ls plans")


def witness_away(stage: Stage) -> None:
    """Nobody numbers anything, and everybody goes on."""
    stage.say("The witness goes on holiday. Alice and James go on working, and proposing.")
    stage.run("alice", "gitsync pull")
    stage.run("james", "gitsync pull")
    move = stage.path_of("alice", "Move the office")
    cook = stage.path_of("james", "Hire a cook")
    goal = "What will be true when this is done, and for whom."
    stage.next_second()
    stage.edit("alice", move, goal, "Everyone works in the new office by May.")
    stage.run("alice", 'gitsync propose -m "Say what the move is for" --slug move-goal')
    stage.next_second()
    stage.edit("james", cook, goal, "Lunch for forty, every day.")
    stage.run("james", 'gitsync propose -m "Say what the cook is for" --slug cook-goal')
    stage.say("""James also writes to the line of Alice's plan that she has just changed. He has
        not seen hers; each stands on common@3. That cannot end well for both.""")
    stage.next_second()
    stage.edit("james", move, goal, "Everyone works in the new office by June.")
    stage.run("james", f'gitsync propose -m "June is more likely" --slug june {move}')
    stage.run("james", "gitsync status")


def forged(stage: Stage) -> None:
    """Somebody with a key that nobody knows, and with plain git."""
    stage.say("""Mallory may push to the home, and puts a change on a ref with Alice's name. It is
        signed; but by a key that is not on the roster.""")
    stage.next_second()
    stage.run("mallory", "git clone -q --branch common ../hub.git . && git switch -q -c boss")
    stage.run(
        "mallory",
        "git config user.name alice && git config user.email alice@gitsync.invalid\n"
        "git config gpg.format ssh && git config user.signingkey ../mallory.key",
    )
    stage.run("mallory", "sed -i 's/^owner: .*/owner: mallory/' plans/*.md")
    stage.run("mallory", "git commit -q -a -S -m 'Alice gives it to Mallory'")
    stage.run("mallory", "git push -q origin HEAD:refs/heads/proposals/alice/gift")


def back(stage: Stage) -> None:
    """The queue is drained; what must not land gets a receipt."""
    stage.say("""The witness comes back, and takes up everything that is pending in one run. Two
        proposals are refused; the others have become common@4 and common@5.""")
    stage.run(
        "notary",
        "gitsync witness run --once",
        shows=("common@4", "common@5", "refused  james/june", "refused  alice/gift"),
    )
    stage.say("The receipts say why. The answer is no, so the command ends with 1.")
    stage.run("james", "gitsync receipt june", code=1, shows=("refused", "merge.conflict"))
    stage.run("alice", "gitsync receipt gift", code=1, shows=("refused", "signature.unknown-key"))
    stage.say("Plain git reads them too, with nothing of ours installed.")
    stage.run(
        "mallory",
        "git fetch -q && git show origin/gitsync/receipts/common:proposals/alice/gift.json",
        shows=('"rule": "signature.unknown-key"',),
    )
    stage.say("James takes his back, and puts the file as it was. Carol has pinned common@2.")
    stage.run("james", "gitsync withdraw june")
    stage.run("james", "git restore plans && gitsync pull", shows=("common@5",))
    stage.run("carol", "gitsync pull", shows=("common@5", "common@2"))


def approved(stage: Stage) -> None:
    """A rule that needs two people, and two people."""
    stage.say("""From now on it shall take two to approve a plan, and never its proposer alone.
        Alice changes the policy, by a proposal like any other; hers is the role root.""")
    stage.run("alice", "gitsync pull")
    policy = ".gitsync/policy.yaml"
    stage.edit("alice", policy, "version: 1 ", "version: 2 ")
    text = (stage.root / "alice" / policy).read_text("utf-8")
    here = text.index("  approver:")
    text = text[:here] + text[here:].replace("[alice]", "[james, carol]", 1).replace(
        "threshold: 1", "threshold: 2", 1
    ).replace("    proposer-counts: true", "    proposer-counts: false")
    (stage.root / "alice" / policy).write_text(text, "utf-8")
    stage.run("alice", "git diff -U0 | grep '^[-+][ v]'", shows=("threshold: 2",))
    stage.run("alice", 'gitsync propose -m "Two people approve a plan" --slug two-approve')
    stage.run("notary", "gitsync witness run --once", shows=("common@6",))
    stage.say("Alice moves her plan to approved. The witness waits for the two.")
    stage.run("alice", "gitsync pull")
    stage.edit("alice", stage.path_of("alice", "Move the office"), "status: committed", "status: approved")
    stage.run("alice", 'gitsync propose -m "The move is ready" --slug ready', shows=("approv",))
    stage.run("notary", "gitsync witness run --once", shows=("waiting  alice/ready",))
    stage.say("James and Carol look at it, and sign.")
    for name in ("james", "carol"):
        stage.run(name, "gitsync pull", shows=("common@6",))
        stage.run(name, "gitsync approve alice/ready --yes", shows=("+status: approved",))
    stage.run("notary", "gitsync witness run --once", shows=("accepted", "common@7"))
    stage.run("alice", "gitsync pull")
    stage.run("alice", "gitsync receipt ready", shows=("accepted", "common@7"))


def verified(stage: Stage) -> None:
    """Everybody checks everything, with our tool and without it."""
    stage.say("""Everybody checks everything: signatures, numbers, and each merge made again,
        byte by byte.""")
    stage.run("carol", "gitsync pin --off && gitsync pull", shows=("common@7",))
    stage.run("james", "gitsync pull")
    for name in ("alice", "james", "carol", "notary"):
        stage.run(name, "gitsync verify --full --fetch", shows=("common@7",))
    stage.run("alice", "gitsync log")
    stage.say("And stock git agrees.")
    for number in (4, 7):
        stage.run("carol", f"git verify-tag common@{number}", shows=("Good",))
    stage.run("carol", "git verify-commit common common^2", shows=("notary", "alice"))


SCENES = (found, first_proposals, pinned, witness_away, forged, back, approved, verified)


def main() -> int:
    """Play all scenes; 0 when everything went as told."""
    missing = [name for name in ("git", "ssh-keygen", "bash") if shutil.which(name) is None]
    if missing:
        print(f"the story needs {' and '.join(missing)}", file=sys.stderr)
        return 1
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gitsync-story-") as folder:
        stage = open_stage(Path(folder).resolve())
        try:
            for scene in SCENES:
                scene(stage)
        except StoryError as error:
            print(f"\nthe story went wrong: {error}", file=sys.stderr)
            return 1
    stage.say(f"Seven numbers, five people, no server. It took {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
