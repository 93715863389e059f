"""Clones with hooks in them, driven by stock git as somebody at a terminal drives it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitsync.services.clonehooks import HOOKS, install
from tests.integration.ledgerkit import PLAN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Ledger

WHO = {"GIT_AUTHOR_DATE": "2026-01-01T00:02:00Z", "GIT_COMMITTER_DATE": "2026-01-01T00:02:00Z"}


@dataclass(frozen=True)
class Done:
    """How a git command ended, and all that it said on standard error."""

    code: int
    out: str
    err: str


def run_git(folder: Path, *args: str, env: dict[str, str] | None = None) -> Done:
    """Stock git; nothing is asserted."""
    done = subprocess.run(
        ["git", *args], cwd=folder, env={**os.environ, **WHO, **(env or {})},
        capture_output=True, check=False,
    )  # fmt: skip
    return Done(
        done.returncode,
        done.stdout.decode("utf-8", "replace"),
        done.stderr.decode("utf-8", "replace"),
    )


def text(ident: str = "plan-bbbbbb", status: str = "draft", body: str = "one") -> str:
    """A plan of the preset as text."""
    return PLAN.format(ident=ident, title="A plan", status=status, body=body)


class Clone:
    """One person's clone with the hooks installed."""

    def __init__(self, ledger: Ledger, name: str = "james", *, hooks: bool = True) -> None:
        self.ledger = ledger
        self.name = name
        self.root = ledger.folder(name)
        if hooks:
            self.install()

    def install(self) -> None:
        assert install(self.ledger.ws(self.name).repo).complete

    @property
    def hooks(self) -> Path:
        return self.root / ".git" / "hooks"

    def git(self, *args: str, env: dict[str, str] | None = None) -> Done:
        return run_git(self.root, *args, env=env)

    def ok(self, *args: str, env: dict[str, str] | None = None) -> Done:
        done = self.git(*args, env=env)
        assert done.code == 0, done.err
        return done

    def refused(self, *args: str, code: str, env: dict[str, str] | None = None) -> Done:
        """A command that a hook of ours stops, with the rule's code and a command that mends it."""
        before = self.ok("rev-parse", "HEAD").out
        done = self.git(*args, env=env)
        assert done.code != 0, done.err
        assert f"({code})" in " ".join(done.err.split()), done.err
        assert "\n    " in done.err
        ours = [line for line in done.err.splitlines() if line.startswith(("gitsync:", "  "))]
        assert all(len(line) <= 80 for line in ours if not line.startswith("    "))
        assert self.ok("rev-parse", "HEAD").out == before
        return done

    def write(self, path: str, content: str | bytes) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    def stage(self, path: str, content: str | bytes) -> None:
        self.write(path, content)
        self.ok("add", "--force", "--", path)

    def land(self, path: str, content: str, slug: str) -> None:
        """Bring a file into common, and this clone up to it."""
        self.ledger.clock.tick()
        self.ledger.propose("alice", path, content, slug)
        assert [one.outcome for one in self.ledger.witness().receipts] == ["accepted"]
        self.ledger.pull("alice", self.name)

    def head(self) -> str:
        return self.ok("rev-parse", "HEAD").out.strip()


__all__ = ["HOOKS", "Clone", "Done", "run_git", "text"]
