"""Fetch, push and list by the user's own git: its protocols, credentials and proxies."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault, RefusedError
from gitsync.domain.frozen import frozen
from gitsync.domain.objects import Oid
from gitsync.storage import gitcli
from gitsync.storage.durable import sync_folder
from gitsync.storage.refs import Refs, RefsMovedError, RefUpdate

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_UNREACHABLE = (
    "Could not read from remote repository",
    "unable to access",
    "does not appear to be a git repository",
    "Could not resolve",
    "Connection refused",
    "Connection timed out",
    "not found",
    "No such file or directory",
    "unable to connect",
    "early EOF",
    "hung up unexpectedly",
)
_RACES = (
    "stale info",
    "cannot lock ref",
    "failed to update ref",
    "fetch first",
    "reference already exists",
)


# What arrives stays one pack, and is synced with the refs that name it.
_RECEIVE_SYNCED = " ".join(["git", *gitcli.SYNCED, "-c receive.unpackLimit=1", "receive-pack"])


# (where git runs, the remote's name): its push URL, and whether it names no receive-pack.
_SETTINGS: dict[tuple[Path, str], tuple[str, bool]] = {}


class RemoteRejectedError(RefusedError):
    """The remote refused a push by a rule of its own: a hook, a protection, a scanner."""


@frozen
class Remote:
    """One remote of a repository: the folder git runs in, the remote's name or URL, and the
    repository's folder of objects."""

    folder: Path
    name: str
    store: Path

    def fetch(self, refspecs: Sequence[str], *, prune: bool = False) -> None:
        """Fetch refspecs. Raises EnvironmentFault ``remote.unreachable``.

        Git also follows the refspecs in the configuration, and there meets other fetches in the
        same clone; it is asked again when it lost a ref's lock to one of them.
        """
        # As a pack, synced: what was verified and noted as such must still be here tomorrow.
        args = [*gitcli.SYNCED, "-c", "fetch.unpackLimit=1"]
        args += ["fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-auto-gc"]
        args += ["--prune"] if prune else []
        wanted = ["--stdin", "--end-of-options", self.name]
        # Not as arguments: there may be more of them than a command line holds.
        lines = "".join(f"{spec}\n" for spec in refspecs).encode("utf-8", "surrogateescape")
        for pause in (0.05, 0.2, 0.5, None):
            result = gitcli.run([*args, *wanted], cwd=self.folder, stdin=lines, check=False)
            if result.code == 0:
                sync_folder(self.store / "pack")
                return
            if pause is None or "cannot lock ref" not in result.err:
                raise self._failure(result, "fetch")
            if "; cannot create" in result.err:
                # A stale branch of refs/remotes/ where the remote has a folder now. Those refs are
                # a comfort, and only their user prunes them: this fetch leaves them aside.
                wanted.insert(0, "--refmap=")
                continue
            time.sleep(pause)

    def list(self, *patterns: str) -> dict[str, Oid]:
        """Ref name -> id on the remote. Raises EnvironmentFault ``remote.unreachable``."""
        result = gitcli.run(
            ["ls-remote", "--quiet", "--refs", "--end-of-options", self.name, *patterns],
            cwd=self.folder,
            check=False,
        )
        if result.code != 0:
            raise self._failure(result, "ls-remote")
        found: dict[str, Oid] = {}
        for line in result.out.decode("utf-8", "surrogateescape").splitlines():
            oid, _, name = line.partition("\t")
            found[name] = Oid(oid)
        return found

    def push(self, updates: Sequence[RefUpdate], *, atomic: bool = True) -> None:
        """Push updates, each only if the remote's ref still has its old value.

        Raises RefsMovedError ``ref.moved`` when one has not, RemoteRejectedError
        ``remote.rejected`` when the remote's own rules say no, EnvironmentFault
        ``remote.unreachable`` or ``remote.no-atomic``.
        """
        if not updates:
            return
        args = [*gitcli.UNTORN, "push", "--porcelain", "--quiet", "--no-verify", "--no-follow-tags"]
        args += ["--no-signed", "--no-recurse-submodules"]
        args += ["--atomic"] if atomic else []
        args += [f"--force-with-lease={update.ref}:{update.old or ''}" for update in updates]
        specs = [f"{update.new or ''}:{update.ref}" for update in updates]
        here, synced = self._on_this_machine()
        args += [f"--receive-pack={_RECEIVE_SYNCED}"] if synced else []
        result = gitcli.run(
            [*args, "--end-of-options", self.name, *specs], cwd=self.folder, check=False
        )
        if result.code != 0:
            raise self._push_failure(result)
        if here is not None:
            sync_folder(here / "objects" / "pack")
            Refs(here).sync_folders(update.ref for update in updates if update.new is not None)

    def _on_this_machine(self) -> tuple[Path | None, bool]:
        """The git folder of a remote that is a folder here, on a share or on a stick, and whether
        we say how it receives. Nobody else has it synced by the time that a push ends.

        What git is set to is asked once a process: those who contend for a lease push often.
        """
        known = _SETTINGS.get((self.folder, self.name))
        if known is None:
            url = self._ask("remote", "get-url", "--push", self.name) or self.name
            own = self._ask("config", "--get", f"remote.{self.name}.receivepack")
            known = _SETTINGS[self.folder, self.name] = (url, not own)
        path = self.folder / known[0].removeprefix("file://")
        here = next((one for one in (path / ".git", path) if (one / "objects").is_dir()), None)
        return here, here is not None and known[1]

    def _ask(self, *args: str) -> str:
        done = gitcli.run(args, cwd=self.folder, check=False)
        return done.out.decode("utf-8", "surrogateescape").rstrip("\n")

    def _push_failure(self, result: gitcli.Result) -> Exception:
        said = result.out.decode("utf-8", "replace") + result.err
        if "does not support --atomic" in said:
            return EnvironmentFault(
                "remote.no-atomic",
                f"the remote {self.name} cannot move several refs as one",
                hint="use a remote that supports 'git push --atomic'",
            )
        rejected = [line for line in said.splitlines() if line.startswith("!")]
        if any(word in said for word in _RACES):
            return RefsMovedError(
                "ref.moved", f"a ref on {self.name} moved meanwhile", hint="run it again"
            )
        if rejected:
            causes = [
                line
                for line in rejected
                if "atomic push failed" not in line and "transaction" not in line
            ]
            reasons = [line for line in result.err.splitlines() if line.startswith("remote:")]
            words = "; ".join([*(causes or rejected)[:3], *reasons[:5]]).replace("\t", " ")
            return RemoteRejectedError("remote.rejected", f"{self.name} refused the push: {words}")
        return self._failure(result, "push")

    def _failure(self, result: gitcli.Result, verb: str) -> EnvironmentFault:
        if any(word in result.err for word in _UNREACHABLE):
            lines = [line for line in result.err.splitlines() if line.strip()]
            said = next(
                (line for line in lines if line.startswith(("fatal:", "ssh:", "error:"))), ""
            )
            return EnvironmentFault(
                "remote.unreachable",
                f"the remote {self.name} cannot be reached ({said or 'no answer'})",
                hint="check the address with 'git remote -v', or work on and push later",
            )
        return gitcli.GitError([verb], result)
