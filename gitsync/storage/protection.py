"""What a remote lets anybody do to a ledger's refs: read from its folder, or tried without effect.

A probe pushes the move in question together with two new refs of which one is a folder of the
other. No file-based or table-based git can hold both, so ``--atomic`` fails for sure; but the
remote has judged each move by its rules before it comes to that, and says which it refused
(receive-pack: rules first, then one transaction). Nothing moves. See docs/adr/0024.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gitsync.domain.errors import EnvironmentFault
from gitsync.domain.frozen import frozen
from gitsync.storage import gitcli

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gitsync.domain.objects import Oid
    from gitsync.storage.transport import Remote

HOOK_MARK = "gitsync: pre-receive"
ACCEPTED, REFUSED, UNKNOWN = "accepted", "refused", "unknown"
_TRUE = ("true", "yes", "on", "1", "")


@frozen
class HomeRules:
    """The rules of a repository on this machine, as its own files state them.

    ``hook`` is ``ours``, ``foreign`` (some other pre-receive or update hook) or None.
    ``foreign_owner`` is the id of another user whom the folder belongs to.
    """

    rewinds: str
    deletions: str
    checked: bool
    synced: bool
    hook: str | None
    foreign_owner: int | None


def read_rules(folder: Path) -> HomeRules:
    """Read configuration and hooks of a repository's git folder."""
    values = _settings(folder)
    hook = _hook(folder, values.get("core.hookspath"))
    unless = {None: ACCEPTED, "ours": REFUSED, "foreign": UNKNOWN}[hook]
    check = values.get("receive.fsckobjects", values.get("transfer.fsckobjects", "false"))
    fsync = {part.strip() for part in values.get("core.fsync", "").split(",")}
    owner = folder.stat().st_uid
    me = os.getuid() if hasattr(os, "getuid") else owner
    return HomeRules(
        rewinds=REFUSED if _is_true(values, "receive.denynonfastforwards") else unless,
        deletions=REFUSED if _is_true(values, "receive.denydeletes") else unless,
        checked=check.lower() in _TRUE,
        synced=bool(fsync & {"all", "committed", "reference"}),
        hook=hook,
        foreign_owner=owner if owner != me else None,
    )


def _settings(folder: Path) -> dict[str, str]:
    # As the git that serves a push there would see it: its own file over the machine's.
    out = gitcli.run(["--git-dir", str(folder), "config", "--list", "-z"], cwd=folder).out
    found: dict[str, str] = {}
    for item in out.decode("utf-8", "surrogateescape").split("\0"):
        key, equals, value = item.partition("\n")
        found[key] = value if equals else "true"
    return found


def _is_true(values: Mapping[str, str], key: str) -> bool:
    return key in values and values[key].lower() in _TRUE


def _hook(folder: Path, elsewhere: str | None) -> str | None:
    hooks = folder / (elsewhere or "hooks")
    found = None
    for name in ("pre-receive", "update"):
        path = hooks / name
        if not (path.is_file() and os.access(path, os.X_OK)):
            continue
        if name == "pre-receive" and HOOK_MARK in path.read_text("utf-8", "replace"):
            return "ours"
        found = "foreign"
    return found


class Prober:
    """Tries moves on a remote that cannot take effect.

    ``tip`` is a commit that the remote has; ``label`` makes the names of the two impossible refs
    new; ``base`` is a ref prefix that anybody may push to.
    """

    def __init__(self, remote: Remote, tip: Oid, base: str, label: str) -> None:
        self._remote = remote
        first = f"{base}probe-{label}"
        self._doomed = [f"{tip}:{first}", f"{tip}:{first}/x"]
        self._refs = (first, f"{first}/x")
        self._sound: bool | None = None

    def reach(self) -> None:
        """Ask for a push that is not made: whether one may push there, and several refs as one.

        Raises EnvironmentFault ``remote.unreachable``, ``remote.no-atomic`` or ``git.failed``. A
        dry run tells no more: it never shows the remote a move, so no rule speaks.
        """
        name = self._remote.name
        done = self._push(self._doomed[:1], dry=True)
        if done.code == 0:
            return
        if "does not support --atomic" in done.err:
            raise EnvironmentFault(
                "remote.no-atomic", f"the remote {name} cannot move several refs as one",
                hint="use a remote that supports 'git push --atomic'",
            )  # fmt: skip
        lines = [line for line in done.err.splitlines() if line.startswith(("fatal:", "remote:"))]
        raise EnvironmentFault(
            "remote.unreachable",
            f"the remote {name} takes no push from here ({'; '.join(lines[:2]) or 'no answer'})",
            hint="check your rights there; reading may still work: gitsync pull",
        )

    def try_move(self, move: str) -> str:
        """What the remote says to one refspec: ``accepted``, ``refused`` or ``unknown``.

        ``unknown`` where it would not fail the impossible refs alone in the way that is needed:
        then nothing that matters is shown to it at all.
        """
        if self._sound is None:
            said = self._push(self._doomed)
            self._sound = said.code != 0 and _reasons(said) == {"atomic transaction failed"}
            if set(self._remote.list(*self._refs)) & set(self._refs):
                self._sound = False
                self._push([f":{ref}" for ref in self._refs], atomic=False)
        if not self._sound:
            return UNKNOWN
        said = self._push([f"+{move}" if not move.startswith(":") else move, *self._doomed])
        reasons = _reasons(said)
        if said.code == 0 or not reasons:
            return UNKNOWN
        return ACCEPTED if reasons == {"atomic transaction failed"} else REFUSED

    def _push(self, specs: list[str], *, dry: bool = False, atomic: bool = True) -> gitcli.Result:
        args = ["push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-signed"]
        args += ["--no-recurse-submodules"]
        args += ["--atomic"] if atomic else []
        args += ["--dry-run"] if dry else []
        return gitcli.run(
            [*args, "--end-of-options", self._remote.name, *specs],
            cwd=self._remote.folder,
            check=False,
        )


def _reasons(said: gitcli.Result) -> set[str]:
    """The words with which the remote refused the refs of one push."""
    lines = said.out.decode("utf-8", "replace").splitlines()
    return {line.rpartition("(")[2].rstrip(")") for line in lines if line.startswith("!")}
