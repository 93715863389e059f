"""Write the worked examples of snapshot.md and receipts.md from a small ledger made on the spot.

    python docs/reference/make_examples.py            # rewrite the marked blocks
    python docs/reference/make_examples.py --check    # exit 1 when a block is out of date

Keys come from fixed secrets and dates from a fixed clock, so every id is the same on every
machine: what a snapshot is made of decides its bytes. The keys are public by this very file and
must never be used for anything else.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from gitsync.codec.sshkeys import encode_private, encode_public, from_ed25519_bytes
from gitsync.services import authoring, consenting, founding, joining, proposing, pulling, witnessing
from gitsync.services.host import Host
from gitsync.services.sources import fresh_view
from gitsync.services.workspace import Workspace

HERE = Path(__file__).resolve().parent
URL = "https://example.invalid/plans.git"
START = 1_767_258_000  # 2026-01-01T09:00:00Z


@dataclass
class World:
    """A folder, a clock that only moves when told, and people in it."""

    root: Path
    clock: int = START
    env: dict[str, str] = field(default_factory=dict)

    def host(self, folder: str) -> Host:
        return Host(
            cwd=self.root / folder,
            env=self.env,
            home=self.root,
            now=lambda: float(self.clock),
            random=lambda count: hashlib.sha256(b"example").digest()[:count],
            sleep=lambda _seconds: None,
            monotonic=lambda: 0.0,
        )

    def workspace(self, who: str) -> Workspace:
        return Workspace.open(self.host(who))

    def key(self, name: str) -> Path:
        """A key file made of a name. Worthless as a secret, on purpose."""
        from nacl.bindings import crypto_sign_seed_keypair

        seed = hashlib.sha256(f"gitsync example {name}".encode()).digest()
        raw, _ = crypto_sign_seed_keypair(seed)
        public = from_ed25519_bytes(raw, name)
        path = self.root / f"{name}.key"
        path.write_bytes(encode_private(seed, public, 0))
        path.chmod(0o600)
        path.with_suffix(".key.pub").write_bytes(encode_public(public) + b"\n")
        return path


def make(root: Path) -> dict[str, str]:
    """Play the small story in ``root``; returns the text of each block."""
    (root / "gitconfig").write_text(f'[url "{root}/"]\n\tinsteadOf = https://example.invalid/\n')
    os.environ |= {
        "HOME": str(root),
        "XDG_STATE_HOME": str(root / "state"),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": str(root / "gitconfig"),
    }
    world = World(root, env={"XDG_STATE_HOME": str(root / "state")})
    run("git", "init", "--quiet", "--bare", str(root / "plans.git"))
    keys = {name: world.key(name) for name in ("alice", "james", "notary")}
    (root / "alice").mkdir()
    founding.init(
        world.host("alice"),
        founding.InitOptions(
            name="alice",
            remote=URL,
            key=str(keys["alice"]),
            witness="notary",
            witness_key=Path(f"{keys['notary']}.pub"),
            members=(("james", Path(f"{keys['james']}.pub")),),
        ),
    )
    for name in ("james", "notary"):
        joining.join(
            world.host("."), joining.JoinOptions(URL, name, folder=name, key=str(keys[name]))
        )
    # common@2: a plan, committed to. common@3: James moves it to approved, Alice agrees.
    world.clock += 600
    plan = authoring.create(
        world.workspace("alice"), "plan", "Move the office", {"status": "committed"}
    )
    proposing.propose(world.workspace("alice"), proposing.ProposeOptions("Plan the move", "move"))
    world.clock += 60
    witnessing.run_once(world.workspace("notary"), witnessing.WitnessOptions())
    world.clock += 3600
    pulling.pull(world.workspace("james"))
    authoring.set_state(world.workspace("james"), plan.id, "approved")
    made = proposing.propose(
        world.workspace("james"), proposing.ProposeOptions("Approve the move", "approve-move")
    )
    alice = world.workspace("alice")
    fresh_view(alice)
    world.clock += 60
    consenting.approve(alice, made.name, made.commit)
    world.clock += 60
    witnessing.run_once(world.workspace("notary"), witnessing.WitnessOptions())
    home = root / "plans.git"
    receipt = git(home, "show", "gitsync/receipts/common:proposals/james/approve-move.json")
    return {
        "commit": code("", git(home, "cat-file", "commit", "common@3")),
        "tag": code("", git(home, "cat-file", "tag", "common@3")),
        "receipt": code("json", receipt),
        "proposal": code("", git(home, "cat-file", "commit", "common@3^2")),
        "approval": code("", git(home, "cat-file", "commit", "common@3^3")),
    }


def run(*command: str) -> str:
    """A command's output; it must succeed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def git(folder: Path, *args: str) -> str:
    """Git's output in a folder."""
    return run("git", "-C", str(folder), *args)


def code(language: str, text: str) -> str:
    """A fenced block."""
    return f"```{language}\n{text.rstrip()}\n```"


def fill(text: str, blocks: dict[str, str]) -> str:
    """A page with the text between its ``example`` markers replaced."""

    def block(match: re.Match[str]) -> str:
        return f"{match[1]}\n{blocks[match[2]]}\n{match[3]}"

    return re.sub(
        r"(<!-- example: ([a-z]+) -->)\n.*?(<!-- end -->)", block, text, flags=re.DOTALL
    )


def main(argv: list[str]) -> int:
    """Write the blocks, or check them."""
    with tempfile.TemporaryDirectory() as folder:
        blocks = make(Path(folder).resolve())
    stale = []
    for name in ("snapshot.md", "receipts.md"):
        page = HERE / name
        before = page.read_text("utf-8")
        after = fill(before, blocks)
        if after != before:
            stale.append(name)
            if "--check" not in argv:
                page.write_text(after, "utf-8")
    if "--check" in argv and stale:
        print(f"out of date: {', '.join(stale)}: python docs/reference/make_examples.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
