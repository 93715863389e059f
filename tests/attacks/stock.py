"""The attacker as most attackers come: a clone, stock git, ssh-keygen, and a key."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitsync.domain.objects import Oid
from tests.integration.ledgerkit import git

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitsync.storage.facts import StoreFacts
    from tests.conftest import Ledger


@dataclass(frozen=True)
class Stock:
    """A clone of the hub in ``folder`` that nothing of ours has touched; ``who`` signs."""

    ledger: Ledger
    who: str
    folder: Path

    @classmethod
    def clone(cls, ledger: Ledger, who: str, key: str | None = None) -> Stock:
        """Clone the hub with every ref of it; sign with the key of ``who``, or with ``key``."""
        folder = ledger.root / f"stock-{who}-{len(list(ledger.root.iterdir()))}"
        git(ledger.root, "clone", "-q", "-b", "common", str(ledger.hub), str(folder))
        config = {
            "user.name": who, "user.email": f"{who}@example.invalid", "gpg.format": "ssh",
            "user.signingkey": str(ledger.key(key or who)), "commit.gpgsign": "true",
            "core.quotePath": "false", "core.protectNTFS": "false", "core.protectHFS": "false",
        }  # fmt: skip
        for name, value in config.items():
            git(folder, "config", name, value)
        return cls(ledger, who, folder)

    def git(self, *args: str, stdin: bytes | None = None, **env: str) -> str:
        """Run git here, at the ledger's time unless ``env`` says otherwise."""
        now = f"{int(self.ledger.clock.seconds)} +0000"
        times = {"GIT_AUTHOR_DATE": now, "GIT_COMMITTER_DATE": now}
        return git(self.folder, *args, stdin=stdin, **{**times, **env})

    def id(self, name: str) -> Oid:
        """The object that a name stands for."""
        return Oid(self.git("rev-parse", name))

    def start(self, at: str = "origin/common") -> None:
        """A new branch at a commit, with its files."""
        self.git("fetch", "-q", "--tags", "--force")
        self.git("switch", "-q", "-C", "work", at)

    def commit(self, files: Mapping[str, bytes | None], message: str = "A change",
               *more: str, date: int | None = None) -> Oid:  # fmt: skip
        """``git commit`` of files (None: removed) on the branch; ``more`` are git's options."""
        for path, content in files.items():
            file = self.folder / path
            if content is None:
                file.unlink()
                continue
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        self.git("add", "-A", "--force")
        when = f"{date or int(self.ledger.clock.seconds)} +0000"
        dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        self.git("commit", "-q", "--allow-empty", "-m", message, *more, **dates)
        return self.id("HEAD")

    def change(self, files: Mapping[str, bytes | None], message: str = "A change",
               *more: str, date: int | None = None, at: str = "origin/common") -> Oid:  # fmt: skip
        """A commit on top of ``at``."""
        self.start(at)
        return self.commit(files, message, *more, date=date)

    def raw(self, kind: str, data: bytes) -> Oid:
        """An object of any bytes, as ``git hash-object --literally`` takes them."""
        return Oid(self.git("hash-object", "-w", "--literally", "-t", kind, "--stdin", stdin=data))

    def push(self, what: str, ref: str) -> None:
        """Force a ref of the hub; an empty ``what`` deletes it."""
        self.git("push", "-q", "--force", "origin", f"{what}:{ref}")

    def propose(self, name: str, what: str = "HEAD") -> Oid:
        """Push something as a proposal."""
        self.push(what, f"refs/heads/proposals/{name}")
        return self.id(what)


def stock_takes(where: Stock | Path, what: str, roster: str) -> bool:
    """Whether stock git takes a commit's or tag's signature, with ``roster`` for its signers."""
    folder = where.folder if isinstance(where, Stock) else where
    file = folder.parent / "stock-allowed-signers"
    file.write_text(roster)
    kind = git(folder, "cat-file", "-t", what)
    config = ("-c", f"gpg.ssh.allowedSignersFile={file}", "-c", "gpg.format=ssh")
    command = ["git", *config, f"verify-{kind}", what]
    return subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode == 0


def stock_merge(facts: StoreFacts, ours: Oid, theirs: Oid) -> None:
    """What ``git merge-tree`` does with two commits of a repository, its drivers included."""
    store = getattr(facts.store, "_below", facts.store)
    store.flush()
    git(store._dir.parent, "merge-tree", "--write-tree", ours, theirs, check=False)
