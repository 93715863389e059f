"""Objects as ``git cat-file --batch`` tells them: for processes too short-lived for libgit2.

Importing libgit2's binding takes as long as everything else that a hook does. Stock git also finds
whatever its environment points to: another object store, alternates, a quarantine.
"""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING, Self

from gitsync.codec.gitobjects import object_id
from gitsync.domain.errors import VerificationError
from gitsync.storage import gitcli
from gitsync.storage.objects import missing

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitsync.domain.objects import Oid


class CatFileObjects:
    """The port ``ObjectStore``, read only, over processes of git that start when first asked.

    ``env`` is added to git's environment. To be used as a context manager: it ends them.
    """

    def __init__(self, cwd: Path, env: Mapping[str, str]) -> None:
        self._cwd = cwd
        self._env = env
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        for process in self._running.values():
            with process:  # closes its input, which ends it, and waits
                pass
        self._running.clear()

    def read(self, oid: Oid) -> tuple[str, bytes]:
        """See ``ObjectStore``."""
        process, kind, size = self._ask("--batch", oid)
        assert process.stdout is not None  # noqa: S101 - it was opened with a pipe
        data = process.stdout.read(size + 1)[:-1]
        if len(data) != size or object_id(kind, data) != oid:
            raise VerificationError(
                "object.damaged", f"the object {oid[:12]} cannot be read", hint="run 'git fsck'"
            )
        return kind, data

    def header(self, oid: Oid) -> tuple[str, int]:
        """See ``ObjectStore``."""
        _, kind, size = self._ask("--batch-check", oid)
        return kind, size

    def has(self, oid: Oid) -> bool:
        """See ``ObjectStore``."""
        try:
            self.header(oid)
        except VerificationError:
            return False
        return True

    def write(self, kind: str, data: bytes, like: Oid | None = None) -> Oid:
        """Nothing is written by a hook: an overlay such as ``ScratchObjects`` takes it."""
        raise NotImplementedError

    def flush(self) -> None:
        """Nothing to make durable."""

    def _ask(self, mode: str, oid: Oid) -> tuple[subprocess.Popen[bytes], str, int]:
        process = self._running.get(mode) or self._start(mode)
        assert process.stdin is not None  # noqa: S101 - opened with pipes
        assert process.stdout is not None  # noqa: S101
        process.stdin.write(f"{oid}\n".encode())
        process.stdin.flush()
        said = process.stdout.readline().split()
        if len(said) != 3 or not said[2].isdigit():
            raise missing(oid)
        return process, said[1].decode("ascii", "replace"), int(said[2])

    def _start(self, mode: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            ["git", "cat-file", mode], cwd=self._cwd, env=gitcli.environment(self._env),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._running[mode] = process
        return process
